"""Solutions against exact ones and a direct solver; what an answer says about its own error."""

import dataclasses
import logging

import jax
import numpy as np
import pytest
import scipy.sparse.linalg

from analytic import assembled, constrained_modulus, lattice_bone
from trabfem.errors import UserError
from trabfem.mechanics import fields, hexahedron, loads, solve, strength

H = (0.03, 0.05, 0.04)
CUBE = (0.04, 0.04, 0.04)


def block(shape=(4, 5, 6), youngs=1000.0):
    return np.full(shape, youngs)


@pytest.fixture(scope="module")
def bone():
    return lattice_bone(20) * 5000.0


@pytest.fixture(scope="module")
def answer(bone):
    return solve.solve(bone, CUBE, loads.platens(-0.01))


def test_block_between_frictionless_plates_has_its_own_modulus():
    found = solve.solve(block(), H, loads.uniaxial(-0.01))
    assert found.apparent_modulus == pytest.approx(1000, rel=1e-6)
    assert found.reaction_force == pytest.approx(-0.01 * 1000 * 4 * 0.03 * 5 * 0.05, rel=1e-6)


def test_confined_block_has_the_constrained_modulus():
    found = solve.solve(block(), H, loads.confined(0.002), poisson=0.35)
    assert found.apparent_modulus == pytest.approx(constrained_modulus(1000, 0.35), rel=1e-6)


def test_held_ends_stiffen_in_the_order_of_what_is_held():
    kinds = (loads.uniaxial, loads.fixed_base, loads.platens, loads.confined)
    moduli = [solve.solve(block(), H, kind(-0.01)).apparent_modulus for kind in kinds]
    assert moduli == sorted(moduli)
    assert moduli[0] < moduli[1] < moduli[2] < moduli[3]


@pytest.mark.parametrize("amount", [-0.01, 0.002])
def test_one_layer_between_plates_is_exact(amount):
    """All nodes are prescribed: every voxel is confined, and there is no force to balance."""
    modulus = np.zeros((4, 4, 1))
    modulus[0, 0], modulus[2:, 1:3] = 900.0, 1000.0
    found = solve.solve(modulus, H, loads.platens(amount))
    confined = constrained_modulus(1.0, 0.3) * (900 + 4 * 1000) * H[0] * H[1] / H[2]
    assert found.converged and found.relative_residual == 0 and found.energy_error == 0 and found.iterations == 0
    assert found.stiffness == pytest.approx(confined, rel=1e-9)
    assert strength.pistoia(found).failure_load < 0 if amount < 0 else found.reaction_force > 0


@pytest.mark.parametrize("norm", [np.inf, np.nan])
def test_what_is_not_finite_has_not_converged(monkeypatch, norm):
    """Every residual is small beside an infinite load."""
    begin = solve.begin_case
    monkeypatch.setattr(solve, "begin_case", lambda *given: (*begin(*given)[:2], np.float64(norm)))
    assert not solve.solve(block(), H, loads.platens(-0.01), max_iterations=3).converged


def test_load_axis_is_the_third():
    """Layers of stiff and soft bone in series along z, side by side along x: three unequal sides catch a swap."""
    stack, beside = block((4, 5, 6)), block((4, 5, 6))
    stack[:, :, 3:], beside[2:] = 500, 500
    series, parallel = (solve.solve(bone, H, loads.uniaxial(-0.01), poisson=0.0) for bone in (stack, beside))
    assert series.apparent_modulus == pytest.approx(1e6 / 1500, rel=1e-5)
    assert parallel.apparent_modulus == pytest.approx(750, rel=1e-5)


def test_displacements_equal_a_direct_solve(bone, answer):
    mesh = answer.mesh
    conn, modulus = np.asarray(mesh.conn)[: mesh.num_elements], np.asarray(mesh.modulus)[: mesh.num_elements]
    stiffness = hexahedron.stiffness(mesh.spacing, mesh.poisson)
    matrix = assembled(conn, modulus.astype(float), stiffness, mesh.num_nodes)
    fixed, value = answer.load.prescribe(np.asarray(mesh.nodes)[: mesh.num_nodes], mesh.shape, mesh.spacing)
    free = ~fixed.ravel()
    exact = value.ravel().copy()
    exact[free] = scipy.sparse.linalg.spsolve(matrix[free][:, free].tocsc(), -(matrix @ exact)[free])
    ours = np.asarray(answer.displacement)[: mesh.num_nodes].ravel()
    assert np.linalg.norm(ours - exact) < 1e-5 * np.linalg.norm(exact)
    assert answer.energy == pytest.approx(exact @ (matrix @ exact) / 2, rel=1e-8)
    residual = (matrix @ ours)[free]
    pushed = (matrix @ value.ravel())[free]
    assert answer.relative_residual == pytest.approx(np.linalg.norm(residual) / np.linalg.norm(pushed), rel=0.05)


@pytest.mark.parametrize("rtol", [1e-4, 1e-5, 1e-6])
def test_energy_error_is_near_the_truth_and_not_optimistic_beyond_five(bone, rtol):
    exact = solve.solve(bone, CUBE, loads.platens(-0.01), rtol=1e-12, energy_tol=1e-20)
    found = solve.solve(bone, CUBE, loads.platens(-0.01), rtol=rtol, energy_tol=1.0)
    true = found.energy / exact.energy - 1
    assert exact.relative_residual < 1e-12
    assert 0.1 < true / found.energy_error < 5


def test_too_few_iterations_are_reported(bone):
    found = solve.solve(bone, CUBE, loads.platens(-0.01), max_iterations=2)
    assert not found.converged
    assert found.iterations == 2
    assert "not converged" in found.message
    assert found.relative_residual > 1e-6


def test_both_tolerances_are_kept(bone):
    tight = solve.solve(bone, CUBE, loads.platens(-0.01), rtol=1e-2, energy_tol=1e-10)
    assert tight.energy_error <= 1e-10


def test_force_plate_scales_to_its_force(bone, answer):
    pressed = solve.solve(bone, CUBE, loads.ForcePlate(-3.0))
    assert pressed.reaction_force == pytest.approx(-3, rel=1e-12)
    assert pressed.stiffness == pytest.approx(answer.stiffness, rel=1e-6)
    assert pressed.energy == pytest.approx(4.5 / pressed.stiffness, rel=1e-6)


def test_unprevented_rigid_motion_does_not_stall_the_solve():
    thin = np.zeros((12, 12, 16))
    thin[3:6, 4:9] = 1000
    found = solve.solve(thin, (0.03, 0.03, 0.03), loads.uniaxial(-0.01))
    assert found.converged
    assert found.apparent_modulus == pytest.approx(1000 * 15 / 144, rel=1e-5)


def test_warm_start_is_shorter_and_compiles_nothing(bone, caplog):
    first = solve.solve(bone, CUBE, loads.platens(-0.01))
    changed = bone.copy()
    changed[5, :, 9] *= 0.4
    changed[:, :, :3][bone[:, :, :3] > 0][:4] = 0
    solve.solve(bone, CUBE, loads.platens(-0.01), start=first)
    with caplog.at_level(logging.WARNING), jax.log_compiles(True):
        warm = solve.solve(changed, CUBE, loads.platens(-0.01), start=first)
    compiled = [r.getMessage() for r in caplog.records if "Finished XLA compilation" in r.getMessage()]
    assert not [message for message in compiled if "minimise" in message or "_smoothing" in message]
    cold = solve.solve(changed, CUBE, loads.platens(-0.01))
    assert warm.iterations < cold.iterations
    assert warm.energy == pytest.approx(cold.energy, rel=1e-7)


def test_energy_density_adds_up_to_the_energy(answer):
    volume = 0.04**3
    gauss, centroid = (fields.energy_density(answer, where) for where in ("gauss", "centroid"))
    assert gauss.sum() * volume == pytest.approx(answer.energy, rel=1e-9)
    assert 0.8 * gauss.sum() < centroid.sum() < gauss.sum()


def test_strain_and_stress_of_a_block_are_uniform():
    found = solve.solve(block(), H, loads.uniaxial(-0.01), poisson=0.3)
    np.testing.assert_allclose(fields.strain(found), np.tile([0.003, 0.003, -0.01, 0, 0, 0], (120, 1)), atol=2e-8)
    np.testing.assert_allclose(fields.stress(found)[:, 2], -10, rtol=1e-5)


def test_pistoia_of_a_block_follows_by_hand():
    """Effective strain of uniaxial stress is the strain itself, so 0.7 % is reached at 0.7 times a 1 % load."""
    found = strength.pistoia(solve.solve(block(), H, loads.uniaxial(-0.01)))
    assert found.ees == pytest.approx(0.01, rel=1e-5)
    assert found.failure_load == pytest.approx(-0.7 * 0.01 * 1000 * 0.12 * 0.25, rel=1e-5)


def test_pistoia_looks_at_the_most_strained_share_of_the_tissue():
    """Half the column is half as stiff: its effective strain is twice the other's, and 2 % of tissue lies in it."""
    column = block((2, 2, 10))
    column[:, :, 5:] = 500
    solution = solve.solve(column, H, loads.uniaxial(-0.01), poisson=0.0)
    rule = strength.PISTOIA_2002
    weak = strength.pistoia(solution, dataclasses.replace(rule, volume=0.3))
    strong = strength.pistoia(solution, dataclasses.replace(rule, volume=0.4))
    assert weak.ees == pytest.approx(2 * strong.ees, rel=1e-4)


def test_nothing_between_the_plates_is_one_clear_sentence():
    gap = block()
    gap[:, :, 3] = 0
    with pytest.raises(UserError, match="no bone connects the two loaded faces"):
        solve.solve(gap, H, loads.platens(-0.01))


@pytest.mark.parametrize(
    ("name", "strain", "displacement"), [("squash", -0.01, None), ("platens", -0.01, 0.1), ("platens", 0.0, None)]
)
def test_bad_loads_are_one_clear_sentence(name, strain, displacement):
    with pytest.raises(UserError):
        loads.by_name(name, strain, displacement)
