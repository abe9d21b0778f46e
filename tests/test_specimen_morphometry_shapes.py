"""Plates, rods and spheres from one voxel up: what the indices of thin bone are worth."""

import math

import numpy as np
import pytest

from trabfem.specimen import Specimen
from trabfem.specimen.morphometry import (
    bias_note,
    degree_by_lines,
    degree_of_anisotropy,
    morphometry,
    surface_integrals,
)
from trabfem.specimen.morphometry.mid_axis import axis_distances, measure, mid_axis

CUBE = (1.0, 1.0, 1.0)


def centred(side):
    return np.moveaxis(np.indices((side,) * 3) - (side - 1) / 2, 0, -1)


def turn(seed):
    return np.linalg.qr(np.random.default_rng(seed).normal(size=(3, 3)))[0] if seed else np.eye(3)


def model_index(mask):
    surface, curvature = surface_integrals(mask.astype(np.float32), CUBE)
    return 12 * mask.sum() * curvature / surface**2


def plate(side, thickness, degrees):
    """A plate through the middle, on a layer of voxels where its thickness is odd."""
    x, angle = centred(side), math.radians(degrees)
    across = math.cos(angle) * x[..., 1] + math.sin(angle) * x[..., 0]
    return np.abs(across - (thickness % 2) / 2) < thickness / 2


@pytest.mark.parametrize("degrees", [0, 3, 10, 30])
@pytest.mark.parametrize("thickness", range(1, 9))
def test_model_index_of_plates_is_zero(thickness, degrees):
    # A plate one voxel thick and oblique is a staircase with holes.
    limit = 0.6 if thickness == 1 and degrees == 30 else 0.3 if thickness == 1 else 0.2 if thickness == 2 else 0.1
    assert abs(model_index(plate(32, thickness, degrees))) < limit


@pytest.mark.parametrize("diameter", [3, 4, 5, 6, 8, 10])
@pytest.mark.parametrize("seed", [0, 1])
def test_model_index_of_rods_is_three(diameter, seed):
    y = (centred(32) - 0.2 * seed) @ turn(seed)
    assert model_index(np.hypot(y[..., 0], y[..., 1]) < diameter / 2) == pytest.approx(3, abs=0.25)


@pytest.mark.parametrize("diameter", [3, 4, 5, 6, 8, 12])
@pytest.mark.parametrize("shift", [0.0, 0.17])
def test_model_index_of_spheres_is_four(diameter, shift):
    distance = np.linalg.norm(centred(24) - shift * np.array([1, 2, 3]), axis=-1)
    assert model_index(distance < diameter / 2) == pytest.approx(4, abs=0.35 if diameter == 3 else 0.15)


@pytest.mark.parametrize("seed", [0, 1])
@pytest.mark.parametrize("thickness", [2, 3, 5])
def test_number_of_parallel_plates_by_their_mid_planes(seed, thickness):
    """One plate every 16 voxels; thickness and separation play no part."""
    across = (centred(48) @ turn(seed))[..., 0] + 0.2
    mask = np.abs((across + 160) % 16 - 8) < thickness / 2
    axis, _ = mid_axis(mask, (0.1, 0.1, 0.1))
    assert np.abs((across[axis] + 160) % 16 - 8).mean() < 0.7
    apart = axis_distances(axis, (0.1, 0.1, 0.1))
    # A mid-plane two voxels thick takes two voxels from the distance.
    assert -0.21 < apart.mean() - 1.6 < 0.06


def test_mid_plane_of_an_upright_plate_is_its_middle_layer_inside_and_outside_a_region():
    mask = np.zeros((20, 20, 20), bool)
    mask[:, :, 8:13] = True
    region = np.zeros_like(mask)
    region[3:17, 3:17, 2:18] = True
    for where, expected in ((None, np.s_[:, :, 10]), (region, np.s_[3:17, 3:17, 10])):
        middle = np.zeros_like(mask)
        middle[expected] = True
        np.testing.assert_array_equal(mid_axis(mask, CUBE, where)[0], middle)


@pytest.mark.parametrize("seed", [0, 1])
def test_plates_are_plates_and_rods_are_rods(seed):
    x = centred(40) @ turn(seed)
    fold = (x + 160 + 0.2) % 16 - 8
    for thickness in (3, 5):
        sheets = np.abs(fold[..., 0]) < thickness / 2
        rods = np.hypot(fold[..., 0], fold[..., 1]) < thickness / 2
        for mask, expected in ((sheets, 1), (rods, 0)):
            got = measure(Specimen(mask.astype(np.float32), CUBE))
            assert got["pBV/BV"] == pytest.approx(expected, abs=0.05)
            assert got["pBV/BV"] + got["rBV/BV"] == pytest.approx(1)


def test_a_lattice_of_rods_is_rods_but_for_some_junctions():
    fold = (centred(40) + 160.3) % 20 - 10
    mask = np.zeros((40,) * 3, bool)
    for i in range(3):
        mask |= np.hypot(fold[..., i], fold[..., (i + 1) % 3]) < 2
    assert measure(Specimen(mask.astype(np.float32), CUBE))["pBV/BV"] < 0.15


def test_a_strip_becomes_a_plate_between_two_and_three_thicknesses_of_width():
    x = centred(40) @ turn(3)
    share = [
        measure(Specimen((np.abs(x[..., 0]) < 1.5) & (np.abs(x[..., 1]) < 1.5 * width), CUBE))["pBV/BV"]
        for width in (1, 3)
    ]
    assert share[0] < 0.05 and share[1] > 0.95


def test_anisotropy_by_lines_and_its_axes():
    """Pores twice as long as wide, turned."""
    q = turn(5)
    fold = ((centred(64) @ q + 0.3) / (1, 1, 2) + 160) % 16 - 8
    fill = (np.linalg.norm(fold, axis=-1) >= 6).astype(np.float32)
    # The border cuts some pores short.
    assert degree_of_anisotropy(fill, CUBE) == pytest.approx(2, rel=0.08)
    assert degree_by_lines(fill, CUBE) == pytest.approx(degree_of_anisotropy(fill, CUBE), rel=0.03)
    got = morphometry(Specimen(fill, CUBE))
    longest = np.array([got[f"MIL1 {axis}"] for axis in "xyz"])
    assert np.linalg.norm(longest) == pytest.approx(1) and abs(longest @ q[:, 2]) > 0.999
    assert got["MIL1"] / got["MIL3"] == pytest.approx(got["DA"])
    # A line crosses each of its pores twice, and meets pi (6)^2 of every 16^2 across its longest axis.
    assert got["MIL1"] == pytest.approx(32 / (2 * math.pi * 36 / 16**2), rel=0.06)


def test_the_note_on_bias_names_the_thickness_and_each_index():
    note = bias_note({"Tb.Th": 0.31, "SMI": 1.2, "Conn.D": 3.0}, (0.1, 0.1, 0.1))
    assert "3.1 voxels" in note and "SMI" in note and "Conn.D" not in note
    assert bias_note({"Tb.Th": 0.0}, CUBE) == ""
