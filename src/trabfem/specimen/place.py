"""Where voxels lie in space: the direction of their axes, and the grid of the scan that a block was cut from."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float, Real

from trabfem.errors import UserError

Triple = tuple[float, float, float]
Shape = tuple[int, int, int]
Direction = tuple[Triple, Triple, Triple]
"""A 3 × 3 matrix in rows; its columns are unit vectors along the voxels' x, y and z."""
IDENTITY: Direction = ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0))
SQUARE = 1e-3
"""So far the products of the axes may be from zero and one: float32 headers of oblique scans are off by 1e-6."""


@dataclass(frozen=True)
class ScanGrid:
    """The voxels (x, y, z) of a scan, and which of them is the first of a block that was cut from it."""

    shape: Shape
    first: Shape


@dataclass(frozen=True)
class Place:
    """Where a block of voxels lies: edges and outer corner of the first voxel in mm, axes, and the scan's grid."""

    spacing: Triple = (1.0, 1.0, 1.0)
    origin: Triple = (0.0, 0.0, 0.0)
    direction: Direction = IDENTITY
    scan: ScanGrid | None = None

    def as_dict(self) -> dict[str, Any]:
        """Plain values, as in run.json."""
        grid = None if self.scan is None else {"shape": list(self.scan.shape), "first": list(self.scan.first)}
        direction = [list(row) for row in self.direction]
        return {
            "spacing_mm": list(self.spacing),
            "origin_mm": list(self.origin),
            "direction": direction,
            "scan_grid": grid,
        }


def place_from_dict(table: Mapping[str, Any]) -> Place:
    """The place that `Place.as_dict` describes; what a file does not say is at its default."""
    grid = table.get("scan_grid")
    return Place(
        _floats(table.get("spacing_mm", (1, 1, 1))),
        _floats(table.get("origin_mm", (0, 0, 0))),
        check_direction(table.get("direction", IDENTITY)),
        None if grid is None else ScanGrid(_whole(grid["shape"]), _whole(grid["first"])),
    )


def _floats(values: Any) -> Triple:
    x, y, z = (float(value) for value in values)
    return (x, y, z)


def _whole(values: Any) -> Shape:
    x, y, z = (int(value) for value in values)
    return (x, y, z)


def check_direction(direction: object) -> Direction:
    """Rows of floats; UserError unless the axes are of unit length and at right angles."""
    matrix = np.asarray(direction, dtype=float)
    if matrix.shape != (3, 3) or not np.allclose(matrix.T @ matrix, np.eye(3), atol=SQUARE):
        raise UserError(
            "direction: the axes of the voxels are not at right angles to each other (the image is sheared or "
            "skewed); resample it onto a rectangular grid, in 3-D Slicer by Resample Scalar Volume"
        )
    a, b, c = ((float(x), float(y), float(z)) for x, y, z in matrix.tolist())
    return (a, b, c)


def point_at(origin: Triple, direction: Direction, spacing: Triple, index: object) -> Triple:
    """x = o + D (h i), mm, of a place in voxels counted from the outer corner of the first one."""
    offset = np.asarray(direction) @ (np.asarray(spacing) * np.asarray(index, dtype=float))
    x, y, z = (np.asarray(origin) + offset).tolist()
    return (x, y, z)


def points_at(
    origin: Triple, direction: Direction, spacing: Triple, indices: Real[np.ndarray, "points 3"]
) -> Float[np.ndarray, "points 3"]:
    """The same for many places."""
    return np.asarray(origin) + (indices * np.asarray(spacing)) @ np.asarray(direction).T


def index_transform(
    of: tuple[Triple, Direction, Triple], into: tuple[Triple, Direction, Triple]
) -> tuple[Float[np.ndarray, "3 3"], Float[np.ndarray, "3"]]:
    """A, b of the centres of voxels: place i of the grid `of` is A i + b in the grid `into` (origin, axes, edges)."""
    (o, d, h), (p, e, g) = ((np.asarray(a), np.asarray(b), np.asarray(c)) for a, b, c in (of, into))
    back = np.linalg.inv(e * g)
    matrix = back @ (d * h)
    return matrix, back @ (o + d @ (h / 2) - p) - 0.5
