"""From voxel moduli and a load case to a solution that says how far it can be trusted."""

import dataclasses
import time

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float
from scipy import ndimage

from ..errors import UserError
from . import hexahedron, hierarchy, krylov
from .hierarchy import Hierarchy, lengths_of
from .levels import Supported
from .loads import ForcePlate, Load, LoadCase
from .mesh import HexMesh, Lengths
from .multigrid import DEFAULT, KCycle


@dataclasses.dataclass(frozen=True)
class Solution:
    """The answer to one load case.

    Force and stiffness come from the energy, $F = 2U/\\delta$, which is far more accurate than summed reactions at the
    same residual. Signs: compression is negative.
    """

    mesh: HexMesh
    load: Load
    displacement: Float[np.ndarray, "nodes 3"]
    """mm, float64; one row for every node of the mesh, idle ones 0."""
    reaction_force: float
    """Force on the loaded face along its travel, N: axial, in shear lateral, where faces turn moment over radius."""
    stiffness: float
    """N/mm."""
    apparent_modulus: float
    """MPa, over the full cross-section of the volume; a shear modulus where the load is shear or torsion."""
    energy: float
    """Elastic energy, N mm."""
    iterations: int
    fine_applications: int
    relative_residual: float
    """True residual in float64 over the load that the prescribed displacements put on the free nodes."""
    energy_error: float
    """Estimated relative error of energy, force and modulus."""
    converged: bool
    setup_s: float
    solve_s: float
    lengths: Lengths = dataclasses.field(repr=False)
    """Array lengths of the mesh and the hierarchy, which a later solve that starts from here keeps."""
    levels: Hierarchy = dataclasses.field(repr=False)
    """The hierarchy, for further loads of the same mesh."""

    @property
    def case(self) -> LoadCase:
        """The displacements that the load prescribes, whatever controls their size."""
        return self.load.case if isinstance(self.load, ForcePlate) else self.load

    @property
    def message(self) -> str:
        """How the iteration ended, and the remedy if it failed."""
        if self.converged:
            return f"converged in {self.iterations} iterations"
        return (
            f"not converged after {self.iterations} iterations: relative residual {self.relative_residual:.1e}, "
            f"energy error {self.energy_error:.1e}; allow more iterations or check for pieces that hang by an edge"
        )


def solve(
    modulus: Float[np.ndarray, "x y z"],
    spacing: tuple[float, float, float],
    load: Load,
    *,
    poisson: float = 0.3,
    rtol: float = 1e-6,
    energy_tol: float = 1e-6,
    start: Solution | None = None,
    max_iterations: int = 300,
    cycle: KCycle = DEFAULT,
) -> Solution:
    """Displacements of a voxel specimen under a load case.

    `modulus` in MPa per voxel (0 = void), `spacing` in mm. Stops when the true relative residual and the estimated
    relative energy error are under `rtol` and `energy_tol`; when that fails, the answer says so in `converged`.
    `start`: a solution of the same or a slightly different voxel set at the same spacing; its displacements are the
    first guess and its array lengths are kept, so nothing is compiled again. Raises `UserError` when no bone
    connects the loaded faces.
    """
    with jax.enable_x64(True):
        began = time.perf_counter()
        mesh = HexMesh.from_voxels(modulus, spacing, poisson, like=None if start is None else start.lengths)
        case = load.case if isinstance(load, ForcePlate) else load
        if start is None:
            require_load_path(modulus, spacing, case)
        fixed, value = prescribed(mesh, case)
        supported = Supported(mesh, jnp.asarray(~fixed))
        stiffness = jnp.asarray(hexahedron.stiffness(mesh.spacing, mesh.poisson))
        # Here, long before the iteration: a program gives its memory back some time after its result is there.
        load_norm = load_norm_of(supported, stiffness, jnp.asarray(value))
        guess = jnp.asarray(value if start is None else first_guess(start, mesh, case, fixed, value))
        # The iteration overwrites its first guess: neither it nor the prescribed values stay in memory beside it.
        del fixed, value
        levels = hierarchy.build(mesh, supported.free, like=None if start is None else start.lengths)
        jax.block_until_ready(levels)
        ready = time.perf_counter()
        outcome = krylov.minimise(levels, stiffness, guess, load_norm, rtol, energy_tol, max_iterations, cycle)
        jax.block_until_ready(outcome)
        return solution_of(mesh, load, case, levels, outcome, cycle, ready - began, time.perf_counter() - ready)


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


@jax.jit
def load_norm_of(mesh: Supported, stiffness: Float[Array, "24 24"], value: Float[Array, "nodes 3"]) -> Float[Array, ""]:
    """Norm of the forces that the prescribed displacements alone put on the free degrees of freedom, N."""
    forces = jnp.where(mesh.free, mesh.forces(stiffness, value), 0)
    return jnp.sqrt(mesh.summed(jnp.vdot(forces, forces)))


def prescribed(mesh: HexMesh, case: LoadCase) -> tuple[np.ndarray, np.ndarray]:
    """Which degrees of freedom a load prescribes, idle nodes included, and their values in mm."""
    fixed, value = np.ones((len(mesh.nodes), 3), bool), np.zeros((len(mesh.nodes), 3))
    live = slice(mesh.num_nodes)
    fixed[live], value[live] = case.prescribe(np.asarray(mesh.nodes)[live], mesh.shape, mesh.spacing)
    if not value.any():
        raise UserError(f"the {case.name} load moves no bone, because none reaches the faces; crop the volume to it")
    return fixed, value


def solution_of(mesh, load, case, levels, outcome, cycle, setup_s, solve_s) -> Solution:
    """The outcome of the iteration in the terms of its load case."""
    travel = case.travel(mesh.shape, mesh.spacing)
    energy = float(outcome.energy)
    force = 2 * energy / travel
    scale = load.force / force if isinstance(load, ForcePlate) and force else 1.0
    slenderness = case.length(mesh.shape, mesh.spacing) / case.section(mesh.shape, mesh.spacing)
    iterations, displacement = int(outcome.iterations), np.asarray(outcome.displacement)
    return Solution(
        mesh=mesh,
        load=load,
        displacement=displacement if scale == 1 else scale * displacement,
        reaction_force=scale * force,
        stiffness=force / travel,
        apparent_modulus=force / travel * slenderness,
        energy=scale**2 * energy,
        iterations=iterations,
        fine_applications=iterations * (cycle.fine_applications + 1) + int(outcome.residual_evaluations) + 1,
        relative_residual=float(outcome.relative_residual),
        energy_error=float(outcome.energy_error),
        converged=bool(outcome.converged),
        setup_s=setup_s,
        solve_s=solve_s,
        lengths=lengths_of(levels) if levels else mesh.lengths,
        levels=levels,
    )


def first_guess(start: Solution, mesh: HexMesh, case: LoadCase, fixed: np.ndarray, value: np.ndarray) -> np.ndarray:
    """Displacements to start the iteration from: those of an earlier solution, and what is prescribed."""
    return np.where(fixed, value, _carry_over(start, mesh, case))


def _carry_over(start: Solution, mesh: HexMesh, case: LoadCase) -> np.ndarray:
    """Displacements of an earlier solution at the nodes of a mesh; a new node takes the mean of its neighbours."""
    old = start.mesh
    scale = case.travel(mesh.shape, mesh.spacing) / _axial_travel(start)
    lattice = np.array([(mesh.shape[1] + 1) * (mesh.shape[2] + 1), mesh.shape[2] + 1, 1])
    before = np.asarray(old.nodes)[: old.num_nodes] @ lattice
    now = np.asarray(mesh.nodes)[: mesh.num_nodes] @ lattice
    place = np.minimum(np.searchsorted(before, now), len(before) - 1)
    known = np.zeros(len(mesh.nodes), bool)
    known[: len(now)] = before[place] == now
    u = np.zeros((len(mesh.nodes), 3))
    u[: len(now)] = np.where(known[: len(now), None], scale * start.displacement[place], 0)
    conn = np.asarray(mesh.conn)[: mesh.num_elements]
    while (lost := np.flatnonzero(~known[: len(now)])).size:
        element = conn[(~known[conn]).any(1) & known[conn].any(1)]
        if not element.size:
            break
        weight = known[element].astype(float)
        mean = np.einsum("ea,eac->ec", weight, u[element]) / weight.sum(1, keepdims=True)
        total, count = np.zeros_like(u), np.zeros(len(u))
        np.add.at(total, element, mean[:, None, :])
        np.add.at(count, element, 1)
        filled = lost[count[lost] > 0]
        u[filled] = total[filled] / count[filled, None]
        known[filled] = True
    return u


def _axial_travel(solution: Solution) -> float:
    """Travel of the loaded face in the displacements of a solution, mm."""
    return solution.reaction_force / solution.stiffness
