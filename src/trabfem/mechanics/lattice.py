"""Numbers of voxels and nodes on the lattice, found on the device from bit masks along z, in one program.

The lattice of nodes has one place more than there are voxels along each axis. 32 places along z make a word, so the
lattice of nx x ny x nz voxels has (nx + 1)(ny + 1) w words, w = ceil((nz + 1) / 32), with z fastest; a voxel stands at
its lower corner. `ranks` holds four numbers a word: the mask of the nodes at its places (bit z % 32), the number of
nodes before the word, and the same two for voxels. The number of the node at (x, y, z) is then

    ranks[word, 1] + popcount(ranks[word, 0] & ((1 << z % 32) - 1)),    word = (x (ny + 1) + y) w + z // 32

which takes half a byte a place where a table of numbers takes four. `rank_numpy` is the same for arrays on the host.
"""

import functools
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int, Shaped, UInt8, UInt32

from . import native
from .hexahedron import CORNERS

WORD = 32
LATTICE = np.int16
"""Data type of positions on the lattice of voxels."""
Shape = tuple[int, int, int]


class Numbered(NamedTuple):
    """The arrays of a `HexMesh`, and its counts: elements, nodes, and whether a modulus is negative or not finite."""

    pairs: Int[Array, "elements 4"]
    modulus: Float[Array, " elements"]
    voxels: Int[Array, "elements 3"]
    nodes: Int[Array, "nodes 3"]
    incident: Int[Array, "nodes 8"] | None
    around: UInt8[Array, " nodes"] | None
    ranks: UInt32[Array, "words 4"] | None
    counts: Int[Array, "3"] | Int[np.ndarray, "3"]


def words_along_z(shape: Shape) -> int:
    """Words of 32 places in a column of the lattice of nodes."""
    return -(-(shape[2] + 1) // WORD)


@jax.jit
def count(modulus: Shaped[Array, "x y z"]) -> Int[Array, "3"]:
    """The counts of `Numbered`."""
    if native.available():
        return jnp.asarray(_number_compiled(modulus, 0, 0, False).counts)
    solid = pack(modulus > 0)
    elements, nodes = (_popcount(mask).sum(dtype=jnp.int32) for mask in (solid, touch_nodes(solid)))
    return jnp.stack([elements, nodes, _spoilt(modulus)])


@functools.partial(jax.jit, static_argnames=("elements", "room", "lists", "ranked"))
def number(modulus: Shaped[Array, "x y z"], elements: int, room: int, lists: bool, ranked: bool) -> Numbered:
    """Elements and nodes of the solid voxels, with room for so many; the last element and two nodes stay idle.

    `lists`: whether to make `incident`; `ranked`: whether to keep `around` and `ranks`. What does not fit is left out,
    which the counts tell.
    """
    if native.available() and not lists:
        return _number_compiled(modulus, elements, room, ranked)
    shape = (modulus.shape[0], modulus.shape[1], modulus.shape[2])
    ranks, num_elements, num_nodes = rank(pack(modulus > 0))
    voxels = _positions(ranks[:, 2], ranks[:, 3], elements, num_elements, shape)
    nodes = _positions(ranks[:, 0], ranks[:, 1], room, num_nodes, shape)
    live = jnp.arange(elements) < num_elements
    x, y, z = voxels.astype(jnp.int32).T
    pairs = [look_up(ranks, shape, x + a, y + b, z)[0] for a, b, _ in CORNERS[::2]]
    incident = around = None
    if lists:
        incident = _elements_at_corners(ranks, shape, nodes, num_nodes, 8 * (elements - 1))
    if ranked:
        around = _octants(ranks, shape, nodes, num_nodes)
    return Numbered(
        pairs=jnp.where(live[:, None], jnp.stack(pairs, 1), room - 2),
        modulus=jnp.where(live, modulus.at[x, y, z].get(mode="clip").astype(jnp.float32), 0),
        voxels=voxels,
        nodes=nodes,
        incident=incident,
        around=around,
        ranks=ranks if ranked else None,
        counts=jnp.stack([num_elements, num_nodes, _spoilt(modulus)]),
    )


def _number_compiled(modulus: Shaped[Array, "x y z"], elements: int, room: int, ranked: bool) -> Numbered:
    """`number` by kernels."""
    x, y, z = modulus.shape
    words = (x + 1) * (y + 1) * words_along_z((x, y, z))

    def like(dtype: np.typing.DTypeLike, *shape: int) -> jax.ShapeDtypeStruct:
        return jax.ShapeDtypeStruct(shape, dtype)

    voxels = (like(np.int32, elements, 4), like(np.float32, elements), like(LATTICE, elements, 3))
    results = (*voxels, like(LATTICE, room, 3), like(np.uint8, room), like(np.uint32, words, 4), like(np.int32, 3))
    running = (like(np.int32, 2 * words + words // 100 + 64),)
    pairs, moduli, voxels, nodes, around, ranks, counts = native.call_many("number", results, modulus, room=running)
    return Numbered(
        pairs=pairs,
        modulus=moduli,
        voxels=voxels,
        nodes=nodes,
        incident=None,
        around=around if ranked else None,
        ranks=ranks if ranked else None,
        counts=counts,
    )


def pack(solid: Bool[Array, "x y z"]) -> UInt32[Array, "i j words"]:
    """Solid voxels as bits on the lattice of nodes."""
    x, y, z = solid.shape
    words = words_along_z((x, y, z))
    bits = jnp.pad(solid, ((0, 1), (0, 1), (0, WORD * words - z))).reshape(x + 1, y + 1, words, WORD)
    return (bits.astype(jnp.uint32) << jnp.arange(WORD, dtype=jnp.uint32)).sum(-1, dtype=jnp.uint32)


def unpack(words: UInt32[Array, "*some words"], length: int) -> Bool[Array, "*some z"]:
    """The first `length` bits along the last axis."""
    bits = (words[..., None] >> jnp.arange(WORD, dtype=jnp.uint32)) & 1
    return bits.reshape(*words.shape[:-1], -1)[..., :length] > 0


def touch_nodes(solid: UInt32[Array, "i j words"]) -> UInt32[Array, "i j words"]:
    """Which nodes are corners of a solid voxel. No voxel stands at the upper borders, so nothing wraps around."""
    for axis in (0, 1):
        solid = solid | jnp.roll(solid, 1, axis)
    return solid | (solid << 1) | (jnp.roll(solid, 1, 2) >> (WORD - 1))


def rank(solid: UInt32[Array, "i j words"]) -> tuple[UInt32[Array, "all 4"], Int[Array, ""], Int[Array, ""]]:
    """The masks of nodes and voxels with the numbers before every word, and how many voxels and nodes there are."""
    columns, totals = [], []
    for mask in (touch_nodes(solid).reshape(-1), solid.reshape(-1)):
        counts = _popcount(mask)
        upto = jax.lax.cumsum(counts)
        columns += [mask, upto - counts]
        totals.append(upto[-1].astype(jnp.int32))
    return jnp.stack(columns, 1), totals[1], totals[0]


def rank_numpy(solid: Bool[np.ndarray, "x y z"], touched: Bool[np.ndarray, "i j k"]) -> UInt32[np.ndarray, "words 4"]:
    """`rank` in NumPy, of the solid voxels and of the nodes that they touch."""
    i, j, k = touched.shape
    columns = []
    for flags in (touched, solid):
        bits = np.zeros((i, j, WORD * -(-k // WORD)), bool)
        bits[: flags.shape[0], : flags.shape[1], : flags.shape[2]] = flags
        mask = np.packbits(bits, axis=-1, bitorder="little").view("<u4").ravel()
        counts = np.bitwise_count(mask).astype(np.uint32)
        columns += [mask, np.cumsum(counts, dtype=np.uint32) - counts]
    return np.stack(columns, 1).astype(np.uint32)


def look_up(ranks: UInt32[Array, "words 4"], shape: Shape, x: Array, y: Array, z: Array, column: int = 0):
    """Number of the node (`column` 0) or voxel (2) at places of the lattice, and whether there is one."""
    words = words_along_z(shape)
    # Places outside are clipped before they make a number of a word, and have none of their own.
    inside = (x >= 0) & (y >= 0) & (z >= 0) & (x <= shape[0]) & (y <= shape[1]) & (z <= shape[2])
    x, y, z = (jnp.clip(place, 0, most) for place, most in zip((x, y, z), shape, strict=True))
    word = (x * (shape[1] + 1) + y) * words + z // WORD
    mask, before = ranks[word, column], ranks[word, column + 1]
    bit = (z % WORD).astype(jnp.uint32)
    below = mask & ((jnp.uint32(1) << bit) - jnp.uint32(1))
    return (before + _popcount(below)).astype(jnp.int32), inside & ((mask >> bit) & 1 > 0)


def _popcount(mask: UInt32[Array, "..."]) -> UInt32[Array, "..."]:
    return jax.lax.population_count(mask)


def _spoilt(modulus: Shaped[Array, "x y z"]) -> Int[Array, ""]:
    """1 where a modulus is negative or not finite."""
    return (~(jnp.isfinite(modulus) & (modulus >= 0))).any().astype(jnp.int32)


def _positions(
    mask: UInt32[Array, " words"], before: UInt32[Array, " words"], room: int, total: Int[Array, ""], shape: Shape
) -> Int[Array, "room 3"]:
    """Lattice positions of the set bits in order, 0 beyond the last.

    Every word that has a bit writes its number where its first bit stands; the largest so far is the word of a bit.
    """
    number = jnp.arange(len(mask), dtype=jnp.int32)
    first = jnp.where(mask > 0, before, room).astype(jnp.int32)
    start = jnp.zeros(room, jnp.int32).at[first].max(number, mode="drop")
    word = jax.lax.cummax(start)
    index = jnp.arange(room, dtype=jnp.int32)
    bit = _select_bit(mask[word], index - before[word].astype(jnp.int32))
    words, columns = words_along_z(shape), shape[1] + 1
    place = jnp.stack([word // (words * columns), word // words % columns, WORD * (word % words) + bit], 1)
    return jnp.where(index[:, None] < total, place, 0).astype(LATTICE)


def _select_bit(mask: UInt32[Array, " n"], number: Int[Array, " n"]) -> Int[Array, " n"]:
    """Position of the set bit that has so many set bits below it, by halving the word."""
    position = jnp.zeros_like(number)
    for width in (16, 8, 4, 2, 1):
        low = (mask >> position.astype(jnp.uint32)) & jnp.uint32((1 << width) - 1)
        count = _popcount(low).astype(jnp.int32)
        beyond = number >= count
        position, number = position + jnp.where(beyond, width, 0), number - jnp.where(beyond, count, 0)
    return position


def _elements_at_corners(ranks, shape: Shape, nodes: Int[Array, "nodes 3"], num_nodes, idle: int):
    """For every node and local corner a, `8 e + a` of the element that has the node there; `idle` where none has."""
    live = jnp.arange(len(nodes)) < num_nodes
    columns = []
    for a, corner in enumerate(CORNERS):
        element, present = look_up(ranks, shape, *(nodes.astype(jnp.int32) - corner).T, column=2)
        columns.append(jnp.where(live & present, 8 * element + a, idle))
    return jnp.stack(columns, 1)


def _octants(ranks, shape: Shape, nodes: Int[Array, "nodes 3"], num_nodes) -> UInt8[Array, " nodes"]:
    """Bit o of every node is set where the voxel in octant o around it is solid."""
    total = jnp.zeros(len(nodes), jnp.uint32)
    for octant, offset in enumerate(CORNERS):
        _, present = look_up(ranks, shape, *(nodes.astype(jnp.int32) - 1 + offset).T, column=2)
        total |= present.astype(jnp.uint32) << octant
    return jnp.where(jnp.arange(len(nodes)) < num_nodes, total, 0).astype(jnp.uint8)
