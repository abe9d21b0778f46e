"""Young's modulus of each voxel of a specimen."""

import numpy as np
from jaxtyping import Float

SMALLEST_FILL = 1e-3
"""Share of bone below which a voxel is void to mechanics: it would only make the equations worse conditioned."""


def tissue_moduli(fill: Float[np.ndarray, "x y z"], youngs: float) -> Float[np.ndarray, "x y z"]:
    """Young's modulus of every voxel, MPa: `youngs` of the tissue in proportion to the voxel's fill."""
    return youngs * np.where(fill < SMALLEST_FILL, 0.0, fill)
