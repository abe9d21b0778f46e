"""Supports of a mesh: the displacements that a load case prescribes, and checks that it loads bone."""

import dataclasses
import functools

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int
from scipy import ndimage

from ..errors import UserError
from .connected import joins_ends
from .levels import Supported
from .loads import AXIAL, Affine, LoadCase, Turn
from .loads.base import Grip, Triple, prescribe_motion
from .mesh import HexMesh, Moduli


def require_load_path(modulus: Moduli, spacing: tuple[float, float, float], case: LoadCase) -> None:
    """Raise `UserError` unless some piece of bone (voxels sharing a face) reaches from one loaded face to the other."""
    if not case.plates:
        return
    axis = case.motion.axis
    layers = min(1 + int(case.depth / spacing[axis] + 1e-9), modulus.shape[axis])
    if isinstance(modulus, jax.Array) and jax.default_backend() != "cpu":
        joined = bool(_joins_ends(modulus, axis, layers))
    else:
        label = np.empty(modulus.shape, np.int32)
        ndimage.label(np.asarray(modulus) > 0, output=label)
        first, last = (np.take(label, ends, axis) for ends in (range(layers), range(-layers, 0)))
        joined = bool((np.intersect1d(first, last) > 0).any())
    if not joined:
        raise UserError(
            f"no bone connects the two loaded faces ({'xyz'[axis]} = first and last layer); crop the volume to the "
            "bone, lower the threshold, or check the load axis"
        )


@functools.partial(jax.jit, static_argnames="axis")
def _joins_ends(modulus: Moduli, axis: int, layers: Int[Array, ""] | int) -> Bool[Array, ""]:
    return joins_ends(modulus > 0, axis, layers)


def prescribe_displacements(mesh: HexMesh, case: LoadCase) -> tuple[Bool[Array, "nodes 3"], Float[Array, "nodes 3"]]:
    """The degrees of freedom that a load prescribes (all of idle nodes), and their values in mm (float64)."""
    free, value = find_supports(mesh, case)
    return ~free, value


def find_supports(mesh: HexMesh, case: LoadCase) -> tuple[Bool[Array, "nodes 3"], Float[Array, "nodes 3"]]:
    """The degrees of freedom that a load leaves free (none of idle nodes), and the prescribed displacements in mm.

    Loads that differ in their size or in the gradient of their motion share a program. Raises `UserError` where nothing
    is moved.
    """
    strain = case.travel(mesh.shape, mesh.spacing) / case.length(mesh.shape, mesh.spacing)
    motion = case.motion
    if isinstance(motion, Affine):
        # The axis says what the size of the load refers to, and that is known here.
        motion = dataclasses.replace(motion, gradient=np.array(motion.gradient), axis=AXIAL)
    with jax.enable_x64(True):
        given = strain, motion, case.grip, mesh.shape, mesh.spacing
        # A motion of the user's own is written in NumPy.
        known = type(motion) in (Affine, Turn)
        free, value, moves = (_find_supports if known else _find_on_host)(mesh.nodes, mesh.num_nodes, *given)
        if not moves:
            raise UserError(
                f"the {case.name} load moves no bone, because none reaches the faces; crop the volume to it"
            )
    return free, value


@functools.partial(jax.jit, static_argnames=("grip", "shape", "spacing"))
def _find_supports(
    nodes: Int[Array, "nodes 3"],
    num_nodes: Int[Array, ""] | int,
    strain: Float[Array, ""] | float,
    motion: Affine | Turn,
    grip: Grip,
    shape: tuple[int, int, int],
    spacing: Triple,
) -> tuple[Bool[Array, "nodes 3"], Float[Array, "nodes 3"], Bool[Array, ""]]:
    # Idle nodes stand where a live one is, as a place of their own could be the outermost of a column.
    live = (jnp.arange(len(nodes)) < num_nodes)[:, None]
    fixed, value = prescribe_motion(jnp.where(live, nodes, nodes[0]), strain, motion, grip, shape, spacing)
    fixed, value = fixed & live, jnp.where(live, value, 0)
    return live & ~fixed, value, (value != 0).any()


def _find_on_host(nodes, num_nodes, strain, motion, grip, shape, spacing):
    fixed, value = np.ones(nodes.shape, bool), np.zeros(nodes.shape)
    live = slice(num_nodes)
    fixed[live], value[live] = prescribe_motion(np.asarray(nodes)[live], strain, motion, grip, shape, spacing)
    return *jax.device_put((~fixed, value)), value.any()


@jax.jit
def compute_load_norm(
    mesh: Supported, stiffness: Float[Array, "24 24"], value: Float[Array, "nodes 3"]
) -> Float[Array, "*parts"]:
    """Norm of the forces (N) that the prescribed displacements alone cause at the free degrees of freedom."""
    forces = jnp.where(mesh.free, mesh.forces(stiffness, value), 0)
    return jnp.sqrt(mesh.dot(forces, forces))
