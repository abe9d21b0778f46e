"""`trabfem render`: pictures of a finished run."""

from pathlib import Path

from trabfem.cli.common import Common, Outcome, claim_folder


def render(
    run: Path,
    /,
    *,
    bones: str | None = None,
    out: Path | None = None,
    common: Common = Common(),
) -> Outcome:
    """Draw a run: bone before and after in each arm, strength over time, and files for ParaView.

    Example: `trabfem render my-study`

    Pictures that the run has already are left as they are, and those that are missing are drawn.

    Parameters
    ----------
    run
        The folder that `trabfem compare` or `trabfem simulate` wrote.
    bones
        Write the bone of each arm at its first and last month as an image of this kind (nii.gz, mha, nrrd, vti, tif) on
        the voxels of the scan (of a scan of bricks, on those of the cubes made of them), to bones/ in the run's folder
        or in --out, and draw nothing.
    out
        Draw everything into this folder, new or empty, in place of the run's own.
    """
    from trabfem.render.report import render_run

    if out is not None:
        claim_folder(out)
    if bones is not None:
        from trabfem.runs.bones import export_bones
        from trabfem.runs.study import open_study

        files = export_bones(open_study(run), (out or run) / "bones", bones)
        rows = [("wrote", str(file)) for file in files]
        return Outcome(f"Bones of {run}", rows, {"run": run, "files": files, "messages": []}, common.json)
    report = render_run(run, out=out, keep=True)
    rows = [("wrote", str(file)) for file in report.files]
    result = {"run": run, "files": report.files, "messages": report.messages}
    return Outcome(f"Pictures of {run}", rows, result, common.json, report.messages)
