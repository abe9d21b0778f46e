"""All pictures of a run in one call, which does not fail without a graphics library."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from trabfem.errors import UserError
from trabfem.render import movie, paraview, plots, probe, scenes, viewer
from trabfem.render.colouring import Change
from trabfem.runs.study import Study, open_study

QUICK_PIXELS = 480
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


def render_run(study: Path | str | Study, *, quick: bool = False, with_viewer: bool = False) -> Report:
    """Draw a study in a folder: plots, ParaView files, the bone before and after, how its surface moved, and a movie.

    ParaView gets some 25 months of each arm; every month is in the study's own files. `quick`: fewer of them, coarser
    pictures, no movie. `with_viewer`: also the HTML viewer (extra `viewer`). Where VTK cannot draw, the plots
    and ParaView files are written all the same and a message says what to install.
    `UserError` only where the folder is no study.
    """
    study = open_study(study)
    steps = QUICK_PARAVIEW_STEPS if quick else PARAVIEW_STEPS
    every = max(1, round(max(len(arm.months) for arm in study) / steps))
    jobs: list[Callable[[], Path | list[Path]]] = [
        lambda: plots.strength_over_time(study),
        lambda: plots.hormones_over_time(study),
        lambda: paraview.export(study, every),
    ]
    if not probe.rendering_works():
        return attempt(jobs, [probe.probe().message])
    drawn = scenes.scenes_of(study, change=True)
    pixels = QUICK_PIXELS if quick else scenes.PANEL_PIXELS
    jobs += [
        lambda: scenes.before_after(study, pixels=pixels, scenes=drawn),
        lambda: scenes.before_after(study, colouring=Change(), pixels=pixels, scenes=drawn),
    ]
    if not quick:
        jobs.append(lambda: movie.movie(study))
    if with_viewer:
        jobs.append(lambda: viewer.export_html(study, scenes=drawn))
    return attempt(jobs, [])


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
