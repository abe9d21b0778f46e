"""Binary flips as in VOX-FE2: a step removes surface voxels of the lowest signal and adds some next to the highest.

As many voxels flip as the default rule's velocity would move over the step: growth is added where the signal is
highest, loss taken where it is lowest. The surface moves by whole voxels and without smoothing: kept for comparison.
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
        """The state made of fill fractions: a voxel at least half full is bone."""
        return (fill >= 0.5).astype(np.float32)

    def advance(self, state: Voxels, ratio: Grid, bias: float, dt: float, pits: Pits | None = None) -> Voxels:
        """The bone after `dt` days; this rule has no BMUs and ignores `pits`."""
        del pits
        bone, free = state > 0, self.free_voxels(state.shape) > 0
        inside = bone & free & np.asarray(ndimage.binary_dilation(~bone), bool)
        outside = ~bone & free & np.asarray(ndimage.binary_dilation(bone), bool)
        felt = np.asarray(ratio)
        moved = dt / self.h * self.fastest * np.clip(self.gain * (felt - 1) + bias / self.fastest, -1, 1)
        gone = _select_lowest(inside, felt, int(round(-np.minimum(moved[inside], 0).sum())))
        come = _select_lowest(outside, -felt, int(round(np.maximum(moved[inside], 0).sum())))
        return (bone & ~gone | come).astype(np.float32)


def _select_lowest(
    where: Bool[np.ndarray, "x y z"], rank: Float[np.ndarray, "x y z"], count: int
) -> Bool[np.ndarray, "x y z"]:
    """The `count` voxels of `where` with the lowest rank; of equal ranks, the first by position."""
    places = np.flatnonzero(where)
    chosen = places[np.argsort(rank.ravel()[places], kind="stable")[:count]]
    out = np.zeros(where.size, bool)
    out[chosen] = True
    return out.reshape(where.shape)
