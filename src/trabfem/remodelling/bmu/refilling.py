"""Which BMUs end with a step: pits that are full again, and pits that went through the bone."""

import dataclasses

import jax.numpy as jnp

from .bmus import DIGGING, REFILLING, Bmus
from .pace import LONGEST_REFILL, compute_refill
from .perforation import find_perforations
from .pits import Scalar
from .sites import Grid
from .sums import sum_by_bmu

ENOUGH = 0.003
"""A pit counts as full when no more than this share of its volume is missing."""


def finish_pits(bmus: Bmus, removed: Grid, phi: Grid, refill: Scalar, h: Scalar, day: Scalar, window: int) -> Bmus:
    """The BMUs at the end of a step: complete pits start to refill, unless they went through; full ones are dropped.

    `removed` (mm^3): bone that the BMUs took out of each voxel in the step. `window`: `count_window` of the edge h.
    """
    removed = bmus.removed + sum_by_bmu(bmus.owner, removed, len(bmus.birth), h**3)
    ready = (bmus.birth + DIGGING <= day) & jnp.isinf(bmus.filling)
    through = find_perforations(bmus, phi, ready, h, window)
    # Refill starts on the day when the pit is complete, not at the end of the step, so results depend little on steps.
    dug, filling = jnp.where(ready, removed, bmus.dug), jnp.where(ready, bmus.birth + DIGGING, bmus.filling)
    full = (filling + REFILLING <= day) & (removed <= (1 - compute_refill(bmus, refill) + ENOUGH) * dug)
    over = through | full | (filling + LONGEST_REFILL <= day)
    alive = ~over[jnp.maximum(bmus.owner - 1, 0)] & (bmus.owner > 0)
    return dataclasses.replace(
        bmus,
        owner=jnp.where(alive, bmus.owner, 0),
        weight=jnp.where(alive, bmus.weight, jnp.float32(0)),
        birth=jnp.where(over, jnp.inf, bmus.birth),
        filling=jnp.where(over, jnp.inf, filling),
        dug=jnp.where(over, 0.0, dug),
        removed=jnp.where(over, 0.0, removed),
        perforation=bmus.perforation + jnp.where(through, removed, 0.0).sum(),
        formation_balance=bmus.formation_balance + jnp.where(over, removed - (1 - refill) * dug, 0.0).sum(),
    )
