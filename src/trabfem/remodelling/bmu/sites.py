"""Where on the surface a BMU may be born, and the thickness of bone below such a place."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Float32, Int, Int32
from scipy import ndimage

Grid = Float32[np.ndarray, "x y z"]
Window = tuple[slice, ...]


@dataclass(frozen=True)
class BirthSites:
    """Where BMUs may be born: `cover`, area (mm^2) in each voxel; `voxels`, those of the surface; `odds` of a birth.

    `odds` (mm^2) of each of `voxels`: its area, more where the signal is low.
    """

    phi: Grid
    h: float
    cover: Grid
    voxels: Int[np.ndarray, " points"]
    odds: Float[np.ndarray, " points"]

    @property
    def area(self) -> float:
        """The whole surface, mm^2."""
        return float(self.cover.sum(dtype=np.float64))


def find_birth_sites(phi: Grid, area: Grid, ratio: Grid, h: float, bias: float) -> BirthSites:
    """Birth sites on the surface of `phi`; odds are `area` (mm^2 in each voxel) times exp(-bias (S/S_ref - 1))."""
    voxels = np.flatnonzero(area)
    excess = np.clip(ratio.ravel()[voxels] - 1.0, -1.0, 3.0).astype(np.float64)
    return BirthSites(phi, h, area, voxels, np.exp(-bias * excess) * area.ravel()[voxels])


def cosine_to_normal(sites: BirthSites, window: Window, normal: np.ndarray) -> np.ndarray:
    """Cosine between the surface's outward normal and `normal`; 0 where it is negative."""
    slope = np.stack([*np.gradient(sites.phi[window])], -1)
    return np.clip(-(slope @ normal) / np.maximum(np.linalg.norm(slope, axis=-1), 1e-9), 0, 1)


def thickness_under(
    phi: Grid, feet: Float[np.ndarray, "*points 3"], normal: np.ndarray, reach: float, h: float
) -> Float[np.ndarray, "*points"]:
    """Thickness (mm) of bone under points on or near the surface, along the inward normal; infinite beyond `reach`."""
    steps = np.arange(-1.5 * h, reach, h / 4)
    inside = sample_along_axis(phi, feet, normal, steps, h) > 0
    entered = np.maximum.accumulate(inside, axis=-1)
    left = np.maximum.accumulate(entered & ~inside, axis=-1)
    bone = (inside & ~left).sum(-1) * h / 4
    return np.where(entered[..., -1] & ~left[..., -1], np.inf, bone)


def sample_along_axis(
    phi: Grid, feet: Float[np.ndarray, "*points 3"], normal: np.ndarray, steps: np.ndarray, h: float
) -> Float[np.ndarray, "*points steps"]:
    """phi at depths `steps` (mm) below points of the surface, along the inward normal."""
    points = (feet[..., None, :] - steps[:, None] * normal) / h - 0.5
    return ndimage.map_coordinates(phi, np.moveaxis(points, -1, 0), order=1, mode="nearest")


def outward_normal(phi: Grid, voxel: Int32[np.ndarray, " 3"] | np.ndarray) -> np.ndarray:
    """Outward unit normal of the bone at a voxel, by central differences, one-sided at the border."""
    slope = np.array([_slope(phi, voxel, axis) for axis in range(3)])
    return -slope / max(float(np.linalg.norm(slope)), 1e-12)


def _slope(phi: Grid, index: np.ndarray, axis: int) -> float:
    """Central difference at a voxel, one-sided at the border."""
    low, high = index.copy(), index.copy()
    low[axis], high[axis] = max(index[axis] - 1, 0), min(index[axis] + 1, phi.shape[axis] - 1)
    return float(phi[tuple(high)] - phi[tuple(low)]) / max(int(high[axis] - low[axis]), 1)
