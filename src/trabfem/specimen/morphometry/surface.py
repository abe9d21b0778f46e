"""Area and curvature of the bone surface."""

import math

import numpy as np
from jaxtyping import Float

from trabfem.specimen.morphometry.regions import Region, region_of, volume_mm3
from trabfem.specimen.morphometry.smoothing import SMOOTHING, Slab, Spacing, slabs
from trabfem.specimen.morphometry.volume import bone_volume
from trabfem.specimen.voxels import Specimen
from trabfem.tables import Column

COLUMNS = (
    Column("BS", "mm^2", "bone surface: area between bone and marrow, borders not counted"),
    Column("BS/TV", "1/mm", "bone surface density: surface over total volume"),
    Column("BS/BV", "1/mm", "specific bone surface: surface over bone volume, nan without bone"),
    Column("SMI", "", "structure model index: 0 plates, 3 rods, 4 spheres, negative where the surface is hollow"),
)
# The curvature near a region's border is taken from within, where more than this part of the surface is seen whole.
SEEN = 0.2


def measure(specimen: Specimen) -> dict[str, float]:
    """The indices of `COLUMNS`; nan where there is no bone or no surface."""
    region = region_of(specimen)
    bone = bone_volume(specimen.fill, specimen.spacing, region)
    surface, curvature = surface_integrals(specimen.fill, specimen.spacing, region)
    return {
        "BS": surface,
        "BS/TV": surface / volume_mm3(specimen.shape, specimen.spacing, region),
        "BS/BV": surface / bone if bone > 0 else math.nan,
        "SMI": 12 * bone * curvature / surface**2 if surface > 0 else math.nan,
    }


def surface_integrals(fill: Float[np.ndarray, "x y z"], spacing: Spacing, region: Region = None) -> tuple[float, float]:
    """Surface area S in mm^2 and integral of mean curvature M in mm of the bone surface in the region.

    S = int |grad g| dV and M = -1/2 int (lap g - n.H.n) dV, by the coarea formula over the level sets of g, the fill
    blurred by a Gaussian of width s, with n = grad g/|grad g| and H its Hessian. On the middle of a plate or strut n is
    undefined; n n there is its mean over the voxel, (grad g grad g + HH/12)/trace, which makes M of a plate zero
    whatever its thickness. Both are extrapolated from two s to s = 0, the blur's error being of order s^2.
    The border of block or region is no surface. Near that of a region the blurred surface kinks, so that M there is
    that of the surface farther inside, area for area. `known_bias` gives the measured errors.
    dS/dr of a surface moved outwards is 2 M, so SMI = 6 V S'/S^2 = 12 V M/S^2: sphere 4, rod 3, plate 0 (Hildebrand &
    Rueegsegger 1997, Comput. Methods Biomech. Biomed. Engin. 1:15, eq. 1).
    """
    fine, wide = (_blurred_integrals(fill, spacing, width, region) for width in SMOOTHING)
    a, b = SMOOTHING[0] ** 2, SMOOTHING[1] ** 2
    surface, curvature = (float((b * f - a * w) / (b - a)) for f, w in zip(fine, wide, strict=True))
    return surface, curvature


def _blurred_integrals(
    fill: Float[np.ndarray, "x y z"], spacing: Spacing, width: float, region: Region
) -> tuple[float, float]:
    """S and M of the fill blurred by `width` voxels."""
    parts = [_slab_integrals(slab) for slab in slabs(fill, spacing, width, region)]
    surface, curvature, inner, inner_curvature = (math.prod(spacing) * sum(part) for part in zip(*parts, strict=True))
    return surface, inner_curvature * surface / inner if inner > SEEN * surface else curvature


def _slab_integrals(slab: Slab) -> tuple[float, float, float, float]:
    """Sums of |grad g| and of -1/2 (lap g - n.H.n) over the voxels of a slab, and over those seen whole."""
    gradient = [slab.trim(part) for part in slab.gradient]
    hessian = {(i, j): slab.bend(i, j) for i in range(3) for j in range(i, 3)}
    hessian |= {(j, i): part for (i, j), part in hessian.items()}
    square, normal, trace, weight = (np.zeros(gradient[0].shape, dtype=np.float32) for _ in range(4))
    for i in range(3):
        square += gradient[i] ** 2
        trace += hessian[i, i]
    for i in range(3):
        for j in range(i, 3):
            outer = sum(hessian[i, k] * hessian[k, j] * np.float32(slab.spacing[k] ** 2 / 12) for k in range(3))
            if i == j:
                weight += outer
            outer += gradient[i] * gradient[j]
            outer *= hessian[i, j]
            normal += outer if i == j else 2 * outer
    weight += square
    # Far from the surface n is undefined; there the gradient is rounding.
    near = weight > (1e-3 / max(slab.spacing)) ** 2
    normal = np.divide(normal, weight, out=np.zeros_like(normal), where=near)
    length, bend = np.sqrt(square), np.where(near, (normal - trace) / 2, 0)
    parts = (part if kept is None else part[kept] for kept in (slab.kept, slab.whole) for part in (length, bend))
    surface, curvature, inner, inner_curvature = (float(part.sum(dtype=np.float64)) for part in parts)
    return surface, curvature, inner, inner_curvature
