"""The small levels that every device holds: the first is gathered from the slabs, the others are made from it."""

from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Int
from threadpoolctl import threadpool_limits

from ...errors import UserError
from .. import diagonals, galerkin, modes, splitting
from ..coarse import Blocks, Elements, Matrices
from ..hexahedron import CORNERS
from ..hierarchy import COARSEST_DOFS
from ..levels import CoarseLevel, CoarsestLevel, Transfer
from ..mesh import LATTICE, capacity
from ..modes import Packed
from .grid import Grid, lengthen
from .layers import MOST_CORNERS
from .numbering import Numbering
from .partition import Piece

Numbers = Int[np.ndarray, " numbered"]


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
    incident = splitting.incidence(corners, positions, len(conn), width) if width else None
    count = jnp.asarray(len(conn), jnp.int32)
    return Elements(corners, jax.device_put(lengthen(cell, room)), incident, count), positions, number


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
    return Blocks(
        elements=elements,
        moduli=jax.device_put(lengthen(np.concatenate(grid.gather_lists(moduli)), room)),
        form=blocks[0].form,
        diagonal_form=blocks[0].diagonal_form,
        held=jax.device_put(lengthen(held, most, room - 1)),
        held_count=jnp.asarray(len(held), jnp.int32),
        packed=_gather_packed(grid, [o.packed for o in blocks], counts, most),
    )


def build(
    here: Blocks | Matrices, nodes: Int[Array, "vertices 3"], before: int
) -> tuple[CoarseLevel | CoarsestLevel, ...]:
    """The levels from a gathered one down to a few hundred unknowns, as in `hierarchy.build`.

    `before`: number of elements of the level above.
    """
    levels: list[CoarseLevel | CoarsestLevel] = []
    elements, count = here.elements, int(here.elements.count)
    while 3 * len(nodes) > COARSEST_DOFS and count < before:
        split, coarse = splitting.coarsen(elements.conn, elements.cell, nodes, count, (0, 0, 0), None)
        levels.append(diagonals.coarse_level(here, len(nodes), Transfer.of(split, coarse)))
        here = galerkin.condense(here, split, coarse)
        elements, nodes, before, count = coarse, split.nodes, count, int(coarse.count)
    # Threads of LAPACK wait in busy loops: for a matrix this small they take cores from other work.
    with threadpool_limits(limits=1, user_api="blas"):
        levels.append(jax.block_until_ready(diagonals.coarsest_level(here, len(nodes))))
    return tuple(levels)


def _gather_packed(grid: Grid, packed: Sequence[Packed], counts: Sequence[int] | np.ndarray, room: int) -> Packed:
    rows, units = [], []
    for one, count in zip(packed, counts, strict=True):
        rows.append(np.asarray(one.entries).swapaxes(1, 2).reshape(-1, 300)[:count])
        units.append(np.asarray(one.unit).reshape(-1)[:count])
    entries = lengthen(np.concatenate(grid.gather_lists(rows)), room).reshape(-1, modes.LANES, 300)
    unit = lengthen(np.concatenate(grid.gather_lists(units)), room).reshape(-1, modes.LANES)
    return Packed(jax.device_put(np.ascontiguousarray(entries.swapaxes(1, 2))), jax.device_put(unit))
