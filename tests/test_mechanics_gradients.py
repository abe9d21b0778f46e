"""Gradients by every voxel's modulus against central differences of whole solves."""

from typing import Any

import numpy as np
import pytest

from trabfem.mechanics import gradients, loads, solve, strength

H = (0.03, 0.05, 0.04)
TIGHT: dict[str, Any] = {"rtol": 1e-11, "energy_tol": 1e-16}
STEP = 2e-3
RULE = strength.Criterion("test", 0.13, 0.007, "")


@pytest.fixture(scope="module")
def bone():
    """Random moduli, some of the voxels void, the rest joined from face to face."""
    rng = np.random.default_rng(3)
    return rng.uniform(500, 2000, (4, 4, 5)) * (rng.random((4, 4, 5)) < 0.85)


def answer(modulus, load):
    return solve.solve(modulus, H, load, **TIGHT)


def difference(bone, voxel, load, measure):
    up, down = bone.copy(), bone.copy()
    up[voxel] *= 1 + STEP
    down[voxel] *= 1 - STEP
    step = float(np.float32(up[voxel])) - float(np.float32(down[voxel]))
    return (measure(answer(up, load)) - measure(answer(down, load))) / step


def some_voxels(bone, count=4):
    solid = np.argwhere(bone > 0)
    return [tuple(v) for v in solid[np.random.default_rng(4).choice(len(solid), count, replace=False)]]


@pytest.mark.parametrize("name", ["platens", "shear-zx", "bending-x"])
def test_stiffness_gradient_equals_central_differences(bone, name):
    load = loads.by_name(name, -0.01)
    found = answer(bone, load)
    gradient = gradients.stiffness(found)
    for voxel in some_voxels(bone):
        assert gradient[voxel] == pytest.approx(difference(bone, voxel, load, lambda s: s.stiffness), rel=2e-4)
    assert (gradient * bone).sum() == pytest.approx(found.stiffness, rel=1e-6)
    assert not gradient[bone == 0].any()


@pytest.mark.parametrize("load", [loads.platens(-0.01), loads.ForcePlate(-2.0)])
def test_energy_gradient_equals_central_differences(bone, load):
    gradient = gradients.energy(answer(bone, load))
    for voxel in some_voxels(bone):
        assert gradient[voxel] == pytest.approx(difference(bone, voxel, load, lambda s: s.energy), rel=2e-4)


@pytest.mark.parametrize("load", [loads.platens(-0.01), loads.ForcePlate(-2.0), loads.uniaxial(0.02)])
def test_pistoia_gradient_equals_central_differences(bone, load):
    found = answer(bone, load)
    result = gradients.pistoia(found, RULE, rtol=1e-10)
    assert result.converged
    assert result.failure_load == pytest.approx(strength.pistoia(found, RULE).failure_load, rel=1e-12)
    scale = abs(result.gradient).max()
    for voxel in some_voxels(bone, 6):
        exact = difference(bone, voxel, load, lambda s: strength.pistoia(s, RULE).failure_load)
        assert result.gradient[voxel] == pytest.approx(exact, rel=5e-4, abs=1e-5 * scale)


def test_failure_load_grows_in_proportion_to_all_moduli(bone):
    """Euler's sum again: twice the modulus everywhere carries twice the force at the same strain."""
    result = gradients.pistoia(answer(bone, loads.platens(-0.01)), RULE, rtol=1e-10)
    assert (result.gradient * bone).sum() == pytest.approx(result.failure_load, rel=1e-6)


def test_an_adjoint_cut_short_says_so(bone):
    assert not gradients.pistoia(answer(bone, loads.platens(-0.01)), RULE, rtol=1e-10, max_iterations=2).converged
