"""A voxel specimen as a list of hexahedra: only solid voxels, only nodes that they touch."""

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from ..errors import UserError
from . import native
from .hexahedron import CORNERS

HEADROOM = 1.08


def capacity(count: int, present: int = 0) -> int:
    """The array length to hold `count` entries and an idle one: the length in use (`present`) if that suffices.

    The headroom lets a mesh gain some per cent of its voxels, or a coarse level some tens of vertices, before its
    arrays change their shapes, and with them the compiled program.
    """
    return present if count < present else 64 * int(np.ceil((HEADROOM * count + 64) / 64))


class HexMesh(eqx.Module):
    """Solid voxels as trilinear hexahedra, padded to a capacity.

    Idle elements have modulus 0 and eight times the last node; the last element and the last node are
    always idle, so gathers of "nothing" need no branch.

    - `conn`: node numbers of every element, local node `4 a_x + 2 a_y + a_z`
    - `modulus`: Young's modulus, MPa
    - `voxels`: voxel index (x, y, z) of every element
    - `nodes`: lattice position (x, y, z) of every node; node i sits at `nodes[i] * spacing` mm
    - `incident`: for node n and local corner a, `8 e + a` of the element e that has n at corner a; None
      where compiled products do without it
    """

    conn: Int[Array, "elements 8"]
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
        like: "HexMesh | None" = None,
    ) -> "HexMesh":
        """Mesh of the voxels with a positive modulus (MPa), spacing in mm.

        `like`: keep the array lengths of this mesh where they suffice. Raises `UserError` when there is
        no solid voxel, when a modulus is not finite, or when Poisson's ratio is outside (-1, 0.5).
        """
        modulus = _checked(modulus, poisson)
        solid = modulus > 0
        voxels = np.stack(np.nonzero(solid), 1, dtype=np.int32)
        number, nodes = _number_nodes(solid)
        elements = capacity(len(voxels), 0 if like is None else len(like.conn))
        idle_element, idle_node = elements - 1, capacity(len(nodes), 0 if like is None else len(like.nodes)) - 1

        conn = np.full((elements, 8), idle_node, np.int32)
        for a, (x, y, z) in enumerate(CORNERS):
            conn[: len(voxels), a] = number[voxels[:, 0] + x, voxels[:, 1] + y, voxels[:, 2] + z]
        incident = None
        if not native.available():
            incident = np.full((idle_node + 1, 8), 8 * idle_element, np.int32)
            for a in range(8):
                incident[conn[: len(voxels), a], a] = 8 * np.arange(len(voxels)) + a
        return cls(
            conn=jnp.asarray(conn),
            modulus=jnp.asarray(_padded(modulus[solid].astype(np.float32), elements)),
            voxels=jnp.asarray(_padded(voxels, elements)),
            nodes=jnp.asarray(_padded(nodes, idle_node + 1)),
            incident=None if incident is None else jnp.asarray(incident),
            num_elements=len(voxels),
            num_nodes=len(nodes),
            shape=(modulus.shape[0], modulus.shape[1], modulus.shape[2]),
            spacing=(float(spacing[0]), float(spacing[1]), float(spacing[2])),
            poisson=float(poisson),
        )


def _checked(modulus: np.ndarray, poisson: float) -> np.ndarray:
    modulus = np.asarray(modulus)
    if modulus.ndim != 3:
        raise UserError(f"the moduli must be a 3-D array, not {modulus.ndim}-D; give one value per voxel")
    if not np.isfinite(modulus).all() or (modulus < 0).any():
        raise UserError("some voxel moduli are negative or not finite; give 0 for void and positive MPa for bone")
    if not (modulus > 0).any():
        raise UserError("there is no solid voxel; lower the threshold or check the mask")
    if not -1 < poisson < 0.5:
        raise UserError(f"Poisson's ratio {poisson} is outside (-1, 0.5); bone tissue is usually given 0.3")
    return modulus


def _number_nodes(solid: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Node numbers on the lattice, and the lattice positions of the numbered nodes."""
    touched = np.zeros(np.array(solid.shape) + 1, bool)
    for x, y, z in CORNERS:
        touched[x : x + solid.shape[0], y : y + solid.shape[1], z : z + solid.shape[2]] |= solid
    nodes = np.stack(np.nonzero(touched), 1, dtype=np.int32)
    number = np.zeros(touched.shape, np.int32)
    number[touched] = np.arange(len(nodes), dtype=np.int32)
    return number, nodes


def _padded(values: np.ndarray, length: int) -> np.ndarray:
    return np.concatenate([values, np.zeros((length - len(values), *values.shape[1:]), values.dtype)])
