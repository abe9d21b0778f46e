"""Area and curvature of the bone surface."""

import math

import numpy as np
from jaxtyping import Float

from trabfem.specimen.morphometry.smoothing import SMOOTHING, Spacing, derivatives
from trabfem.specimen.voxels import Specimen
from trabfem.tables import Column

COLUMNS = (
    Column("BS/BV", "1/mm", "specific bone surface: surface over bone volume, nan without bone"),
    Column("SMI", "", "structure model index: 0 plates, 3 rods, 4 spheres, negative where the surface is hollow"),
)


def measure(specimen: Specimen) -> dict[str, float]:
    """The indices of `COLUMNS`; nan where there is no bone or no surface."""
    bone = specimen.bvtv * math.prod(specimen.size_mm)
    surface, curvature = surface_integrals(specimen.fill, specimen.spacing)
    return {
        "BS/BV": surface / bone if bone > 0 else math.nan,
        "SMI": 12 * bone * curvature / surface**2 if surface > 0 else math.nan,
    }


def surface_integrals(fill: Float[np.ndarray, "x y z"], spacing: Spacing) -> tuple[float, float]:
    """Surface area S in mm^2 and integral of mean curvature M in mm of the bone surface, borders not counted.

    S = int |grad g| dV and M = -1/2 int (lap g - n.H.n) dV = 1/2 int n.H.n dV, by the coarea formula over the level
    sets of g, the fill blurred by a Gaussian of width s, with n = grad g/|grad g| and H its Hessian (int lap g is the
    flux through the border, zero under reflection). Both are extrapolated from two s to s = 0, the blur's error being
    of order s^2. Measured error: S within 4 % and M within 7 % on spheres, rods and plates from 5 voxels across.
    dS/dr of a surface moved outwards is 2 M, so SMI = 6 V S'/S^2 = 12 V M/S^2: sphere 4, rod 3, plate 0 (Hildebrand &
    Rueegsegger 1997, Comput. Methods Biomech. Biomed. Engin. 1:15, eq. 1).
    """
    fine, wide = (_blurred_integrals(fill, spacing, width) for width in SMOOTHING)
    a, b = SMOOTHING[0] ** 2, SMOOTHING[1] ** 2
    surface, curvature = (float((b * f - a * w) / (b - a)) for f, w in zip(fine, wide, strict=True))
    return surface, curvature


def _blurred_integrals(fill: Float[np.ndarray, "x y z"], spacing: Spacing, width: float) -> tuple[float, float]:
    """S and M of the fill blurred by `width` voxels."""
    derivative = derivatives(fill, spacing, width)
    gradient = [derivative(axis) for axis in range(3)]
    square = sum(g**2 for g in gradient)
    assert isinstance(square, np.ndarray)
    # Far from the surface n is undefined; there the gradient is rounding.
    near = square > (1e-3 / max(spacing)) ** 2
    bend = np.zeros_like(square)
    for i in range(3):
        for j in range(i, 3):
            bend += (1 if i == j else 2) * gradient[i] * gradient[j] * derivative(i, j)
    voxel = math.prod(spacing)
    surface = float(np.sqrt(square[near]).sum(dtype=np.float64)) * voxel
    curvature = 0.5 * float((bend[near] / square[near]).sum(dtype=np.float64)) * voxel
    return surface, curvature
