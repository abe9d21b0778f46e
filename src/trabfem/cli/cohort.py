"""`trabfem cohort`: many scans, one table."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from trabfem.cli.common import Common, Outcome, Scan
from trabfem.device import use_device
from trabfem.errors import UserError

if TYPE_CHECKING:
    from trabfem.runs.cohort.results import Cohort


def cohort(
    table: Path,
    /,
    *,
    out: Path | None = None,
    analyses: str = "morphometry,solve,strength",
    study: bool = False,
    load: str | None = None,
    strain: float | None = None,
    method: Literal["pistoia", "nonlinear"] | None = None,
    bc: Literal["kubc", "pmubc", "periodic", "direct"] | None = None,
    youngs: float | None = None,
    poisson: float | None = None,
    profile: Literal["xtremect1", "xtremect2"] | None = None,
    critical_volume: float | None = None,
    critical_strain: float | None = None,
    rtol: float | None = None,
    max_iterations: int | None = None,
    years: float | None = None,
    months_per_step: float | None = None,
    members: int | None = None,
    schedule: str | None = None,
    seed: int | None = None,
    group: str | None = None,
    workers: int | None = None,
    scheduler: str | None = None,
    scan: Scan = Scan(),
    common: Common = Common(),
) -> Outcome:
    """The same analyses of many scans: one table with units, a summary figure, and what failed and why.

    Example: `trabfem cohort scans.csv --out cohort --workers 4`

    How scans are read (--spacing, --threshold, --label and the like) is for rows whose table does not say.

    The same command again does what is missing, has failed or has changed, and nothing else. A row that fails, or whose
    process is killed, is done once more and then reported; the others go on. Exit code 3 if a row is not done.

    Parameters
    ----------
    table
        A CSV with a row for each scan: scan (its path, relative to the table), id, spacing, threshold, crop, coarsen,
        array, label, segmentation, calibration, roi, labels, moduli; for a study sex, age, menopause_age,
        hormonal_status, schedule; other columns are copied to the results. Or a folder laid out as BIDS or ORMIR-MIDS
        (sub-*/ses-*).
    out
        Folder to write, new or of the same cohort; NAME-cohort here for NAME.csv, and derivatives/trabfem in a BIDS
        folder if left out.
    analyses
        Of morphometry, solve, strength, homogenize, study, with commas between them.
    study
        Add a study of years to the analyses: untreated, and with the row's schedule where it has one.
    load
        Load case of solve and strength; platens if left out, see `trabfem solve --help`.
    strain
        Apparent strain, negative in compression; -0.01 if left out.
    method
        Of strength: pistoia (a criterion on the linear solution) if left out, or nonlinear.
    bc
        Of homogenize: kubc if left out, see `trabfem homogenize --help`.
    youngs
        Young's modulus of the tissue in MPa; 6829 if left out.
    poisson
        Poisson's ratio of the tissue; 0.3 if left out.
    profile
        Tissue and criterion as calibrated for a scanner, in place of these and the next two.
    critical_volume
        Part of the bone that may exceed the critical strain; 0.02 if left out.
    critical_strain
        Energy-equivalent strain at which tissue is taken to fail; 0.007 if left out.
    rtol
        Tolerance on the true relative residual.
    max_iterations
        Where a solve gives up.
    years
        Of a study; 5 if left out.
    months_per_step
        Of a study; 1 if left out.
    members
        Of a study; 4 if left out.
    schedule
        Of the treated arm of studies, for rows that do not say, such as "denosumab 0-36".
    seed
        Of studies.
    group
        Column of the table by which the figure shows its points.
    workers
        Processes that share the rows. One for each core, as memory allows, if left out and the work is worth it.
    scheduler
        Address of a Dask scheduler, such as tcp://10.0.0.5:8786, whose workers take the place of processes. They all
        have to see the scans and the folder that is written.
    """
    from trabfem.runs.cluster import connect
    from trabfem.runs.cohort.rows import Problems
    from trabfem.runs.cohort.run import cohort as carry_out

    options: dict[str, Any] = {
        "load": load, "strain": strain, "method": method, "bc": bc, "youngs": youngs, "poisson": poisson,
        "profile": profile, "critical_volume": critical_volume, "critical_strain": critical_strain, "rtol": rtol,
        "max_iterations": max_iterations, "years": years, "months_per_step": months_per_step, "members": members,
        "schedule": schedule, "seed": seed, "spacing": common.spacing_mm(), **scan.given,
    }  # fmt: skip
    names = [*analyses.replace(",", " ").split(), *(["study"] if study else [])]
    use_device(common.device)
    try:
        require_group(table, group)
        with connect(scheduler) as client:
            found = carry_out(table, out, analyses=dict.fromkeys(names), workers=workers, client=client, **options)
    except Problems as error:
        for sentence in error.sentences:
            print(f"  {sentence}", file=sys.stderr)
        count = len(error.sentences)
        said = "the problem above" if count == 1 else f"the {count} problems above"
        raise UserError(f"{error.source}: nothing was computed; mend {said} and give the same command again") from None
    return outcome(found, group, common)


def require_group(table: Path, group: str | None) -> None:
    """UserError, before anything is computed, for a column of groups that the table does not have."""
    from trabfem.runs.cohort.run import read_rows

    if group is None:
        return
    known = list(dict.fromkeys(name for row in read_rows(table, False).rows for name in row.copied))
    if group not in known:
        raise UserError(f"group = {group}: the table has no such column; choose of {', '.join(known) or 'none'}")


def outcome(found: "Cohort", group: str | None, common: Common) -> Outcome:
    """Counts, a summary of every measure, and the files."""
    from trabfem.render import cohort as drawing

    notes = list(found.notes)
    files = [found.folder / f"{name}.csv" for name in ("cohort", "data_dictionary", "failures")]
    files += [path for name in ("cohort.parquet", "cohort.json") if (path := found.folder / name).exists()]
    try:
        files.append(drawing.write(found, found.folder / "summary.png", group=group))
    except UserError as error:
        notes.append(str(error))
    files.append(found.report(group=group))
    failures = [
        dict(zip(("id", "scan", "analysis", "reason", "attempts"), row, strict=True)) for row in found.failures.rows
    ]
    summary = [dict(zip((c.name for c in found.summary.columns), row, strict=True)) for row in found.summary.rows]
    states = {row["id"]: state for row, state in zip(found.rows, found.states, strict=True)}
    result = {
        "out": found.folder, "rows": len(found), "states": states, "failures": failures, "summary": summary,
        "files": files, "notes": notes, "analyses": found.header["analyses"], "device": found.header["device"],
    }  # fmt: skip
    lines = [(f"failed: {each['id']}, {each['analysis']}", str(each["reason"])) for each in failures]
    lines.append(("written to", str(found.folder)))
    tables = [found.summary] if len(found.summary) else []
    return Outcome(found.title, lines, result, common.json, notes, found.trouble, tables)
