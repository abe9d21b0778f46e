"""Strain, stress and energy density of a solution, element by element."""

from typing import Literal

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Shaped

from . import hexahedron, native, operator
from .mesh import HexMesh
from .operator import Field
from .solution import Solution

Where = Literal["centroid", "gauss"]


def energy_density(solution: Solution, where: Where = "gauss") -> Float[np.ndarray, "x y z"]:
    r"""Strain energy density of every voxel, MPa per volume of the voxel; 0 in void.

    $$U = \tfrac12\, \varepsilon^\mathsf{T} C\, \varepsilon$$

    at the centroid, or averaged over the 2x2x2 Gauss points, which is the exact mean over the voxel. The centroid
    value, which most voxel codes report, omits bending inside the voxel and is a few per cent lower.
    """
    with jax.enable_x64(True):
        density = _energy_density(solution.mesh, energy_form(solution.mesh, where), solution.displacement)
        return to_grid(solution.mesh, np.asarray(density))


def energy_grid(solution: Solution, where: Where = "gauss") -> Float[Array, "x y z"]:
    """`energy_density` as a float64 array of JAX on the voxels, which stays on the device."""
    with jax.enable_x64(True):
        return _energy_grid(solution.mesh, energy_form(solution.mesh, where), solution.displacement)


def strain(solution: Solution) -> Float[np.ndarray, "elements 6"]:
    """Strain at the centroid of every element: xx, yy, zz and engineering yz, zx, xy."""
    mesh = solution.mesh
    matrix = hexahedron.strain_matrix(hexahedron.CENTROID, mesh.spacing)[0]
    with jax.enable_x64(True):
        return np.asarray(_strain(mesh, jax.device_put(matrix), solution.displacement))[: mesh.num_elements]


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
    with jax.enable_x64(True):
        density = _energy_density(mesh, energy_form(mesh, "centroid"), solution.displacement)
    return np.sqrt(2 * np.asarray(density)[: mesh.num_elements] / modulus)


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
    return jax.device_put(np.einsum("psi,st,ptj->ij", matrix, elasticity, matrix) / len(points))


def element_energy(mesh: HexMesh, form: Float[Array, "24 24"], u: Field) -> Float[Array, " elements"]:
    """Energy density of every element from the `energy_form`, inside a program; 0 for idle elements."""

    def compiled(u: Field) -> Float[Array, " elements"]:
        like = jax.ShapeDtypeStruct((len(mesh.pairs),), jnp.float64)
        return native.call("energies", like, mesh.pairs, mesh.modulus, form.astype(jnp.float64), u)

    def plain(u: Field) -> Float[Array, " elements"]:
        nodal = operator.gather(u, mesh.conn)
        product = jnp.matmul(nodal, form, precision=operator.HIGHEST)
        return 0.5 * mesh.modulus * (product * nodal).sum(1)

    return compiled(u) if native.available() and u.dtype == jnp.float64 else plain(u)


_energy_density = jax.jit(element_energy)


@jax.jit
def _energy_grid(mesh: HexMesh, form: Float[Array, "24 24"], u: Field) -> Float[Array, "x y z"]:
    density = element_energy(mesh, form, u)
    x, y, z = mesh.voxels.astype(jnp.int32).T
    # Idle elements name a voxel that may be another's, so they are sent out of the grid.
    x = jnp.where(jnp.arange(len(x)) < mesh.num_elements, x, mesh.shape[0])
    return jnp.zeros(mesh.shape, density.dtype).at[x, y, z].set(density, mode="drop")


@jax.jit
def _strain(mesh: HexMesh, matrix: Float[Array, "6 24"], u: Field) -> Float[Array, "elements 6"]:
    return jnp.matmul(operator.gather(u, mesh.conn), matrix.T, precision=jax.lax.Precision.HIGHEST)
