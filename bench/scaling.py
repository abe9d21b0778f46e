"""How time, iterations and memory of trabfem grow as the same bone is cut into ever finer voxels.

python bench/scaling.py [--largest 128] [--volumes FILE ...] [--json]
"""

import shared.paths  # noqa: F401

# isort: split
import dataclasses
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated, Any

from bench.shared import alone, options, table
from cyclopts import App, Parameter

from trabfem.errors import UserError

BASE = 32
# Coarse enough that 32 voxels hold several struts; they are two voxels thick there, and four times that at 128.
SPACING_MM = 0.07
LARGEST = 128
REFINE_VOLUMES = 2
SOLVER = "trabfem"

COLUMNS = {
    "solver": ("solver", "s"),
    "case": ("case", "s"),
    "num_dofs": ("unknowns", "d"),
    "cpu_s": ("CPU s", ".2f"),
    "wall_s": ("wall s", ".2f"),
    "compile_s": ("compile s", ".2f"),
    "iterations": ("iterations", "d"),
    "iterations_growth": ("x before", ".2f"),
    "fine_applications": ("fine applications", "d"),
    "cpu_us_per_dof": ("CPU us/dof", ".2f"),
    "bytes_per_dof": ("B/dof", ".0f"),
    "relative_residual": ("relative residual", ".1e"),
}

app = App(help="Refine the same bone 2x by 2x and print how time, iterations and memory grow.")


@app.default
def main(
    *,
    largest: int = LARGEST,
    base: int = BASE,
    site: options.Site = "vertebra",
    seed: options.Seed = 1,
    volumes: Annotated[Sequence[str], Parameter(consume_multiple=True, negative="")] = (),
    refine_volumes: int = REFINE_VOLUMES,
    solver: str = SOLVER,
    load: options.Load = "platens",
    rtol: options.Rtol = 1e-6,
    device: options.Device = "auto",
    json: options.Json = False,
) -> int:
    """Measure and print.

    Parameters
    ----------
    largest
        Largest side of the generated bone in voxels; 0 leaves generated bone out.
    base
        Side at which it is generated; every further row cuts its voxels in two along each axis.
    volumes
        Files to measure as well.
    refine_volumes
        The finest that their voxels are cut along each axis, in steps of 2.
    solver
        trabfem, parosol or pyamg.
    """
    if largest < base and not volumes:
        raise UserError(f"--largest {largest} is under --base {base} and there are no --volumes: nothing to measure")
    case = alone.Case("", load=load, rtol=rtol, device=device)
    rows: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as folder:
        for volume, finest in _series(Path(folder), largest, base, site, seed, volumes, refine_volumes):
            for row in measure(solver, dataclasses.replace(case, volume=volume), finest):
                rows.append(row)
                if json:
                    print(table.json_line(row), flush=True)
    if rows and not json:
        print(table.headed(rows, COLUMNS, "{device}"))
    return 0 if all(row["converged"] for row in rows) else alone.NOT_CONVERGED


def measure(solver: str, case: alone.Case, finest: int) -> Iterator[dict[str, Any]]:
    """One row for each refinement 1, 2, 4 ... `finest`, with the growth of iterations since the last."""
    before, refine = None, 1
    while refine <= finest:
        print(f"{solver} on {case.volume}, voxels cut in {refine} ...", file=sys.stderr)
        row = alone.run(solver, dataclasses.replace(case, refine=refine))
        row["refine"] = refine
        row["iterations_growth"] = None if before is None else row["iterations"] / before
        row["cpu_us_per_dof"] = 1e6 * row["cpu_s"] / row["num_dofs"]
        yield row
        before, refine = row["iterations"], 2 * refine


def _series(
    folder: Path, largest: int, base: int, site: str, seed: int, volumes: Sequence[str], refine_volumes: int
) -> Iterator[tuple[str, int]]:
    """Files, and how fine the voxels of each are to be cut."""
    if largest >= base:
        from trabfem.specimen import readers, synthetic

        path = folder / f"{site}_{base}.npz"
        readers.write(synthetic.generate(site, seed, base, SPACING_MM), path)
        yield str(path), largest // base
    for volume in volumes:
        yield volume, refine_volumes


if __name__ == "__main__":
    sys.exit(alone.exit_code(app))
