"""A voxel specimen as a list of hexahedra, with only solid voxels and their nodes."""

import dataclasses

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from ..errors import UserError
from . import native
from .hexahedron import CORNERS

HEADROOM = 0.08
MOST_HEADROOM = 8192
LATTICE = np.int16
"""Data type of positions on the lattice of voxels."""


def capacity(count: int, present: int = 0) -> int:
    """The array length for `count` entries and an idle one: the length in use (`present`) if that suffices.

    With headroom, a mesh can grow by some per cent of its voxels, or a coarse level by some tens of vertices, before
    array shapes change and programs must be compiled again. To save memory, a large mesh gets less headroom at first,
    and the full headroom once it has outgrown its arrays.
    """
    if count < present:
        return present
    headroom = HEADROOM * count if present else min(HEADROOM * count, MOST_HEADROOM)
    return 64 * int(np.ceil((count + headroom + 64) / 64))


@dataclasses.dataclass(frozen=True)
class Lengths:
    """Array lengths of a mesh and its hierarchy. A later mesh keeps them if they suffice, to avoid compiling again.

    - `elements`, `nodes`: of the mesh
    - `levels`: for every coarsening, lengths for elements, vertices, and elements at one vertex
    - `held`: length for blocks with prescribed degrees of freedom
    """

    elements: int = 0
    nodes: int = 0
    levels: tuple[tuple[int, int, int], ...] = ()
    held: int = 0

    def at(self, step: int) -> tuple[int, int, int]:
        """The lengths of one coarsening; zeros where there was none."""
        return self.levels[step] if step < len(self.levels) else (0, 0, 0)


class HexMesh(eqx.Module):
    """Solid voxels as trilinear hexahedra, padded to a capacity.

    Idle elements have modulus 0 and the last two nodes as all their corners; the last element and the last two nodes
    are always idle, so gathering from a missing element needs no branch.

    - `pairs`: number of the lower node of the four pairs along z of every element, pair `2 a_x + a_y`; nodes are
      numbered along z first, so the upper node has the next number
    - `modulus`: Young's modulus, MPa
    - `voxels`: voxel index (x, y, z) of every element
    - `nodes`: lattice position (x, y, z) of every node; node i is at `nodes[i] * spacing` mm
    - `incident`: for node n and local corner a, `8 e + a` of the element e that has n at corner a; None
      where compiled products do not need it
    """

    pairs: Int[Array, "elements 4"]
    modulus: Float[Array, " elements"]
    voxels: Int[Array, "elements 3"]
    nodes: Int[Array, "nodes 3"]
    incident: Int[Array, "nodes 8"] | None
    num_elements: int = eqx.field(static=False)
    num_nodes: int = eqx.field(static=False)
    shape: tuple[int, int, int] = eqx.field(static=True)
    spacing: tuple[float, float, float] = eqx.field(static=True)
    poisson: float = eqx.field(static=True)

    @classmethod
    def from_voxels(
        cls,
        modulus: Float[np.ndarray, "x y z"],
        spacing: tuple[float, float, float],
        poisson: float = 0.3,
        like: Lengths | None = None,
        lists: bool | None = None,
    ) -> "HexMesh":
        """Mesh of the voxels with a positive modulus (MPa), spacing in mm.

        `like`: array lengths to keep if they suffice. `lists`: whether to make `incident`; by default only without
        compiled products. Raises `UserError` when there is no solid voxel, when a modulus is not finite, or
        when Poisson's ratio is outside (-1, 0.5).
        """
        modulus = _check_moduli(modulus, poisson)
        solid = modulus > 0
        voxels = np.stack(np.nonzero(solid), 1, dtype=LATTICE, casting="unsafe")
        number, nodes = _number_nodes(solid)
        like = like or Lengths()
        elements, room = capacity(len(voxels), like.elements), capacity(len(nodes) + 1, like.nodes)

        pairs = np.full((elements, 4), room - 2, np.int32)
        for pair, (x, y, _) in enumerate(CORNERS[::2]):
            pairs[: len(voxels), pair] = number[voxels[:, 0] + x, voxels[:, 1] + y, voxels[:, 2]]
        incident = None
        if not native.available() if lists is None else lists:
            incident = np.full((room, 8), 8 * (elements - 1), np.int32)
            for a in range(8):
                incident[pairs[: len(voxels), a // 2] + a % 2, a] = 8 * np.arange(len(voxels)) + a
        return cls(
            pairs=jnp.asarray(pairs),
            modulus=jnp.asarray(_pad(modulus[solid].astype(np.float32), elements)),
            voxels=jnp.asarray(_pad(voxels, elements)),
            nodes=jnp.asarray(_pad(nodes, room)),
            incident=None if incident is None else jnp.asarray(incident),
            num_elements=len(voxels),
            num_nodes=len(nodes),
            shape=(modulus.shape[0], modulus.shape[1], modulus.shape[2]),
            spacing=(float(spacing[0]), float(spacing[1]), float(spacing[2])),
            poisson=float(poisson),
        )

    @property
    def conn(self) -> Int[Array, "elements 8"]:
        """Node numbers of every element, local node `4 a_x + 2 a_y + a_z`."""
        return (self.pairs[:, :, None] + jnp.arange(2, dtype=jnp.int32)).reshape(-1, 8)

    @property
    def lengths(self) -> Lengths:
        """Array lengths, for the mesh of a similar specimen."""
        return Lengths(len(self.pairs), len(self.nodes))


def _check_moduli(modulus: np.ndarray, poisson: float) -> np.ndarray:
    modulus = np.asarray(modulus)
    if modulus.ndim != 3:
        raise UserError(f"the moduli must be a 3-D array, not {modulus.ndim}-D; give one value per voxel")
    if max(modulus.shape) > np.iinfo(LATTICE).max - 2:
        raise UserError(f"a side of {max(modulus.shape)} voxels is too long to number; crop the volume to the bone")
    if not np.isfinite(modulus).all() or (modulus < 0).any():
        raise UserError("some voxel moduli are negative or not finite; give 0 for void and positive MPa for bone")
    if not (modulus > 0).any():
        raise UserError("there is no solid voxel; lower the threshold or check the mask")
    if not -1 < poisson < 0.5:
        raise UserError(f"Poisson's ratio {poisson} is outside (-1, 0.5); bone tissue is usually given 0.3")
    return modulus


def count_unknowns(solid: np.ndarray) -> int:
    """Nodal displacements of a mesh of the solid voxels: three for each corner that one of them touches."""
    return 3 * int(np.count_nonzero(_touch_nodes(solid)))


def _touch_nodes(solid: np.ndarray) -> np.ndarray:
    """Which nodes of the lattice are corners of a solid voxel."""
    touched = np.zeros(np.array(solid.shape) + 1, bool)
    for x, y, z in CORNERS:
        touched[x : x + solid.shape[0], y : y + solid.shape[1], z : z + solid.shape[2]] |= solid
    return touched


def _number_nodes(solid: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Node numbers on the lattice, and the lattice positions of the numbered nodes."""
    touched = _touch_nodes(solid)
    nodes = np.stack(np.nonzero(touched), 1, dtype=LATTICE, casting="unsafe")
    number = np.zeros(touched.shape, np.int32)
    number[touched] = np.arange(len(nodes), dtype=np.int32)
    return number, nodes


def _pad(values: np.ndarray, length: int) -> np.ndarray:
    return np.concatenate([values, np.zeros((length - len(values), *values.shape[1:]), values.dtype)])
