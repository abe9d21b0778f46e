"""`trabfem render`: pictures of a finished run."""

from pathlib import Path

from trabfem.cli.common import Common, Outcome, claim_folder
from trabfem.errors import UserError


def render(
    run: Path,
    /,
    *,
    bones: str | None = None,
    kind: str | None = None,
    colour: str | None = None,
    cut: str | None = None,
    month: float | None = None,
    style: str | None = None,
    columns: int | None = None,
    format: str | None = None,
    out: Path | None = None,
    common: Common = Common(),
) -> Outcome:
    """Draw a run: bone before and after in each arm, strength over time, and files for ParaView.

    Example: `trabfem render my-study`, or for a paper
    `trabfem render my-study --style paper --format pdf --colour thickness`

    Pictures that the run has already are left as they are, and those that are missing are drawn, and those of before a
    study went on for longer. With any of --kind,
    --colour, --cut, --month, --style, --columns and --format only the pictures that these ask for are drawn.

    Parameters
    ----------
    run
        The folder that `trabfem compare` or `trabfem simulate` wrote.
    bones
        Write the bone of each arm at its first and last month as an image of this kind (nii.gz, mha, nrrd, vti, tif) on
        the voxels of the scan (of a scan of bricks, on those of the cubes made of them), to bones/ in the run's folder
        or in --out, and draw nothing.
    kind
        Which pictures, several with commas: strength, hormones, before_after, change, zoom (where the arms differ
        most, from close by), cut, difference (each arm against the first). All but cut if left out.
    colour
        What the bones are coloured by, several with commas: energy, strain, shift, change, thickness, age.
    cut
        Take away what lies in front of a plane, such as x=1.1, in mm from the block's corner.
    month
        The month of the bones, in place of the last one.
    style
        screen, or paper: type of 6 to 8 points, the widths of journals, panels with letters; in figures/paper/.
    columns
        1 or 2 columns of a page: 89 or 183 mm on paper. 2 if left out.
    format
        png, pdf, svg or tif. Curves are vectors in pdf and svg, pixels have 300 dpi; png if left out.
    out
        Draw everything into this folder, new or empty, in place of the run's own.
    """
    from trabfem.cli import with_flags
    from trabfem.render.report import render_run

    if out is not None:
        claim_folder(out)
    if bones is not None:
        from trabfem.runs.bones import export_bones
        from trabfem.runs.study import open_study

        files = export_bones(open_study(run), (out or run) / "bones", bones)
        rows = [("wrote", str(file)) for file in files]
        return Outcome(f"Bones of {run}", rows, {"run": run, "files": files, "messages": []}, common.json)
    if any(each is not None for each in (kind, colour, cut, month, style, columns, format)):
        from trabfem.render.figures import Wanted, render_figures

        wanted = Wanted(
            kinds=split("kind", kind),
            colours=split("colour", colour),
            month=month,
            cut=cut,
            style="screen" if style is None else style,
            columns=2 if columns is None else columns,
            format="png" if format is None else format.lstrip("."),
        )
        report = render_figures(run, wanted, out=out)
    else:
        report = render_run(run, out=out, keep=True)
    rows = [("wrote", str(file)) for file in report.files]
    notes = [with_flags(message, render) for message in report.messages]
    result = {"run": run, "files": report.files, "messages": notes}
    return Outcome(f"Pictures of {run}", rows, result, common.json, notes)


def split(option: str, names: str | None) -> tuple[str, ...]:
    """Names with commas between them; UserError where an option was given without any."""
    found = tuple(name.strip() for name in (names or "").split(",") if name.strip())
    if names is not None and not found:
        raise UserError(f"{option} = {names}: give one name, or several with commas, or leave it out")
    return found
