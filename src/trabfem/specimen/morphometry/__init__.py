"""Structure indices of trabecular bone, with the names, units and definitions of Bouxsein 2010, JBMR 25:1468.

A new family of indices is a file in this folder, with `COLUMNS` and `measure`, and its name in `FAMILIES`.
"""

from typing import Protocol

from trabfem.specimen.morphometry import anisotropy, connectivity, density, local_thickness, mid_axis, surface, volume
from trabfem.specimen.morphometry.anisotropy import degree_of_anisotropy, mil_ellipsoid
from trabfem.specimen.morphometry.connectivity import connectivity_density
from trabfem.specimen.morphometry.local_thickness import separation, thickness
from trabfem.specimen.morphometry.surface import surface_integrals
from trabfem.specimen.voxels import Specimen
from trabfem.tables import Column, Quantities

__all__ = [
    "FAMILIES",
    "Family",
    "connectivity_density",
    "degree_of_anisotropy",
    "mil_ellipsoid",
    "morphometry",
    "separation",
    "surface_integrals",
    "thickness",
]


class Family(Protocol):
    """A module that measures some indices of a specimen: their columns, and a function that returns their values."""

    COLUMNS: tuple[Column, ...]

    def measure(self, specimen: Specimen) -> dict[str, float]:
        """A value for each of the columns, inf or nan where the structure has none."""
        ...


FAMILIES: list[Family] = [volume, surface, local_thickness, mid_axis, connectivity, anisotropy, density]
# The order in which the field lists them; further indices follow.
ORDER = ("BV/TV", "BS/BV", "Tb.Th", "Tb.Sp", "Tb.N", "Conn.D", "SMI", "DA")


def morphometry(specimen: Specimen) -> Quantities:
    """All indices of a specimen, with units and meanings; inf or nan where it has none (no marrow, no surface).

    Definitions, errors and sources stand with the families: `local_thickness`, `surface`, `connectivity`, `anisotropy`.
    """
    columns = [column for family in FAMILIES for column in family.COLUMNS]
    values = {name: value for family in FAMILIES for name, value in family.measure(specimen).items()}
    ordered = [name for name in ORDER if name in values] + [name for name in values if name not in ORDER]
    return Quantities({name: values[name] for name in ordered}, columns, f"Structure of {specimen.name}")
