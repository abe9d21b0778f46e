"""The kernels for GPUs, on a CPU that stands in for one: against plain forms, and whole solves against the CPU's."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from analytic import lattice_bone
from trabfem.mechanics import hexahedron, hierarchy, loads, native, operator, solve, splitting, supports
from trabfem.mechanics.cases import solve_cases
from trabfem.mechanics.levels import CoarseLevel, CoarsestLevel
from trabfem.mechanics.mesh import HexMesh
from trabfem.mechanics.native import builds, pretended
from trabfem.mechanics.parts.solve import solve_parts

SPACING = (0.03, 0.05, 0.04)
pytestmark = pytest.mark.skipif(native.kind() != "cpu", reason="no C compiler, or JAX computes elsewhere")


def specimen(side=14, share=0.45):
    random = np.random.default_rng(5)
    shape = (side, side + 1, side + 20)
    return random.uniform(500, 2000, shape) * (random.random(shape) < share)


@pytest.fixture
def gpu():
    """A GPU that is pretended for the length of a test."""
    try:
        with pretended.pretended_gpu():
            yield
    except builds.CannotCompile:
        pytest.skip("no C compiler")


def prepare(modulus, lists=None):
    mesh = HexMesh.from_voxels(modulus, SPACING, lists=lists)
    fixed, _ = supports.prescribe_displacements(mesh, loads.platens(-0.01))
    return mesh, ~fixed


def field(rows, dtype, *cases):
    return jnp.asarray(np.random.default_rng(0).normal(size=(*cases, rows, 3)), dtype)


@pytest.mark.parametrize(("dtype", "digits"), [(jnp.float32, 2e-6), (jnp.float64, 1e-14)])
@pytest.mark.parametrize("cases", [(), (6,)])
def test_the_fine_operator_has_the_plain_result_and_repeats_itself(gpu, dtype, digits, cases):
    with jax.enable_x64(True):
        mesh, _ = prepare(specimen())
        stiffness = jnp.asarray(hexahedron.stiffness(mesh.spacing, mesh.poisson))
        u = field(len(mesh.nodes), dtype, *cases)

        def forces(form):
            def one(u):
                return form(mesh, stiffness, u)

            return np.asarray(jax.jit(jax.vmap(one) if cases else one)(u))

        ours, plain = forces(operator.apply), forces(operator.apply_plain)
        assert abs(ours - plain).max() < digits * abs(plain).max()
        np.testing.assert_array_equal(ours, forces(operator.apply))


def test_coarse_levels_and_transfers_have_the_plain_results(gpu, monkeypatch):
    with jax.enable_x64(True):
        mesh, free = prepare(specimen(20), lists=True)
        monkeypatch.setattr(hierarchy, "COARSEST_DOFS", dict.fromkeys(hierarchy.COARSEST_DOFS, 600))
        levels = hierarchy.build(mesh, free)
    assert len(levels) > 3
    for level in levels:
        if isinstance(level, CoarsestLevel):
            continue
        nodes = len(level.inverse_diagonal)
        for cases in ((), (2,)):
            # Idle nodes belong to no parent here, and to the first one in the plain form.
            u = jnp.where(level.inverse_diagonal > 0, field(nodes, jnp.float32, *cases), 0)
            coarse = field(level.transfer.vertices, jnp.float32, *cases)
            for form, given in ((level.apply, u), (level.prolong, coarse), (level.restrict, u)):
                form = jax.vmap(form) if cases else form
                ours = np.asarray(form(given))
                with monkeypatch.context() as patch:
                    patch.setattr(native, "kind", lambda: "")
                    plain = np.asarray(form(given))
                assert abs(ours - plain).max() < 2e-6 * abs(plain).max()


@pytest.mark.parametrize("share", [0.08, 0.45])
def test_splits_are_those_of_the_cpu(share):
    """Union and find by atomic operations numbers components and vertices as one by one; thin bone outgrows guesses."""
    modulus = specimen(24, share)

    def split_all():
        with jax.enable_x64(True):
            mesh, _ = prepare(modulus)
            steps = hierarchy.coarsen_all(mesh, hierarchy.Lengths(), None)
        return mesh, jax.device_get(steps[:3])

    mesh, ours = split_all()
    with pretended.pretended_gpu():
        _, theirs = split_all()
    count = mesh.num_elements
    for (a, elements), (b, others) in zip(ours, theirs, strict=False):
        parents = int(elements.count)
        assert int(others.count) == parents
        for name in ("parent", "octant"):
            np.testing.assert_array_equal(getattr(a, name)[:count], getattr(b, name)[:count])
        np.testing.assert_array_equal(a.conn[:parents], b.conn[:parents])
        np.testing.assert_array_equal(a.cell[:parents], b.cell[:parents])
        for parent in (0, parents // 2, parents - 1):
            one, two = (each.children.items[slice(*each.children.starts[parent : parent + 2])] for each in (a, b))
            np.testing.assert_array_equal(one, two)
        assert b.own is not None
        assert others.corners.starts[-1] == 8 * parents
        count = parents


def test_a_known_capacity_that_is_too_small_is_outgrown(gpu):
    with jax.enable_x64(True):
        mesh, _ = prepare(specimen(24))
        given = (mesh.pairs, mesh.voxels, mesh.nodes, mesh.num_elements, (64, 64, 8), mesh.shape)
        split, elements = splitting.coarsen(*given)
    assert int(elements.count) < len(split.conn)
    assert int(split.conn.max()) == len(split.nodes) - 1


@pytest.mark.parametrize("load", [loads.platens(-0.01), loads.uniaxial(-0.01)], ids=lambda load: load.name)
def test_a_solve_has_the_answer_of_the_cpu(load):
    bone = lattice_bone(20) * 5000.0
    expected = solve.solve(bone, SPACING, load)
    with pretended.pretended_gpu():
        found = solve.solve(bone, SPACING, load)
        again = solve.solve(bone, SPACING, load, start=found)
    assert found.converged
    assert found.apparent_modulus == pytest.approx(expected.apparent_modulus, rel=1e-7)
    assert again.apparent_modulus == pytest.approx(expected.apparent_modulus, rel=1e-7)
    assert again.iterations <= 2


def test_cases_and_parts_have_the_answers_of_the_cpu():
    bone, other = lattice_bone(12) * 5000.0, lattice_bone(12, width=4) * 3000.0
    cases = [loads.kubc(case, 0.01) for case in loads.STRAINS[:2]]
    expected = [[each.energy for each in solve_cases(one, SPACING, cases)] for one in (bone, other)]
    with pretended.pretended_gpu():
        batch = [each.energy for each in solve_cases(bone, SPACING, cases, together=True)]
        parts = [[each.energy for each in part] for part in solve_parts([bone, other], SPACING, cases)]
    np.testing.assert_allclose(batch, expected[0], rtol=1e-7)
    np.testing.assert_allclose(parts, expected, rtol=1e-7)


def test_levels_of_one_coarsening(gpu):
    """A mesh so small that its blocks are the coarsest level."""
    found = solve.solve(np.full((3, 3, 4), 1000.0), SPACING, loads.platens(-0.01))
    assert found.converged
    assert not any(isinstance(level, CoarseLevel) for level in found.levels)
