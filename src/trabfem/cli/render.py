"""`trabfem render`: pictures of a finished run."""

from pathlib import Path

from trabfem.cli.common import Common, Outcome, claim_folder


def render(run: Path, /, *, viewer: bool = False, out: Path | None = None, common: Common = Common()) -> Outcome:
    """Draw a run: bone before and after in each arm, strength over time, and files for ParaView.

    Example: `trabfem render my-study --viewer`

    Pictures that the run has already are left as they are, and those that are missing are drawn.

    Parameters
    ----------
    run
        The folder that `trabfem compare` or `trabfem simulate` wrote.
    viewer
        Also one HTML file that turns the bones in a browser (extra `viewer`).
    out
        Draw everything into this folder, new or empty, in place of the run's own.
    """
    from trabfem.render.report import render_run

    if out is not None:
        claim_folder(out)
    report = render_run(run, with_viewer=viewer, out=out, keep=True)
    rows = [("wrote", str(file)) for file in report.files]
    result = {"run": run, "files": report.files, "messages": report.messages}
    return Outcome(f"Pictures of {run}", rows, result, common.json, report.messages)
