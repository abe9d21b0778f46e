"""The bone before and after, arm beside arm: one camera, one colour scale, ready for a paper."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float
from matplotlib.figure import Figure

from trabfem.constants import MONTHS_PER_YEAR
from trabfem.render import panels, picture, probe
from trabfem.render.bones import DrawnBone, drawn_bones, moment_of, tissue_modulus
from trabfem.render.colouring import ENERGY, Colouring, Scale
from trabfem.render.layout import Panel, compose
from trabfem.render.panels import Painter, View
from trabfem.runs.study import ArmRuns, Study, open_study
from trabfem.schedule.writing import describe_duration

PANEL_PIXELS = 720
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
    """ "strength −34 %", or nothing where the change is unknown."""
    return "" if change is None or not np.isfinite(change) else f", {name} {change:+.0f} %".replace("-", "−")


def describe_end(arm: ArmRuns, last: DrawnBone) -> Scene:
    """The last month of an arm under its name, with bone volume and what has become of its strength."""
    # Of several members the bone is that of the first, and the table holds the mean of all.
    strength = "mean strength" if len(arm.runs) > 1 else "strength"
    numbers = volume_fraction(last.moment.fill) + format_change(arm.change("failure load"), strength)
    return Scene(f"{arm.name}, {years(last.moment.month)}", numbers, last)


def scenes_of(study: Study) -> list[Scene]:
    """Before and after of every arm; a single "before" where all arms start from the same bone."""
    firsts = [moment_of(study, arm, 0) for arm in study]
    shared = all(np.array_equal(firsts[0].fill, first.fill) for first in firsts)
    start = DrawnBone(firsts[0], study.spacing, tissue_modulus(study)) if shared else None
    pairs = [drawn_bones(study, arm, [0, -1], start) for arm in study]
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
    pixels: int = PANEL_PIXELS,
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
    study: Study, *, colouring: Colouring = ENERGY, pixels: int = PANEL_PIXELS, scenes: list[Scene] | None = None
) -> Figure:
    """The bone before and after in each arm with one camera and one colour scale.

    `colouring`: one of `COLOURINGS`. `pixels`: height of a panel. `scenes`: from `scenes_of(study)`, where several
    pictures share them. `UserError` where VTK cannot draw.
    """
    if scenes is None:
        probe.require_rendering()
        scenes = scenes_of(study)
    scale, view = colouring.scale([scene.bone for scene in scenes]), panels.view_of(study.size)
    drawn = paint(scenes, view, colouring, scale, pixels)
    return compose(drawn, view, scale, keys=colouring.keys)
