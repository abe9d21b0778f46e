"""Voxels outside a scanner's field of view, which hold one constant value that is no tissue."""

import numpy as np
from jaxtyping import Bool
from scipy.spatial import ConvexHull, QhullError

LEAST_SHARE = 0.01
"""Less padding than this moves no threshold."""
GAP = 0.5
"""A value so far below all others, in parts of their range, may be padding whatever its shape."""
SOLID = 0.95
"""A field of view is convex: so much of its convex hull in a slice is inside it. Marrow around struts is not."""
LEAST_INSIDE = 0.35
"""A field of view fills so much of a slice; a strut does not."""
SLICES = 9
"""So many slices are looked at."""
APART, FAR_APART = 0.7, 0.8
"""Share of the variance of the values that two classes explain: 0.64 for one bell curve, 0.75 for one flat range."""


def find_padding(gray: np.ndarray) -> Bool[np.ndarray, "x y z"] | None:
    """The voxels of constant value around a field of view that holds both marrow and bone; None where there are none.

    A value counts as padding if it fills the corners of slices, and what is left falls into two classes, and either
    it leaves a large convex shape in every slice, or lies far below all other values. Zero marrow around trabeculae
    does neither: it leaves no convex shape, and without it there is bone alone, which is one class.
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
    separation = explained_by_two_classes(rest)
    low, high = float(rest.min()), float(rest.max())
    if separation >= FAR_APART and float(value) < low - GAP * (high - low):
        return padding
    return padding if separation >= APART and leaves_convex_slices(~padding) else None


def explained_by_two_classes(values: np.ndarray, bins: int = 256) -> float:
    """The largest variance between two classes over the whole variance (Otsu 1979, eq. 16), without far outliers."""
    low, high = np.quantile(values, (0.001, 0.999))
    if low == high:
        return 0.0
    counts, edges = np.histogram(np.clip(values, low, high), bins=bins)
    weight, centres = counts / counts.sum(), 0.5 * (edges[1:] + edges[:-1])
    below, mean = np.cumsum(weight)[:-1], float(np.sum(weight * centres))
    moment = np.cumsum(weight * centres)[:-1]
    between = (mean * below - moment) ** 2 / np.maximum(below * (1 - below), 1e-12)
    return float(between.max() / np.sum(weight * (centres - mean) ** 2))


def leaves_convex_slices(inside: Bool[np.ndarray, "x y z"]) -> bool:
    """Whether the voxels inside are a convex shape that fills much of each of some slices."""
    count = inside.shape[2]
    slices = [inside[:, :, k] for k in np.unique(np.linspace(0, count - 1, SLICES).astype(int))]
    slices = [each for each in slices if each.any()]
    return all(each.mean() > LEAST_INSIDE and _convex_share(each) > SOLID for each in slices) and len(slices) > 0


def _convex_share(inside: Bool[np.ndarray, "x y"]) -> float:
    """Pixels inside over the area of the convex hull of their centres."""
    pixels = np.argwhere(inside)
    try:
        return len(pixels) / float(ConvexHull(pixels).volume)
    except QhullError:  # all on a line
        return 0.0
