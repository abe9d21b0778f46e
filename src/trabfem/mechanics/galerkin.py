"""Galerkin products: the matrix of a coarse element is the sum of its children's, interpolated from their octants."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int

from . import modes, native, operator
from .coarse import Blocks, Elements, Matrices
from .levels import FineLevel
from .mesh import HexMesh, capacity
from .modes import Packed
from .splitting import Split

LEAST_CHUNK, MOST_CHUNKS = 1024, 4096
Sums = Float[Array, "blocks 300 lanes"]
Some = Int[Array, " some"]


def build_blocks(fine: FineLevel, split: Split, elements: Elements, room: int) -> Blocks:
    """The first coarse operator, with matrices for blocks that prescribed displacements touch.

    `room`: earlier array length for those blocks, kept if it suffices.
    """
    mesh, free = fine.mesh, fine.free
    form, diagonal_form = (jnp.asarray(f, jnp.float32) for f in modes.coarse_forms(mesh.spacing, mesh.poisson))
    touched, held = (np.flatnonzero(flags) for flags in _touches_prescribed(mesh, free, split))
    room = capacity(len(held), room)
    count = jnp.asarray(len(held), jnp.int32)
    held = _pad_numbers(held, room, len(split.conn) - 1)
    touched = _pad_numbers(touched, 8 * room, len(mesh.pairs) - 1)
    moduli, packed = _assemble_blocks(mesh, fine.stiffness, form, free, split, touched, held)
    return Blocks(
        elements=elements,
        moduli=moduli,
        form=form,
        diagonal_form=diagonal_form,
        held=held,
        held_count=count,
        packed=packed,
    )


@jax.jit
def _touches_prescribed(mesh: HexMesh, free, split: Split) -> tuple[Bool[Array, " voxels"], Bool[Array, " parents"]]:
    """Voxels with a prescribed degree of freedom, and the blocks that have such voxels."""
    touched = ~operator.gather(free, mesh.conn).all(1) & (mesh.modulus > 0)
    return touched, jnp.zeros(len(split.conn), bool).at[split.parent].max(touched)


def _pad_numbers(numbers: np.ndarray, length: int, idle: int) -> Int[Array, " length"]:
    return jnp.asarray(np.concatenate([numbers, np.full(length - len(numbers), idle)]).astype(np.int32))


@jax.jit
def _assemble_blocks(
    mesh: HexMesh,
    stiffness: Float[Array, "24 24"],
    form: Float[Array, "24 24"],
    free: Bool[Array, "nodes 3"],
    split: Split,
    touched: Int[Array, " touched"],
    held: Some,
) -> tuple[Float[Array, "parents 8"], Packed]:
    """Moduli of the voxels' parents, and matrices of the `held` ones.

    `held` are the parents of the voxels `touched` by prescribed displacements; their moduli are set to 0.
    """
    moduli = jnp.zeros((len(split.conn), 8), jnp.float32).at[split.parent, split.octant].add(mesh.modulus)
    packed = modes.pack(_block_matrices(moduli[held], form)) - _prescribed_part(
        mesh, stiffness, free, split, touched, held
    )
    return moduli.at[held].set(0), Packed.of(packed)


def _block_matrices(moduli: Float[Array, "blocks 8"], form: Float[Array, "24 24"]) -> Float[Array, "blocks 24 24"]:
    """Matrices of blocks of eight voxels, in modes."""
    return (moduli @ jnp.asarray(modes.WALSH, moduli.dtype))[:, modes.SAME] * form


def _prescribed_part(mesh: HexMesh, stiffness, free, split: Split, touched: Int[Array, " touched"], held: Some) -> Sums:
    """The part of blocks that is prescribed: the sum of K - F K F over voxels, F the diagonal of `free`."""
    place = jnp.zeros(len(split.conn), jnp.int32).at[held].set(jnp.arange(len(held), dtype=jnp.int32))
    transform = jnp.asarray(modes.TRANSFORM, jnp.float32)

    def lost(k: Int[Array, " chunk"]) -> Float[Array, "chunk 24 24"]:
        voxel = touched[k]
        mask = operator.gather(free, mesh.conn[voxel])
        nodal = jnp.where(mask[:, :, None] & mask[:, None, :], 0, stiffness) * mesh.modulus[voxel, None, None]
        return transform @ nodal @ transform / 64

    return _condense(place[split.parent[touched]], split.octant[touched], lost, len(held))


def condense(level: Blocks | Matrices, split: Split, elements: Elements) -> Matrices:
    """The operator of the next coarser level, whose `elements` result from the `split` of `level`."""
    return Matrices(elements, _packed_parents(level, split))


# Outputs of a compiled program take new memory even if they equal its inputs, so this returns only new arrays.
@jax.jit
def _packed_parents(level: Blocks | Matrices, split: Split) -> Packed:
    return Packed.of(sum_over_children(level, split))


def sum_over_children(level: Blocks | Matrices, split: Split) -> Sums:
    """Matrices of the parents of a level's elements."""
    if isinstance(level, Blocks):
        return native.call_compiled_or_plain(_sum_blocks, _sum_blocks_plain, level, split)
    return native.call_compiled_or_plain(_sum_matrices, _sum_matrices_plain, level, split)


def _sum_blocks(level: Blocks, split: Split) -> Sums:
    e, held, packed = level.elements, level.held, level.packed
    free = (split.parent, split.octant, e.cell, e.count, level.moduli, level.form)
    own = (split.parent[held], split.octant[held], e.cell[held], level.held_count, packed.entries, packed.unit)
    return native.accumulate(
        "condense_matrices", native.accumulate("condense_families", _zero_sums(len(split.conn)), *free), *own
    )


def _sum_blocks_plain(level: Blocks, split: Split) -> Sums:
    held = level.held

    def free(k: Int[Array, " chunk"]) -> Float[Array, "chunk 24 24"]:
        return _block_matrices(level.moduli[k], level.form)

    total = _condense(split.parent, split.octant, free, len(split.conn))
    return total + _condense(split.parent[held], split.octant[held], level.packed.of_elements, len(split.conn))


def _sum_matrices(level: Matrices, split: Split) -> Sums:
    e, packed = level.elements, level.packed
    own = (split.parent, split.octant, e.cell, e.count, packed.entries, packed.unit)
    return native.accumulate("condense_matrices", _zero_sums(len(split.conn)), *own)


def _sum_matrices_plain(level: Matrices, split: Split) -> Sums:
    return _condense(split.parent, split.octant, level.packed.of_elements, len(split.conn))


def _zero_sums(parents: int) -> Sums:
    return jnp.zeros((parents // modes.LANES, 300, modes.LANES), jnp.float32)


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
        part = (down.swapaxes(1, 2) @ matrices_of(child) @ down)[:, modes.FIRST, modes.SECOND]
        to = parent[child]
        return total.at[to // modes.LANES, :, to % modes.LANES].add(jnp.where((index < children)[:, None], part, 0))

    return jax.lax.fori_loop(0, -(-children // size), step, _zero_sums(parents))
