import importlib

import numpy as np
import pytest

from trabfem.errors import UserError
from trabfem.specimen import Specimen, from_mask, readers
from trabfem.specimen.readers.lattice import voxels_of_cells

SPACING = (0.030, 0.041, 0.052)


@pytest.fixture
def mask():
    """Three unequal sides, and no symmetry that would hide a swapped or turned axis."""
    mask = np.random.default_rng(0).random((4, 6, 9)) < 0.4
    mask[0, 0, 0] = mask[-1, -1, -1] = True
    mask[0] |= np.arange(6)[:, None] < 2
    return mask


@pytest.fixture
def gray(mask):
    return (np.where(mask, 180, 40) + np.random.default_rng(1).integers(-20, 20, mask.shape)).astype(np.int16)


@pytest.mark.parametrize("suffix", [".npz", ".mhd", ".mha", ".nrrd", ".nii", ".nii.gz", ".tif"])
def test_round_trip_keeps_voxels_and_spacing(tmp_path, mask, suffix):
    if suffix not in (".npz",):
        pytest.importorskip("tifffile" if suffix == ".tif" else "SimpleITK")
    path = tmp_path / "deep" / f"bone{suffix}"
    readers.write(from_mask(mask, SPACING), path)
    back = readers.read(path)
    np.testing.assert_array_equal(back.mask, mask)
    assert back.spacing == pytest.approx(SPACING, rel=1e-5)
    assert back.name == "bone"


def test_npz_keeps_partial_fill_and_the_mask_exactly(tmp_path):
    fill = np.array([0, 0.2, 0.498, 0.4999, 0.5, 0.502, 0.9, 1]).reshape(2, 2, 2)
    specimen = Specimen(fill, SPACING)
    readers.write(specimen, tmp_path / "bone.npz")
    back = readers.read(tmp_path / "bone.npz")
    np.testing.assert_array_equal(back.mask, specimen.mask)
    np.testing.assert_allclose(back.fill, specimen.fill, atol=0.5 / 255 + 1e-6)


def test_npz_convention_is_z_y_x(tmp_path, mask):
    np.savez(tmp_path / "a.npz", mask=mask.transpose(2, 1, 0).astype(np.uint8), spacing_zyx_mm=SPACING[::-1])
    back = readers.read(tmp_path / "a.npz")
    assert back.shape == (4, 6, 9)
    np.testing.assert_array_equal(back.mask, mask)
    assert back.spacing == SPACING


def test_reference_volume(volumes):
    specimen = readers.read(volumes / "test25a.npz")
    assert specimen.mask.sum() == 7087
    assert specimen.spacing == pytest.approx((0.034,) * 3)


def test_npy_needs_spacing_and_thresholds_gray(tmp_path, mask, gray):
    path = tmp_path / "gray.npy"
    np.save(path, gray.transpose(2, 1, 0))
    with pytest.raises(UserError, match="spacing = not given: .*gray.npy"):
        readers.read(path)
    specimen = readers.read(path, spacing=SPACING)
    np.testing.assert_array_equal(specimen.mask, mask)
    assert "Otsu" in specimen.notes[0]
    np.testing.assert_array_equal(readers.read(path, spacing=SPACING, threshold=190).mask, gray >= 190)


def test_a_threshold_counts_for_two_values_as_well(tmp_path, mask):
    np.save(tmp_path / "two.npy", np.where(mask, 180, 40).T)
    np.testing.assert_array_equal(readers.read(tmp_path / "two.npy", spacing=SPACING).mask, mask)
    with pytest.raises(UserError, match="all void"):
        readers.read(tmp_path / "two.npy", spacing=SPACING, threshold=200)


def test_image_axes_are_those_of_simpleitk(tmp_path, mask):
    sitk = pytest.importorskip("SimpleITK")
    for suffix in (".mha", ".nii.gz", ".nrrd", ".vtk"):
        image = sitk.Image(4, 6, 9, sitk.sitkUInt8)
        for x, y, z in np.argwhere(mask).tolist():
            image[x, y, z] = 7
        image.SetSpacing(SPACING)
        sitk.WriteImage(image, str(tmp_path / f"i{suffix}"))
        back = readers.read(tmp_path / f"i{suffix}")
        np.testing.assert_array_equal(back.mask, mask)
        assert back.spacing == pytest.approx(SPACING, rel=1e-5)


def test_nifti_axes_are_those_of_nibabel(tmp_path, mask):
    nibabel = pytest.importorskip("nibabel")
    pytest.importorskip("SimpleITK")
    nibabel.save(nibabel.Nifti1Image(mask.astype(np.uint8), np.diag([*SPACING, 1])), tmp_path / "n.nii.gz")
    back = readers.read(tmp_path / "n.nii.gz")
    np.testing.assert_array_equal(back.mask, mask)
    assert back.spacing == pytest.approx(SPACING, rel=1e-5)


def test_image_of_unknown_spacing_asks_for_it_and_a_given_one_wins(tmp_path, mask):
    sitk = pytest.importorskip("SimpleITK")
    path = tmp_path / "i.mha"
    image = sitk.GetImageFromArray(mask.transpose(2, 1, 0).astype(np.uint8))
    sitk.WriteImage(image, str(path))
    with pytest.raises(UserError, match="carries no voxel size"):
        readers.read(path)
    assert readers.read(path, spacing=0.05).spacing == (0.05, 0.05, 0.05)
    image.SetSpacing((0.1, 0.1, 0.1))
    sitk.WriteImage(image, str(path))
    specimen = readers.read(path, spacing=SPACING)
    assert specimen.spacing == SPACING
    assert "in place of 0.1" in specimen.notes[-1]


def test_micrometre_spacing_in_a_file_is_explained(tmp_path, mask):
    np.savez(tmp_path / "um.npz", mask=mask, spacing_zyx_mm=[34.0, 34.0, 34.0])
    with pytest.raises(UserError, match=r"um.npz: .*micrometres.*0.034"):
        readers.read(tmp_path / "um.npz")
    assert readers.read(tmp_path / "um.npz", spacing=0.034).spacing == (0.034,) * 3


def test_folder_of_slices_in_numerical_order(tmp_path, mask):
    tifffile = pytest.importorskip("tifffile")
    for k in range(9):
        # Row is y, column is x; slice 10 comes after slice 9.
        tifffile.imwrite(tmp_path / f"s_{k + 3}.tif", mask[:, :, k].T.astype(np.uint8) * 255)
    (tmp_path / "readme.txt").write_text("not a slice")
    specimen = readers.read(tmp_path, spacing=SPACING)
    np.testing.assert_array_equal(specimen.mask, mask)
    tifffile.imwrite(tmp_path / "s_20.tif", np.zeros((3, 3), np.uint8))
    with pytest.raises(UserError, match="s_20.tif: slice of shape"):
        readers.read(tmp_path, spacing=SPACING)


def test_tiff_of_micrometres(tmp_path, mask):
    tifffile = pytest.importorskip("tifffile")
    info = {"spacing": 52.0, "unit": "um", "axes": "ZYX"}
    pages = mask.transpose(2, 1, 0).astype(np.uint8)
    tifffile.imwrite(tmp_path / "u.tif", pages, imagej=True, resolution=(1 / 30, 1 / 41), metadata=info)
    assert readers.read(tmp_path / "u.tif").spacing == pytest.approx(SPACING, rel=1e-4)
    tifffile.imwrite(tmp_path / "plain.tif", pages, photometric="minisblack")
    with pytest.raises(UserError, match="carries no voxel size"):
        readers.read(tmp_path / "plain.tif")


def test_isq(tmp_path, mask, gray):
    words = np.zeros(128, dtype="<i4")
    words[11:14] = mask.shape
    words[14:17] = [round(n * h * 1000) for n, h in zip(mask.shape, SPACING, strict=True)]
    words[127] = 1  # data begin in the third block
    head = b"CTDATA-HEADER_V1" + words.tobytes()[16:]
    body = gray.transpose(2, 1, 0).astype("<i2").tobytes()
    (tmp_path / "C0001.ISQ;1").write_bytes(head + bytes(512) + body)
    back = readers.read(tmp_path / "C0001.ISQ;1")
    np.testing.assert_array_equal(back.mask, mask)
    assert back.spacing == pytest.approx(SPACING, rel=1e-3)
    (tmp_path / "cut.isq").write_bytes(head + bytes(512) + body[:-2])
    with pytest.raises(UserError, match="shorter than the 4 x 6 x 9 voxels"):
        readers.read(tmp_path / "cut.isq")


# Meshes ---------------------------------------------------------------------------------------------------------------


def voxel_mesh(mask, spacing=SPACING, origin=(1.0, -2.0, 0.5)):
    """Points and eight corners of each voxel of the mask, in VTK's order."""
    corners = np.array([[0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 0], [0, 0, 1], [1, 0, 1], [1, 1, 1], [0, 1, 1]])
    nodes = np.argwhere(mask)[:, None, :] + corners
    unique, inverse = np.unique(nodes.reshape(-1, 3), axis=0, return_inverse=True)
    return unique * np.asarray(spacing) + origin, inverse.reshape(-1, 8)


@pytest.mark.parametrize("suffix", [".vtk", ".vtu", ".inp", ".msh", ".xdmf", ".med", ".mesh"])
def test_voxel_meshes_of_every_kind(tmp_path, mask, suffix):
    import meshio

    points, cells = voxel_mesh(mask)
    path = tmp_path / f"m{suffix}"
    meshio.write(path, meshio.Mesh(points, [("hexahedron", cells)]))
    back = readers.read(path)
    np.testing.assert_array_equal(back.mask, mask)
    assert back.spacing == pytest.approx(SPACING, rel=1e-4)


def test_abaqus_deck_written_by_hand(tmp_path):
    lines = ["*NODE"]
    for n in range(12):
        lines.append(f"{n + 1}, {0.04 * (n % 2)}, {0.04 * (n // 2 % 2)}, {0.05 * (n // 4)}")
    lines += ["*ELEMENT, TYPE=C3D8", "1, 1, 2, 4, 3, 5, 6, 8, 7", "2, 5, 6, 8, 7, 9, 10, 12, 11"]
    (tmp_path / "deck.inp").write_text("\n".join(lines) + "\n")
    back = readers.read(tmp_path / "deck.inp")
    assert back.shape == (1, 1, 2) and back.mask.all()
    assert back.spacing == pytest.approx((0.04, 0.04, 0.05))


def test_the_field_of_a_mesh_says_which_cells_are_bone(tmp_path, mask):
    import meshio

    points, cells = voxel_mesh(np.ones_like(mask))
    mesh = meshio.Mesh(points, [("hexahedron", cells)], cell_data={"density": [np.where(mask.ravel(), 0.9, 0.1)]})
    meshio.write(tmp_path / "m.vtu", mesh)
    np.testing.assert_array_equal(readers.read(tmp_path / "m.vtu").mask, mask)
    np.testing.assert_array_equal(readers.read(tmp_path / "m.vtu", threshold=0.5).mask, mask)


def test_meshes_off_a_lattice_are_refused(tmp_path, mask):
    import meshio

    points, cells = voxel_mesh(mask)
    bent = points.copy()
    bent[5, 0] += 0.01
    with pytest.raises(UserError, match="bricks of one size"):
        voxels_of_cells(bent, cells, "bent")
    sheared = points + 0.3 * points[:, [1, 2, 0]]
    with pytest.raises(UserError, match="bricks of one size"):
        voxels_of_cells(sheared, cells, "sheared")
    with pytest.raises(UserError, match="on top of each other"):
        voxels_of_cells(points, np.concatenate([cells, cells[:1]]), "doubled")
    apart = np.concatenate([points, points[cells[0]] + [0.4 * SPACING[0], 0, 10 * SPACING[2]]])
    extra = np.arange(8)[None] + len(points)
    with pytest.raises(UserError, match="one voxel lattice"):
        voxels_of_cells(apart, np.concatenate([cells, extra]), "apart")
    meshio.write(tmp_path / "t.vtu", meshio.Mesh(points, [("tetra", cells[:, :4])]))
    with pytest.raises(UserError, match=r"t.vtu: holds tetra cells"):
        readers.read(tmp_path / "t.vtu")
    meshio.write(tmp_path / "s.vtu", meshio.Mesh(points, [("triangle", cells[:, :3])]))
    with pytest.raises(UserError, match="no hexahedra"):
        readers.read(tmp_path / "s.vtu")


# Mistakes -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("suffix", [".npz", ".npy", ".tif", ".mha", ".nii.gz", ".nrrd", ".isq", ".vtu", ".vtk", ".inp"])
@pytest.mark.parametrize("content", [b"", b"this is not a scan\n" * 40])
def test_empty_and_broken_files_are_user_errors(tmp_path, suffix, content, capfd):
    path = tmp_path / f"bad{suffix}"
    path.write_bytes(content)
    with pytest.raises(UserError, match="bad") as caught:
        readers.read(path, spacing=0.03)
    assert "\n" not in str(caught.value)
    assert path.read_bytes() == content


def test_mistakes_name_the_file_and_the_remedy(tmp_path, mask):
    with pytest.raises(UserError, match="no such file"):
        readers.read(tmp_path / "none.npz")
    with pytest.raises(UserError, match="vertebra_64"):
        readers.read("vertebra_65")
    (tmp_path / "x.docx").write_text("text")
    with pytest.raises(UserError, match="unknown suffix '.docx'"):
        readers.read(tmp_path / "x.docx")
    (tmp_path / "x.aim").write_text("text")
    with pytest.raises(UserError, match="AIM"):
        readers.read(tmp_path / "x.aim")
    np.savez(tmp_path / "other.npz", bone=mask)
    with pytest.raises(UserError, match="has bone, but needs"):
        readers.read(tmp_path / "other.npz")
    np.savez(tmp_path / "void.npz", mask=np.zeros((2, 3, 4), np.uint8), spacing_zyx_mm=SPACING)
    with pytest.raises(UserError, match="all void"):
        readers.read(tmp_path / "void.npz")
    np.savez(tmp_path / "nan.npz", gray=np.full((2, 3, 4), np.nan), spacing_zyx_mm=SPACING)
    with pytest.raises(UserError, match="24 of 24 values are NaN"):
        readers.read(tmp_path / "nan.npz")
    np.savez(tmp_path / "flat.npz", fill=np.ones((3, 4)), spacing_zyx_mm=SPACING)
    with pytest.raises(UserError, match="2 dimensions"):
        readers.read(tmp_path / "flat.npz")
    with pytest.raises(UserError, match="cannot write .stl"):
        readers.write(from_mask(mask, SPACING), tmp_path / "bone.stl")
    empty = tmp_path / "slices"
    empty.mkdir()
    with pytest.raises(UserError, match="no .tif slices"):
        readers.read(empty, spacing=0.03)


def test_missing_image_package_names_the_extra(tmp_path, monkeypatch):
    def absent(name):
        raise ImportError(name)

    monkeypatch.setattr(importlib, "import_module", absent)
    (tmp_path / "a.mha").write_text("anything")
    with pytest.raises(UserError, match=r"pip install 'trabfem\[images\]'"):
        readers.read(tmp_path / "a.mha")


def test_shipped_specimen_by_name():
    assert readers.read("vertebra_64").shape == (64, 64, 64)
    assert readers.find_shipped("vertebra_64").suffix == ".npz"
