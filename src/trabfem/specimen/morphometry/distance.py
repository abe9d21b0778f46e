"""Distance of every voxel to the nearest obstacle, fast where the distances are short, as they are in bone."""

import numpy as np
from jaxtyping import Bool, Float
from scipy import ndimage

Spacing = tuple[float, float, float]

# Offsets tried along an axis before the window is doubled, and the width from which the general transform is cheaper.
FIRST_WINDOW = 4
LARGEST_WINDOW = 32
# Voxels handled at once, so that they stay in the processor's cache.
BLOCK_VOXELS = 100_000


def distance_to(
    obstacle: Bool[np.ndarray, "x y z"], spacing: Spacing, asked: Bool[np.ndarray, "x y z"] | None = None
) -> Float[np.ndarray, "x y z"]:
    """Distance in mm (float32) from each voxel's centre to that of the nearest obstacle; inf where there is none.

    Exact to rounding where `asked` (everywhere if left out), too large elsewhere. Squared distances are built axis by
    axis as lower envelopes of parabolas (Felzenszwalb & Huttenlocher 2012, Theory Comput. 8:415, eq. 1), each envelope
    over a window of offsets only: a squared distance below that of the window's end cannot come from outside it.
    """
    asked = ~obstacle if asked is None else asked
    if not obstacle.any():
        return np.full(obstacle.shape, np.inf, dtype=np.float32)
    along = _squares_along_last(obstacle, spacing[2])
    window = FIRST_WINDOW
    while window <= LARGEST_WINDOW:
        square = along.copy()
        for axis in (1, 0):
            _lower_envelope(square, axis, spacing[axis], window)
        if float(np.max(square, where=asked, initial=0)) < ((window + 1) * min(spacing[:2])) ** 2:
            return np.sqrt(square)
        window *= 2
    return np.asarray(ndimage.distance_transform_edt(~obstacle, sampling=spacing), dtype=np.float32)


def nearest(target: Bool[np.ndarray, "x y z"], spacing: Spacing) -> tuple[np.ndarray, ...]:
    """Indices, an array an axis, of the voxel of `target` that is nearest to each voxel."""
    found = ndimage.distance_transform_edt(~target, sampling=spacing, return_distances=False, return_indices=True)
    return tuple(np.asarray(found))


def _squares_along_last(obstacle: Bool[np.ndarray, "x y z"], step: float) -> Float[np.ndarray, "x y z"]:
    """Squared distance to the nearest obstacle on the same line along the last axis, inf where it has none."""
    n = obstacle.shape[2]
    position = np.arange(n, dtype=np.int16 if n < 8000 else np.int32)
    far = position.dtype.type(-2 * n)
    square = np.empty(obstacle.shape, dtype=np.float32)
    for plane, row in zip(square, obstacle, strict=True):
        before = np.maximum.accumulate(np.where(row, position, far), axis=1)
        after = np.maximum.accumulate(np.where(row[:, ::-1], position, far), axis=1)[:, ::-1]
        steps = np.minimum(position - before, position[::-1] - after)
        np.square(steps * np.float32(step), out=plane)
        plane[steps >= n] = np.inf
    return square


def _lower_envelope(square: Float[np.ndarray, "x y z"], axis: int, step: float, window: int) -> None:
    """square(i) = min over |k| <= window of square(i + k) + (k step)^2 along an axis, in place."""
    lines = np.moveaxis(square, axis, 0)
    n, width = lines.shape[0], max(1, BLOCK_VOXELS // (lines.shape[0] * lines.shape[2]))
    for first in range(0, lines.shape[1], width):
        old = np.ascontiguousarray(lines[:, first : first + width])
        new, shifted = old.copy(), np.empty_like(old)
        for k in range(1, min(window, n - 1) + 1):
            np.add(old, np.float32((k * step) ** 2), out=shifted)
            np.minimum(new[k:], shifted[:-k], out=new[k:])
            np.minimum(new[:-k], shifted[k:], out=new[:-k])
        lines[:, first : first + width] = new
