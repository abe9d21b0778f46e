"""Structure indices of trabecular bone, with the names, units and definitions of Bouxsein 2010, JBMR 25:1468.

A new family of indices is a file in this folder, with `COLUMNS` and `measure`, and its name in `FAMILIES`.
"""

from typing import Protocol

from trabfem.specimen.morphometry import anisotropy, connectivity, density, local_thickness, mid_axis, surface, volume
from trabfem.specimen.morphometry.anisotropy import degree_by_lines, degree_of_anisotropy, mil_ellipsoid
from trabfem.specimen.morphometry.bias import bias_note, known_bias
from trabfem.specimen.morphometry.connectivity import connectivity_density
from trabfem.specimen.morphometry.local_thickness import separation, separation_map, thickness, thickness_map
from trabfem.specimen.morphometry.surface import surface_integrals
from trabfem.specimen.voxels import Specimen
from trabfem.tables import Column, Quantities

__all__ = [
    "FAMILIES",
    "Family",
    "bias_note",
    "connectivity_density",
    "degree_by_lines",
    "degree_of_anisotropy",
    "known_bias",
    "mil_ellipsoid",
    "morphometry",
    "separation",
    "separation_map",
    "surface_integrals",
    "thickness",
    "thickness_map",
]


class Family(Protocol):
    """A module that measures some indices of a specimen: their columns, and a function that returns their values."""

    COLUMNS: tuple[Column, ...]

    def measure(self, specimen: Specimen) -> dict[str, float]:
        """A value for each of the columns, inf or nan where the structure has none."""
        ...


FAMILIES: list[Family] = [volume, surface, local_thickness, mid_axis, connectivity, anisotropy, density]
# The order in which the field lists them; further indices follow.
ORDER = (
    *("TV", "BV", "BV/TV", "BS", "BS/TV", "BS/BV"),
    *("Tb.Th", "Tb.Th SD", "Tb.Th max", "Tb.Sp", "Tb.Sp SD", "Tb.Sp max", "Tb.N", "Tb.N direct", "Tb.1/N.SD"),
    *("Conn.D", "SMI", "pBV/BV", "rBV/BV", "DA", "DA lines", "vBMD", "TMD"),
)


def morphometry(specimen: Specimen) -> Quantities:
    """All indices of a specimen, with units and meanings; inf or nan where it has none (no marrow, no surface).

    They are those of the specimen's region where it has one, and depend on nothing outside it. The direction of DA's
    axes follows as numbers, `MIL1 x` and so on; vBMD and TMD are there where the specimen has a density.
    Definitions, errors and sources stand with the families, `local_thickness`, `mid_axis`, `surface`, `connectivity`
    and `anisotropy`; `known_bias` and `bias_note` say how far from the truth they are at a resolution.
    """
    columns = [column for family in FAMILIES for column in family.COLUMNS]
    values = {name: value for family in FAMILIES for name, value in family.measure(specimen).items()}
    ordered = [name for name in ORDER if name in values] + [name for name in values if name not in ORDER]
    return Quantities({name: values[name] for name in ordered}, columns, f"Structure of {specimen.name}")
