"""Strain, stress and energy density of a solution, element by element."""

import functools
from typing import Literal

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from . import hexahedron, operator
from .mesh import HexMesh
from .solution import Solution

Where = Literal["centroid", "gauss"]


def energy_density(solution: Solution, where: Where = "gauss") -> Float[np.ndarray, "x y z"]:
    r"""Strain energy density of every voxel, MPa per volume of the voxel; 0 in void.

    $$U = \tfrac12\, \varepsilon^\mathsf{T} C\, \varepsilon$$

    at the centroid, or averaged over the 2x2x2 Gauss points, which is the exact mean over the voxel. The centroid
    value, which most voxel codes report, leaves out bending inside the voxel and is a few per cent lower.
    """
    mesh = solution.mesh
    with jax.enable_x64(True):
        density = _energy_density(mesh, energy_form(mesh, where), jnp.asarray(solution.displacement))
        return to_grid(mesh, np.asarray(density))


def strain(solution: Solution) -> Float[np.ndarray, "elements 6"]:
    """Strain at the centroid of every element: xx, yy, zz and engineering yz, zx, xy."""
    mesh = solution.mesh
    with jax.enable_x64(True):
        matrix = jnp.asarray(hexahedron.strain_matrix(hexahedron.CENTROID, mesh.spacing)[0])
        nodal = operator.gather(jnp.asarray(solution.displacement), mesh.conn)
        return np.asarray(nodal @ matrix.T)[: mesh.num_elements]


def stress(solution: Solution) -> Float[np.ndarray, "elements 6"]:
    """Stress at the centroid of every element, MPa, in the order of `strain`."""
    modulus = np.asarray(solution.mesh.modulus)[: solution.mesh.num_elements]
    return modulus[:, None] * (strain(solution) @ hexahedron.elasticity(solution.mesh.poisson))


def to_grid(mesh: HexMesh, values: Float[np.ndarray, "elements"]) -> Float[np.ndarray, "x y z"]:
    """Element values (padding allowed) on the voxel grid, 0 in void."""
    grid = np.zeros(mesh.shape, values.dtype)
    grid[tuple(np.asarray(mesh.voxels)[: mesh.num_elements].T)] = values[: mesh.num_elements]
    return grid


def energy_form(mesh: HexMesh, where: Where) -> Float[Array, "24 24"]:
    """The quadratic form of nodal displacements whose half is the energy density for unit modulus, 1/mm^2."""
    points = hexahedron.CENTROID if where == "centroid" else hexahedron.GAUSS_POINTS
    matrix = hexahedron.strain_matrix(points, mesh.spacing)
    elasticity = hexahedron.elasticity(mesh.poisson)
    return jnp.asarray(np.einsum("psi,st,ptj->ij", matrix, elasticity, matrix) / len(points))


@functools.partial(jax.jit)
def _energy_density(mesh: HexMesh, form: Float[Array, "24 24"], u: Float[Array, "nodes 3"]):
    nodal = operator.gather(u, mesh.conn)
    return 0.5 * mesh.modulus * ((nodal @ form) * nodal).sum(1)
