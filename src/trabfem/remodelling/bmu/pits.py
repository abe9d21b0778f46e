"""The pit of a BMU: the voxels that it takes up and its relative depth in each."""

import numpy as np
from jaxtyping import Float

from trabfem import constants

from .sites import BirthSites, Grid, Window, thickness_under

RIM = 12
"""The depth profile is 1 - rho^RIM, nearly flat, since measured wall thickness is a mean over the packet."""
KEPT_UNDER_PIT = 1.5
"""Voxels of bone left under a pit in thick bone: the least thickness that always stays connected."""
HALF_AXES = (constants.CAVITY_LENGTH.value / 2, constants.CAVITY_WIDTH.value / 2)


def pit_profile(
    sites: BirthSites, centre: np.ndarray, normal: np.ndarray, depth: float, scale: float, angle: float, thick: bool
) -> tuple[Window, Grid]:
    """The voxels around a pit and their weights, 0 outside of it.

    A pit is an ellipse in the tangent plane with its long axis at `angle`. It reaches from just above the surface to
    its depth and is flat except at the rim. In `thick` bone it is shallower where no bone would be left under it.
    """
    h = sites.h
    long, wide = (scale * axis for axis in HALF_AXES)
    top, bottom = 1.5 * h, -depth - 1.5 * h
    first, second = _tangents(normal, angle)
    across = np.hypot(long * first, wide * second)
    along = np.sort([bottom * normal, top * normal], axis=0)
    window = window_around(centre + along[0] - across, centre + along[1] + across, h, sites.phi.shape)
    away = vectors_from(window, centre, h)
    up = away @ normal
    rho = np.hypot(away @ first / long, away @ second / wide)
    inside = (rho < 1) & (up <= top) & (up >= bottom)
    profile = np.where(inside, 1 - rho**RIM, 0.0)
    if thick:
        feet = centre + (away - up[..., None] * normal)[inside]
        bone = thickness_under(sites.phi, feet, normal, depth + (KEPT_UNDER_PIT + 1) * h, h)
        profile[inside] *= np.clip((bone - KEPT_UNDER_PIT * h) / depth, 0, 1)
    return window, profile.astype(np.float32)


def window_around(low: np.ndarray, high: np.ndarray, h: float, shape: tuple[int, ...]) -> Window:
    """The voxels from `low` to `high` (mm) plus one on every side (for differences), within the block."""
    first = np.clip(np.floor(low / h).astype(int) - 1, 0, np.array(shape))
    last = np.clip(np.ceil(high / h).astype(int) + 1, 0, np.array(shape))
    return tuple(slice(int(a), int(b)) for a, b in zip(first, last, strict=True))


def vectors_from(window: Window, centre: np.ndarray, h: float) -> Float[np.ndarray, "x y z 3"]:
    """Vectors (mm) from `centre` to the middle of each voxel."""
    axes = ((np.arange(s.start, s.stop) + 0.5) * h - c for s, c in zip(window, centre, strict=True))
    return np.stack(np.meshgrid(*axes, indexing="ij"), -1)


def _tangents(normal: np.ndarray, angle: float) -> tuple[np.ndarray, np.ndarray]:
    """Two unit vectors orthogonal to `normal` and to each other, rotated about it by `angle` (rad)."""
    first = np.cross(normal, np.eye(3)[np.argmin(np.abs(normal))])
    first /= np.linalg.norm(first)
    second = np.cross(normal, first)
    return np.cos(angle) * first + np.sin(angle) * second, np.cos(angle) * second - np.sin(angle) * first
