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
    workers: int | None = None,
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
        A smaller piece of the bone (40 voxels a side, or --crop) in longer steps: the whole job in about a minute.
    crop
        Only the cube of so many voxels a side in the middle of the scan.
    members
        How many members, each with its own seed and draw of the cell model's parameters, go through every arm: every
        curve gets its mean and band, every arm its gain over the first one, member by member, and a word on chance.
        4 if neither this nor the file says.
    workers
        Processes that share the work; the answer is the same. One for each core if left out and the work is worth it.
    scheduler
        Address of a Dask scheduler, such as tcp://10.0.0.5:8786, whose workers take the place of processes. They all
        have to see the folder that is written.
    years
        How long, in place of what the configuration says; with --resume, to go on for longer.
    resume
        Go on with the study in --out where it stands; nothing else needs to be given again.
    """
    from trabfem.render.report import render_run
    from trabfem.runs import summary
    from trabfem.runs.cluster import connect

    if resume and out is None:
        raise UserError("--resume needs --out: give the folder of the run to go on with")
    with connect(scheduler) as client:
        study = _carry_out(config, out, quick, crop, members, workers, client, years, resume, common)
    assert study.folder is not None
    report = render_run(study, quick=quick)
    files = [study.folder / "run.json", study.folder / "timeseries.csv", *report.files]
    notes = [*study.notes, *study.ended.values(), *report.messages]
    rows = [*describe_schedules(study), ("written to", str(study.folder))]
    trouble = "; ".join(f"{place}: {sentence}" for place, sentence in study.trouble.items())
    result = {**study.header, "notes": notes, "out": study.folder, "files": files}
    said = [*summary.footnotes(study.header), *notes]
    tables = summary.tables_of(study.header)
    return Outcome(summary.title_of(study.header), rows, result, common.json, said, trouble, tables)


def _carry_out(
    config: Path | None,
    out: Path | None,
    quick: bool,
    crop: int | None,
    members: int | None,
    workers: int | None,
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
    asked = asked.make_quick() if quick else asked
    if crop is not None:
        asked = dataclasses.replace(asked, specimen=dataclasses.replace(asked.specimen, crop=crop))
        configuration.check(asked)
    folder = claim_folder(out or find_free_folder("trabfem-compare"), resume)
    use_device(common.device)
    return configuration.run_config(asked, folder, resuming=resume, workers=workers, client=client)


def describe_schedules(study: "Study") -> list[tuple[str, str]]:
    """How each schedule was understood, item by item."""
    understood: Mapping[str, list[str]] = study.header["understood"]
    return [(f"{arm.name} takes", "; ".join(understood[arm.slug])) for arm in study if understood.get(arm.slug)]
