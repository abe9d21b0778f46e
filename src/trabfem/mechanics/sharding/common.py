"""The small levels that every device holds: the first is gathered from the slabs, the others are made from it."""

import functools
from collections.abc import Sequence
from typing import TypeVar

import equinox as eqx
import jax
import numpy as np
from jaxtyping import Array, Int
from threadpoolctl import threadpool_limits

from ...errors import UserError
from .. import diagonals, galerkin, modes, native, splitting
from ..coarse import Blocks, Elements, Matrices
from ..hexahedron import CORNERS
from ..hierarchy import COARSEST_DOFS
from ..levels import CoarseLevel, CoarsestLevel, Transfer
from ..mesh import LATTICE, capacity
from ..modes import Packed
from .grid import Grid, lengthen
from .layers import MOST_CORNERS
from .lists import incidence, list_corners
from .numbering import Numbering
from .partition import Piece

Numbers = Int[np.ndarray, " numbered"]
Operator = TypeVar("Operator", Blocks, Matrices)


def gather_elements(
    grid: Grid, pieces: Sequence[Piece], numbering: Numbering, width: int
) -> tuple[Elements, Int[Array, "vertices 3"], Numbers]:
    """Elements and vertices of a whole level, and for every vertex by `Numbering.number` its number among them.

    Elements come in the order of the whole level, and vertices in that of their first elements, as on one device.
    Raises `UserError` if there are too many to number in every process.
    """
    if 27 * numbering.num_elements > MOST_CORNERS:
        raise UserError(
            f"the first level that every device holds has {numbering.num_elements:,} elements, too many to number; "
            "use fewer devices, so that slabs are thick enough to cut it"
        )
    wide = [numbering.number(piece.conn, slab) for piece, slab in zip(pieces, grid.local, strict=True)]
    conn = np.concatenate(grid.gather_lists(wide))
    cell = np.concatenate(grid.gather_lists([piece.cell for piece in pieces]))
    named, first = np.unique(conn, return_index=True)
    number = np.zeros(numbering.num_nodes, np.int32)
    number[named[np.argsort(first)]] = np.arange(len(named))
    room, vertices = capacity(len(conn)), capacity(len(named))
    conn = number[conn]
    nodes = np.zeros((vertices, 3), LATTICE)
    nodes[conn] = cell[:, None] + CORNERS.astype(LATTICE)
    corners = jax.device_put(lengthen(conn, room, vertices - 1))
    positions = jax.device_put(nodes)
    elements = Elements(
        conn=corners,
        cell=jax.device_put(lengthen(cell, room)),
        incident=incidence(corners, vertices, len(conn), width),
        count=jax.device_put(np.int32(len(conn))),
        corners=list_corners(conn, vertices, room),
    )
    return elements, positions, number


def gather_operator(
    grid: Grid, operators: Sequence[Blocks | Matrices], numbering: Numbering, elements: Elements
) -> Blocks | Matrices:
    """The operator of a whole level from those of the slabs."""
    room = len(elements.conn)
    counts = numbering.elements[grid.local]
    if isinstance(operators[0], Matrices):
        return Matrices(elements, _gather_packed(grid, [o.packed for o in operators], counts, room))
    blocks = [o for o in operators if isinstance(o, Blocks)]
    counts = [int(o.held_count) for o in blocks]
    before = (np.cumsum(numbering.elements) - numbering.elements)[grid.local]
    held = [np.asarray(o.held)[:n] + start for o, n, start in zip(blocks, counts, before, strict=True)]
    held = np.concatenate(grid.gather_lists(held)).astype(np.int32)
    moduli = [np.asarray(o.moduli)[:n] for o, n in zip(blocks, numbering.elements[grid.local], strict=True)]
    most = capacity(len(held))
    place = lengthen(np.zeros(0, np.int32), room, -1)
    place[held] = np.arange(len(held))
    which = lengthen(held, most, room - 1)
    return Blocks(
        elements=elements,
        moduli=jax.device_put(lengthen(np.concatenate(grid.gather_lists(moduli)), room)),
        form=blocks[0].form,
        diagonal_form=blocks[0].diagonal_form,
        held=jax.device_put(which),
        held_conn=jax.device_put(np.asarray(elements.conn)[which]),
        held_cell=jax.device_put(np.asarray(elements.cell)[which]),
        held_count=jax.device_put(np.int32(len(held))),
        place=jax.device_put(place),
        packed=_gather_packed(grid, [o.packed for o in blocks], counts, most),
    )


def build(
    here: Blocks | Matrices, nodes: Int[Array, "vertices 3"], before: int | None
) -> tuple[CoarseLevel | CoarsestLevel, ...]:
    """The levels from a gathered one down to the coarsest, as in `hierarchy.build`: all coarsenings, then one program.

    `before`: number of elements of the level above, None if that is the mesh.
    """
    first, elements, count = len(nodes), here.elements, int(here.elements.count)
    steps: list[tuple[splitting.Split, Elements]] = []
    while 3 * len(nodes) > COARSEST_DOFS[native.kind()] and count != before:
        split, elements = splitting.coarsen(elements.conn, elements.cell, nodes, count, (0, 0, 0), None)
        steps.append((split, elements))
        nodes, before, count = split.nodes, count, int(elements.count)
    vertices = (first, *(len(split.nodes) for split, _ in steps))
    # Threads of LAPACK wait in busy loops: for a matrix this small they take cores from other work.
    with threadpool_limits(limits=1, user_api="blas"):
        made, inverse = jax.block_until_ready(_make_operators(here, steps, vertices))
    levels: list[CoarseLevel | CoarsestLevel] = []
    for (below, *smoothing), (split, coarse) in zip(made, steps, strict=True):
        levels.append(CoarseLevel(here, smoothing[0], smoothing[1], Transfer.of(split, coarse)))
        here = with_elements(below, coarse)
    return (*levels, CoarsestLevel(inverse))


def with_elements(operator: Operator, elements: Elements | None) -> Operator:
    """The same operator with those `elements`; without, it does not copy them as the result of a program."""
    return eqx.tree_at(lambda each: each.elements, operator, elements, is_leaf=lambda leaf: leaf is None)


@functools.partial(jax.jit, static_argnames="vertices")
def _make_operators(here: Blocks | Matrices, steps, vertices: tuple[int, ...]):
    """The operator below every level, its inverse diagonal and largest eigenvalue; and the inverse of the coarsest."""
    made = []
    for (split, elements), length in zip(steps, vertices[:-1], strict=True):
        smoothing = diagonals.find_smoothing(here, length, None)
        here = galerkin.condense(here, split, elements)
        made.append((with_elements(here, None), *smoothing))
    return made, diagonals.invert(here, vertices[-1])


def _gather_packed(grid: Grid, packed: Sequence[Packed], counts: Sequence[int] | np.ndarray, room: int) -> Packed:
    rows, units = [], []
    for one, count in zip(packed, counts, strict=True):
        rows.append(np.asarray(one.entries).swapaxes(1, 2).reshape(-1, 300)[:count])
        units.append(np.asarray(one.unit).reshape(-1)[:count])
    entries = lengthen(np.concatenate(grid.gather_lists(rows)), room).reshape(-1, modes.LANES, 300)
    unit = lengthen(np.concatenate(grid.gather_lists(units)), room).reshape(-1, modes.LANES)
    return Packed(jax.device_put(np.ascontiguousarray(entries.swapaxes(1, 2))), jax.device_put(unit))
