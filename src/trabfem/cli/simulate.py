"""`trabfem simulate`: one patient, one schedule, one specimen over years."""

from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from trabfem import constants
from trabfem.cli.common import Common, Outcome, claim_folder, open_specimen, progress_bars
from trabfem.device import use_device
from trabfem.errors import UserError

if TYPE_CHECKING:
    from trabfem.remodelling.simulate import Trajectory
    from trabfem.specimen import Specimen

BAND = (0.05, 0.5, 0.95)


def simulate(
    specimen: str,
    /,
    *,
    out: Path,
    sex: Literal["female", "male"] = "female",
    age: float = 50.0,
    menopause_age: float | None = None,
    schedule: str = "",
    years: float = 5.0,
    months_per_step: float = 1.0,
    apparent_stress: float = constants.APPARENT_STRESS_VERTEBRA.value,
    seed: int = 1,
    ensemble: int = 1,
    workers: int = 1,
    load: Literal["axial", "estimated"] = "axial",
    units: bool = True,
    resume: bool = False,
    threshold: float | None = None,
    common: Common = Common(),
) -> Outcome:
    """One arm: what the years and a schedule of drugs do to a specimen.

    Parameters
    ----------
    specimen
        A file (npz, npy, TIFF, NIfTI, MHA, NRRD, a hexahedral mesh) or the name of a shipped specimen.
    out
        Folder to write, new or empty unless --resume.
    sex
        Whose bone.
    age
        Years at the start.
    menopause_age
        Age at the final menstrual period; 51 for a woman if left out.
    schedule
        Agents and habits with their months, such as "denosumab 0-36; alendronate 36-60; disuse 0.5 12-18; exercise 1.3
        18-60; direction 45deg x 24-60"; empty for none. With a direction six load cases are solved instead of one.
    years
        How long.
    months_per_step
        Length of one step.
    apparent_stress
        Compression in MPa that the plates carry, kept as a force while the bone changes.
    seed
        The same seed gives the same run.
    ensemble
        Number of members, each with its own seed and draw of the cell model's parameters, in a folder of its own below
        --out, which holds their median and 5-95 % band.
    workers
        Members that run at a time, each in a process of its own; the answer is the same.
    load
        Compression by --apparent-stress, or the mixture of compressions and shears that loads the scan's surface most
        evenly, its mean kept.
    units
        Bone turns over in single pits, and its mineral follows from its age; with --no-units whole surfaces move by
        what cells form less what they take.
    resume
        Go on from the last finished step in --out.
    threshold
        Gray value from which a voxel is bone; Otsu's if left out.
    """
    from trabfem import habits
    from trabfem.biology.schedule import parse
    from trabfem.config import CompareConfig, PatientConfig, check
    from trabfem.remodelling import ensemble as members
    from trabfem.remodelling import load_estimation
    from trabfem.remodelling import simulate as remodelling
    from trabfem.remodelling.settings import Settings, living

    if ensemble < 1:
        raise UserError(f"--ensemble {ensemble}: give at least 1 run")
    if workers < 1:
        raise UserError(f"--workers {workers}: give at least 1 process")
    whose = PatientConfig(sex, age, menopause_age)
    check(CompareConfig(patient=whose, years=years, months_per_step=months_per_step, apparent_stress=apparent_stress))
    drugs, everyday = habits.split(schedule)
    course, settings = parse(drugs), (living if units else Settings)(apparent_stress=apparent_stress)
    folder = claim_folder(out, resume)
    use_device(common.device)
    bone = open_specimen(specimen, common, threshold)
    if load == "estimated":
        bone, settings = load_estimation.adopt(bone, settings)
    asked = {"years": years, "months_per_step": months_per_step, "seed": seed, "settings": settings, "resume": resume}
    with progress_bars() as progress:
        asked |= {"progress": progress, "name": schedule or "untreated"}
        if ensemble == 1:
            runs = [remodelling.simulate(bone, whose.patient(), course, out=folder, habits=everyday, **asked)]
        else:
            one = members.Course("Ensemble", "", course, everyday)
            [runs] = members.run(bone, whose.patient(), [one], ensemble, folder, workers=workers, **asked)
    return outcome(bone, years, runs, folder, common)


def outcome(bone: "Specimen", years: float, runs: list["Trajectory"], folder: Path, common: Common) -> Outcome:
    """First and last value of every measured column; over an ensemble with their median and 5-95 % band."""
    ends = {key: [(run.table[key][0], run.table[key][-1]) for run in runs] for key in runs[0].table if key != "month"}
    measured = {key: values for key, values in ends.items() if all(isinstance(v, int | float) for v in sum(values, ()))}
    columns: dict[str, dict[str, Any]] = {
        key: {"first": [f for f, _ in values], "last": [v for _, v in values]} for key, values in measured.items()
    }
    rows = [(key, f"{spread(values['first'])} → {spread(values['last'])}") for key, values in columns.items()]
    for values in columns.values() if len(runs) > 1 else ():
        values["last_5_50_95_%"] = np.quantile(values["last"], BAND).tolist()
    result: dict[str, Any] = {
        "specimen": bone.name,
        "years": years,
        "out": folder,
        "runs": len(runs),
        "columns": columns,
    }
    notes = [*bone.notes, *(run.ended for run in runs if run.ended)]
    title = f"{bone.name} over {years:g} years" + (f", {len(runs)} runs, median [5 %, 95 %]" if len(runs) > 1 else "")
    trouble = "; ".join(run.trouble for run in runs if run.trouble)
    result |= {"notes": notes, "trouble": trouble}
    return Outcome(title, [*rows, ("written to", str(folder))], result, common.json, notes, trouble)


def spread(values: list[float]) -> str:
    """The value, or of several the median with the band that holds nine in ten."""
    low, middle, high = np.quantile(values, BAND)
    return f"{middle:.4g}" if len(values) == 1 or low == high else f"{middle:.4g} [{low:.4g}, {high:.4g}]"
