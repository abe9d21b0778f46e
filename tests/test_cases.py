"""Kinds of input that other programs were reported to read wrongly: each gives the right bone, or one sentence.

Grids, meshes, images, arrays and tables have files of their own; here are padding, labels, and bone in pieces.
"""

from pathlib import Path

import numpy as np
import pytest

from trabfem.errors import UserError
from trabfem.specimen import Specimen, from_mask, readers
from trabfem.specimen.load_path import keep_load_path

SPACING = (0.034, 0.034, 0.034)


def save(path: Path, values: np.ndarray, key: str = "gray") -> Path:
    np.savez(path, **{key: values.T, "spacing_zyx_mm": SPACING})
    return path


# Padding outside the field of view ------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def core() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Gray values of struts in a cylinder, the bone, and what lies inside the cylinder."""
    x, y, z = np.indices((30, 30, 30))
    inside = (x - 14.5) ** 2 + (y - 14.5) ** 2 < 14**2
    bone = inside & (((x // 3) % 3 == 0) | ((y // 3) % 3 == 0) & ((z // 3) % 2 == 0))
    gray = np.where(bone, 900, 60) + np.random.default_rng(1).normal(0, 60, bone.shape)
    return gray, bone, inside


@pytest.mark.parametrize("padding", [0, -1000, -1024, -3024, -32768])
def test_padding_is_no_tissue(tmp_path, core, padding) -> None:
    gray, bone, inside = core
    path = save(tmp_path / "p.npz", np.where(inside, gray, padding).astype(np.int16))
    specimen = readers.read(path)
    np.testing.assert_array_equal(specimen.mask, bone)
    # Zero lies among the values of marrow and moves no threshold; what moves it is said.
    assert padding == 0 or f"hold the value {padding} around the field of view" in " ".join(specimen.notes)


def test_padding_of_a_scan_in_hounsfield_units_and_in_floats(tmp_path, core) -> None:
    gray, bone, inside = core
    path = save(tmp_path / "p.npz", np.where(inside, gray - 500, -8192).astype(np.float32))
    np.testing.assert_array_equal(readers.read(path).mask, bone)


def test_negative_values_are_no_padding(tmp_path, core) -> None:
    gray, bone, _ = core
    specimen = readers.read(save(tmp_path / "n.npz", (gray - 1024).astype(np.int16)))
    np.testing.assert_array_equal(specimen.mask, bone)
    assert len(specimen.notes) == 1


def test_a_hot_pixel_moves_no_threshold(tmp_path, core) -> None:
    gray, bone, _ = core
    hot = gray.copy()
    hot[5, 5, 5] = 1e5
    specimen = readers.read(save(tmp_path / "h.npz", hot.astype(np.float32)))
    different = np.argwhere(specimen.mask != bone).tolist()
    assert different == [[5, 5, 5]]
    assert "1 far outlying value was clipped" in " ".join(specimen.notes)


def test_dark_bone_is_said(tmp_path, core) -> None:
    gray, _, inside = core
    specimen = readers.read(save(tmp_path / "d.npz", np.where(inside, 1000 - gray, 940).astype(np.float32)))
    assert "if bone is dark in this image, invert it first" in " ".join(specimen.notes)


# Labels ---------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def labels() -> np.ndarray:
    """0 around, 1 to 3 in slabs of unequal thickness."""
    labels = np.zeros((8, 9, 10), dtype=np.uint8)
    for label, first, last in ((1, 1, 3), (2, 3, 4), (3, 4, 7)):
        labels[first:last, 1:8] = label
    return labels


@pytest.mark.parametrize("values", [(0, 1, 2, 3), (0, 1, 2, 2), (0, 126, 127, 127), (0, 254, 255, 255), (1, 2, 2, 2)])
@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.float32])
def test_one_of_several_labels_has_to_be_chosen(tmp_path, labels, values, dtype) -> None:
    stored = np.array(values, dtype=dtype)[labels]
    path = save(tmp_path / "l.npz", stored, "mask")
    with pytest.raises(UserError, match=f"label = not given: .* and {values[-1]}, which look like labels") as caught:
        readers.read(path)
    assert "\n" not in str(caught.value)
    for label in {*values} - {0}:
        specimen = readers.read(path, label=label)
        np.testing.assert_array_equal(specimen.mask, stored == label)
    every = tuple({*values} - {0})
    np.testing.assert_array_equal(readers.read(path, label=every).mask, np.isin(stored, every))
    with pytest.raises(UserError, match="label = 9: .* has the labels"):
        readers.read(path, label=9)


@pytest.mark.parametrize("values", [(0, 1), (0, 255), (-1, 0), (0, 126), (0, 2), (40, 180)])
def test_two_values_are_a_mask(tmp_path, labels, values) -> None:
    low, high = values
    stored = np.where(labels > 0, *((low, high) if low == -1 else (high, low))).astype(np.int16)
    np.testing.assert_array_equal(readers.read(save(tmp_path / "m.npz", stored, "mask")).mask, labels > 0)


# Bone that touches no face, hangs together at edges only, or is thin --------------------------------------------------


@pytest.fixture(scope="module")
def bone() -> np.ndarray:
    """Two columns along z and a plate between them."""
    bone = np.zeros((12, 14, 16), dtype=bool)
    bone[1:5, 2:6] = bone[7:10, 6:11] = bone[1:10, 3:9, 6:8] = True
    return bone


def specimen(bone: np.ndarray) -> Specimen:
    return from_mask(bone.astype(np.uint8), SPACING)


def test_void_around_the_bone_is_cut_off_the_loaded_ends(bone) -> None:
    padded = specimen(np.pad(bone, ((3, 3), (2, 2), (4, 5))))
    kept = keep_load_path(padded)
    assert kept.mask.sum() == bone.sum() and kept.shape == (18, 18, 16)
    assert "Cut 9 void slices off the ends along z." in kept.notes
    assert kept.origin == pytest.approx((0, 0, 4 * 0.034))
    across = keep_load_path(padded, axis=0)
    assert across.mask.sum() == bone.sum() and across.shape == (9, 18, 25)


@pytest.mark.parametrize("shared", ["corner", "edge"])
def test_cubes_that_share_no_face_carry_nothing(shared) -> None:
    blocks = np.zeros((8, 8, 8), dtype=bool)
    z = slice(None) if shared == "edge" else slice(0, 4)
    blocks[0:4, 0:4, z] = True
    blocks[4:8, 4:8, z if shared == "edge" else slice(4, 8)] = True
    with pytest.raises(UserError, match="no face-connected bone runs from one end face to the other along x"):
        keep_load_path(specimen(blocks), axis=0)
    if shared == "edge":
        assert keep_load_path(specimen(blocks)).mask.sum() == 256


def test_dust_is_removed_and_said(bone) -> None:
    dusty = bone.copy()
    dusty[11, 13, 3] = dusty[11, 0, 9] = True
    kept = keep_load_path(specimen(dusty))
    np.testing.assert_array_equal(kept.mask, bone)
    assert "Removed 2 voxels" in kept.notes[0] and "2 pieces that do not join both end faces" in kept.notes[0]


@pytest.mark.parametrize("shape", [(1, 1, 1), (1, 1, 9), (9, 9, 1), (2, 2, 12)])
def test_thin_specimens_stay_whole(shape) -> None:
    assert keep_load_path(specimen(np.ones(shape, dtype=bool))).mask.sum() == np.prod(shape)
