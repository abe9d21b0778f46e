import math

import numpy as np
import pytest
from scipy import ndimage

from trabfem.specimen import Specimen, from_mask, readers
from trabfem.specimen.morphometry import (
    connectivity_density,
    degree_of_anisotropy,
    mil_ellipsoid,
    morphometry,
    separation,
    surface_integrals,
    thickness,
)
from trabfem.specimen.morphometry.distance import distance_to, distances_at
from trabfem.specimen.morphometry.local_thickness import local_thickness

CUBE = (1.0, 1.0, 1.0)


def grid(n, spacing=CUBE):
    """Voxel centres about the middle of an n^3 block, in mm."""
    axes = [(np.arange(n) + 0.5 - n / 2) * h for h in spacing]
    return np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1)


def smooth(distance):
    """Fill of a shape with signed distance in voxels, negative inside."""
    return np.clip(0.5 - distance, 0, 1).astype(np.float32)


def sharp(distance):
    return (distance < 0).astype(np.float32)


def turn(seed):
    return np.linalg.qr(np.random.default_rng(seed).normal(size=(3, 3)))[0]


@pytest.mark.parametrize("fill", [smooth, sharp])
@pytest.mark.parametrize("radius", [5, 12])
def test_sphere_surface_curvature_and_smi(fill, radius):
    distance = np.linalg.norm(grid(40) - 0.3, axis=-1) - radius
    surface, curvature = surface_integrals(fill(distance), CUBE)
    assert surface == pytest.approx(4 * math.pi * radius**2, rel=0.03)
    assert curvature == pytest.approx(4 * math.pi * radius, rel=0.04)
    smi = 12 * (4 / 3 * math.pi * radius**3) * curvature / surface**2
    assert smi == pytest.approx(4, abs=0.15)


def test_what_the_blur_takes_from_a_small_sphere_is_given_back():
    """The finer of the two blurs alone would lack 4 % of the surface and 5 % of its curvature."""
    surface, curvature = surface_integrals(smooth(np.linalg.norm(grid(24) - 0.3, axis=-1) - 4), CUBE)
    assert surface == pytest.approx(4 * math.pi * 4**2, rel=0.01)
    assert curvature == pytest.approx(4 * math.pi * 4, rel=0.02)


@pytest.mark.parametrize("fill", [smooth, sharp])
def test_rods_surface_and_smi(fill):
    n, radius = 40, 5
    x = grid(n) - 0.2
    distance = np.hypot(x[..., 0], x[..., 1]) - radius
    surface, curvature = surface_integrals(fill(distance), CUBE)
    assert surface == pytest.approx(2 * math.pi * radius * n, rel=0.03)
    assert curvature == pytest.approx(math.pi * n, rel=0.04)
    smi = morphometry(Specimen(fill(distance), CUBE))["SMI"]
    assert smi == pytest.approx(3, abs=0.2)


@pytest.mark.parametrize("seed", range(3))
def test_oblique_plates_surface_and_smi(seed):
    n, period, half = 40, 20, 2.5
    across = grid(n) @ turn(seed)[0]
    distance = np.abs((across + 100 * period) % period - period / 2) - half
    fill = sharp(distance)
    surface, curvature = surface_integrals(fill, CUBE)
    # Two faces a plate; how much plate the block holds, from its volume.
    assert surface == pytest.approx(fill.sum() / half, rel=0.04)
    # Not zero: the plates end at the border, where their reflection kinks.
    assert abs(12 * fill.sum() * curvature / surface**2) < 0.3


def test_surface_is_in_mm_and_the_border_is_none():
    fill = np.ones((20, 20, 20), dtype=np.float32)
    assert surface_integrals(fill, CUBE) == (0, 0)
    fill[:, :, 10:] = 0
    surface, _ = surface_integrals(fill, (0.1, 0.2, 0.3))
    assert surface == pytest.approx(20 * 0.1 * 20 * 0.2, rel=0.02)


def test_unequal_spacing_leaves_a_sphere_a_sphere():
    spacing = (0.5, 1.0, 0.75)
    radius = 7.0
    distance = np.linalg.norm(grid(36, spacing), axis=-1) - radius
    surface, curvature = surface_integrals(sharp(distance), spacing)
    assert surface == pytest.approx(4 * math.pi * radius**2, rel=0.04)
    assert curvature == pytest.approx(4 * math.pi * radius, rel=0.05)
    assert degree_of_anisotropy(sharp(distance), spacing) == pytest.approx(1, abs=0.04)


@pytest.mark.parametrize("width", [4, 6, 8])
def test_thickness_and_separation_of_upright_plates(width):
    mask = np.zeros((12, 12, 48), dtype=bool)
    mask[:, :, 12 : 12 + width] = True
    mask[:, :, 36 : 36 + width] = True
    assert thickness(mask, (0.1, 0.1, 0.1)) == pytest.approx(0.1 * width, rel=1e-6)
    between = local_thickness(~mask, (0.1, 0.1, 0.1))[:, :, 12 + width : 36]
    assert between.mean() == pytest.approx(0.1 * (24 - width), rel=0.03)


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("width", [4.0, 7.0])
def test_thickness_of_oblique_plates_and_rods_within_the_stated_error(seed, width):
    x = grid(36) @ turn(seed) + 0.2
    inner = (slice(8, -8),) * 3
    for mask, low, high in (
        (np.abs(x[..., 0]) < width / 2, 0.0, 1.05),
        (np.hypot(x[..., 0], x[..., 1]) < width / 2, -0.6, 0.0),
    ):
        error = local_thickness(mask, CUBE)[inner][mask[inner]].mean() - width
        assert low < error < high


def test_thickness_of_a_large_sphere_uses_the_binned_radii():
    mask = np.linalg.norm(grid(41), axis=-1) < 15
    assert thickness(mask, CUBE) == pytest.approx(30, rel=0.05)


def test_thickness_with_unequal_spacing():
    mask = np.zeros((10, 10, 30), dtype=bool)
    mask[:, :, 10:18] = True
    assert thickness(mask, (0.3, 0.3, 0.05)) == pytest.approx(0.4, rel=1e-6)


@pytest.mark.parametrize("spacing", [CUBE, (0.5, 1.2, 0.3)])
@pytest.mark.parametrize("share", [0.1, 1e-3, 1e-4], ids=["near", "far", "a few obstacles"])
def test_distances_equal_the_general_transform(spacing, share):
    obstacle = np.random.default_rng(5).random((20, 30, 90)) < share
    expected = np.asarray(ndimage.distance_transform_edt(~obstacle, sampling=spacing))
    np.testing.assert_allclose(distance_to(obstacle, spacing), expected, rtol=1e-6)
    np.testing.assert_allclose(distances_at(~obstacle, obstacle, spacing), expected[~obstacle], rtol=1e-6)


@pytest.mark.parametrize("spacing", [CUBE, (0.7, 1.0, 1.3)])
@pytest.mark.parametrize("smooth", [0.0, 1.5], ids=["noise", "pores"])
def test_local_thickness_equals_its_definition(spacing, smooth):
    field = np.random.default_rng(3).random((12, 14, 16))
    if smooth:
        field = ndimage.gaussian_filter(field, smooth)
    mask = field < np.quantile(field, 0.85)
    inside, outside = (np.argwhere(part) * spacing for part in (mask, ~mask))
    radius = np.array([np.min(np.linalg.norm(outside - p, axis=1)) for p in inside])
    gap = np.array([np.linalg.norm(inside - p, axis=1) for p in inside])
    # A sphere is an open ball: a distance that equals its radius up to rounding is outside.
    expected = 2 * np.where(gap < radius * (1 - 1e-6), radius, 0).max(axis=1)
    np.testing.assert_allclose(local_thickness(mask, spacing)[mask], expected, rtol=1e-6)
    assert radius.max() > (4 if smooth else 1.5)


def gyroid(n, period):
    x, y, z = np.moveaxis(grid(n) * 2 * math.pi / period, -1, 0)
    return np.sin(x) * np.cos(y) + np.sin(y) * np.cos(z) + np.sin(z) * np.cos(x) > 0.5


def test_thickness_of_a_gyroid_hardly_depends_on_resolution():
    coarse, fine = thickness(gyroid(40, 20), CUBE), thickness(gyroid(80, 40), (0.5, 0.5, 0.5))
    assert coarse == pytest.approx(fine, rel=0.03)


def test_local_thickness_against_porespy():
    filters = pytest.importorskip("porespy.filters")
    mask = gyroid(40, 20)
    theirs = 2 * filters.local_thickness(mask, smooth=False)[mask].mean()
    # It rounds radii down to whole voxels, one half on average: a voxel of diameter.
    assert theirs < thickness(mask, CUBE) < theirs + 1.4
    # With all the radii that there are it is the same definition; just below each, as a sphere is an open ball here.
    radii = np.unique(np.asarray(ndimage.distance_transform_edt(mask)))[:0:-1] - 1e-3
    theirs = 2 * filters.local_thickness(mask, method="legacy", sizes=radii, smooth=False)[mask].mean()
    assert thickness(mask, CUBE) == pytest.approx(theirs, rel=0.003)
    slab = np.zeros((20, 20, 30), dtype=bool)
    slab[:, :, 10:16] = True
    theirs = 2 * filters.local_thickness(slab, smooth=False)[slab].mean()
    assert thickness(slab, CUBE) == pytest.approx(theirs)


def test_no_bone_and_no_marrow():
    assert thickness(np.zeros((4, 4, 4), dtype=bool), CUBE) == 0
    assert separation(np.ones((4, 4, 4), dtype=bool), CUBE) == 0


def test_separation_of_large_blocks_agrees_with_full_resolution(monkeypatch):
    specimen = readers.read("vertebra_64")
    full = separation(specimen.mask, specimen.spacing)
    monkeypatch.setattr("trabfem.specimen.morphometry.local_thickness.COARSE_SIDE", 16)
    assert separation(specimen.mask, specimen.spacing) == pytest.approx(full, rel=0.02)


def euler(mask):
    return 1 - connectivity_density(mask, CUBE) * mask.size


def test_euler_number_of_known_shapes():
    block = np.zeros((9, 9, 9), dtype=bool)
    block[2:7, 2:7, 2:7] = True
    assert euler(block) == 1
    hollow = block.copy()
    hollow[4, 4, 4] = False
    assert euler(hollow) == 2
    ring = block.copy()
    ring[4, 4, :] = False
    assert euler(ring) == pytest.approx(0, abs=1e-9)
    two = np.zeros((9, 9, 9), dtype=bool)
    two[1, 1, 1] = two[5, 5, 5] = True
    assert euler(two) == 2
    two[:] = False
    two[3, 3, 3] = two[4, 4, 4] = True  # a corner joins them: bone is 26-connected
    assert euler(two) == 1


def test_connectivity_of_a_rod_lattice_through_the_border():
    cells, period = 3, 8
    mask = np.zeros((cells * period,) * 3, dtype=bool)
    unit = np.zeros((period,) * 3, dtype=bool)
    unit[3:5, 3:5, :] = unit[3:5, :, 3:5] = unit[:, 3:5, 3:5] = True
    mask[:] = np.tile(unit, (cells,) * 3)
    # One node and three struts a cell: the Euler number of the periodic lattice is 1 - 3 per cell.
    density = connectivity_density(mask, (0.1, 0.1, 0.1))
    assert density * (0.1 * cells * period) ** 3 - 1 == pytest.approx(2 * cells**3)


def test_anisotropy_of_stretched_pores():
    # Surfaces of ellipsoids with axes 1 : 1 : 2; the exact crossings are the areas of their projections.
    x = grid(48)
    distance = np.sqrt(x[..., 0] ** 2 + x[..., 1] ** 2 + (x[..., 2] / 2) ** 2) - 9
    fill = sharp(distance)
    # A projection along z is pi a b, along x pi b c: the ratio of the intercepts is c/a.
    assert degree_of_anisotropy(fill, CUBE) == pytest.approx(2, rel=0.03)
    _, axes = mil_ellipsoid(fill, CUBE)
    assert abs(axes[2, 0]) > 0.999


def test_anisotropy_turns_with_the_shape():
    q = turn(5)
    x = grid(48) @ q
    fill = sharp(np.sqrt(x[..., 0] ** 2 + x[..., 1] ** 2 + (x[..., 2] / 2) ** 2) - 9)
    assert degree_of_anisotropy(fill, CUBE) == pytest.approx(2, rel=0.03)
    _, axes = mil_ellipsoid(fill, CUBE)
    assert abs(axes[:, 0] @ q[:, 2]) > 0.999


def test_perfect_plates_are_infinitely_anisotropic():
    fill = np.zeros((16, 16, 16), dtype=np.float32)
    fill[:, :, 4:8] = fill[:, :, 12:] = 1
    assert degree_of_anisotropy(fill, CUBE) > 20


def test_table_of_indices_with_units():
    x = grid(41, (0.05,) * 3)
    specimen = from_mask(np.hypot(x[..., 0], x[..., 1]) < 0.26, 0.05)
    got = morphometry(specimen)
    units = {"TV": "mm^3", "BV": "mm^3", "BV/TV": "", "BS": "mm^2", "BS/TV": "1/mm", "BS/BV": "1/mm"}
    units |= {f"Tb.{name}{kind}": "mm" for name in ("Th", "Sp") for kind in ("", " SD", " max")}
    units |= {"Tb.N": "1/mm", "Tb.N direct": "1/mm", "Tb.1/N.SD": "mm", "Conn.D": "1/mm^3"}
    units |= dict.fromkeys(("SMI", "pBV/BV", "rBV/BV", "DA", "DA lines"), "")
    for k in (1, 2, 3):
        units |= {f"MIL{k}": "mm"} | {f"MIL{k} {axis}": "" for axis in "xyz"}
    assert list(got.units.items()) == list(units.items())
    assert all(column.meaning for column in got.columns) and specimen.name in got.title
    assert got["BV/TV"] == pytest.approx(specimen.mask.mean())
    assert got["BS/BV"] == pytest.approx(2 / 0.26, rel=0.08)
    assert got["Tb.N"] == pytest.approx(1 / (got["Tb.Th"] + got["Tb.Sp"]))
    assert got["Tb.Th"] == pytest.approx(0.52, rel=0.1)


def test_reference_volume_has_the_indices_of_bone(volumes):
    data = np.load(volumes / "test25a.npz")
    got = morphometry(from_mask(data["mask"].T, data["spacing_zyx_mm"][::-1]))
    assert got["BV/TV"] == pytest.approx(7087 / 25**3)
    assert 0.2 < got["Tb.Th"] < 0.3
    assert got["SMI"] < 0
