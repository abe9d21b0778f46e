"""The bone before and after, arm beside arm: one camera, one colour scale, ready for a paper."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float
from matplotlib.figure import Figure

from trabfem.constants import MONTHS_PER_YEAR
from trabfem.errors import UserError
from trabfem.render import layout, panels, picture, probe
from trabfem.render.bones import DrawnBone, drawn_bones, moment_of, tissue_modulus
from trabfem.render.colouring import ENERGY, Colouring, Scale
from trabfem.render.layout import Panel, compose
from trabfem.render.panels import Painter, View
from trabfem.runs.statistics import OF_START
from trabfem.runs.study import ArmRuns, Study, open_study
from trabfem.schedule.writing import describe_duration

PANEL_PIXELS = layout.PANEL_PIXELS
FILES = {"energy": "before_after", "shift": "bone_change"}
"""Names of pictures that differ from their colouring's."""


@dataclass(frozen=True)
class Scene:
    """One panel: a bone with its two lines of title."""

    title: str
    subtitle: str
    bone: DrawnBone


def years(month: float) -> str:
    """ "8 months" or "5 years"."""
    return describe_duration(month / MONTHS_PER_YEAR.value)


def volume_fraction(fill: Float[np.ndarray, "x y z"]) -> str:
    """ "BV/TV 18.4 %"."""
    return f"BV/TV {100 * float(fill.mean()):.1f} %"


def format_change(change: float | None, name: str) -> str:
    """ ", strength −34 %", or nothing where the change is unknown."""
    if change is None or not np.isfinite(change):
        return ""
    return f", {name} ±0 %" if abs(change) < 0.5 else f", {name} {change:+.0f} %".replace("-", "−")


def place_of(arm: ArmRuns, month: float | None) -> int:
    """Where a month stands among those that an arm keeps, the last one where none is given.

    `UserError` where the bone of that month is not kept.
    """
    if month is None:
        return len(arm.months) - 1
    if month not in arm.months:
        known = ", ".join(f"{each:g}" for each in arm.months)
        raise UserError(f"month = {month:g}: no bone of arm {arm.name!r} is kept there, give one of {known}")
    return arm.months.index(month)


def change_until(arm: ArmRuns, name: str, month: float) -> float | None:
    """Change of a column from the first month to `month`, %; None where it was not measured there."""
    if month == arm.months[-1]:
        return arm.change(name)
    of_start, months = arm.column(name + OF_START), arm.column("month")
    values = of_start if of_start is not None else arm.column(name)
    if values is None or months is None or not (months == month).any():
        return None
    now = float(values[months == month][0])
    known = values[np.isfinite(values)]
    return 100.0 * (now / float(known[0]) - 1.0) if np.isfinite(now) and len(known) and known[0] else None


def describe_end(arm: ArmRuns, last: DrawnBone) -> Scene:
    """A month of an arm under its name, with bone volume and what has become of its strength."""
    # Of several members the bone is that of the first, and the table holds the mean of all.
    strength = "mean strength" if len(arm.runs) > 1 else "strength"
    change = change_until(arm, "failure load", last.moment.month)
    numbers = volume_fraction(last.moment.fill) + format_change(change, strength)
    return Scene(f"{arm.name}, {years(last.moment.month)}", numbers, last)


def scenes_of(study: Study, month: float | None = None) -> list[Scene]:
    """Before and after of every arm; a single "before" where all arms start from the same bone.

    `month`: what "after" is, the last month of each arm where not given.
    """
    places = [place_of(arm, month) for arm in study]
    firsts = [moment_of(study, arm, 0) for arm in study]
    shared = all(np.array_equal(firsts[0].fill, first.fill) for first in firsts)
    start = DrawnBone(firsts[0], study.spacing, tissue_modulus(study)) if shared else None
    pairs = [drawn_bones(study, arm, [0, place], start) for arm, place in zip(study, places, strict=True)]
    if start is not None:
        title = "Before, all arms" if len(study.arms) > 1 else "Before"
        befores = [Scene(title, volume_fraction(start.moment.fill), start)]
    else:
        befores = [
            Scene(f"{arm.name}, start", volume_fraction(first.moment.fill), first)
            for arm, (first, _) in zip(study.arms, pairs, strict=True)
        ]
    return befores + [describe_end(arm, last) for arm, (_, last) in zip(study.arms, pairs, strict=True)]


def paint(scenes: list[Scene], view: View, colouring: Colouring, scale: Scale | None, pixels: int) -> list[Panel]:
    """Pixels of all scenes with one camera and one colour scale."""
    with Painter(view, pixels) as painter:
        return [
            Panel(scene.title, scene.subtitle, painter.paint(colouring.layers(scene.bone, scale))) for scene in scenes
        ]


def before_after(
    study: Path | str | Study,
    path: Path | str | None = None,
    *,
    colouring: Colouring = ENERGY,
    pixels: int | None = None,
    scenes: list[Scene] | None = None,
) -> Path:
    """Write the picture of the bone before and after in each arm; returns its path.

    `path`: default `figures/before_after.png` for the energy, `figures/bone_change.png` for the shift, and the name of
    any other colouring, in the study's folder. All else as for
    `figure_of_arms`.
    """
    study = open_study(study)
    path = picture.place_in(study, path, f"figures/{FILES.get(colouring.name, colouring.name)}.png")
    return picture.save(figure_of_arms(study, colouring=colouring, pixels=pixels, scenes=scenes), path)


def figure_of_arms(
    study: Study,
    *,
    colouring: Colouring = ENERGY,
    pixels: int | None = None,
    month: float | None = None,
    scenes: list[Scene] | None = None,
) -> Figure:
    """The bone before and after in each arm with one camera and one colour scale.

    `colouring`: one of `COLOURINGS`. `pixels`: height of a panel; where not given, what the present look needs.
    `month`: of the bone after. `scenes`: from `scenes_of(study)`, where several pictures share them. `UserError` where
    VTK cannot draw.
    """
    if scenes is None:
        probe.require_rendering()
        scenes = scenes_of(study, month)
    scale, view = colouring.scale([scene.bone for scene in scenes]), panels.view_of(study.size)
    height = layout.pixels_of([(scene.title, scene.subtitle) for scene in scenes], view, pixels)
    drawn = paint(scenes, view, colouring, scale, height)
    return compose(drawn, view, scale, keys=colouring.keys)
