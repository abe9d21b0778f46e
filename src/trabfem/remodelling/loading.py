"""Moduli of the bone and its equilibrium under the load cases of a usual day."""

import dataclasses
from collections.abc import Sequence

import numpy as np
from jaxtyping import Float32

from trabfem.mechanics.cases import solve_cases
from trabfem.mechanics.solve import Solution

from . import load_history
from .mineral import stiffening
from .settings import Settings
from .stimulus import SMALLEST_FILL


def moduli(
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


def equilibrium(
    modulus: Float32[np.ndarray, "x y z"],
    spacing: tuple[float, float, float],
    settings: Settings,
    starts: Sequence[Solution] = (),
) -> tuple[Solution, ...]:
    """Solutions of the unit cases that the settings' activities are made of.

    Their sums, scaled to what the activities carry (see `load_history.energy`), are the answers to forces. Kept at a
    unit strain, they stay close first guesses for the next month as the bone weakens.
    """
    found = solve_cases(
        modulus,
        spacing,
        load_history.cases(settings.usual),
        poisson=settings.poisson,
        rtol=settings.rtol,
        energy_tol=settings.rtol,
        starts=starts,
        max_iterations=settings.max_iterations,
    )
    # The next month builds its own hierarchy, and needs the room of this one.
    return tuple(dataclasses.replace(each, levels=()) for each in found)
