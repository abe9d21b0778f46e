"""First and second derivatives of the fill, blurred a little, by which surfaces are measured without drawing them."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float

from trabfem.specimen.morphometry.distance import distance_to
from trabfem.specimen.morphometry.regions import Region, Spacing

# Widths, in voxels along each axis, of the two Gaussians whose results are extrapolated to no smoothing: wide enough
# to make the estimate independent of the lattice's directions, narrow against a strut of four voxels.
SMOOTHING = (0.8, 1.2)
# Voxels of the layers that are blurred at once, which bounds the memory, and of those that stay in the processor's
# cache while their derivatives are taken.
SLAB_VOXELS = 4_000_000
THINNEST_SLAB = 16
CACHED_VOXELS = 300_000
# A Gaussian is cut at this many widths.
CUT = 4.0
# A voxel so many widths inside the region is seen whole: less than 1 % of its Gaussian lies outside.
WHOLE = 3.0
# What a difference of fourth order reaches to either side, in voxels.
REACH = 2


@dataclass(frozen=True)
class Slab:
    """Some layers of the block along x: the gradient of the blurred fill in 1/mm, and which voxels are measured.

    `kept` are the voxels in the region, `whole` those of them that the blur sees whole; None for all.
    """

    gradient: tuple[Float[np.ndarray, "x y z"], ...]
    spacing: Spacing
    kept: Bool[np.ndarray, "..."] | None
    whole: Bool[np.ndarray, "..."] | None

    def trim(self, values: Float[np.ndarray, "x y z"]) -> Float[np.ndarray, "x2 y2 z2"]:
        """The voxels of the slab without the halo that differences reach into."""
        return values[REACH:-REACH, REACH:-REACH, REACH:-REACH]

    def bend(self, i: int, j: int) -> Float[np.ndarray, "x y z"]:
        """Second derivative along axes i and j in 1/mm^2, from differences of the gradient, without the halo."""
        first = self._difference(self.gradient[i], j)
        return first if i == j else (first + self._difference(self.gradient[j], i)) / 2

    def _difference(self, values: Float[np.ndarray, "x y z"], axis: int) -> Float[np.ndarray, "x2 y2 z2"]:
        """(8 (f(1) - f(-1)) - (f(2) - f(-2)))/12 h, of fourth order."""

        def shifted(k: int) -> Float[np.ndarray, "x2 y2 z2"]:
            moved = [slice(REACH, -REACH)] * 3
            moved[axis] = slice(REACH + k, values.shape[axis] - REACH + k)
            return values[tuple(moved)]

        near = shifted(1) - shifted(-1)
        near *= 8
        near -= shifted(2)
        near += shifted(-2)
        near /= np.float32(12 * self.spacing[axis])
        return near


def slabs(fill: Float[np.ndarray, "x y z"], spacing: Spacing, width: float, region: Region = None) -> Iterator[Slab]:
    """The block layer by layer with the gradient of its fill blurred by a Gaussian of `width` voxels.

    The block goes on beyond its border as its mirror image. In a region the blur is a weighted mean over the region's
    voxels alone, g = G*(f r)/G*r with r = 1 in the region and 0 outside (normalised convolution, Knutsson & Westin
    1993, Proc. CVPR 515), so that its border is no surface whatever lies beyond.
    """
    halo = _radius(width) + REACH
    layer = (fill.shape[1] + 2 * halo) * (fill.shape[2] + 2 * halo)
    thick, thin = max(THINNEST_SLAB, SLAB_VOXELS // layer), max(1, CACHED_VOXELS // layer)
    padded = np.pad(fill, halo, mode="symmetric")
    weight = None if region is None else np.pad(region, halo, mode="symmetric")
    whole = None if region is None else distance_to(~region, (1.0, 1.0, 1.0)) > WHOLE * width
    for first in range(0, fill.shape[0], thick):
        rows = slice(first, min(first + thick, fill.shape[0]) + 2 * halo)
        part = None if weight is None else weight[rows].astype(np.float32)
        gradient = _gradient(padded[rows], part, width, spacing)
        for layer in range(0, len(gradient[0]) - 2 * REACH, thin):
            last = min(layer + thin, len(gradient[0]) - 2 * REACH)
            kept, inner = (None if r is None else r[first + layer : first + last] for r in (region, whole))
            if kept is None or kept.any():
                yield Slab(tuple(axis[layer : last + 2 * REACH] for axis in gradient), spacing, kept, inner)


def blurred(fill: Float[np.ndarray, "x y z"], width: float) -> Float[np.ndarray, "x y z"]:
    """The fill blurred by a Gaussian of `width` voxels, the block going on as its mirror image."""
    mean, _ = _kernels(width)
    padded = np.pad(fill, _radius(width), mode="symmetric")
    return _in_blocks(np.stack([_correlate(_correlate(row, 1, mean, 1), 0, mean, 1) for row in padded]), mean, 1)


def _radius(width: float) -> int:
    """Voxels that a Gaussian of `width` voxels reaches to either side."""
    return int(CUT * width + 0.5)


def _kernels(width: float) -> tuple[Float[np.ndarray, " n"], Float[np.ndarray, " n"]]:
    """Weights of the Gaussian and of its slope at 0, 1, 2 ... voxels."""
    x = np.arange(_radius(width) + 1)
    mean = np.exp(-0.5 * (x / width) ** 2)
    mean /= mean[0] + 2 * mean[1:].sum()
    return mean, x / width**2 * mean


def _gradient(
    fill: Float[np.ndarray, "x y z"], weight: Float[np.ndarray, "x y z"] | None, width: float, spacing: Spacing
) -> list[Float[np.ndarray, "x2 y2 z2"]]:
    """Gradient of the (weighted) blurred fill in 1/mm, without the voxels that the blur reaches into."""
    if weight is None:
        slopes = _blur(fill, width, value=False)
        for slope, h in zip(slopes, spacing, strict=True):
            slope /= np.float32(h)
        return slopes
    value, *slopes = _blur(fill * weight, width)
    mass, *changes = _blur(weight, width)
    mass = np.maximum(mass, np.float32(1e-6))
    mean = value / mass
    return [(s - mean * c) / (mass * np.float32(h)) for s, c, h in zip(slopes, changes, spacing, strict=True)]


def _blur(fill: Float[np.ndarray, "x y z"], width: float, value: bool = True) -> list[Float[np.ndarray, "x2 y2 z2"]]:
    """The fill blurred by a Gaussian, if asked for, and its slopes along the axes per voxel."""
    mean, slope = _kernels(width)
    flat: list[list[np.ndarray]] = [[], [], []]
    # Row by row, so that a row stays in the processor's cache.
    for row in fill:
        z, dz = _correlate(row, 1, mean, 1), _correlate(row, 1, slope, -1)
        for rows, part in zip(flat, ((z, mean, 1), (z, slope, -1), (dz, mean, 1)), strict=True):
            rows.append(_correlate(part[0], 0, part[1], part[2]))
    yz, dy, dz = (np.stack(rows) for rows in flat)
    passes = [(yz, slope, -1), (dy, mean, 1), (dz, mean, 1)]
    return [_in_blocks(*part) for part in ([(yz, mean, 1), *passes] if value else passes)]


def _in_blocks(array: Float[np.ndarray, "x y z"], weights: np.ndarray, parity: int) -> Float[np.ndarray, "x2 y2 z2"]:
    """`_correlate` along x, some lines at a time."""
    reach = len(weights) - 1
    out = np.empty((array.shape[0] - 2 * reach, *array.shape[1:]), dtype=np.float32)
    width = max(1, CACHED_VOXELS // (array.shape[0] * array.shape[2]))
    for first in range(0, array.shape[1], width):
        lines = slice(first, first + width)
        out[:, lines] = _correlate(np.ascontiguousarray(array[:, lines]), 0, weights, parity)
    return out


def _correlate(array: np.ndarray, axis: int, weights: np.ndarray, parity: int) -> np.ndarray:
    """sum_k w(k) (f(i + k) + parity f(i - k)), once w(0) f(i), where all of them lie in the array."""
    reach = len(weights) - 1

    def shifted(k: int) -> np.ndarray:
        cut = [slice(None)] * array.ndim
        cut[axis] = slice(reach + k, array.shape[axis] - reach + k)
        return array[tuple(cut)]

    out = shifted(0) * np.float32(weights[0])
    pair = np.empty_like(out)
    for k in range(1, reach + 1):
        (np.add if parity > 0 else np.subtract)(shifted(k), shifted(-k), out=pair)
        pair *= np.float32(weights[k])
        out += pair
    return out
