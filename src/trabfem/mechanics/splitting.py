"""Connectivity-split coarsening: coarse hexahedra and vertices that never connect two separate struts.

Inside every 2x2x2 block of cells there is one coarse hexahedron per connected component (connected = sharing a
node), and around every coarse vertex one copy per group of coarse hexahedra whose children share a node at which
the vertex' hat function is positive. Two children that share a node therefore interpolate it from the same copies,
so the trilinear interpolation is well defined, and its rows sum to 1.

Source: Dick, Georgii & Westermann, IEEE Trans. Vis. Comput. Graph. 17:1663 (2011), who split finite elements along
cuts. Here elements are split along the pores of bone.
"""

import functools
import itertools

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int, UInt8

from . import native
from .coarse import Elements, Groups
from .hexahedron import CORNERS
from .mesh import LATTICE, capacity

# Along one axis a child in octant o has its two nodes at 0, 1 or 2 half-cells of the block. A node at 0 or 2 belongs
# to the hat function of a single coarse corner, one at 1 to both: three (node, corner) pairs per axis. Rows: octant;
# columns: pair. ABOVE says whether the corner is the upper one of the two vertices that flank the node. Of the 27 pairs
# in space the 8 at the centre of the block are left out, since they connect a block only to itself.
NODE = np.array([[0, 1, 1], [1, 0, 0]], np.int32)
CORNER = np.array([[0, 0, 1], [1, 0, 1]], np.int32)
ABOVE = np.array([[0, 0, 1], [0, 0, 1]], np.int32)
PAIRS = np.array([pair for pair in itertools.product(range(3), repeat=3) if 0 in pair], np.int32)


def _trilinear(points: Float[np.ndarray, "... 3"]) -> Float[np.ndarray, "... 8"]:
    """Values of the eight corner functions of the unit cell."""
    return np.where(CORNERS == 1, points[..., None, :], 1 - points[..., None, :]).prod(-1)


POSITIONS = np.array(list(itertools.product(range(3), repeat=3)), np.int32)
INTERPOLATION = _trilinear(POSITIONS / 2)
"""(27, 8): weight of the coarse corners at the 27 node positions of a block."""
CHILD_INTERPOLATION = _trilinear((CORNERS[:, None] + CORNERS) / 2)
"""(8, 8, 8): weight of coarse corner c at local node a of the child in octant o."""


class Split(eqx.Module):
    """One coarsening step.

    - `parent`: coarse element of every element; `octant`: its place in the block
    - `slot`: for every node, 27 parent + position, where it is interpolated
    - `conn`, `cell`, `nodes`: the coarse elements and vertices, as in `HexMesh`
    - `children`: the elements of every parent; `own`: the nodes whose slot is in it; where kernels need them
    """

    parent: Int[Array, " elements"]
    octant: Int[Array, " elements"]
    slot: Int[Array, " nodes"]
    conn: Int[Array, "parents 8"]
    cell: Int[Array, "parents 3"]
    nodes: Int[Array, "vertices 3"]
    children: Groups | None = None
    own: Groups | None = None


def pack_bits(bits: Int[Array, "... 3"]) -> Int[Array, "..."]:
    """Local number 4 x + 2 y + z of a corner or octant."""
    return 4 * bits[..., 0] + 2 * bits[..., 1] + bits[..., 2]


@functools.partial(jax.jit, static_argnames="shape")
def voxel_components(
    cell: Int[Array, "elements 3"], live: Bool[Array, " elements"], shape: tuple[int, int, int]
) -> tuple[Int[Array, " elements"], Int[Array, ""]]:
    """`element_components` on the voxel grid, where all voxels of a block share its centre."""
    block = tuple((cell >> 1).T)
    present = jnp.zeros([-(-n // 2) for n in shape], bool).at[block].max(live)
    number = jnp.cumsum(present.reshape(-1), dtype=jnp.int32).reshape(present.shape) - 1
    return number[block], present.sum()


@jax.jit
def element_components(
    conn: Int[Array, "elements 8"],
    cell: Int[Array, "elements 3"],
    nodes: Int[Array, "nodes 3"],
    live: Bool[Array, " elements"],
) -> tuple[Int[Array, " elements"], Int[Array, ""]]:
    """Number of the connected component in its block for every element, and how many there are."""
    elements = len(conn)
    # Of the two blocks that flank a node on the border, this one is the upper where the node is its first.
    upper = (1 - (cell & 1)[:, None, :]) * (1 - CORNERS)
    place = 8 * conn + pack_bits(upper)

    def sweep(state):
        label, _ = state
        least = jnp.full(8 * len(nodes), elements, jnp.int32).at[place].min(label[:, None])
        new = least[place].min(1)
        return new, (new != label).any()

    label, _ = jax.lax.while_loop(lambda s: s[1], sweep, (jnp.arange(elements, dtype=jnp.int32), True))
    root = (label == jnp.arange(elements)) & live
    return (jnp.cumsum(root, dtype=jnp.int32) - 1)[label], root.sum()


@functools.partial(jax.jit, static_argnames=("parents", "shape"))
def voxel_vertex_components(
    cell: Int[Array, "elements 3"],
    parent: Int[Array, " elements"],
    num_parents: Int[Array, ""] | int,
    parents: int,
    shape: tuple[int, int, int],
) -> tuple[Int[Array, "parents 8"], Int[Array, ""]]:
    """`vertex_components` on the voxel grid, by bit arithmetic.

    Here a block is one coarse element, and which of the eight blocks around a vertex share a node follows from the
    eight bits that say which of their voxels are solid.
    """
    idle = parents - 1
    solid = jnp.zeros(parents, jnp.uint8).at[parent].add(jnp.uint8(1) << pack_bits(cell & 1).astype(jnp.uint8))
    solid = solid.at[idle].set(0)
    block = jnp.zeros((parents, 3), jnp.int32).at[parent].set(cell >> 1)
    lattice = jnp.full([-(-n // 2) + 2 for n in shape], idle, jnp.int32)
    number = jnp.arange(parents, dtype=jnp.int32)
    number = jnp.where(number < num_parents, number, idle)
    lattice = lattice.at[tuple(block.T + 1)].min(number)
    corner = jnp.asarray(CORNERS)
    around = block[:, None, None] + corner[:, None] + corner
    around = lattice[around[..., 0], around[..., 1], around[..., 2]].reshape(-1, 8)

    link = _link_blocks(solid[around])
    own = 7 - jnp.tile(jnp.arange(8), parents)
    mine = jnp.take_along_axis(link, own[:, None], 1)[:, 0].astype(jnp.int32)
    first = jnp.asarray([0] + [(i & -i).bit_length() - 1 for i in range(1, 256)], jnp.int32)[mine]
    label = 8 * jnp.take_along_axis(around, first[:, None], 1)[:, 0] + 7 - first
    return _number_copies(label, num_parents)


def _link_blocks(solid: UInt8[Array, "vertices 8"]) -> UInt8[Array, "vertices 8"]:
    """For each of the eight blocks around a vertex, the bit set of those it is tied to through shared nodes."""
    offset = POSITIONS - 1
    local = offset[None] + 2 * (1 - CORNERS[:, None])
    touches = (local[:, :, None] >= CORNERS) & (local[:, :, None] <= CORNERS + 1)
    octants = (touches.all(-1) << np.arange(8)).sum(-1).astype(np.uint8)
    tied = [jnp.zeros_like(solid[:, 0])] * 8
    for s in range(27):
        members = [b for b in range(8) if octants[b, s]]
        present = [(solid[:, b] & octants[b, s]) != 0 for b in members]
        group = sum(p.astype(jnp.uint8) << np.uint8(b) for p, b in zip(present, members, strict=True))
        for p, b in zip(present, members, strict=True):
            tied[b] = tied[b] | jnp.where(p, group, 0).astype(jnp.uint8)
    for _ in range(3):
        tied = [
            functools.reduce(jnp.bitwise_or, [jnp.where((t >> np.uint8(b)) & 1 == 1, tied[b], 0) for b in range(8)])
            for t in tied
        ]
    return jnp.stack(tied, 1).astype(jnp.uint8)


@functools.partial(jax.jit, static_argnames="parents")
def vertex_components(
    conn: Int[Array, "elements 8"],
    cell: Int[Array, "elements 3"],
    nodes: Int[Array, "nodes 3"],
    parent: Int[Array, " elements"],
    num_parents: Int[Array, ""] | int,
    parents: int,
) -> tuple[Int[Array, "parents 8"], Int[Array, ""]]:
    """Number of the vertex copy at every corner of every coarse element, and how many copies there are."""
    octant = cell & 1
    corners = 8 * parents

    def places(pair):
        look = [jnp.asarray(table)[octant, jnp.asarray(PAIRS)[pair]] for table in (NODE, CORNER, ABOVE)]
        a, c, above = (pack_bits(bits) for bits in look)
        node = jnp.take_along_axis(conn, a[:, None], 1)[:, 0]
        return 8 * node + above, 8 * parent + c

    def sweep(state):
        label, _ = state

        def to_nodes(pair, least):
            flank, corner = places(pair)
            return least.at[flank].min(label[corner])

        def to_corners(pair, new):
            flank, corner = places(pair)
            return new.at[corner].min(least[flank])

        least = jnp.full(8 * len(nodes), corners, jnp.int32)
        least = jax.lax.fori_loop(0, len(PAIRS), to_nodes, least)
        new = jax.lax.fori_loop(0, len(PAIRS), to_corners, label)
        return new, (new != label).any()

    label, _ = jax.lax.while_loop(lambda s: s[1], sweep, (jnp.arange(corners, dtype=jnp.int32), True))
    return _number_copies(label, num_parents)


def _number_copies(label: Int[Array, " corners"], num_parents) -> tuple[Int[Array, "parents 8"], Int[Array, ""]]:
    """Consecutive numbers for labels, each of which is the number of a representative corner."""
    corner = jnp.arange(len(label))
    root = (label == corner) & (corner < 8 * num_parents)
    return (jnp.cumsum(root, dtype=jnp.int32) - 1)[label].reshape(-1, 8), root.sum()


@functools.partial(jax.jit, static_argnames="vertices")
def coarse_mesh(
    conn: Int[Array, "elements 8"],
    cell: Int[Array, "elements 3"],
    nodes: Int[Array, "nodes 3"],
    parent: Int[Array, " elements"],
    corner: Int[Array, "parents 8"],
    num_parents: Int[Array, ""] | int,
    vertices: int,
) -> tuple[Split, Int[Array, ""]]:
    """The coarse elements and vertices, and the largest number of elements at a vertex."""
    parents = len(corner)
    live = jnp.arange(parents) < num_parents
    coarse_conn = jnp.where(live[:, None], corner, vertices - 1)
    coarse_cell = jnp.zeros((parents, 3), LATTICE).at[parent].set(cell >> 1)
    around = (coarse_cell[:, None] + CORNERS).astype(LATTICE)
    coarse_nodes = jnp.zeros((vertices, 3), LATTICE).at[coarse_conn].set(around)
    slot = jnp.zeros(len(nodes), jnp.int32)
    for a, corner_of_child in enumerate(CORNERS):
        position = (cell & 1) + corner_of_child
        place = 27 * parent + 9 * position[:, 0] + 3 * position[:, 1] + position[:, 2]
        slot = slot.at[conn[:, a]].max(place.astype(jnp.int32))
    used = jnp.zeros(vertices, jnp.int32).at[coarse_conn].add(live[:, None].astype(jnp.int32))
    return Split(parent, pack_bits(cell & 1), slot, coarse_conn, coarse_cell, coarse_nodes), used.max()


def split_compiled(
    conn: Int[Array, "elements width"], cell: Int[Array, "elements 3"], count: int, nodes: int, like: tuple[int, int]
) -> tuple[Split, int]:
    """The split of the first `count` elements by split.c, and its number of coarse elements.

    `like`: array lengths of coarse elements and vertices, kept if they suffice.
    """
    connected, cells = np.ascontiguousarray(conn, np.int32), np.ascontiguousarray(cell, LATTICE)
    if connected.shape[1] == 4:
        connected = (connected[:, :, None] + np.arange(2, dtype=np.int32)).reshape(-1, 8)
    parent = np.empty(len(connected), np.int32)
    found = native.call_split("parents", connected, cells, count, nodes, parent)
    parents = capacity(found, like[0])
    parent[count:] = parents - 1
    corner = np.empty((parents, 8), np.int32)
    copies = native.call_split("vertices", connected, cells, parent, count, nodes, found, corner)
    vertices = capacity(copies, like[1])
    corner[found:] = vertices - 1
    octant, slot = np.zeros(len(connected), np.int32), np.zeros(nodes, np.int32)
    coarse_cell, coarse_nodes = np.zeros((parents, 3), LATTICE), np.zeros((vertices, 3), LATTICE)
    rest = (octant, slot, coarse_cell, coarse_nodes)
    native.call_split("coarse", connected, cells, parent, count, corner, found, *rest)
    starts, children = np.empty(parents + 1, np.int32), np.zeros(len(connected), np.int32)
    native.call_split("children", parent, count, parents, starts, children)
    arrays = (parent, octant, slot, corner, coarse_cell, coarse_nodes, starts, children)
    *split, starts, children = (jax.device_put(array) for array in arrays)
    return Split(*split, children=Groups(starts, children)), found


@functools.partial(jax.jit, static_argnames="width")
def incidence(conn: Int[Array, "elements 8"], vertices: Int[Array, "vertices 3"], num_elements, width: int):
    """The list of element corners of every vertex, from a stable sort of the corners by vertex."""
    flat = conn.reshape(-1)
    live = jnp.arange(len(flat)) < 8 * num_elements
    key = jnp.where(live, flat, len(vertices))
    order = jnp.argsort(key, stable=True).astype(jnp.int32)
    ordered = key[order]
    rank = jnp.arange(len(flat)) - jnp.searchsorted(ordered, ordered)
    idle = len(flat) - 8
    table = jnp.full((len(vertices), width), idle, jnp.int32)
    return table.at[ordered, rank].set(order, mode="drop")


@jax.jit
def connect_pairs(pairs: Int[Array, "elements 4"]) -> Int[Array, "elements 8"]:
    """The eight nodes of voxels of which the lower nodes of the pairs along z are given."""
    return (pairs[:, :, None] + jnp.arange(2, dtype=jnp.int32)).reshape(-1, 8)


def coarsen(conn, cell, nodes, count: int, like: tuple[int, int, int], voxels) -> tuple[Split, Elements]:
    """One coarsening of the first `count` elements; counts are copied to the host because they set array lengths.

    `conn`: eight nodes of every element, or of voxels the lower nodes of the four pairs along z. `like`: lengths of
    elements, vertices, and elements at a vertex, kept if they suffice. `voxels`: the shape of the grid if the elements
    are voxels, None if they are coarse elements.
    """
    if native.on_gpu():
        # Imported here because it needs what is defined here.
        from .splits import split_on_gpu

        return split_on_gpu(conn, cell, count, nodes, like)
    if native.available():
        split, parents = split_compiled(conn, cell, count, len(nodes), like[:2])
        return split, Elements(split.conn, split.cell, None, jax.device_put(np.int32(parents)))
    conn = conn if conn.shape[1] == 8 else connect_pairs(conn)
    live = jnp.arange(len(conn)) < count
    if voxels is None:
        parent, found = element_components(conn, cell, nodes, live)
    else:
        parent, found = voxel_components(cell, live, voxels)
    num_parents = int(found)
    parents = capacity(num_parents, like[0])
    parent = jnp.where(live, parent, parents - 1)
    if voxels is None:
        corner, found = vertex_components(conn, cell, nodes, parent, num_parents, parents)
    else:
        corner, found = voxel_vertex_components(cell, parent, num_parents, parents, voxels)
    vertices = capacity(int(found), like[1])
    split, busiest = coarse_mesh(conn, cell, nodes, parent, corner, num_parents, vertices)
    # At most eight blocks of voxels meet at a vertex; coarser elements can share a cell, so more can meet.
    width = max(8 if voxels else 16 * -(-int(busiest) // 16), like[2])
    incident = incidence(split.conn, split.nodes, num_parents, width)
    return split, Elements(split.conn, split.cell, incident, jnp.asarray(num_parents, jnp.int32))
