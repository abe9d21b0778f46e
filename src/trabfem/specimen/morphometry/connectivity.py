"""Connectivity: the number of struts that can be cut before the bone falls apart."""

import math

import numpy as np
from jaxtyping import Bool

from trabfem.specimen.morphometry.regions import Region, Spacing, inside, region_of, volume_mm3
from trabfem.specimen.voxels import Specimen
from trabfem.tables import Column

COLUMNS = (Column("Conn.D", "1/mm^3", "connectivity density: (1 - Euler characteristic) over total volume"),)


def measure(specimen: Specimen) -> dict[str, float]:
    """The index of `COLUMNS`; nan without bone."""
    region = region_of(specimen)
    if not inside(specimen.mask, region).any():
        return {"Conn.D": math.nan}
    return {"Conn.D": connectivity_density(specimen.mask, specimen.spacing, region)}


def connectivity_density(mask: Bool[np.ndarray, "x y z"], spacing: Spacing, region: Region = None) -> float:
    """Conn.D = (1 - X)/TV, X = vertices - edges + faces - cubes of the bone's closed voxels (26-connected bone).

    A vertex, edge or face on the border of block or region counts by the share of the voxels around it that lie
    within: one half for each border plane of a block, so that the values of neighbouring regions add up. Exact for the
    voxel set. Source: Odgaard & Gundersen 1993, Bone 14:173-182.
    """
    bone = np.pad(inside(mask, region), 1).view(np.uint8)
    within = np.pad(np.ones(mask.shape, dtype=bool) if region is None else region, 1).view(np.uint8)
    euler = 0.0
    for axes in ((), (0,), (1,), (2,), (0, 1), (0, 2), (1, 2), (0, 1, 2)):
        # Cells of dimension 3 - len(axes): each lies between voxel pairs along `axes`, is there if any of them is bone.
        core = tuple(slice(None) if axis in axes else slice(1, -1) for axis in range(3))
        cells, share = bone[core], within[core]
        for axis in axes:
            low, high = (tuple(part if a == axis else slice(None) for a in range(3)) for part in _PAIR)
            cells, share = cells[low] | cells[high], share[low] + share[high]
        euler += (-1) ** (3 - len(axes)) * float((cells * share).sum(dtype=np.int64)) / 2 ** len(axes)
    return (1 - euler) / volume_mm3(mask.shape, spacing, region)


_PAIR = (slice(None, -1), slice(1, None))
