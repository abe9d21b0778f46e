"""Numbers of elements and nodes: 32 bits within a slab, 64 bits over all slabs."""

import dataclasses
import functools
from collections.abc import Sequence

import numpy as np
from jaxtyping import Int

from .grid import Grid
from .partition import Piece
from .slabs import Halo

ROUND = 64
Counts = Int[np.ndarray, " slabs"]


@dataclasses.dataclass(frozen=True)
class Numbering:
    """Numbers of elements, own nodes, nodes of the first plane, and ghosts in all slabs of a level, 64 bits.

    In the whole level the nodes of a slab follow those of the slab before it.
    """

    elements: Counts
    own: Counts
    plane: Counts
    ghosts: Counts

    @classmethod
    def of(cls, grid: Grid, pieces: Sequence[Piece]) -> "Numbering":
        """The counts of all slabs, of which every process knows its own."""
        counts = [np.array([len(p.conn), p.own, p.plane, p.ghosts], np.int64) for p in pieces]
        return cls(*grid.gather(counts).T)

    @property
    def num_elements(self) -> int:
        """Elements of the whole level."""
        return int(self.elements.sum())

    @property
    def num_nodes(self) -> int:
        """Nodes of the whole level."""
        return int(self.own.sum())

    @functools.cached_property
    def offsets(self) -> Counts:
        """The number in the whole level of the first node of every slab."""
        return np.concatenate([[0], np.cumsum(self.own)])[:-1]

    @property
    def room(self) -> int:
        """Length of the arrays of elements in every slab, with an idle one."""
        return round_up(int(self.elements.max()) + 1)

    @property
    def halo(self) -> Halo:
        """Lengths of the arrays of nodes in every slab."""
        plane = round_up(int(self.plane.max()))
        owned = max(round_up(int(self.own.max()) + 1), plane)
        return Halo(owned, plane, owned + plane + ROUND)

    def place(self, numbers: Int[np.ndarray, "*shape"], slab: int) -> Int[np.ndarray, "*shape"]:
        """Numbers as in a `Piece` to places in a slab's arrays; the last, idle one for -1."""
        halo, own = self.halo, int(self.own[slab])
        placed = np.where(numbers >= own, numbers + (halo.owned - own), numbers)
        return np.where(numbers < 0, halo.length - 1, placed).astype(np.int32)

    def number(self, numbers: Int[np.ndarray, "*shape"], slab: int) -> Int[np.ndarray, "*shape"]:
        """Numbers as in a `Piece` to those in the whole level; -1 stays."""
        # The ghosts are the first nodes of the next slab, whose numbers begin where those of this one end.
        return np.where(numbers < 0, -1, numbers.astype(np.int64) + self.offsets[slab])


def round_up(count: int) -> int:
    """The next multiple of `ROUND`."""
    return ROUND * -(-count // ROUND)
