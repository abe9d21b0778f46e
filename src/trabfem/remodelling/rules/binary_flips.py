"""Binary flips as in VOX-FE2: a step removes surface voxels of the lowest signal and adds some next to the highest.

As many voxels flip as the default rule's velocity would move over the step: growth is added where the signal is
highest, loss taken where it is lowest. The surface moves by whole voxels and without smoothing: kept for comparison.
Source: the percentile rule of VOX-FE2, Banglawala 2015, ARCHER eCSE report (recalled); own code.
"""

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int

from ..surface.differences import Grid
from .common import FillRule, free_layers
from .protocol import Pits, Shape, Voxels

Scalar = float | Float[Array, ""]


class BinaryFlips(FillRule):
    """State: a fill of 0 or 1."""

    def begin(self, fill: Voxels) -> Voxels:
        """The state made of fill fractions: a voxel at least half full is bone."""
        return (fill >= 0.5).astype(np.float32)

    def advance(self, state: Shape, ratio: Grid, bias: float, dt: float, pits: Pits | None = None) -> Grid:
        """The bone after `dt` days; this rule has no BMUs and ignores `pits`."""
        del pits
        return _advance(self, state, ratio, bias, dt)


@jax.jit
def _advance(rule: BinaryFlips, state: Shape, ratio: Grid, bias: Scalar, dt: Scalar) -> Grid:
    bone, free = jnp.asarray(state) > 0, free_layers(state.shape, rule.frozen_layers) > 0
    inside = bone & free & _beside(~bone)
    outside = ~bone & free & _beside(bone)
    moved = dt / rule.h * rule.fastest * jnp.clip(rule.gain * (ratio - 1) + bias / rule.fastest, -1, 1)
    moved = jnp.where(inside, moved, 0.0)
    gone = _select_lowest(inside, ratio, jnp.round(-jnp.minimum(moved, 0).sum()))
    come = _select_lowest(outside, -ratio, jnp.round(jnp.maximum(moved, 0).sum()))
    return ((bone & ~gone) | come).astype(jnp.float32)


def _beside(voxels: Bool[Array, "x y z"]) -> Bool[Array, "x y z"]:
    """The voxels and all that share a face with one of them."""
    found = voxels
    for axis in range(3):
        size, padded = voxels.shape[axis], jnp.pad(voxels, [(int(k == axis),) * 2 for k in range(3)])
        found = found | jax.lax.slice_in_dim(padded, 0, size, axis=axis)
        found = found | jax.lax.slice_in_dim(padded, 2, size + 2, axis=axis)
    return found


def _select_lowest(
    where: Bool[Array, "x y z"], rank: Float[Array, "x y z"], count: Int[Array, ""] | Float[Array, ""]
) -> Bool[Array, "x y z"]:
    """The `count` voxels of `where` with the lowest rank; of equal ranks, the first by position."""
    order = jnp.argsort(jnp.where(where, rank, jnp.inf).ravel(), stable=True)
    chosen = jnp.zeros(where.size, bool).at[order].set(jnp.arange(where.size) < count)
    return chosen.reshape(where.shape) & where
