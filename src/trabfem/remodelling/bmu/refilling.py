"""How fast each BMU digs or refills in a step, and which BMUs end."""

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
"""A pit counts as full when no more than this share of its volume is missing."""
LARGEST_BALANCE = 0.5
"""The balance carried over changes the refill by at most this share of the volume of the pits that refill."""


def compute_pace(bmus: Bmus, refill: float, day: float, days: float) -> Float[np.ndarray, " bmus"]:
    """Mean velocity (mm/day) of the surface in the middle of each pit over [day, day + days).

    A pit is dug to its depth in DIGGING days. After REFILLING days more, the share `compute_refill` of its volume is
    formed again: the pace is the depth still missing over the days left, at most the mineral apposition rate.
    """
    digging = _overlap(bmus.birth, DIGGING, day, days) / DIGGING
    filling = _overlap(bmus.filling, LONGEST_REFILL, day, days)
    left = np.maximum(np.where(np.isinf(bmus.filling), 0, bmus.filling + REFILLING - day), days)
    still_open = np.where(bmus.dug > 0, bmus.removed / np.where(bmus.dug > 0, bmus.dug, 1), 0)
    share = np.where(bmus.dug > 0, compute_refill(bmus, refill) - 1 + still_open, 0)
    speed = np.clip(bmus.depth * share / left, 0, FASTEST_REFILL)
    return speed * filling / days - bmus.depth * digging / days


def compute_refill(bmus: Bmus, refill: float) -> float:
    """Bone formed over bone dug in the pits that refill, when the cells form `refill` of all that is dug.

    It includes the balance carried over, which these pits share by their volume.
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
    """The BMUs at the end of a step: complete pits start to refill, unless they went through; full ones are dropped.

    `removed` (mm^3): bone that the BMUs took out of each voxel in the step.
    """
    removed = bmus.removed + np.bincount(bmus.owner.ravel(), removed.ravel(), len(bmus.birth) + 1)[1:]
    ready = (bmus.birth + DIGGING <= day) & np.isinf(bmus.filling)
    through = np.zeros_like(ready)
    for k in np.flatnonzero(ready):
        depth = float(bmus.depth[k])
        through[k] = perforates(phi, bmus.owner, int(k) + 1, bmus.centre[k], bmus.normal[k], depth, h)
    # Refill starts on the day when the pit is complete, not at the end of the step, so results depend little on steps.
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
