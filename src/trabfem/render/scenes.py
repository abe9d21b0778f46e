"""The bone before and after, arm beside arm: one camera, one colour scale, ready for a paper."""

from dataclasses import replace
from pathlib import Path

import numpy as np
from jaxtyping import Float
from matplotlib.figure import Figure

from trabfem.constants import MONTHS_PER_YEAR
from trabfem.errors import UserError
from trabfem.render import panels, picture, probe
from trabfem.render.colouring import Colouring, Energy, Scale, Scene
from trabfem.render.layout import Panel, compose
from trabfem.render.panels import Painter, View
from trabfem.render.surface import distance_outside, extract, outline_lost_bone, sample
from trabfem.runs.study import ArmRuns, Study, open_study
from trabfem.runs.trajectory import Moment
from trabfem.schedule.writing import describe_duration

ENERGY = Energy()
PANEL_PIXELS = 720
LEAST_FILL = 0.2  # below it the energy of the tissue in a voxel is a quotient of two small numbers
LOST_GAP = 0.75  # voxels; thinner losses show as the colour of what is left


def moment_of(study: Study, arm: ArmRuns, place: int) -> Moment:
    """What is drawn of an arm: its first member, at the month that stands at `place` among those that are kept.

    `UserError` where the bone has another shape than the study says.
    """
    number = min(arm.runs)
    moment = arm.moment(arm.months[place], number)
    if moment.fill.shape != study.shape:
        raise UserError(
            f"{arm.name!r}, month {moment.month:g}: its bone has {moment.fill.shape} voxels, but the study says "
            f"{study.shape}: delete that month and resume the study"
        )
    return moment


def tissue_energy(moment: Moment) -> Float[np.ndarray, "x y z"]:
    """Energy density of the bone in each voxel, kPa: U / fill, as a half-filled voxel holds half the tissue."""
    return 1e3 * moment.sed / np.maximum(moment.fill, LEAST_FILL)


def scene_of(moment: Moment, spacing: tuple[float, float, float], title: str, subtitle: str) -> Scene:
    """Surface of the bone at a month with energy and occlusion sampled on it."""
    surface = extract(moment.fill, spacing)
    light = panels.openness(surface, moment.fill, spacing)
    return Scene(title, subtitle, surface, light, sample(tissue_energy(moment), surface.points, spacing))


def years(month: float) -> str:
    """ "8 months" or "5 years"."""
    return describe_duration(month / MONTHS_PER_YEAR.value)


def volume_fraction(fill: Float[np.ndarray, "x y z"]) -> str:
    """ "BV/TV 18.4 %"."""
    return f"BV/TV {100 * float(fill.mean()):.1f} %"


def format_change(change: float | None, name: str) -> str:
    """ "strength −34 %", or nothing where the change is unknown."""
    return "" if change is None or not np.isfinite(change) else f", {name} {change:+.0f} %".replace("-", "−")


def after_scene(arm: ArmRuns, first: Moment, last: Moment, spacing: tuple[float, float, float], change: bool) -> Scene:
    """The last month of an arm; with `change`, how its surface moved since the first one and what is gone."""
    # Of several members the bone is that of the first, and the table holds the mean of all.
    strength = "mean strength" if len(arm.runs) > 1 else "strength"
    numbers = volume_fraction(last.fill) + format_change(arm.change("failure load"), strength)
    scene = scene_of(last, spacing, f"{arm.name}, {years(last.month)}", numbers)
    if not change:
        return scene
    before, voxel = extract(first.fill, spacing), min(spacing)
    moved = 1e3 * distance_outside(scene.surface.points, before, reach=2 * voxel)
    return replace(scene, moved=moved, lost=outline_lost_bone(before, scene.surface, LOST_GAP * voxel))


def scenes_of(study: Study, change: bool = False) -> list[Scene]:
    """Before and after of every arm; a single "before" where all arms start from the same bone."""
    pairs = [(moment_of(study, arm, 0), moment_of(study, arm, -1)) for arm in study]
    start = pairs[0][0]
    shared = all(np.array_equal(start.fill, first.fill) for first, _ in pairs)
    befores = [
        scene_of(first, study.spacing, f"{arm.name}, start", volume_fraction(first.fill))
        for arm, (first, _) in zip(study.arms, pairs, strict=True)
        if not shared
    ]
    if shared:
        title = "Before, all arms" if len(study.arms) > 1 else "Before"
        befores = [scene_of(start, study.spacing, title, volume_fraction(start.fill))]
    afters = [
        after_scene(arm, first, last, study.spacing, change)
        for arm, (first, last) in zip(study.arms, pairs, strict=True)
    ]
    return befores + afters


def paint(scenes: list[Scene], view: View, colouring: Colouring, scale: Scale, pixels: int) -> list[Panel]:
    """Pixels of all scenes with one camera and one colour scale."""
    with Painter(view, pixels) as painter:
        return [Panel(scene.title, scene.subtitle, painter.paint(colouring.layers(scene, scale))) for scene in scenes]


def before_after(
    study: Path | str | Study,
    path: Path | str | None = None,
    *,
    colouring: Colouring = ENERGY,
    pixels: int = PANEL_PIXELS,
    scenes: list[Scene] | None = None,
) -> Path:
    """Write the picture of the bone before and after in each arm; returns its path.

    `path`: default `figures/before_after.png` or `figures/bone_change.png` in the study's folder. All else as for
    `figure_of_arms`.
    """
    study = open_study(study)
    path = picture.place_in(study, path, f"figures/{colouring.name}.png")
    return picture.save(figure_of_arms(study, colouring=colouring, pixels=pixels, scenes=scenes), path)


def figure_of_arms(
    study: Study, *, colouring: Colouring = ENERGY, pixels: int = PANEL_PIXELS, scenes: list[Scene] | None = None
) -> Figure:
    """The bone before and after in each arm with one camera and one colour scale.

    `colouring`: `Energy()` for strain energy density of the tissue, `Change()` for how far the surface moved and what
    is gone. `pixels`: height of a panel. `scenes`: from `scenes_of(study, change=True)`, where several pictures share
    them. `UserError` where VTK cannot draw.
    """
    if scenes is None:
        probe.require_rendering()
        scenes = scenes_of(study, change=colouring.shows_lost)
    scale, view = colouring.scale(scenes), panels.view_of(study.size)
    drawn = paint(scenes, view, colouring, scale, pixels)
    return compose(drawn, view, scale, lost=colouring.shows_lost)
