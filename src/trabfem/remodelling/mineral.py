r"""Mineral by tissue age: new bone is soft and fills with mineral over years, so less turnover means denser bone.

Each voxel carries its share of young tissue, $y = \langle e^{-k a} \rangle$ over the ages a of the bone in it. It
decays at the rate k, new bone brings 1, and mixing is linear, so no ages need to be followed:

$$M = 1 - m y, \qquad E = E_\mathrm{tissue}\, x\, (M/M_0)^{2.74}$$

m is what newly laid bone lacks in mineral after its fast primary phase. k and m are those of the cell model: both speak
of the same bone. Sources: Ruffoni 2007 Bone 40:1308 (the two phases), Martinez-Reina & Pivonka 2019 (modulus).
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Float32

from trabfem import constants
from trabfem.biology.parameters import shipped

Voxels = Float32[np.ndarray, "x y z"]
EXPONENT = constants.MODULUS_MINERAL_EXPONENT.value


@dataclass(frozen=True)
class Kinetics:
    """`rate` (1/day): secondary mineralisation; `deficit`: what newly laid bone lacks of old bone's mineral."""

    rate: float
    deficit: float

    def degree(self, young: Float[np.ndarray, "*voxels"] | float) -> Float[np.ndarray, "*voxels"] | float:
        """Mineral relative to old bone."""
        return 1.0 - self.deficit * young


def kinetics_of_cell_model() -> Kinetics:
    """The kinetics that the cell model was fitted with."""
    fitted = shipped()
    return Kinetics(float(fitted.mineral_rate) / constants.DAYS_PER_YEAR.value, float(fitted.mineral_deficit))


def usual_young(resorption_per_day: float, kinetics: Kinetics) -> float:
    """Young share of bone that is turned over at a steady rate (1/day): turnover / (turnover + k)."""
    return resorption_per_day / (resorption_per_day + kinetics.rate)


def age_tissue(young: Voxels, before: Voxels, after: Voxels, days: float, kinetics: Kinetics) -> Voxels:
    """Young shares after a step in which fill went from `before` to `after`: bone gained in a voxel is new.

    Resorption takes the bone of a voxel as it comes, which leaves its share as it is.
    """
    older = young * np.float32(np.exp(-kinetics.rate * days))
    gained = np.maximum(after - before, 0)
    return np.where(after > 0, (older * (after - gained) + gained) / np.maximum(after, 1e-6), np.float32(0)).astype(
        np.float32
    )


def stiffening(young: Voxels, start: float, kinetics: Kinetics) -> Voxels:
    """E over E at the usual mineral of month 0: (M / M0)^2.74."""
    return np.asarray((kinetics.degree(young) / kinetics.degree(start)) ** EXPONENT, np.float32)


def density(fill: Voxels, young: Voxels, start: float, kinetics: Kinetics) -> float:
    """Mineral of the block over that of solid bone with the usual mineral: mean of x M / M0; BV/TV at month 0."""
    return float(np.mean(fill * kinetics.degree(young), dtype=np.float64) / kinetics.degree(start))
