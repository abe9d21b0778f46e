"""The multigrid levels of a mesh: Galerkin operators on connectivity-split coarse hexahedra."""

import dataclasses
import functools

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int

from . import galerkin, hexahedron, modes, native, operator, splitting
from .coarse import Blocks, Elements, Matrices
from .levels import CoarseLevel, CoarsestLevel, FineLevel, Hierarchy, Transfer, finest
from .mesh import HexMesh, Lengths, capacity
from .modes import Packed
from .operator import Field
from .splitting import Split

__all__ = ["CoarsestLevel", "FineLevel", "Hierarchy", "build", "finest", "lengths_of"]

COARSEST_DOFS = 600
LANCZOS_STEPS = 8
# Share of the element bound that the fine operator's largest eigenvalue reaches in bone (0.80-0.85 as measured). The
# default smoother contracts up to 1.17 times the eigenvalue that it is told, hence up to the bound itself.
TYPICAL = 0.86
SINGULAR = 1e-6


def lengths_of(levels: Hierarchy) -> Lengths:
    """Array lengths of a hierarchy and its mesh."""
    mesh = finest(levels).mesh
    transfers = [level.transfer for level in levels if not isinstance(level, CoarsestLevel)]
    widths = [0 if transfer.incident is None else transfer.incident.shape[1] for transfer in transfers]
    sizes = tuple((len(t.conn), t.vertices, width) for t, width in zip(transfers, widths, strict=True))
    held = [
        len(level.operator.held)
        for level in levels
        if isinstance(level, CoarseLevel) and isinstance(level.operator, Blocks)
    ]
    return dataclasses.replace(mesh.lengths, levels=sizes, held=sum(held))


def build(mesh: HexMesh, free: Bool[Array, "nodes 3"], like: Lengths | None = None) -> Hierarchy:
    """Levels from the mesh down to a few hundred unknowns.

    `free`: degrees of freedom that are not prescribed. `like`: array lengths of an earlier, similar mesh's hierarchy.
    """
    like = like or Lengths()
    stiffness = jnp.asarray(hexahedron.stiffness(mesh.spacing, mesh.poisson), jnp.float32)
    largest = jnp.float32(TYPICAL * hexahedron.largest_eigenvalue(mesh.spacing, mesh.poisson))
    split, elements = _split(mesh.conn, mesh.voxels, mesh.nodes, mesh.num_elements, like.at(0), mesh.shape)
    levels: list[FineLevel | CoarseLevel | CoarsestLevel] = []
    inverse = _inverse_modulus(mesh)
    levels.append(FineLevel(mesh, free, stiffness, inverse, largest, _transfer(split, elements)))
    here: Blocks | Matrices = _blocks(mesh, stiffness, free, split, elements, like.held)
    before, count = mesh.num_elements, int(elements.count)
    while 3 * len(split.nodes) > COARSEST_DOFS and count < before:
        nodes = len(split.nodes)
        split, elements = _split(elements.conn, elements.cell, split.nodes, count, like.at(len(levels)), None)
        # One program after the other: one that is called while another runs takes its memory at once.
        inverse, largest = jax.block_until_ready(_smoothing(here, nodes))
        levels.append(CoarseLevel(here, inverse, largest, _transfer(split, elements)))
        here = Matrices(elements, _parents_of(here, split))
        before, count = count, int(elements.count)
    levels.append(_coarsest_level(here, len(split.nodes)))
    return tuple(levels)


def _transfer(split: Split, elements: Elements) -> Transfer:
    return Transfer(split.slot, split.conn, elements.incident, len(split.nodes))


def _split(conn, cell, nodes, count: int, like: tuple[int, int, int], voxels) -> tuple[Split, Elements]:
    """One coarsening; the counts come to the host, because they decide array lengths."""
    if native.available():
        split, parents = splitting.compiled(conn, cell, count, len(nodes), like[:2])
        return split, Elements(split.conn, split.cell, None, jnp.asarray(parents, jnp.int32))
    live = jnp.arange(len(conn)) < count
    if voxels is None:
        parent, found = splitting.element_components(conn, cell, nodes, live)
    else:
        parent, found = splitting.voxel_components(cell, live, voxels)
    num_parents = int(found)
    parents = capacity(num_parents, like[0])
    parent = jnp.where(live, parent, parents - 1)
    if voxels is None:
        corner, found = splitting.vertex_components(conn, cell, nodes, parent, num_parents, parents)
    else:
        corner, found = splitting.voxel_vertex_components(cell, parent, num_parents, parents, voxels)
    vertices = capacity(int(found), like[1])
    split, busiest = splitting.coarse_mesh(conn, cell, nodes, parent, corner, num_parents, vertices)
    # Blocks of voxels meet eight to a vertex at most; coarser elements can share a cell, and a vertex more of them.
    width = max(8 if voxels else 16 * -(-int(busiest) // 16), like[2])
    incident = splitting.incidence(split.conn, split.nodes, num_parents, width)
    return split, Elements(split.conn, split.cell, incident, jnp.asarray(num_parents, jnp.int32))


def _blocks(mesh: HexMesh, stiffness, free, split: Split, elements: Elements, room: int) -> Blocks:
    """The first coarse operator, with matrices for blocks that prescribed displacements touch."""
    touched, held = (np.flatnonzero(flags) for flags in _touches_prescribed(mesh, free, split))
    room = capacity(len(held), room)
    count = jnp.asarray(len(held), jnp.int32)
    held = _filled(held, room, len(split.conn) - 1)
    touched = _filled(touched, 8 * room, len(mesh.pairs) - 1)
    moduli, packed = galerkin.of_voxels(mesh, stiffness, free, split, touched, held)
    return Blocks(
        elements=elements,
        moduli=moduli,
        form=jnp.asarray(modes.coarse_form(mesh.spacing, mesh.poisson), jnp.float32),
        diagonal_form=jnp.asarray(modes.coarse_diagonal(mesh.spacing, mesh.poisson), jnp.float32),
        held=held,
        held_count=count,
        packed=packed,
    )


def _filled(numbers: np.ndarray, length: int, idle: int) -> Int[Array, " length"]:
    return jnp.asarray(np.concatenate([numbers, np.full(length - len(numbers), idle)]).astype(np.int32))


@jax.jit
def _touches_prescribed(mesh: HexMesh, free, split: Split) -> tuple[Bool[Array, " voxels"], Bool[Array, " parents"]]:
    """Voxels with a prescribed degree of freedom, and the blocks that have such voxels."""
    touched = ~operator.gather(free, mesh.conn).all(1) & (mesh.modulus > 0)
    return touched, jnp.zeros(len(split.conn), bool).at[split.parent].max(touched)


# What a compiled program hands back takes new memory, even where it was given just that: these return new arrays only.


@jax.jit
def _parents_of(here: Blocks | Matrices, split: Split) -> Packed:
    return Packed.of(galerkin.parents_of(here, split))


@jax.jit
def _inverse_modulus(mesh: HexMesh) -> Float[Array, " nodes"]:
    return _inverse(operator.modulus_around(mesh))


@functools.partial(jax.jit, static_argnames="nodes")
def _smoothing(here: Blocks | Matrices, nodes: int) -> tuple[Float[Array, "nodes 3"], Float[Array, ""]]:
    """Inverse of the diagonal and largest eigenvalue: what a level's smoother needs."""
    inverse = _inverse(here.elements.assemble(here.diagonal(), nodes))
    return inverse, _largest_eigenvalue(here.apply, inverse)


@functools.partial(jax.jit, static_argnames="nodes")
def _coarsest_level(here: Blocks | Matrices, nodes: int) -> CoarsestLevel:
    conn, matrix = here.elements.conn, here.matrices()
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
    # Uneven enough to hold every eigenvector, and quicker to compile than a random start.
    start = jnp.cos(jnp.arange(scale.size, dtype=jnp.float32) ** 2 % 6.28).reshape(scale.shape) * (scale > 0)

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
