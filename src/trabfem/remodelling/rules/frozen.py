"""The layers that the loading plates hold still."""

import numpy as np
from jaxtyping import Float32


def free_voxels(shape: tuple[int, ...], layers: int) -> Float32[np.ndarray, "x y z"]:
    """1 where bone may change, 0 in `layers` voxel layers at either end of z."""
    free = np.ones(shape, np.float32)
    if layers:
        free[:, :, :layers] = 0
        free[:, :, -layers:] = 0
    return free
