"""Derivatives of stiffness, energy and failure load by every voxel's modulus, by adjoints of a finished solve."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from . import fields, hexahedron, krylov, operator, strength
from .hierarchy import finest_level
from .krylov import Outcome
from .loads import ForcePlate
from .mesh import HexMesh
from .operator import Field
from .solution import Solution
from .strength import PISTOIA_2002, Criterion

Grid = Float[np.ndarray, "x y z"]


def stiffness(solution: Solution) -> Grid:
    r"""Derivative of the stiffness by each voxel's modulus, N/mm per MPa; 0 in void.

    $$k = 2U/\delta^2, \qquad \frac{\partial k}{\partial E_e} = \frac{1}{\delta^2}\, u_e^\mathsf{T} \hat K u_e$$

    The displacement minimises the energy, so its change has no effect to first order and no further solve is needed.
    Scaling all moduli gives Euler's sum, $\sum_e E_e\, \partial k/\partial E_e = k$.
    """
    travel = solution.reaction_force / solution.stiffness
    return 2 * _unit_energies(solution) / travel**2


def energy(solution: Solution) -> Grid:
    r"""Derivative of the elastic energy by each voxel's modulus, N mm per MPa; 0 in void.

    $$\frac{\partial U}{\partial E_e} = \pm \tfrac12 u_e^\mathsf{T} \hat K u_e$$

    positive under a prescribed displacement, negative under a prescribed force, as stiffer bone moves less.
    """
    sign = -1 if isinstance(solution.load, ForcePlate) else 1
    return sign * _unit_energies(solution)


@dataclasses.dataclass(frozen=True)
class FailureGradient:
    """Failure load (N), its derivative by each voxel's modulus (N/MPa, 0 in void), and convergence of the adjoint."""

    failure_load: float
    gradient: Grid
    iterations: int
    relative_residual: float
    converged: bool


def pistoia(
    solution: Solution, criterion: Criterion = PISTOIA_2002, *, rtol: float = 1e-6, max_iterations: int = 300
) -> FailureGradient:
    r"""Derivative of `strength.pistoia`'s failure load by each voxel's modulus, by one adjoint solve.

    $$\frac{\partial \ln F}{\partial E_e} = \frac{\partial \ln k}{\partial E_e} - \frac1q \frac{dq}{dE_e}, \qquad
      \frac{dq}{dE_e} = \frac{\partial q}{\partial E_e} - \lambda_e^\mathsf{T} \hat K u_e, \qquad
      K \lambda = \frac{\partial q}{\partial u}$$

    with the critical effective strain q, which lies between those of two voxels; the derivative holds while these two
    stay neighbours in the ranking. $\lambda$ is 0 where displacements are prescribed.
    """
    mesh = solution.mesh
    with jax.enable_x64(True):
        u = jnp.asarray(solution.displacement)
        form = fields.energy_form(mesh, "centroid")
        effective = np.asarray(_effective_strain(mesh, form, u))[: mesh.num_elements]
        modulus = np.asarray(mesh.modulus, np.float64)[: mesh.num_elements]
        q, by_strain, by_modulus = _critical_strain(effective, modulus, criterion.volume)
        padded = jnp.zeros(len(mesh.pairs)).at[: mesh.num_elements].set(by_strain)
        outcome = _adjoint(solution, _strain_force(mesh, form, u, padded), rtol, max_iterations)
        matrix = jnp.asarray(hexahedron.stiffness(mesh.spacing, mesh.poisson))
        work = _work(mesh, matrix, outcome.displacement, u)[: mesh.num_elements]
    failure_load = solution.reaction_force * criterion.strain / q
    of_strain = fields.to_grid(mesh, by_modulus - np.asarray(work))
    return FailureGradient(
        failure_load=failure_load,
        gradient=failure_load * (stiffness(solution) / solution.stiffness - of_strain / q),
        iterations=int(outcome.iterations),
        relative_residual=float(outcome.relative_residual),
        converged=bool(outcome.converged),
    )


def _unit_energies(solution: Solution) -> Grid:
    """Energy of every voxel over its modulus, mm^3: half the quadratic form of the element of unit modulus."""
    mesh = solution.mesh
    density = fields.energy_density(solution, "gauss")
    modulus = fields.to_grid(mesh, np.asarray(mesh.modulus, np.float64))
    return np.prod(mesh.spacing) * np.divide(density, modulus, out=np.zeros_like(density), where=modulus > 0)


def _critical_strain(
    effective: Float[np.ndarray, " elements"], modulus: Float[np.ndarray, " elements"], share: float
) -> tuple[float, Float[np.ndarray, " elements"], Float[np.ndarray, " elements"]]:
    """The effective strain exceeded in a share of the tissue, and its derivatives by every strain and modulus."""
    order = np.argsort(effective)
    below = int(np.searchsorted(-strength.tissue_above(modulus[order]), -share, side="right")) - 1
    below = min(max(below, 0), len(order) - 2)
    place = jnp.asarray(order)
    q, (by_strain, by_modulus) = jax.value_and_grad(_interpolate, argnums=(0, 1))(
        jnp.asarray(effective), jnp.asarray(modulus), place, below, share
    )
    return float(q), np.asarray(by_strain), np.asarray(by_modulus)


def _interpolate(
    effective: Float[Array, " elements"],
    modulus: Float[Array, " elements"],
    order: Int[Array, " elements"],
    below: int,
    share: float,
) -> Float[Array, ""]:
    values, weight = effective[order], modulus[order]
    above = 1 - (jnp.cumsum(weight) - weight / 2) / weight.sum()
    part = jnp.clip((above[below] - share) / (above[below] - above[below + 1]), 0, 1)
    return (1 - part) * values[below] + part * values[below + 1]


@jax.jit
def _effective_strain(mesh: HexMesh, form: Float[Array, "24 24"], u: Field) -> Float[Array, " elements"]:
    nodal = operator.gather(u, mesh.conn)
    return jnp.sqrt(((nodal @ form) * nodal).sum(1))


@jax.jit
def _strain_force(mesh: HexMesh, form: Float[Array, "24 24"], u: Field, by_strain: Float[Array, " elements"]) -> Field:
    """Derivative by the displacements of the sum of effective strains, each times its factor, 1/mm."""
    nodal = operator.gather(u, mesh.conn)
    slope = nodal @ form
    size = jnp.sqrt((slope * nodal).sum(1))
    factor = jnp.where(size > 0, by_strain / jnp.where(size > 0, size, 1), 0)
    return operator.assemble(factor[:, None] * slope, mesh.conn, mesh.incident, len(mesh.nodes))


def _adjoint(solution: Solution, force: Field, rtol: float, max_iterations: int) -> Outcome:
    """Displacement under nodal forces where nothing is prescribed, with the hierarchy of the solution."""
    fine = finest_level(solution.levels)
    matrix = jnp.asarray(hexahedron.stiffness(fine.mesh.spacing, fine.mesh.poisson))
    norm = jnp.linalg.norm(jnp.where(fine.free, force, 0))
    return krylov.minimise(
        solution.levels, matrix, jnp.zeros_like(force), norm, rtol, rtol, max_iterations, force=force
    )


@jax.jit
def _work(mesh: HexMesh, matrix: Float[Array, "24 24"], one: Field, other: Field) -> Float[Array, " elements"]:
    return ((operator.gather(one, mesh.conn) @ matrix) * operator.gather(other, mesh.conn)).sum(1)
