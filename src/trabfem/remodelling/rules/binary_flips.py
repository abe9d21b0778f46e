"""Binary flips as in VOX-FE2: each step the least strained surface voxels go, and void beside the most strained fills.

As many voxels flip as the default rule's velocity would move over the step: its growth is added where the signal is
highest, its loss taken where it is lowest. Steps of a whole voxel, no curvature, no memory: kept for comparison.
Source: the percentile rule of VOX-FE2, Banglawala 2015, ARCHER eCSE report (recalled); own code.
"""

import equinox as eqx
import numpy as np
from jaxtyping import Bool, Float, Float32
from scipy import ndimage

from ..differences import Grid
from .frozen import free_voxels
from .level_set import Pits

Voxels = Float32[np.ndarray, "x y z"]


class BinaryFlips(eqx.Module):
    """State: a fill of 0 or 1. Fields as of `LevelSet`, without smoothing."""

    h: float
    fastest: float
    gain: float
    frozen_layers: int = eqx.field(static=True)

    @classmethod
    def of(cls, h: float, fastest: float, gain: float, smoothing: float, frozen_layers: int) -> "BinaryFlips":
        """The rule with the common numbers; `smoothing` plays no part."""
        del smoothing
        return cls(h, fastest, gain, frozen_layers)

    def distance(self, state: Voxels) -> Voxels:
        """Signed distance (mm) from the surface, cut off at half a voxel."""
        return (state - np.float32(0.5)) * np.float32(self.h)

    def begin(self, fill: Voxels) -> Voxels:
        """The state of a specimen's fill fractions: at least half full is bone."""
        return (fill >= 0.5).astype(np.float32)

    def fill(self, state: Voxels) -> Voxels:
        """Fill fractions of a state."""
        return state

    def remove(self, state: Voxels, voxels: Bool[np.ndarray, "x y z"]) -> Voxels:
        """The state without the given voxels."""
        return np.where(voxels, np.float32(0), state)

    def free(self, shape: tuple[int, ...]) -> Voxels:
        """1 where bone may change, 0 in the layers held by the plates."""
        return free_voxels(shape, self.frozen_layers)

    def advance(self, state: Voxels, ratio: Grid, bias: float, dt: float, pits: Pits | None = None) -> Voxels:
        """The bone after `dt` days; remodelling units have no place in this rule."""
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
