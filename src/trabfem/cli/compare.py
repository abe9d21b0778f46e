"""`trabfem compare`: the main job, several arms on one specimen over years."""

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from trabfem.cli.common import Common, Outcome, claim_folder, find_free_folder
from trabfem.device import use_device
from trabfem.errors import UserError

if TYPE_CHECKING:
    from trabfem.runs.study import Study

Members = Annotated[int | None, Parameter(name=("--members", "--ensemble"))]


def compare(
    config: Path | None = None,
    /,
    *,
    out: Path | None = None,
    quick: bool = False,
    crop: int | None = None,
    members: Members = None,
    workers: int = 1,
    scheduler: str | None = None,
    years: float | None = None,
    resume: bool = False,
    common: Common = Common(),
) -> Outcome:
    """Untreated and treated bone over years: structure, stiffness and strength, in tables and pictures.

    Example: `trabfem compare my.toml --out my-study --members 4`

    The file may say: name, years, months_per_step, members, seed, apparent_stress (MPa), load ("axial", "estimated"),
    rule ("level-set", "grey-advection", "binary-flips"), smooth (true: no BMUs); [specimen] path, spacing, threshold,
    crop; [patient] sex, age, menopause_age, hormonal_status; [[arm]] name, schedule; [[activity]] name, cycles, stress.
    A schedule is "denosumab 0-36; alendronate 70mg/week 36-60; disuse 0.5 12-18": `trabfem agents` lists the words.

    Parameters
    ----------
    config
        TOML file with specimen, patient, years and arms; if left out, a woman of 50 on a shipped vertebral specimen,
        untreated and with oestrogen, alendronate or denosumab.
    out
        Folder to write, new or empty; trabfem-compare (or -2, -3, ...) here if left out.
    quick
        A smaller piece of the bone in longer steps, to see the whole job in under a minute.
    crop
        Only the cube of so many voxels a side in the middle of the scan.
    members
        How many members, each with its own seed and draw of the cell model's parameters, go through every arm: every
        curve gets its median and 5-95 % band, every arm its gain over the first one, member by member.
    workers
        Processes that share the work; the answer is the same.
    scheduler
        Address of a Dask scheduler, such as tcp://10.0.0.5:8786, whose workers take the place of processes. They all
        have to see the folder that is written.
    years
        How long, in place of what the configuration says; with --resume, to go on for longer.
    resume
        Go on with the study in --out where it stands; nothing else needs to be given again.
    """
    from trabfem.render.report import render_run
    from trabfem.runs.cluster import connect

    if resume and out is None:
        raise UserError("--resume needs --out: give the folder of the run to go on with")
    with connect(scheduler) as client:
        study = _carry_out(config, out, quick, crop, members, workers, client, years, resume, common)
    assert study.folder is not None
    report = render_run(study, quick=quick)
    files = [study.folder / "run.json", study.folder / "timeseries.csv", *report.files]
    notes = [*study.notes, *study.ended.values(), *report.messages]
    title = f"{study.name}: change over {study.header['years']:g} years"
    count = study.header["members"]
    title += f", median [5 %, 95 %] of {count} members" if count > 1 else ""
    rows = [*describe_schedules(study), *table(study), ("written to", str(study.folder))]
    trouble = "; ".join(f"{place}: {sentence}" for place, sentence in study.trouble.items())
    result = {**study.header, "notes": notes, "out": study.folder, "files": files}
    return Outcome(title, rows, result, common.json, notes, trouble)


def _carry_out(
    config: Path | None,
    out: Path | None,
    quick: bool,
    crop: int | None,
    members: int | None,
    workers: int,
    client: Any,
    years: float | None,
    resume: bool,
    common: Common,
) -> "Study":
    """The study that the options ask for, or the one in `out` gone on with."""
    from trabfem.runs import compare as runs
    from trabfem.runs import config as configuration

    if resume and config is None:
        assert out is not None
        use_device(common.device)
        return runs.resume(out, years=years, members=members, workers=workers, client=client)
    asked = configuration.load(config, spacing=common.spacing_mm())
    changed = {key: value for key, value in {"members": members, "years": years}.items() if value is not None}
    asked = configuration.check(dataclasses.replace(asked, **changed))
    if crop is not None:
        asked = dataclasses.replace(asked, specimen=dataclasses.replace(asked.specimen, crop=crop))
        configuration.check(asked)
    asked = asked.make_quick() if quick else asked
    folder = claim_folder(out or find_free_folder("trabfem-compare"), resume)
    use_device(common.device)
    return configuration.run_config(asked, folder, resuming=resume, workers=workers, client=client)


def describe_schedules(study: "Study") -> list[tuple[str, str]]:
    """How each schedule was understood, item by item."""
    understood: Mapping[str, list[str]] = study.header["understood"]
    return [(f"{arm.name} takes", "; ".join(understood[arm.slug])) for arm in study if understood.get(arm.slug)]


def table(study: "Study") -> list[tuple[str, str]]:
    """One row per arm of its changes; of several members also what each gained over the first arm."""
    changed, gained = study.header["summary"], study.header["over_the_first_arm"]
    rows = [(arm.name, format_values(changed[arm.slug], "_change_%", " %")) for arm in study if arm.slug in changed]
    if study.header["members"] > 1:
        first = study.arms[0].name
        rows += [
            (f"{arm.name} over {first}", format_values(gained[arm.slug], "_points", ""))
            for arm in study
            if arm.slug in gained
        ]
    return rows


def format_values(values: Mapping[str, Any], what: str, unit: str) -> str:
    """Every value whose key ends with `what`, with its band where it has one."""
    found = []
    for key, value in values.items():
        if not key.endswith(what) or value is None:
            continue
        low, high = (values.get(f"{key}_{end}") for end in ("low", "high"))
        band = f" [{low:+.1f}, {high:+.1f}]" if low is not None and high is not None else ""
        found.append(f"{key.removesuffix(what).replace('_', ' ')} {value:+.1f}{band}{unit}")
    return ", ".join(found)
