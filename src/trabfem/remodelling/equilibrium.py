"""Moduli of the bone, its equilibrium under the unit load cases of a usual day, and the energy of what it carries."""

import dataclasses
from collections.abc import Sequence

import numpy as np
from jaxtyping import Float32

from trabfem.mechanics import strength
from trabfem.mechanics.cases import solve_cases
from trabfem.mechanics.solve import Solution
from trabfem.schedule import USUAL_LOAD, Load

from .loading.activities import activity_energy, change_loads, unit_cases
from .mineral import stiffening
from .model import Model, State
from .settings import Settings
from .stimulus import SMALLEST_FILL


def tissue_moduli(
    fill: Float32[np.ndarray, "x y z"],
    settings: Settings,
    young: Float32[np.ndarray, "x y z"] | None,
    young_start: float,
) -> Float32[np.ndarray, "x y z"]:
    """E = E_tissue x (MPa), times what mineral adds where `young` is known (see `mineral`).

    0 below the smallest fill: ultra-soft elements ruin solvers and mean nothing.
    """
    modulus = np.where(fill >= SMALLEST_FILL, np.float32(settings.tissue_modulus) * fill, np.float32(0))
    if young is None or settings.mineral is None:
        return modulus
    return modulus * stiffening(young, young_start, settings.mineral)


def solve_activities(
    modulus: Float32[np.ndarray, "x y z"],
    spacing: tuple[float, float, float],
    settings: Settings,
    starts: Sequence[Solution] = (),
) -> tuple[Solution, ...]:
    """Solutions of the unit cases that the settings' activities are made of.

    Their sums, scaled to what the activities carry (see `activity_energy`), are the answers to forces. Kept at a unit
    strain, they stay close first guesses for the next month as the bone weakens.
    """
    found = solve_cases(
        modulus,
        spacing,
        unit_cases(settings.usual_day),
        poisson=settings.poisson,
        rtol=settings.rtol,
        energy_tol=settings.rtol,
        starts=starts,
        max_iterations=settings.max_iterations,
    )
    # The next month builds its own hierarchy, and needs the room of this one.
    return tuple(dataclasses.replace(each, levels=()) for each in found)


def solve_equilibrium(state: State, model: Model, load: Load = USUAL_LOAD) -> State:
    """The state with the equilibrium of its bone under `load`; without a solution where nothing joins the plates."""
    if not state.fill.any():
        return dataclasses.replace(state, solutions=(), energy=np.zeros_like(state.fill), failure_load=0.0)
    modulus = tissue_moduli(state.fill, model.settings, state.young, state.young_start)
    solutions = solve_activities(modulus, model.spacing, model.settings, state.solutions)
    failure_load = abs(float(strength.pistoia(solutions[0]).failure_load))
    return apply_load(dataclasses.replace(state, solutions=solutions, failure_load=failure_load), model, load)


def apply_load(state: State, model: Model, load: Load) -> State:
    """The state with the energy of `load` on the same equilibrium."""
    if not state.solutions:
        return state
    day = change_loads(model.settings.usual_day, load)
    return dataclasses.replace(state, energy=activity_energy(state.solutions, day))
