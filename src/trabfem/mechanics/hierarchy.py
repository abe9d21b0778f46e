"""The multigrid levels of a mesh: Galerkin operators on connectivity-split coarse hexahedra."""

import functools

import jax
from jaxtyping import Array, Bool
from threadpoolctl import ThreadpoolController

from . import diagonals, galerkin, splitting
from .levels import CoarseLevel, CoarsestLevel, FineLevel, Hierarchy, Transfer, collect_lengths, finest_level
from .mesh import HexMesh, Lengths
from .parts.layout import Layout, spread_out

__all__ = ["CoarsestLevel", "FineLevel", "Hierarchy", "build", "collect_lengths", "finest_level"]

COARSEST_DOFS = 600


def build(
    mesh: HexMesh, free: Bool[Array, "nodes 3"], like: Lengths | None = None, layout: Layout | None = None
) -> Hierarchy:
    """Levels from the mesh down to a few hundred unknowns.

    `free`: degrees of freedom that are not prescribed. `like`: array lengths of an earlier, similar mesh's hierarchy.
    `layout`: of a mesh with several parts; it says how often the mesh is coarsened.
    """
    like, parts = like or Lengths(), layout and layout.parts
    before = mesh.num_elements
    split, elements = splitting.coarsen(mesh.conn, mesh.voxels, mesh.nodes, before, like.at(0), mesh.shape)
    if layout:
        split, elements = spread_out(split, elements, mesh.nodes, layout, 1, like.at(0)[1])
    fine = diagonals.fine_level(mesh, free, Transfer.of(split, elements), parts)
    levels: list[FineLevel | CoarseLevel | CoarsestLevel] = [fine]
    here = galerkin.build_blocks(fine, split, elements, like.held)
    count = int(elements.count)
    while len(levels) < layout.coarsenings if layout else 3 * len(split.nodes) > COARSEST_DOFS and count < before:
        positions, before = split.nodes, count
        split, elements = splitting.coarsen(elements.conn, elements.cell, positions, count, like.at(len(levels)), None)
        if layout:
            room = like.at(len(levels))[1]
            split, elements = spread_out(split, elements, positions, layout, len(levels) + 1, room)
        levels.append(diagonals.coarse_level(here, len(positions), Transfer.of(split, elements), parts))
        here = galerkin.condense(here, split, elements)
        count = int(elements.count)
    with _libraries_of_threads().limit(limits=1, user_api="blas"):
        levels.append(jax.block_until_ready(diagonals.coarsest_level(here, len(split.nodes), parts)))
    return tuple(levels)


@functools.cache
def _libraries_of_threads() -> ThreadpoolController:
    """BLAS and LAPACK, whose threads wait in busy loops: for a matrix this small they take cores from other work."""
    return ThreadpoolController()
