"""Where the parts of a mesh lie: side by side along x, so far apart that the blocks of all levels are as in each alone.

Elements of a part follow one another, on coarse levels too, since coarse elements are numbered in the order of their
first children. Nodes of all parts get stretches of the same length, with idle nodes at the end of each, so that sums
per part are sums of rows (see `sums`).
"""

import functools
from collections.abc import Sequence
from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Int, UInt32

from ..coarse import Elements, Groups
from ..mesh import LATTICE, HexMesh, Lengths, capacity
from ..splitting import Split

MOST_BLOCKS = {"cpu": 2}
"""Blocks along the longest side of a part on the coarsest level, by backend."""
MOST_BLOCKS_ELSEWHERE = 4
"""On a GPU a level costs launches, while the dense inverses of all parts are read at every visit."""
ROUND = 64


@dataclass(frozen=True)
class Layout:
    """`count` parts, the origins of neighbours `pitch` voxels apart, coarsened as often whatever bone is in them."""

    count: int
    pitch: int
    coarsenings: int

    @classmethod
    def of(cls, shape: tuple[int, int, int], count: int) -> "Layout":
        """The layout of `count` grids of this shape."""
        coarsenings = count_coarsenings(shape)
        block = 2**coarsenings
        return cls(count, block * (-(-shape[0] // block) + 1), coarsenings)

    @property
    def parts(self) -> int | None:
        """As in `sums.Parted`: None for a single part."""
        return None if self.count == 1 else self.count


def count_coarsenings(shape: tuple[int, int, int]) -> int:
    """Coarsenings until the longest side has few enough blocks; at least one."""
    most = MOST_BLOCKS.get(jax.default_backend(), MOST_BLOCKS_ELSEWHERE)
    blocks, coarsenings = -(-max(shape) // 2), 1
    while blocks > most:
        blocks, coarsenings = -(-blocks // 2), coarsenings + 1
    return coarsenings


def most_parts(shape: tuple[int, int, int]) -> int:
    """How many grids of this shape fit on the lattice side by side."""
    return (int(np.iinfo(LATTICE).max) - 2) // Layout.of(shape, 2).pitch


def join(meshes: Sequence[HexMesh], layout: Layout) -> HexMesh:
    """One mesh of the meshes of its parts, whose arrays have equal lengths. A single mesh stays as it is."""
    first = meshes[0]
    if layout.count == 1:
        return first
    counts = [int(mesh.num_elements) for mesh in meshes], [int(mesh.num_nodes) for mesh in meshes]
    elements, nodes = (jax.device_put(np.array(count, np.int32)) for count in counts)
    pairs, modulus, voxels, places, incident, around, ranks = _join(tuple(meshes), elements, nodes, layout)
    return HexMesh(
        pairs=pairs,
        modulus=modulus,
        voxels=voxels,
        nodes=places,
        incident=incident,
        num_elements=sum(counts[0]),
        num_nodes=(layout.count - 1) * len(first.nodes) + counts[1][-1],
        shape=(layout.count * layout.pitch, *first.shape[1:]),
        spacing=first.spacing,
        poisson=first.poisson,
        around=around,
        ranks=ranks,
    )


@functools.partial(jax.jit, static_argnames="layout")
def _join(
    meshes: tuple[HexMesh, ...], counts: Int[Array, " parts"], num_nodes: Int[Array, " parts"], layout: Layout
) -> tuple[Array, Array, Array, Array, Array | None, Array | None, Array | None]:
    """Elements one part after the other; nodes in stretches, idle ones at the place of the last node of their part.

    So nodes stay sorted by x.
    """
    length, stretch = len(meshes[0].modulus), len(meshes[0].nodes)
    part, own, live = _locate(counts, layout.count * length)
    idle, shift = layout.count * stretch - 2, jnp.asarray(layout.pitch * part, LATTICE)
    pairs = jnp.stack([mesh.pairs for mesh in meshes])[part, own] + stretch * part[:, None]
    modulus = jnp.stack([mesh.modulus for mesh in meshes])[part, own]
    voxels = jnp.stack([mesh.voxels for mesh in meshes])[part, own].at[:, 0].add(shift)
    place = jnp.minimum(jnp.arange(stretch), num_nodes[:, None] - 1)
    places = jnp.take_along_axis(jnp.stack([mesh.nodes for mesh in meshes]), place[:, :, None], 1)
    places = places.at[:, :, 0].add((layout.pitch * jnp.arange(layout.count, dtype=LATTICE))[:, None])
    incident = around = ranks = None
    octants = [mesh.around for mesh in meshes if mesh.around is not None]
    if octants:
        around = jnp.concatenate(octants)
        ranks = _join_ranks(meshes, stretch, jnp.cumsum(counts) - counts, layout)
    lists = [mesh.incident for mesh in meshes if mesh.incident is not None]
    if lists:
        lists = jnp.stack(lists).reshape(layout.count, -1)
        before = (jnp.cumsum(counts) - counts)[:, None]
        lists = jnp.where(lists >> 3 < counts[:, None], lists + 8 * before, 8 * (layout.count * length - 1))
        incident = lists.reshape(-1, 8).astype(jnp.int32)
    return (
        jnp.where(live[:, None], pairs, idle).astype(jnp.int32),
        jnp.where(live, modulus, 0),
        jnp.where(live[:, None], voxels, 0),
        places.reshape(-1, 3),
        incident,
        around,
        ranks,
    )


def _join_ranks(
    meshes: tuple[HexMesh, ...], stretch: int, before: Int[Array, " parts"], layout: Layout
) -> UInt32[Array, "words 4"]:
    """The ranks of all parts on the lattice of the whole: numbers of a part go on from its own first."""
    planes = meshes[0].shape[0] + 1
    ranks = [mesh.ranks for mesh in meshes if mesh.ranks is not None]
    own = jnp.stack(ranks).reshape(layout.count, planes, -1, 4)
    nodes = stretch * jnp.arange(layout.count)
    firsts = jnp.stack([jnp.zeros_like(before), nodes.astype(before.dtype), jnp.zeros_like(before), before], 1)
    own = own + firsts[:, None, None].astype(jnp.uint32)
    wide = jnp.pad(own, ((0, 0), (0, layout.pitch - planes), (0, 0), (0, 0)))
    whole = wide.reshape(layout.count * layout.pitch, -1, 4)
    return jnp.pad(whole, ((0, 1), (0, 0), (0, 0))).reshape(-1, 4)


def _locate(counts: Int[Array, " parts"], length: int) -> tuple[Array, Array, Array]:
    """The part and the number within it of every place in a list of parts without gaps, and which places are used."""
    ends = jnp.cumsum(counts)
    place = jnp.arange(length)
    part = jnp.minimum(jnp.searchsorted(ends, place, side="right"), len(counts) - 1).astype(jnp.int32)
    live = place < ends[-1]
    return part, jnp.where(live, place - (ends - counts)[part], 0), live


def spread_out(
    split: Split, elements: Elements, nodes: Int[Array, "nodes 3"], layout: Layout, level: int, like: int
) -> tuple[Split, Elements]:
    """A coarsening to `level` with the vertices of every part in a stretch of its own. A single part stays as it is.

    `nodes`: positions of the finer level's nodes. `like`: earlier number of vertices with idle ones, kept if it
    suffices.
    """
    if layout.count == 1:
        return split, elements
    counts = _count_vertices(split, elements, layout.pitch >> level, layout.count)
    stretch = capacity(int(np.asarray(counts).max()), like // layout.count)
    return _spread_out(split, elements, nodes, counts, stretch)


@functools.partial(jax.jit, static_argnames=("pitch", "parts"))
def _count_vertices(split: Split, elements: Elements, pitch: int, parts: int) -> Int[Array, " parts"]:
    """How many vertices every part has."""
    used = jnp.arange(len(split.conn)) < elements.count
    found = jnp.where(used[:, None], split.conn, -1).max() + 1
    owner = jnp.where(jnp.arange(len(split.nodes)) < found, split.nodes[:, 0] // pitch, parts)
    starts = jnp.searchsorted(owner, jnp.arange(parts + 1))
    return jnp.diff(starts).astype(jnp.int32)


@functools.partial(jax.jit, static_argnames="stretch")
def _spread_out(
    split: Split, elements: Elements, nodes: Int[Array, "nodes 3"], counts: Int[Array, " parts"], stretch: int
) -> tuple[Split, Elements]:
    parts, last = len(counts), len(split.nodes) - 1
    owner, own, live = _locate(counts, len(split.nodes))
    number = jnp.where(live, stretch * owner + own, parts * stretch - 1).astype(jnp.int32)
    conn = number[split.conn]
    place = jnp.arange(stretch)
    old = jnp.where(place < counts[:, None], (jnp.cumsum(counts) - counts)[:, None] + place, last).reshape(-1)
    incident = None if elements.incident is None else elements.incident[old]
    corners = elements.corners
    if corners is not None:
        ends = (jnp.cumsum(counts) - counts)[:, None] + jnp.minimum(place, counts[:, None])
        starts = corners.starts[jnp.append(ends.reshape(-1), counts.sum())]
        corners = Groups(starts, corners.items)
    # Idle nodes have slot 0. Among the nodes of other slabs they must not add to block 0 while its own nodes do.
    own = (nodes == 2 * split.cell[0]).all(1)
    slot = jnp.where((split.slot == 0) & ~own, 27 * (len(split.conn) - 1), split.slot)
    spread = Split(split.parent, split.octant, slot, conn, split.cell, split.nodes[old], split.children, split.own)
    return spread, Elements(conn, elements.cell, incident, elements.count, corners)


def share_lengths(lengths: Lengths, mesh: HexMesh, parts: int) -> Lengths:
    """The part of one specimen in the lengths of a hierarchy of several; `mesh` is its own."""
    levels = tuple((-(-elements // parts), vertices // parts, width) for elements, vertices, width in lengths.levels)
    return Lengths(len(mesh.modulus), len(mesh.nodes), levels, -(-lengths.held // parts))


def combine_lengths(shares: Sequence[Lengths]) -> Lengths:
    """Lengths of a hierarchy of several specimens from shares in earlier ones: the largest, times their number.

    Equal shares of one hierarchy give its lengths again.
    """
    parts = len(shares)

    def whole(numbers: Sequence[int]) -> int:
        return ROUND * (parts * max(numbers) // ROUND)

    depth = max(len(share.levels) for share in shares)
    levels = tuple(
        (
            whole([share.at(step)[0] for share in shares]),
            parts * max(share.at(step)[1] for share in shares),
            max(share.at(step)[2] for share in shares),
        )
        for step in range(depth)
    )
    elements, nodes = (max(getattr(share, name) for share in shares) for name in ("elements", "nodes"))
    return Lengths(elements, nodes, levels, whole([share.held for share in shares]))
