"""Load-bearing bone: face-connected to both plates."""

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Float32, UInt8

BOTH = 3
"""Reached from the plate at the first layer (1) and from that at the last one (2)."""


def find_load_bearing(
    fill: Float32[np.ndarray | Array, "x y z"], threshold: float | Float[Array, ""]
) -> Bool[Array, "x y z"]:
    """Voxels filled by `threshold` or more that are face-connected to both end faces along z.

    Bone is flooded from both plates, in sweeps along and against each axis, until nothing changes any more.
    """
    solid = jnp.asarray(fill) >= threshold
    open_to = jnp.where(solid, jnp.uint8(BOTH), jnp.uint8(0))
    start = open_to.at[:, :, 1:-1].set(0).at[:, :, 0].min(1).at[:, :, -1].min(2)
    start = start | (open_to.at[:, :, :-1].set(0) & 2)

    def goes_on(state: tuple[UInt8[Array, "x y z"], Bool[Array, ""]]) -> Bool[Array, ""]:
        return state[1]

    def flood(state: tuple[UInt8[Array, "x y z"], Bool[Array, ""]]) -> tuple[UInt8[Array, "x y z"], Bool[Array, ""]]:
        reached = state[0]
        for axis in range(3):
            reached = _sweep(reached, open_to, axis)
        return reached, (reached != state[0]).any()

    reached, _ = jax.lax.while_loop(goes_on, flood, (start, jnp.ones((), bool)))
    return reached == BOTH


def _sweep(reached: UInt8[Array, "x y z"], open_to: UInt8[Array, "x y z"], axis: int) -> UInt8[Array, "x y z"]:
    """What is reached along an axis: first from low to high, then back."""
    lines, opened = jnp.moveaxis(reached, axis, 0), jnp.moveaxis(open_to, axis, 0)
    for backward in (False, True):

        def go(before: UInt8[Array, "a b"], both: tuple) -> tuple[UInt8[Array, "a b"], UInt8[Array, "a b"]]:
            here = both[0] | (before & both[1])
            return here, here

        _, lines = jax.lax.scan(go, jnp.zeros_like(lines[0]), (lines, opened), reverse=backward)
    return jnp.moveaxis(lines, 0, axis)
