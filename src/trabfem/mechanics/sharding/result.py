"""The mesh and the displacements of a distributed solve, put together again in host memory."""

import dataclasses

import equinox as eqx
import jax
import numpy as np
from jaxtyping import Array, Float

from ...errors import UserError
from ..mesh import LATTICE, HexMesh, capacity
from .grid import Grid, lengthen
from .layers import MOST_CORNERS, Plan
from .numbering import Numbering


def collect(
    grid: Grid,
    plan: Plan,
    numbering: Numbering,
    slabs: HexMesh,
    displacement: Float[Array, "slabs known 3"],
    whole: bool,
) -> tuple[HexMesh, Float[np.ndarray, "nodes 3"]]:
    """The mesh of the `whole` specimen or of this process' slabs, with the displacements of its nodes in mm.

    `slabs`: the stacked mesh. Elements and nodes come in the order of `HexMesh.from_voxels`. Raises `UserError` if the
    whole has more nodes than an array can number.
    """
    chosen = list(range(grid.size)) if whole else grid.local
    nodes = int(numbering.own[chosen].sum() + numbering.ghosts[chosen[-1]])
    if 8 * nodes > MOST_CORNERS:
        raise UserError(
            f"the whole mesh has {nodes:,} nodes, more than one process can number; "
            "ask for the part of each process, with whole=False"
        )
    if chosen != list(range(chosen[0], chosen[-1] + 1)):
        raise UserError("the slabs of this process do not touch; give each process devices that are neighbours")
    take = grid.collect if whole else grid.unstack
    pairs, modulus, voxels, places, u = (
        list(take(a)) for a in (slabs.pairs, slabs.modulus, slabs.voxels, slabs.nodes, displacement)
    )
    counts = [int(n) for n in numbering.elements[chosen]]
    starts = numbering.offsets[chosen] - numbering.offsets[chosen[0]]
    for k, slab in enumerate(chosen):
        # Ghosts are the first nodes of the next slab.
        lower, own = pairs[k][: counts[k]], int(numbering.own[slab])
        pairs[k] = np.where(lower >= own, lower + (own - numbering.halo.owned), lower) + np.int32(starts[k])
        first = np.array([plan.bounds(slab)[0], 0, 0], LATTICE)
        voxels[k], places[k] = voxels[k] + first, places[k] + first
    join = _Join(numbering, chosen)
    arrays = pairs, _first(modulus, counts), _first(voxels, counts), join(places)
    return _make_mesh(plan.shape, slabs.spacing, slabs.poisson, *arrays), join.padded(u)


@dataclasses.dataclass(frozen=True)
class _Join:
    """Values at the own nodes of some slabs, and at the ghosts of the last."""

    numbering: Numbering
    chosen: list[int]

    def __call__(self, known: list[np.ndarray]) -> np.ndarray:
        owned, last = self.numbering.halo.owned, self.chosen[-1]
        own = [values[: int(self.numbering.own[s])] for values, s in zip(known, self.chosen, strict=True)]
        return np.concatenate([*own, known[-1][owned : owned + int(self.numbering.ghosts[last])]])

    def padded(self, known: list[np.ndarray]) -> np.ndarray:
        values = self(known)
        return lengthen(values, capacity(len(values) + 1))


def _first(rows: list[np.ndarray], counts: list[int]) -> np.ndarray:
    return np.concatenate([values[:count] for values, count in zip(rows, counts, strict=True)])


def _make_mesh(shape, spacing, poisson: float, pairs: list[np.ndarray], modulus, voxels, nodes) -> HexMesh:
    """A mesh in padded arrays as of `HexMesh.from_voxels`, without lists of elements, in NumPy arrays."""
    room, length = capacity(len(modulus)), capacity(len(nodes) + 1)
    corners = lengthen(np.concatenate(pairs).astype(np.int32), room, length - 2)
    arrays = corners, lengthen(modulus, room), lengthen(voxels, room), lengthen(nodes, length)
    none = [jax.device_put(array[:0]) for array in arrays]
    mesh = HexMesh(none[0], none[1], none[2], none[3], None, len(modulus), len(nodes), shape, spacing, poisson)
    # The arrays of the whole stay in host memory, so they are not made arrays of JAX.
    return eqx.tree_at(lambda mesh: (mesh.pairs, mesh.modulus, mesh.voxels, mesh.nodes), mesh, arrays)
