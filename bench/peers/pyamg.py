"""pyamg: smoothed aggregation with the six rigid body modes, around CG on an assembled block-sparse matrix."""

import importlib.metadata
import itertools
from typing import Any

import numpy as np
import scipy.sparse
from bench.shared.measure import measured
from bench.shared.problem import Problem, relative_residual
from jaxtyping import Bool, Float, Int

from trabfem.mechanics import hexahedron
from trabfem.mechanics.hexahedron import CORNERS

NEIGHBOURS = np.array(list(itertools.product((-1, 0, 1), repeat=3)))
OWN = 13
STRENGTH = ("symmetric", {"theta": 0.08})
# A V-cycle with one sweep of block Gauss-Seidel before and after and one residual, and the product of CG itself.
APPLICATIONS = 4


def run(problem: Problem, rtol: float, max_iterations: int) -> dict[str, Any]:
    """Assemble, set up and solve; the row of the table."""
    from pyamg.aggregation import smoothed_aggregation_solver

    residuals: list[float] = []
    with measured() as cost:
        fixed, value = problem.prescribed()
        matrix, force, energy = assemble(problem, fixed, value)
        solver = smoothed_aggregation_solver(
            matrix,
            B=rigid_modes(problem, fixed),
            symmetry="symmetric",
            strength=STRENGTH,  # pyright: ignore[reportArgumentType]
            smooth=("jacobi", {"omega": 4 / 3}),
            improve_candidates=None,
            presmoother=("block_gauss_seidel", {"sweep": "forward"}),
            postsmoother=("block_gauss_seidel", {"sweep": "backward"}),
        )
        step = np.asarray(solver.solve(-force, tol=rtol, maxiter=max_iterations, accel="cg", residuals=residuals))
        energy += float(step @ force + step @ (matrix @ step) / 2)
    iterations = len(residuals) - 1
    return {
        "solver": f"pyamg {importlib.metadata.version('pyamg')} smoothed aggregation, CG",
        "cpu_s": cost.cpu_s,
        "wall_s": cost.wall_s,
        "compile_s": 0.0,
        "iterations": iterations,
        "fine_applications": APPLICATIONS * iterations,
        "bytes_per_dof": cost.growth / problem.num_dofs,
        "apparent_modulus_MPa": problem.apparent_modulus(energy),
        "relative_residual": relative_residual(problem, value + step.reshape(-1, 3)),
        "peak_MB": cost.peak / 1e6,
        "device": "cpu",
        "converged": bool(residuals[-1] <= rtol * residuals[0]),
    }


def assemble(
    problem: Problem, fixed: Bool[np.ndarray, "nodes 3"], value: Float[np.ndarray, "nodes 3"]
) -> tuple[scipy.sparse.bsr_matrix, Float[np.ndarray, " dofs"], float]:
    """Stiffness with prescribed rows and columns cleared, and the forces (0 where prescribed) and energy of `value`."""
    blocks, neighbour = _blocks(problem)
    present = neighbour >= 0
    force = _matrix(blocks, neighbour, present) @ value.ravel()
    energy = value.ravel() @ force / 2
    free = ~fixed
    diagonal = np.where(fixed, np.einsum("nii->ni", blocks[:, OWN]), 0)
    for k in range(len(NEIGHBOURS)):
        blocks[:, k] *= free[:, :, None] * free[neighbour[:, k], None, :]
    np.einsum("nii->ni", blocks[:, OWN])[...] += diagonal
    present &= (blocks != 0).any((2, 3))
    return _matrix(blocks, neighbour, present), free.ravel() * force, float(energy)


def rigid_modes(problem: Problem, fixed: Bool[np.ndarray, "nodes 3"]) -> Float[np.ndarray, "dofs 6"]:
    """Three translations and three rotations about the middle, 0 where displacements are prescribed."""
    position = problem.nodes * problem.spacing
    position -= position.mean(0)
    x, y, z = (position / np.abs(position).max()).T
    modes = np.zeros((len(problem.nodes), 3, 6))
    modes[:, [0, 1, 2], [0, 1, 2]] = 1
    modes[:, 1, 3], modes[:, 2, 3] = -z, y
    modes[:, 2, 4], modes[:, 0, 4] = -x, z
    modes[:, 0, 5], modes[:, 1, 5] = -y, x
    return (modes * ~fixed[:, :, None]).reshape(-1, 6)


def _blocks(problem: Problem) -> tuple[Float[np.ndarray, "nodes 27 3 3"], Int[np.ndarray, "nodes 27"]]:
    """The 3 x 3 blocks of every node with its neighbours on the lattice, and which node that is (-1: none)."""
    nodes, voxels = problem.nodes, problem.voxels
    number = np.full(np.array(problem.modulus.shape) + 3, -1, np.int32)
    number[tuple((nodes + 1).T)] = np.arange(len(nodes))
    neighbour = np.stack([number[tuple((nodes + 1 + offset).T)] for offset in NEIGHBOURS], axis=1)
    stiffness = hexahedron.stiffness(problem.spacing, problem.poisson).reshape(8, 3, 8, 3)
    modulus = problem.modulus[tuple(voxels.T)][:, None, None]
    blocks = np.zeros((len(nodes), len(NEIGHBOURS), 3, 3))
    for a, corner in enumerate(CORNERS):
        row = number[tuple((voxels + 1 + corner).T)]
        for b, other in enumerate(CORNERS):
            # Each node is corner a of at most one voxel: no row comes twice.
            blocks[row, (other - corner + 1) @ (9, 3, 1)] += modulus * stiffness[a, :, b]
    return blocks, neighbour


def _matrix(blocks: np.ndarray, neighbour: np.ndarray, present: np.ndarray) -> scipy.sparse.bsr_matrix:
    start = np.concatenate([[0], np.cumsum(present.sum(1))]).astype(np.int32)
    size = 3 * len(blocks)
    return scipy.sparse.bsr_matrix((blocks[present], neighbour[present], start), shape=(size, size))
