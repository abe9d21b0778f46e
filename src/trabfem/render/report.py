"""All pictures of a run in one call, which does not fail without a graphics library."""

import functools
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from trabfem.errors import UserError
from trabfem.render import contrasts, film, paraview, picture, plots, probe, scenes
from trabfem.render.colouring import SHIFT
from trabfem.render.page import write
from trabfem.runs.study import Study, open_study

QUICK_PIXELS = 480
FRAMES = 12
"""Of the film; `trabfem film` makes longer ones."""
PARAVIEW_STEPS, QUICK_PARAVIEW_STEPS = 25, 13
"""About so many months of an arm go to ParaView; `paraview.export` writes as many as it is asked for."""


@dataclass(frozen=True)
class Report:
    """Files written, in order, and one sentence for each thing left out; iterating gives the files."""

    files: tuple[Path, ...]
    messages: tuple[str, ...]

    def __iter__(self) -> Iterator[Path]:
        return iter(self.files)

    def __len__(self) -> int:
        return len(self.files)


def render_run(
    study: Path | str | Study,
    *,
    quick: bool = False,
    out: Path | None = None,
    keep: bool = False,
) -> Report:
    """Write what shows a study: plots, ParaView files, the bone before and after, how it moved, a film, the page.

    ParaView gets some 25 months of each arm; every month is in the study's own files. `quick`: fewer of them, coarser
    pictures, no film. `out`: another folder than the study's. `keep`: leave what is there as it is and draw only what
    is missing; otherwise pictures of an earlier state of the study are replaced. Where VTK cannot draw, all that needs
    no graphics library is written all the same and a message says what to install. **Raises:** `UserError` where the
    folder is no study, or nothing is missing.
    """
    study = open_study(study)
    if out is None and study.folder is None:
        raise UserError("out: this study was not written to a folder; give one for the pictures")
    place = out if out is not None else Path(study.folder or "")
    jobs = list_jobs(study, place, quick)
    kept = [path for path in jobs if keep and path.exists()]
    missing = {path: job for path, job in jobs.items() if path not in kept}
    if kept and not missing:
        raise UserError(f"out = {place}: all pictures are there, and they are left as they are; give another folder")
    messages = [f"left as they are: {', '.join(str(path) for path in kept)}"] if kept else []
    if not probe.rendering_works() and not NEED_NO_VTK.issuperset(path.name for path in missing):
        messages.append(probe.probe().message)
        missing = {path: job for path, job in missing.items() if path.name in NEED_NO_VTK}
    return attempt(list(missing.values()), messages)


NEED_NO_VTK = {"strength_over_time.png", "hormones_over_time.png", "paraview", write.NAME}
"""Of these the page needs VTK's contours, but no graphics library."""


def list_jobs(study: Study, place: Path, quick: bool) -> dict[Path, Callable[[], Path | list[Path]]]:
    """What each picture of a study is called, and how it is made."""
    steps = QUICK_PARAVIEW_STEPS if quick else PARAVIEW_STEPS
    every = max(1, round(max(len(arm.months) for arm in study) / steps))
    pixels = QUICK_PIXELS if quick else scenes.PANEL_PIXELS
    drawn = functools.cache(lambda: scenes.scenes_of(study))
    figures = place / "figures"
    strength, hormones = figures / "strength_over_time.png", figures / "hormones_over_time.png"
    before, movement = figures / "before_after.png", figures / "bone_change.png"
    zoom, difference = figures / "zoom.png", figures / "difference.png"
    moving, page = figures / "movie.gif", place / write.NAME
    jobs: dict[Path, Callable[[], Path | list[Path]]] = {
        strength: lambda: plots.strength_over_time(study, strength),
        hormones: lambda: plots.hormones_over_time(study, hormones),
        place / "paraview": lambda: paraview.export(study, every, place / "paraview"),
        before: lambda: scenes.before_after(study, before, pixels=pixels, scenes=drawn()),
        movement: lambda: scenes.before_after(study, movement, colouring=SHIFT, pixels=pixels, scenes=drawn()),
    }
    if len(study.arms) > 1 and not quick:
        jobs[zoom] = lambda: picture.save(contrasts.zoom_figure(study, scenes=drawn()), zoom)
        jobs[difference] = lambda: picture.save(contrasts.difference_figure(study), difference)
    if not quick and any(len(arm.months) > 1 for arm in study):
        jobs[moving] = lambda: film.film(study, moving, frames=FRAMES)
    jobs[page] = lambda: write.write_report(study, page, quick=quick)
    return jobs


def attempt(jobs: list[Callable[[], Path | list[Path]]], messages: list[str]) -> Report:
    """Do each job; one that the user could mend becomes a message and the others go on."""
    files: list[Path] = []
    for job in jobs:
        try:
            made = job()
        except UserError as error:
            messages = [*messages, str(error)]
            continue
        files += made if isinstance(made, list) else [made]
    return Report(tuple(files), tuple(messages))
