"""Local thickness: the diameter of the largest sphere that fits in the structure and contains the point."""

import math

import numpy as np
from jaxtyping import Bool, Float

from trabfem.specimen.morphometry.distance import distance_to, distances_at, nearest
from trabfem.specimen.morphometry.regions import Region, Spacing, double, halve, inside, region_of
from trabfem.specimen.morphometry.spheres import PAINTED_RADIUS, largest_spheres
from trabfem.specimen.voxels import Specimen
from trabfem.tables import Column

COLUMNS = (
    Column("Tb.Th", "mm", "trabecular thickness: mean local thickness of the bone"),
    Column("Tb.Th SD", "mm", "standard deviation of the local thickness over the bone"),
    Column("Tb.Th max", "mm", "largest local thickness of the bone"),
    Column("Tb.Sp", "mm", "trabecular separation: mean local thickness of the marrow"),
    Column("Tb.Sp SD", "mm", "standard deviation of the local thickness over the marrow"),
    Column("Tb.Sp max", "mm", "largest local thickness of the marrow"),
    Column("Tb.N", "1/mm", "trabecular number from thickness and separation: 1/(Tb.Th + Tb.Sp)"),
)
# Above this many voxels along the shortest side the marrow, some twenty voxels wide, is measured on a lattice of half
# the resolution.
COARSE_SIDE = 80
# Radii above those that are painted are binned: successive radii differ by this ratio, a sphere gets the middle of
# its bin.
RADIUS_RATIO = 1.04


def measure(specimen: Specimen) -> dict[str, float]:
    """The indices of `COLUMNS`; inf where there is nothing on the other side of a surface."""
    mask, spacing, region = specimen.mask, specimen.spacing, region_of(specimen)
    thick, apart = thickness_at(mask, spacing, region), _marrow_thickness(mask, spacing, region)
    found = describe(thick, "Tb.Th") | describe(apart, "Tb.Sp")
    total = found["Tb.Th"] + found["Tb.Sp"]
    return found | {"Tb.N": 1 / total if total > 0 else math.nan}


def describe(values: Float[np.ndarray, " n"], name: str) -> dict[str, float]:
    """Mean, standard deviation and maximum under the names of an index; zero of no values, inf where one is."""
    if not values.size:
        return {name: 0.0, f"{name} SD": 0.0, f"{name} max": 0.0}
    top, mean = float(values.max()), float(values.mean(dtype=np.float64))
    spread = float(values.std(dtype=np.float64)) if math.isfinite(top) else math.nan
    return {name: mean, f"{name} SD": spread, f"{name} max": top}


def thickness(mask: Bool[np.ndarray, "x y z"], spacing: Spacing, region: Region = None) -> float:
    """Tb.Th in mm: mean of the local thickness over the bone (Hildebrand & Rueegsegger 1997); errors there."""
    return describe(thickness_at(mask, spacing, region), "Tb.Th")["Tb.Th"]


def separation(mask: Bool[np.ndarray, "x y z"], spacing: Spacing, region: Region = None) -> float:
    """Tb.Sp in mm: mean of the local thickness of the marrow.

    Spheres cut by the border of block or region count with their full diameter. On blocks of more than 80 voxels a
    side the marrow is measured at half the resolution, which moves Tb.Sp by less than 2 %.
    """
    return describe(_marrow_thickness(mask, spacing, region), "Tb.Sp")["Tb.Sp"]


def thickness_map(specimen: Specimen) -> Float[np.ndarray, "x y z"]:
    """Local thickness of the bone at each of its voxels in mm, float32, zero elsewhere; its mean is Tb.Th."""
    region = region_of(specimen)
    return local_thickness(inside(specimen.mask, region), specimen.spacing, region)


def separation_map(specimen: Specimen) -> Float[np.ndarray, "x y z"]:
    """Local thickness of the marrow at each of its voxels in mm, float32, zero elsewhere; its mean is Tb.Sp.

    On blocks of more than 80 voxels a side the values are those of the halved lattice that Tb.Sp is measured on: a
    marrow voxel in a halved voxel that counts as bone has that of the nearest halved marrow voxel.
    """
    mask, spacing, region = specimen.mask, specimen.spacing, region_of(specimen)
    marrow, lattice, coarse_region, factor = _marrow(mask, spacing, region)
    found = local_thickness(marrow, lattice, coarse_region)
    if factor == 2 and marrow.any():
        found = double(found[nearest(marrow, lattice)], specimen.shape)
    return np.where(inside(~mask, region), found, np.float32(0))


def _marrow_thickness(mask: Bool[np.ndarray, "x y z"], spacing: Spacing, region: Region) -> Float[np.ndarray, " n"]:
    """Local thickness of the marrow in mm at each marrow voxel of the lattice it is measured on."""
    marrow, lattice, coarse_region, _ = _marrow(mask, spacing, region)
    return thickness_at(marrow, lattice, coarse_region)


def _marrow(
    mask: Bool[np.ndarray, "x y z"], spacing: Spacing, region: Region
) -> tuple[Bool[np.ndarray, "x2 y2 z2"], Spacing, Region, int]:
    """Marrow, spacing and region on the lattice that it is measured on, and how many voxels that lattice's edge is."""
    if min(mask.shape) <= COARSE_SIDE:
        return inside(~mask, region), spacing, region, 1
    coarse_region = None if region is None else halve(region, 4)
    # Thin bone must not vanish in the halving, or the marrow either side of a strut would join: half a voxel is
    # enough.
    bone = halve(inside(mask, region), 4)
    doubled = (2 * spacing[0], 2 * spacing[1], 2 * spacing[2])
    return inside(~bone, coarse_region), doubled, coarse_region, 2


def local_thickness(
    mask: Bool[np.ndarray, "x y z"], spacing: Spacing, region: Region = None
) -> Float[np.ndarray, "x y z"]:
    """tau(p) = 2 max { r(c) : |p - c| < r(c) }, r(c) the distance from c to the nearest voxel centre outside.

    In mm, zero outside the mask, inf where there is nothing outside. The border of the block, or of the region, is no
    surface: nothing beyond it is looked at, and a sphere centred within may reach beyond it. Distances run between
    voxel centres and centres sit on voxels, and nothing is corrected for it, as in other programs: `known_bias` says
    what was measured. Source: Hildebrand & Rueegsegger 1997, J. Microsc. 185:67-75, eq. 1-3.
    """
    mask = inside(mask, region)
    found = np.zeros(mask.shape, dtype=np.float32)
    found[mask] = thickness_at(mask, spacing, region)
    return found


def thickness_at(mask: Bool[np.ndarray, "x y z"], spacing: Spacing, region: Region = None) -> Float[np.ndarray, " n"]:
    """The values of `local_thickness` at the voxels of the mask in the region, in the order of the array, float32."""
    mask = inside(mask, region)
    radius = distances_at(mask, inside(~mask, region), spacing)
    if not np.isfinite(top := float(radius.max(initial=0))):
        return np.full(radius.shape, np.inf, dtype=np.float32)
    limit = min(top, PAINTED_RADIUS * max(spacing))
    result = largest_spheres(mask, radius, spacing, limit)
    while limit < top:
        # Ascending radii: a larger sphere overwrites a smaller one.
        centres = np.zeros(mask.shape, dtype=bool)
        centres[mask] = radius >= limit
        result[distance_to(centres, spacing)[mask] < limit] = min(limit * RADIUS_RATIO**0.5, top)
        limit *= RADIUS_RATIO
    return 2 * result
