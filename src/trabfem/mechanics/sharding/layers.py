"""Layers of voxels along x: where they are read from, and where the specimen is cut."""

import dataclasses
from collections.abc import Callable

import numpy as np
from jaxtyping import Float, Int

from ...errors import UserError
from ..loads import LoadCase
from ..mesh import LATTICE
from .grid import Grid

MOST_CORNERS = 2**31 - 1
"""Numbers within one slab have 32 bits."""
LEAST_BLOCKS = 3
"""Blocks of the coarsest cut level along x that a slab has on average, so that slabs differ little."""
DECREASE = 5
"""A coarse level of bone has about so many times fewer vertices than the level above (measured: 5 to 6.4)."""
READ_TOGETHER = 16
BEYOND = 2**20
"""More than any number of layers."""


@dataclasses.dataclass(frozen=True)
class Layers:
    """Voxel moduli (MPa, 0 = void) that are read a few layers at a time, so that no process needs all of them.

    `read(first, last)`: the layers first <= x < last, an array of (last - first, y, z).
    """

    shape: tuple[int, int, int]
    read: Callable[[int, int], Float[np.ndarray, "layers y z"]] = dataclasses.field(repr=False)

    @classmethod
    def of(cls, modulus: "Layers | np.ndarray") -> "Layers":
        """Layers of an array, which may be a `numpy.memmap`."""
        if isinstance(modulus, Layers):
            return modulus
        shape = tuple(int(side) for side in modulus.shape)
        if len(shape) != 3:
            raise UserError(f"the moduli must be a 3-D array, not {len(shape)}-D; give one value per voxel")
        return cls((shape[0], shape[1], shape[2]), lambda first, last: np.asarray(modulus[first:last]))

    def take(self, first: int, last: int) -> Float[np.ndarray, "layers y z"]:
        """The layers read, and checked. Raises `UserError` where their shape is another."""
        found, expected = np.asarray(self.read(first, last)), (last - first, *self.shape[1:])
        if found.shape != expected:
            raise UserError(
                f"layers {first} to {last} of the moduli have the shape {found.shape}, not {expected}; "
                f"check the shape {self.shape} of the whole"
            )
        return found


@dataclasses.dataclass(frozen=True)
class Plan:
    """Where a specimen is cut along x.

    - `starts`: first layer of every slab, multiples of 2^(depth + 1)
    - `depth`: most coarse levels that can be cut
    """

    shape: tuple[int, int, int]
    starts: tuple[int, ...]
    depth: int

    def bounds(self, slab: int, level: int = 0) -> tuple[int, int]:
        """First cell of a slab on a level, and that of the next slab: more than any where there is none."""
        return self.starts[slab] >> level, self._stop(slab) >> level

    @property
    def shape_of_slabs(self) -> tuple[int, int, int]:
        """Voxels of a grid that has room for any of the slabs."""
        ends = (*self.starts[1:], self.shape[0])
        most = max(end - start for start, end in zip(self.starts, ends, strict=True))
        return most, self.shape[1], self.shape[2]

    def window(self, slab: int, reach: int) -> tuple[int, int]:
        """Layers that a slab reads: its own, and one block of each neighbour. See `reach_of_faces` for `reach`."""
        first, last = max(self.starts[slab] - 2, 0), min(self._stop(slab) + 2, self.shape[0])
        # The outermost nodes of a column decide where a face with depth is, so slabs within its depth see them all.
        return 0 if first <= reach else first, self.shape[0] if last >= self.shape[0] - reach else last

    def _stop(self, slab: int) -> int:
        return self.starts[slab + 1] if slab + 1 < len(self.starts) else BEYOND


def make_plan(grid: Grid, layers: Layers, case: LoadCase, spacing, replicated_nodes: int) -> Plan:
    """Cuts with similar numbers of voxels. Every process counts its share of the layers.

    Raises `UserError` for no bone, too many devices, or too few for 32-bit numbers within a slab.
    """
    if max(layers.shape) > np.iinfo(LATTICE).max - 2:
        raise UserError(f"a side of {max(layers.shape)} voxels is too long to number; crop the volume to the bone")
    voxels = _count_voxels(grid, layers)
    if not voxels.any():
        raise UserError("there is no solid voxel; lower the threshold or check the mask")
    depth = choose_depth(int(voxels.sum()), len(voxels), grid.size, replicated_nodes)
    starts = choose_planes(voxels, grid.size, 2 ** (depth + 1))
    plan = Plan(layers.shape, tuple(starts.tolist()), depth)
    reach = reach_of_faces(case, spacing)
    for slab in range(grid.size):
        first, last = plan.window(slab, reach)
        require_numbers(int(voxels[first:last].sum()), "voxels", slab, grid.size)
    return plan


def choose_depth(voxels: int, layers: int, slabs: int, replicated_nodes: int) -> int:
    """The number of coarse levels that may be cut: those with many vertices, and blocks much thinner than a slab."""
    depth = 0
    while 2 * voxels > replicated_nodes * DECREASE ** (depth + 1) and slabs * LEAST_BLOCKS * 2 ** (depth + 2) <= layers:
        depth += 1
    return depth


def choose_planes(voxels: Int[np.ndarray, " layers"], slabs: int, align: int) -> Int[np.ndarray, " cuts"]:
    """The x (multiples of `align`) of cuts into slabs with similar numbers of voxels; the first is 0.

    `voxels`: number of solid ones in every layer, 64 bits.
    """
    blocks = -(-len(voxels) // align)
    if blocks < slabs:
        raise UserError(
            f"{slabs} devices are too many for {len(voxels)} layers of voxels along x: "
            f"use at most {blocks}, one for {align} layers"
        )
    of_blocks = np.add.reduceat(voxels.astype(np.int64), np.arange(0, len(voxels), align))
    below = np.concatenate([[0], np.cumsum(of_blocks)])
    cuts = abs(below - below[-1] * np.arange(1, slabs)[:, None] / slabs).argmin(1)
    # Every slab gets at least one block.
    for k in range(slabs - 1):
        cuts[k] = min(max(cuts[k], k + 1, cuts[k - 1] + 1 if k else 1), blocks - (slabs - 1 - k))
    return np.concatenate([[0], cuts]) * align


def require_numbers(count: int, things: str, slab: int, slabs: int, each: int = 8) -> None:
    """Raise `UserError` if the corners of `count` elements or nodes of one slab cannot be numbered in 32 bits."""
    if each * count > MOST_CORNERS:
        raise UserError(
            f"slab {slab + 1} of {slabs} has {count:,} {things}, more than the {MOST_CORNERS // each:,} that can be "
            f"numbered on one device; use at least {slabs * each * count // MOST_CORNERS + 1} devices"
        )


def reach_of_faces(case: LoadCase, spacing: tuple[float, float, float]) -> int:
    """Number of layers along x within which a load looks for its faces; -1 if it looks for none across x."""
    if case.depth <= 0 or not any(face.endswith("x") for face, _ in case.grips):
        return -1
    return int(case.depth / spacing[0] + 1e-9) + 1


def _count_voxels(grid: Grid, layers: Layers) -> Int[np.ndarray, " layers"]:
    """Solid voxels of every layer; a process reads its share of them a few at a time, to save memory."""
    share = -(-layers.shape[0] // grid.size)

    def count() -> list[np.ndarray]:
        counts = [np.zeros(layers.shape[0], np.int64) for _ in grid.local]
        for slab, mine in zip(grid.local, counts, strict=True):
            stop = min((slab + 1) * share, len(mine))
            for first in range(slab * share, stop, READ_TOGETHER):
                last = min(first + READ_TOGETHER, stop)
                mine[first:last] = np.count_nonzero(layers.take(first, last) > 0, axis=(1, 2))
        return counts

    return grid.gather(grid.agree(count)).sum(0)
