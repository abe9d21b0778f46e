"""The multigrid levels of a mesh: Galerkin operators on connectivity-split coarse hexahedra."""

import functools

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int

from . import hexahedron, operator, splitting
from .mesh import HexMesh, capacity
from .operator import Field
from .splitting import CHILD_INTERPOLATION, INTERPOLATION, Split

COARSEST_DOFS = 600
LANCZOS_STEPS = 8
# Share of the element bound that the fine operator's largest eigenvalue reaches in bone (0.80-0.85 as measured). The
# default smoother contracts up to 1.17 times the eigenvalue that it is told, hence up to the bound itself.
TYPICAL = 0.86
SINGULAR = 1e-6


class Transfer(eqx.Module):
    """Trilinear interpolation onto the nodes of a level from the coarse vertices; restriction is its transpose."""

    slot: Int[Array, " nodes"]
    conn: Int[Array, "parents 8"]
    incident: Int[Array, "vertices width"]

    def prolong(self, coarse: Float[Array, "vertices 3"]) -> Field:
        """P u_c: the coarse field at the nodes."""
        weight = jnp.asarray(INTERPOLATION, coarse.dtype)
        block = jnp.einsum("pc,ecd->epd", weight, coarse[self.conn])
        return block.reshape(-1, 3).at[self.slot].get(mode="promise_in_bounds")

    def restrict(self, fine: Field) -> Float[Array, "vertices 3"]:
        """P^T f: nodal forces gathered on the coarse vertices."""
        weight = jnp.asarray(INTERPOLATION, fine.dtype)
        block = jnp.zeros((27 * len(self.conn), 3), fine.dtype).at[self.slot].add(fine)
        corner = jnp.einsum("pc,epd->ecd", weight, block.reshape(-1, 27, 3))
        return operator.gather_sum(corner.reshape(-1, 3), self.incident)


class FineLevel(eqx.Module):
    """The mesh itself; `free` is 0 at the degrees of freedom that are prescribed."""

    mesh: HexMesh
    stiffness: Float[Array, "24 24"]
    free: Float[Array, "nodes 3"]
    inverse_diagonal: Float[Array, "nodes 3"]
    largest: Float[Array, ""]
    transfer: Transfer

    def apply(self, u: Field) -> Field:
        """A u on this level."""
        free = self.free.astype(u.dtype)
        return free * operator.apply(self.mesh, self.stiffness, free * u)

    def prolong(self, coarse: Float[Array, "vertices 3"]) -> Field:
        """Interpolation from the level below."""
        return self.free * self.transfer.prolong(coarse)

    def restrict(self, fine: Field) -> Float[Array, "vertices 3"]:
        """Its transpose."""
        return self.transfer.restrict(self.free * fine)


class CoarseLevel(eqx.Module):
    """Coarse hexahedra, each with a 24 x 24 Galerkin matrix of its own (N/mm)."""

    conn: Int[Array, "elements 8"]
    incident: Int[Array, "nodes width"]
    matrix: Float[Array, "elements 24 24"]
    inverse_diagonal: Float[Array, "nodes 3"]
    largest: Float[Array, ""]
    transfer: Transfer

    def apply(self, u: Field) -> Field:
        """A u on this level."""
        force = (self.matrix * operator.gather(u, self.conn)[:, None, :]).sum(-1)
        return operator.gather_sum(force.reshape(-1, 3), self.incident)

    def prolong(self, coarse: Float[Array, "vertices 3"]) -> Field:
        """Interpolation from the level below."""
        return self.transfer.prolong(coarse)

    def restrict(self, fine: Field) -> Float[Array, "vertices 3"]:
        """Its transpose."""
        return self.transfer.restrict(fine)


class CoarsestLevel(eqx.Module):
    """A few hundred unknowns, solved by a dense pseudo-inverse: rigid motions that no load case holds stay out."""

    inverse: Float[Array, "dofs dofs"]

    def solve(self, force: Field) -> Field:
        """Displacements of least norm under forces that balance."""
        return (self.inverse @ force.reshape(-1)).reshape(-1, 3)


Hierarchy = tuple[FineLevel | CoarseLevel | CoarsestLevel, ...]


def finest(levels: Hierarchy) -> FineLevel:
    """The level of the mesh itself."""
    assert isinstance(levels[0], FineLevel)
    return levels[0]


def build(mesh: HexMesh, free: Bool[Array, "nodes 3"], like: Hierarchy | None = None) -> Hierarchy:
    """Levels from the mesh down to a few hundred unknowns.

    `free`: degrees of freedom that are not prescribed. `like`: a hierarchy of an earlier, similar mesh, whose array
    lengths and number of levels are kept where they suffice, so that nothing is compiled again.
    """
    exact = hexahedron.stiffness(mesh.spacing, mesh.poisson)
    free = free.astype(jnp.float32)
    conn, cell, nodes, count = mesh.conn, mesh.voxels, mesh.nodes, mesh.num_elements
    matrix, incident, levels, shrinking = None, mesh.incident, [], True
    while matrix is None or (3 * len(nodes) > COARSEST_DOFS and shrinking):
        before = like[len(levels)] if like is not None and len(levels) < len(like) else None
        pattern = None if before is None or isinstance(before, CoarsestLevel) else before.transfer
        split, parents = _split(conn, cell, nodes, count, pattern, mesh.shape if matrix is None else None)
        transfer = Transfer(split.slot, split.conn, split.incident)
        if matrix is None:
            largest = TYPICAL * hexahedron.largest_eigenvalue(mesh.spacing, mesh.poisson)
            levels.append(_fine_level(mesh, jnp.asarray(exact, jnp.float32), free, jnp.float32(largest), transfer))
            matrix = _galerkin_from_voxels(mesh, free, split, _constrained(mesh, free), exact)
        else:
            levels.append(_coarse_level(conn, incident, matrix, transfer))
            matrix = _galerkin(matrix, split)
        shrinking = parents < count
        conn, cell, nodes, incident, count = split.conn, split.cell, split.nodes, split.incident, parents
    levels.append(_coarsest_level(conn, matrix, len(nodes)))
    return tuple(levels)


def _split(conn, cell, nodes, count, pattern: Transfer | None, voxels) -> tuple[Split, int]:
    """One coarsening; the counts come to the host, because they decide array lengths."""
    live = jnp.arange(len(conn)) < count
    parent, found = splitting.element_components(conn, cell, nodes, live)
    num_parents = int(found)
    parents = capacity(num_parents, 0 if pattern is None else len(pattern.conn))
    parent = jnp.where(live, parent, parents - 1)
    if voxels is None:
        corner, found = splitting.vertex_components(conn, cell, nodes, parent, num_parents, parents)
    else:
        corner, found = splitting.voxel_vertex_components(cell, parent, num_parents, parents, voxels)
    vertices = capacity(int(found), 0 if pattern is None else len(pattern.incident))
    split, busiest = splitting.coarse_mesh(conn, cell, nodes, parent, corner, num_parents, vertices)
    # Blocks of voxels meet eight to a vertex at most; coarser elements can share a cell, and a vertex more of them.
    width = 8 if voxels else 16 * -(-int(busiest) // 16)
    if pattern is not None:
        width = max(width, pattern.incident.shape[1])
    incident = splitting.incidence(split.conn, split.nodes, num_parents, width)
    return eqx.tree_at(lambda s: s.incident, split, incident), num_parents


def _constrained(mesh: HexMesh, free) -> Int[Array, " touched"]:
    """Elements with a prescribed degree of freedom, padded with idle ones."""
    touched = _touches_prescribed(mesh, free)
    return jnp.nonzero(touched, size=capacity(int(touched.sum())), fill_value=len(touched) - 1)[0]


@jax.jit
def _touches_prescribed(mesh: HexMesh, free):
    return (operator.gather(free, mesh.conn).min(1) < 1) & (mesh.modulus > 0)


@functools.cache
def _child_matrices(spacing: tuple[float, float, float], poisson: float) -> np.ndarray:
    """Row o: the parent's matrix from a child of unit modulus in octant o, flattened."""
    stiffness = hexahedron.stiffness(spacing, poisson).reshape(8, 3, 8, 3)
    return np.einsum("oai,apbq,obj->oipjq", CHILD_INTERPOLATION, stiffness, CHILD_INTERPOLATION).reshape(8, 576)


def _galerkin_from_voxels(mesh: HexMesh, free, split: Split, touched, exact) -> Float[Array, "parents 24 24"]:
    children = jnp.asarray(_child_matrices(mesh.spacing, mesh.poisson), jnp.float32)
    return _galerkin_fine(mesh, free, split, touched, children, jnp.asarray(exact, jnp.float32))


@jax.jit
def _galerkin_fine(mesh: HexMesh, free, split: Split, touched, children, stiffness):
    r"""$K_p = \sum_o E_o\, T_o^\mathsf{T} \hat K T_o$: eight moduli times eight fixed matrices; elements with
    prescribed degrees of freedom, whose rows and columns are zero, are put right one by one."""
    moduli = jnp.zeros((len(split.conn), 8)).at[split.parent, split.octant].add(mesh.modulus)
    matrix = (moduli.astype(jnp.float32) @ children).reshape(-1, 24, 24)
    mask = operator.gather(free, mesh.conn[touched])
    missing = (mask[:, :, None] * mask[:, None, :] - 1) * stiffness * mesh.modulus[touched, None, None]
    return matrix.at[split.parent[touched]].add(_to_parent(missing, split.octant[touched]))


@jax.jit
def _galerkin(matrix, split: Split) -> Float[Array, "parents 24 24"]:
    contribution = _to_parent(matrix, split.octant)
    return jnp.zeros((len(split.conn), 24, 24), jnp.float32).at[split.parent].add(contribution)


def _to_parent(matrix: Float[Array, "elements 24 24"], octant: Int[Array, " elements"]):
    weight = jnp.asarray(CHILD_INTERPOLATION, jnp.float32)[octant]
    blocks = jnp.einsum("eai,eapbq->eipbq", weight, matrix.reshape(-1, 8, 3, 8, 3))
    return jnp.einsum("eipbq,ebj->eipjq", blocks, weight).reshape(-1, 24, 24)


@jax.jit
def _fine_level(mesh: HexMesh, stiffness, free, largest, transfer: Transfer) -> FineLevel:
    return FineLevel(mesh, stiffness, free, _inverse(free * operator.diagonal(mesh, stiffness)), largest, transfer)


@jax.jit
def _coarse_level(conn, incident, matrix, transfer: Transfer) -> CoarseLevel:
    diagonal = operator.gather_sum(jnp.diagonal(matrix, axis1=1, axis2=2).reshape(-1, 3), incident)
    level = CoarseLevel(conn, incident, matrix, _inverse(diagonal), jnp.zeros((), jnp.float32), transfer)
    return eqx.tree_at(lambda x: x.largest, level, _largest_eigenvalue(level.apply, level.inverse_diagonal))


@functools.partial(jax.jit, static_argnames="nodes")
def _coarsest_level(conn, matrix, nodes: int) -> CoarsestLevel:
    dofs = (3 * conn[:, :, None] + jnp.arange(3)).reshape(-1, 24)
    dense = jnp.zeros((3 * nodes, 3 * nodes), jnp.float64).at[dofs[:, :, None], dofs[:, None, :]].add(matrix)
    scale = jnp.sqrt(_inverse(jnp.diagonal(dense)))
    value, vector = jnp.linalg.eigh(scale[:, None] * dense * scale)
    kept = value > SINGULAR * value[-1]
    vector = scale[:, None] * vector
    inverse = jnp.where(kept, 1 / jnp.where(kept, value, 1), 0)
    return CoarsestLevel(((vector * inverse) @ vector.T).astype(jnp.float32))


def _inverse(diagonal: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
    """Inverse of the diagonal; 0 where a vertex has no stiffness (idle, or all its nodes prescribed)."""
    positive = diagonal > 1e-6 * diagonal.max()
    return jnp.where(positive, 1 / jnp.where(positive, diagonal, 1), 0)


def _largest_eigenvalue(apply, inverse_diagonal: Field) -> Float[Array, ""]:
    r"""Largest eigenvalue of $D^{-1/2} A D^{-1/2}$ by Lanczos steps, plus 5 %: power steps come out too low."""
    scale = jnp.sqrt(inverse_diagonal)
    start = jax.random.normal(jax.random.key(0), scale.shape, jnp.float32) * (scale > 0)

    def step(carry, _):
        v, before, beta = carry
        w = scale * apply(scale * v) - beta * before
        alpha = jnp.vdot(w, v)
        w = w - alpha * v
        beta = jnp.linalg.norm(w)
        return (w / beta, v, beta), (alpha, beta)

    start = start / jnp.linalg.norm(start)
    _, (alpha, beta) = jax.lax.scan(step, (start, jnp.zeros_like(start), jnp.float32(0)), length=LANCZOS_STEPS)
    tridiagonal = jnp.diag(alpha) + jnp.diag(beta[:-1], 1) + jnp.diag(beta[:-1], -1)
    return 1.05 * jnp.linalg.eigvalsh(tridiagonal)[-1]
