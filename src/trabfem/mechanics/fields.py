"""Strain, stress and energy density of a solution, element by element."""

import functools
from typing import Literal

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Shaped

from . import hexahedron, operator
from .mesh import HexMesh
from .solution import Solution

Where = Literal["centroid", "gauss"]


def energy_density(solution: Solution, where: Where = "gauss") -> Float[np.ndarray, "x y z"]:
    r"""Strain energy density of every voxel, MPa per volume of the voxel; 0 in void.

    $$U = \tfrac12\, \varepsilon^\mathsf{T} C\, \varepsilon$$

    at the centroid, or averaged over the 2x2x2 Gauss points, which is the exact mean over the voxel. The centroid
    value, which most voxel codes report, omits bending inside the voxel and is a few per cent lower.
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


def von_mises(solution: Solution) -> Float[np.ndarray, " elements"]:
    r"""Von Mises stress at the centroid of every element, MPa,

    $$\sigma_v^2 = \tfrac12\left[(\sigma_x - \sigma_y)^2 + (\sigma_y - \sigma_z)^2 + (\sigma_z - \sigma_x)^2\right]
      + 3\,(\tau_{yz}^2 + \tau_{zx}^2 + \tau_{xy}^2)$$
    """
    s = stress(solution)
    normal, shear = s[:, :3], s[:, 3:]
    return np.sqrt(((normal - np.roll(normal, 1, 1)) ** 2).sum(1) / 2 + 3 * (shear**2).sum(1))


def effective_strain(solution: Solution) -> Float[np.ndarray, " elements"]:
    r"""Energy-equivalent strain of the tissue at the centroid of every element, $\text{EES} = \sqrt{2U/E}$.

    Source: Pistoia et al., Bone 30:842 (2002).
    """
    mesh = solution.mesh
    modulus = np.asarray(mesh.modulus, np.float64)[: mesh.num_elements]
    density = energy_density(solution, "centroid")[tuple(np.asarray(mesh.voxels)[: mesh.num_elements].T)]
    return np.sqrt(2 * density / modulus)


def to_grid(
    mesh: HexMesh, values: Shaped[np.ndarray, "elements *components"]
) -> Shaped[np.ndarray, "x y z *components"]:
    """Element values (padding allowed) on the voxel grid, 0 in void."""
    grid = np.zeros((*mesh.shape, *values.shape[1:]), values.dtype)
    grid[tuple(np.asarray(mesh.voxels)[: mesh.num_elements].T)] = values[: mesh.num_elements]
    return grid


def to_corners(
    mesh: HexMesh, values: Shaped[np.ndarray, "nodes *components"]
) -> Shaped[np.ndarray, "i j k *components"]:
    """Node values (padding allowed) at the corners of the voxels, one more along each axis; 0 where no bone is."""
    x, y, z = mesh.shape
    grid = np.zeros((x + 1, y + 1, z + 1, *values.shape[1:]), values.dtype)
    grid[tuple(np.asarray(mesh.nodes)[: mesh.num_nodes].T)] = values[: mesh.num_nodes]
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
