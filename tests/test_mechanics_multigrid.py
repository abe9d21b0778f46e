"""The hierarchy: partition of unity, Galerkin products, symmetry, separate struts kept apart, bounded iterations."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from analytic import assembled, lattice_bone
from trabfem.mechanics import hexahedron, hierarchy, loads, modes, solve, splitting
from trabfem.mechanics.levels import CoarsestLevel, FineLevel
from trabfem.mechanics.mesh import HexMesh, capacity
from trabfem.mechanics.multigrid import KCycle
from typed import triple


def porous(side, seed=0, solid=0.45):
    return np.random.default_rng(seed).random((side, side, side + 1)) < solid


def platens_hierarchy(mask):
    mesh = HexMesh.from_voxels(mask * 1000.0, (0.03, 0.03, 0.03))
    nodes = np.asarray(mesh.nodes)
    free = np.repeat(((nodes[:, 2] > 0) & (nodes[:, 2] < mask.shape[2]))[:, None], 3, 1)
    free[mesh.num_nodes :] = False
    with jax.enable_x64(True):
        return mesh, free, hierarchy.build(mesh, jnp.asarray(free))


@pytest.fixture(scope="module")
def built():
    return platens_hierarchy(porous(12))


def matrix_of(apply, rows):
    """Dense matrix of a linear map on (rows, 3) fields."""
    unit = jnp.eye(3 * rows, dtype=jnp.float32).reshape(-1, rows, 3)
    return np.asarray(jax.vmap(apply)(unit)).reshape(3 * rows, -1).T


@pytest.mark.parametrize(("shape", "solid"), [((9, 7, 10), 0.3), ((12, 12, 11), 0.15), ((16, 16, 16), 0.5)])
def test_bit_arithmetic_on_voxels_equals_label_propagation(shape, solid):
    mesh = HexMesh.from_voxels((np.random.default_rng(0).random(shape) < solid).astype(float), (1.0, 1.0, 1.0))
    live = jnp.arange(len(mesh.conn)) < mesh.num_elements
    parent, count = splitting.element_components(mesh.conn, mesh.voxels, mesh.nodes, live)
    parents = capacity(int(count))
    parent = jnp.where(live, parent, parents - 1)
    one, n_one = splitting.vertex_components(mesh.conn, mesh.voxels, mesh.nodes, parent, int(count), parents)
    two, n_two = splitting.voxel_vertex_components(mesh.voxels, parent, int(count), parents, shape)
    pairs = set(zip(np.asarray(one)[: int(count)].ravel(), np.asarray(two)[: int(count)].ravel(), strict=True))
    assert len(pairs) == int(n_one) == int(n_two)


def test_constants_are_interpolated_exactly(built):
    mesh, free, levels = built
    for level in levels[:-1]:
        rows = level.transfer.slot.shape[0]
        ones = jnp.ones((level.transfer.vertices, 3), jnp.float32)
        live = mesh.num_nodes if rows == len(mesh.nodes) else int((np.asarray(level.inverse_diagonal).max(1) > 0).sum())
        np.testing.assert_allclose(np.asarray(level.transfer.prolong(ones))[:live], 1, atol=1e-6)
    assert float(abs(levels[0].prolong(jnp.ones((levels[0].transfer.vertices, 3)))[~free]).max()) == 0


def test_restriction_is_the_transpose_of_prolongation(built):
    rng = np.random.default_rng(1)
    for level in built[2][:-1]:
        coarse = jnp.asarray(rng.normal(size=(level.transfer.vertices, 3)), jnp.float32)
        fine = jnp.asarray(rng.normal(size=(len(level.transfer.slot), 3)), jnp.float32)
        fine = jnp.where(level.inverse_diagonal > 0, fine, 0)
        left, right = jnp.vdot(level.prolong(coarse), fine), jnp.vdot(coarse, level.restrict(fine))
        assert abs(float(left - right)) < 1e-5 * float(jnp.linalg.norm(coarse) * jnp.linalg.norm(fine))


def test_coarse_operators_are_galerkin_products():
    mesh, free, levels = platens_hierarchy(porous(7))
    fine, coarse = levels[0], levels[1]
    assert isinstance(fine, FineLevel)
    conn, modulus = np.asarray(mesh.conn)[: mesh.num_elements], np.asarray(mesh.modulus)[: mesh.num_elements]
    matrix = assembled(conn, modulus, hexahedron.stiffness(mesh.spacing, mesh.poisson), len(mesh.nodes))
    prolong = matrix_of(fine.prolong, fine.transfer.vertices)
    product = prolong.T @ (matrix @ prolong)
    if isinstance(coarse, CoarsestLevel):
        ours = np.linalg.pinv(np.asarray(coarse.inverse, float), rcond=1e-5, hermitian=True)
    else:
        ours = matrix_of(coarse.apply, fine.transfer.vertices)
    np.testing.assert_allclose(ours, product, atol=2e-4 * abs(product).max())


def test_matrices_in_16_bits_are_off_by_half_a_unit_at_most():
    matrix = np.random.default_rng(4).normal(size=(32, 24, 24)) * np.logspace(-3, 6, 32)[:, None, None]
    matrix[5] = 0
    with jax.enable_x64(True):
        matrix = jnp.asarray(matrix + matrix.swapaxes(1, 2), jnp.float32)
        packed = modes.Packed.of(modes.pack(matrix))
        largest = np.asarray(abs(matrix).max((1, 2)))
        off = np.asarray(abs(packed.matrices() - matrix).max((1, 2)))
        assert (off <= 0.501 / 32767 * largest).all()
        some = jnp.asarray([31, 5, 17])
        np.testing.assert_array_equal(packed.of_elements(some), packed.matrices()[some])


def test_no_array_is_kept_twice(built):
    mesh, _, levels = built
    fine, *coarse = levels[:-1]
    for name in ("pairs", "modulus", "voxels", "nodes"):
        assert getattr(fine.mesh, name).unsafe_buffer_pointer() == getattr(mesh, name).unsafe_buffer_pointer()
    for above, level in zip((fine, *coarse), coarse, strict=False):
        own, seen = level.operator.elements.conn, above.transfer.conn
        assert own.unsafe_buffer_pointer() == seen.unsafe_buffer_pointer()


def test_v_cycle_is_symmetric_and_positive():
    _, free, levels = platens_hierarchy(lattice_bone(12))
    u, v = (jnp.asarray(np.random.default_rng(s).normal(size=free.shape) * free, jnp.float32) for s in (2, 3))
    cycle = jax.jit(KCycle(inner=1))
    mu, mv = cycle(levels, u), cycle(levels, v)
    size = float(jnp.sqrt(jnp.vdot(u, mu) * jnp.vdot(v, mv)))
    assert size > 0
    assert abs(float(jnp.vdot(v, mu) - jnp.vdot(u, mv))) < 2e-4 * size


def test_struts_one_voxel_apart_are_never_tied():
    """Two rods with a one-voxel gap share coarse cells and vertices' positions, but no copy on any level."""
    mask = np.zeros((8, 8, 32), bool)
    mask[2:4, 2:4], mask[5:7, 2:4] = True, True
    mesh, _, levels = platens_hierarchy(mask)
    rod = np.asarray(mesh.nodes)[:, 0] >= 5
    for level in levels[:-1]:
        assert not isinstance(level, CoarsestLevel)
        slot, conn = np.asarray(level.transfer.slot), np.asarray(level.transfer.conn)
        live = np.asarray(level.inverse_diagonal).max(1) > 0
        sources = [set(conn[slot[live & side] // 27].ravel()) for side in (rod, ~rod)]
        assert not sources[0] & sources[1]
        nodes = np.zeros(level.transfer.vertices, bool)
        nodes[list(sources[0])] = True
        rod = nodes


@pytest.mark.parametrize("folds", [(1, 2), pytest.param((2, 4), marks=pytest.mark.slow)])
def test_iterations_stay_bounded_as_the_side_doubles(folds):
    counts = []
    for fold in folds:
        mask = np.kron(lattice_bone(16), np.ones((fold, fold, fold), bool))
        answer = solve.solve(mask * 1000.0, triple([0.04 / fold] * 3), loads.platens(-0.01))
        assert answer.converged
        counts.append(answer.iterations)
    assert counts[1] <= 1.2 * counts[0] + 1
    assert counts[1] <= 20


def test_struts_of_one_to_three_voxels_converge():
    mask = np.random.default_rng(0).random((24, 24, 24)) < 0.55
    answer = solve.solve(mask * 1000.0, (0.06, 0.06, 0.06), loads.platens(-0.01))
    assert answer.converged
    assert answer.fine_applications <= 300
