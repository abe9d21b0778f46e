"""Voxels outside a scanner's field of view, which hold one constant value that is no tissue."""

import numpy as np
from jaxtyping import Bool
from scipy.spatial import ConvexHull, QhullError

LEAST_SHARE = 0.01
"""Less padding than this moves no threshold."""
GAP = 0.5
"""A value so far below all others, in parts of their range, is no tissue whatever its shape."""
SOLID = 0.97
"""A field of view is convex: this much of its convex hull in a slice is inside it. Marrow around struts is not."""
SLICES = 9
"""So many slices are looked at."""


def find_padding(gray: np.ndarray) -> Bool[np.ndarray, "x y z"] | None:
    """The voxels of constant value around a convex field of view, or far below all tissue; None where there are none.

    A value counts as padding if it fills the corners of slices and either lies by half the range of all others below
    them, or leaves a convex shape in every slice. Zero marrow around trabeculae leaves no convex shape.
    """
    corners = gray[[0, 0, -1, -1], [0, -1, 0, -1], :]
    values, counts = np.unique(corners, return_counts=True)
    value = values[np.argmax(counts)]
    if counts.max() < 0.75 * corners.size:
        return None
    padding = gray == value
    share = float(padding.mean())
    if not LEAST_SHARE <= share < 1:
        return None
    rest = gray[~padding]
    low, high = float(rest.min()), float(rest.max())
    if float(value) < low - GAP * (high - low):
        return padding
    return padding if leaves_convex_slices(~padding) else None


def leaves_convex_slices(inside: Bool[np.ndarray, "x y z"]) -> bool:
    """Whether the voxels inside are, without their holes, a convex shape in each of some slices, smaller than these."""
    count = inside.shape[2]
    slices = [inside[:, :, k] for k in np.unique(np.linspace(0, count - 1, SLICES).astype(int))]
    shares = [_convex_share(each) for each in slices if each.any()]
    return len(shares) > 0 and min(shares) > SOLID and not all(each.all() for each in slices)


def _convex_share(inside: Bool[np.ndarray, "x y"]) -> float:
    """Pixels inside over those in their convex hull."""
    pixels = np.argwhere(inside).astype(float)
    corners = np.concatenate([pixels + [dx, dy] for dx in (-0.5, 0.5) for dy in (-0.5, 0.5)])
    try:
        hull = ConvexHull(corners)
    except QhullError:
        return 0.0
    return len(pixels) / float(hull.volume)
