"""Galerkin products: the matrix of a coarse element is the sum of its children's, each seen through its octant."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from . import modes, native, operator
from .coarse import Blocks, Elements, Matrices
from .mesh import HexMesh
from .splitting import Split

CHUNK = 8192
Packed = Float[Array, "blocks 300 lanes"]
Some = Int[Array, " some"]


def blocks(
    mesh: HexMesh,
    stiffness: Float[Array, "24 24"],
    free: Bool[Array, "nodes 3"],
    split: Split,
    elements: Elements,
    touched: Int[Array, " touched"],
    held: Some,
    held_count: Int[Array, ""],
) -> Blocks:
    """The operator of the voxels' parents; `held` are those of the voxels `touched` by prescribed displacements."""
    moduli = jnp.zeros((len(split.conn), 8), jnp.float32).at[split.parent, split.octant].add(mesh.modulus)
    form = jnp.asarray(modes.coarse_form(mesh.spacing, mesh.poisson), jnp.float32)
    diagonal_form = jnp.asarray(modes.coarse_diagonal(mesh.spacing, mesh.poisson), jnp.float32)
    packed = modes.pack(_family(moduli[held], form)) - _held_still(mesh, stiffness, free, split, touched, held)
    return Blocks(elements, moduli.at[held].set(0), form, diagonal_form, held, held_count, packed)


def _family(moduli: Float[Array, "blocks 8"], form: Float[Array, "24 24"]) -> Float[Array, "blocks 24 24"]:
    """Matrices of blocks of eight voxels, in modes."""
    return (moduli @ jnp.asarray(modes.WALSH, moduli.dtype))[:, modes.SAME] * form


def _held_still(mesh: HexMesh, stiffness, free, split: Split, touched: Int[Array, " touched"], held: Some) -> Packed:
    """What blocks lose as prescribed displacements do not move: of each voxel K - F K F, F the diagonal of `free`."""
    place = jnp.zeros(len(split.conn), jnp.int32).at[held].set(jnp.arange(len(held), dtype=jnp.int32))
    transform = jnp.asarray(modes.TRANSFORM, jnp.float32)

    def lost(k: Int[Array, " chunk"]) -> Float[Array, "chunk 24 24"]:
        voxel = touched[k]
        mask = operator.gather(free, mesh.conn[voxel])
        nodal = jnp.where(mask[:, :, None] & mask[:, None, :], 0, stiffness) * mesh.modulus[voxel, None, None]
        return transform @ nodal @ transform / 64

    return _condense(place[split.parent[touched]], split.octant[touched], lost, len(held))


def parents_of(level: Blocks | Matrices, split: Split) -> Packed:
    """Matrices of the parents of a level's elements."""
    if isinstance(level, Blocks):
        return native.or_plain(_of_blocks, _of_blocks_plain, level, split)
    return native.or_plain(_of_matrices, _of_matrices_plain, level, split)


def _of_blocks(level: Blocks, split: Split) -> Packed:
    e, held, shape = level.elements, level.held, _shape(split)
    free = (split.parent, split.octant, e.cell, e.count, level.moduli, level.form)
    own = (split.parent[held], split.octant[held], e.cell[held], level.held_count, level.packed, level.form)
    return native.call("condense_families", shape, *free) + native.call("condense_matrices", shape, *own)


def _of_blocks_plain(level: Blocks, split: Split) -> Packed:
    held = level.held

    def free(k: Int[Array, " chunk"]) -> Float[Array, "chunk 24 24"]:
        return _family(level.moduli[k], level.form)

    total = _condense(split.parent, split.octant, free, len(split.conn))
    return total + _condense(split.parent[held], split.octant[held], _rows(level.packed), len(split.conn))


def _of_matrices(level: Matrices, split: Split) -> Packed:
    e = level.elements
    own = (split.parent, split.octant, e.cell, e.count, level.packed, jnp.zeros(0, jnp.float32))
    return native.call("condense_matrices", _shape(split), *own)


def _of_matrices_plain(level: Matrices, split: Split) -> Packed:
    return _condense(split.parent, split.octant, _rows(level.packed), len(split.conn))


def _shape(split: Split) -> jax.ShapeDtypeStruct:
    return jax.ShapeDtypeStruct((len(split.conn) // modes.LANES, 300, modes.LANES), jnp.float32)


def _rows(packed: Packed) -> Callable[[Int[Array, " chunk"]], Float[Array, "chunk 24 24"]]:
    return lambda k: packed[k // modes.LANES, :, k % modes.LANES][:, modes.PACKED]


def _condense(
    parent: Int[Array, " children"],
    octant: Int[Array, " children"],
    matrices_of: Callable[[Int[Array, " chunk"]], Float[Array, "chunk 24 24"]],
    parents: int,
) -> Packed:
    """Sum of $S^T A S$ over the children of every parent; children in chunks, for the sake of memory."""
    children, size = len(parent), min(CHUNK, len(parent))
    halving = jnp.asarray(modes.CHILDREN, jnp.float32)

    def step(chunk: int | Int[Array, ""], total: Packed) -> Packed:
        index = chunk * size + jnp.arange(size)
        child = jnp.minimum(index, children - 1)
        down = halving[octant[child]]
        part = (down.swapaxes(1, 2) @ matrices_of(child) @ down)[:, modes.FIRST, modes.SECOND]
        to = parent[child]
        return total.at[to // modes.LANES, :, to % modes.LANES].add(jnp.where((index < children)[:, None], part, 0))

    none = jnp.zeros((parents // modes.LANES, 300, modes.LANES), jnp.float32)
    return jax.lax.fori_loop(0, -(-children // size), step, none)
