"""Equilibrium of the bone under a constant force through its plates, and what follows from it."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32

from trabfem.mechanics import fields, loads, strength
from trabfem.mechanics.solve import Solution, solve

from .mineral import stiffening
from .settings import Settings
from .stimulus import SMALLEST_FILL

UNIT_LOAD = loads.platens(strain=-0.01)


@dataclass(frozen=True)
class Loaded:
    """The solution under UNIT_LOAD; `energy` (MPa per volume of element) at the carried force; failure load in N."""

    solution: Solution
    energy: Float32[np.ndarray, "x y z"]
    failure_load: float


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
    force: float,
    settings: Settings,
    start: Solution | None = None,
) -> Loaded:
    """Solve with both plates held sideways, then scale the energy to `force` (N, compression): U ~ (F/R)^2.

    The displacement solution scaled is the solution under a rigid plate that carries the force. Kept at a unit strain,
    it stays a close first guess for the next one as the bone weakens.
    """
    solution = solve(
        modulus,
        spacing,
        UNIT_LOAD,
        poisson=settings.poisson,
        rtol=settings.rtol,
        energy_tol=settings.rtol,
        start=start,
        max_iterations=settings.max_iterations,
    )
    scale = np.float32((force / solution.reaction_force) ** 2)
    energy = np.asarray(fields.energy_density(solution, where="gauss"), np.float32) * scale
    return Loaded(solution, energy, abs(float(strength.pistoia(solution).failure_load)))
