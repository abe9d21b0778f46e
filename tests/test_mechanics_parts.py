"""Several specimens as one mesh: each has the answer, the iterations and the levels that it has alone."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import ndimage

from trabfem.errors import UserError
from trabfem.mechanics import diagonals, fields, hierarchy, loads, native
from trabfem.mechanics.levels import CoarseLevel, CoarsestLevel, collect_lengths
from trabfem.mechanics.mesh import HexMesh, Lengths
from trabfem.mechanics.parts import layout, solve, sums
from trabfem.mechanics.parts.layout import Layout
from trabfem.mechanics.solution import Solution
from trabfem.mechanics.supports import prescribe_displacements

SHAPE = (14, 12, 17)
SPACING = (0.03, 0.03, 0.03)
PLATENS, UNIAXIAL = loads.platens(-0.01), loads.uniaxial(-0.01)


def bone(seed: int, share: float) -> np.ndarray:
    random = np.random.default_rng(seed)
    noise = ndimage.gaussian_filter(random.random(SHAPE), 1.4)
    return np.where(noise > np.quantile(noise, 1 - share), 1000 + 500 * random.random(SHAPE), 0).astype(np.float32)


def strut(weak: float) -> np.ndarray:
    """Nearly void: one thin strut, with a soft arm."""
    grid = np.zeros(SHAPE, np.float32)
    grid[3:5, 4:6] = 1000
    grid[5:11, 4:6, 8:10] = weak
    return grid


def hard(contrast: float) -> np.ndarray:
    """A bone of two materials in slices, which takes more iterations."""
    grid = bone(5, 0.5)
    grid[::3] *= contrast
    return grid


BONES = (bone(1, 0.5), bone(2, 0.35), hard(1e-2), strut(1.0))


def solve_all(grids, cases=(PLATENS, UNIAXIAL), **options) -> list[tuple[Solution, ...]]:
    return solve.solve_parts(list(grids), SPACING, cases, rtol=1e-7, energy_tol=1e-9, **options)


def assert_same(one: Solution, two: Solution, field: float = 1e-5) -> None:
    assert one.converged and two.converged and one.iterations == two.iterations
    assert one.energy == pytest.approx(two.energy, rel=1e-9)
    assert one.reaction_force == pytest.approx(two.reaction_force, rel=1e-9)
    a, b = fields.energy_density(one), fields.energy_density(two)
    assert np.linalg.norm(a - b) < field * np.linalg.norm(b)


@pytest.fixture(scope="module")
def together() -> list[tuple[Solution, ...]]:
    return solve_all(BONES)


@pytest.mark.parametrize("number", range(len(BONES)))
def test_each_part_has_the_answer_that_it_has_alone(together, number: int) -> None:
    [alone] = solve_all(BONES[number : number + 1])
    for one, two in zip(together[number], alone, strict=True):
        assert_same(one, two)
        assert one.mesh.num_nodes == two.mesh.num_nodes and np.array_equal(one.mesh.voxels[:9], two.mesh.voxels[:9])
        assert 0 < one.setup_s and 0 < one.solve_s and one.lengths.nodes == len(one.mesh.nodes)


def test_parts_stop_for_themselves(together) -> None:
    counts = [part[0].iterations for part in together]
    assert counts[2] > counts[0] > 0 and len(set(counts)) > 2
    assert [part[0].fine_applications for part in together] != [together[2][0].fine_applications] * len(BONES)


def test_a_part_without_a_load_path_has_no_solutions_and_spoils_no_other(together) -> None:
    cut = BONES[0].copy()
    cut[:, :, 6:9] = 0
    found = solve_all([cut, BONES[1], np.zeros_like(cut), BONES[3]])
    assert found[0] == found[2] == ()
    assert solve_all([np.zeros_like(cut)], starts=[together[0]]) == [()]
    for number in (1, 3):
        for one, two in zip(found[number], together[number], strict=True):
            assert_same(one, two)


def test_a_part_that_does_not_converge_spoils_no_other(together) -> None:
    # With an earlier solution the load path is not looked for: here the bone has been cut through since.
    cut = BONES[0].copy()
    cut[:, :, 6:9] = 0
    starts = [together[0], (), (), ()]
    found = solve_all([cut, *BONES[1:]], starts=starts, max_iterations=100)
    assert abs(found[0][0].energy) < 1e-3 * together[0][0].energy
    for number in (1, 2, 3):
        for one, two in zip(found[number], together[number], strict=True):
            assert_same(one, two)


def test_a_warm_start_keeps_lengths_and_needs_fewer_iterations(together) -> None:
    changed = [grid * np.float32(1.01) for grid in BONES]
    changed[0][3, 3, 3] = 900
    found = solve_all(changed, starts=together)
    for before, after, grid in zip(together, found, changed, strict=True):
        assert after[0].lengths == before[0].lengths and after[0].iterations < before[0].iterations
        [alone] = solve_all([grid])
        assert after[0].energy == pytest.approx(alone[0].energy, rel=1e-7)


def test_cases_at_once_equal_cases_in_turn(together) -> None:
    cases = (PLATENS, dataclasses.replace(PLATENS, name="pull", strain=0.02))
    for part, known in zip(solve_all(BONES, cases, together=True), together, strict=True):
        assert_same(part[0], known[0])
        assert part[1].energy == pytest.approx(4 * part[0].energy, rel=1e-7)


def test_more_parts_than_fit_on_the_lattice_are_several_meshes(together, monkeypatch) -> None:
    monkeypatch.setattr(solve, "most_parts", lambda shape: 2)
    for one, two in zip(solve_all(BONES, [PLATENS]), together, strict=True):
        assert_same(one[0], two[0])
    assert layout.most_parts((64, 64, 64)) > 300
    with pytest.raises(UserError, match="solve them in turn"):
        solve_all([BONES[0], BONES[1][1:]])


def test_plain_forms_give_the_same(together, monkeypatch) -> None:
    monkeypatch.setattr(native, "available", lambda: False)
    for one, two in zip(solve_all(BONES[:2], [PLATENS]), together, strict=False):
        assert one[0].mesh.incident is not None and one[0].energy == pytest.approx(two[0].energy, rel=1e-9)


def build(meshes: list[HexMesh]) -> tuple:
    place = Layout.of(SHAPE, len(meshes))
    fixed = np.concatenate([prescribe_displacements(mesh, UNIAXIAL)[0] for mesh in meshes])
    with jax.enable_x64(True):
        return place, hierarchy.build(layout.join(meshes, place), jnp.asarray(~fixed), layout=place)


@pytest.mark.parametrize("compiled", [True, pytest.param(False, marks=pytest.mark.slow)])
def test_levels_of_parts_are_those_of_each_alone(compiled: bool, monkeypatch) -> None:
    if not compiled:
        monkeypatch.setattr(native, "available", lambda: False)
    like = Lengths(
        *(max(getattr(HexMesh.from_voxels(b, SPACING).lengths, n) for b in BONES) for n in ("elements", "nodes"))
    )
    meshes = [HexMesh.from_voxels(grid, SPACING, like=like) for grid in BONES]
    _, whole = build(meshes)
    for number, mesh in enumerate(meshes):
        _, alone = build([mesh])
        assert len(alone) == len(whole)
        for one, all_ in zip(alone[1:], whole[1:], strict=True):
            if isinstance(one, CoarseLevel):
                assert isinstance(all_, CoarseLevel)
                rows = all_.inverse_diagonal.reshape(len(meshes), -1, 3)[number]
                own = np.asarray(one.inverse_diagonal)
                live = int((own.max(1) > 0).nonzero()[0].max()) + 1
                np.testing.assert_allclose(rows[:live], own[:live], rtol=1e-5)
                assert not np.asarray(rows[live:]).any()
                assert float(all_.largest[number]) == pytest.approx(float(one.largest), rel=1e-4)
            else:
                assert isinstance(one, CoarsestLevel) and isinstance(all_, CoarsestLevel)
                size = min(len(one.inverse), all_.inverse.shape[1])
                scale = float(abs(one.inverse).max())
                np.testing.assert_allclose(
                    all_.inverse[number, :size, :size], one.inverse[:size, :size], atol=1e-4 * scale
                )


def test_shares_of_lengths_give_the_lengths_again() -> None:
    meshes = [HexMesh.from_voxels(BONES[0], SPACING)] * 3
    _, levels = build(meshes)
    lengths = collect_lengths(levels)
    again = layout.combine_lengths([layout.share_lengths(lengths, mesh, 3) for mesh in meshes])
    assert (again.levels, again.held) == (lengths.levels, lengths.held)
    assert (again.elements, again.nodes) == (len(meshes[0].modulus), len(meshes[0].nodes))
    assert layout.combine_lengths([Lengths()] * 2) == Lengths()


@pytest.mark.parametrize("shape", [(64, 64, 64), (1, 1, 1), (3, 40, 17), (300, 2, 9)])
def test_parts_keep_their_blocks_apart_on_every_level(shape: tuple[int, int, int]) -> None:
    place = Layout.of(shape, 3)
    for level in range(place.coarsenings + 1):
        assert place.pitch % 2**level == 0
        assert place.pitch >> level > -(-shape[0] // 2**level)
    blocks = -(-max(shape) // 2**place.coarsenings)
    assert blocks <= 2 and place.coarsenings >= 1


def test_sums_of_parts_are_sums_of_rows() -> None:
    random = np.random.default_rng(0)
    a, b = (random.normal(size=(3 * 64, 3)).astype(np.float32) for _ in range(2))
    rows = (a * b).reshape(3, -1)
    np.testing.assert_allclose(sums.dot_parts(jnp.asarray(a), jnp.asarray(b), 3), rows.sum(1), rtol=1e-5)
    np.testing.assert_allclose(sums.sum_parts(jnp.asarray(a * b), 3), rows.sum(1), rtol=1e-5)
    assert sums.dot_parts(jnp.asarray(a), jnp.asarray(b), None).shape == ()
    column = sums.spread(jnp.arange(3.0), jnp.asarray(a))
    assert column.shape == (192, 1) and np.array_equal(column[:, 0], np.repeat([0, 1, 2], 64))


@pytest.mark.parametrize("seed", range(5))
def test_largest_eigenvalue_of_tridiagonal_matrices(seed: int) -> None:
    random = np.random.default_rng(seed)
    lower = np.tril(np.triu(random.normal(size=(4, 8, 8)), -1))
    matrix = lower @ lower.swapaxes(1, 2)
    diagonal, beside = np.diagonal(matrix, axis1=1, axis2=2).T, np.diagonal(matrix, 1, 1, 2).T
    found = diagonals.largest_of_tridiagonal(jnp.asarray(diagonal, jnp.float32), jnp.asarray(beside, jnp.float32))
    np.testing.assert_allclose(found, np.linalg.eigvalsh(matrix)[:, -1], rtol=2e-5)
    one = diagonals.largest_of_tridiagonal(
        jnp.asarray(diagonal[:, 0], jnp.float32), jnp.asarray(beside[:, 0], jnp.float32)
    )
    assert float(one) == pytest.approx(float(found[0]), rel=1e-6)
