"""Every way of naming a bone ends in the same specimen, which says what was read and done and where it lies."""

from pathlib import Path

import numpy as np
import pytest

from trabfem.errors import UserError
from trabfem.specimen import Specimen, as_specimen, from_mask, keep_load_path, read, readers

SPACING = (0.03, 0.04, 0.05)


@pytest.fixture
def mask() -> np.ndarray:
    """A column through 12 x 13 x 14 voxels, void at both ends of z, and a loose piece."""
    mask = np.zeros((12, 13, 14), bool)
    mask[4:7, 5:9, 2:13] = True
    mask[10, 11, 5] = True
    return mask


def test_a_file_an_array_and_a_specimen_are_the_same_bone(mask: np.ndarray, tmp_path: Path) -> None:
    bone = from_mask(mask, SPACING)
    path = bone.save(tmp_path / "bone.npz")
    for given in (as_specimen(path), as_specimen(str(path)), as_specimen(mask, SPACING), as_specimen(bone)):
        np.testing.assert_array_equal(given.mask, mask)
        assert given.spacing == SPACING
    assert as_specimen(100 * mask + np.arange(14), SPACING, threshold=100).bvtv == pytest.approx(mask.mean())


def test_an_array_needs_spacing_and_a_specimen_has_its_own(mask: np.ndarray) -> None:
    with pytest.raises(UserError, match="^spacing = not given: "):
        as_specimen(mask)
    with pytest.raises(UserError, match="^spacing = 0.1: "):
        as_specimen(from_mask(mask, SPACING), spacing=0.1)


def test_a_crop_is_the_middle_and_keeps_its_place(mask: np.ndarray, tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", mask=mask.T, spacing_zyx_mm=SPACING[::-1])
    bone = read(tmp_path / "a.npz", crop=8)
    np.testing.assert_array_equal(bone.mask, mask[2:10, 2:10, 3:11])
    assert bone.origin == pytest.approx((2 * 0.03, 2 * 0.04, 3 * 0.05))
    assert "8 x 8 x 8 of 12 x 13 x 14" in bone.notes[-1]
    assert as_specimen(mask, SPACING, crop=13).shape == (12, 13, 13)
    with pytest.raises(UserError, match="^crop = 3: "):
        as_specimen(mask, SPACING, crop=3)


def test_what_was_done_is_said_with_its_reason(mask: np.ndarray) -> None:
    bone = keep_load_path(from_mask(mask, SPACING, name="radius"))
    assert bone.origin == pytest.approx((0, 0, 2 * 0.05))
    for text in (repr(bone), bone._repr_html_()):
        assert all(
            word in text for word in ("radius", "12 x 13 x 11", "0.03 x 0.04 x 0.05 mm", "0.36 x 0.52 x 0.55 mm")
        )
        assert f"{bone.bvtv:.4f}" in text
        assert (
            "Cut 3 void slices" in text
            and "Removed 1 voxel " in text
            and "in 1 piece that does not join both end faces" in text
        )
    assert len(repr(bone).splitlines()) < 10


@pytest.mark.parametrize("suffix", [".npz", ".mha", ".nii.gz"])
def test_the_place_is_written_and_read_again(mask: np.ndarray, suffix: str, tmp_path: Path) -> None:
    bone = Specimen(mask.astype(np.float32), SPACING, origin=(1.5, -2.0, 0.25))
    back = readers.read(bone.save(tmp_path / f"bone{suffix}"))
    assert back.origin == pytest.approx((1.5, -2.0, 0.25), abs=1e-6)
    with pytest.raises(UserError, match="exists and is left as it is"):
        bone.save(tmp_path / f"bone{suffix}")
