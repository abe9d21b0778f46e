"""Density, segmentation, labels and regions: what is taken is said, and what could be taken in two ways is asked."""

from pathlib import Path

import numpy as np
import pytest

from trabfem.errors import UserError
from trabfem.specimen import Specimen, as_specimen, read
from trabfem.specimen.padding import find_padding
from trabfem.specimen.presets import PRESETS, gauss, laplace_hamming
from trabfem.specimen.readers import Calibration, Raw, make_specimen
from trabfem.specimen.resampling import resample_to_cubes
from trabfem.specimen.segmentation import clip_outliers, otsu
from trabfem.specimen.windows import coarsen

H = 0.05


@pytest.fixture
def bone() -> np.ndarray:
    """Struts through 20 x 22 x 24 voxels."""
    bone = np.zeros((20, 22, 24), bool)
    bone[3:7, 4:9, :] = bone[11:15, 10:16, :] = bone[3:15, 6:12, 10:13] = True
    return bone


@pytest.fixture
def density(bone: np.ndarray) -> np.ndarray:
    """mg HA/cm³: 900 in bone, 60 in marrow, with noise."""
    return np.where(bone, 900, 60) + np.random.default_rng(0).normal(0, 40, bone.shape)


def test_a_calibration_makes_density_and_the_threshold_is_in_it(bone: np.ndarray, density: np.ndarray) -> None:
    stored = np.rint((density + 200) / 0.5).astype(np.int16)
    raw = Raw(stored, (H, H, H), calibration=Calibration(0.5, -200.0, source="the header"))
    found = make_specimen(raw, "scan", {"threshold": 480})
    np.testing.assert_array_equal(found.mask, bone)
    assert found.density is not None
    np.testing.assert_allclose(found.density, density, atol=0.26)
    assert "density >= 480 mg HA/cm³" in found.notes[0] and "0.5 × stored value -200" in found.notes[1]
    # Values of one's own calibration, in place of the file's.
    other = make_specimen(raw, "scan", {"threshold": 480, "calibration": (1.0, 0.0)})
    np.testing.assert_array_equal(other.density, stored)
    plain = make_specimen(Raw(stored, (H, H, H)), "scan", {})
    np.testing.assert_array_equal(plain.mask, bone)
    assert plain.density is None


def test_hounsfield_units_are_no_density_but_can_be_made_one(bone: np.ndarray) -> None:
    stored = np.where(bone, 2000, 1100).astype(np.int16)
    raw = Raw(stored, (H, H, H), calibration=Calibration(1.0, -1024.0, unit="HU", source="the rescale slope"))
    found = make_specimen(raw, "scan", {"threshold": 500})
    assert found.density is None and "gray value >= 500 HU" in found.notes[0]
    dense = make_specimen(raw, "scan", {"threshold": 500, "calibration": (0.8, 10.0)})
    assert dense.density is not None
    np.testing.assert_allclose(dense.density[bone], 0.8 * 976 + 10)
    assert "0.8 × HU +10" in dense.notes[-1]


@pytest.mark.parametrize("given", [(1, 2, 3), "one", (0, 5), (np.nan, 1)])
def test_a_calibration_is_two_finite_numbers(given: object, bone: np.ndarray) -> None:
    with pytest.raises(UserError, match="^calibration = "):
        as_specimen(bone, H, calibration=given)  # type: ignore[arg-type]


def test_presets_filter_and_threshold(bone: np.ndarray, density: np.ndarray) -> None:
    raw = Raw(density.astype(np.float32), (H, H, H), calibration=Calibration(1.0, 0.0))
    found = make_specimen(raw, "scan", {"segmentation": "xtremect2"})
    assert np.mean(found.mask != bone) < 0.05
    assert "Whittier 2020" in found.notes[0] and "320" in found.notes[0]
    assert make_specimen(raw, "scan", {"segmentation": "uct", "threshold": 400}).mask.sum() < found.mask.sum()
    with pytest.raises(UserError, match="no one threshold"):
        make_specimen(raw, "scan", {"segmentation": "uct"})
    with pytest.raises(UserError, match="no calibration to mg HA/cm³"):
        as_specimen(density, H, segmentation="xtremect2")
    with pytest.raises(UserError, match="give one of xtremect2"):
        make_specimen(raw, "scan", {"segmentation": "xct"})


def test_filters_keep_a_uniform_density_and_do_what_they_say() -> None:
    uniform = np.full((9, 10, 11), 700, np.float32)
    for preset in PRESETS.values():
        np.testing.assert_allclose(preset.filter(uniform, (H, H, H)), 700, rtol=1e-5)
    point = np.zeros((9, 9, 9), np.float32)
    point[4, 4, 4] = 1
    weights = np.exp(-0.5 / 0.8**2 * np.arange(-1, 2) ** 2)
    weights /= weights.sum()
    np.testing.assert_allclose(gauss(point, (H, H, H))[3:6, 4, 4], weights * weights[1] ** 2, rtol=1e-5)
    # A wave of eight voxels is sharpened by 1 + (2 pi / 8)^2 and damped by the Hamming window.
    x = np.arange(32)
    wave = np.broadcast_to(np.cos(np.pi * (x + 0.5) / 4)[:, None, None], (32, 4, 4)).astype(np.float32)
    gain = (1 + (2 * np.pi / 8) ** 2) * (0.54 + 0.46 * np.cos(np.pi * 0.125 / 0.4))
    np.testing.assert_allclose(laplace_hamming(wave, (H, H, H)), gain * wave, atol=1e-4)


def test_a_few_whole_numbers_are_labels_that_have_to_be_chosen(bone: np.ndarray) -> None:
    labels = bone.astype(np.uint8)
    labels[3:7, 4:9] *= 2
    with pytest.raises(UserError, match=r"^label = not given: .*0, 1 and 2.*\(1,2 for all of them\)"):
        as_specimen(labels, H)
    np.testing.assert_array_equal(as_specimen(labels, H, label=2).mask, labels == 2)
    both = as_specimen(labels, H, label=(1, 2))
    np.testing.assert_array_equal(both.mask, bone)
    assert both.labels is not None and "label 1 and 2 of 0, 1 and 2" in both.notes[0]
    with pytest.raises(UserError, match="^label = 7: .*0, 1 and 2"):
        as_specimen(labels, H, label=7)
    with pytest.raises(UserError, match="label and threshold are both given"):
        as_specimen(labels, H, label=1, threshold=1)
    # A threshold says that they are gray values.
    np.testing.assert_array_equal(as_specimen(labels, H, threshold=1).mask, bone)


def test_a_region_is_a_mask_or_a_label(bone: np.ndarray, tmp_path: Path) -> None:
    region = np.zeros(bone.shape, bool)
    region[2:16, 3:18, 4:20] = True
    found = as_specimen(bone, H, roi=region)
    np.testing.assert_array_equal(found.region, region)
    assert found.notes[-1] == "Region of interest: 31.8 % of the voxels, from an array."
    labelled = as_specimen(bone, H, labels=(2 * region).astype(np.uint8), roi=2)
    np.testing.assert_array_equal(labelled.region, region)
    np.savez(tmp_path / "roi.npz", mask=region.T.astype(np.uint8), spacing_zyx_mm=[H] * 3)
    np.testing.assert_array_equal(as_specimen(bone, H, roi=str(tmp_path / "roi.npz")).region, region)
    cropped = as_specimen(bone, H, roi=region, crop=10)
    np.testing.assert_array_equal(cropped.region, region[5:15, 6:16, 7:17])
    with pytest.raises(UserError, match="region of interest is empty"):
        as_specimen(bone, H, roi=np.zeros(bone.shape, bool))
    with pytest.raises(UserError, match="region has the shape"):
        as_specimen(bone, H, roi=region[1:])
    with pytest.raises(UserError, match="roi = 3: .* no labels"):
        as_specimen(bone, H, roi=3)


def test_a_region_on_another_grid_is_laid_onto_the_scan(bone: np.ndarray, tmp_path: Path) -> None:
    """As masks of scanners are: cut to their content, with an origin of their own."""
    np.savez(tmp_path / "scan.npz", mask=bone.T, spacing_zyx_mm=[H] * 3, origin_zyx_mm=[1.0, 2.0, 3.0])
    part = np.ones((5, 6, 7), np.uint8)
    origin = np.array([3.0, 2.0, 1.0]) + H * np.array([2, 4, 6])
    np.savez(tmp_path / "roi.npz", mask=part.T, spacing_zyx_mm=[H] * 3, origin_zyx_mm=origin[::-1])
    found = read(tmp_path / "scan.npz", roi=str(tmp_path / "roi.npz"))
    expected = np.zeros(bone.shape, bool)
    expected[2:7, 4:10, 6:13] = True
    np.testing.assert_array_equal(found.region, expected)
    assert any("shifted by whole voxels" in note for note in found.notes)
    np.savez(tmp_path / "far.npz", mask=part.T, spacing_zyx_mm=[H] * 3, origin_zyx_mm=[50.0, 50.0, 50.0])
    with pytest.raises(UserError, match="does not overlap"):
        read(tmp_path / "scan.npz", roi=str(tmp_path / "far.npz"))


@pytest.mark.parametrize("value", [0, -1000, -3024])
def test_padding_around_a_field_of_view_does_not_move_otsu(value: int) -> None:
    x, y, z = np.indices((30, 30, 30))
    inside = (x - 14.5) ** 2 + (y - 14.5) ** 2 < 14**2
    bone = inside & (((x // 3) % 3 == 0) | ((y // 3) % 3 == 0) & ((z // 3) % 2 == 0))
    tissue = np.where(bone, 900, 60) + np.random.default_rng(1).normal(0, 60, bone.shape)
    found = as_specimen(np.where(inside, tissue, value).astype(np.int16), H)
    np.testing.assert_array_equal(found.mask, bone)
    assert "around the field of view" in found.notes[1]


def test_marrow_of_one_value_is_not_padding(bone: np.ndarray) -> None:
    """Gray values clipped at zero: zero fills the corners, but leaves no convex shape."""
    gray = np.where(bone, 180, 0) + np.random.default_rng(2).integers(0, 30, bone.shape) * bone
    assert find_padding(gray) is None
    np.testing.assert_array_equal(as_specimen(gray, H).mask, bone)


def test_hot_pixels_do_not_move_otsu(bone: np.ndarray, density: np.ndarray) -> None:
    hot = density.copy()
    hot[5, 5, 5], hot[0, 0, 0] = 1e5, -1e6
    assert np.mean((hot >= otsu(hot)) != bone) > 0.05
    found = as_specimen(hot, H)
    assert np.count_nonzero(found.mask != bone) == 0
    assert "2 far outlying values were clipped" in found.notes[1]
    assert clip_outliers(density)[1] == 0


def test_mostly_bone_is_remarked(bone: np.ndarray, density: np.ndarray) -> None:
    assert "invert it first" in as_specimen(1000 - density, H).notes[1]


def test_a_signed_mask_of_minus_one_is_bone(bone: np.ndarray) -> None:
    np.testing.assert_array_equal(as_specimen(-bone.astype(np.int8), H).mask, bone)


def test_cubes_from_bricks_keep_bone_and_place(bone: np.ndarray) -> None:
    moduli = np.where(bone, 6829.0, 0)
    brick = Specimen(bone.astype(np.float32), (0.03, 0.04, 0.06), origin=(1.0, 2.0, 3.0), region=bone, modulus=moduli)
    cube = resample_to_cubes(brick)
    assert cube.spacing == (0.03,) * 3 and cube.origin == brick.origin and cube.shape == (20, 29, 48)
    # The same bone in the same volume but for the rest that is no whole cube: 29 of 29 1/3.
    volume = [float(b.fill.sum()) * np.prod(b.spacing) for b in (brick, cube)]
    assert volume[1] == pytest.approx(volume[0], rel=0.02)
    assert cube.modulus is not None
    np.testing.assert_allclose(cube.modulus[cube.fill > 0], 6829, rtol=1e-4)
    assert cube.region is not None and "0.03 x 0.04 x 0.06" in cube.notes[-1]
    assert resample_to_cubes(cube) is cube
    np.testing.assert_array_equal(cube.fill[:, 0, ::2], cube.fill[:, 0, 1::2])


def test_coarsening_keeps_bone(bone: np.ndarray) -> None:
    density = np.where(bone, 900.0, 0.0)
    fine = Specimen(bone.astype(np.float32), (H, H, H), density=density, labels=bone.astype(np.uint8))
    found = coarsen(fine, 2)
    assert found.shape == (10, 11, 12) and found.spacing == (2 * H,) * 3
    assert found.bvtv == pytest.approx(fine.bvtv)
    assert found.density is not None and found.density.mean() == pytest.approx(density.mean(), rel=1e-5)
    assert as_specimen(bone, H, coarsen=2).shape == (10, 11, 12)
    with pytest.raises(UserError, match="^coarsen = 1: "):
        coarsen(fine, 1)


def test_coarse_moduli_labels_and_regions_are_those_of_the_bone(bone: np.ndarray) -> None:
    labels = np.where(bone, 1, 0).astype(np.uint8)
    labels[11:15, 10:16] *= 2
    fine = Specimen(bone.astype(np.float32), (H, H, H), modulus=np.where(bone, 6829.0, 0), labels=labels, region=bone)
    found = coarsen(fine, 3)
    assert found.modulus is not None and found.labels is not None and found.region is not None
    some = found.fill > 0
    np.testing.assert_allclose(found.modulus[some], 6829, rtol=1e-5)
    assert set(np.unique(found.labels[some])) == {1, 2}
    np.testing.assert_array_equal(found.region, found.fill >= 0.5)
    # 20, 22 and 24 voxels are 6, 7 and 8 blocks of three and a rest.
    assert found.shape == (6, 7, 8) and "2 x 1 x 0 slices" in found.notes[-1]


@pytest.mark.parametrize("factor", [0, -1, 1, 21])
def test_a_factor_that_makes_no_block_is_refused(bone: np.ndarray, factor: int) -> None:
    with pytest.raises(UserError, match=f"^coarsen = {factor}: give 2 or more"):
        as_specimen(bone, H, coarsen=factor)


def test_a_map_of_moduli_covers_all_bone(bone: np.ndarray) -> None:
    moduli = np.full(bone.shape, 6829.0)
    moduli[:, :5] = 0
    with pytest.raises(UserError, match=r"\d+ of \d+ voxels with bone have no modulus in the map"):
        as_specimen(bone, H, moduli=moduli)
    soft = as_specimen(bone, H, moduli=np.full(bone.shape, 6.8))
    assert "if these are GPa, give MPa" in soft.notes[-1]


def test_a_region_beyond_the_scan_is_said(bone: np.ndarray, tmp_path: Path) -> None:
    np.savez(tmp_path / "scan.npz", mask=bone.T, spacing_zyx_mm=[H] * 3, origin_zyx_mm=[1.0, 1.0, 1.0])
    part = np.ones((8, 8, 8), np.uint8)
    np.savez(tmp_path / "roi.npz", mask=part, spacing_zyx_mm=[H] * 3, origin_zyx_mm=[1.0, 1.0, 1.0 - 6 * H])
    found = read(tmp_path / "scan.npz", roi=str(tmp_path / "roi.npz"))
    assert any("shifted by whole voxels; 75 % of it lies outside of the scan" in note for note in found.notes)
