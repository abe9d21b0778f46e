"""A mesh on its supports: which displacements a load case prescribes, and whether it moves any bone at all."""

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


def prescribed(mesh: HexMesh, case: LoadCase) -> tuple[np.ndarray, np.ndarray]:
    """Which degrees of freedom a load prescribes, idle nodes included, and their values in mm."""
    fixed, value = np.ones((len(mesh.nodes), 3), bool), np.zeros((len(mesh.nodes), 3))
    live = slice(mesh.num_nodes)
    fixed[live], value[live] = case.prescribe(np.asarray(mesh.nodes)[live], mesh.shape, mesh.spacing)
    if not value.any():
        raise UserError(f"the {case.name} load moves no bone, because none reaches the faces; crop the volume to it")
    return fixed, value


@jax.jit
def load_norm_of(mesh: Supported, stiffness: Float[Array, "24 24"], value: Float[Array, "nodes 3"]) -> Float[Array, ""]:
    """Norm of the forces that the prescribed displacements alone put on the free degrees of freedom, N."""
    forces = jnp.where(mesh.free, mesh.forces(stiffness, value), 0)
    return jnp.sqrt(mesh.summed(jnp.vdot(forces, forces)))
