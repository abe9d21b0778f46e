"""All pictures of a run in one call, which does not fail without a graphics library."""

import functools
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from trabfem import keyboard
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
    is missing or older than the study, which may have gone on since; otherwise all is drawn anew. Where VTK cannot
    draw, all that needs no graphics library is written all the same and a message says what to install. **Raises:**
    `UserError` where the folder is no study; with `keep` also where nothing is missing, or nothing that is can be
    drawn.
    """
    study = open_study(study)
    if out is None and study.folder is None:
        raise UserError("out: this study was not written to a folder; give one for the pictures")
    place = out if out is not None else Path(study.folder or "")
    jobs = list_jobs(study, place, quick)
    kept, messages = sort_out(jobs, study) if keep else ([], [])
    missing = {path: job for path, job in jobs.items() if path not in kept}
    if kept and not missing:
        raise UserError(f"out = {place}: all pictures are there, and they are left as they are; give another folder")
    if not probe.rendering_works() and not NEED_NO_VTK.issuperset(path.name for path in missing):
        messages.append(probe.probe().message)
        missing = {path: job for path, job in missing.items() if path.name in NEED_NO_VTK}
    made = attempt(list(missing.values()), messages)
    return require_any(made, kept) if keep else made


def sort_out(paths: Iterable[Path], study: Study) -> tuple[list[Path], list[str]]:
    """The pictures that are left as they are, and a sentence on those and one on the ones that are drawn anew.

    A picture that is older than the table of its study shows an earlier state of it.
    """
    table = None if study.folder is None else study.folder / "run.json"
    written = table.stat().st_mtime_ns if table is not None and table.exists() else 0
    there = {path: time_of(path, study) for path in paths}
    kept = [path for path, time in there.items() if time is not None and time >= written]
    stale = [path for path, time in there.items() if time is not None and time < written]
    messages = [f"left as they are: {', '.join(map(str, kept))}"] if kept else []
    if stale:
        messages.append(f"older than the study and drawn anew: {', '.join(map(str, stale))}")
    return kept, messages


def time_of(path: Path, study: Study) -> int | None:
    """When a picture was written, ns; of the files for ParaView the first of them. None where it is not there whole."""
    parts = [path / f"{arm.slug}.pvd" for arm in study] if path.name == PARAVIEW else [path]
    return min(part.stat().st_mtime_ns for part in parts) if all(part.exists() for part in parts) else None


def require_any(report: "Report", kept: Sequence[Path]) -> "Report":
    """The report; `UserError` with all that it says where there is no picture, new or old."""
    if not report.files and not kept and report.messages:
        raise UserError("; ".join(report.messages))
    return report


PARAVIEW = "paraview"
NEED_NO_VTK = {"strength_over_time.png", "hormones_over_time.png", PARAVIEW, write.NAME}
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
        place / PARAVIEW: lambda: paraview.export(study, every, place / PARAVIEW),
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
        keyboard.stop_if_pressed()
        try:
            made = job()
        except UserError as error:
            # What several pictures lack is said once.
            messages = list(dict.fromkeys([*messages, str(error)]))
            continue
        files += made if isinstance(made, list) else [made]
    return Report(tuple(files), tuple(messages))
