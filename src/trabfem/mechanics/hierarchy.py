"""The multigrid levels of a mesh: Galerkin operators on connectivity-split coarse hexahedra."""

import functools

import jax
from jaxtyping import Array, Bool
from threadpoolctl import ThreadpoolController

from . import diagonals, galerkin, splitting
from .levels import CoarseLevel, CoarsestLevel, FineLevel, Hierarchy, Transfer, collect_lengths, finest_level
from .mesh import HexMesh, Lengths, capacity

__all__ = ["CoarsestLevel", "FineLevel", "Hierarchy", "build", "collect_lengths", "finest_level"]

COARSEST_DOFS = 600


def build(mesh: HexMesh, free: Bool[Array, "nodes 3"], like: Lengths | None = None) -> Hierarchy:
    """Levels from the mesh down to a few hundred unknowns.

    `free`: degrees of freedom that are not prescribed. `like`: array lengths of an earlier, similar mesh's hierarchy.
    """
    like = like or Lengths()
    before = mesh.num_elements
    split, elements = splitting.coarsen(mesh.pairs, mesh.voxels, mesh.nodes, before, like.at(0), mesh.shape)
    fine = diagonals.fine_level(mesh, free, Transfer.of(split, elements))
    levels: list[FineLevel | CoarseLevel | CoarsestLevel] = [fine]
    room = capacity(int(galerkin.count_held(mesh, free, split)), like.held)
    here = build_blocks(fine, split, elements, room)
    count = int(elements.count)
    while 3 * len(split.nodes) > COARSEST_DOFS and count < before:
        nodes, before = len(split.nodes), count
        split, elements = splitting.coarsen(
            elements.conn, elements.cell, split.nodes, count, like.at(len(levels)), None
        )
        levels.append(diagonals.coarse_level(here, nodes, Transfer.of(split, elements)))
        here = condense(here, split, elements)
        count = int(elements.count)
    with _libraries_of_threads().limit(limits=1, user_api="blas"):
        levels.append(jax.block_until_ready(diagonals.coarsest_level(here, len(split.nodes))))
    return tuple(levels)


build_blocks = jax.jit(galerkin.build_blocks, static_argnames="room")
condense = jax.jit(galerkin.condense)


@functools.cache
def _libraries_of_threads() -> ThreadpoolController:
    """BLAS and LAPACK, whose threads wait in busy loops: for a matrix this small they take cores from other work."""
    return ThreadpoolController()
