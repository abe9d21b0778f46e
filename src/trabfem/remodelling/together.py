"""The equilibrium of several runs at once: bones on grids of the same shape as one mesh whose parts do not touch."""

import dataclasses
from collections.abc import Hashable, Sequence

import jax
import numpy as np

from trabfem.mechanics import strength
from trabfem.mechanics.parts.solve import solve_parts
from trabfem.mechanics.solve import Solution
from trabfem.schedule import Load

from .equilibrium import apply_load, tissue_moduli
from .loading.activities import unit_cases
from .model import Model, State


def pays_together() -> bool:
    """Whether one solve for all bones takes less time than solves in turn: where a bone does not fill the device.

    A CPU saves a tenth of its time, and solves in turn are there the same to the bit in any company.
    """
    return jax.default_backend() != "cpu"


def solve_together(states: Sequence[State], models: Sequence[Model], loads: Sequence[Load]) -> list[State]:
    """The states with the equilibrium of their bones, as `equilibrium.solve_equilibrium` for each of them.

    Bones with the same grid and settings of the solver are one mesh. The numbers of a state depend on the others only
    by rounding.
    """
    found = list(states)
    groups: dict[Hashable, list[int]] = {}
    for number, (state, model) in enumerate(zip(states, models, strict=True)):
        if bool(state.fill.any()):
            groups.setdefault(_describe_solve(state, model), []).append(number)
        else:
            found[number] = _finish(state, model, (), loads[number])
    for members in groups.values():
        solved = _solve_group([states[n] for n in members], [models[n] for n in members])
        for number, solutions in zip(members, solved, strict=True):
            found[number] = _finish(states[number], models[number], solutions, loads[number])
    return found


def _describe_solve(state: State, model: Model) -> Hashable:
    """What bones must have in common to be solved together."""
    settings = model.settings
    cases = tuple(case.name for case in unit_cases(settings.usual_day))
    return state.fill.shape, model.spacing, cases, settings.poisson, settings.rtol, settings.max_iterations


def _solve_group(states: Sequence[State], models: Sequence[Model]) -> list[tuple[Solution, ...]]:
    settings = models[0].settings
    moduli = [
        tissue_moduli(state.fill, model.settings, state.young, state.young_start)
        for state, model in zip(states, models, strict=True)
    ]
    found = solve_parts(
        moduli,
        models[0].spacing,
        unit_cases(settings.usual_day),
        poisson=settings.poisson,
        rtol=settings.rtol,
        energy_tol=settings.rtol,
        starts=[state.solutions for state in states],
        max_iterations=settings.max_iterations,
    )
    return [tuple(dataclasses.replace(each, levels=()) for each in solutions) for solutions in found]


def _finish(state: State, model: Model, solutions: tuple[Solution, ...], load: Load) -> State:
    """The state with its solutions, strength and energy; none where no bone connects the plates."""
    if not solutions:
        none = jax.device_put(np.zeros(state.fill.shape, np.float32))
        return dataclasses.replace(state, solutions=(), energy=none, failure_load=0.0)
    failure_load = abs(float(strength.pistoia(solutions[0]).failure_load))
    return apply_load(dataclasses.replace(state, solutions=solutions, failure_load=failure_load), model, load)
