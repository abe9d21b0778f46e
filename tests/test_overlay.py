"""What is written lies on the scan to the voxel: masks, fields, remodelled bone, of an oblique scan with void ends."""

from pathlib import Path

import numpy as np
import pytest

import trabfem as tf
from fake_run import write_run
from trabfem.cli import main
from trabfem.errors import UserError
from trabfem.mechanics.loads import platens
from trabfem.runs import store
from trabfem.runs.bones import export_bones
from trabfem.runs.compare import prepare_bone

nibabel = pytest.importorskip("nibabel")
sitk = pytest.importorskip("SimpleITK")

SPACING = (0.041, 0.041, 0.041)


def oblique_affine(spacing: tuple[float, float, float] = SPACING) -> np.ndarray:
    """Turned by 20 and 35 degrees, and moved."""
    a, b = np.deg2rad((20, 35))
    about_z = np.array([[np.cos(a), -np.sin(a), 0], [np.sin(a), np.cos(a), 0], [0, 0, 1]])
    about_x = np.array([[1, 0, 0], [0, np.cos(b), -np.sin(b)], [0, np.sin(b), np.cos(b)]])
    affine = np.eye(4)
    affine[:3, :3] = about_z @ about_x * spacing
    affine[:3, 3] = (-31.5, 12.25, 80.0)
    return affine


@pytest.fixture
def scan(tmp_path: Path) -> Path:
    """A column with a wing, void at both ends of z, gray values; sides that differ."""
    mask = np.zeros((14, 15, 20), bool)
    mask[4:9, 5:11, 2:17] = True
    mask[4:12, 6:9, 7:11] = True
    gray = (np.where(mask, 900, 100) + np.random.default_rng(0).integers(-50, 50, mask.shape)).astype(np.int16)
    nibabel.save(nibabel.Nifti1Image(gray, oblique_affine()), tmp_path / "scan.nii.gz")
    np.save(tmp_path / "truth.npy", mask)
    return tmp_path / "scan.nii.gz"


def assert_on_scan(path: Path, scan: Path) -> np.ndarray:
    """The voxels of an image that has the voxels and the place of the scan, for both readers."""
    ours, theirs = nibabel.load(path), nibabel.load(scan)
    assert ours.shape[:3] == theirs.shape
    np.testing.assert_allclose(ours.affine, theirs.affine, atol=2e-6)
    mine, other = sitk.ReadImage(str(path)), sitk.ReadImage(str(scan))
    assert mine.GetSize() == other.GetSize()
    for corner in ((0, 0, 0), tuple(n - 1 for n in other.GetSize())):
        there = other.TransformIndexToPhysicalPoint(corner)
        assert mine.TransformPhysicalPointToIndex(there) == corner
        np.testing.assert_allclose(mine.TransformIndexToPhysicalPoint(corner), there, atol=1e-5)
    return np.asarray(ours.dataobj)


def test_fields_lie_on_the_scan(scan: Path) -> None:
    truth = np.load(scan.with_name("truth.npy"))
    found = tf.solve(scan, platens(-0.01))
    assert found.bone.shape == (14, 15, 15)  # without void ends
    sed = assert_on_scan(found.save(scan.with_name("sed.nii.gz")), scan)
    np.testing.assert_array_equal(sed > 0, truth)
    np.testing.assert_array_equal(sed[:, :, 2:17], found.fields()["sed"].astype(np.float32))
    moved = assert_on_scan(found.save(scan.with_name("u.nii.gz"), "displacement"), scan)
    assert moved.shape[-1] == 3
    with pytest.raises(UserError, match="^field = sed: .*holds all fields"):
        found.save(scan.with_name("all.vti"), "sed")
    with pytest.raises(UserError, match="^field = heat: give one of"):
        found.save(scan.with_name("heat.nii.gz"), "heat")


def test_fields_for_vtk_are_in_the_place_of_the_scan(scan: Path) -> None:
    pyvista = pytest.importorskip("pyvista")
    found = tf.solve(scan, platens(-0.01))
    image = sitk.ReadImage(str(scan))
    # The middle of the first voxel of the block, which begins at z = 2.
    first = np.array(image.TransformIndexToPhysicalPoint((0, 0, 2)))
    grid = pyvista.read(found.save(scan.with_name("fields.vti")))
    np.testing.assert_allclose(grid.direction_matrix.ravel(), image.GetDirection(), atol=1e-6)
    np.testing.assert_allclose(grid.cell_centers().points[0], first, atol=1e-5)
    np.testing.assert_allclose(found.to_pyvista().cell_centers().points[0], first, atol=1e-5)
    mesh = pyvista.read(found.save(scan.with_name("fields.vtu")))
    centre = np.array(image.TransformIndexToPhysicalPoint((4, 5, 2)))
    assert np.abs(mesh.cell_centers().points - centre).sum(axis=1).min() < 1e-5


def test_masks_maps_and_remodelled_bone_lie_on_the_scan(scan: Path) -> None:
    truth = np.load(scan.with_name("truth.npy"))
    bone = tf.read(scan, roi=truth)
    np.testing.assert_array_equal(assert_on_scan(bone.save(scan.with_name("mask.nii.gz")), scan), truth)
    np.testing.assert_array_equal(assert_on_scan(bone.save(scan.with_name("r.nii.gz"), "region"), scan), truth)
    with pytest.raises(UserError, match="what = 'density': scan has mask, fill, region"):
        bone.save(scan.with_name("d.nii.gz"), "density")


def test_remodelled_bone_lies_on_the_scan(scan: Path) -> None:
    bone = prepare_bone(tf.read(scan))
    folder = write_run(scan.with_name("study"), bone.shape, bone.spacing, place=bone.place, depth=bone.fill - 0.5)
    study = tf.open(folder)
    assert study.place == bone.place == store.read_specimen(folder).place
    paths = export_bones(study, scan.with_name("bones"))
    assert [path.name for path in paths[:2]] == ["untreated_month_0000.nii.gz", "untreated_month_0012.nii.gz"]
    voxels = assert_on_scan(paths[0], scan)
    np.testing.assert_array_equal(voxels.astype(bool), np.load(scan.with_name("truth.npy")))
    with pytest.raises(UserError, match="exists and is left"):
        export_bones(study, scan.with_name("bones"))
    with pytest.raises(UserError, match="^bones = .stl: give one of"):
        export_bones(study, scan.with_name("other"), "stl")
    assert main(["render", str(folder), "--bones", "mha"]) == 0
    assert len(list((folder / "bones").glob("*.mha"))) == 4


def test_bricks_are_resampled_for_remodelling_and_stay_in_place(scan: Path) -> None:
    truth = np.load(scan.with_name("truth.npy"))
    image = nibabel.Nifti1Image(truth.astype(np.uint8), oblique_affine((0.041, 0.041, 0.082)))
    nibabel.save(image, scan.with_name("bricks.nii.gz"))
    bone = prepare_bone(tf.read(scan.with_name("bricks.nii.gz")))
    assert bone.spacing == pytest.approx((0.041,) * 3, rel=1e-5) and bone.shape == (14, 15, 30)
    written = sitk.ReadImage(str(bone.save(scan.with_name("cubes.nii.gz"))))
    whole = sitk.ReadImage(str(scan.with_name("bricks.nii.gz")))
    # The first cube of bone, the fifth along z: a quarter of a brick below the middle of the third brick.
    first = written.TransformIndexToPhysicalPoint((4, 5, 4))
    np.testing.assert_allclose(whole.TransformPhysicalPointToContinuousIndex(first), (4, 5, 1.75), atol=1e-3)
