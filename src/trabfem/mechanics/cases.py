"""Several load cases of one specimen: one mesh, and one hierarchy for cases with the same prescribed freedoms."""

import time
from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from . import hexahedron, hierarchy, krylov
from .hierarchy import Hierarchy, finest_level
from .krylov import Outcome
from .loads import LoadCase
from .mesh import HexMesh
from .multigrid import DEFAULT, KCycle
from .solution import Solution, make_solution
from .supports import compute_load_norm, prescribe_displacements, require_load_path
from .warm_start import first_guess


def solve_cases(
    modulus: Float[np.ndarray, "x y z"],
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
        given = [prescribe_displacements(mesh, case) for case in cases]
        groups: dict[bytes, list[int]] = {}
        for number, (fixed, _) in enumerate(given):
            groups.setdefault(fixed.tobytes(), []).append(number)
        together = jax.default_backend() != "cpu" if together is None else together
        like, answers = None, {}
        for members in groups.values():
            began = time.perf_counter()
            fixed = given[members[0]][0]
            like = starts[members[0]].lengths if starts else like
            levels = hierarchy.build(mesh, jnp.asarray(~fixed), like=like)
            like = hierarchy.collect_lengths(levels)
            jax.block_until_ready(levels)
            ready = time.perf_counter()
            values = [given[number][1] for number in members]
            guesses = values
            if starts:
                guesses = [first_guess(starts[n], mesh, cases[n], fixed, given[n][1]) for n in members]
            outcomes = _minimise_group(levels, values, guesses, (rtol, energy_tol, max_iterations, cycle), together)
            times = (ready - began) / len(members), (time.perf_counter() - ready) / len(members)
            for number, outcome in zip(members, outcomes, strict=True):
                case = cases[number]
                answers[number] = make_solution(mesh, case, case, levels, outcome, cycle, *times)
        return [answers[number] for number in range(len(cases))]


def _minimise_group(
    levels: Hierarchy, values: list[np.ndarray], guesses: list[np.ndarray], settings: tuple, together: bool
) -> list[Outcome]:
    mesh = finest_level(levels).mesh
    stiffness = jnp.asarray(hexahedron.stiffness(mesh.spacing, mesh.poisson))
    norms = [compute_load_norm(finest_level(levels), stiffness, jnp.asarray(value)) for value in values]
    if together and len(values) > 1:
        many = krylov.minimise_many(levels, stiffness, jnp.asarray(np.stack(guesses)), jnp.stack(norms), *settings)
        return [jax.tree.map(lambda array, number=number: array[number], many) for number in range(len(values))]
    outcomes = [
        krylov.minimise(levels, stiffness, jnp.asarray(guess), norm, *settings)
        for guess, norm in zip(guesses, norms, strict=True)
    ]
    return jax.block_until_ready(outcomes)
