"""The small piece of bone on which the tests of remodelling run."""

import numpy as np
from scipy import ndimage

from trabfem.remodelling import coupling
from trabfem.specimen import Specimen, from_mask


def bone(seed: int = 4, n: int = 18, spacing: float = 0.035) -> Specimen:
    """Plates and rods along z, BV/TV about 0.25."""
    noise = ndimage.gaussian_filter(
        np.random.default_rng(seed).standard_normal((n, n, n)), (2.2, 2.2, 3.2), mode="wrap"
    )
    return coupling.prepared(from_mask(np.abs(noise) < 0.33 * noise.std(), spacing, f"plates {seed}"))
