"""Images of medical formats: their place in space through reading, cutting and writing, their layers and faults."""

import gzip
from pathlib import Path

import numpy as np
import pytest

from trabfem.errors import UserError
from trabfem.specimen import readers

nibabel = pytest.importorskip("nibabel")
sitk = pytest.importorskip("SimpleITK")

SPACING = (0.030, 0.041, 0.052)
SHAPE = (12, 14, 16)
TO_RAS = np.diag([-1.0, -1.0, 1.0, 1.0])


@pytest.fixture(scope="module")
def mask() -> np.ndarray:
    mask = np.random.default_rng(3).random(SHAPE) < 0.4
    mask[0, 0, 0] = mask[-1, -1, -1] = True
    return mask


def rotation(degrees: tuple[float, float, float]) -> np.ndarray:
    """Turns about x, y and z, one after the other."""
    result = np.eye(3)
    for axis, angle in enumerate(np.radians(degrees)):
        i, j = [k for k in range(3) if k != axis]
        turn = np.eye(3)
        turn[[i, j], [i, j]] = np.cos(angle)
        turn[i, j], turn[j, i] = -np.sin(angle), np.sin(angle)
        result = turn @ result
    return result


@pytest.fixture(scope="module")
def affine() -> np.ndarray:
    """Of an oblique scan with unequal edges, far from the origin."""
    affine = np.eye(4)
    affine[:3, :3] = rotation((17.0, -23.0, 41.0)) * SPACING
    affine[:3, 3] = (31.7, -12.25, 140.5)
    return affine


@pytest.fixture
def oblique(tmp_path: Path, mask: np.ndarray, affine: np.ndarray) -> Path:
    nibabel.save(nibabel.Nifti1Image(mask.astype(np.uint8), affine), tmp_path / "oblique.nii.gz")
    return tmp_path / "oblique.nii.gz"


def affine_of(path: Path) -> np.ndarray:
    """From voxels to millimetres right, front, up, by the reader of another program."""
    if ".nii" in path.name:
        return nibabel.load(path).affine
    if path.suffix == ".vti":
        import pyvista

        image = pyvista.read(path)
        result = np.eye(4)
        result[:3, :3] = np.array(image.direction_matrix) * image.spacing
        # The values are those of cells, whose middles are half a voxel in.
        result[:3, 3] = np.array(image.origin) + result[:3, :3] @ (0.5, 0.5, 0.5)
        return TO_RAS @ result
    image = sitk.ReadImage(str(path))
    result = np.eye(4)
    result[:3, :3] = np.reshape(image.GetDirection(), (3, 3)) * image.GetSpacing()
    result[:3, 3] = image.GetOrigin()
    return TO_RAS @ result


def voxels_of(path: Path, name: str) -> np.ndarray:
    if ".nii" in path.name:
        return np.asarray(nibabel.load(path).dataobj)
    if path.suffix == ".vti":
        import pyvista

        image = pyvista.read(path)
        return image.cell_data[name].reshape([n - 1 for n in image.dimensions], order="F")
    return sitk.GetArrayFromImage(sitk.ReadImage(str(path))).T


@pytest.mark.parametrize("suffix", [".nii.gz", ".nii", ".mha", ".nrrd", ".vti"])
def test_what_is_written_lies_on_an_oblique_scan(oblique, tmp_path, mask, affine, suffix) -> None:
    specimen = readers.read(oblique)
    np.testing.assert_array_equal(specimen.mask, mask)
    readers.write(specimen, tmp_path / f"mask{suffix}")
    field = np.random.default_rng(0).random(SHAPE).astype(np.float32)
    readers.write_map(field, specimen, tmp_path / f"field{suffix}", "sed")
    for name, values in (("mask", mask), ("field", field)):
        path = tmp_path / f"{name}{suffix}"
        # Single precision of NIfTI's header: 140 mm are kept to 1e-5 mm, a voxel's 3000th part.
        np.testing.assert_allclose(affine_of(path), affine, atol=2e-5)
        np.testing.assert_array_equal(voxels_of(path, "mask" if name == "mask" else "sed"), values)


@pytest.mark.parametrize("suffix", [".nii.gz", ".mha", ".nrrd", ".vti"])
def test_a_cut_block_is_written_onto_the_scan_and_on_its_own(oblique, tmp_path, mask, affine, suffix) -> None:
    block = readers.read(oblique, crop=9)
    first = np.array([1, 2, 3])
    np.testing.assert_array_equal(block.mask, mask[1:10, 2:11, 3:12])
    readers.write(block, tmp_path / f"scan{suffix}")
    readers.write(block, tmp_path / f"block{suffix}", grid="block")
    whole = np.zeros_like(mask)
    whole[1:10, 2:11, 3:12] = block.mask
    np.testing.assert_array_equal(voxels_of(tmp_path / f"scan{suffix}", "mask"), whole)
    np.testing.assert_allclose(affine_of(tmp_path / f"scan{suffix}"), affine, atol=2e-5)
    np.testing.assert_array_equal(voxels_of(tmp_path / f"block{suffix}", "mask"), block.mask)
    shifted = affine.copy()
    shifted[:3, 3] += affine[:3, :3] @ first
    np.testing.assert_allclose(affine_of(tmp_path / f"block{suffix}"), shifted, atol=2e-5)
    # Read again, either lies where the block does.
    again = readers.read(tmp_path / f"block{suffix}")
    assert again.origin == pytest.approx(block.origin, abs=5e-5)
    np.testing.assert_allclose(again.direction, block.direction, atol=1e-5)


def test_a_map_in_a_place_of_its_own_is_laid_onto_the_scan(oblique, tmp_path, mask, affine) -> None:
    block = readers.read(oblique, crop=9)
    readers.write(block, tmp_path / "roi.nrrd", grid="block")
    specimen = readers.read(oblique, roi=tmp_path / "roi.nrrd")
    expected = np.zeros_like(mask)
    expected[1:10, 2:11, 3:12] = block.mask
    assert specimen.region is not None
    np.testing.assert_array_equal(specimen.region, expected)


def test_a_mirrored_scan_stays_as_it_is(tmp_path, mask) -> None:
    affine = np.diag([*SPACING[:2], -SPACING[2], 1.0])
    nibabel.save(nibabel.Nifti1Image(mask.astype(np.uint8), affine), tmp_path / "m.nii.gz")
    specimen = readers.read(tmp_path / "m.nii.gz")
    np.testing.assert_array_equal(specimen.mask, mask)
    readers.write(specimen, tmp_path / "out.nii.gz")
    np.testing.assert_allclose(affine_of(tmp_path / "out.nii.gz"), affine, atol=1e-6)


@pytest.mark.parametrize(("unit", "factor"), [("micron", 1e3), ("mm", 1.0), ("meter", 1e-3), ("unknown", 1.0)])
def test_units_of_nifti(tmp_path, mask, affine, unit, factor) -> None:
    stored = affine.copy()
    stored[:3] *= factor
    image = nibabel.Nifti1Image(mask.astype(np.uint8), stored)
    image.header.set_xyzt_units(unit)
    nibabel.save(image, tmp_path / "u.nii")
    specimen = readers.read(tmp_path / "u.nii")
    assert specimen.spacing == pytest.approx(SPACING, rel=1e-5)
    readers.write(specimen, tmp_path / "out.nii")
    np.testing.assert_allclose(affine_of(tmp_path / "out.nii"), affine, atol=3e-5)


def test_scaled_values_of_nifti(tmp_path, mask) -> None:
    image = nibabel.Nifti1Image(np.where(mask, 700, 100).astype(np.float64), np.diag([*SPACING, 1]))
    image.header.set_data_dtype(np.int16)
    image.header.set_slope_inter(0.5, -40)
    nibabel.save(image, tmp_path / "s.nii")
    expected = nibabel.load(tmp_path / "s.nii").get_fdata()
    assert set(np.unique(expected)) == {10, 310}
    np.testing.assert_allclose(readers.read_content(tmp_path / "s.nii").array, expected)


def test_two_places_that_differ_are_said(tmp_path, mask, affine) -> None:
    image = nibabel.Nifti1Image(mask.astype(np.uint8), affine)
    image.set_qform(affine, 1)
    image.set_sform(affine, 1)
    nibabel.save(image, tmp_path / "same.nii")
    assert readers.read(tmp_path / "same.nii").notes == ()
    moved = affine.copy()
    moved[0, 3] += 1.0
    image.set_qform(moved, 1)
    nibabel.save(image, tmp_path / "two.nii")
    specimen = readers.read(tmp_path / "two.nii")
    readers.write(specimen, tmp_path / "out.nii")
    taken = moved if "the qform was taken" in "".join(specimen.notes) else affine
    np.testing.assert_allclose(affine_of(tmp_path / "out.nii"), taken, atol=2e-5)


# Layers ---------------------------------------------------------------------------------------------------------------


def test_a_fourth_axis_of_one_image_is_left_out(tmp_path, mask) -> None:
    values = mask.astype(np.uint8)
    nibabel.save(nibabel.Nifti1Image(values[..., None], np.diag([*SPACING, 1])), tmp_path / "a.nii.gz")
    four = sitk.JoinSeries([sitk.GetImageFromArray(values.T)])
    four.SetSpacing((*SPACING, 1.0))
    for name in ("a.mha", "a.nrrd"):
        sitk.WriteImage(four, str(tmp_path / name))
    for name in ("a.nii.gz", "a.mha", "a.nrrd"):
        specimen = readers.read(tmp_path / name)
        np.testing.assert_array_equal(specimen.mask, mask)
        assert specimen.spacing == pytest.approx(SPACING, rel=1e-6)


@pytest.mark.parametrize("name", ["a.nii.gz", "a.mha", "a.nrrd", "a.seg.nrrd"])
def test_one_of_several_layers_has_to_be_chosen(tmp_path, mask, name) -> None:
    one, two = (sitk.GetImageFromArray(values.T.astype(np.uint8)) for values in (mask, ~mask))
    image = sitk.Compose(one, two) if ".seg." in name else sitk.JoinSeries([one, two])
    image.SetSpacing(SPACING if ".seg." in name else (*SPACING, 1.0))
    sitk.WriteImage(image, str(tmp_path / name))
    with pytest.raises(UserError, match=rf"array = not given: .*{name} holds 2 layers, 'layer 0', 'layer 1'"):
        readers.read(tmp_path / name)
    specimen = readers.read(tmp_path / name, array="layer 1")
    np.testing.assert_array_equal(specimen.mask, ~mask)
    assert specimen.spacing == pytest.approx(SPACING, rel=1e-6)
    assert "layer 1 was taken" in specimen.notes[0]
    np.testing.assert_array_equal(readers.read(tmp_path / name, array=0).mask, mask)


def segmentation(path: Path, arrays: list[np.ndarray], segments: list[tuple[str, int, int]]) -> Path:
    """A segmentation as 3-D Slicer writes it."""
    images = [sitk.GetImageFromArray(array.T.astype(np.uint8)) for array in arrays]
    image = images[0] if len(images) == 1 else sitk.Compose(*images)
    image.SetSpacing(SPACING)
    for k, (name, layer, label) in enumerate(segments):
        for key, value in (("Name", name), ("Layer", layer), ("LabelValue", label)):
            image.SetMetaData(f"Segment{k}_{key}", str(value))
    sitk.WriteImage(image, str(path))
    return path


def test_segments_are_chosen_by_name(tmp_path, mask) -> None:
    labels = np.where(mask, 2, 0)
    labels[:4] = np.where(mask[:4], 5, 0)
    path = segmentation(tmp_path / "s.seg.nrrd", [labels], [("trabeculae", 0, 2), ("cortex", 0, 5)])
    with pytest.raises(UserError, match=r"label = not given: .*0, 2 \(trabeculae\) and 5 \(cortex\)"):
        readers.read(path)
    np.testing.assert_array_equal(readers.read(path, array="cortex").mask, labels == 5)
    specimen = readers.read(path, label=(2, 5))
    np.testing.assert_array_equal(specimen.mask, mask)
    assert "'cortex' is label 5 of layer 0" in " ".join(specimen.notes)


def test_segments_in_several_layers(tmp_path, mask) -> None:
    path = segmentation(tmp_path / "s.seg.nrrd", [mask, ~mask * 3], [("bone", 0, 1), ("marrow", 1, 3)])
    with pytest.raises(UserError, match="'bone' is label 1 of layer 0.*give one of them"):
        readers.read(path)
    np.testing.assert_array_equal(readers.read(path, array="marrow").mask, ~mask)
    np.testing.assert_array_equal(readers.read(path, array="layer 0").mask, mask)


def test_colours_are_chosen_by_component(tmp_path, mask) -> None:
    gray = np.where(mask, 200, 30).astype(np.uint8)
    image = sitk.Compose(*[sitk.GetImageFromArray(gray.T // k) for k in (1, 2, 3)])
    image.SetSpacing(SPACING)
    sitk.WriteImage(image, str(tmp_path / "rgb.mha"))
    with pytest.raises(UserError, match="3 components .colours or vectors."):
        readers.read(tmp_path / "rgb.mha")
    np.testing.assert_array_equal(readers.read(tmp_path / "rgb.mha", array=0).mask, mask)


# Faults ---------------------------------------------------------------------------------------------------------------


def test_flat_and_ambiguous_axes_are_refused(tmp_path, mask) -> None:
    values, affine = mask.astype(np.uint8), np.diag([*SPACING, 1])
    nibabel.save(nibabel.Nifti1Image(values[:, :, 3], affine), tmp_path / "flat.nii.gz")
    with pytest.raises(UserError, match="flat.nii.gz: holds one slice of 12 x 14 pixels"):
        readers.read(tmp_path / "flat.nii.gz")
    for name, array in (("xy1z", values[:, :, None]), ("1xyz", values[None])):
        nibabel.save(nibabel.Nifti1Image(array, affine), tmp_path / f"{name}.nii")
        with pytest.raises(UserError, match="places or times cannot be known; save the image with three axes"):
            readers.read(tmp_path / f"{name}.nii")


def test_a_sheared_scan_names_the_remedy(tmp_path, mask) -> None:
    affine = np.diag([*SPACING, 1.0])
    affine[0, 1] = 0.01
    nibabel.save(nibabel.Nifti1Image(mask.astype(np.uint8), affine), tmp_path / "s.nii.gz")
    image = sitk.GetImageFromArray(mask.T.astype(np.uint8))
    image.SetSpacing(SPACING)
    sitk.WriteImage(image, str(tmp_path / "s.nhdr"))
    header = (tmp_path / "s.nhdr").read_text()
    line = next(line for line in header.splitlines() if line.startswith("space directions"))
    skewed = "space directions: (0.03,0,0) (0.01,0.041,0) (0,0,0.052)"
    (tmp_path / "s.nhdr").write_text(header.replace(line, skewed))
    for name in ("s.nii.gz", "s.nhdr"):
        with pytest.raises(UserError, match=rf"{name}: .*sheared or skewed.*Resample") as caught:
            readers.read(tmp_path / name)
        assert len(str(caught.value)) < 320


@pytest.mark.parametrize("name", ["a.mhd", "a.nhdr"])
def test_a_header_without_its_values(tmp_path, mask, name) -> None:
    image = sitk.GetImageFromArray(mask.T.astype(np.uint8))
    image.SetSpacing(SPACING)
    sitk.WriteImage(image, str(tmp_path / name))
    np.testing.assert_array_equal(readers.read(tmp_path / name).mask, mask)
    values = next(path for path in tmp_path.iterdir() if path.suffix != Path(name).suffix)
    values.rename(tmp_path / "elsewhere")
    with pytest.raises(UserError, match=rf"{name}: its values are in '{values.name}', which is not there; put both"):
        readers.read(tmp_path / name)


def test_headers_that_claim_more_than_the_file_holds(tmp_path, mask) -> None:
    image = sitk.GetImageFromArray(mask.T.astype(np.uint8))
    image.SetSpacing(SPACING)
    sitk.WriteImage(image, str(tmp_path / "a.mha"))
    content = (tmp_path / "a.mha").read_bytes()
    (tmp_path / "a.mha").write_bytes(content.replace(b"DimSize = 12 14 16", b"DimSize = 20000 20000 20000"))
    nibabel.save(nibabel.Nifti1Image(mask.astype(np.uint8), np.diag([*SPACING, 1])), tmp_path / "a.nii")
    content = bytearray((tmp_path / "a.nii").read_bytes())
    content[42:48] = np.array([30000] * 3, "<i2").tobytes()
    (tmp_path / "a.nii").write_bytes(content)
    (tmp_path / "b.nii.gz").write_bytes(gzip.compress(bytes(content)))
    for name in ("a.mha", "a.nii", "b.nii.gz"):
        with pytest.raises(UserError, match=rf"{name}: its header tells of .*, more than \d+ bytes can hold"):
            readers.read(tmp_path / name)


@pytest.mark.parametrize("share", [0.3, 0.8, 0.995])
@pytest.mark.parametrize("name", ["cut.nii", "cut.nii.gz"])
def test_a_nifti_file_that_ends_early_is_no_scan(tmp_path, mask, affine, name, share) -> None:
    nibabel.save(nibabel.Nifti1Image(mask.astype(np.uint8), affine), tmp_path / name)
    content = (tmp_path / name).read_bytes()
    (tmp_path / name).write_bytes(content[: int(share * len(content))])
    with pytest.raises(UserError, match=rf"{name}: .*copy it again"):
        readers.read(tmp_path / name)


def test_edges_of_one_millimetre_beside_others_are_said(tmp_path, mask, affine) -> None:
    image = nibabel.Nifti1Image(mask.astype(np.uint8), affine)
    image.header.set_sform(affine, code=2)
    image.header.set_qform(np.eye(4), code=1)
    nibabel.save(image, tmp_path / "two.nii.gz")
    with pytest.raises(
        UserError, match=r"^spacing = not given: .*two.nii.gz has voxels of 1 mm .* 0.03 x 0.041 x 0.052"
    ):
        readers.read(tmp_path / "two.nii.gz")
    assert readers.read(tmp_path / "two.nii.gz", spacing=SPACING).spacing == SPACING
