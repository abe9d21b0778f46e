"""First and second derivatives of the fill, blurred a little, by which surfaces are measured without drawing them."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float
from scipy import ndimage

from trabfem.specimen.morphometry.regions import Region, Spacing

# Widths, in voxels along each axis, of the two Gaussians whose results are extrapolated to no smoothing: wide enough
# to make the estimate independent of the lattice's directions, narrow against a strut of four voxels.
SMOOTHING = (0.8, 1.2)
# Voxels of the layers that are handled at once, which bounds the memory.
SLAB_VOXELS = 3_000_000
THINNEST_SLAB = 16
# A Gaussian is cut at this many widths.
CUT = 4.0
# What a difference of fourth order reaches to either side, in voxels.
REACH = 2


@dataclass(frozen=True)
class Slab:
    """Some layers of the block along x: the gradient of the blurred fill in 1/mm, and which voxels are measured."""

    gradient: tuple[Float[np.ndarray, "x y z"], ...]
    spacing: Spacing
    kept: Bool[np.ndarray, "x y z"] | None

    def trim(self, values: Float[np.ndarray, "x y z"]) -> Float[np.ndarray, "x2 y2 z2"]:
        """The voxels of the slab without the halo that differences reach into."""
        return values[REACH:-REACH, REACH:-REACH, REACH:-REACH]

    def total(self, values: Float[np.ndarray, "x y z"]) -> float:
        """Sum over the measured voxels of the slab."""
        values = values if self.kept is None else values[self.kept]
        return float(values.sum(dtype=np.float64))

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
    halo = int(CUT * width + 0.5) + REACH
    layer = (fill.shape[1] + 2 * halo) * (fill.shape[2] + 2 * halo)
    thick = max(THINNEST_SLAB, SLAB_VOXELS // layer)
    padded = np.pad(fill, halo, mode="symmetric")
    weight = None if region is None else np.pad(region, halo, mode="symmetric")
    for first in range(0, fill.shape[0], thick):
        rows = slice(first, min(first + thick, fill.shape[0]) + 2 * halo)
        kept = None if region is None else region[first : first + thick]
        if kept is not None and not kept.any():
            continue
        part = None if weight is None else weight[rows].astype(np.float32)
        gradient = _gradient(padded[rows], part, width, spacing, halo - REACH)
        yield Slab(tuple(gradient), spacing, kept)


def _gradient(
    fill: Float[np.ndarray, "x y z"],
    weight: Float[np.ndarray, "x y z"] | None,
    width: float,
    spacing: Spacing,
    halo: int,
) -> list[Float[np.ndarray, "x2 y2 z2"]]:
    """Gradient of the (weighted) blurred fill in 1/mm, without a halo of as many voxels."""
    inner = (slice(halo, -halo),) * 3
    if weight is None:
        _, *slopes = _blur(fill, width, value=False)
        return [slope[inner] / np.float32(h) for slope, h in zip(slopes, spacing, strict=True)]
    value, *slopes = (part[inner] for part in _blur(fill * weight, width))
    mass, *changes = (part[inner] for part in _blur(weight, width))
    mass = np.maximum(mass, np.float32(1e-6))
    mean = value / mass
    return [(s - mean * c) / (mass * np.float32(h)) for s, c, h in zip(slopes, changes, spacing, strict=True)]


def _blur(fill: Float[np.ndarray, "x y z"], width: float, value: bool = True) -> list[Float[np.ndarray, "x y z"]]:
    """The fill blurred by a Gaussian (or itself where not asked for), and its slopes along the axes per voxel."""

    def along(axis: int, array: np.ndarray, order: int) -> np.ndarray:
        return np.asarray(ndimage.gaussian_filter1d(array, width, axis, order, truncate=CUT))

    z, dz = along(2, fill, 0), along(2, fill, 1)
    zy = along(1, z, 0)
    slopes = [along(0, zy, 1), along(0, along(1, z, 1), 0), along(0, along(1, dz, 0), 0)]
    return [along(0, zy, 0) if value else fill, *slopes]
