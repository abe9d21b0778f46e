"""Connectivity: the number of struts that can be cut before the bone falls apart."""

import math

import numpy as np
from jaxtyping import Bool

from trabfem.specimen.voxels import Specimen
from trabfem.tables import Column

Spacing = tuple[float, float, float]
COLUMNS = (Column("Conn.D", "1/mm^3", "connectivity density: (1 - Euler characteristic) over the block's volume"),)


def measure(specimen: Specimen) -> dict[str, float]:
    """The index of `COLUMNS`."""
    return {"Conn.D": connectivity_density(specimen.mask, specimen.spacing)}


def connectivity_density(mask: Bool[np.ndarray, "x y z"], spacing: Spacing) -> float:
    """Conn.D = (1 - X)/TV, X = vertices - edges + faces - cubes of the bone's closed voxels (26-connected bone).

    A vertex, edge or face on the block's border counts one half for each border plane it lies in, so that the values of
    neighbouring blocks add up. Exact for the voxel set. Source: Odgaard & Gundersen 1993, Bone 14:173-182.
    """
    padded = np.pad(mask, 1)
    euler = 0.0
    for axes in ((), (0,), (1,), (2,), (0, 1), (0, 2), (1, 2), (0, 1, 2)):
        # Cells of dimension 3 - len(axes): each lies between voxel pairs along `axes`, is there if any of them is bone.
        cells = padded[tuple(slice(None) if axis in axes else slice(1, -1) for axis in range(3))]
        for axis in axes:
            last = cells.shape[axis] - 1
            cells = cells.take(range(last), axis=axis) | cells.take(range(1, last + 1), axis=axis)
        weighted = cells.astype(np.float64)
        for axis in axes:
            np.moveaxis(weighted, axis, 0)[[0, -1]] *= 0.5
        euler += (-1) ** (3 - len(axes)) * float(weighted.sum())
    volume = math.prod(n * h for n, h in zip(mask.shape, spacing, strict=True))
    return (1 - euler) / volume
