"""The pit of a remodelling unit: where on the surface it may lie, the voxels it takes, and whether it went through."""

from dataclasses import dataclass
from itertools import product

import numpy as np
from jaxtyping import Bool, Float, Float32, Int, Int32
from scipy import ndimage

from trabfem import constants

Grid = Float32[np.ndarray, "x y z"]
Window = tuple[slice, ...]
RIM = 12
"""Depth over the pit is 1 - rho^RIM: nearly flat, since wall thickness is a mean over the packet."""
FILM = 1.5
"""Voxels of bone that stay under a pit in thick bone, the thinnest that is sure to hold together."""
HALF_AXES = (constants.CAVITY_LENGTH.value / 2, constants.CAVITY_WIDTH.value / 2)


@dataclass(frozen=True)
class Ground:
    """Where units may be born: `cover` (mm^2), the area in each voxel, the surface voxels, and the odds of a birth.

    `odds` are summed up over `voxels` and end with 1, so that a uniform number finds its voxel in them.
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


def ground(phi: Grid, area: Grid, ratio: Grid, h: float, bias: float) -> Ground:
    """The surface of `phi`, `area` (mm^2 in each voxel); odds of a birth on a mm^2 go with exp(-bias (S/S_ref - 1))."""
    voxels = np.flatnonzero(area)
    excess = np.clip(ratio.ravel()[voxels] - 1.0, -1.0, 3.0)
    total = np.cumsum(np.exp(-bias * excess) * area.ravel()[voxels], dtype=np.float64)
    return Ground(phi, h, area, voxels, total / total[-1] if total.size else total)


def facing(where: Ground, window: Window, normal: np.ndarray) -> np.ndarray:
    """Cosine between the surface's outward normal and `normal`, 0 where it faces away."""
    slope = np.stack([*np.gradient(where.phi[window])], -1)
    return np.clip(-(slope @ normal) / np.maximum(np.linalg.norm(slope, axis=-1), 1e-9), 0, 1)


def thickness_under(
    phi: Grid, feet: Float[np.ndarray, "*points 3"], normal: np.ndarray, reach: float, h: float
) -> Float[np.ndarray, "*points"]:
    """Bone (mm) under points on or near the surface, along the inward normal; infinite beyond `reach`."""
    steps = np.arange(-1.5 * h, reach, h / 4)
    inside = along_axis(phi, feet, normal, steps, h) > 0
    entered = np.maximum.accumulate(inside, axis=-1)
    left = np.maximum.accumulate(entered & ~inside, axis=-1)
    bone = (inside & ~left).sum(-1) * h / 4
    return np.where(entered[..., -1] & ~left[..., -1], np.inf, bone)


def along_axis(
    phi: Grid, feet: Float[np.ndarray, "*points 3"], normal: np.ndarray, steps: np.ndarray, h: float
) -> Float[np.ndarray, "*points steps"]:
    """phi at `steps` mm below points of the surface, against its normal."""
    points = (feet[..., None, :] - steps[:, None] * normal) / h - 0.5
    return ndimage.map_coordinates(phi, np.moveaxis(points, -1, 0), order=1, mode="nearest")


def outward(phi: Grid, voxel: Int32[np.ndarray, " 3"] | np.ndarray) -> np.ndarray:
    """Unit normal out of the bone at a voxel, by central differences, one-sided at the border."""
    slope = np.array([_slope(phi, voxel, axis) for axis in range(3)])
    return -slope / max(float(np.linalg.norm(slope)), 1e-12)


def _slope(phi: Grid, index: np.ndarray, axis: int) -> float:
    """Central difference at a voxel, one-sided at the border."""
    low, high = index.copy(), index.copy()
    low[axis], high[axis] = max(index[axis] - 1, 0), min(index[axis] + 1, phi.shape[axis] - 1)
    return float(phi[tuple(high)] - phi[tuple(low)]) / max(int(high[axis] - low[axis]), 1)


def patch(
    where: Ground, centre: np.ndarray, normal: np.ndarray, depth: float, scale: float, angle: float, thick: bool
) -> tuple[Window, Grid]:
    """The voxels around a pit and their weights, 0 outside of it.

    A pit is an ellipse in the tangent plane, its long axis at `angle`, from just above the surface down to where it
    ends, flat but for its rim. In `thick` bone it is shallower where else no film would be left.
    """
    h = where.h
    long, wide = (scale * axis for axis in HALF_AXES)
    top, bottom = 1.5 * h, -depth - 1.5 * h
    first, second = _tangents(normal, angle)
    across = np.hypot(long * first, wide * second)
    along = np.sort([bottom * normal, top * normal], axis=0)
    window = _window(centre + along[0] - across, centre + along[1] + across, h, where.phi.shape)
    away = _away(window, centre, h)
    up = away @ normal
    rho = np.hypot(away @ first / long, away @ second / wide)
    inside = (rho < 1) & (up <= top) & (up >= bottom)
    profile = np.where(inside, 1 - rho**RIM, 0.0)
    if thick:
        feet = centre + (away - up[..., None] * normal)[inside]
        bone = thickness_under(where.phi, feet, normal, depth + (FILM + 1) * h, h)
        profile[inside] *= np.clip((bone - FILM * h) / depth, 0, 1)
    return window, profile.astype(np.float32)


def _window(low: np.ndarray, high: np.ndarray, h: float, shape: tuple[int, ...]) -> Window:
    """The voxels from `low` to `high` (mm) and one more on every side, for differences, as far as the block goes."""
    first = np.clip(np.floor(low / h).astype(int) - 1, 0, np.array(shape))
    last = np.clip(np.ceil(high / h).astype(int) + 1, 0, np.array(shape))
    return tuple(slice(int(a), int(b)) for a, b in zip(first, last, strict=True))


def _away(window: Window, centre: np.ndarray, h: float) -> Float[np.ndarray, "x y z 3"]:
    """From `centre` to the middle of each voxel, mm."""
    axes = ((np.arange(s.start, s.stop) + 0.5) * h - c for s, c in zip(window, centre, strict=True))
    return np.stack(np.meshgrid(*axes, indexing="ij"), -1)


def _tangents(normal: np.ndarray, angle: float) -> tuple[np.ndarray, np.ndarray]:
    """Two unit vectors across `normal`, turned by `angle`."""
    first = np.cross(normal, np.eye(3)[np.argmin(np.abs(normal))])
    first /= np.linalg.norm(first)
    second = np.cross(normal, first)
    return np.cos(angle) * first + np.sin(angle) * second, np.cos(angle) * second - np.sin(angle) * first


def opened(
    phi: Grid,
    owner: Int32[np.ndarray, "x y z"],
    unit: int,
    centre: np.ndarray,
    normal: np.ndarray,
    depth: float,
    h: float,
) -> bool:
    """Whether the pit in the voxels that `unit` owns has cut a strut or opened a hole, not just thinned the bone.

    No bone is left on its axis, and the bone around has another Euler characteristic than with the pit filled up.
    """
    steps = np.arange(0.0, depth + 1.5 * h, h / 4)
    if (along_axis(phi, centre, normal, steps, h) >= 0).any():
        return False
    reach = HALF_AXES[0] + 2 * h
    window = _window(centre - reach, centre + reach, h, phi.shape)
    after = phi[window] > 0
    filled = after | ((owner[window] == unit) & (_away(window, centre, h) @ normal < 0))
    return euler(filled) != euler(after)


def euler(bone: Bool[np.ndarray, "x y z"]) -> int:
    """Euler characteristic of closed voxels: pieces less tunnels plus cavities, as corners - edges + faces - cubes."""
    total = 0
    padded = np.pad(bone, 1)
    for over in product((False, True), repeat=3):
        cells = padded
        for axis in (axis for axis in range(3) if over[axis]):
            low, high = [slice(None)] * 3, [slice(None)] * 3
            low[axis], high[axis] = slice(None, -1), slice(1, None)
            cells = cells[tuple(low)] | cells[tuple(high)]
        total += (-1) ** (3 - sum(over)) * int(np.count_nonzero(cells))
    return total
