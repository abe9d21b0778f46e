"""`trabfem render`: pictures of a finished run."""

from pathlib import Path

from trabfem.cli.common import Common, Outcome
from trabfem.errors import UserError


def render(run: Path, /, *, common: Common = Common()) -> Outcome:
    """Draw a run: bone before and after in each arm, strength over time, and files for ParaView.

    Parameters
    ----------
    run
        The folder that `trabfem compare` or `trabfem simulate` wrote.
    """
    from trabfem.render.report import render_run

    if not (run / "run.json").is_file():
        raise UserError(f"{run} holds no run.json: give the folder that trabfem compare or simulate wrote")
    files = [Path(file) for file in render_run(run)]
    rows = [("wrote", str(file)) for file in files]
    return Outcome(f"Pictures of {run}", rows, {"run": run, "files": files}, common.json)
