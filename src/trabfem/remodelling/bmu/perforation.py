"""Whether a pit went through the bone, by cutting a strut or making a hole in a plate."""

from itertools import product

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Int

from .bmus import Bmus
from .pits import HALF_AXES, Scalar, vectors_from, window_corner, window_size
from .sites import Grid, interpolate

REACH = HALF_AXES[0]


def find_perforations(
    bmus: Bmus, phi: Grid, ready: Bool[Array, " bmus"], h: Scalar, window: int
) -> Bool[Array, " bmus"]:
    """Which pits among those that are `ready` have cut a strut or made a hole, not just thinned the bone.

    True where no bone is left on the axis of the pit and filling the pit changes the Euler characteristic of the bone
    around it. `window`: see `count_window`.
    """
    left = ready & ~find_bone_on_axis(bmus, phi, ready, h)

    def goes_on(state: tuple[Bool[Array, " bmus"], Bool[Array, " bmus"]]) -> Bool[Array, ""]:
        return state[0].any()

    def look_at_one(
        state: tuple[Bool[Array, " bmus"], Bool[Array, " bmus"]],
    ) -> tuple[Bool[Array, " bmus"], Bool[Array, " bmus"]]:
        left, through = state
        one = jnp.argmax(left)
        return left.at[one].set(False), through.at[one].set(changes_topology(bmus, phi, one, h, window))

    return jax.lax.while_loop(goes_on, look_at_one, (left, jnp.zeros_like(left)))[1]


def find_bone_on_axis(bmus: Bmus, phi: Grid, ready: Bool[Array, " bmus"], h: Scalar) -> Bool[Array, " bmus"]:
    """Whether bone is left on the axis of each pit, down to a voxel and a half below it."""
    count = jnp.ceil((bmus.depth + 1.5 * h) / (h / 4))

    def sample(number: Int[Array, ""], found: Bool[Array, " bmus"]) -> Bool[Array, " bmus"]:
        x, y, z = ((bmus.centre - number * (h / 4) * bmus.normal) / h - 0.5).T
        value = interpolate(phi, (x, y, z))
        return found | ((number < count) & (value >= 0))

    most = jnp.max(jnp.where(ready, count, 0)).astype(jnp.int32)
    return jax.lax.fori_loop(0, most, sample, jnp.zeros(ready.shape, bool))


def count_window(h: float) -> int:
    """Voxels along an edge of the window around a pit in which the Euler characteristic is taken."""
    return int(np.ceil(2 * (REACH + 2 * h) / h)) + 5


def changes_topology(bmus: Bmus, phi: Grid, one: Int[Array, ""], h: Scalar, window: int) -> Bool[Array, ""]:
    """Whether filling the pit of BMU number `one` changes the Euler characteristic of the bone around it."""
    centre, normal, reach = bmus.centre[one], bmus.normal[one], REACH + 2 * h
    corner, size = window_corner(centre - reach, h, phi.shape, window), window_size(phi.shape, window)
    # The window of a fixed size holds the one that belongs to the pit.
    first, last = jnp.floor((centre - reach) / h) - 1, jnp.ceil((centre + reach) / h) + 1
    known = jnp.ones(size, bool)
    for axis in range(3):
        at = (corner[axis] + jnp.arange(size[axis])).reshape([-1 if k == axis else 1 for k in range(3)])
        known = known & (at >= first[axis]) & (at < last[axis])
    after = (jax.lax.dynamic_slice(phi, corner, size) > 0) & known
    own = jax.lax.dynamic_slice(bmus.owner, corner, size) == one + 1
    below = vectors_from(corner, size, centre, h) @ normal < 0
    filled = after | (own & below & known)
    return euler_characteristic(filled) != euler_characteristic(after)


def euler_characteristic(bone: Bool[Array, "x y z"]) -> Int[Array, ""]:
    """Euler characteristic of closed voxels (pieces - tunnels + cavities), as corners - edges + faces - cubes."""
    total = jnp.zeros((), jnp.int32)
    padded = jnp.pad(bone, 1)
    for over in product((False, True), repeat=3):
        cells = padded
        for axis in (axis for axis in range(3) if over[axis]):
            low, high = [slice(None)] * 3, [slice(None)] * 3
            low[axis], high[axis] = slice(None, -1), slice(1, None)
            cells = cells[tuple(low)] | cells[tuple(high)]
        total = total + (-1) ** (3 - sum(over)) * cells.sum(dtype=jnp.int32)
    return total
