"""`trabfem compare`: the main job, several arms on one specimen over years."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from trabfem.cli.common import Common, Outcome, claim_folder, free_folder, progress_bars, use_device
from trabfem.errors import UserError


def compare(
    config: Path | None = None,
    /,
    *,
    out: Path | None = None,
    quick: bool = False,
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
    resume
        Go on from the last finished step of every arm in --out.
    """
    from trabfem.config import load
    from trabfem.remodelling import compare as remodelling
    from trabfem.render.report import render_run

    settings = load(config, spacing=common.spacing_mm())
    if resume and out is None:
        raise UserError("--resume needs --out: give the folder of the run to go on with")
    folder = claim_folder(out or free_folder("trabfem-compare"), resume)
    use_device(common.device)
    with progress_bars() as progress:
        remodelling.run(settings, folder, quick=quick, progress=progress, resume=resume)
    report = render_run(folder, quick=quick)
    run = json.loads((folder / "run.json").read_text())
    files = [folder / "run.json", folder / "timeseries.csv", *report.files]
    notes = [*run["notes"], *run["ended"].values(), *report.messages]
    title = f"{run['name']}: change over {settings.years:g} years"
    rows = [*table(run), ("written to", str(folder))]
    trouble = "; ".join(f"{slug}: {sentence}" for slug, sentence in run["trouble"].items())
    return Outcome(title, rows, run | {"out": folder, "files": files}, common.json, notes, trouble)


def table(run: Mapping[str, Any]) -> list[tuple[str, str]]:
    """One row per arm from the summary in run.json."""
    rows = []
    for arm in run["arms"]:
        changes = run["summary"][arm["slug"]]
        shown = [
            f"{key.removesuffix('_change_%').replace('_', ' ')} {value:+.1f} %"
            for key, value in changes.items()
            if key.endswith("_change_%") and value is not None
        ]
        rows.append((arm["name"], ", ".join(shown)))
    return rows
