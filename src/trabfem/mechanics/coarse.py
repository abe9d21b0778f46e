"""The operators of coarse levels: blocks of voxels, which share one form, and elements with own matrices."""

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from . import modes, native, operator
from .modes import Packed
from .operator import Field

Nodal = Float[Array, "elements 24"]


class Groups(eqx.Module):
    """Items by their group, in ascending order: of group g those from `starts[g]` up to `starts[g + 1]`."""

    starts: Int[Array, " more"]
    items: Int[Array, " items"]


class Elements(eqx.Module):
    """The hexahedra of a coarse level, sorted by the x of `cell`; only the first `count` are in use.

    `incident`: as in `HexMesh`, as wide as the vertex with the most elements needs, for the plain forms. `corners`: the
    corners 8 e + a of every node, for kernels of a GPU.
    """

    conn: Int[Array, "elements 8"]
    cell: Int[Array, "elements 3"]
    incident: Int[Array, "nodes width"] | None
    count: Int[Array, ""]
    corners: Groups | None = None

    def assemble(self, values: Nodal, nodes: int) -> Field:
        """Sum over the element corners of every node."""

        def compiled(values: Nodal) -> Field:
            shape = jax.ShapeDtypeStruct((nodes, 3), values.dtype)
            return native.call("assemble", shape, self.conn, self.cell, self.count, values, gpu=self.gpu())

        def plain(values: Nodal) -> Field:
            return operator.assemble(values, self.conn, self.incident, nodes)

        return native.call_compiled_or_plain(compiled, plain, values)

    def gpu(self) -> tuple[Array, ...]:
        """What kernels need on a GPU besides."""
        return () if self.corners is None else (self.corners.starts, self.corners.items)

    def room(self) -> tuple[jax.ShapeDtypeStruct, ...]:
        """Where kernels of a GPU put the forces of all corners."""
        return (jax.ShapeDtypeStruct((24, len(self.conn)), jnp.float32),)


class Matrices(eqx.Module):
    """Elements with one matrix each."""

    elements: Elements
    packed: Packed

    def apply(self, u: Field) -> Field:
        """Nodal forces of nodal displacements."""

        def compiled(u: Field) -> Field:
            e, packed = self.elements, self.packed
            given = (e.conn, e.cell, e.count, packed.entries, packed.unit, u)
            return native.call("matrices", _shape_of(u), *given, gpu=e.gpu(), room=e.room())

        def plain(u: Field) -> Field:
            force = forces(self.packed, operator.gather(u, self.elements.conn))
            return self.elements.assemble(force, len(u))

        return native.call_compiled_or_plain(compiled, plain, u)

    def diagonal(self) -> Nodal:
        """Diagonal of every element's nodal matrix."""
        return diagonals(self.packed, self.elements.count)

    def dense(self, nodes: int, parts: int = 1) -> Float[Array, "parts dofs dofs"]:
        """The matrix of a small level, float64, of each of its parts."""
        return dense(self.elements, self.packed, nodes, parts)


class Blocks(eqx.Module):
    r"""Blocks of up to eight voxels: eight moduli each, one `form` for all (see `modes`), and no matrix stored.

    Blocks with prescribed degrees of freedom (numbers `held`) have moduli 0 here and own matrices in `packed`;
    `held_conn` and `held_cell` are theirs of `elements`; `place` is that of every block among them, -1 for others.
    """

    elements: Elements
    moduli: Float[Array, "elements 8"]
    form: Float[Array, "24 24"]
    diagonal_form: Float[Array, "8 24"]
    held: Int[Array, " some"]
    held_conn: Int[Array, "some 8"]
    held_cell: Int[Array, "some 3"]
    held_count: Int[Array, ""]
    place: Int[Array, " elements"]
    packed: Packed

    def apply(self, u: Field) -> Field:
        """Nodal forces of nodal displacements."""

        def compiled(u: Field) -> Field:
            e, packed = self.elements, self.packed
            own = (self.held, self.held_conn, self.held_cell, self.held_count, packed.entries, packed.unit)
            given = (e.conn, e.cell, e.count, self.moduli, self.form, *own, u)
            return native.call("blocks", _shape_of(u), *given, gpu=e.gpu(), room=e.room())

        def plain(u: Field) -> Field:
            nodal = operator.gather(u, self.elements.conn)
            force = self._free_forces(nodal).at[self.held].add(forces(self.packed, nodal[self.held]))
            return self.elements.assemble(force, len(u))

        return native.call_compiled_or_plain(compiled, plain, u)

    def diagonal(self) -> Nodal:
        """Diagonal of every element's nodal matrix."""

        def compiled(packed: Packed) -> Nodal:
            like = jax.ShapeDtypeStruct((len(self.moduli), 24), jnp.float32)
            given = (self.held_count, packed.entries, packed.unit, self.place, self.moduli, self.diagonal_form)
            return native.call("block_diagonals", like, *given)

        def plain(packed: Packed) -> Nodal:
            free = (self.moduli[:, :, None] * self.diagonal_form).sum(1)
            return free.at[self.held].add(diagonals(packed, self.held_count))

        return native.call_compiled_or_plain(compiled, plain, self.packed)

    def dense(self, nodes: int, parts: int = 1) -> Float[Array, "parts dofs dofs"]:
        """The matrix of a small level, float64, of each of its parts."""
        every = modes.pack(modes.block_matrices(self.moduli, self.form))
        own = jnp.zeros(every.shape, every.dtype).at[self.held // modes.LANES, :, self.held % modes.LANES]
        some = self.packed.floats().swapaxes(1, 2).reshape(-1, 300)
        inside = jnp.arange(len(self.held)) < self.held_count
        return dense(self.elements, Packed.of(every + own.add(jnp.where(inside[:, None], some, 0))), nodes, parts)

    def _free_forces(self, u: Nodal) -> Nodal:
        transform = jnp.asarray(modes.TRANSFORM, u.dtype)
        sums = modes.walsh(self.moduli)
        t = jnp.matmul(u, transform, precision=operator.HIGHEST)
        parts = [
            sums[:, k : k + 1] * jnp.matmul(t, jnp.where(modes.SAME == k, self.form, 0), precision=operator.HIGHEST)
            for k in range(8)
        ]
        return jnp.matmul(jnp.asarray(sum(parts)), transform, precision=operator.HIGHEST)


def forces(packed: Packed, u: Nodal) -> Nodal:
    """Nodal forces of packed modal matrices."""
    transform, entries = jnp.asarray(modes.TRANSFORM, u.dtype), packed.floats()
    t = jnp.matmul(u, transform, precision=operator.HIGHEST).reshape(-1, modes.LANES, 24).swapaxes(1, 2)
    y = sum(entries[:, modes.PACKED[j]] * t[:, j : j + 1] for j in range(24))
    return jnp.matmul(jnp.asarray(y).swapaxes(1, 2).reshape(-1, 24), transform, precision=operator.HIGHEST)


def dense(elements: Elements, packed: Packed, nodes: int, parts: int) -> Float[Array, "parts dofs dofs"]:
    """Sum of the nodal matrices of packed modal ones, float64, for each part; their nodes follow one another."""
    size = 3 * nodes // parts

    def compiled(packed: Packed) -> Float[Array, "parts dofs dofs"]:
        like = jax.ShapeDtypeStruct((parts, size, size), jnp.float64)
        return native.call("dense", like, elements.conn, elements.count, packed.entries, packed.unit)

    def plain(packed: Packed) -> Float[Array, "parts dofs dofs"]:
        transform = jnp.asarray(modes.TRANSFORM, jnp.float32)
        matrix = jnp.matmul(packed.matrices(), transform, precision=operator.HIGHEST)
        matrix = jnp.matmul(transform, matrix, precision=operator.HIGHEST)
        matrix = jnp.where((jnp.arange(len(matrix)) < elements.count)[:, None, None], matrix, 0)
        part, own = elements.conn[:, :1] // (nodes // parts), elements.conn % (nodes // parts)
        dofs = (3 * own[:, :, None] + jnp.arange(3)).reshape(-1, 24)
        total = jnp.zeros((parts, size, size), jnp.float64)
        return total.at[part[:, :, None], dofs[:, :, None], dofs[:, None, :]].add(matrix)

    return native.call_compiled_or_plain(compiled, plain, packed)


def diagonals(packed: Packed, count: Int[Array, ""]) -> Nodal:
    """Nodal diagonals of the first `count` packed modal matrices."""

    def compiled(packed: Packed) -> Nodal:
        like = jax.ShapeDtypeStruct((packed.unit.size, 24), jnp.float32)
        return native.call("diagonals", like, count, packed.entries, packed.unit)

    def plain(packed: Packed) -> Nodal:
        weight = jnp.asarray(modes.PACKED_DIAGONAL, jnp.float32)
        return jnp.einsum("bpl,pd->bld", packed.floats(), weight, precision=operator.HIGHEST).reshape(-1, 24)

    return native.call_compiled_or_plain(compiled, plain, packed)


def _shape_of(u: Field) -> jax.ShapeDtypeStruct:
    return jax.ShapeDtypeStruct(u.shape, u.dtype)
