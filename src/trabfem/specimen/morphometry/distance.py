"""Distance of every voxel to the nearest obstacle, fast where the distances are short, as they are in bone."""

import numpy as np
from jaxtyping import Bool, Float, UInt8
from scipy import ndimage

Spacing = tuple[float, float, float]

# Offsets tried along the first two axes before the window is doubled, and the width from which the general transform is
# cheaper.
FIRST_WINDOW = 4
LARGEST_WINDOW = 32
# Steps along the last axis where no obstacle has been found.
FAR = 2 * LARGEST_WINDOW
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
    return np.sqrt(_squares(obstacle, spacing, ~obstacle if asked is None else asked))


def distances_at(
    asked: Bool[np.ndarray, "x y z"], obstacle: Bool[np.ndarray, "x y z"], spacing: Spacing
) -> Float[np.ndarray, " n"]:
    """The values of `distance_to` at the voxels that are `asked`, in the order of the array."""
    return np.sqrt(_squares(obstacle, spacing, asked)[asked])


def _squares(
    obstacle: Bool[np.ndarray, "x y z"], spacing: Spacing, asked: Bool[np.ndarray, "x y z"]
) -> Float[np.ndarray, "x y z"]:
    """Squares in mm^2 of what `distance_to` gives."""
    if not obstacle.any():
        return np.full(obstacle.shape, np.inf, dtype=np.float32)
    steps = np.where(obstacle, np.uint8(0), np.uint8(FAR))
    reach, window = 0, FIRST_WINDOW
    while window <= LARGEST_WINDOW:
        while reach < window + 1:
            _look_farther(steps, reach + 1)
            reach = 2 * reach + 1
        square = _lower_envelope(steps, spacing, window)
        # Half a voxel less than the reach, so that rounding cannot matter.
        certain = min((window + 1) * min(spacing[:2]), (reach + 0.5) * spacing[2])
        if float(np.max(square, where=asked, initial=0)) < certain**2:
            return square
        window *= 2
    return np.square(np.asarray(ndimage.distance_transform_edt(~obstacle, sampling=spacing), dtype=np.float32))


def nearest(target: Bool[np.ndarray, "x y z"], spacing: Spacing) -> tuple[np.ndarray, ...]:
    """Indices, an array an axis, of the voxel of `target` that is nearest to each voxel."""
    found = ndimage.distance_transform_edt(~target, sampling=spacing, return_distances=False, return_indices=True)
    return tuple(np.asarray(found))


def _look_farther(steps: UInt8[np.ndarray, "x y z"], more: int) -> None:
    """Lengthen the reach of the steps to the nearest obstacle on the same line along the last axis, in place.

    Those shorter than `more`, a power of two, are known; afterwards those below twice as many are, each a sum of
    different powers of two.
    """
    width = max(1, BLOCK_VOXELS // max(1, steps[0].size))
    for first in range(0, len(steps) if more < steps.shape[2] else 0, width):
        part = steps[first : first + width]
        farther = part + np.uint8(more)
        np.minimum(part[..., more:], farther[..., :-more], out=part[..., more:])
        np.minimum(part[..., :-more], farther[..., more:], out=part[..., :-more])


def _lower_envelope(steps: UInt8[np.ndarray, "x y z"], spacing: Spacing, window: int) -> Float[np.ndarray, "x y z"]:
    """Squared distance in mm^2 from the steps along the last axis, over a window of offsets along the others."""
    square = np.empty_like(steps, dtype=np.float32)
    width = max(1, BLOCK_VOXELS // max(1, steps[0].size))
    for first in range(0, len(steps), width):
        part = steps[first : first + width]
        lines = np.square(part * np.float32(spacing[2]))
        lines[part >= FAR] = np.inf
        _lower_lines(lines, square[first : first + width], 1, spacing[1], window)
    width = max(1, BLOCK_VOXELS // max(1, square[:, 0].size))
    for first in range(0, square.shape[1], width):
        part = square[:, first : first + width]
        _lower_lines(np.ascontiguousarray(part), part, 0, spacing[0], window)
    return square


def _lower_lines(old: np.ndarray, out: np.ndarray, axis: int, step: float, window: int) -> None:
    """Into `out`: min over |k| <= window of old(i + k) + (k step)^2 along an axis."""
    new, shifted = old.copy(), np.empty_like(old)
    ahead, behind = np.moveaxis(new, axis, 0), np.moveaxis(shifted, axis, 0)
    for k in range(1, min(window, old.shape[axis] - 1) + 1):
        np.add(old, np.float32((k * step) ** 2), out=shifted)
        np.minimum(ahead[k:], behind[:-k], out=ahead[k:])
        np.minimum(ahead[:-k], behind[k:], out=ahead[:-k])
    out[...] = new
