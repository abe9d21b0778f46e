"""A solution boiled down to what the next solve starts from, so that a resumed run repeats the bits of the first.

Array lengths are history: a mesh keeps those of the mesh before it, and a sum over a longer array may round otherwise.
They are stored beside the displacement.
"""

from typing import Any, TypeVar

import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from trabfem.mechanics.hierarchy import Lengths
from trabfem.mechanics.loads import Load
from trabfem.mechanics.mesh import HexMesh
from trabfem.mechanics.solve import Solution

T = TypeVar("T")


def lengths(solution: Solution) -> dict[str, Any]:
    """Array lengths of the mesh and of the hierarchy."""
    return {
        "elements": len(solution.mesh.conn),
        "nodes": len(solution.mesh.nodes),
        "levels": [list(sizes) for sizes in solution.lengths.levels],
        "held": solution.lengths.held,
    }


def restored(
    mesh: HexMesh, load: Load, displacement: Float[np.ndarray, "nodes 3"], sizes: dict[str, Any], facts: dict[str, Any]
) -> Solution:
    """A solution good for a start: mesh, displacement and array lengths, `facts` for its other numbers."""
    arrays = Lengths(tuple((a, b, c) for a, b, c in sizes["levels"]), sizes["held"])
    return Solution(mesh=mesh, load=load, displacement=displacement, lengths=arrays, levels=(), **facts)


def _like(*shape: int) -> jnp.ndarray:
    """An array of which only the shape is read."""
    return jnp.zeros(shape, jnp.int32)


def _bare(kind: type[T], **fields: Any) -> T:
    """An instance of a pytree class with only the fields that serve as a pattern."""
    instance = object.__new__(kind)
    for name, value in fields.items():
        object.__setattr__(instance, name, value)
    return instance
