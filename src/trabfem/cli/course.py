"""`trabfem course`: hormones, cells, markers and bone density of one patient, without a specimen."""

from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from trabfem.cli.common import Common, Outcome, claim_file
from trabfem.device import use_device

if TYPE_CHECKING:
    from trabfem.biology.course import Course

GAP = "  "


def course(
    *,
    sex: Literal["female", "male"] = "female",
    age: float = 50.0,
    menopause_age: float | None = None,
    hormonal_status: Literal["natural", "surgical_menopause", "eugonadal", "hypogonadal"] | None = None,
    schedule: str = "",
    years: float | None = None,
    out: Path | None = None,
    plot: Path | None = None,
    common: Common = Common(),
) -> Outcome:
    """Markers and bone density of one patient over years, from the cell model alone.

    Example: trabfem course --age 65 --menopause-age 50 --schedule "denosumab 0-36; alendronate 70mg/week 36-60"

    Parameters
    ----------
    sex
        Whose bone.
    age
        Years at month 0.
    menopause_age
        Age at the final menstrual period or at oophorectomy; 51 for a woman if left out.
    hormonal_status
        What the ovaries or testes do; natural for a woman and eugonadal for a man if left out.
    schedule
        Agents with their doses and months; `trabfem agents` says how. Empty for none.
    years
        How long; to the end of the schedule and at least 5 if left out.
    out
        CSV file to write with every column, one row a month.
    plot
        Picture to write (PNG, PDF or SVG).
    """
    from trabfem.biology.course import course as follow
    from trabfem.biology.patient import Patient

    for path in (out, plot):
        if path is not None:
            claim_file(path)
    whose = Patient(sex, age, menopause_age, hormonal_status)
    use_device(common.device)
    found = follow(whose, schedule, years=years)
    written = {}
    if out is not None:
        written["out"] = found.save(out)
    if plot is not None:
        found.plot(path=plot)
        written["plot"] = plot
    rows = [*align_summary(found), *(("read as", words) for words in found.understood)]
    rows += [("written to", str(path)) for path in written.values()]
    result = answer(found) | written
    return Outcome(found.title, rows, result, common.json, found.notes)


def align_summary(found: "Course") -> list[tuple[str, str]]:
    """The summary as month and one line of cells, each as wide as its column."""
    table = found.summary
    lines = [[column.label for column in table.columns], *([str(cell) for cell in row] for row in table.rows)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return [
        (line[0], GAP.join(cell.ljust(width) for cell, width in zip(line[1:], widths[1:], strict=True)).rstrip())
        for line in lines
    ]


def answer(found: "Course") -> dict[str, Any]:
    """Everything by name for programs."""
    table = found.table
    return {
        "patient": vars(found.patient),
        "schedule": str(found.schedule),
        "understood": found.understood,
        "columns": {column.label: table[column.name] for column in table.columns},
        "meanings": {column.label: column.meaning for column in table.columns},
        "notes": found.notes,
    }
