"""Mineral density of the region and of the bone in it, where the scan carries one."""

import math

import numpy as np

from trabfem.specimen.morphometry.regions import inside, region_of
from trabfem.specimen.voxels import Specimen
from trabfem.tables import Column

COLUMNS = (
    Column("vBMD", "mg HA/cm3", "volumetric bone mineral density: mean density of the total volume"),
    Column("TMD", "mg HA/cm3", "tissue mineral density: mean density of the voxels that are bone, nan without bone"),
)


def measure(specimen: Specimen) -> dict[str, float]:
    """The indices of `COLUMNS`, none where the specimen has no density."""
    density = getattr(specimen, "density", None)
    if density is None:
        return {}
    region, bone = region_of(specimen), inside(specimen.mask, region_of(specimen))
    whole = density if region is None else density[region]
    return {
        "vBMD": float(whole.mean(dtype=np.float64)) if whole.size else math.nan,
        "TMD": float(density[bone].mean(dtype=np.float64)) if bone.any() else math.nan,
    }
