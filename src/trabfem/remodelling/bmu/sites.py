"""Where on the surface a BMU may be born, and the thickness of bone below such a place."""

from itertools import product

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float, Float32, Int

Grid = Float32[Array, "x y z"]
Vector = Float[Array, "3"]
Points = Float[Array, "*points"]
Scalar = float | Float[Array, ""]


class BirthSites(eqx.Module):
    """Where BMUs may be born: `cover`, area (mm^2) of surface in each voxel; `odds` (mm^2) of a birth there.

    `odds` is the area, more where the signal is low; 0 beside the surface. `area` (mm^2): the whole surface. `h`: voxel
    edge, mm.
    """

    phi: Grid
    cover: Grid
    odds: Float[Array, "x y z"]
    area: Float[Array, ""]
    h: Scalar


def find_birth_sites(phi: Grid, area: Grid, ratio: Grid, h: Scalar, bias: Scalar) -> BirthSites:
    """Birth sites on the surface of `phi`; odds are `area` (mm^2 in each voxel) times exp(-bias (S/S_ref - 1))."""
    excess = jnp.clip(ratio - 1.0, -1.0, 3.0).astype(jnp.float64)
    return BirthSites(phi, area, jnp.exp(-bias * excess) * area, area.sum(dtype=jnp.float64), h)


def cosine_to_normal(
    phi: Grid, voxels: Int[Array, " voxels"], normal: Float[Array, "3"] | Float[Array, "voxels 3"]
) -> Float[Array, " voxels"]:
    """Cosine between the surface's outward normal at voxels (flat index) and `normal`; 0 where it is negative."""
    slope = slope_at(phi, voxels)
    along = (slope * normal).sum(-1)
    return jnp.clip(-along / jnp.maximum(jnp.sqrt((slope**2).sum(-1)), 1e-9), 0, 1)


def outward_normal(phi: Grid, voxel: Int[Array, ""]) -> Vector:
    """Outward unit normal of the bone at a voxel (flat index), by central differences, one-sided at the border."""
    slope = slope_at(phi, voxel)
    return -slope / jnp.maximum(jnp.sqrt((slope**2).sum()), 1e-12)


def slope_at(phi: Grid, voxels: Int[Array, "*voxels"]) -> Float[Array, "*voxels 3"]:
    """Differences of phi across the voxels with these flat indices, central, one-sided at the border of the block."""
    flat, place = phi.ravel(), jnp.unravel_index(voxels, phi.shape)
    strides = (phi.shape[1] * phi.shape[2], phi.shape[2], 1)
    parts = []
    for index, size, stride in zip(place, phi.shape, strides, strict=True):
        low, high = index > 0, index < size - 1
        rise = flat[voxels + stride * high] - flat[voxels - stride * low]
        parts.append(rise.astype(jnp.float64) / jnp.maximum(low.astype(jnp.float64) + high, 1))
    return jnp.stack(parts, -1)


def thickness_under(
    phi: Grid,
    feet: Float[Array, "*points 3"],
    normal: Vector,
    reach: Scalar,
    h: Scalar,
    most: int,
) -> Float[Array, "*points"]:
    """Thickness (mm) of bone under points on or near the surface, along the inward normal; infinite beyond `reach`.

    `most`: number of samples, enough for the reach: one each quarter of a voxel from 1.5 voxels above.
    """
    number = jnp.arange(most, dtype=jnp.int32)
    valid = number < jnp.ceil((reach + 1.5 * h) / (h / 4))
    inside = (sample_along_axis(phi, feet, normal, -1.5 * h + number * (h / 4), h) > 0) & valid
    first = jnp.argmax(inside, axis=-1).astype(jnp.int32)
    end = jnp.where(~inside & valid & (number > first[..., None]), number, most).min(axis=-1)
    bone = jnp.where(end < most, (end - first) * (h / 4), jnp.inf)
    return jnp.where(inside.any(axis=-1), bone, 0.0)


def sample_along_axis(
    phi: Grid, feet: Float[Array, "*points 3"], normal: Vector, steps: Float[Array, " steps"], h: Scalar
) -> Float[Array, "*points steps"]:  # fmt: skip
    """phi at depths `steps` (mm) below points of the surface, along the inward normal; trilinear."""
    x, y, z = ((feet[..., axis, None] - steps * normal[axis]) / h - 0.5 for axis in range(3))
    return interpolate(phi, (x, y, z))


def interpolate(phi: Grid, points: tuple[Points, Points, Points]) -> Points:
    """phi at points (in voxels, from the centre of the first), trilinear; beyond the block the value at its border."""
    flat, shape = phi.ravel(), phi.shape
    lows, shares = [], []
    for at, size in zip(points, shape, strict=True):
        at = jnp.clip(at, 0, size - 1)
        low = jnp.minimum(at.astype(jnp.int32), max(size - 2, 0))
        lows.append(low)
        shares.append(at - low)
    strides = (shape[1] * shape[2], shape[2], 1)
    first = sum(low * jnp.int32(stride) for low, stride in zip(lows, strides, strict=True))
    value = 0.0
    for up in product((0, 1), repeat=3):
        weight = 1.0
        for high, share in zip(up, shares, strict=True):
            weight = weight * (share if high else 1 - share)
        offset = sum(stride * high * (size > 1) for stride, high, size in zip(strides, up, shape, strict=True))
        value = value + weight * flat[first + jnp.int32(offset)]
    return jnp.asarray(value)


def unflatten(phi: Grid, voxel: Int[Array, "*voxels"]) -> Int[Array, "*voxels 3"]:
    """Index along each axis of a voxel with this flat index."""
    return jnp.stack(jnp.unravel_index(voxel, phi.shape), -1)
