"""ParOSol, by the wheel parosol-py: multigrid CG on an octree, one MPI process."""

import importlib.metadata
import tempfile
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from bench.shared.measure import Cost, run_alone
from bench.shared.problem import Problem, relative_residual

from trabfem.errors import UserError
from trabfem.mechanics import loads

# Chebyshev of degree 10 before and after the coarse correction, the residuals of the W-cycle, and CG's own product.
APPLICATIONS = 22


def run(problem: Problem, rtol: float, max_iterations: int) -> dict[str, Any]:
    """Write the input by ParOSol's own interface, run the program alone, read its answer; the row of the table.

    The memory that the bare program takes (MPI, HDF5) is measured on a block of eight voxels and does not count.
    `max_iterations` is not ParOSol's to set.
    """
    if max(problem.spacing) - min(problem.spacing) > 1e-6 * max(problem.spacing):
        raise UserError(f"{problem.name}: ParOSol takes cubic voxels only, leave parosol out of --solvers")
    tiny = Problem("tiny", np.full((2, 2, 2), 1000.0), problem.spacing, loads.platens(strain=-0.01), 0.3)
    with tempfile.TemporaryDirectory() as folder:
        bare, _, _ = _solve(tiny, rtol, Path(folder) / "tiny")
        cost, printed, answer = _solve(problem, rtol, Path(folder) / "full")
        displacement, energy = _read(problem, answer)
    return {
        "solver": f"parosol {importlib.metadata.version('parosol-py')}, 1 process",
        "cpu_s": cost.cpu_s,
        "wall_s": cost.wall_s,
        "compile_s": 0.0,
        "iterations": printed.iterations,
        "fine_applications": APPLICATIONS * printed.iterations,
        "bytes_per_dof": max(cost.peak - bare.peak, 0) / problem.num_dofs,
        "apparent_modulus_MPa": problem.apparent_modulus(energy),
        "relative_residual": relative_residual(problem, displacement),
        "peak_MB": cost.peak / 1e6,
        "device": "cpu",
        "converged": printed.relative_residual <= rtol,
    }


def _solve(problem: Problem, rtol: float, folder: Path) -> tuple[Cost, Any, Path]:
    """Cost of the program itself, the summary that it prints, and its HDF5 file."""
    import parosol_py
    from parosol_py import runner

    fixed, value = problem.prescribed()
    node, component = np.nonzero(fixed)
    held = parosol_py.BoundaryConditionSet(
        fixed_coordinates=np.column_stack([problem.nodes[node], component]), fixed_values=value[node, component]
    )
    case = parosol_py.solve(
        material=problem.modulus,
        array_order="xyz",
        spacing=problem.spacing,
        poisson_ratio=problem.poisson,
        boundary_conditions=held,
        outputs=(),
        tolerance=rtol,
        work_dir=folder,
        dry_run=True,
    )
    cost, stdout = run_alone(case.command, folder, runner.mpi_runtime_environment(case.command))
    return cost, runner.parse_run_summary(stdout), case.input_file


def _read(problem: Problem, answer: Path) -> tuple[np.ndarray, float]:
    """Displacements (mm) in the order of `problem.nodes`, and the energy (N mm) from ParOSol's own nodal forces."""
    with h5py.File(answer) as file:
        displacement, force = np.asarray(file["Solution/disp"]), np.asarray(file["Solution/force"])
        lattice = np.rint(np.asarray(file["Mesh/Coordinates"]) / problem.spacing).astype(int)
    order = np.lexsort(lattice.T[::-1])
    if not np.array_equal(lattice[order], problem.nodes):
        raise RuntimeError(f"{answer}: ParOSol's nodes are not those of the problem")
    return displacement[order], float((displacement * force).sum() / 2)
