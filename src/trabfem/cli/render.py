"""`trabfem render`: pictures of a finished run."""

from pathlib import Path

from trabfem.cli.common import Common, Outcome


def render(run: Path, /, *, viewer: bool = False, common: Common = Common()) -> Outcome:
    """Draw a run: bone before and after in each arm, strength over time, and files for ParaView.

    Example: `trabfem render my-study`

    Parameters
    ----------
    run
        The folder that `trabfem compare` or `trabfem simulate` wrote.
    viewer
        Also one HTML file that turns the bones in a browser (extra `viewer`).
    """
    from trabfem.render.report import render_run

    report = render_run(run, with_viewer=viewer)
    rows = [("wrote", str(file)) for file in report.files]
    result = {"run": run, "files": report.files, "messages": report.messages}
    return Outcome(f"Pictures of {run}", rows, result, common.json, report.messages)
