"""The levels of the multigrid hierarchy: how each applies its operator, and how fields pass between two of them."""

import dataclasses

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from . import native, operator
from .coarse import Blocks, Elements, Groups, Matrices
from .mesh import LATTICE, HexMesh, Lengths
from .operator import Field
from .parts.sums import Parted, PerPart
from .splitting import INTERPOLATION, Split

Coarse = Float[Array, "vertices 3"]


class Transfer(eqx.Module):
    """Trilinear interpolation onto the nodes of a level from the coarse vertices; restriction is its transpose.

    `incident`, `corners`: of the coarse vertices, as in `Elements`; `nodes`: the nodes of every parent, for kernels of
    a GPU.
    """

    slot: Int[Array, " nodes"]
    conn: Int[Array, "parents 8"]
    incident: Int[Array, "vertices width"] | None
    vertices: int = eqx.field(static=True)
    corners: Groups | None = None
    nodes: Groups | None = None

    @classmethod
    def of(cls, split: Split, elements: Elements) -> "Transfer":
        """The transfer between a level and the next coarser one, made by `split`."""
        return cls(split.slot, split.conn, elements.incident, len(split.nodes), elements.corners, split.own)

    def prolong(self, coarse: Coarse) -> Field:
        """P u_c: the coarse field at the nodes."""

        def compiled(coarse: Coarse) -> Field:
            shape = jax.ShapeDtypeStruct((len(self.slot), 3), coarse.dtype)
            return native.call("prolong", shape, self.slot, self.conn, coarse)

        def plain(coarse: Coarse) -> Field:
            block = jnp.einsum(
                "pc,ecd->epd", jnp.asarray(INTERPOLATION, coarse.dtype), coarse[self.conn], precision=operator.HIGHEST
            )
            return block.reshape(-1, 3).at[self.slot].get(mode="promise_in_bounds")

        return native.call_compiled_or_plain(compiled, plain, coarse)

    def restrict(self, fine: Field, mesh: HexMesh | None = None) -> Coarse:
        """P^T f: nodal forces summed on the coarse vertices. `mesh`: the mesh of these nodes, sorted by x."""

        def compiled(fine: Field) -> Coarse:
            shape = jax.ShapeDtypeStruct((self.vertices, 3), fine.dtype)
            places = jnp.zeros((0, 3), LATTICE) if mesh is None else mesh.nodes
            count = jnp.asarray(0 if mesh is None or native.on_gpu() else mesh.num_nodes, jnp.int32)
            lists = [each for group in (self.nodes, self.corners) if group for each in (group.starts, group.items)]
            room = (jax.ShapeDtypeStruct((24, len(self.conn)), fine.dtype),)
            return native.call(
                "restrict", shape, self.slot, self.conn, fine, places, count, gpu=tuple(lists), room=room
            )

        def plain(fine: Field) -> Coarse:
            block = jnp.zeros((27 * len(self.conn), 3), fine.dtype).at[self.slot].add(fine)
            weights, nodes = jnp.asarray(INTERPOLATION, fine.dtype), block.reshape(-1, 27, 3)
            corner = jnp.einsum("pc,epd->ecd", weights, nodes, precision=operator.HIGHEST)
            return operator.assemble(corner.reshape(-1, 24), self.conn, self.incident, self.vertices)

        return native.call_compiled_or_plain(compiled, plain, fine)


class Supported(Parted):
    """The mesh and its supports: `free` is false at the degrees of freedom that are prescribed."""

    mesh: HexMesh
    free: Bool[Array, "nodes 3"]

    def forces(self, stiffness: Float[Array, "24 24"], u: Field) -> Field:
        """K u, prescribed degrees of freedom included, with the element matrix in the precision of the caller."""
        return operator.apply(self.mesh, stiffness, u)


class FineLevel(Supported):
    """The mesh itself. `inverse_modulus`: inverse of the sum of moduli around a node, 1/MPa; 0 without elements."""

    stiffness: Float[Array, "24 24"]
    inverse_modulus: Float[Array, " nodes"]
    largest: Float[Array, ""]
    transfer: Transfer

    @property
    def inverse_diagonal(self) -> Float[Array, "nodes 3"]:
        """Inverse diagonal of the operator, mm/N; 0 where displacements are prescribed."""
        return self.jacobi(self.free.astype(self.stiffness.dtype))

    def jacobi(self, force: Field) -> Field:
        """Force over the diagonal, which is three numbers of the element times the sum of moduli around a node."""
        return force / jnp.diagonal(self.stiffness)[:3] * self.inverse_modulus[:, None]

    def apply(self, u: Field) -> Field:
        """A u on this level, of a field that vanishes where displacements are prescribed."""
        return jnp.where(self.free, self.forces(self.stiffness, u), 0)

    def prolong(self, coarse: Coarse) -> Field:
        """Interpolation from the next coarser level."""
        return jnp.where(self.free, self.transfer.prolong(coarse), 0)

    def restrict(self, fine: Field) -> Coarse:
        """Transpose of `prolong`."""
        return self.transfer.restrict(jnp.where(self.free, fine, 0), self.mesh)


class CoarseLevel(Parted):
    """Coarse hexahedra with their Galerkin operator."""

    operator: Blocks | Matrices
    inverse_diagonal: Float[Array, "nodes 3"]
    largest: PerPart
    transfer: Transfer

    def jacobi(self, force: Field) -> Field:
        """Force over the diagonal of the operator."""
        return self.inverse_diagonal * force

    def apply(self, u: Field) -> Field:
        """A u on this level."""
        return self.operator.apply(u)

    def prolong(self, coarse: Coarse) -> Field:
        """Interpolation from the next coarser level."""
        return self.transfer.prolong(coarse)

    def restrict(self, fine: Field) -> Coarse:
        """Transpose of `prolong`."""
        return self.transfer.restrict(fine)


class CoarsestLevel(eqx.Module):
    """A few hundred unknowns, solved by a dense pseudo-inverse, which leaves out unconstrained rigid motions."""

    inverse: Float[Array, "*parts dofs dofs"]
    """One matrix, or one for every part."""

    def solve(self, force: Field) -> Field:
        """Displacements of least norm under forces in equilibrium."""
        if native.on_gpu():
            # As sums and not as a product: that would be a library's, which tries out its forms at first.
            rows = force.reshape(*self.inverse.shape[:-2], 1, -1)
            return (self.inverse * rows).sum(-1).reshape(-1, 3)
        if self.inverse.ndim == 2:
            return (self.inverse @ force.reshape(-1)).reshape(-1, 3)
        rows = force.reshape(len(self.inverse), -1)
        return jnp.einsum("pij,pj->pi", self.inverse, rows, precision="highest").reshape(-1, 3)


SmoothedLevel = FineLevel | CoarseLevel
"""A level with a smoother; the coarsest level is solved instead."""
Hierarchy = tuple[FineLevel | CoarseLevel | CoarsestLevel, ...]


def finest_level(levels: Hierarchy) -> FineLevel:
    """The level of the mesh itself."""
    assert isinstance(levels[0], FineLevel)
    return levels[0]


def collect_lengths(levels: Hierarchy) -> Lengths:
    """Array lengths of a hierarchy and its mesh."""
    mesh = finest_level(levels).mesh
    transfers = [level.transfer for level in levels if not isinstance(level, CoarsestLevel)]
    widths = [0 if transfer.incident is None else transfer.incident.shape[1] for transfer in transfers]
    sizes = tuple((len(t.conn), t.vertices, width) for t, width in zip(transfers, widths, strict=True))
    held = [
        len(level.operator.held)
        for level in levels
        if isinstance(level, CoarseLevel) and isinstance(level.operator, Blocks)
    ]
    return dataclasses.replace(mesh.lengths, levels=sizes, held=sum(held))
