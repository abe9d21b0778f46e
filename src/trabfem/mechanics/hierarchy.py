"""The multigrid levels of a mesh: Galerkin operators on connectivity-split coarse hexahedra.

First the mesh is coarsened, level by level, since numbers of coarse elements are known only then. All else is one
program.
"""

import functools

import equinox as eqx
import jax
from jaxtyping import Array, Bool
from threadpoolctl import ThreadpoolController

from . import diagonals, galerkin, native, splitting
from .coarse import Blocks, Elements, Matrices
from .levels import CoarseLevel, CoarsestLevel, FineLevel, Hierarchy, Transfer, collect_lengths, finest_level
from .mesh import HexMesh, Lengths, capacity
from .parts.layout import Layout, spread_out
from .splits import split_all_on_gpu
from .splitting import Split

__all__ = ["CoarsestLevel", "FineLevel", "Hierarchy", "build", "collect_lengths", "finest_level"]

COARSEST_DOFS = {"cpu": 600, "gpu": 4500, "": 600}
"""Unknowns, idle ones included, below which a level is solved by its dense inverse, by the kind of kernels.

On a GPU every further level costs twice as many launches as the last; to read an inverse of this size takes 30 us.
"""
Coarsening = tuple[Split, Elements]


def build(
    mesh: HexMesh, free: Bool[Array, "nodes 3"], like: Lengths | None = None, layout: Layout | None = None
) -> Hierarchy:
    """Levels from the mesh down to some hundred unknowns, or thousand on a GPU.

    `free`: degrees of freedom that are not prescribed. `like`: array lengths of an earlier, similar mesh's hierarchy.
    `layout`: of a mesh with several parts; it says how often the mesh is coarsened.
    """
    like, parts = like or Lengths(), layout and layout.parts
    steps = coarsen_all(mesh, like, layout)
    room = like.held or capacity(int(galerkin.count_held(mesh, free, steps[0][0])))
    # Threads of LAPACK wait in busy loops: for matrices this small they take cores from other work.
    with _libraries_of_threads().limit(limits=1, user_api="blas"):
        made = jax.block_until_ready(_make_operators(mesh, free, steps, room, parts))
        if (count := int(made[1][0][0].held_count)) >= room:
            room = capacity(count, room)
            made = jax.block_until_ready(_make_operators(mesh, free, steps, room, parts))
    inverse_modulus, coarse, inverse = made
    transfers = [Transfer.of(split, elements) for split, elements in steps]
    levels: list[FineLevel | CoarseLevel | CoarsestLevel]
    levels = [diagonals.fine_level(mesh, free, transfers[0], inverse_modulus, parts)]
    for (operator, diagonal, largest), (_, elements), transfer in zip(coarse, steps, transfers[1:], strict=False):
        operator = eqx.tree_at(lambda each: each.elements, operator, elements, is_leaf=lambda leaf: leaf is None)
        levels.append(CoarseLevel(operator, diagonal, largest, transfer, parts=parts))
    return (*levels, CoarsestLevel(inverse))


def coarsen_all(mesh: HexMesh, like: Lengths, layout: Layout | None) -> tuple[Coarsening, ...]:
    """The coarsenings from the mesh to the coarsest level."""
    if native.on_gpu() and (layout is None or layout.count == 1):
        most = COARSEST_DOFS[native.kind()]
        return split_all_on_gpu(mesh, like.levels, most, layout and layout.coarsenings)
    conn, cell, nodes, before = mesh.pairs, mesh.voxels, mesh.nodes, mesh.num_elements
    steps: list[Coarsening] = []
    while True:
        number = len(steps)
        split, elements = splitting.coarsen(conn, cell, nodes, before, like.at(number), None if steps else mesh.shape)
        if layout:
            split, elements = spread_out(split, elements, nodes, layout, number + 1, like.at(number)[1])
        steps.append((split, elements))
        conn, cell, nodes, count = elements.conn, elements.cell, split.nodes, int(elements.count)
        enough = 3 * len(nodes) <= COARSEST_DOFS[native.kind()] or (number > 0 and count == before)
        if number + 1 == layout.coarsenings if layout else enough:
            return tuple(steps)
        before = count


@functools.partial(jax.jit, static_argnames=("room", "parts"))
def _make_operators(
    mesh: HexMesh, free: Bool[Array, "nodes 3"], steps: tuple[Coarsening, ...], room: int, parts: int | None
) -> tuple[Array, list[tuple[Blocks | Matrices, Array, Array]], Array]:
    """What the levels have besides the arrays given here, which would be copied if they were results.

    The inverse moduli of the mesh; operator, inverse diagonal and largest eigenvalue of every level between, and of the
    first coarse one also where it is the coarsest; the inverse of the coarsest.
    """
    inverse_modulus = diagonals.invert_moduli(mesh, parts)
    split, elements = steps[0]
    here: Blocks | Matrices = galerkin.build_blocks(mesh, free, split, elements, room)
    coarse = []
    for split, elements in steps[1:]:
        coarse.append((_bare(here), *diagonals.find_smoothing(here, _vertices(here, steps), parts)))
        here = galerkin.condense(here, split, elements)
    inverse = diagonals.invert(here, len(steps[-1][0].nodes), parts)
    return inverse_modulus, coarse or [(_bare(here), inverse, inverse)], inverse


def _vertices(here: Blocks | Matrices, steps: tuple[Coarsening, ...]) -> int:
    """Vertices of the level of an operator."""
    return next(len(split.nodes) for split, elements in steps if elements is here.elements)


def _bare(here: Blocks | Matrices) -> Blocks | Matrices:
    return eqx.tree_at(lambda each: each.elements, here, None)


@functools.cache
def _libraries_of_threads() -> ThreadpoolController:
    """BLAS and LAPACK."""
    return ThreadpoolController()
