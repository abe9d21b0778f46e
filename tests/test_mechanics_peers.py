"""Published scans against what other solvers give on exactly the same voxels (FAIM, CalculiX, ParOSol)."""

import numpy as np
import pytest

from trabfem.mechanics import fields, loads, solve, strength
from typed import triple


def scan(volumes, name, youngs):
    with np.load(volumes / f"{name}.npz") as data:
        arrays = {key: data[key].T for key in data.files if data[key].ndim == 3}
        spacing = triple(float(h) for h in data["spacing_zyx_mm"][::-1])
    return arrays.pop("mask") * youngs, spacing, arrays


def test_test25a_equals_faim(volumes):
    modulus, spacing, _ = scan(volumes, "test25a", 6829.0)
    found = solve.solve(modulus, spacing, loads.uniaxial(-0.01))
    assert (found.mesh.num_elements, found.mesh.num_nodes) == (7087, 9938)
    assert found.reaction_force == pytest.approx(-10.190, rel=1e-4)
    assert fields.energy_density(found, "centroid")[modulus > 0].mean() == pytest.approx(0.1494, rel=1e-3)
    assert strength.pistoia(found).failure_load == pytest.approx(-4.9765, rel=1e-3)


@pytest.mark.slow
def test_trab1240_equals_faim(volumes):
    modulus, spacing, arrays = scan(volumes, "trab1240", 10000.0)
    found = solve.solve(modulus, spacing, loads.platens(-0.01))
    assert found.reaction_force == pytest.approx(-71.5189, rel=5e-4)
    difference = fields.energy_density(found, "centroid") - arrays["reference_sed"]
    assert np.linalg.norm(difference) < 2e-3 * np.linalg.norm(arrays["reference_sed"])
    assert strength.pistoia(found).failure_load == pytest.approx(-50.933, rel=1e-3)
    assert found.fine_applications <= 300


@pytest.mark.slow
def test_lhdl_cube_equals_calculix(volumes):
    modulus, spacing, _ = scan(volumes, "lhdl_3155_mask100", 18000.0)
    found = solve.solve(modulus, spacing, loads.fixed_base(displacement=-0.04))
    assert found.reaction_force == pytest.approx(-247.3045, rel=1e-4)


@pytest.mark.slow
def test_synthetic128_equals_parosol(volumes):
    modulus, spacing, _ = scan(volumes, "synthetic128", 6829.0)
    found = solve.solve(modulus, spacing, loads.platens(-0.01))
    assert found.apparent_modulus == pytest.approx(149.8326, rel=1e-5)
    assert found.iterations <= 20
