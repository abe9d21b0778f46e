"""Indices inside a region of interest: nothing outside it counts, and its border is no surface."""

import dataclasses

import numpy as np
import pytest

from trabfem.specimen import Specimen, readers
from trabfem.specimen.morphometry import (
    connectivity_density,
    known_bias,
    morphometry,
    separation_map,
    surface_integrals,
    thickness,
    thickness_map,
)
from trabfem.specimen.morphometry.bias import BIASES
from trabfem.specimen.morphometry.local_thickness import local_thickness

CUBE = (1.0, 1.0, 1.0)
SIDE = 44
KINDS = ("slab", "rod", "sphere")


def centred(side):
    return np.moveaxis(np.indices((side,) * 3) - (side - 1) / 2, 0, -1)


def cylinder(side, radius):
    x = centred(side)
    return (np.hypot(x[..., 0], x[..., 1]) < radius) & (np.abs(x[..., 2]) < radius)


def shape(kind, size, seed):
    rng = np.random.default_rng(seed)
    x = (centred(SIDE) + rng.uniform(-0.5, 0.5, 3)) @ np.linalg.qr(rng.normal(size=(3, 3)))[0]
    return np.linalg.norm(x[..., : KINDS.index(kind) + 1], axis=-1) < size / 2


@pytest.fixture(scope="module")
def bone():
    found = readers.read("vertebra_64")
    fill = found.fill[8:52, 8:52, 8:52]
    return Specimen(fill, found.spacing, density=np.where(fill >= 0.5, 900, 50), region=cylinder(44, 18))


def test_nothing_outside_the_region_counts(bone):
    """A core in air, in bone and in noise has the indices of the core."""
    noise = np.random.default_rng(0).random(bone.shape, dtype=np.float32)
    expected = morphometry(bone)
    for other in (np.zeros_like(noise), noise):
        fill = np.where(bone.region, bone.fill, other)
        density = np.where(bone.region, bone.density, 1e4 * other)
        got = morphometry(dataclasses.replace(bone, fill=fill, density=density))
        assert list(got) == list(expected)
        assert list(got.values()) == pytest.approx(list(expected.values()), rel=1e-4, abs=1e-4)


def test_a_box_as_a_region_has_the_indices_of_the_block_cut_there(bone):
    box = np.zeros(bone.shape, bool)
    box[2:40, 5:41, 4:44] = True
    inside = morphometry(dataclasses.replace(bone, region=box))
    cut = morphometry(Specimen(bone.fill[2:40, 5:41, 4:44], bone.spacing, density=bone.density[2:40, 5:41, 4:44]))
    tolerances = {"BS": 0.01, "BS/TV": 0.01, "BS/BV": 0.01, "SMI": 0.06, "DA": 0.02, "DA lines": 0.03}
    for name in ("TV", "BV", "Tb.Th", "Tb.Th SD", "Tb.Sp", "Tb.Sp max", "Tb.N direct", "Conn.D", "vBMD", *tolerances):
        assert inside[name] == pytest.approx(cut[name], rel=tolerances.get(name, 1e-6)), name


def test_volumes_and_densities_of_a_region(bone):
    got = morphometry(bone)
    region, mask = bone.region, bone.mask
    assert got["TV"] == pytest.approx(region.sum() * 0.035**3)
    assert got["BV/TV"] == pytest.approx(bone.fill[region].mean())
    assert got["BV"] == pytest.approx(got["TV"] * got["BV/TV"])
    assert got["BS/TV"] == pytest.approx(got["BS"] / got["TV"])
    assert got["TMD"] == 900 and got["vBMD"] == pytest.approx(50 + 850 * mask[region].mean())
    assert "vBMD" not in morphometry(Specimen(bone.fill, bone.spacing))


def test_a_core_in_a_box_is_not_separated_by_the_air_around_it(bone):
    air = np.where(bone.region, bone.fill, np.float32(0))
    box, core, whole = (
        morphometry(one)["Tb.Sp"]
        for one in (
            Specimen(air, bone.spacing),
            dataclasses.replace(bone, fill=air),
            dataclasses.replace(bone, region=None),
        )
    )
    assert core == pytest.approx(whole, rel=0.05)
    assert box > 1.15 * core


def test_local_thickness_in_a_region_equals_its_definition():
    rng = np.random.default_rng(3)
    mask, region = rng.random((9, 8, 10)) < 0.8, rng.random((9, 8, 10)) < 0.7
    inside, outside = np.argwhere(mask & region), np.argwhere(~mask & region)
    radius = np.array([np.min(np.linalg.norm(outside - p, axis=1)) for p in inside])
    gap = np.linalg.norm(inside[:, None] - inside[None], axis=2)
    expected = 2 * np.where(gap < radius[None, :], radius[None, :], 0).max(axis=1)
    got = local_thickness(mask, CUBE, region)
    np.testing.assert_allclose(got[mask & region], expected, rtol=1e-5)
    assert not got[~(mask & region)].any()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("size", [3, 5, 9])
def test_shapes_in_a_cylinder_are_exact_within_the_known_bias(kind, size):
    """Places and orientations other than those that the bias was measured on; a tenth of a voxel, or 2 %, is chance."""
    region = cylinder(SIDE, 17)
    for seed in (101, 102):
        mask = shape(kind, size, seed)
        low, high = BIASES["Tb.Th"].at(size)
        assert low - 0.15 < thickness(mask, CUBE, region) - size < high + 0.15
        area, curvature = surface_integrals(mask.astype(np.float32), CUBE, region)
        low, high = BIASES["SMI"].at(size)
        exact = {"slab": 0, "rod": 3, "sphere": 4}[kind]
        assert low - 0.1 < 12 * (mask & region).sum() * curvature / area**2 - exact < high + 0.1
        if kind == "sphere":
            low, high = BIASES["BS"].at(size)
            assert low - 2 < 100 * (area / (np.pi * size**2) - 1) < high + 2


def test_connectivity_of_regions_adds_up():
    mask = np.zeros((24,) * 3, bool)
    for start in range(2, 24, 6):
        mask[start : start + 2, start % 4 : start % 4 + 2, :] = mask[:, start : start + 2, start : start + 2] = True
    mask |= np.tile(mask[:12], (2, 1, 1))
    left = np.zeros_like(mask)
    # A border through struts along x only, so that bone lies on both of its sides or on none.
    left[:12] = True
    parts = [1 - connectivity_density(mask, CUBE, side) * side.sum() for side in (left, ~left)]
    assert np.array_equal(mask[11], mask[12])
    assert sum(parts) == pytest.approx(1 - connectivity_density(mask, CUBE) * mask.size)


def test_maps_have_the_means_of_the_indices(bone):
    got, th, sp = morphometry(bone), thickness_map(bone), separation_map(bone)
    assert th.dtype == sp.dtype == np.float32 and th.shape == sp.shape == bone.shape
    inside = bone.mask & bone.region
    assert th[inside].mean() == pytest.approx(got["Tb.Th"], rel=1e-5)
    assert th[inside].std() == pytest.approx(got["Tb.Th SD"], rel=1e-4) and th.max() == pytest.approx(got["Tb.Th max"])
    assert not th[~inside].any() and not sp[bone.mask | ~bone.region].any()
    assert sp[~bone.mask & bone.region].mean() == pytest.approx(got["Tb.Sp"], rel=1e-5)


def test_map_of_the_separation_on_the_halved_lattice(bone, monkeypatch):
    monkeypatch.setattr("trabfem.specimen.morphometry.local_thickness.COARSE_SIDE", 16)
    sp = separation_map(bone)
    assert (sp[~bone.mask & bone.region] > 0).all() and not sp[bone.mask | ~bone.region].any()
    assert sp[~bone.mask & bone.region].mean() == pytest.approx(morphometry(bone)["Tb.Sp"], rel=0.02)


def test_no_bone_or_no_marrow_in_the_region(bone):
    for value in (0, 1):
        got = morphometry(dataclasses.replace(bone, fill=np.full(bone.shape, value, np.float32)))
        assert got["BV/TV"] == value and got["BS"] == pytest.approx(0, abs=1e-3)
        assert np.isnan(got["Tb.N direct"]) and np.isnan(got["DA"]) and np.isnan(got["SMI"])


def test_known_bias_is_said_in_the_units_it_was_measured_in():
    assert known_bias("Tb.Th", 3.1).endswith("voxels") and known_bias("BS/BV", 3.1).endswith("%")
    assert known_bias("Conn.D", 3.1) == known_bias("Tb.Th", np.inf) == ""
    low, high = BIASES["BS"].at(3.5)
    assert low <= BIASES["BS"].ranges[4][0] and high >= BIASES["BS"].ranges[3][1]
