"""One linear solve: from voxel moduli and a load case to a solution with error estimates."""

import time

import jax

from . import hexahedron, hierarchy, krylov
from .levels import Supported
from .loads import ForcePlate, Load
from .mesh import HexMesh, Moduli
from .multigrid import DEFAULT, KCycle
from .solution import Solution, make_solution
from .supports import compute_load_norm, find_supports, require_load_path
from .warm_start import first_guess

__all__ = ["Solution", "solve"]


def solve(
    modulus: Moduli,
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

    `modulus` in MPa per voxel (0 = void), in NumPy or on the device, `spacing` in mm. Stops when the true relative
    residual and the estimated relative energy error are under `rtol` and `energy_tol`; `converged` tells whether this
    was reached.
    `start`: a solution of the same or a slightly different voxel set at the same spacing; its displacements are the
    first guess and its array lengths are kept, which avoids compiling again. Raises `UserError` when no bone
    connects the loaded faces.
    """
    with jax.enable_x64(True):
        began = time.perf_counter()
        mesh = HexMesh.from_voxels(modulus, spacing, poisson, like=None if start is None else start.lengths)
        case = load.case if isinstance(load, ForcePlate) else load
        if start is None:
            require_load_path(modulus, spacing, case)
        free, value = find_supports(mesh, case)
        stiffness = jax.device_put(hexahedron.stiffness(mesh.spacing, mesh.poisson))
        # Well before the iteration, because a program releases its memory some time after its result is there.
        load_norm = compute_load_norm(Supported(mesh, free), stiffness, value)
        guess = value if start is None else first_guess(start, mesh, case, free=free, value=value)
        # The iteration overwrites its first guess; deleting the other array frees its memory.
        del value
        levels = hierarchy.build(mesh, free, like=None if start is None else start.lengths)
        jax.block_until_ready(levels)
        ready = time.perf_counter()
        outcome = krylov.minimise(levels, stiffness, guess, load_norm, rtol, energy_tol, max_iterations, cycle)
        jax.block_until_ready(outcome)
        return make_solution(mesh, load, case, levels, outcome, cycle, ready - began, time.perf_counter() - ready)
