"""Several specimens on grids of the same shape, solved as one mesh."""

import dataclasses
import functools
import time
from collections.abc import Sequence

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float

from ...errors import UserError
from .. import hexahedron, hierarchy, krylov
from ..cases import take_apart
from ..levels import Hierarchy, collect_lengths, finest_level
from ..loads import LoadCase
from ..mesh import HexMesh, Lengths
from ..multigrid import DEFAULT, KCycle
from ..operator import Field
from ..solution import Solution, make_solution
from ..supports import compute_load_norm, find_supports, require_load_path
from ..warm_start import first_guess
from .layout import Layout, combine_lengths, join, most_parts, share_lengths

Grid = Float[np.ndarray | Array, "x y z"]
Spacing = tuple[float, float, float]


@dataclasses.dataclass(frozen=True)
class _Part:
    """One specimen: its mesh, and what each load case prescribes."""

    mesh: HexMesh
    given: list[tuple[Bool[Array, "nodes 3"], Field]]
    """The degrees of freedom left free, and the displacements of the others."""
    starts: Sequence[Solution]

    def guess(self, number: int, case: LoadCase) -> Field:
        """First guess of a case."""
        free, value = self.given[number]
        return first_guess(self.starts[number], self.mesh, case, free=free, value=value) if self.starts else value


def solve_parts(
    moduli: Sequence[Grid],
    spacing: Spacing,
    cases: Sequence[LoadCase],
    *,
    poisson: float = 0.3,
    rtol: float = 1e-6,
    energy_tol: float = 1e-6,
    starts: Sequence[Sequence[Solution]] | None = None,
    max_iterations: int = 300,
    cycle: KCycle = DEFAULT,
    together: bool | None = None,
) -> list[tuple[Solution, ...]]:
    """The solutions of the load cases for every specimen, all specimens together as one mesh.

    `moduli`: a grid of MPa per voxel for each specimen, all of one shape; the rest as in `cases.solve_cases`. `starts`:
    earlier solutions of each specimen, empty for one that has none. A specimen without bone, or without bone that
    connects the loaded faces, has no solutions; where it has `starts`, the latter is not checked. Each specimen is
    solved as if it were alone: its solutions do not depend on which others there are, apart from rounding. Their times
    are equal shares of the whole. Raises `UserError` when the grids differ in shape.
    """
    shapes = {np.shape(modulus) for modulus in moduli}
    if len(shapes) > 1:
        raise UserError(f"the grids have shapes {sorted(shapes)}; give specimens of one shape, or solve them in turn")
    starts = starts or [()] * len(moduli)
    settings = (rtol, energy_tol, max_iterations, cycle)
    together = jax.default_backend() != "cpu" if together is None else together
    answers: list[tuple[Solution, ...]] = [()] * len(moduli)
    with jax.enable_x64(True):
        able = [n for n, grid in enumerate(moduli) if _is_bone(grid) and (starts[n] or _carries(grid, spacing, cases))]
        x, y, z = moduli[0].shape
        most = most_parts((x, y, z)) if able else 1
        for first in range(0, len(able), most):
            chosen = able[first : first + most]
            began = time.perf_counter()
            parts = _prepare([moduli[n] for n in chosen], spacing, poisson, cases, [starts[n] for n in chosen])
            solved = _solve_group(parts, cases, settings, together, began)
            answers = [solved[chosen.index(n)] if n in chosen else old for n, old in enumerate(answers)]
    return answers


def _is_bone(modulus: Grid) -> bool:
    return bool((modulus > 0).any())


def _carries(modulus: Grid, spacing: Spacing, cases: Sequence[LoadCase]) -> bool:
    """Whether bone connects the loaded faces in every case."""
    try:
        for case in cases:
            require_load_path(modulus, spacing, case)
    except UserError:
        return False
    return True


def _prepare(
    moduli: Sequence[Grid],
    spacing: Spacing,
    poisson: float,
    cases: Sequence[LoadCase],
    starts: Sequence[Sequence[Solution]],
) -> list[_Part]:
    """The parts with meshes of equal array lengths."""
    likes = [solutions[0].lengths if solutions else Lengths() for solutions in starts]
    like = Lengths(max(one.elements for one in likes), max(one.nodes for one in likes))
    meshes = [HexMesh.from_voxels(modulus, spacing, poisson, like=like) for modulus in moduli]
    most = Lengths(*(max(getattr(mesh.lengths, name) for mesh in meshes) for name in ("elements", "nodes")))
    meshes = [
        mesh if mesh.lengths == most else HexMesh.from_voxels(modulus, spacing, poisson, like=most)
        for mesh, modulus in zip(meshes, moduli, strict=True)
    ]
    return [
        _Part(mesh, [find_supports(mesh, case) for case in cases], solutions)
        for mesh, solutions in zip(meshes, starts, strict=True)
    ]


def _solve_group(
    parts: Sequence[_Part], cases: Sequence[LoadCase], settings: tuple, together: bool, began: float
) -> list[tuple[Solution, ...]]:
    """The solutions of parts that fit into one mesh."""
    count = len(parts)
    layout = Layout.of(parts[0].mesh.shape, count)
    mesh = join([part.mesh for part in parts], layout)
    like = combine_lengths([part.starts[0].lengths if part.starts else Lengths() for part in parts])
    groups: dict[tuple, list[int]] = {}
    for number, case in enumerate(cases):
        groups.setdefault(case.grip.held, []).append(number)
    answers: list[dict[int, Solution]] = [{} for _ in parts]
    for members in groups.values():
        free = _chain([part.given[members[0]][0] for part in parts])
        levels = hierarchy.build(mesh, free, like=like, layout=layout)
        like = collect_lengths(levels)
        jax.block_until_ready(levels)
        ready = time.perf_counter()
        outcomes = _minimise_group(levels, parts, [(number, cases[number]) for number in members], settings, together)
        share = count * len(members)
        times = (ready - began) / share, (time.perf_counter() - ready) / share
        began = time.perf_counter()
        for number, outcome in zip(members, outcomes, strict=True):
            for place, (part, own) in enumerate(zip(parts, _take_apart(outcome, count), strict=True)):
                case = cases[number]
                kept = levels if count == 1 else ()
                found = make_solution(part.mesh, case, case, kept, own, settings[-1], *times)
                lengths = found.lengths if count == 1 else share_lengths(like, part.mesh, count)
                answers[place][number] = dataclasses.replace(found, lengths=lengths)
    return [tuple(found[number] for number in range(len(cases))) for found in answers]


def _minimise_group(
    levels: Hierarchy, parts: Sequence[_Part], cases: list[tuple[int, LoadCase]], settings: tuple, together: bool
) -> list[krylov.Outcome]:
    """An outcome of all parts for each of the cases, which prescribe the same degrees of freedom."""
    fine = finest_level(levels)
    stiffness = jax.device_put(hexahedron.stiffness(fine.mesh.spacing, fine.mesh.poisson))
    values = [_chain([part.given[number][1] for part in parts]) for number, _ in cases]
    guesses = [_chain([part.guess(number, case) for part in parts]) for number, case in cases]
    norms = [compute_load_norm(fine, stiffness, value) for value in values]
    if together and len(cases) > 1:
        many = krylov.minimise_many(levels, stiffness, jax.device_put(np.stack(guesses)), jnp.stack(norms), *settings)
        return [jax.tree.map(lambda array, number=number: array[number], many) for number in range(len(cases))]
    outcomes = [
        krylov.minimise(levels, stiffness, guess, norm, *settings) for guess, norm in zip(guesses, norms, strict=True)
    ]
    return jax.block_until_ready(outcomes)


def _take_apart(outcome: krylov.Outcome, count: int) -> list[krylov.Outcome]:
    """The outcome of each part."""
    return [outcome] if count == 1 else take_apart(_by_parts(outcome, count), count)


@functools.partial(jax.jit, static_argnames="count")
def _by_parts(outcome: krylov.Outcome, count: int) -> krylov.Outcome:
    return eqx.tree_at(lambda each: each.displacement, outcome, outcome.displacement.reshape(count, -1, 3))


@jax.jit
def _chain(fields: list[Array]) -> Array:
    """Fields of the parts one after another."""
    return fields[0] if len(fields) == 1 else jnp.concatenate(fields)
