"""The region of interest that every index is measured in, and the lattice of half the resolution."""

import math

import numpy as np
from jaxtyping import Bool

from trabfem.specimen.voxels import Specimen

Spacing = tuple[float, float, float]
Region = Bool[np.ndarray, "..."] | None


def region_of(specimen: Specimen) -> Region:
    """The voxels that the indices are measured in, None for the whole block."""
    region = getattr(specimen, "region", None)
    return None if region is None or region.all() else region


def inside(mask: Bool[np.ndarray, "x y z"], region: Region) -> Bool[np.ndarray, "x y z"]:
    """The voxels of `mask` that lie in the region."""
    return mask if region is None else mask & region


def volume_mm3(shape: tuple[int, ...], spacing: Spacing, region: Region) -> float:
    """TV: volume of the region, or of the block, in mm^3."""
    return math.prod(spacing) * (math.prod(shape) if region is None else int(np.count_nonzero(region)))


def halve(mask: Bool[np.ndarray, "x y z"], least: int) -> Bool[np.ndarray, "x2 y2 z2"]:
    """The mask on voxels twice as long, set where at least `least` of the eight are; an odd last layer is dropped."""
    x, y, z = (n // 2 for n in mask.shape)
    counts = np.zeros((x, y, z), dtype=np.uint8)
    for i, j, k in np.ndindex(2, 2, 2):
        counts += mask[i : 2 * x : 2, j : 2 * y : 2, k : 2 * z : 2].view(np.uint8)
    return counts >= least


def double(values: np.ndarray, shape: tuple[int, int, int]) -> np.ndarray:
    """Values of the halved lattice on the lattice of `shape`, each repeated, in an odd last layer once more."""
    for axis, n in enumerate(shape):
        values = values.take(np.minimum(np.arange(n) // 2, values.shape[axis] - 1), axis=axis)
    return values
