"""Several load cases of one specimen: one mesh, and one hierarchy for cases with the same prescribed freedoms."""

import functools
import time
from collections.abc import Sequence

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from . import hexahedron, hierarchy, krylov
from .hierarchy import Hierarchy, finest_level
from .krylov import Outcome
from .loads import LoadCase
from .mesh import HexMesh, Moduli
from .multigrid import DEFAULT, KCycle
from .operator import Field
from .solution import Solution, make_solution
from .supports import compute_load_norm, find_supports, require_load_path
from .warm_start import first_guess


def solve_cases(
    modulus: Moduli,
    spacing: tuple[float, float, float],
    cases: Sequence[LoadCase],
    *,
    poisson: float = 0.3,
    rtol: float = 1e-6,
    energy_tol: float = 1e-6,
    starts: Sequence[Solution] | None = None,
    max_iterations: int = 300,
    cycle: KCycle = DEFAULT,
    together: bool | None = None,
) -> list[Solution]:
    """A solution for each case, in order, each with its own convergence.

    Cases that prescribe the same degrees of freedom share a hierarchy. `starts`: an earlier solution of each case, as
    `start` of `solve`; the load path is then not checked. `together`: solve these cases in one batch, which applies the
    operator to all cases at once but needs memory for the vectors of every case. By default this is done only on a GPU,
    since a CPU is as fast with one case after another. Times in a solution are its share of the group's time.
    """
    with jax.enable_x64(True):
        mesh = HexMesh.from_voxels(modulus, spacing, poisson, like=starts[0].lengths if starts else None)
        for case in cases if not starts else ():
            require_load_path(modulus, spacing, case)
        groups: dict[tuple, list[int]] = {}
        for number, case in enumerate(cases):
            groups.setdefault(case.grip.held, []).append(number)
        together = jax.default_backend() != "cpu" if together is None else together
        like, answers = None, {}
        for members in groups.values():
            began = time.perf_counter()
            given = [find_supports(mesh, cases[number]) for number in members]
            free, values = given[0][0], [value for _, value in given]
            like = starts[members[0]].lengths if starts else like
            levels = hierarchy.build(mesh, free, like=like)
            like = hierarchy.collect_lengths(levels)
            jax.block_until_ready(levels)
            ready = time.perf_counter()
            guesses = values
            if starts:
                guesses = [
                    first_guess(starts[number], mesh, cases[number], free, value)
                    for number, value in zip(members, values, strict=True)
                ]
            outcomes = _minimise_group(levels, values, guesses, (rtol, energy_tol, max_iterations, cycle), together)
            times = (ready - began) / len(members), (time.perf_counter() - ready) / len(members)
            for number, outcome in zip(members, outcomes, strict=True):
                case = cases[number]
                answers[number] = make_solution(mesh, case, case, levels, outcome, cycle, *times)
        return [answers[number] for number in range(len(cases))]


def _minimise_group(
    levels: Hierarchy, values: list[Field], guesses: list[Field], settings: tuple, together: bool
) -> list[Outcome]:
    mesh = finest_level(levels).mesh
    stiffness = jax.device_put(hexahedron.stiffness(mesh.spacing, mesh.poisson))
    norms = [compute_load_norm(finest_level(levels), stiffness, value) for value in values]
    if together and len(values) > 1:
        many = krylov.minimise_many(levels, stiffness, *stack_cases(guesses, norms), *settings)
        return take_apart(many, len(values))
    outcomes = [
        krylov.minimise(levels, stiffness, guess, norm, *settings) for guess, norm in zip(guesses, norms, strict=True)
    ]
    return jax.block_until_ready(outcomes)


@jax.jit
def stack_cases(
    guesses: list[Field], norms: list[Float[Array, "*parts"]]
) -> tuple[Float[Array, "cases nodes 3"], Float[Array, "cases *parts"]]:
    """The first guesses and norms of cases on a first axis."""
    return jnp.stack(guesses), jnp.stack(norms)


@functools.partial(jax.jit, static_argnames="cases")
def take_apart(many: Outcome, cases: int) -> list[Outcome]:
    """The outcome of each case (or part) of those on the first axis."""
    return [jax.tree.map(lambda array, number=number: array[number], many) for number in range(cases)]
