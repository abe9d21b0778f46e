"""Volumes of the bone and of what it is measured in."""

import math

import numpy as np
from jaxtyping import Float

from trabfem.specimen.morphometry.regions import Region, Spacing, region_of, volume_mm3
from trabfem.specimen.voxels import Specimen
from trabfem.tables import Column

COLUMNS = (
    Column("TV", "mm^3", "total volume: the region of interest, or the block where there is none"),
    Column("BV", "mm^3", "bone volume: sum of the fill"),
    Column("BV/TV", "", "bone volume fraction: mean fill of the voxels"),
)


def measure(specimen: Specimen) -> dict[str, float]:
    """The indices of `COLUMNS`."""
    region = region_of(specimen)
    total = volume_mm3(specimen.shape, specimen.spacing, region)
    bone = bone_volume(specimen.fill, specimen.spacing, region)
    return {"TV": total, "BV": bone, "BV/TV": bone / total if total > 0 else math.nan}


def bone_volume(fill: Float[np.ndarray, "x y z"], spacing: Spacing, region: Region = None) -> float:
    """BV in mm^3: sum of the fill fractions in the region times the voxel's volume."""
    return math.prod(spacing) * float((fill if region is None else fill[region]).sum(dtype=np.float64))
