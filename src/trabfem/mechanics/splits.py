"""Connectivity-split coarsening by the kernels of a GPU: one level, or all levels of a mesh in one program.

The numbers of coarse elements and vertices are known only when they are counted, but arrays need lengths before. So
where no earlier mesh tells them, they are guessed, and what was found tells whether the program is run once more.
"""

import functools
from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Int

from . import native
from .coarse import Elements, Groups
from .mesh import LATTICE, HexMesh, capacity
from .splitting import Split

Rooms = tuple[int, int]
"""Array lengths for coarse elements and for vertices."""
WASTE = 1.3
"""How much longer than necessary guessed arrays may be."""


def split_on_gpu(
    conn: Int[Array, "elements width"],
    cell: Int[Array, "elements 3"],
    count: int,
    nodes: Int[Array, "nodes 3"],
    like: Sequence[int],
) -> tuple[Split, Elements]:
    """The split of the first `count` elements. `like`: lengths for coarse elements and vertices, kept if enough."""
    rooms = like[0] or capacity(count // 4), like[1] or capacity(count // 2)
    while True:
        [arrays] = _split(conn, cell, jax.device_put(np.int32(count)), nodes, (rooms,))
        found = [int(number) for number in jax.device_get(arrays[6])]
        enough = capacity(found[0], like[0]), capacity(found[1], like[1])
        if found[0] >= rooms[0]:
            # Without all parents the vertices are not all there.
            rooms = enough[0], rooms[1]
        elif found[1] >= rooms[1] or (not like[0] and sum(rooms) > WASTE * sum(enough)):
            rooms = enough
        else:
            return _as_split(arrays, found[0])


def split_all_on_gpu(
    mesh: HexMesh, like: Sequence[Sequence[int]], most_dofs: int, coarsenings: int | None
) -> tuple[tuple[Split, Elements], ...]:
    """All coarsenings of a mesh, until a level has at most `most_dofs` unknowns; or so many `coarsenings`.

    `like`: lengths of an earlier mesh for every coarsening, kept if they suffice.
    """
    count = jax.device_put(np.int32(mesh.num_elements))
    rooms = [(level[0], level[1]) for level in like] or _guess(mesh, coarsenings)
    while True:
        levels = _split(mesh.pairs, mesh.voxels, count, mesh.nodes, tuple(rooms))
        found = [(int(own[0]), int(own[1])) for own in jax.device_get([arrays[6] for arrays in levels])]
        known = [
            k for k, (own, room) in enumerate(zip(found, rooms, strict=True)) if own[0] >= room[0] or own[1] >= room[1]
        ]
        if known:
            # What follows an overfull level was not counted, nor were the vertices of one without all its parents.
            first = known[0]
            parents, vertices = capacity(found[first][0]), capacity(found[first][1])
            rooms[first] = (
                (parents, max(vertices, rooms[first][1])) if found[first][0] >= rooms[first][0] else (parents, vertices)
            )
            continue
        depth = _depth(found, mesh.num_elements, most_dofs, coarsenings)
        if depth > len(rooms):
            rooms.append((capacity(found[-1][0]), capacity(found[-1][1])))
            continue
        kept = [level for level in like[:depth]] + [(0, 0)] * (depth - len(like))
        enough = [(capacity(p, a[0]), capacity(v, a[1])) for (p, v), a in zip(found, kept, strict=False)]
        if rooms == enough:
            return tuple(_as_split(arrays, own[0]) for arrays, own in zip(levels, found, strict=True))
        rooms = enough


def _guess(mesh: HexMesh, coarsenings: int | None) -> list[Rooms]:
    """Lengths for the coarsenings until the longest side has two blocks, from shares that are usual in bone."""
    blocks, number, rooms = max(mesh.shape), mesh.num_elements, []
    while not rooms or (blocks > 2 if coarsenings is None else len(rooms) < coarsenings):
        rooms.append((capacity(number // 4), capacity(number // 2)))
        blocks, number = -(-blocks // 2), number // 4
    return rooms


def _depth(found: Sequence[Rooms], elements: int, most_dofs: int, coarsenings: int | None) -> int:
    """How many coarsenings are enough; one more than there are where these are not."""
    if coarsenings is not None:
        return coarsenings
    before = elements
    for number, (parents, vertices) in enumerate(found, start=1):
        if 3 * capacity(vertices) <= most_dofs or (number > 1 and parents == before):
            return number
        before = parents
    return len(found) + 1


def _as_split(arrays: Sequence[Array], parents: int) -> tuple[Split, Elements]:
    parent, octant, slot, conn, cell, nodes = arrays[:6]
    corners, children, own = (Groups(*arrays[k : k + 2]) for k in (7, 9, 11))
    elements = Elements(conn, cell, None, jax.device_put(np.int32(parents)), corners)
    return Split(parent, octant, slot, conn, cell, nodes, children, own), elements


@functools.partial(jax.jit, static_argnames="rooms")
def _split(
    conn: Int[Array, "elements width"],
    cell: Int[Array, "elements 3"],
    count: Int[Array, ""],
    nodes: Int[Array, "nodes 3"],
    rooms: tuple[Rooms, ...],
) -> list[list[Array]]:
    """The arrays of launch.c's `split`, of one coarsening after another."""
    levels = []
    for parents, vertices in rooms:
        arrays = _split_once(conn, cell, count, nodes, parents, vertices)
        levels.append(arrays)
        # What has no room is left out.
        conn, cell, nodes, count = arrays[3], arrays[4], arrays[5], jnp.minimum(arrays[6][0], parents - 1)
    return levels


def _split_once(conn, cell, count, nodes, parents: int, vertices: int) -> list[Array]:
    elements, length = len(conn), len(nodes)
    longest = max(elements, 8 * parents, vertices, length)

    def integers(*shape: int) -> jax.ShapeDtypeStruct:
        return jax.ShapeDtypeStruct(shape, jnp.int32)

    def lattice(rows: int) -> jax.ShapeDtypeStruct:
        return jax.ShapeDtypeStruct((rows, 3), LATTICE)

    split = (integers(elements), integers(elements), integers(length), integers(parents, 8))
    lists = (integers(vertices + 1), integers(8 * parents), integers(parents + 1), integers(elements))
    cells, own = (lattice(parents), lattice(vertices)), (integers(parents + 1), integers(length))
    results = (*split, *cells, integers(2), *lists, *own)
    room = (integers(8 * length), integers(longest + 1), integers(8 * parents), integers(longest // 100 + 64))
    return native.call_many("split", results, conn, cell, count, nodes, room=room)
