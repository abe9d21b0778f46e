"""Galerkin products: the matrix of a coarse element is the sum of its children's, each seen through its octant."""

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


def blocks(fine: FineLevel, split: Split, elements: Elements, room: int) -> Blocks:
    """The first coarse operator, with matrices for blocks that prescribed displacements touch.

    `room`: array length for those blocks that is kept where it suffices.
    """
    mesh, free = fine.mesh, fine.free
    form, diagonal_form = (jnp.asarray(f, jnp.float32) for f in modes.coarse_forms(mesh.spacing, mesh.poisson))
    touched, held = (np.flatnonzero(flags) for flags in _touches_prescribed(mesh, free, split))
    room = capacity(len(held), room)
    count = jnp.asarray(len(held), jnp.int32)
    held = _filled(held, room, len(split.conn) - 1)
    touched = _filled(touched, 8 * room, len(mesh.pairs) - 1)
    moduli, packed = _of_voxels(mesh, fine.stiffness, form, free, split, touched, held)
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


def _filled(numbers: np.ndarray, length: int, idle: int) -> Int[Array, " length"]:
    return jnp.asarray(np.concatenate([numbers, np.full(length - len(numbers), idle)]).astype(np.int32))


@jax.jit
def _of_voxels(
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
    packed = modes.pack(_family(moduli[held], form)) - _held_still(mesh, stiffness, free, split, touched, held)
    return moduli.at[held].set(0), Packed.of(packed)


def _family(moduli: Float[Array, "blocks 8"], form: Float[Array, "24 24"]) -> Float[Array, "blocks 24 24"]:
    """Matrices of blocks of eight voxels, in modes."""
    return (moduli @ jnp.asarray(modes.WALSH, moduli.dtype))[:, modes.SAME] * form


def _held_still(mesh: HexMesh, stiffness, free, split: Split, touched: Int[Array, " touched"], held: Some) -> Sums:
    """What blocks lose as prescribed displacements do not move: of each voxel K - F K F, F the diagonal of `free`."""
    place = jnp.zeros(len(split.conn), jnp.int32).at[held].set(jnp.arange(len(held), dtype=jnp.int32))
    transform = jnp.asarray(modes.TRANSFORM, jnp.float32)

    def lost(k: Int[Array, " chunk"]) -> Float[Array, "chunk 24 24"]:
        voxel = touched[k]
        mask = operator.gather(free, mesh.conn[voxel])
        nodal = jnp.where(mask[:, :, None] & mask[:, None, :], 0, stiffness) * mesh.modulus[voxel, None, None]
        return transform @ nodal @ transform / 64

    return _condense(place[split.parent[touched]], split.octant[touched], lost, len(held))


def condense(level: Blocks | Matrices, split: Split, elements: Elements) -> Matrices:
    """The operator of the next coarser level: `elements` as `split` makes them of the elements of `level`."""
    return Matrices(elements, _packed_parents(level, split))


# What a compiled program hands back takes new memory, even where it was given just that: this returns new arrays only.
@jax.jit
def _packed_parents(level: Blocks | Matrices, split: Split) -> Packed:
    return Packed.of(parents_of(level, split))


def parents_of(level: Blocks | Matrices, split: Split) -> Sums:
    """Matrices of the parents of a level's elements."""
    if isinstance(level, Blocks):
        return native.or_plain(_of_blocks, _of_blocks_plain, level, split)
    return native.or_plain(_of_matrices, _of_matrices_plain, level, split)


def _of_blocks(level: Blocks, split: Split) -> Sums:
    e, held, packed = level.elements, level.held, level.packed
    free = (split.parent, split.octant, e.cell, e.count, level.moduli, level.form)
    own = (split.parent[held], split.octant[held], e.cell[held], level.held_count, packed.entries, packed.unit)
    return native.accumulate(
        "condense_matrices", native.accumulate("condense_families", _nothing(len(split.conn)), *free), *own
    )


def _of_blocks_plain(level: Blocks, split: Split) -> Sums:
    held = level.held

    def free(k: Int[Array, " chunk"]) -> Float[Array, "chunk 24 24"]:
        return _family(level.moduli[k], level.form)

    total = _condense(split.parent, split.octant, free, len(split.conn))
    return total + _condense(split.parent[held], split.octant[held], level.packed.some, len(split.conn))


def _of_matrices(level: Matrices, split: Split) -> Sums:
    e, packed = level.elements, level.packed
    own = (split.parent, split.octant, e.cell, e.count, packed.entries, packed.unit)
    return native.accumulate("condense_matrices", _nothing(len(split.conn)), *own)


def _of_matrices_plain(level: Matrices, split: Split) -> Sums:
    return _condense(split.parent, split.octant, level.packed.some, len(split.conn))


def _nothing(parents: int) -> Sums:
    return jnp.zeros((parents // modes.LANES, 300, modes.LANES), jnp.float32)


def _condense(
    parent: Int[Array, " children"],
    octant: Int[Array, " children"],
    matrices_of: Callable[[Int[Array, " chunk"]], Float[Array, "chunk 24 24"]],
    parents: int,
) -> Sums:
    """Sum of $S^T A S$ over the children of every parent; children in chunks, for the sake of memory."""
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

    return jax.lax.fori_loop(0, -(-children // size), step, _nothing(parents))
