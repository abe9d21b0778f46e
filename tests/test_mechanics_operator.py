"""The matrix-free operator against an assembled matrix, exact fields and refinement."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from analytic import assembled, reference_stiffness, rigid_motions
from trabfem.errors import UserError
from trabfem.mechanics import hexahedron, operator
from trabfem.mechanics.mesh import HexMesh, Lengths, capacity

SPACING = (0.03, 0.05, 0.04)


@pytest.fixture
def mesh():
    modulus = np.random.default_rng(1).uniform(500, 2000, (3, 4, 5)) * (
        np.random.default_rng(2).random((3, 4, 5)) < 0.8
    )
    return HexMesh.from_voxels(modulus, SPACING, 0.27)


def forces(mesh, u):
    with jax.enable_x64(True):
        stiffness = jnp.asarray(hexahedron.stiffness(mesh.spacing, mesh.poisson))
        return np.asarray(operator.apply(mesh, stiffness, jnp.asarray(u)))


@pytest.mark.parametrize("poisson", [0.0, 0.3, 0.45])
def test_element_equals_independent_quadrature(poisson):
    ours, other = hexahedron.stiffness(SPACING, poisson), reference_stiffness(SPACING, poisson)
    np.testing.assert_allclose(ours, other, atol=1e-13 * abs(other).max())


def test_element_is_diagonalised_by_walsh_hadamard_modes_up_to_45_entries():
    line = np.array([[1, 1], [-1, 1]])
    modes = np.kron(np.kron(np.kron(line, line), line), np.eye(3)) / np.sqrt(8)
    in_modes = modes @ hexahedron.stiffness((1.0, 1.0, 1.0), 0.3) @ modes.T
    assert (abs(in_modes) > 1e-12).sum() == 45


def test_operator_equals_an_assembled_matrix(mesh):
    conn, modulus = np.asarray(mesh.conn)[: mesh.num_elements], np.asarray(mesh.modulus)[: mesh.num_elements]
    matrix = assembled(conn, modulus.astype(float), reference_stiffness(SPACING, 0.27), len(mesh.nodes))
    u = np.random.default_rng(3).normal(size=(len(mesh.nodes), 3))
    np.testing.assert_allclose(forces(mesh, u).ravel(), matrix @ u.ravel(), atol=1e-10 * abs(matrix).max())


def test_operator_is_symmetric(mesh):
    u, v = np.random.default_rng(4).normal(size=(2, len(mesh.nodes), 3))
    assert np.vdot(u, forces(mesh, v)) == pytest.approx(np.vdot(v, forces(mesh, u)), rel=1e-12)


def test_rigid_motions_need_no_force(mesh):
    for motion in rigid_motions(np.asarray(mesh.nodes) * np.array(SPACING)):
        assert abs(forces(mesh, motion)).max() < 1e-10


def test_patch_test_linear_displacement_leaves_no_inner_force():
    mesh = HexMesh.from_voxels(np.full((3, 4, 5), 1000.0), SPACING, 0.3)
    nodes = np.asarray(mesh.nodes)
    gradient = np.random.default_rng(5).normal(size=(3, 3))
    force = forces(mesh, nodes * np.array(SPACING) @ gradient)
    inside = np.asarray(((nodes > 0) & (nodes < np.array([3, 4, 5]))).all(1))
    inside[mesh.num_nodes :] = False
    assert inside.sum() == 2 * 3 * 4
    assert abs(force[inside]).max() < 1e-11 * abs(force).max()


def test_energy_of_a_smooth_field_converges_with_second_order():
    """u_z = sin(x): exact energy G/4 of the unit cube's sin^2 shear field; trilinear interpolation errs as h^2."""
    errors, sides = [], (4, 8, 16)
    exact = 0.5 / 2.6 * (0.5 + np.sin(2.0) / 4)
    for side in sides:
        mesh = HexMesh.from_voxels(np.ones((side, 2, 2)), (1 / side, 0.5, 0.5), 0.3)
        u = np.zeros((len(mesh.nodes), 3))
        u[:, 2] = np.sin(np.asarray(mesh.nodes)[:, 0] / side)
        errors.append(abs(np.vdot(u, forces(mesh, u)) / 2 - exact))
    order = np.polyfit(np.log(sides), -np.log(errors), 1)[0]
    assert 1.9 < order < 2.1


def test_array_lengths_stay_for_a_similar_mesh_and_grow_for_a_larger_one():
    small = HexMesh.from_voxels(np.ones((6, 6, 6)), SPACING)
    fewer = np.ones((6, 6, 6))
    fewer[0, 0, :3] = 0
    assert HexMesh.from_voxels(fewer, SPACING, like=small.lengths).conn.shape == small.conn.shape
    assert len(HexMesh.from_voxels(np.ones((9, 9, 9)), SPACING, like=small.lengths).conn) > 9**3
    assert capacity(100) > 100
    assert capacity(100, present=101) == 101
    assert capacity(10**6) - 10**6 < 10**4
    assert capacity(10**6, present=10**6) > 1.07e6  # a mesh that grows grows again


def test_idle_elements_touch_idle_nodes_only():
    small = HexMesh.from_voxels(np.ones((6, 6, 6)), SPACING)
    for like in (None, Lengths(len(small.pairs), small.num_nodes + 1), Lengths(len(small.pairs), small.num_nodes + 2)):
        mesh = HexMesh.from_voxels(np.ones((6, 6, 6)), SPACING, like=like)
        assert np.asarray(mesh.conn)[mesh.num_elements :].min() >= mesh.num_nodes
        assert np.asarray(mesh.conn).max() < len(mesh.nodes)


@pytest.mark.parametrize(
    ("modulus", "poisson", "words"),
    [
        (np.zeros((3, 3, 3)), 0.3, "no solid voxel"),
        (np.full((3, 3, 3), np.nan), 0.3, "not finite"),
        (np.full((3, 3, 3), -1.0), 0.3, "negative"),
        (np.ones((3, 3, 3)), 0.5, "Poisson"),
        (np.ones((2**15, 1, 1)), 0.3, "32768 voxels"),
    ],
)
def test_bad_moduli_are_one_clear_sentence(modulus, poisson, words):
    with pytest.raises(UserError, match=words):
        HexMesh.from_voxels(modulus, SPACING, poisson)
