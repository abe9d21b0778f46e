"""One slab's part of every level, made from its own elements and a thin layer of its neighbours'.

Splitting is local: the components of a block depend on the elements of that block alone, and the copies of a coarse
vertex on the elements of the eight blocks around it. So a slab cut between blocks, with one block more on either side,
gives the components and copies in it and on its end planes as the whole level would. Components and copies are numbered
in the order of their first elements, and a slab has its elements in the order of the whole level; so both slabs at a
plane number its copies in the same order without asking one another.

It works on the host in NumPy arrays; only `splitting.coarsen` runs on JAX's default device.
"""

import dataclasses

import jax
import numpy as np
from jaxtyping import Array, Int

from .. import splitting
from ..hexahedron import CORNERS
from ..mesh import LATTICE, capacity
from .grid import lengthen
from .layers import require_numbers


@dataclasses.dataclass(frozen=True)
class Piece:
    """A slab's own elements on one level, sorted by the x of `cell`, and the numbers of their nodes.

    Own nodes are 0 to `own` - 1, beginning with the `plane` nodes of the slab's first plane (none in the first slab);
    then come the `ghosts`, the nodes of the next slab's first plane.
    """

    conn: Int[np.ndarray, "elements 8"]
    cell: Int[np.ndarray, "elements 3"]
    own: int
    plane: int
    ghosts: int


@dataclasses.dataclass(frozen=True)
class Extended:
    """A slab's elements between those of one block of each neighbour, sorted by the x of `cell`, in padded arrays.

    `conn`: as `splitting.coarsen` takes it. `count`: number of elements; `own`: which of them are the slab's; `nodes`:
    numbers of its own nodes, in the order of its `Piece`.
    """

    conn: Int[Array, "elements width"]
    cell: Int[Array, "elements 3"]
    positions: Int[Array, "nodes 3"]
    count: int
    own: slice
    nodes: Int[np.ndarray, " own"]


@dataclasses.dataclass(frozen=True)
class Step:
    """One coarsening of a slab.

    - `parent`, `octant`: of the slab's own elements; parents are numbered as in `piece`
    - `slot`: of its own nodes, 27 k + position in the k-th of `parents`
    - `parents`: corners of the parents of own nodes: own elements first, then of the previous slab, with -1 at vertices
      beyond the slab's first plane, on which none of its nodes depends
    - `width`: largest number of elements at a vertex, 0 where lists of elements are not needed
    """

    parent: Int[np.ndarray, " elements"]
    octant: Int[np.ndarray, " elements"]
    slot: Int[np.ndarray, " own"]
    parents: Int[np.ndarray, "parents 8"]
    piece: Piece
    width: int


def coarsen(extended: Extended, bounds: tuple[int, int], slab: int, slabs: int, voxels=None) -> Step:
    """The step from a slab's elements to the coarse ones between the cells `bounds`.

    `voxels`: shape of the grid of cells if the elements are voxels, else None.
    """
    if not extended.count:
        return empty_step()
    require_numbers(max(map(len, (extended.conn, extended.positions))), "nodes", slab, slabs)
    given = extended.conn, extended.cell, extended.positions
    split, elements = splitting.coarsen(*given, extended.count, (0, 0, 0), voxels)
    found = int(elements.count)
    require_numbers(found, "coarse elements", slab, slabs, each=27)
    width = 0 if elements.incident is None else elements.incident.shape[1]
    parent, octant = (np.asarray(array)[extended.own] for array in (split.parent, split.octant))
    slot = np.asarray(split.slot)[extended.nodes]
    conn, cell = (np.asarray(array)[:found] for array in (split.conn, split.cell))
    return _cut(parent, octant, slot, conn, cell, bounds, width)


def _cut(parent, octant, slot, conn, cell, bounds: tuple[int, int], width: int) -> Step:
    """The own part of a coarse level, given the parents of the slab's own elements and the slots of its own nodes."""
    x = np.zeros(conn.max() + 1, np.int32)
    x[conn] = cell[:, None, 0] + CORNERS[:, 0]
    begin, end = np.searchsorted(cell[:, 0].astype(np.int32), bounds)
    inside = (x >= bounds[0]) & (x < bounds[1])
    on_plane = inside & (x == bounds[0]) & (bounds[0] > 0)
    nodes = np.concatenate([np.flatnonzero(on_plane), np.flatnonzero(inside & ~on_plane)])
    ghosts = np.flatnonzero(x == bounds[1])
    place = np.full(len(x), -1, np.int32)
    place[nodes] = np.arange(len(nodes))
    place[ghosts] = len(nodes) + np.arange(len(ghosts))
    named, position = slot // 27, slot % 27
    foreign = np.unique(named[(named < begin) | (named >= end)])
    parents = np.concatenate([np.arange(begin, end), foreign])
    number = np.zeros(len(conn), np.int32)
    number[parents] = np.arange(len(parents))
    return Step(
        parent=(parent - begin).astype(np.int32),
        octant=octant.astype(np.int8),
        slot=27 * number[named] + position.astype(np.int32),
        parents=place[conn[parents]],
        piece=Piece(place[conn[begin:end]], cell[begin:end], len(nodes), int(on_plane.sum()), len(ghosts)),
        width=width,
    )


def extend(piece: Piece, left: np.ndarray, right: np.ndarray, left_own: int) -> Extended:
    """A slab between the ends of its neighbours, as rows from `ends`; `left_own`: own nodes of the left neighbour."""
    # Nodes on the planes between slabs have a number in both; all others of the neighbours get new ones.
    before, after = left[:, :8].copy(), right[:, :8].copy()
    known = piece.own + piece.ghosts
    on_plane = before >= left_own
    fresh, place = np.unique(before[~on_plane], return_inverse=True)
    before[on_plane] -= left_own
    before[~on_plane] = known + place
    known += len(fresh)
    on_plane = after < piece.ghosts
    fresh, place = np.unique(after[~on_plane], return_inverse=True)
    after[on_plane] += piece.own
    after[~on_plane] = known + place
    conn = np.concatenate([before, piece.conn, after])
    cell = np.concatenate([left[:, 8:].astype(LATTICE), piece.cell, right[:, 8:].astype(LATTICE)])
    room, nodes = capacity(len(conn)), capacity(known + len(fresh))
    positions = np.zeros((nodes, 3), LATTICE)
    positions[conn] = cell[:, None] + CORNERS.astype(LATTICE)
    return Extended(
        conn=jax.device_put(lengthen(conn, room, nodes - 1)),
        cell=jax.device_put(lengthen(cell, room)),
        positions=jax.device_put(positions),
        count=len(conn),
        own=slice(len(before), len(before) + len(piece.conn)),
        nodes=np.arange(piece.own),
    )


def ends(piece: Piece, bounds: tuple[int, int]) -> tuple[Int[np.ndarray, "first 11"], Int[np.ndarray, "last 11"]]:
    """Corners and cell of the elements in a slab's first two and last two layers, for its neighbours."""
    rows = np.concatenate([piece.conn, piece.cell.astype(np.int32)], 1)
    return rows[piece.cell[:, 0] < bounds[0] + 2], rows[piece.cell[:, 0].astype(np.int32) >= bounds[1] - 2]


def empty_step() -> Step:
    """The step of a slab without bone."""
    none, corners = np.zeros(0, np.int32), np.zeros((0, 8), np.int32)
    return Step(none, none.astype(np.int8), none, corners, Piece(corners, np.zeros((0, 3), LATTICE), 0, 0, 0), 0)
