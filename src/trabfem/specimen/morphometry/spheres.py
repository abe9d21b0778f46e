"""Spheres that fit in a structure: which are needed to fill it, and the largest one over each voxel."""

import math
from collections.abc import Iterator

import numpy as np
from jaxtyping import Float, Int

Spacing = tuple[float, float, float]

# Spheres up to this radius (in the largest voxel edge) are painted voxel by voxel, larger ones as bins of radii.
PAINTED_RADIUS = 16.0
# Voxels painted at once, which bounds the memory.
PAINTED_VOXELS = 500_000
# A distance on the lattice has many decompositions: values closer than this are one value.
SAME = 1e-5
# Neighbours whose spheres may hide one: the 26 around it, by symmetry in the first octant.
OCTANT = [(i, j, k) for i in (0, 1) for j in (0, 1) for k in (0, 1) if i or j or k]


def largest_spheres(radius: Float[np.ndarray, "x y z"], spacing: Spacing, limit: float) -> Float[np.ndarray, "x y z"]:
    """max { r(c) : |p - c| < r(c) } over the centres c with 0 < r(c) <= limit, zero where no such sphere reaches.

    A sphere may reach over the block's border. Spheres hidden in a neighbour's are left out first (Dougherty &
    Kunzelmann 2007, Microsc. Microanal. 13 Suppl. 2:1678), hidden meaning that its voxels are among the neighbour's
    (Remy & Thiel 2005, Image Vis. Comput. 23:167), so that nothing is lost; the rest is painted by ascending radius.
    """
    offsets, lengths = _offsets(limit, spacing)
    margin = [math.ceil(limit / h) for h in spacing]
    out = np.pad(np.zeros_like(radius), [(m, m) for m in margin])
    flat, strides = out.reshape(-1), np.array([out.shape[1] * out.shape[2], out.shape[2], 1], dtype=np.int64)
    steps = offsets @ strides
    for value, centres in _groups(radius, spacing, limit, offsets, lengths):
        places: np.ndarray = (centres + margin) @ strides
        ball: np.ndarray = np.sort(steps[: np.searchsorted(lengths, value * (1 - SAME))])
        for part in np.array_split(places, 1 + places.size * ball.size // PAINTED_VOXELS):
            flat[(part[:, None] + ball[None, :]).reshape(-1)] = value
    return out[tuple(slice(m, m + n) for m, n in zip(margin, radius.shape, strict=True))]


def _offsets(limit: float, spacing: Spacing) -> tuple[Int[np.ndarray, "n 3"], Float[np.ndarray, " n"]]:
    """Lattice vectors shorter than `limit` by ascending length, and their lengths in mm."""
    axes = [np.arange(-math.ceil(limit / h), math.ceil(limit / h) + 1) for h in spacing]
    vectors = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 3)
    lengths = np.sqrt(np.sum((vectors * np.asarray(spacing)) ** 2, axis=1))
    vectors, lengths = vectors[lengths < limit], lengths[lengths < limit]
    order = np.argsort(lengths, kind="stable")
    return vectors[order], lengths[order]


def _groups(
    radius: Float[np.ndarray, "x y z"], spacing: Spacing, limit: float, offsets: np.ndarray, lengths: np.ndarray
) -> Iterator[tuple[float, Int[np.ndarray, "n 3"]]]:
    """Distinct radii up to `limit`, ascending, each with its centres, without those hidden in a neighbour's sphere."""
    centres = np.argwhere((radius > 0) & (radius <= limit * (1 + SAME)))
    if not len(centres):
        return
    values, kind = _distinct(radius[tuple(centres.T)])
    # Only what is painted here may hide another.
    padded = np.pad(np.where(radius <= limit * (1 + SAME), radius, np.float32(0)), 1)
    _, y, z = padded.shape
    flat, strides = padded.reshape(-1), np.array([y * z, z, 1], dtype=np.int64)
    places = (centres + 1) @ strides
    kept = np.arange(len(centres))
    for direction in OCTANT:
        needed = _hiding_radius(values, direction, spacing, offsets, lengths)
        for signs in _signs(direction):
            step = int(np.multiply(direction, signs) @ strides)
            kept = kept[flat[places[kept] + step] < needed[kind[kept]] * (1 - SAME)]
    order = kept[np.argsort(kind[kept], kind="stable")]
    numbers, starts = np.unique(kind[order], return_index=True)
    for number, group in zip(numbers, np.split(order, starts[1:]), strict=True):
        yield float(values[number]), centres[group]


def _distinct(values: Float[np.ndarray, " n"]) -> tuple[Float[np.ndarray, " m"], Int[np.ndarray, " n"]]:
    """Distinct values up to rounding, ascending, and the number of each one's."""
    found, kind = np.unique(values, return_inverse=True)
    step = np.diff(found, prepend=-np.inf) > SAME * found
    return found[step], (np.cumsum(step) - 1)[kind]


def _signs(direction: tuple[int, int, int]) -> Iterator[tuple[int, ...]]:
    """The sign changes of a direction, each once."""
    choices = [(1, -1) if part else (1,) for part in direction]
    yield from ((a, b, c) for a in choices[0] for b in choices[1] for c in choices[2])


def _hiding_radius(
    values: Float[np.ndarray, " m"],
    direction: tuple[int, int, int],
    spacing: Spacing,
    offsets: Int[np.ndarray, "n 3"],
    lengths: Float[np.ndarray, " n"],
) -> Float[np.ndarray, " m"]:
    """The radius from which a sphere one `direction` away holds all voxels of the sphere of each value, in mm."""
    away = np.sqrt(np.sum(((offsets - np.asarray(direction)) * np.asarray(spacing)) ** 2, axis=1))
    farthest = np.maximum.accumulate(away)
    return farthest[np.searchsorted(lengths, values * (1 - SAME)) - 1] * (1 + 4 * SAME)
