"""How fast each BMU digs or refills in a step."""

import jax.numpy as jnp
from jaxtyping import Array, Float

from trabfem import constants

from .bmus import DIGGING, REFILLING, Bmus
from .pits import Scalar

LONGEST_REFILL = 1.5 * REFILLING
FASTEST_REFILL = constants.MINERAL_APPOSITION_RATE.value
LARGEST_BALANCE = 0.5
"""The balance carried over changes the refill by at most this share of the volume of the pits that refill."""


def compute_pace(bmus: Bmus, refill: Scalar, day: Scalar, days: Scalar) -> Float[Array, " bmus"]:
    """Mean velocity (mm/day) of the surface in the middle of each pit over [day, day + days).

    A pit is dug to its depth in DIGGING days. After REFILLING days more, the share `compute_refill` of its volume is
    formed again: the pace is the depth still missing over the days left, at most the mineral apposition rate.
    """
    digging = _overlap(bmus.birth, DIGGING, day, days) / DIGGING
    filling = _overlap(bmus.filling, LONGEST_REFILL, day, days)
    left = jnp.maximum(jnp.where(jnp.isinf(bmus.filling), 0, bmus.filling + REFILLING - day), days)
    still_open = jnp.where(bmus.dug > 0, bmus.removed / jnp.where(bmus.dug > 0, bmus.dug, 1), 0)
    share = jnp.where(bmus.dug > 0, compute_refill(bmus, refill) - 1 + still_open, 0)
    speed = jnp.clip(bmus.depth * share / left, 0, FASTEST_REFILL)
    return speed * filling / days - bmus.depth * digging / days


def compute_refill(bmus: Bmus, refill: Scalar) -> Float[Array, ""]:
    """Bone formed over bone dug in the pits that refill, when the cells form `refill` of all that is dug.

    It includes the balance carried over, which these pits share by their volume.
    """
    filling = jnp.where(jnp.isfinite(bmus.filling), bmus.dug, 0).sum()
    share = bmus.formation_balance / jnp.where(filling > 0, filling, 1)
    return refill + jnp.where(filling > 0, jnp.clip(share, -LARGEST_BALANCE, LARGEST_BALANCE), 0)


def _overlap(start: Float[Array, " bmus"], length: float, day: Scalar, days: Scalar) -> Float[Array, " bmus"]:
    """Days of [start, start + length) within [day, day + days); 0 for a start at infinity."""
    inside = jnp.minimum(start + length, day + days) - jnp.maximum(start, day)
    return jnp.where(jnp.isinf(start), 0.0, jnp.maximum(inside, 0))
