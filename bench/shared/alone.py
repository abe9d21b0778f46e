"""One solver on one case in a process of its own, so that its CPU seconds and its memory are nobody else's.

`python -m bench.shared.alone SOLVER CASE` is that process: it prints the row as one JSON object.
"""

import contextlib
import dataclasses
import importlib
import importlib.util
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
# The package that each needs; a solver is a module bench.peers.NAME with a function run(problem, rtol, max_iterations).
SOLVERS = {"trabfem": "trabfem", "parosol": "parosol_py", "pyamg": "pyamg"}
USER_MISTAKE, NOT_CONVERGED = 2, 3


@dataclasses.dataclass(frozen=True)
class Case:
    """What to solve, in words: a file (or the name of a shipped specimen) and the options of `bench/solve.py`."""

    volume: str
    load: str = "platens"
    youngs: float = 6829.0
    poisson: float = 0.3
    rtol: float = 1e-6
    max_iterations: int = 500
    refine: int = 1
    threshold: float | None = None
    device: str = "auto"


class SolverFailed(Exception):
    """A solver gave no answer; the message says which and why."""


def run(solver: str, case: Case) -> dict[str, Any]:
    """The row of `solver` on `case`: `solver`, `case`, and what the solver's own module reports."""
    volume = Path(case.volume)
    case = dataclasses.replace(case, volume=str(volume.resolve()) if volume.exists() else case.volume)
    # -P: the folder bench/ holds a file operator.py, which must not stand in for the one of the standard library.
    command = [sys.executable, "-P", "-m", "bench.shared.alone", solver, json.dumps(dataclasses.asdict(case))]
    path = os.pathsep.join(filter(None, [str(ROOT), str(ROOT / "src"), os.environ.get("PYTHONPATH")]))
    done = subprocess.run(command, env=os.environ | {"PYTHONPATH": path}, stdout=subprocess.PIPE, text=True)
    if done.returncode:
        if done.returncode == USER_MISTAKE:
            # The process has said what is wrong.
            raise SystemExit(USER_MISTAKE)
        raise SolverFailed(f"{solver} on {case.volume} ended with code {done.returncode}")
    return json.loads(done.stdout)


def installed(solver: str) -> bool:
    """Whether the package that `solver` needs is there."""
    return importlib.util.find_spec(SOLVERS[solver]) is not None


def _child(solver: str, case: Case) -> int:
    choose_device(case.device if solver == "trabfem" else "cpu")
    from bench.shared import problem

    # Whatever a library prints must not mix with the row.
    with contextlib.redirect_stdout(sys.stderr):
        bone = problem.bone(case.volume, case.threshold)
        stated = problem.of(bone, case.load, case.youngs, case.poisson, case.refine)
        row = importlib.import_module(f"bench.peers.{solver}").run(stated, case.rtol, case.max_iterations)
    size = {"num_elements": len(stated.voxels), "num_dofs": stated.num_dofs}
    row = {"solver": row.pop("solver"), "case": f"{stated.name} {case.load}"} | row | size
    print(json.dumps(row, default=plain))
    return 0


def plain(value: Any) -> Any:
    """What JSON does not know: numpy's numbers and arrays."""
    return value.tolist() if hasattr(value, "tolist") else str(value)


def choose_device(name: str) -> None:
    """Bind JAX before its first use."""
    import jax

    from trabfem.errors import UserError

    if name != "auto":
        jax.config.update("jax_platforms", "cpu" if name == "cpu" else None)
    if name == "gpu" and jax.default_backend() != "gpu":
        raise UserError("--device gpu: JAX finds no GPU here; install trabfem[cuda12] or [cuda13], or use --device cpu")


def exit_code(work: Callable[[], int]) -> int:
    """The exit code of `work`; a user's mistake is one sentence and no trace."""
    from trabfem.errors import UserError

    try:
        return work()
    except UserError as error:
        print(f"bench: {error}", file=sys.stderr)
        return USER_MISTAKE
    except SolverFailed as error:
        print(f"bench: {error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(exit_code(lambda: _child(sys.argv[1], Case(**json.loads(sys.argv[2])))))
