"""The voxel lattice behind a mesh of hexahedra."""

import numpy as np
from jaxtyping import Float, Int, Shaped

from trabfem.errors import UserError

# Corners may be off the lattice by this part of a voxel: single-precision and rounded text files are.
TOLERANCE = 0.02
# A lattice with fewer cells than this part of its voxels is no bone, but cells far apart in a damaged file.
SPARSE, SMALL = 1e-4, 1_000_000


def voxels_of_cells(
    points: Float[np.ndarray, "points 3"], cells: Int[np.ndarray, "cells 8"], name: str
) -> tuple[Int[np.ndarray, "cells 3"], tuple[float, float, float]]:
    """Voxel indices (x, y, z), from zero, and edge lengths of equal axis-parallel bricks given by their eight corners.

    The order of the corners does not matter. UserError when the cells are not bricks, differ in size, lie off one
    lattice or overlap.
    """
    if cells.min() < 0 or cells.max() >= len(points):
        raise UserError(f"{name}: some hexahedra have corners that are no points of the mesh, export it again")
    corners = points[cells].astype(np.float64)
    if not np.all(np.isfinite(corners)):
        raise UserError(f"{name}: some corners of hexahedra are not finite numbers, export the mesh again")
    low, high = corners.min(axis=1), corners.max(axis=1)
    size = np.median(high - low, axis=0)
    if np.any(size <= 0):
        raise UserError(f"{name}: the hexahedra are flat, a specimen needs voxels with three edges")
    _check_bricks(corners, low, high, size, name)
    _check_extent((high.max(axis=0) - low.min(axis=0)) / size, len(cells), name)
    place = (low - low.min(axis=0)) / size
    index = np.rint(place).astype(np.int64)
    if np.abs(place - index).max() > TOLERANCE:
        # Over many voxels the median edge of rounded coordinates drifts: the whole length gives the edge better.
        count = np.maximum(np.rint((high.max(axis=0) - low.min(axis=0)) / size), 1)
        size = (high.max(axis=0) - low.min(axis=0)) / count
        place = (low - low.min(axis=0)) / size
        index = np.rint(place).astype(np.int64)
        if np.abs(place - index).max() > TOLERANCE:
            raise UserError(f"{name}: the hexahedra do not lie on one voxel lattice, resample the mesh to voxels first")
    if len(np.unique(np.ravel_multi_index(tuple(index.T), tuple(index.max(axis=0) + 1)))) < len(index):
        raise UserError(f"{name}: some hexahedra lie on top of each other, remove the doubles first")
    return index, (float(size[0]), float(size[1]), float(size[2]))


def _check_extent(voxels: Float[np.ndarray, "3"], count: int, name: str) -> None:
    """UserError where `count` cells lie so far apart that the lattice of so many voxels would be almost empty."""
    whole = float(np.prod(voxels))
    if not whole < max(SMALL, count / SPARSE):
        raise UserError(
            f"{name}: {count} hexahedra lie on a lattice of {whole:.3g} voxels, which is no block of bone: "
            "remove those that lie far away"
        )


def _check_bricks(
    corners: Float[np.ndarray, "cells 8 3"],
    low: Float[np.ndarray, "cells 3"],
    high: Float[np.ndarray, "cells 3"],
    size: Float[np.ndarray, "3"],
    name: str,
) -> None:
    """UserError unless every cell is an axis-parallel brick of the common size with eight different corners."""
    relative = (corners - low[:, None]) / size
    side = np.rint(relative)
    code = side.astype(np.int64) @ np.array([1, 2, 4])
    brick = np.abs(relative - side).max(axis=(1, 2)) < TOLERANCE
    brick &= np.all(np.sort(code, axis=1) == np.arange(8), axis=1)
    brick &= np.abs((high - low) / size - 1).max(axis=1) < TOLERANCE
    bad = int(np.count_nonzero(~brick))
    if bad:
        raise UserError(
            f"{name}: {bad} of {len(brick)} hexahedra are not axis-parallel bricks of one size, "
            "only voxel meshes can be read: resample the mesh to voxels first"
        )


def grid_of_voxels(index: Int[np.ndarray, "cells 3"], values: Shaped[np.ndarray, " cells"]) -> np.ndarray:
    """Array (x, y, z) with `values` at the voxels and zero elsewhere."""
    grid = np.zeros(index.max(axis=0) + 1, dtype=values.dtype)
    grid[tuple(index.T)] = values
    return grid
