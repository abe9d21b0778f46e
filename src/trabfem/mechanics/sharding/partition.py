"""Cutting a hierarchy into slabs along x, one for each device, with the numbering within slabs.

It works on the host on numpy arrays, and makes only the requested slabs.
"""

import dataclasses

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Int, Shaped

from ...errors import UserError
from .. import modes, splitting
from ..coarse import Blocks, Elements, Matrices
from ..hexahedron import CORNERS
from ..levels import CoarseLevel, CoarsestLevel, FineLevel, Hierarchy, Transfer
from ..mesh import LATTICE, HexMesh
from ..modes import Packed
from .slabs import Halo, SlabCoarse, SlabFine, SlabTransfer

ROUND = 64


@dataclasses.dataclass(frozen=True)
class Cut:
    """One level cut at planes of constant x.

    `elements[s]`: numbers of the elements of slab s, ascending. `nodes[s]`: numbers of its own nodes, beginning with
    the `planes[s]` nodes of its first plane.
    """

    conn: Int[np.ndarray, "live 8"]
    cell: Int[np.ndarray, "live 3"]
    elements: list[np.ndarray]
    nodes: list[np.ndarray]
    planes: list[int]
    num_nodes: int
    room: int
    halo: Halo

    def ghosts(self, slab: int) -> np.ndarray:
        """Nodes of the first plane of the next slab."""
        return self.nodes[slab + 1][: self.planes[slab + 1]] if slab + 1 < len(self.nodes) else self.nodes[slab][:0]

    def owned_values(self, field: Array | np.ndarray, slab: int) -> Shaped[Array, "owned ..."]:
        """The values of a field at a slab's own nodes."""
        return jnp.asarray(pad(np.asarray(field)[self.nodes[slab]], self.halo.owned))

    def places(self, slab: int) -> Int[np.ndarray, " nodes"]:
        """The number within the slab of every node of the level; that of the last, idle node for others."""
        place = np.full(self.num_nodes, self.halo.length - 1, np.int32)
        own, ghosts = self.nodes[slab], self.ghosts(slab)
        place[ghosts] = self.halo.owned + np.arange(len(ghosts))
        place[own] = np.arange(len(own))
        return place


def choose_planes(
    voxels_x: Int[np.ndarray, " elements"], layers: int, slabs: int, align: int
) -> Int[np.ndarray, " cuts"]:
    """The x (multiples of `align`) of cuts into slabs with similar numbers of elements; the first is 0."""
    blocks = -(-layers // align)
    if blocks < slabs:
        raise UserError(
            f"{slabs} devices are too many for {layers} layers of voxels along x: "
            f"use at most {blocks}, one for {align} layers"
        )
    below = np.concatenate([[0], np.cumsum(np.bincount(voxels_x // align, minlength=blocks))])
    cuts = abs(below - below[-1] * np.arange(1, slabs)[:, None] / slabs).argmin(1)
    # Every slab gets at least one block.
    for k in range(slabs - 1):
        cuts[k] = min(max(cuts[k], k + 1, cuts[k - 1] + 1 if k else 1), blocks - (slabs - 1 - k))
    return np.concatenate([[0], cuts]) * align


def cut(conn: np.ndarray, cell: np.ndarray, num_nodes: int, starts: Int[np.ndarray, " slabs"]) -> Cut:
    """A level with live elements `conn` at `cell`, cut at `starts` (in its own cells)."""
    x = np.full(num_nodes, -1)
    x[conn] = cell[:, None, 0] + CORNERS[:, 0]
    owner = np.searchsorted(starts, x, side="right") - 1
    holder = np.searchsorted(starts, cell[:, 0], side="right") - 1
    elements = [np.flatnonzero(holder == s) for s in range(len(starts))]
    nodes, first = [], []
    for s, start in enumerate(starts):
        own = np.flatnonzero(owner == s)
        on_plane = (x[own] == start) & (s > 0)
        nodes.append(np.concatenate([own[on_plane], own[~on_plane]]))
        first.append(int(on_plane.sum()))
    plane = _round_up(max(first))
    owned = max(_round_up(max(map(len, nodes)) + 1), plane)
    return Cut(
        conn=conn,
        cell=cell,
        elements=elements,
        nodes=nodes,
        planes=first,
        num_nodes=num_nodes,
        room=_round_up(max(map(len, elements)) + 1),
        halo=Halo(owned, plane, owned + plane + ROUND),
    )


def make_slab(levels: Hierarchy, cuts: list[Cut], slab: int) -> tuple[SlabFine | SlabCoarse, ...]:
    """One device's slab of the levels that are cut, in arrays on JAX's default device."""
    parts = []
    for number, (level, here) in enumerate(zip(levels, cuts, strict=False)):
        assert not isinstance(level, CoarsestLevel)
        below = cuts[number + 1] if number + 1 < len(cuts) else None
        transfer = _transfer(level.transfer, here, below, slab)
        rest = (jnp.asarray(np.asarray(level.largest)), transfer, here.halo)
        if isinstance(level, FineLevel):
            stiffness = jnp.asarray(np.asarray(level.stiffness))
            free, inverse = here.owned_values(level.free, slab), here.owned_values(level.inverse_modulus, slab)
            parts.append(SlabFine(make_slab_mesh(level.mesh, here, slab), free, stiffness, inverse, *rest))
        else:
            inverse = here.owned_values(level.inverse_diagonal, slab)
            parts.append(SlabCoarse(_operator(level, here, slab), inverse, *rest))
    return tuple(parts)


def make_slab_mesh(mesh: HexMesh, here: Cut, slab: int) -> HexMesh:
    """The slab as a mesh; its nodes keep the order of the lattice, which the fused kernel needs."""
    kept, known = here.elements[slab], np.concatenate([here.nodes[slab], here.ghosts(slab)])
    conn = _connectivity(here, slab)
    incident = None
    if mesh.incident is not None:
        incident = np.full((here.halo.length, 8), 8 * (here.room - 1), np.int32)
        for a in range(8):
            incident[conn[: len(kept), a], a] = 8 * np.arange(len(kept)) + a
    nodes = np.zeros((here.halo.length, 3), LATTICE)
    nodes[here.places(slab)[known]] = np.asarray(mesh.nodes)[known]
    return HexMesh(
        pairs=jnp.asarray(np.minimum(conn[:, ::2], here.halo.length - 2)),
        modulus=jnp.asarray(pad(np.asarray(mesh.modulus)[kept], here.room)),
        voxels=jnp.asarray(pad(here.cell[kept], here.room)),
        nodes=jnp.asarray(nodes),
        incident=None if incident is None else jnp.asarray(incident),
        num_elements=len(kept),
        num_nodes=len(known),
        shape=mesh.shape,
        spacing=mesh.spacing,
        poisson=mesh.poisson,
    )


def _operator(level: CoarseLevel, here: Cut, slab: int) -> Blocks | Matrices:
    whole, kept = level.operator, here.elements[slab]
    conn = _connectivity(here, slab)
    elements = Elements(
        conn=jnp.asarray(conn),
        cell=jnp.asarray(pad(here.cell[kept], here.room)),
        incident=_incident(whole.elements.incident, conn, len(kept), here.halo.length),
        count=jnp.asarray(len(kept), jnp.int32),
    )
    if isinstance(whole, Matrices):
        return Matrices(elements, _select_packed(whole.packed, kept, here.room))
    held = np.asarray(whole.held)[: int(whole.held_count)]
    place, present = np.searchsorted(kept, held), np.isin(held, kept)
    most = max(int(np.isin(held, part).sum()) for part in here.elements)
    room = _round_up(most + 1)
    return Blocks(
        elements=elements,
        moduli=jnp.asarray(pad(np.asarray(whole.moduli)[kept], here.room)),
        form=jnp.asarray(np.asarray(whole.form)),
        diagonal_form=jnp.asarray(np.asarray(whole.diagonal_form)),
        held=jnp.asarray(pad(place[present].astype(np.int32), room, here.room - 1)),
        held_count=jnp.asarray(present.sum(), jnp.int32),
        packed=_select_packed(whole.packed, np.flatnonzero(present), room),
    )


def _transfer(whole: Transfer, here: Cut, below: Cut | None, slab: int) -> SlabTransfer:
    """Interpolation onto the slab's own nodes.

    A node of the first plane may have its parent in the previous slab. It depends only on the vertices of the parent
    that lie in the plane, which this slab owns, so the slab gets a copy of the parent with only these vertices.
    """
    slot = np.asarray(whole.slot)[here.nodes[slab]]
    named, position = slot // 27, slot % 27
    own = below.elements[slab] if below else np.unique(named)
    parents = np.concatenate([own, np.setdiff1d(named, own)])
    place = below.places(slab) if below else np.arange(whole.vertices, dtype=np.int32)
    length = below.halo.length if below else whole.vertices
    room = _room_for_parents(whole, here, below)
    conn = pad(place[np.asarray(whole.conn)[parents]], room, length - 1)
    number = np.zeros(len(whole.conn), np.int32)
    number[parents] = np.arange(len(parents))
    slots = pad((27 * number[named] + position).astype(np.int32), here.halo.owned, 27 * (room - 1))
    incident = _incident(whole.incident, conn, len(parents), length)
    return SlabTransfer(jnp.asarray(slots), jnp.asarray(conn), incident, length, below.halo if below else None)


def _room_for_parents(whole: Transfer, here: Cut, below: Cut | None) -> int:
    """Array length for the parents of any slab and an idle one."""
    named = [np.unique(np.asarray(whole.slot)[own] // 27) for own in here.nodes]
    if below:
        named = [np.union1d(one, own) for one, own in zip(named, below.elements, strict=True)]
    return _round_up(max(map(len, named)) + 1)


def _connectivity(here: Cut, slab: int) -> Int[np.ndarray, "room 8"]:
    return pad(here.places(slab)[here.conn[here.elements[slab]]], here.room, here.halo.length - 1)


def _incident(whole: Array | None, conn: np.ndarray, live: int, nodes: int) -> Int[Array, "nodes width"] | None:
    """The lists of element corners, if the whole level has them."""
    if whole is None:
        return None
    return splitting.incidence(jnp.asarray(conn), jnp.zeros((nodes, 3), jnp.int32), live, whole.shape[1])


def _select_packed(packed: Packed, kept: np.ndarray, room: int) -> Packed:
    rows = pad(np.asarray(packed.entries).swapaxes(1, 2).reshape(-1, 300)[kept], room)
    unit = pad(np.asarray(packed.unit).reshape(-1)[kept], room)
    entries = jnp.asarray(rows.reshape(-1, modes.LANES, 300).swapaxes(1, 2))
    return Packed(entries, jnp.asarray(unit.reshape(-1, modes.LANES)))


def _round_up(count: int) -> int:
    return ROUND * -(-count // ROUND)


def pad(values: np.ndarray, length: int, fill: int = 0) -> np.ndarray:
    """Values followed by `fill` up to a length."""
    room = np.full((length, *values.shape[1:]), fill, values.dtype)
    room[: len(values)] = values
    return room
