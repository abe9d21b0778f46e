"""Moduli of the bone, its equilibrium under unit load cases, and the strain energy of the loads of a usual day."""

import dataclasses
from collections.abc import Sequence
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float

from trabfem.mechanics import strength
from trabfem.mechanics.cases import solve_cases
from trabfem.mechanics.solve import Solution
from trabfem.schedule import USUAL_LOAD, Load

from .loading.activities import activity_energy, change_loads, unit_cases
from .mineral import Kinetics, modulus_ratio
from .model import Model, State
from .rules.protocol import Shape
from .settings import Settings
from .stimulus import SMALLEST_FILL
from .surface.differences import Grid

Scalar = float | Float[Array, ""]


def tissue_moduli(fill: Shape, settings: Settings, young: Shape | None, young_start: float) -> Grid:
    """E = E_tissue x (MPa) with the fill x, times the effect of mineral where `young` is known (see `mineral`).

    E = 0 below the smallest fill: almost empty elements carry no load and slow down the solver.
    """
    return _tissue_moduli(fill, settings.tissue_modulus, young, young_start, settings.mineral)[0]


@partial(jax.jit, static_argnames="kinetics")
def _tissue_moduli(
    fill: Shape, tissue: Scalar, young: Shape | None, young_start: Scalar, kinetics: Kinetics | None
) -> tuple[Grid, Bool[Array, ""]]:
    """The moduli, and whether there is any bone."""
    fill = jnp.asarray(fill)
    modulus = jnp.where(fill >= SMALLEST_FILL, tissue * fill, jnp.float32(0))
    if young is not None and kinetics is not None:
        modulus = modulus * modulus_ratio(young, young_start, kinetics)
    return modulus, (fill > 0).any()


def solve_activities(
    modulus: Shape,
    spacing: tuple[float, float, float],
    settings: Settings,
    starts: Sequence[Solution] = (),
) -> tuple[Solution, ...]:
    """Solutions of the unit load cases that the settings' activities consist of.

    Sums of them, scaled to the stresses of the activities, give the answer to prescribed forces (see
    `activity_energy`). Because they are stored at a fixed strain, they remain good first guesses for the next month
    even as the bone becomes weaker.
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
    # The next month builds a multigrid hierarchy of its own; dropping this one frees its memory.
    return tuple(dataclasses.replace(each, levels=()) for each in found)


def solve_equilibrium(state: State, model: Model, load: Load = USUAL_LOAD) -> State:
    """The state with the equilibrium of its bone under `load`; no solutions where no bone connects the plates."""
    settings = model.settings
    modulus, some = _tissue_moduli(
        state.fill, settings.tissue_modulus, state.young, state.young_start, settings.mineral
    )
    if not bool(some):
        none = jax.device_put(np.zeros(state.fill.shape, np.float32))
        return dataclasses.replace(state, solutions=(), energy=none, failure_load=0.0)
    solutions = solve_activities(modulus, model.spacing, model.settings, state.solutions)
    failure_load = abs(float(strength.pistoia(solutions[0]).failure_load))
    return apply_load(dataclasses.replace(state, solutions=solutions, failure_load=failure_load), model, load)


def apply_load(state: State, model: Model, load: Load) -> State:
    """The state with the strain energy under `load`, from the unit solutions it already has."""
    if not state.solutions:
        return state
    day = change_loads(model.settings.usual_day, load)
    return dataclasses.replace(state, energy=activity_energy(state.solutions, day))
