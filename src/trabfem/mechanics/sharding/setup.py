"""Set-up by slabs: every process makes the levels of its own slabs, and only the small levels as a whole.

Level by level, a slab's elements between one block of each neighbour are coarsened (`partition`), the elements at its
ends handed to the neighbours (`grid`), and its matrices condensed. Of all slabs a process knows only counts.
"""

import dataclasses
import functools
from collections.abc import Sequence

import equinox as eqx
import jax
import numpy as np
from jaxtyping import Array, Float

from ...errors import UserError
from .. import galerkin
from ..coarse import Blocks, Elements, Matrices
from ..levels import Hierarchy
from ..loads import LoadCase
from ..mesh import LATTICE, capacity
from ..splitting import Split
from . import common, finest, partition
from .common import with_elements
from .finest import Finest
from .grid import ALONG, Grid, lengthen
from .layers import Layers, Plan
from .lists import incidence, list_children, list_corners, list_nodes
from .numbering import Numbering, round_up
from .partition import Step
from .slabs import SlabCoarse, SlabTransfer, smoothing


@dataclasses.dataclass(frozen=True)
class Built:
    """Stacked slabs of the cut levels, their numberings, the levels on all devices, and prescribed displacements."""

    levels: tuple
    numberings: list[Numbering]
    common: Hierarchy
    value: Float[Array, "slabs owned 3"]


def build(
    grid: Grid, layers: Layers, plan: Plan, case: LoadCase, spacing, poisson: float, replicated_nodes: int
) -> Built:
    """The hierarchy of a specimen, cut as planned. Raises `UserError` like `solve.solve`."""
    builder = _Builder(grid, plan)
    parts = grid.agree(lambda: builder.each(lambda slab: finest.read(layers, plan, slab, case, spacing, poisson)))
    slabs, steps = [part for part, _ in parts], [step for _, step in parts]
    del parts
    if not grid.gather([np.array(slab.value.any()) for slab in slabs]).any():
        raise UserError(f"the {case.name} load moves no bone, because none reaches the faces; crop the volume to it")
    here = Numbering.of(grid, [slab.piece for slab in slabs])
    below = Numbering.of(grid, [step.piece for step in steps])
    last = not builder.is_cut(1, here, below, replicated_nodes)
    transfers, whole = builder.make_transfers(steps, here, below, last)
    level, operators = builder.make_finest(slabs, steps, here, below, transfers, spacing, poisson)
    value = grid.stack([lengthen(slab.value[: slab.piece.own], here.halo.owned) for slab in slabs])
    del slabs
    levels, numberings = [level], [here]
    while not last:
        steps = builder.coarsen(len(levels), steps, below)
        here, below = below, Numbering.of(grid, [step.piece for step in steps])
        last = not builder.is_cut(len(levels) + 1, here, below, replicated_nodes)
        transfers, whole = builder.make_transfers(steps, here, below, last)
        level, operators = builder.make_coarse(operators, steps, here, below, transfers)
        levels.append(level)
        numberings.append(here)
    assert whole is not None
    elements, nodes = whole
    before = here.num_elements if len(levels) > 1 else None
    small = common.build(common.gather_operator(grid, operators, below, elements), nodes, before)
    return Built(tuple(levels), numberings, jax.tree.map(grid.replicate, small), value)


@dataclasses.dataclass(frozen=True)
class _Builder:
    """The parts of `build` that are done for each slab of this process, on the device of the slab."""

    grid: Grid
    plan: Plan

    def each(self, make, *given: Sequence) -> list:
        """The results of `make(slab, ...)` for the slabs of this process, made on their devices."""
        results = []
        for slab, *mine in zip(self.grid.local, *given, strict=True):
            with jax.default_device(self.grid.mesh.devices[slab]):
                results.append(jax.block_until_ready(make(slab, *mine)))
        return results

    def is_cut(self, number: int, above: Numbering, below: Numbering, replicated_nodes: int) -> bool:
        """Whether coarse level `number`, as counted in `below`, is cut and not held by every device."""
        smaller = below.num_elements < above.num_elements
        return number <= self.plan.depth and smaller and below.num_nodes > replicated_nodes

    def coarsen(self, level: int, steps: Sequence[Step], here: Numbering) -> list[Step]:
        """The steps from coarse level number `level`, made by `steps` from the level above."""
        pieces = [step.piece for step in steps]
        ends = [
            partition.ends(p, self.plan.bounds(slab, level)) for slab, p in zip(self.grid.local, pieces, strict=True)
        ]
        from_left, from_right = self.grid.swap_ends([left for left, _ in ends], [right for _, right in ends])

        def make(slab, piece, left, right) -> Step:
            extended = partition.extend(piece, left, right, int(here.own[slab - 1]) if slab else 0)
            return partition.coarsen(extended, self.plan.bounds(slab, level + 1), slab, self.grid.size)

        return self.grid.agree(lambda: self.each(make, pieces, from_left, from_right))

    def make_transfers(self, steps: Sequence[Step], here: Numbering, below: Numbering, last: bool):
        """The slabs' transfers, and if the level below is the last to be made by slabs, its elements and vertices."""
        most = self.grid.gather([np.array([len(step.parents), step.width]) for step in steps]).max(0)
        room, width, whole = round_up(int(most[0]) + 1), int(most[1]), None
        if last:
            elements, nodes, number = common.gather_elements(self.grid, [s.piece for s in steps], below, width)
            whole = elements, nodes

        def make(slab, step: Step) -> SlabTransfer:
            if whole is None:
                length, conn = below.halo.length, below.place(step.parents, slab)
            else:
                length, wide = len(whole[1]), below.number(step.parents, slab)
                conn = np.where(wide < 0, length - 1, number[wide]).astype(np.int32)
            corners = jax.device_put(lengthen(conn, room, length - 1))
            slot = jax.device_put(lengthen(step.slot, here.halo.owned, 27 * (room - 1)))
            return SlabTransfer(
                slot=slot,
                conn=corners,
                incident=incidence(corners, length, len(conn), width),
                vertices=length,
                corners=list_corners(np.where(step.parents < 0, -1, conn), length, room),
                nodes=list_nodes(step.slot, room, here.halo.owned),
                below=None if whole else below.halo,
            )

        return self.each(make, steps), whole

    def make_finest(
        self, slabs: Sequence[Finest], steps, here: Numbering, below: Numbering, transfers, spacing, poisson
    ):
        """The mesh as a stacked level, and the operators of its blocks."""
        facts = self.grid.gather([np.array([slab.moduli.max(initial=0), slab.lists]) for slab in slabs]).max(0)
        width = self._width(steps)

        def make(slab, part: Finest, step: Step, transfer: SlabTransfer):
            mesh = finest.make_mesh(part, here, slab, bool(facts[1]), self.plan, spacing, poisson)
            free = jax.device_put(finest.spread(part.free, part.piece, here.halo))
            split, elements = _own_split(step, slab, here, below, width)
            level = finest.make_slab(part, mesh, float(facts[0]), here.halo, transfer)
            return level, (mesh, free, split, elements), galerkin.count_held(mesh, free, split)

        made = self.each(make, slabs, steps, transfers)
        room = capacity(int(self.grid.gather([np.asarray(count) for *_, count in made]).max()))
        blocks = self.each(lambda slab, one: with_elements(_build_blocks(*one[1], room), one[1][-1]), made)
        return self.grid.stack([level for level, *_ in made]), blocks

    def make_coarse(self, operators, steps, here: Numbering, below: Numbering, transfers):
        """A cut coarse level, stacked, and the operators of the level below."""
        width = self._width(steps)

        def condense(slab, operator, step: Step) -> Matrices:
            split, elements = _own_split(step, slab, here, below, width)
            return with_elements(_condense(operator, split, elements), elements)

        def make(slab, operator, transfer: SlabTransfer) -> SlabCoarse:
            unknown = jax.device_put(np.zeros((here.halo.owned, 3), np.float32)), jax.device_put(np.float32(0))
            return SlabCoarse(operator, *unknown, transfer, here.halo)

        coarser = self.each(condense, operators, steps)
        level = self.grid.stack(self.each(make, operators, transfers))
        smoothing = _smooth(self.grid.mesh)(level.operator, here.halo)
        return eqx.tree_at(lambda level: (level.inverse_diagonal, level.largest), level, smoothing), coarser

    def _width(self, steps: Sequence[Step]) -> int:
        return int(self.grid.gather([np.array(step.width) for step in steps]).max())


def _own_split(step: Step, slab: int, here: Numbering, below: Numbering, width: int) -> tuple[Split, Elements]:
    """The step of a slab's own elements, as the Galerkin product takes it, in arrays of the same length everywhere."""
    room, halo, count = below.room, below.halo, len(step.piece.conn)
    placed = below.place(step.piece.conn, slab)
    conn = jax.device_put(lengthen(placed, room, halo.length - 1))
    cell = jax.device_put(lengthen(step.piece.cell, room))
    split = Split(
        parent=jax.device_put(lengthen(step.parent, here.room, room - 1)),
        octant=jax.device_put(lengthen(step.octant.astype(np.int32), here.room)),
        slot=jax.device_put(lengthen(step.slot, here.halo.length)),
        conn=conn,
        cell=cell,
        nodes=jax.device_put(np.zeros((halo.length, 3), LATTICE)),
        children=list_children(step.parent, room, here.room),
    )
    lists = incidence(conn, halo.length, count, width), list_corners(placed, halo.length, room)
    return split, Elements(conn, cell, lists[0], jax.device_put(np.int32(count)), lists[1])


@functools.partial(jax.jit, static_argnames="room")
def _build_blocks(mesh, free, split: Split, elements: Elements, room: int) -> Blocks:
    return with_elements(galerkin.build_blocks(mesh, free, split, elements, room), None)


@jax.jit
def _condense(above: Blocks | Matrices, split: Split, elements: Elements) -> Matrices:
    return with_elements(galerkin.condense(above, split, elements), None)


@functools.cache
def _smooth(mesh):
    """The program for inverse diagonals and largest eigenvalues, stacked."""

    @jax.jit
    @functools.partial(jax.shard_map, mesh=mesh, in_specs=(ALONG, ALONG), out_specs=(ALONG, ALONG), check_vma=False)
    def run(operator, halo):
        inverse, largest = smoothing(jax.tree.map(lambda leaf: leaf[0], operator), halo)
        return inverse[None], largest[None]

    return run
