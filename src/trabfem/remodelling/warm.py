"""A solution boiled down to what the next solve starts from, so that a resumed run repeats the bits of the first.

Array lengths are history: a mesh keeps those of the mesh before it, and a sum over a longer array may round otherwise.
They are stored beside the displacement.
"""

from typing import Any, TypeVar

import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from trabfem.mechanics.hierarchy import CoarseLevel, CoarsestLevel, FineLevel, Transfer
from trabfem.mechanics.loads import Load
from trabfem.mechanics.mesh import HexMesh
from trabfem.mechanics.solve import Solution

T = TypeVar("T")


def lengths(solution: Solution) -> dict[str, Any]:
    """Array lengths of the mesh and of every level's transfer."""
    transfers = [level.transfer for level in solution.levels if not isinstance(level, CoarsestLevel)]
    return {
        "elements": len(solution.mesh.conn),
        "nodes": len(solution.mesh.nodes),
        "levels": [[len(transfer.conn), *transfer.incident.shape] for transfer in transfers],
    }


def mesh_of(
    modulus: Float[np.ndarray, "x y z"], spacing: tuple[float, float, float], poisson: float, sizes: dict[str, Any]
) -> HexMesh:
    """The mesh of `modulus` with the array lengths in `sizes`."""
    like = _bare(HexMesh, conn=_like(sizes["elements"], 8), nodes=_like(sizes["nodes"], 3))
    return HexMesh.from_voxels(modulus, spacing, poisson, like=like)


def restored(
    mesh: HexMesh, load: Load, displacement: Float[np.ndarray, "nodes 3"], sizes: dict[str, Any], facts: dict[str, Any]
) -> Solution:
    """A solution good for a start: mesh, displacement and array lengths, `facts` for its other numbers."""
    kinds = [FineLevel] + [CoarseLevel] * (len(sizes["levels"]) - 1)
    transfers = [_bare(Transfer, conn=_like(n, 8), incident=_like(*incident)) for n, *incident in sizes["levels"]]
    levels = [_bare(kind, transfer=transfer) for kind, transfer in zip(kinds, transfers, strict=True)]
    return Solution(mesh=mesh, load=load, displacement=displacement, levels=(*levels, _bare(CoarsestLevel)), **facts)


def _like(*shape: int) -> jnp.ndarray:
    """An array of which only the shape is read."""
    return jnp.zeros(shape, jnp.int32)


def _bare(kind: type[T], **fields: Any) -> T:
    """An instance of a pytree class with only the fields that serve as a pattern."""
    instance = object.__new__(kind)
    for name, value in fields.items():
        object.__setattr__(instance, name, value)
    return instance
