"""The work of BMUs in a step: how fast each digs or refills, and which pits end."""

import dataclasses

import numpy as np
from jaxtyping import Float

from trabfem import constants

from .bmus import DIGGING, REFILLING, Bmus
from .perforation import perforates
from .sites import Grid

LONGEST_REFILL = 1.5 * REFILLING
FASTEST_REFILL = constants.MINERAL_APPOSITION_RATE.value
ENOUGH = 0.003
"""Share of a pit's volume that may still be missing when the pit counts as full."""
LARGEST_BALANCE = 0.5
"""Of what is dug in the pits that refill, the most by which the balance carried over changes their refill."""


def compute_pace(bmus: Bmus, refill: float, day: float, days: float) -> Float[np.ndarray, " bmus"]:
    """Mean velocity (mm/day) of the surface in the middle of each pit over [day, day + days).

    A pit is dug by its depth in DIGGING days. Refill brings back `compute_refill` the volume that was dug by the end of
    REFILLING days: what is missing, as a depth, over the days left (not faster than bone is ever laid down).
    """
    digging = _overlap(bmus.birth, DIGGING, day, days) / DIGGING
    filling = _overlap(bmus.filling, LONGEST_REFILL, day, days)
    left = np.maximum(np.where(np.isinf(bmus.filling), 0, bmus.filling + REFILLING - day), days)
    still_open = np.where(bmus.dug > 0, bmus.removed / np.where(bmus.dug > 0, bmus.dug, 1), 0)
    share = np.where(bmus.dug > 0, compute_refill(bmus, refill) - 1 + still_open, 0)
    speed = np.clip(bmus.depth * share / left, 0, FASTEST_REFILL)
    return speed * filling / days - bmus.depth * digging / days


def compute_refill(bmus: Bmus, refill: float) -> float:
    """Bone laid down over bone dug in the pits that are filling, when the cells lay down `refill` of all that is dug.

    The balance carried over is shared over them by their size.
    """
    filling = float(bmus.dug[np.isfinite(bmus.filling)].sum())
    if filling <= 0:
        return refill
    return refill + float(np.clip(bmus.formation_balance / filling, -LARGEST_BALANCE, LARGEST_BALANCE))


def _overlap(start: np.ndarray, length: float, day: float, days: float) -> np.ndarray:
    """Days of [start, start + length) within [day, day + days); 0 for a start at infinity."""
    return np.where(
        np.isinf(start), 0.0, np.clip(np.minimum(start + length, day + days) - np.maximum(start, day), 0, None)
    )


def finish_pits(bmus: Bmus, removed: Grid, phi: Grid, refill: float, h: float, day: float) -> Bmus:
    """The BMUs at the end of a step: pits that are dug turned to refill or lost, full ones let go.

    `removed` (mm^3): what the BMUs took out of each voxel in the step.
    """
    removed = bmus.removed + np.bincount(bmus.owner.ravel(), removed.ravel(), len(bmus.birth) + 1)[1:]
    ready = (bmus.birth + DIGGING <= day) & np.isinf(bmus.filling)
    through = np.zeros_like(ready)
    for k in np.flatnonzero(ready):
        depth = float(bmus.depth[k])
        through[k] = perforates(phi, bmus.owner, int(k) + 1, bmus.centre[k], bmus.normal[k], depth, h)
    # Refill counts from the day the pit was dug, not from the end of the step: the open volume keeps to their length.
    dug, filling = np.where(ready, removed, bmus.dug), np.where(ready, bmus.birth + DIGGING, bmus.filling)
    full = (filling + REFILLING <= day) & (removed <= (1 - compute_refill(bmus, refill) + ENOUGH) * dug)
    over = through | full | (filling + LONGEST_REFILL <= day)
    alive = np.concatenate([[True], ~over])[bmus.owner]
    return dataclasses.replace(
        bmus,
        owner=np.where(alive, bmus.owner, 0),
        weight=np.where(alive, bmus.weight, np.float32(0)),
        birth=np.where(over, np.inf, bmus.birth),
        filling=np.where(over, np.inf, filling),
        dug=np.where(over, 0.0, dug),
        removed=np.where(over, 0.0, removed),
        perforation=bmus.perforation + float(removed[through].sum()),
        formation_balance=bmus.formation_balance + float((removed - (1 - refill) * dug)[over].sum()),
    )
