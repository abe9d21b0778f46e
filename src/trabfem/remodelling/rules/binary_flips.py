"""Binary flips as in VOX-FE2: each step the least strained surface voxels go, and void beside the most strained fills.

As many voxels flip as the default rule's velocity would move over the step: its growth is added where the signal is
highest, its loss taken where it is lowest. Steps of a whole voxel, no curvature, no memory: kept for comparison.
Source: the percentile rule of VOX-FE2, Banglawala 2015, ARCHER eCSE report (recalled); own code.
"""

import numpy as np
from jaxtyping import Bool, Float
from scipy import ndimage

from ..surface.differences import Grid
from .common import FillRule, Voxels
from .protocol import Pits


class BinaryFlips(FillRule):
    """State: a fill of 0 or 1."""

    def begin(self, fill: Voxels) -> Voxels:
        """The state of a specimen's fill fractions: at least half full is bone."""
        return (fill >= 0.5).astype(np.float32)

    def advance(self, state: Voxels, ratio: Grid, bias: float, dt: float, pits: Pits | None = None) -> Voxels:
        """The bone after `dt` days; BMUs have no place in this rule."""
        del pits
        bone, free = state > 0, self.free(state.shape) > 0
        inside = bone & free & np.asarray(ndimage.binary_dilation(~bone), bool)
        outside = ~bone & free & np.asarray(ndimage.binary_dilation(bone), bool)
        felt = np.asarray(ratio)
        moved = dt / self.h * self.fastest * np.clip(self.gain * (felt - 1) + bias / self.fastest, -1, 1)
        gone = _extreme(inside, felt, int(round(-np.minimum(moved[inside], 0).sum())))
        come = _extreme(outside, -felt, int(round(np.maximum(moved[inside], 0).sum())))
        return (bone & ~gone | come).astype(np.float32)


def _extreme(
    where: Bool[np.ndarray, "x y z"], rank: Float[np.ndarray, "x y z"], count: int
) -> Bool[np.ndarray, "x y z"]:
    """The `count` voxels of `where` with the lowest rank; ties by position."""
    places = np.flatnonzero(where)
    chosen = places[np.argsort(rank.ravel()[places], kind="stable")[:count]]
    out = np.zeros(where.size, bool)
    out[chosen] = True
    return out.reshape(where.shape)
