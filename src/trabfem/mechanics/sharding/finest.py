"""A slab's part of the mesh, its supports, and its first coarsening, from the layers that the slab reads."""

import dataclasses

import jax
import numpy as np
from jaxtyping import Bool, Float, Int, UInt8, UInt32

from .. import diagonals, lattice, native, operator
from ..loads import LoadCase
from ..mesh import LATTICE, HexMesh
from . import partition
from .grid import lengthen
from .layers import Layers, Plan, reach_of_faces
from .numbering import Numbering
from .partition import Extended, Piece, Step
from .slabs import Halo, SlabFine, SlabTransfer


@dataclasses.dataclass(frozen=True)
class Finest:
    """A slab of the mesh on the host; `nodes`, `free` and `value` are of its own nodes and its ghosts.

    - `piece`: its voxels and their nodes, both in the order of the lattice; `nodes`: positions on the lattice
    - `free`: false where displacements are prescribed; `value`: these, in mm
    - `moduli`: sum of the moduli around the own nodes, MPa
    - `lists`: whether products need lists of elements
    """

    piece: Piece
    modulus: Float[np.ndarray, " elements"]
    nodes: Int[np.ndarray, "known 3"]
    free: Bool[np.ndarray, "known 3"]
    value: Float[np.ndarray, "known 3"]
    moduli: Float[np.ndarray, " own"]
    lists: bool


def read(
    layers: Layers, plan: Plan, slab: int, case: LoadCase, spacing: tuple[float, float, float], poisson: float
) -> tuple[Finest, Step]:
    """A slab's mesh and supports, and the step to its blocks. Raises `UserError` as `HexMesh.from_voxels` does."""
    first, last = plan.window(slab, reach_of_faces(case, spacing))
    modulus = layers.take(first, last)
    if not (modulus != 0).any():
        return _empty(), partition.empty_step()
    mesh = HexMesh.from_voxels(modulus, spacing, poisson)
    del modulus
    start, stop = plan.bounds(slab)
    cell, nodes = np.asarray(mesh.voxels)[: mesh.num_elements], np.asarray(mesh.nodes)[: mesh.num_nodes]
    own = slice(*_count_before(cell, first, start, stop))
    inside = slice(*_count_before(nodes, first, start, stop))
    known = slice(inside.start, *_count_before(nodes, first, stop + 1))
    positions = nodes + np.array([first, 0, 0], LATTICE)
    fixed, value = map(np.asarray, case.prescribe(positions, plan.shape, mesh.spacing))
    plane = int((positions[inside, 0] == start).sum()) if slab else 0
    lower = np.asarray(mesh.pairs)[own] - np.int32(inside.start)
    finest = Finest(
        piece=Piece(
            conn=(lower[:, :, None] + np.arange(2, dtype=np.int32)).reshape(-1, 8),
            cell=cell[own] + np.array([first, 0, 0], LATTICE),
            own=inside.stop - inside.start,
            plane=plane,
            ghosts=known.stop - inside.stop,
        ),
        modulus=np.array(np.asarray(mesh.modulus)[own]),
        nodes=positions[known].copy(),
        free=~fixed[known],
        value=value[known].copy(),
        moduli=np.array(np.asarray(operator.sum_moduli(mesh))[inside]),
        lists=mesh.incident is not None,
    )
    return finest, _first_step(mesh, own, inside, plan, slab, first)


def _count_before(places: Int[np.ndarray, "some 3"], first: int, *layers: int) -> list[int]:
    """How many of `places`, sorted by x from layer `first` on, lie before each of some layers."""
    return [int(count) for count in np.searchsorted(places[:, 0].astype(np.int32) + first, layers)]


def _first_step(mesh: HexMesh, own: slice, inside: slice, plan: Plan, slab: int, first: int) -> Step:
    """The step to blocks; the window's first layer, `first`, is even, so that its blocks are those of the whole."""
    places = np.arange(inside.start, inside.stop)
    whole = Extended(mesh.pairs, mesh.voxels, mesh.nodes, mesh.num_elements, own, places)
    begin, end = (bound - first // 2 for bound in plan.bounds(slab, 1))
    step = partition.coarsen(whole, (begin, end), slab, len(plan.starts), mesh.shape)
    cell = step.piece.cell + np.array([first // 2, 0, 0], LATTICE)
    return dataclasses.replace(step, piece=dataclasses.replace(step.piece, cell=cell))


def _empty() -> Finest:
    """The part of a slab without bone, on which prescribed displacements are of no account."""
    none = partition.empty_step().piece
    nodes, values = np.zeros((0, 3), LATTICE), np.zeros((0, 3))
    moduli = np.zeros(0, np.float32)
    return Finest(none, moduli, nodes, values > 0, values, moduli, False)


def make_mesh(
    finest: Finest, numbering: Numbering, slab: int, lists: bool, plan: Plan, spacing, poisson: float
) -> HexMesh:
    """The slab as a mesh whose first layer is 0; its nodes keep the order of the lattice, which kernels need."""
    halo, room, count = numbering.halo, numbering.room, len(finest.modulus)
    conn = lengthen(numbering.place(finest.piece.conn, slab), room, halo.length - 1)
    incident = None
    if lists:
        incident = np.full((halo.length, 8), 8 * (room - 1), np.int32)
        for a in range(8):
            incident[conn[:count, a], a] = 8 * np.arange(count) + a
    start = np.array([plan.bounds(slab)[0], 0, 0], LATTICE)
    cell, nodes = finest.piece.cell - start, finest.nodes - start
    around = ranks = None
    if native.on_gpu():
        around = jax.device_put(_find_octants(conn[:count], halo.length))
        ranks = jax.device_put(_rank(cell, nodes, plan, slab, halo.owned - finest.piece.own))
    return HexMesh(
        pairs=jax.device_put(np.minimum(conn[:, ::2], halo.length - 2)),
        modulus=jax.device_put(lengthen(finest.modulus, room)),
        voxels=jax.device_put(lengthen(cell, room)),
        nodes=jax.device_put(spread(nodes, finest.piece, halo)),
        incident=None if incident is None else jax.device_put(incident),
        num_elements=count,
        num_nodes=finest.piece.own + finest.piece.ghosts,
        shape=plan.shape_of_slabs,
        spacing=(float(spacing[0]), float(spacing[1]), float(spacing[2])),
        poisson=float(poisson),
        around=around,
        ranks=ranks,
    )


def _find_octants(conn: Int[np.ndarray, "elements 8"], nodes: int) -> UInt8[np.ndarray, " nodes"]:
    """`HexMesh.around` of the slab's own elements."""
    around = np.zeros(nodes, np.uint8)
    for a in range(8):
        # An element that has a node at corner a lies in the opposite octant around it.
        around[conn[:, a]] |= 1 << (7 - a)
    return around


def _rank(
    cell: Int[np.ndarray, "elements 3"], nodes: Int[np.ndarray, "known 3"], plan: Plan, slab: int, gap: int
) -> UInt32[np.ndarray, "words 4"]:
    """`HexMesh.ranks` of a slab; the numbers of its ghosts, the nodes of its last plane, come after a `gap`."""
    x, y, z = plan.shape_of_slabs
    solid, touched = np.zeros((x, y, z), bool), np.zeros((x + 1, y + 1, z + 1), bool)
    solid[tuple(cell.T)], touched[tuple(nodes.T)] = True, True
    ranks = lattice.rank_numpy(solid, touched)
    start, stop = plan.bounds(slab)
    ranks[(stop - start) * (y + 1) * lattice.words_along_z((x, y, z)) :, 1] += np.uint32(gap)
    return ranks


def spread(known: np.ndarray, piece: Piece, halo: Halo) -> np.ndarray:
    """Values at own nodes and ghosts in their places among all nodes of a slab; 0 at idle ones."""
    placed = np.zeros((halo.length, *known.shape[1:]), known.dtype)
    placed[: piece.own], placed[halo.owned : halo.owned + piece.ghosts] = known[: piece.own], known[piece.own :]
    return placed


def make_slab(finest: Finest, mesh: HexMesh, most: float, halo: Halo, transfer: SlabTransfer) -> SlabFine:
    """The slab as a level of the iteration. `most`: the largest sum of moduli around a node of any slab, MPa."""
    positive = finest.moduli > 1e-6 * most
    inverse = np.where(positive, 1 / np.where(positive, finest.moduli, 1), 0).astype(np.float32)
    own = jax.device_put(lengthen(finest.free[: finest.piece.own], halo.owned))
    level = diagonals.fine_level(mesh, own, transfer, jax.device_put(lengthen(inverse, halo.owned)))
    return SlabFine(mesh, own, level.stiffness, level.inverse_modulus, level.largest, transfer, halo)
