"""Galerkin products: the matrix of a coarse element is the sum of its children's, interpolated from their octants."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from . import hexahedron, modes, native, operator
from .coarse import Blocks, Elements, Matrices
from .mesh import HexMesh
from .modes import Packed
from .operator import HIGHEST
from .splitting import Split

LEAST_CHUNK, MOST_CHUNKS = 1024, 4096
Sums = Float[Array, "blocks 300 lanes"]
Some = Int[Array, " some"]


def build_blocks(
    mesh: HexMesh, free: Bool[Array, "nodes 3"], split: Split, elements: Elements, room: int
) -> Blocks:
    """The first coarse operator, with matrices for blocks that prescribed displacements touch.

    `room`: array length for those blocks.
    """
    form, diagonal_form = (jnp.asarray(f, jnp.float32) for f in modes.coarse_forms(mesh.spacing, mesh.poisson))
    held, count = list_flags(touches_prescribed(mesh, free, split), room)
    # Idle entries stand for the last block, which is idle.
    held = jnp.where(jnp.arange(room) < count, held, len(split.conn) - 1)
    moduli = jnp.zeros((len(split.conn), 8), jnp.float32).at[split.parent, split.octant].add(mesh.modulus)
    return Blocks(
        elements=elements,
        moduli=moduli.at[held].set(0),
        form=form,
        diagonal_form=diagonal_form,
        held=held,
        held_conn=split.conn[held],
        held_cell=split.cell[held],
        held_count=count,
        packed=Packed.of(_held_matrices(mesh, free, split, held, count, moduli)),
    )


@jax.jit
def count_held(mesh: HexMesh, free: Bool[Array, "nodes 3"], split: Split) -> Int[Array, ""]:
    """How many blocks prescribed displacements touch."""
    return touches_prescribed(mesh, free, split).sum()


def touches_prescribed(mesh: HexMesh, free: Bool[Array, "nodes 3"], split: Split) -> Bool[Array, " parents"]:
    """Blocks with a voxel that has a prescribed degree of freedom."""
    all_free = free.all(1)
    touched = jnp.zeros(len(mesh.pairs), bool)
    for pair in range(4):
        lower = mesh.pairs[:, pair]
        touched |= ~(all_free[lower] & all_free[lower + 1])
    touched &= mesh.modulus > 0
    return jnp.zeros(len(split.conn), bool).at[split.parent].max(touched)


def list_flags(flags: Bool[Array, " items"], room: int) -> tuple[Int[Array, " room"], Int[Array, ""]]:
    """Numbers of the flags that are set, in ascending order, at most `room` of them; and how many are set."""
    if not native.available():
        return jnp.nonzero(flags, size=room, fill_value=0)[0].astype(jnp.int32), flags.sum(dtype=jnp.int32)
    results = (jax.ShapeDtypeStruct((room,), jnp.int32), jax.ShapeDtypeStruct((), jnp.int32))
    running = (jax.ShapeDtypeStruct((len(flags) + len(flags) // 100 + 64,), jnp.int32),)
    listed, count = native.call_many("flags", results, flags, room=running)
    return listed, count


def _held_matrices(
    mesh: HexMesh,
    free: Bool[Array, "nodes 3"],
    split: Split,
    held: Some,
    count: Int[Array, ""],
    moduli: Float[Array, "parents 8"],
) -> Sums:
    """Packed matrices of the blocks `held`, without what is prescribed."""
    stiffness = jnp.asarray(hexahedron.stiffness(mesh.spacing, mesh.poisson), jnp.float32)
    if native.available():
        assert split.children is not None
        like = jax.ShapeDtypeStruct((len(held) // modes.LANES, 300, modes.LANES), jnp.float32)
        lists = (held, count, split.children.starts, split.children.items, split.octant)
        return native.call("held", like, *lists, mesh.pairs, mesh.modulus, stiffness, free)
    form = jnp.asarray(modes.coarse_forms(mesh.spacing, mesh.poisson)[0], jnp.float32)
    # Of one block all voxels are in the list of touched ones, as those without a prescribed node lose nothing.
    place = jnp.full(len(split.conn), -1, jnp.int32).at[held].set(jnp.arange(len(held), dtype=jnp.int32))
    place = jnp.where(jnp.arange(len(split.conn)) < len(split.conn) - 1, place, -1)
    touched = jnp.nonzero((place[split.parent] >= 0) & (mesh.modulus > 0), size=8 * len(held), fill_value=-1)[0]
    transform = jnp.asarray(modes.TRANSFORM, jnp.float32)

    def lost(k: Int[Array, " chunk"]) -> Float[Array, "chunk 24 24"]:
        voxel = touched[k]
        # What is prescribed: K - F K F, with the diagonal F of `free`.
        mask = operator.gather(free, mesh.conn[voxel])
        nodal = jnp.where(mask[:, :, None] & mask[:, None, :], 0, stiffness) * mesh.modulus[voxel, None, None]
        nodal = jnp.where(voxel[:, None, None] >= 0, nodal, 0)
        modal = jnp.matmul(jnp.matmul(transform, nodal, precision=HIGHEST), transform, precision=HIGHEST)
        return modal / 64

    prescribed = _condense(place[split.parent[touched]], split.octant[touched], lost, len(held))
    return modes.pack(modes.block_matrices(moduli[held], form)) - prescribed


def condense(level: Blocks | Matrices, split: Split, elements: Elements) -> Matrices:
    """The operator of the next coarser level, whose `elements` result from the `split` of `level`. Can be traced."""
    return Matrices(elements, Packed.of(sum_over_children(level, split, elements.count)))


def sum_over_children(level: Blocks | Matrices, split: Split, parents: Int[Array, ""]) -> Sums:
    """Matrices of the parents, `parents` in number, of a level's elements."""
    if isinstance(level, Blocks):
        return native.call_compiled_or_plain(_sum_blocks, _sum_blocks_plain, level, split, parents)
    return native.call_compiled_or_plain(_sum_matrices, _sum_matrices_plain, level, split, parents)


def _sum_blocks(level: Blocks, split: Split, parents: Int[Array, ""]) -> Sums:
    e, held, packed, gpu = level.elements, level.held, level.packed, ()
    if native.on_gpu():
        inside = jnp.arange(len(held), dtype=jnp.int32) < level.held_count
        places = jnp.where(inside, jnp.arange(len(held), dtype=jnp.int32), -1)
        # Idle entries all stand for the last block, and agree that it has no matrix.
        gpu = (*_family(split, parents), jnp.full(len(e.conn), -1, jnp.int32).at[held].set(places))
    free = (split.parent, split.octant, e.cell, e.count, level.moduli, level.form)
    own = (split.parent[held], split.octant[held], level.held_cell, level.held_count, packed.entries, packed.unit)
    return native.call("condense_blocks", _like_sums(len(split.conn)), *free, *own, gpu=gpu)


def _sum_matrices(level: Matrices, split: Split, parents: Int[Array, ""]) -> Sums:
    e, packed = level.elements, level.packed
    given = (split.parent, split.octant, e.cell, e.count, packed.entries, packed.unit)
    gpu = _family(split, parents) if native.on_gpu() else ()
    return native.call("condense_matrices", _like_sums(len(split.conn)), *given, gpu=gpu)


def _family(split: Split, parents: Int[Array, ""]) -> tuple[Array, Array, Array]:
    assert split.children is not None
    return parents, split.children.starts, split.children.items


def _sum_blocks_plain(level: Blocks, split: Split, parents: Int[Array, ""]) -> Sums:
    del parents
    held = level.held

    def free(k: Int[Array, " chunk"]) -> Float[Array, "chunk 24 24"]:
        return modes.block_matrices(level.moduli[k], level.form)

    total = _condense(split.parent, split.octant, free, len(split.conn))
    return total + _condense(split.parent[held], split.octant[held], level.packed.of_elements, len(split.conn))


def _sum_matrices_plain(level: Matrices, split: Split, parents: Int[Array, ""]) -> Sums:
    del parents
    return _condense(split.parent, split.octant, level.packed.of_elements, len(split.conn))


def _like_sums(parents: int) -> jax.ShapeDtypeStruct:
    return jax.ShapeDtypeStruct((parents // modes.LANES, 300, modes.LANES), jnp.float32)


def _condense(
    parent: Int[Array, " children"],
    octant: Int[Array, " children"],
    matrices_of: Callable[[Int[Array, " chunk"]], Float[Array, "chunk 24 24"]],
    parents: int,
) -> Sums:
    """Sum of $S^T A S$ over the children of every parent, in chunks of children to save memory."""
    children = len(parent)
    size = min(max(LEAST_CHUNK, children // MOST_CHUNKS), children)
    halving = jnp.asarray(modes.CHILDREN, jnp.float32)

    def step(chunk: int | Int[Array, ""], total: Sums) -> Sums:
        index = chunk * size + jnp.arange(size)
        child = jnp.minimum(index, children - 1)
        down = halving[octant[child]]
        part = jnp.matmul(jnp.matmul(down.swapaxes(1, 2), matrices_of(child), precision=HIGHEST), down, precision=HIGHEST)
        part, to = part[:, modes.FIRST, modes.SECOND], parent[child]
        return total.at[to // modes.LANES, :, to % modes.LANES].add(jnp.where((index < children)[:, None], part, 0))

    return jax.lax.fori_loop(0, -(-children // size), step, jnp.zeros(_like_sums(parents).shape, jnp.float32))
