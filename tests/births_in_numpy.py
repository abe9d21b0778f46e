"""Births of BMUs voxel by voxel in NumPy and SciPy: what the program for the device must find as well."""

from typing import Any

import numpy as np
from scipy import ndimage

from trabfem.remodelling.bmu.births import SMALLEST_COVER, surface_to_cover
from trabfem.remodelling.bmu.pits import HALF_AXES, KEPT_UNDER_PIT, PIT_DEPTH, RIM

SAFE, SPREAD = 2.0, 0.175


def one_month(
    phi: np.ndarray, cover: np.ndarray, odds: np.ndarray, h: float, numbers: np.ndarray, frequency: float, depth: float,
    days: float, arrived: float,
) -> dict[str, Any]:  # fmt: skip
    """Owners, weights, centres and days of the births in a month that begins on day 0, without BMUs before it.

    `numbers`: five of each voxel. `arrived` (mm^2): how much of the surface to be covered the first birth is away.
    """
    owner, weight = np.zeros(phi.shape, np.int32), np.zeros(phi.shape, np.float32)
    centres, births = [], []
    clock = surface_to_cover(frequency, depth, float(cover.sum(dtype=np.float64)), days)
    voxels = np.flatnonzero(odds)
    order = np.argsort(-np.log(numbers[voxels, 0]) / odds.ravel()[voxels], kind="stable")
    for voxel in voxels[order]:
        if arrived > clock:
            break
        if owner.ravel()[voxel]:
            continue
        _, time, turn, *wide = numbers[voxel]
        normal = np.sqrt(-2 * np.log(wide[0])) * np.cos(2 * np.pi * wide[1])
        own = depth * (1 + SPREAD * np.clip(normal, -2, 2))
        axis = outward_normal(phi, voxel)
        centre = (np.array(np.unravel_index(voxel, phi.shape)) + 0.5) * h + phi.ravel()[voxel] * axis
        profile = weights_of_pit(phi, h, centre, axis, own, np.sqrt(depth / PIT_DEPTH), 2 * np.pi * turn)
        taken = (profile > 0) & (owner == 0)
        births.append(time * days)
        centres.append(centre)
        owner[taken], weight[taken] = len(births), profile[taken]
        slope = np.stack([*np.gradient(phi)], -1)
        cosine = np.clip(-(slope @ axis) / np.maximum(np.linalg.norm(slope, axis=-1), 1e-9), 0, 1)
        arrived += max(float((cosine * cover * np.where(taken, profile, 0)).sum()), SMALLEST_COVER)
    return {"owner": owner, "weight": weight, "centre": np.array(centres), "birth": births, "arrived": arrived}


def outward_normal(phi: np.ndarray, voxel: int) -> np.ndarray:
    slope = np.array([float(part.ravel()[voxel]) for part in np.gradient(phi)])
    return -slope / np.linalg.norm(slope)


def weights_of_pit(
    phi: np.ndarray, h: float, centre: np.ndarray, normal: np.ndarray, depth: float, scale: float, angle: float
) -> np.ndarray:
    """The depth profile of a pit on the whole grid."""
    thick = thickness_under(phi, centre, normal, SAFE * depth + h, h) > SAFE * depth
    first = np.cross(normal, np.eye(3)[np.argmin(np.abs(normal))])
    first /= np.linalg.norm(first)
    second = np.cross(normal, first)
    along = np.cos(angle) * first + np.sin(angle) * second
    across = np.cos(angle) * second - np.sin(angle) * first
    axes = [(np.arange(n) + 0.5) * h - c for n, c in zip(phi.shape, centre, strict=True)]
    away = np.stack(np.meshgrid(*axes, indexing="ij"), -1)
    up = away @ normal
    rho = np.hypot(away @ along / (scale * HALF_AXES[0]), away @ across / (scale * HALF_AXES[1]))
    inside = (rho < 1) & (up <= 1.5 * h) & (up >= -depth - 1.5 * h)
    profile = np.where(inside, 1 - rho**RIM, 0.0)
    if thick:
        feet = centre + (away - up[..., None] * normal)[inside]
        bone = thickness_under(phi, feet, normal, depth + (KEPT_UNDER_PIT + 1) * h, h)
        profile[inside] *= np.clip((bone - KEPT_UNDER_PIT * h) / depth, 0, 1)
    return profile.astype(np.float32)


def thickness_under(phi: np.ndarray, feet: np.ndarray, normal: np.ndarray, reach: float, h: float) -> np.ndarray:
    """Thickness (mm) of bone along the inward normal; infinite beyond `reach`."""
    steps = np.arange(-1.5 * h, reach, h / 4)
    points = (feet[..., None, :] - steps[:, None] * normal) / h - 0.5
    inside = ndimage.map_coordinates(phi, np.moveaxis(points, -1, 0), order=1, mode="nearest") > 0
    entered = np.maximum.accumulate(inside, axis=-1)
    left = np.maximum.accumulate(entered & ~inside, axis=-1)
    bone = (inside & ~left).sum(-1) * h / 4
    return np.where(entered[..., -1] & ~left[..., -1], np.inf, bone)
