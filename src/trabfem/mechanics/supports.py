"""Supports of a mesh: the displacements that a load case prescribes, and checks that it loads bone."""

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float
from scipy import ndimage

from ..errors import UserError
from .levels import Supported
from .loads import LoadCase
from .mesh import HexMesh


def require_load_path(modulus: Float[np.ndarray, "x y z"], spacing: tuple[float, float, float], case: LoadCase) -> None:
    """Raise `UserError` unless some piece of bone (voxels sharing a face) reaches from one loaded face to the other."""
    if not case.plates:
        return
    axis = case.motion.axis
    label = np.empty(modulus.shape, np.int32)
    ndimage.label(np.asarray(modulus) > 0, output=label)
    layers = min(1 + int(case.depth / spacing[axis] + 1e-9), modulus.shape[axis])
    first, last = (np.take(label, ends, axis) for ends in (range(layers), range(-layers, 0)))
    if not (np.intersect1d(first, last) > 0).any():
        raise UserError(
            f"no bone connects the two loaded faces ({'xyz'[axis]} = first and last layer); crop the volume to the "
            "bone, lower the threshold, or check the load axis"
        )


def prescribe_displacements(mesh: HexMesh, case: LoadCase) -> tuple[np.ndarray, np.ndarray]:
    """The degrees of freedom that a load prescribes (all of idle nodes), and their values in mm."""
    fixed, value = np.ones((len(mesh.nodes), 3), bool), np.zeros((len(mesh.nodes), 3))
    live = slice(mesh.num_nodes)
    fixed[live], value[live] = case.prescribe(np.asarray(mesh.nodes)[live], mesh.shape, mesh.spacing)
    if not value.any():
        raise UserError(f"the {case.name} load moves no bone, because none reaches the faces; crop the volume to it")
    return fixed, value


@jax.jit
def compute_load_norm(
    mesh: Supported, stiffness: Float[Array, "24 24"], value: Float[Array, "nodes 3"]
) -> Float[Array, "*parts"]:
    """Norm of the forces (N) that the prescribed displacements alone cause at the free degrees of freedom."""
    forces = jnp.where(mesh.free, mesh.forces(stiffness, value), 0)
    return jnp.sqrt(mesh.dot(forces, forces))
