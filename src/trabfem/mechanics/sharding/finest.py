"""A slab's part of the mesh, its supports, and its first coarsening, from the layers that the slab reads."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Bool, Float, Int

from .. import diagonals, hexahedron, operator
from ..levels import FineLevel, Transfer
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
    fixed, value = case.prescribe(positions, plan.shape, mesh.spacing)
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
    whole = Extended(mesh.conn, mesh.voxels, mesh.nodes, mesh.num_elements, own, places)
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
    finest: Finest, numbering: Numbering, slab: int, lists: bool, shape: tuple[int, int, int], spacing, poisson: float
) -> HexMesh:
    """The slab as a mesh; its nodes keep the order of the lattice, which the fused kernel needs."""
    halo, room, count = numbering.halo, numbering.room, len(finest.modulus)
    conn = lengthen(numbering.place(finest.piece.conn, slab), room, halo.length - 1)
    incident = None
    if lists:
        incident = np.full((halo.length, 8), 8 * (room - 1), np.int32)
        for a in range(8):
            incident[conn[:count, a], a] = 8 * np.arange(count) + a
    return HexMesh(
        pairs=jax.device_put(np.minimum(conn[:, ::2], halo.length - 2)),
        modulus=jax.device_put(lengthen(finest.modulus, room)),
        voxels=jax.device_put(lengthen(finest.piece.cell, room)),
        nodes=jax.device_put(spread(finest.nodes, finest.piece, halo)),
        incident=None if incident is None else jax.device_put(incident),
        num_elements=count,
        num_nodes=finest.piece.own + finest.piece.ghosts,
        shape=shape,
        spacing=(float(spacing[0]), float(spacing[1]), float(spacing[2])),
        poisson=float(poisson),
    )


def spread(known: np.ndarray, piece: Piece, halo: Halo) -> np.ndarray:
    """Values at own nodes and ghosts in their places among all nodes of a slab; 0 at idle ones."""
    placed = np.zeros((halo.length, *known.shape[1:]), known.dtype)
    placed[: piece.own], placed[halo.owned : halo.owned + piece.ghosts] = known[: piece.own], known[piece.own :]
    return placed


def make_known_level(finest: Finest, mesh: HexMesh, halo: Halo, transfer: Transfer) -> FineLevel:
    """The slab as a level of its own and ghost nodes, for the Galerkin product of its blocks."""
    stiffness = hexahedron.stiffness(mesh.spacing, mesh.poisson)
    return FineLevel(
        mesh=mesh,
        free=jax.device_put(spread(finest.free, finest.piece, halo)),
        stiffness=jnp.asarray(stiffness, jnp.float32),
        inverse_modulus=jax.device_put(np.zeros(halo.length, np.float32)),
        largest=jnp.float32(diagonals.TYPICAL * hexahedron.largest_eigenvalue(stiffness)),
        transfer=transfer,
    )


def make_slab(finest: Finest, known: FineLevel, most: float, halo: Halo, transfer: SlabTransfer) -> SlabFine:
    """The slab as a level of the iteration. `most`: the largest sum of moduli around a node of any slab, MPa."""
    positive = finest.moduli > 1e-6 * most
    inverse = np.where(positive, 1 / np.where(positive, finest.moduli, 1), 0).astype(np.float32)
    own = finest.free[: finest.piece.own]
    rest = (known.stiffness, jax.device_put(lengthen(inverse, halo.owned)), known.largest)
    return SlabFine(known.mesh, jax.device_put(lengthen(own, halo.owned)), *rest, transfer, halo)
