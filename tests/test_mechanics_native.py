"""The compiled products against their plain JAX twins."""

import os
import subprocess
import sys

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from trabfem.mechanics import (
    diagonals,
    fields,
    galerkin,
    hexahedron,
    hierarchy,
    loads,
    native,
    operator,
    solve,
    splitting,
    supports,
)
from trabfem.mechanics.coarse import Blocks, Matrices
from trabfem.mechanics.levels import CoarseLevel
from trabfem.mechanics.mesh import HexMesh

SPACING = (0.03, 0.05, 0.04)
needs_compiler = pytest.mark.skipif(not native.available(), reason="no C compiler, or JAX computes elsewhere")


def specimen(side=14):
    random = np.random.default_rng(5)
    return random.uniform(500, 2000, (side, side, side)) * (random.random((side, side, side)) < 0.45)


@pytest.fixture(scope="module")
def levels():
    with jax.enable_x64(True):
        mesh = HexMesh.from_voxels(specimen(), SPACING)
        fixed, _ = supports.prescribe_displacements(mesh, loads.platens(-0.01))
        return hierarchy.build(mesh, jnp.asarray(~fixed))


@pytest.fixture
def both(monkeypatch):
    """Results of a function in the compiled and in the plain form."""

    def compute(function, *arguments):
        compiled = function(*arguments)
        with monkeypatch.context() as patch:
            patch.setattr(native, "kind", lambda: "")
            return np.asarray(compiled), np.asarray(function(*arguments))

    return compute


def field(rows, seed=0, dtype=jnp.float32):
    return jnp.asarray(np.random.default_rng(seed).normal(size=(rows, 3)), dtype)


def close(pair, digits):
    assert abs(pair[0] - pair[1]).max() < digits * abs(pair[1]).max()
    assert abs(pair[1]).max() > 0


@needs_compiler
@pytest.mark.parametrize(("dtype", "digits"), [(jnp.float32, 1e-6), (jnp.float64, 1e-14)])
def test_voxels(levels, both, dtype, digits):
    with jax.enable_x64(True):
        mesh = levels[0].mesh
        stiffness = jnp.asarray(hexahedron.stiffness(mesh.spacing, mesh.poisson))
        close(both(operator.apply, mesh, stiffness, field(len(mesh.nodes), dtype=dtype)), digits)


@needs_compiler
def test_coarse_levels_and_transfers(levels, both):
    kinds = [type(level.operator) for level in levels if isinstance(level, CoarseLevel)]
    assert kinds[:2] == [Blocks, Matrices]
    for level in levels[:-1]:
        u = field(len(level.inverse_diagonal))
        coarse = field(level.transfer.vertices)
        close(both(type(level).apply, level, u), 2e-6)
        close(both(type(level).prolong, level, coarse), 1e-6)
        close(both(type(level).restrict, level, u), 1e-6)


@needs_compiler
def test_galerkin_products(levels, both):
    """Packed matrices of the parents: equal to half of the steps of their 16 bits."""
    vertices = [level.transfer.vertices for level in levels[:2]]
    with jax.enable_x64(True):
        for level, nodes in zip(levels[1:3], vertices, strict=True):
            e = level.operator.elements
            positions = jnp.zeros((nodes, 3), jnp.int32).at[e.conn].set(e.cell[:, None] + hexahedron.CORNERS)
            split, elements = splitting.coarsen(e.conn, e.cell, positions, int(e.count), (0, 0, 0), None)

            def condense(level, split=split, elements=elements):
                return galerkin.condense(level, split, elements).packed.floats()

            close(both(condense, level.operator), 4e-5)


@needs_compiler
def test_diagonals_and_dense_matrices(levels, both):
    for level in levels[1:-1]:
        nodes = len(level.inverse_diagonal)
        close(both(type(level.operator).diagonal, level.operator), 1e-6)
        with jax.enable_x64(True):
            close(both(type(level.operator).dense, level.operator, nodes), 4e-5)


@needs_compiler
def test_blocks_that_supports_touch(both):
    with jax.enable_x64(True):
        mesh = HexMesh.from_voxels(specimen(), SPACING, lists=True)
        fixed, _ = supports.prescribe_displacements(mesh, loads.platens(-0.01))
        given = (mesh.pairs, mesh.voxels, mesh.nodes, mesh.num_elements, (0, 0, 0), mesh.shape)
        split, elements = splitting.coarsen(*given)

        def make(part):
            blocks = galerkin.build_blocks(mesh, ~fixed, split, elements, 128)
            return blocks.packed.floats() if part == "packed" else getattr(blocks, part)

        for part in ("moduli", "held", "held_count", "place"):
            ours, plain = both(make, part)
            np.testing.assert_array_equal(ours, plain)
        close(both(make, "packed"), 4e-5)


@needs_compiler
def test_moduli_around_nodes_and_energies(levels, both):
    with jax.enable_x64(True):
        mesh = levels[0].mesh
        close(both(operator.sum_moduli, mesh), 1e-6)
        form = fields.energy_form(mesh, "gauss")
        u = field(len(mesh.nodes), dtype=jnp.float64)
        close(both(fields.element_energy, mesh, form, u), 1e-13)


@needs_compiler
def test_largest_eigenvalue_of_tridiagonal_matrices():
    random = np.random.default_rng(1)
    diagonal, beside = random.uniform(0.5, 2, (8, 3)), random.uniform(-0.2, 0.2, (7, 3))
    expected = [
        np.linalg.eigvalsh(np.diag(d) + np.diag(b, 1) + np.diag(b, -1))[-1]
        for d, b in zip(diagonal.T, beside.T, strict=True)
    ]
    arrays = (jnp.asarray(diagonal, jnp.float32), jnp.asarray(beside, jnp.float32))
    np.testing.assert_allclose(diagonals._largest_compiled(*arrays), expected, rtol=1e-6)
    np.testing.assert_allclose(diagonals.largest_of_tridiagonal(*arrays), expected, rtol=2e-5)


@needs_compiler
def test_splits(levels):
    """Union and find numbers components and vertices as label propagation does."""
    with jax.enable_x64(True):
        mesh = levels[0].mesh
        conn, cell, nodes, count = mesh.conn, mesh.voxels, mesh.nodes, int(mesh.num_elements)
        for _ in range(3):
            ours, parents = splitting.split_compiled(conn, cell, count, len(nodes), (0, 0))
            live = jnp.arange(len(conn)) < count
            parent, found = splitting.element_components(conn, cell, nodes, live)
            assert int(found) == parents
            parent = jnp.where(live, parent, len(ours.conn) - 1)
            corner, _ = splitting.vertex_components(conn, cell, nodes, parent, parents, len(ours.conn))
            theirs, _ = splitting.coarse_mesh(conn, cell, nodes, parent, corner, parents, len(ours.nodes))
            for name in ("parent", "octant"):
                assert (getattr(ours, name)[:count] == getattr(theirs, name)[:count]).all()
            assert (ours.conn == theirs.conn).all()
            assert (ours.cell[:parents] == theirs.cell[:parents]).all()
            used = np.unique(np.asarray(conn)[:count])
            assert (ours.slot[used] == theirs.slot[used]).all()
            seen = np.unique(np.asarray(ours.conn)[:parents])
            assert (ours.nodes[seen] == theirs.nodes[seen]).all()
            conn, cell, nodes, count = ours.conn, ours.cell, ours.nodes, parents


@needs_compiler
@pytest.mark.slow
def test_the_answer_needs_no_compiler():
    """The same solve in a process that is told to do without."""
    code = (
        "import numpy as np, sys; sys.path[:0] = ['tests']\n"
        "from test_mechanics_native import specimen, SPACING\n"
        "from trabfem.mechanics import loads, native, solve\n"
        "answer = solve.solve(specimen(10), SPACING, loads.platens(-0.01))\n"
        "print(native.available(), answer.iterations, repr(answer.apparent_modulus))"
    )
    environment = {**os.environ, "TRABFEM_NATIVE": "0", "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment, check=True)
    available, iterations, modulus = done.stdout.split()
    answer = solve.solve(specimen(10), SPACING, loads.platens(-0.01))
    assert available == "False"
    assert abs(int(iterations) - answer.iterations) <= 1
    assert float(modulus) == pytest.approx(answer.apparent_modulus, rel=1e-6)
