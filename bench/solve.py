"""trabfem, ParOSol and pyamg on the same volume with the same boundary conditions, in one table.

python bench/solve.py --volume FILE [--json]     (peers: pip install 'trabfem[bench]')
"""

import shared.paths  # noqa: F401

# isort: split
import sys

from bench.shared import alone, options, table
from cyclopts import App

from trabfem.errors import UserError

LOAD = "platens"
YOUNGS_MPA = 6829.0
POISSON = 0.3
RTOL = 1e-6
MAX_ITERATIONS = 500
SOLVERS = "trabfem,parosol,pyamg"

COLUMNS = {
    "solver": ("solver", "s"),
    "cpu_s": ("CPU s", ".2f"),
    "wall_s": ("wall s", ".2f"),
    "compile_s": ("compile s", ".2f"),
    "iterations": ("iterations", "d"),
    "fine_applications": ("fine applications", "d"),
    "bytes_per_dof": ("B/dof", ".0f"),
    "apparent_modulus_MPa": ("apparent modulus MPa", ".6f"),
    "relative_residual": ("relative residual", ".1e"),
}

app = App(help="Solve one volume with trabfem, ParOSol and pyamg, each in its own process, and print one table.")


@app.default
def main(
    *,
    volume: str,
    load: options.Load = LOAD,
    youngs: float = YOUNGS_MPA,
    poisson: float = POISSON,
    rtol: options.Rtol = RTOL,
    max_iterations: int = MAX_ITERATIONS,
    refine: options.Refine = 1,
    threshold: float | None = None,
    solvers: str = SOLVERS,
    device: options.Device = "auto",
    json: options.Json = False,
) -> int:
    """Measure and print.

    Parameters
    ----------
    volume
        A file that trabfem reads, or the name of a shipped specimen.
    youngs
        Young's modulus of the tissue in MPa.
    poisson
        Poisson's ratio of the tissue.
    max_iterations
        Where trabfem and pyamg give up.
    threshold
        Gray value from which a voxel is bone; Otsu's if left out.
    solvers
        Which to run, in this order, with commas between.
    """
    case = alone.Case(volume, load, youngs, poisson, rtol, max_iterations, refine, threshold, device)
    rows, failed = [], False
    for solver in _chosen(solvers):
        print(f"{solver} ...", file=sys.stderr)
        try:
            rows.append(alone.run(solver, case))
        except alone.SolverFailed as error:
            print(f"bench: {error}", file=sys.stderr)
            failed = True
            continue
        if json:
            print(table.json_line(rows[-1]), flush=True)
    if rows and not json:
        print(table.headed(rows, COLUMNS, "{case}: {num_elements} elements, {num_dofs} unknowns"))
    loose = [row["solver"] for row in rows if not row["converged"]]
    if loose:
        print(f"bench: not converged: {'; '.join(loose)}", file=sys.stderr)
    return 1 if failed or not rows else alone.NOT_CONVERGED if loose else 0


def _chosen(solvers: str) -> list[str]:
    """The solvers asked for that are installed; a name that is none ends the run."""
    names = [name.strip() for name in solvers.split(",") if name.strip()]
    for name in names:
        if name not in alone.SOLVERS:
            raise UserError(f"--solvers {name}: choose from {', '.join(alone.SOLVERS)}")
    for name in names:
        if not alone.installed(name):
            print(f"bench: {name} is left out, it is not installed: pip install 'trabfem[bench]'", file=sys.stderr)
    return [name for name in names if alone.installed(name)]


if __name__ == "__main__":
    sys.exit(alone.exit_code(app))
