"""Load-bearing bone: face-connected to both plates."""

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Float32

from trabfem.mechanics.connected import reaches_both_ends


def find_load_bearing(
    fill: Float32[np.ndarray | Array, "x y z"], threshold: float | Float[Array, ""]
) -> Bool[Array, "x y z"]:
    """Voxels filled by `threshold` or more that are face-connected to both end faces along z."""
    return reaches_both_ends(jnp.asarray(fill) >= threshold)
