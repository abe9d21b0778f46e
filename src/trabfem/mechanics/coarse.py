"""The operators of coarse levels: blocks of voxels, which share one form, and elements with own matrices."""

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from . import modes, native, operator
from .modes import Packed
from .operator import Field

Nodal = Float[Array, "elements 24"]


class Elements(eqx.Module):
    """The hexahedra of a coarse level, sorted by the x of `cell`; only the first `count` are in use.

    `incident`: as in `HexMesh`, as wide as the vertex with the most elements needs.
    """

    conn: Int[Array, "elements 8"]
    cell: Int[Array, "elements 3"]
    incident: Int[Array, "nodes width"] | None
    count: Int[Array, ""]

    def assemble(self, values: Nodal, nodes: int) -> Field:
        """Sum over the element corners of every node."""
        return operator.assemble(values, self.conn, self.incident, nodes)


class Matrices(eqx.Module):
    """Elements with one matrix each."""

    elements: Elements
    packed: Packed

    def apply(self, u: Field) -> Field:
        """Nodal forces of nodal displacements."""

        def compiled(u: Field) -> Field:
            e, packed = self.elements, self.packed
            return native.call("matrices", _shape_of(u), e.conn, e.cell, e.count, packed.entries, packed.unit, u)

        def plain(u: Field) -> Field:
            force = forces(self.packed, operator.gather(u, self.elements.conn))
            return self.elements.assemble(force, len(u))

        return native.call_compiled_or_plain(compiled, plain, u)

    def diagonal(self) -> Nodal:
        """Diagonal of every element's nodal matrix."""
        return diagonals(self.packed)

    def matrices(self) -> Float[Array, "elements 24 24"]:
        """The nodal matrix of every element, for small levels."""
        return nodal(self.packed)


class Blocks(eqx.Module):
    r"""Blocks of up to eight voxels: eight moduli each, one `form` for all (see `modes`), and no matrix stored.

    Blocks with prescribed degrees of freedom (numbers `held`) have moduli 0 here and own matrices in `packed`.
    """

    elements: Elements
    moduli: Float[Array, "elements 8"]
    form: Float[Array, "24 24"]
    diagonal_form: Float[Array, "8 24"]
    held: Int[Array, " some"]
    held_count: Int[Array, ""]
    packed: Packed

    def apply(self, u: Field) -> Field:
        """Nodal forces of nodal displacements."""

        def compiled(u: Field) -> Field:
            e, held, packed = self.elements, self.held, self.packed
            free = native.call("families", _shape_of(u), e.conn, e.cell, e.count, self.moduli, self.form, u)
            own = (e.conn[held], e.cell[held], self.held_count, packed.entries, packed.unit)
            return free + native.call("matrices", _shape_of(u), *own, u)

        def plain(u: Field) -> Field:
            nodal = operator.gather(u, self.elements.conn)
            force = self._free_forces(nodal).at[self.held].add(forces(self.packed, nodal[self.held]))
            return self.elements.assemble(force, len(u))

        return native.call_compiled_or_plain(compiled, plain, u)

    def diagonal(self) -> Nodal:
        """Diagonal of every element's nodal matrix."""
        return (self.moduli @ self.diagonal_form).at[self.held].add(diagonals(self.packed))

    def matrices(self) -> Float[Array, "elements 24 24"]:
        """The nodal matrix of every element, for small levels."""
        free = jnp.asarray(modes.TRANSFORM, self.form.dtype)
        sums = self.moduli @ jnp.asarray(modes.WALSH, self.form.dtype)
        return (free @ (sums[:, modes.SAME] * self.form) @ free).at[self.held].add(nodal(self.packed))

    def _free_forces(self, u: Nodal) -> Nodal:
        transform = jnp.asarray(modes.TRANSFORM, u.dtype)
        sums = self.moduli @ jnp.asarray(modes.WALSH, u.dtype)
        t = u @ transform
        parts = [sums[:, k : k + 1] * (t @ jnp.where(modes.SAME == k, self.form, 0)) for k in range(8)]
        return jnp.asarray(sum(parts)) @ transform


def forces(packed: Packed, u: Nodal) -> Nodal:
    """Nodal forces of packed modal matrices."""
    transform, entries = jnp.asarray(modes.TRANSFORM, u.dtype), packed.floats()
    t = (u @ transform).reshape(-1, modes.LANES, 24).swapaxes(1, 2)
    y = sum(entries[:, modes.PACKED[j]] * t[:, j : j + 1] for j in range(24))
    return jnp.asarray(y).swapaxes(1, 2).reshape(-1, 24) @ transform


def nodal(packed: Packed) -> Float[Array, "elements 24 24"]:
    """Nodal matrices from packed modal ones."""
    transform = jnp.asarray(modes.TRANSFORM, jnp.float32)
    return transform @ packed.matrices() @ transform


def diagonals(packed: Packed) -> Nodal:
    """Nodal diagonals of packed modal matrices."""
    weight = jnp.asarray(modes.PACKED_DIAGONAL, jnp.float32)
    return jnp.einsum("bpl,pd->bld", packed.floats(), weight).reshape(-1, 24)


def _shape_of(u: Field) -> jax.ShapeDtypeStruct:
    return jax.ShapeDtypeStruct(u.shape, u.dtype)
