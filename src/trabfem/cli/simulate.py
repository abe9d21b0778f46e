"""`trabfem simulate`: one patient, one schedule, one specimen over years."""

from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from trabfem import constants
from trabfem.cli.common import Common, Outcome, Scan, claim_folder
from trabfem.cli.compare import Members, describe_schedules
from trabfem.device import use_device
from trabfem.errors import UserError
from trabfem.runs.defaults import MEMBERS
from trabfem.schedule.writing import describe_duration

if TYPE_CHECKING:
    from trabfem.runs.specimen_config import SpecimenConfig
    from trabfem.runs.study import Study


def simulate(
    specimen: str | None = None,
    /,
    *,
    out: Path,
    sex: Literal["female", "male"] = "female",
    age: float = 50.0,
    menopause_age: float | None = None,
    hormonal_status: Literal["natural", "surgical_menopause", "eugonadal", "hypogonadal"] | None = None,
    schedule: str = "",
    years: float | None = None,
    months_per_step: float = 1.0,
    apparent_stress: float = constants.APPARENT_STRESS_VERTEBRA.value,
    seed: int = 1,
    members: Members = None,
    workers: int | None = None,
    scheduler: str | None = None,
    load: Literal["axial", "estimated"] = "axial",
    rule: str = "level-set",
    smooth: bool = False,
    resume: bool = False,
    scan: Scan = Scan(),
    common: Common = Common(),
) -> Outcome:
    """One arm: what the years and a schedule of drugs do to a specimen.

    Example: `trabfem simulate vertebra_64 --sex male --age 70 --hormonal-status hypogonadal --schedule
    "testosterone 0-24" --years 2 --out man`

    Parameters
    ----------
    specimen
        A file (AIM, ISQ, NIfTI, MHA, NRRD, DICOM, TIFF, VTK, npz, a hexahedral mesh ...), a folder of slices, or the
        name of a shipped specimen; not needed with
        --resume.
    out
        Folder to write, new or empty unless --resume.
    sex
        Whose bone.
    age
        Years at the start.
    menopause_age
        Age at the final menstrual period, or at the removal of the ovaries; 51 for a woman if left out.
    hormonal_status
        Women natural or surgical_menopause, men eugonadal; either sex hypogonadal.
    schedule
        Agents and loads with their months, such as "denosumab 0-36; alendronate 70mg/week 36-60; disuse 0.5 12-18;
        exercise 1.3 18-60; direction 45deg x 24-60"; empty for none. `trabfem agents` lists the agents and the grammar.
        With a direction six load cases are solved instead of one.
    years
        How long; 5 if left out. With --resume, to go on for longer.
    months_per_step
        Length of one step.
    apparent_stress
        Compression in MPa that the plates carry, kept as a force while the bone changes.
    seed
        The same seed gives the same run.
    members
        How many members, each with its own seed and draw of the cell model's parameters; the answer is their mean and
        band. 4 if left out.
    workers
        Processes that share the work; the answer is the same. One for each core if left out and the work is worth it.
    scheduler
        Address of a Dask scheduler, such as tcp://10.0.0.5:8786, whose workers take the place of processes. They all
        have to see the folder that is written.
    load
        Compression by --apparent-stress, or the mixture of compressions and shears that loads the scan's surface most
        evenly, its mean kept.
    rule
        How the surface moves: level-set; grey-advection and binary-flips (both without BMUs) are there to compare with.
    smooth
        No BMUs: whole surfaces move by what cells form less what they take, and mineral follows the cell model.
    resume
        Go on with the run in --out where it stands; nothing else needs to be given again.
    """
    from trabfem.runs.cluster import connect

    if specimen is None:
        if not resume:
            raise UserError("give a specimen: a file, or the name of a shipped one such as vertebra_64")
        from trabfem.runs.compare import resume as go_on

        use_device(common.device)
        with connect(scheduler) as client:
            return outcome(go_on(out, years=years, members=members, workers=workers, client=client), common)
    from trabfem.biology.patient import Patient
    from trabfem.runs import config as configuration

    name = f"Simulation, {schedule or 'untreated'}"
    patient = Patient(sex, age, menopause_age, hormonal_status)
    asked = configuration.check(
        configuration.StudyConfig(
            name=name,
            specimen=make_specimen_config(specimen, scan, common),
            patient=configuration.PatientConfig(sex, age, menopause_age, patient.hormonal_status),
            years=5.0 if years is None else years,
            months_per_step=months_per_step,
            members=MEMBERS if members is None else members,
            apparent_stress=apparent_stress,
            load=load,
            rule=rule,
            smooth=smooth,
            seed=seed,
            arm=(configuration.ArmConfig(schedule or "Untreated", schedule),),
        )
    )
    folder = claim_folder(out, resume)
    use_device(common.device)
    with connect(scheduler) as client:
        study = configuration.run_config(asked, folder, resuming=resume, workers=workers, client=client)
    return outcome(study, common)


def make_specimen_config(specimen: str, scan: Scan, common: Common) -> "SpecimenConfig":
    """The specimen and how to read it; UserError for moduli of their own, which remodelling does not follow."""
    from trabfem.runs.specimen_config import SpecimenConfig

    reading: dict[str, Any] = {**scan.reading(common)}
    if reading.pop("moduli") is not None:
        raise UserError(f"moduli = {scan.moduli}: remodelling has one modulus for all tissue; leave it out")
    labels = reading.pop("labels")
    return SpecimenConfig(specimen, labels=None if labels is None else str(labels), **reading)


def outcome(study: "Study", common: Common) -> Outcome:
    """First and last value of every measured column, over several members with their band, and the changes."""
    from trabfem.runs import summary

    runs, header = study.arms[0].members, study.header
    columns: dict[str, dict[str, Any]] = {}
    rows = []
    for key in (key for key in runs[0].table if key != "month"):
        ends = [[run.table[key][place] for run in runs] for place in (0, -1)]
        if all(isinstance(value, int | float) for value in sum(ends, [])):
            columns[key] = dict(zip(("first", "last"), ends, strict=True))
            columns[key] |= {
                f"{end}_{what}": value for end in ("first", "last") for what, value in band_of(columns[key][end])
            }
            rows.append((key, " → ".join(describe_spread(each) for each in ends)))
    result: dict[str, Any] = {
        "specimen": header["specimen"],
        "years": header["years"],
        "out": study.folder,
        "runs": len(runs),
        "understood": header["understood"],
        "columns": columns,
        "summary": header["summary"],
        "statistics": header["statistics"],
    }
    notes = [*study.notes, *study.ended.values()]
    result["report"] = study.report()
    title = f"{header['specimen']} over {describe_duration(header['years'])}{summary.count_of(header)}"
    title += " [band]" if len(runs) > 1 else ""
    trouble = "; ".join(study.trouble.values())
    result |= {"notes": notes, "trouble": trouble}
    lines = [*describe_schedules(study), *rows, ("written to", str(study.folder)), ("report", str(result["report"]))]
    said = [*summary.footnotes(header), *notes]
    return Outcome(title, lines, result, common.json, said, trouble, summary.tables_of(header))


def band_of(values: list[float]) -> list[tuple[str, float | None]]:
    """Mean and band of several members by name; nothing for one."""
    from trabfem.runs.statistics import spread

    found = spread(np.array(values, float))
    return [] if found is None or found.count == 1 else [(n, getattr(found, n)) for n in ("mean", "low", "high")]


def describe_spread(values: list[float]) -> str:
    """The value, or of several the mean with its band; the mean alone where all are the same."""
    from trabfem.runs.statistics import spread

    found = spread(np.array(values, float))
    if found is None:
        return "-"
    same = found.low is None or found.high is None or found.low == found.high
    return f"{found.mean:.4g}" if same else f"{found.mean:.4g} [{found.low:.4g}, {found.high:.4g}]"
