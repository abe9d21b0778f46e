"""Spheres that fit in a structure: which are needed to fill it, and the largest one over each voxel."""

import math
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int, UInt

Spacing = tuple[float, float, float]

# Spheres up to this radius (in the largest voxel edge) are painted voxel by voxel, larger ones as bins of radii.
PAINTED_RADIUS = 16.0
# Voxels painted at once, which bounds the memory.
PAINTED_VOXELS = 500_000
# Voxels whose neighbours are compared at once, so that they stay in the processor's cache.
SLAB_VOXELS = 300_000
# A distance on the lattice has many decompositions: values closer than this are one value.
SAME = 1e-5
# Neighbours whose spheres may hide one: the 26 around it, by symmetry in the first octant.
OCTANT = [(i, j, k) for i in (0, 1) for j in (0, 1) for k in (0, 1) if i or j or k]
# The six neighbours that may share the painting of a sphere, with those first that come first in the array.
FACES = [(-1, 0, 0), (0, -1, 0), (0, 0, -1), (0, 0, 1), (0, 1, 0), (1, 0, 0)]


class Balls(NamedTuple):
    """The lattice vectors in a sphere of each radius.

    - `values`: the distinct radii in mm, ascending
    - `offsets`, `lengths`: lattice vectors by ascending length, and their lengths in mm
    - `counts`: how many of those vectors are in the sphere of each radius
    """

    values: Float[np.ndarray, " m"]
    offsets: Int[np.ndarray, "n 3"]
    lengths: Float[np.ndarray, " n"]
    counts: Int[np.ndarray, " m"]


def largest_spheres(
    mask: Bool[np.ndarray, "x y z"], radius: Float[np.ndarray, " n"], spacing: Spacing, limit: float
) -> Float[np.ndarray, " n"]:
    """max { r(c) : |p - c| < r(c) } over the centres c with r(c) <= limit, at the n voxels p of the mask.

    The radii are those of the mask's voxels, which are the centres, above zero. Zero where no such sphere reaches. A
    sphere may reach over the block's border. Spheres hidden in a neighbour's are left out first (Dougherty &
    Kunzelmann 2007, Microsc. Microanal. 13 Suppl. 2:1678), hidden meaning that its voxels are among the neighbour's
    (Remy & Thiel 2005, Image Vis. Comput. 23:167), so that nothing is lost; the rest is painted by ascending radius.
    """
    centres = radius <= limit * (1 + SAME)
    if not centres.any():
        return np.zeros_like(radius)
    values, kinds = _distinct(radius[centres])
    balls = _balls(values, limit, spacing)
    margin = [max(1, math.ceil(limit / h)) for h in spacing]
    places = np.flatnonzero(np.pad(mask, [(m, m) for m in margin]))
    shape = tuple(n + 2 * m for n, m in zip(mask.shape, margin, strict=True))
    # Radii as small whole numbers: zero where there is no centre.
    levels = np.zeros(shape, dtype=np.min_scalar_type(values.size))
    levels.reshape(-1)[places[centres]] = kinds + 1
    return np.concatenate([[np.float32(0)], values])[_paint(levels, places[centres], balls, spacing)[places]]


def _balls(values: Float[np.ndarray, " m"], limit: float, spacing: Spacing) -> Balls:
    """The vectors in the spheres of the radii, which are at most `limit`."""
    offsets, lengths = _offsets(limit, spacing)
    return Balls(values, offsets, lengths, np.searchsorted(lengths, values * (1 - SAME)))


def _paint(
    levels: UInt[np.ndarray, "x y z"], places: Int[np.ndarray, " n"], balls: Balls, spacing: Spacing
) -> UInt[np.ndarray, " xyz"]:
    """The largest level of a sphere over each voxel, the spheres' levels being given at their centres `places`."""
    flat = np.zeros(levels.size, dtype=levels.dtype)
    strides = np.array([levels.shape[1] * levels.shape[2], levels.shape[2], 1], dtype=np.int64)
    steps = balls.offsets @ strides
    # Distance of each vector's end from the neighbour that shares the sphere; without one nothing is shared.
    away = [_lengths(balls.offsets - np.asarray(face), spacing) for face in FACES]
    away.append(np.full(steps.size, np.inf))
    kept = _needed(levels, places, balls, spacing)
    for level, share, group in _groups(levels, kept, strides):
        count, end = balls.counts[level - 1], balls.values[level - 1] * (1 - SAME)
        own = np.sort(steps[:count][away[share][:count] >= end])
        for part in np.array_split(group, 1 + group.size * own.size // PAINTED_VOXELS):
            flat[(part[:, None] + own[None, :]).reshape(-1)] = level
    return flat


def _offsets(limit: float, spacing: Spacing) -> tuple[Int[np.ndarray, "n 3"], Float[np.ndarray, " n"]]:
    """Lattice vectors shorter than `limit` by ascending length, and their lengths in mm."""
    axes = [np.arange(-math.ceil(limit / h), math.ceil(limit / h) + 1) for h in spacing]
    vectors = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 3)
    lengths = _lengths(vectors, spacing)
    vectors, lengths = vectors[lengths < limit], lengths[lengths < limit]
    order = np.argsort(lengths, kind="stable")
    return vectors[order], lengths[order]


def _lengths(vectors: Int[np.ndarray, "n 3"], spacing: Spacing) -> Float[np.ndarray, " n"]:
    """Lengths of lattice vectors in mm."""
    return np.sqrt(np.sum((vectors * np.asarray(spacing)) ** 2, axis=1))


def _needed(
    levels: UInt[np.ndarray, "x y z"], places: Int[np.ndarray, " n"], balls: Balls, spacing: Spacing
) -> Int[np.ndarray, " k"]:
    """The centres whose spheres are not hidden in a neighbour's."""
    hides = [_hidden_levels(balls, direction, spacing).astype(levels.dtype) for direction in OCTANT]
    layer, kept = levels[0].size, []
    width = max(1, SLAB_VOXELS // layer)
    for first in range(1, len(levels) - 1, width):
        part = levels[first - 1 : first + width + 1]
        low, high = np.searchsorted(places, [first * layer, (first + width) * layer])
        flat, inside = part.reshape(-1), places[low:high] - (first - 1) * layer
        for highest, hidden in zip(_highest_neighbours(part), hides, strict=True):
            inside = inside[flat[inside] > hidden[highest.reshape(-1)[inside]]]
        kept.append(inside + (first - 1) * layer)
    return np.concatenate(kept)


def _highest_neighbours(levels: UInt[np.ndarray, "x y z"]) -> Iterator[UInt[np.ndarray, "x y z"]]:
    """For each direction of `OCTANT` the highest level of its neighbours, which differ in signs, within a margin."""
    found: dict[tuple[int, ...], np.ndarray] = {(0, 0, 0): levels}
    for direction in OCTANT:
        axis = direction.index(1)
        lines = np.moveaxis(found[tuple(0 if n == axis else part for n, part in enumerate(direction))], axis, 0)
        found[direction] = np.zeros_like(levels)
        np.maximum(lines[2:], lines[:-2], out=np.moveaxis(found[direction], axis, 0)[1:-1])
        yield found[direction]


def _groups(
    levels: UInt[np.ndarray, "x y z"], places: Int[np.ndarray, " n"], strides: Int[np.ndarray, "3"]
) -> Iterator[tuple[int, int, Int[np.ndarray, " k"]]]:
    """Level, number of the face and centres, by ascending level; the face leads to a neighbour that shares the sphere.

    What lies in a sphere as large around a neighbour need not be painted again. That neighbour may leave it to its own
    in turn; no circle arises, as each is larger than the one before or earlier in the array. One that is hidden is
    painted by the larger one that hides it. Where no neighbour shares the sphere, the number is that after the last.
    """
    flat = levels.reshape(-1)
    shares = np.full(places.size, len(FACES), dtype=np.uint8)
    rest, level = np.arange(places.size), flat[places]
    for number, face in enumerate(FACES):
        step = int(np.asarray(face) @ strides)
        other = flat[places[rest] + step]
        found = other >= level[rest] if step < 0 else other > level[rest]
        shares[rest[found]] = number
        rest = rest[~found]
    # Sixteen bits, which are sorted fastest, hold the code unless unequal spacing gives thousands of radii.
    wide = np.min_scalar_type((len(FACES) + 1) * (int(level.max(initial=0)) + 1))
    code = (len(FACES) + 1) * level.astype(wide) + shares
    order = np.argsort(code, kind="stable")
    numbers, starts = np.unique(code[order], return_index=True)
    for number, group in zip(numbers, np.split(places[order], starts[1:]), strict=True):
        yield *divmod(int(number), len(FACES) + 1), group


def _distinct(values: Float[np.ndarray, " n"]) -> tuple[Float[np.ndarray, " m"], Int[np.ndarray, " n"]]:
    """Distinct values up to rounding, ascending, and the number of each one's."""
    found = np.unique(values)
    step = np.diff(found, prepend=-np.inf) > SAME * found
    return found[step], np.searchsorted(found[step], values, side="right") - 1


def _hidden_levels(balls: Balls, direction: tuple[int, int, int], spacing: Spacing) -> Int[np.ndarray, " m1"]:
    """The largest level that a neighbour one `direction` away hides, for each level of the neighbour from zero on."""
    # The radius from which the neighbour's sphere holds all voxels of the sphere of each level.
    farthest = np.maximum.accumulate(_lengths(balls.offsets - np.asarray(direction), spacing))
    needed = farthest[balls.counts - 1] * (1 + 3 * SAME)
    hiding = np.searchsorted(balls.values, needed) + 1
    return np.searchsorted(hiding, np.arange(balls.values.size + 1), side="right")
