"""`trabfem compare`: the main job, several arms on one specimen over years."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from trabfem.cli.common import Common, Outcome, claim_folder, free_folder, progress_bars
from trabfem.device import use_device
from trabfem.errors import UserError


def compare(
    config: Path | None = None,
    /,
    *,
    out: Path | None = None,
    quick: bool = False,
    ensemble: int = 1,
    workers: int = 1,
    resume: bool = False,
    common: Common = Common(),
) -> Outcome:
    """Untreated and treated bone over years: structure, stiffness and strength, in tables and pictures.

    Parameters
    ----------
    config
        TOML file with specimen, patient, years and arms; if left out, a woman of 50 on a shipped vertebral specimen,
        untreated and with oestrogen, alendronate or denosumab.
    out
        Folder to write, new or empty; trabfem-compare (or -2, -3, ...) here if left out.
    quick
        A smaller piece of the bone in longer steps, to see the whole job in under a minute.
    ensemble
        Number of members, each with its own seed and draw of the cell model's parameters, that all go through every
        arm: every curve gets its median and 5-95 % band, every arm its gain over the first one, member by member.
    workers
        Members that run at a time, each in a process of its own; the answer is the same.
    resume
        Go on from the last finished step of every arm in --out.
    """
    from trabfem.config import load
    from trabfem.remodelling import compare as remodelling
    from trabfem.render.report import render_run

    if ensemble < 1:
        raise UserError(f"--ensemble {ensemble}: give at least 1 run")
    if workers < 1:
        raise UserError(f"--workers {workers}: give at least 1 process")
    settings = load(config, spacing=common.spacing_mm())
    if resume and out is None:
        raise UserError("--resume needs --out: give the folder of the run to go on with")
    folder = claim_folder(out or free_folder("trabfem-compare"), resume)
    use_device(common.device)
    with progress_bars() as progress:
        asked: dict[str, Any] = {"quick": quick, "progress": progress, "resume": resume}
        if ensemble == 1:
            remodelling.run(settings, folder, **asked)
        else:
            remodelling.run_members(settings, folder, ensemble, workers=workers, **asked)
    report = render_run(folder, quick=quick)
    run = json.loads((folder / "run.json").read_text())
    files = [folder / "run.json", folder / "timeseries.csv", *report.files]
    notes = [*run["notes"], *run["ended"].values(), *report.messages]
    title = f"{run['name']}: change over {settings.years:g} years"
    title += f", median [5 %, 95 %] of {ensemble} members" if ensemble > 1 else ""
    rows = [*table(run), ("written to", str(folder))]
    trouble = "; ".join(f"{slug}: {sentence}" for slug, sentence in run["trouble"].items())
    return Outcome(title, rows, run | {"out": folder, "files": files}, common.json, notes, trouble)


def table(run: Mapping[str, Any]) -> list[tuple[str, str]]:
    """One row per arm from the summary in run.json; of members also what each gained over the first arm."""
    rows = [(arm["name"], shown(run["summary"][arm["slug"]], "_change_%", " %")) for arm in run["arms"]]
    gained = run.get("over_the_first_arm", {})
    for arm in run["arms"]:
        if arm["slug"] in gained:
            rows.append((f"{arm['name']} over {run['arms'][0]['name']}", shown(gained[arm["slug"]], "_points", "")))
    return rows


def shown(values: Mapping[str, float | None], what: str, unit: str) -> str:
    """Every value whose key ends with `what`, with its band where it has one."""
    found = []
    for key, value in values.items():
        if not key.endswith(what) or value is None:
            continue
        low, high = (values.get(f"{key}_{end}") for end in ("low", "high"))
        band = f" [{low:+.1f}, {high:+.1f}]" if low is not None and high is not None else ""
        found.append(f"{key.removesuffix(what).replace('_', ' ')} {value:+.1f}{band}{unit}")
    return ", ".join(found)
