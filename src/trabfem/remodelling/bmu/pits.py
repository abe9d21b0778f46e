"""The pit of a BMU: the voxels that it takes up and its relative depth in each."""

from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Float32, Int

from trabfem import constants

from .sites import Grid, Scalar, Vector, thickness_under

RIM = 12
"""The depth profile is 1 - rho^RIM, nearly flat, since measured wall thickness is a mean over the packet."""
KEPT_UNDER_PIT = 1.5
"""Voxels of bone left under a pit in thick bone: the least thickness that always stays connected."""
HALF_AXES = (constants.CAVITY_LENGTH.value / 2, constants.CAVITY_WIDTH.value / 2)
PIT_DEPTH = constants.PIT_DEPTH.value
DEEPEST = 0.1
"""Pits up to this depth (mm) share array lengths; deeper ones take half as much more, again and again."""
CHUNK = 64
"""Voxels of a pit whose thickness is measured at once."""


@dataclass(frozen=True)
class Room:
    """Array lengths that hold any pit of a month: edge of its window and its voxels, and samples along its axis."""

    window: int
    voxels: int
    samples: int


def find_room(h: float, depth: float, depth_spread: float, safe: float) -> Room:
    """The room for pits of a mean `depth` (mm) on voxels of edge `h` (mm); the same for all usual depths.

    A pit's voxels lie in an elliptic cylinder. As many of their cubes as fit into that cylinder, made larger by half a
    cube's diagonal, bound their number.
    """
    most = 1 + 2 * depth_spread
    deepest = DEEPEST * 1.5 ** max(0, int(np.ceil(np.log(most * depth / DEEPEST) / np.log(1.5))))
    long, wide = (np.sqrt(deepest / most / PIT_DEPTH) * axis for axis in HALF_AXES)
    window = int(np.ceil(np.hypot(2 * long, deepest + 3 * h) / h)) + 5
    border = np.sqrt(3) / 2 * h
    section = np.pi * (long * wide + 2 * np.hypot(long, wide) / np.sqrt(2) * border + border**2)
    voxels = CHUNK * int(np.ceil(section * (deepest + 3 * h + 2 * border) / h**3 / CHUNK))
    reach = max(safe * deepest + h, deepest + (KEPT_UNDER_PIT + 1) * h)
    return Room(window, min(voxels, window**3), int(np.ceil((reach + 1.5 * h) / (h / 4))) + 1)


def pit_profile(
    phi: Grid, h: Scalar, centre: Vector, normal: Vector, depth: Scalar, scale: Scalar, angle: Scalar,
    thick: bool | Bool[Array, ""], room: Room,
) -> tuple[Int[Array, " voxels"], Float32[Array, " voxels"]]:  # fmt: skip
    """The voxels of a pit (flat index; the number of all voxels for none) and their weights.

    A pit is an ellipse in the tangent plane with its long axis at `angle`. It reaches from just above the surface to
    its depth and is flat except at the rim. In `thick` bone it is shallower where no bone would be left under it.
    """
    long, wide = (scale * axis for axis in HALF_AXES)
    top, bottom = 1.5 * h, -depth - 1.5 * h
    first, second = _tangents(normal, angle)
    across = jnp.hypot(long * first, wide * second)
    low = jnp.minimum(bottom * normal, top * normal)
    corner = window_corner(centre + low - across, h, phi.shape, room.window)
    away = vectors_from(corner, window_size(phi.shape, room.window), centre, h)
    up = away @ normal
    rho = jnp.hypot(away @ first / long, away @ second / wide)
    inside = (rho < 1) & (up <= top) & (up >= bottom)
    size = min(room.voxels, inside.size)
    number = jnp.nonzero(inside.ravel(), size=size, fill_value=inside.size)[0]
    found = number < inside.size
    number = jnp.minimum(number, inside.size - 1)
    profile = jnp.where(found, 1 - rho.ravel()[number] ** RIM, 0.0)
    feet = centre + away.reshape(-1, 3)[number] - up.ravel()[number][:, None] * normal
    count = jnp.where(thick, found.sum(), 0)
    profile = profile * _share_kept(phi, h, feet, normal, depth, count, room)
    place = [corner[axis] + part for axis, part in enumerate(jnp.unravel_index(number, inside.shape))]
    voxels = (place[0] * phi.shape[1] + place[1]) * phi.shape[2] + place[2]
    return jnp.where(found, voxels, phi.size).astype(jnp.int32), profile.astype(jnp.float32)


def _share_kept(
    phi: Grid, h: Scalar, feet: Float[Array, "voxels 3"], normal: Vector, depth: Scalar, count: Int[Array, ""],
    room: Room,
) -> Float[Array, " voxels"]:  # fmt: skip
    """Share of the depth at which bone is left under the first `count` feet; 1 at the others."""
    padded = jnp.pad(feet, ((0, -len(feet) % CHUNK), (0, 0)))

    def measure(chunk: Int[Array, ""], share: Float[Array, " padded"]) -> Float[Array, " padded"]:
        own = jax.lax.dynamic_slice_in_dim(padded, chunk * CHUNK, CHUNK)
        bone = thickness_under(phi, own, normal, depth + (KEPT_UNDER_PIT + 1) * h, h, room.samples)
        kept = jnp.clip((bone - KEPT_UNDER_PIT * h) / depth, 0, 1)
        return jax.lax.dynamic_update_slice_in_dim(share, kept, chunk * CHUNK, 0)

    return jax.lax.fori_loop(0, (count + CHUNK - 1) // CHUNK, measure, jnp.ones(len(padded)))[: len(feet)]


def window_size(shape: tuple[int, ...], window: int) -> tuple[int, int, int]:
    """Voxels of a window along each axis of the block."""
    x, y, z = (min(window, size) for size in shape)
    return x, y, z


def window_corner(low: Vector, h: Scalar, shape: tuple[int, ...], window: int) -> Int[Array, "3"]:
    """The first voxel of the window that begins one voxel before `low` (mm), moved so that it lies in the block."""
    last = np.array(shape) - np.array(window_size(shape, window))
    return jnp.clip(jnp.floor(low / h).astype(jnp.int32) - 1, 0, last.astype(np.int32))


def vectors_from(
    corner: Int[Array, "3"], size: tuple[int, int, int], centre: Vector, h: Scalar
) -> Float[Array, "x y z 3"]:
    """Vectors (mm) from `centre` to the middle of each voxel of a window."""
    axes = [(jnp.arange(n) + corner[axis] + 0.5) * h - centre[axis] for axis, n in enumerate(size)]
    return jnp.stack(jnp.meshgrid(*axes, indexing="ij"), -1)


def _tangents(normal: Vector, angle: Scalar) -> tuple[Vector, Vector]:
    """Two unit vectors orthogonal to `normal` and to each other, rotated about it by `angle` (rad)."""
    first = jnp.cross(normal, jnp.eye(3)[jnp.argmin(jnp.abs(normal))])
    first = first / jnp.sqrt((first**2).sum())
    second = jnp.cross(normal, first)
    return jnp.cos(angle) * first + jnp.sin(angle) * second, jnp.cos(angle) * second - jnp.sin(angle) * first
