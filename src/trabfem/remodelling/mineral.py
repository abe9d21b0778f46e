r"""Mineral by tissue age: new bone is soft and mineralises over years, so bone becomes denser when turnover is low.

Each voxel stores its share of young tissue, $y = \langle e^{-k a} \rangle$, a mean over the ages a of the bone in it.
Existing bone decays at the rate k, new bone has y = 1, and both mix linearly, so ages need not be stored:

$$M = 1 - m y, \qquad E = E_\mathrm{tissue}\, x\, (M/M_0)^{2.74}$$

m is the mineral that newly formed bone lacks after its fast primary phase. k and m are the values of the cell model, as
both models describe the same bone. Sources: Ruffoni 2007 Bone 40:1308 (the two phases), Martinez-Reina & Pivonka 2019
(modulus).
"""

from dataclasses import dataclass

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Float32

from trabfem import constants
from trabfem.biology.parameters import shipped_parameters

Voxels = Float32[np.ndarray | Array, "x y z"]
Grid = Float32[Array, "x y z"]
Scalar = float | Float[Array, ""]
OLDEST = 100.0
"""Years; ages beyond are shown as this one."""
EXPONENT = constants.MODULUS_MINERAL_EXPONENT.value


@dataclass(frozen=True)
class Kinetics:
    """`rate` (1/day) of secondary mineralisation; `deficit`: share of old bone's mineral that new bone lacks."""

    rate: float
    deficit: float

    def degree(self, young: Voxels | Scalar) -> Voxels | Scalar:
        """Mineral relative to old bone, from the share of young tissue."""
        return 1.0 - self.deficit * young


def kinetics_of_cell_model() -> Kinetics:
    """The kinetics that the cell model was fitted with."""
    fitted = shipped_parameters()
    return Kinetics(float(fitted.mineral_rate) / constants.DAYS_PER_YEAR.value, float(fitted.mineral_deficit))


def usual_young(resorption_per_day: float, kinetics: Kinetics) -> float:
    """Share of young tissue in bone with constant turnover (1/day): turnover / (turnover + k)."""
    return resorption_per_day / (resorption_per_day + kinetics.rate)


def age_tissue(young: Voxels, before: Voxels, after: Voxels, days: Scalar, kinetics: Kinetics) -> Grid:
    """Shares of young tissue after a step that changed fill from `before` to `after`: bone gained is new.

    Resorption removes young and old bone of a voxel alike, which does not change the share.
    """
    older = young * jnp.exp(-kinetics.rate * days).astype(jnp.float32)
    gained = jnp.maximum(after - before, 0)
    return jnp.where(after > 0, (older * (after - gained) + gained) / jnp.maximum(after, 1e-6), jnp.float32(0))


def tissue_age(young: Voxels, fill: Voxels, kinetics: Kinetics) -> Float32[np.ndarray, "x y z"]:
    r"""Age (years) of the tissue in each voxel, 0 in voids: that of bone of one age with the same share,

    $$a = -\ln(y) / k$$

    Of bone of several ages it is below their mean, as young bone weighs more in y; no age is above `OLDEST`.
    """
    per_year = kinetics.rate * constants.DAYS_PER_YEAR.value
    share = np.maximum(np.asarray(young), np.exp(-per_year * OLDEST))
    return np.where(np.asarray(fill) > 0, -np.log(share) / per_year, 0).astype(np.float32)


def modulus_ratio(young: Voxels, start: Scalar, kinetics: Kinetics) -> Grid:
    """Modulus relative to that with the mineral of month 0: (M / M0)^2.74."""
    return jnp.asarray((kinetics.degree(young) / kinetics.degree(start)) ** EXPONENT, jnp.float32)


def density(fill: Voxels, young: Voxels, start: Scalar, kinetics: Kinetics) -> Float[Array, ""]:
    """Mineral of the block over that of solid bone at month 0: mean of x M / M0, which equals BV/TV at month 0."""
    return jnp.mean(fill * kinetics.degree(young), dtype=jnp.float64) / kinetics.degree(start)
