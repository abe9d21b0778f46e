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


def build_blocks(mesh: HexMesh, free: Bool[Array, "nodes 3"], split: Split, elements: Elements, room: int) -> Blocks:
    """The first coarse operator, with matrices for blocks that prescribed displacements touch.

    `room`: array length for those blocks.
    """
    form, diagonal_form = (jnp.asarray(f, jnp.float32) for f in modes.coarse_forms(mesh.spacing, mesh.poisson))
    find = find_touched if native.available() else find_touched_plain
    moduli, held, count, place = find(mesh, free, split, room)
    make = _held_matrices if native.available() else _held_matrices_plain
    return Blocks(
        elements=elements,
        moduli=moduli,
        form=form,
        diagonal_form=diagonal_form,
        held=held,
        held_conn=split.conn[held],
        held_cell=split.cell[held],
        held_count=count,
        place=place,
        packed=make(mesh, free, split, held, count),
    )


@jax.jit
def count_held(mesh: HexMesh, free: Bool[Array, "nodes 3"], split: Split) -> Int[Array, ""]:
    """How many blocks prescribed displacements touch."""
    find = find_touched if native.available() else find_touched_plain
    return find(mesh, free, split, modes.LANES)[2]


def find_touched(
    mesh: HexMesh, free: Bool[Array, "nodes 3"], split: Split, room: int
) -> tuple[Float[Array, "parents 8"], Int[Array, " room"], Int[Array, ""], Int[Array, " parents"]]:
    """Moduli of the voxels of all blocks, 0 in those that have a prescribed degree of freedom; and which those are.

    Their numbers in ascending order (the last, idle block stands for none), how many they are, and the place of every
    block among them, -1 for the others.
    """
    assert split.children is not None
    parents = len(split.conn)
    given = (split.children.starts, split.children.items, split.octant, mesh.pairs, mesh.modulus, free)
    moduli = jax.ShapeDtypeStruct((parents, 8), jnp.float32)
    results = (moduli, *(jax.ShapeDtypeStruct(shape, jnp.int32) for shape in ((room,), (), (parents,))))
    running = (jax.ShapeDtypeStruct((parents + parents // 100 + 64,), jnp.int32),)
    found, held, count, place = native.call_many("touched", results, *given, room=running)
    return found, held, count, place


def find_touched_plain(mesh: HexMesh, free: Bool[Array, "nodes 3"], split: Split, room: int) -> tuple[Array, ...]:
    """`find_touched` in plain JAX."""
    parents = len(split.conn)
    touched = ~operator.gather(free, mesh.conn).all(1) & (mesh.modulus > 0)
    flags = jnp.zeros(parents, bool).at[split.parent].max(touched)
    count = flags.sum(dtype=jnp.int32)
    held = jnp.nonzero(flags, size=room, fill_value=parents - 1)[0].astype(jnp.int32)
    moduli = jnp.zeros((parents, 8), jnp.float32).at[split.parent, split.octant].add(mesh.modulus)
    place = jnp.where(flags, jnp.cumsum(flags, dtype=jnp.int32) - 1, -1)
    return jnp.where(flags[:, None], 0, moduli), held, count, place


def _held_matrices(
    mesh: HexMesh, free: Bool[Array, "nodes 3"], split: Split, held: Some, count: Int[Array, ""]
) -> Packed:
    """Matrices of the blocks `held`, without what is prescribed."""
    assert split.children is not None
    stiffness = jnp.asarray(hexahedron.stiffness(mesh.spacing, mesh.poisson), jnp.float32)
    lists = (held, count, split.children.starts, split.children.items, split.octant)
    return _call_packed("held", len(held), *lists, mesh.pairs, mesh.modulus, stiffness, free)


def _call_packed(target: str, matrices: int, *arguments: Array, gpu: tuple[Array, ...] = ()) -> Packed:
    """The packed matrices that a kernel makes; on a GPU it sums them up in single precision first."""
    blocks = matrices // modes.LANES
    entries = jax.ShapeDtypeStruct((blocks, 300, modes.LANES), jnp.int16)
    unit = jax.ShapeDtypeStruct((blocks, modes.LANES), jnp.float32)
    sums = jax.ShapeDtypeStruct(entries.shape, jnp.float32)
    return Packed(*native.call_many(target, (entries, unit), *arguments, gpu=gpu, room=(sums,)))


def _held_matrices_plain(
    mesh: HexMesh, free: Bool[Array, "nodes 3"], split: Split, held: Some, count: Int[Array, ""]
) -> Packed:
    """`_held_matrices` in plain JAX."""
    stiffness = jnp.asarray(hexahedron.stiffness(mesh.spacing, mesh.poisson), jnp.float32)
    moduli = jnp.zeros((len(split.conn), 8), jnp.float32).at[split.parent, split.octant].add(mesh.modulus)
    inside = jnp.arange(len(held)) < count
    form = jnp.asarray(modes.coarse_forms(mesh.spacing, mesh.poisson)[0], jnp.float32)
    # All voxels of these blocks count as touched, since those without a prescribed node lose nothing.
    places = jnp.where(inside, jnp.arange(len(held), dtype=jnp.int32), -1)
    place = jnp.full(len(split.conn), -1, jnp.int32).at[held].max(places)
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
    own = jnp.where(inside[:, None], moduli[held], 0)
    return Packed.of(modes.pack(modes.block_matrices(own, form)) - prescribed)


def condense(level: Blocks | Matrices, split: Split, elements: Elements) -> Matrices:
    """The operator of the next coarser level, whose `elements` result from the `split` of `level`."""
    if not native.available():
        return Matrices(elements, Packed.of(sum_over_children(level, split)))
    if isinstance(level, Blocks):
        return Matrices(elements, _condense_blocks(level, split, elements.count))
    return Matrices(elements, _condense_matrices(level, split, elements.count))


def _condense_blocks(level: Blocks, split: Split, parents: Int[Array, ""]) -> Packed:
    e, held, packed = level.elements, level.held, level.packed
    gpu = (*_family(split, parents), level.place) if native.on_gpu() else ()
    free = (split.parent, split.octant, e.cell, e.count, level.moduli, level.form)
    own = (split.parent[held], split.octant[held], level.held_cell, level.held_count, packed.entries, packed.unit)
    return _call_packed("condense_blocks", len(split.conn), *free, *own, gpu=gpu)


def _condense_matrices(level: Matrices, split: Split, parents: Int[Array, ""]) -> Packed:
    e, packed = level.elements, level.packed
    given = (split.parent, split.octant, e.cell, e.count, packed.entries, packed.unit)
    gpu = _family(split, parents) if native.on_gpu() else ()
    return _call_packed("condense_matrices", len(split.conn), *given, gpu=gpu)


def _family(split: Split, parents: Int[Array, ""]) -> tuple[Array, Array, Array]:
    assert split.children is not None
    return parents, split.children.starts, split.children.items


def sum_over_children(level: Blocks | Matrices, split: Split) -> Sums:
    """Matrices of the parents of a level's elements, in plain JAX."""
    return _sum_blocks_plain(level, split) if isinstance(level, Blocks) else _sum_matrices_plain(level, split)


def _sum_blocks_plain(level: Blocks, split: Split) -> Sums:
    held = level.held

    def free(k: Int[Array, " chunk"]) -> Float[Array, "chunk 24 24"]:
        return modes.block_matrices(level.moduli[k], level.form)

    total = _condense(split.parent, split.octant, free, len(split.conn))
    return total + _condense(split.parent[held], split.octant[held], level.packed.of_elements, len(split.conn))


def _sum_matrices_plain(level: Matrices, split: Split) -> Sums:
    return _condense(split.parent, split.octant, level.packed.of_elements, len(split.conn))


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
        half = jnp.matmul(down.swapaxes(1, 2), matrices_of(child), precision=HIGHEST)
        part = jnp.matmul(half, down, precision=HIGHEST)[:, modes.FIRST, modes.SECOND]
        to = parent[child]
        return total.at[to // modes.LANES, :, to % modes.LANES].add(jnp.where((index < children)[:, None], part, 0))

    none = jnp.zeros((parents // modes.LANES, 300, modes.LANES), jnp.float32)
    return jax.lax.fori_loop(0, -(-children // size), step, none)
