"""Bone volume fraction."""

from trabfem.specimen.voxels import Specimen
from trabfem.tables import Column

COLUMNS = (Column("BV/TV", "", "bone volume fraction: mean fill of the voxels"),)


def measure(specimen: Specimen) -> dict[str, float]:
    """The indices of `COLUMNS`."""
    return {"BV/TV": specimen.bvtv}
