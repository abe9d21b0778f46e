"""Several load cases of one specimen: one mesh, and one hierarchy for cases with the same prescribed freedoms."""

import functools
import time
from collections.abc import Sequence

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from . import hexahedron, hierarchy, krylov
from .hierarchy import Hierarchy, finest_level
from .krylov import Outcome
from .levels import Supported
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
            parts = [_begin_case(mesh, cases[number], starts[number] if starts else None) for number in members]
            free = parts[0][0]
            like = starts[members[0]].lengths if starts else like
            levels = hierarchy.build(mesh, free, like=like)
            like = hierarchy.collect_lengths(levels)
            jax.block_until_ready(levels)
            ready = time.perf_counter()
            guesses, norms = [guess for _, guess, _ in parts], [norm for _, _, norm in parts]
            del parts
            outcomes = _minimise_group(levels, guesses, norms, (rtol, energy_tol, max_iterations, cycle), together)
            times = (ready - began) / len(members), (time.perf_counter() - ready) / len(members)
            for number, outcome in zip(members, outcomes, strict=True):
                case = cases[number]
                answers[number] = make_solution(mesh, case, case, levels, outcome, cycle, *times)
        return [answers[number] for number in range(len(cases))]


def _begin_case(
    mesh: HexMesh, case: LoadCase, start: Solution | None
) -> tuple[Bool[Array, "nodes 3"], Field, Float[Array, ""]]:
    """The free degrees of freedom of a case, the first guess of its displacements, and the norm of its load."""
    free, value = find_supports(mesh, case)
    stiffness = jax.device_put(hexahedron.stiffness(mesh.spacing, mesh.poisson))
    norm = compute_load_norm(Supported(mesh, free), stiffness, value)
    guess = value if start is None else first_guess(start, mesh, case, free=free, value=value)
    return free, guess, norm


def _minimise_group(
    levels: Hierarchy, guesses: list[Field], norms: list[Float[Array, ""]], settings: tuple, together: bool
) -> list[Outcome]:
    """The outcome of each case; the first guesses are overwritten."""
    mesh = finest_level(levels).mesh
    stiffness = jax.device_put(hexahedron.stiffness(mesh.spacing, mesh.poisson))
    if together and len(guesses) > 1:
        many = krylov.minimise_many(levels, stiffness, *stack_cases(guesses, norms), *settings)
        return take_apart(many, len(guesses))
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
