"""Load-bearing bone: face-connected to both plates."""

import numpy as np
from jaxtyping import Bool, Float32
from scipy import ndimage


def find_load_bearing(fill: Float32[np.ndarray, "x y z"], threshold: float) -> Bool[np.ndarray, "x y z"]:
    """Voxels filled by `threshold` or more that are face-connected to both end faces along z."""
    labels = np.empty(fill.shape, np.int32)
    count = int(ndimage.label(fill >= threshold, output=labels))  # pyright: ignore[reportArgumentType]
    touches = [np.bincount(labels[:, :, end].ravel(), minlength=count + 1) > 0 for end in (0, -1)]
    through = touches[0] & touches[1]
    through[0] = False
    return through[labels]
