"""Published scans against what other solvers give on exactly the same voxels (FAIM, CalculiX, ParOSol).

Their numbers, and the difference allowed, stand in peer_figures.json alone, which the documentation shows as well.
"""

import json
from pathlib import Path

import numpy as np
import pytest

from trabfem.mechanics import fields, loads, solve, strength
from typed import triple

FIGURES = {
    figure["id"]: figure
    for figure in json.loads(Path(__file__).with_name("peer_figures.json").read_text(encoding="utf-8"))["figures"]
}


def theirs(name):
    """The other solver's number, a magnitude, within the limit that its figure allows."""
    return pytest.approx(FIGURES[name]["theirs"], rel=FIGURES[name]["limit"])


def scan(volumes, name, youngs):
    with np.load(volumes / f"{name}.npz") as data:
        arrays = {key: data[key].T for key in data.files if data[key].ndim == 3}
        spacing = triple(float(h) for h in data["spacing_zyx_mm"][::-1])
    return arrays.pop("mask") * youngs, spacing, arrays


def test_test25a_equals_faim(volumes):
    modulus, spacing, _ = scan(volumes, "test25a", 6829.0)
    found = solve.solve(modulus, spacing, loads.uniaxial(-0.01))
    assert (found.mesh.num_elements, found.mesh.num_nodes) == (7087, 9938)
    assert -found.reaction_force == theirs("test25a_force")
    assert fields.energy_density(found, "centroid")[modulus > 0].mean() == theirs("test25a_sed")
    assert -strength.pistoia(found).failure_load == theirs("test25a_pistoia")


@pytest.mark.slow
def test_trab1240_equals_faim(volumes):
    modulus, spacing, arrays = scan(volumes, "trab1240", 10000.0)
    found = solve.solve(modulus, spacing, loads.platens(-0.01))
    assert -found.reaction_force == theirs("trab1240_force")
    difference = fields.energy_density(found, "centroid") - arrays["reference_sed"]
    assert np.linalg.norm(difference) < FIGURES["trab1240_sed"]["limit"] * np.linalg.norm(arrays["reference_sed"])
    assert -strength.pistoia(found).failure_load == theirs("trab1240_pistoia")
    assert found.fine_applications <= 300


@pytest.mark.slow
def test_lhdl_cube_equals_calculix(volumes):
    modulus, spacing, _ = scan(volumes, "lhdl_3155_mask100", 18000.0)
    found = solve.solve(modulus, spacing, loads.fixed_base(displacement=-0.04))
    assert -found.reaction_force == theirs("lhdl_force")


@pytest.mark.slow
def test_synthetic128_equals_parosol(volumes):
    modulus, spacing, _ = scan(volumes, "synthetic128", 6829.0)
    found = solve.solve(modulus, spacing, loads.platens(-0.01))
    assert found.apparent_modulus == theirs("synthetic128_modulus")
    assert found.iterations <= 20
