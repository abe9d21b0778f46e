"""The bone before and after, arm beside arm: one camera, one colour scale, ready for a paper."""

from dataclasses import replace
from pathlib import Path

import numpy as np
from jaxtyping import Float
from matplotlib.figure import Figure

from trabfem.render import panels, probe, style
from trabfem.render.colouring import Colouring, Energy, Scale, Scene, energy_scale, plain
from trabfem.render.layout import Panel, compose
from trabfem.render.panels import Layer, Painter, View
from trabfem.render.run import MONTHS_PER_YEAR, Arm, Run, Step, read_run, read_step
from trabfem.render.surface import extract, outside, receded, sample

SINGLE_WIDTH_IN = 3.6
ENERGY = Energy()
PANEL_PIXELS = 720
LEAST_FILL = 0.2  # below it the energy of the tissue in a voxel is a quotient of two small numbers
LOST_GAP = 0.75  # voxels; thinner losses show as the colour of what is left


def tissue_energy(step: Step) -> Float[np.ndarray, "x y z"]:
    """Energy density of the bone in each voxel, kPa: U / fill, as a half-filled voxel holds half the tissue."""
    return 1e3 * step.sed / np.maximum(step.fill, LEAST_FILL)


def scene_of(step: Step, spacing: tuple[float, float, float], title: str, subtitle: str) -> Scene:
    """Surface of a step with energy and occlusion sampled on it."""
    surface = extract(step.fill, spacing)
    light = panels.openness(surface, step.fill, spacing)
    return Scene(title, subtitle, surface, light, sample(tissue_energy(step), surface.points, spacing))


def years(month: float) -> str:
    """ "18 months" or "5 years"."""
    if month < 24 and month % MONTHS_PER_YEAR:
        return f"{month:g} month{'' if month == 1 else 's'}"
    count = month / MONTHS_PER_YEAR
    return f"{count:.3g} year{'' if count == 1 else 's'}"


def volume_fraction(fill: Float[np.ndarray, "x y z"]) -> str:
    """ "BV/TV 18.4 %"."""
    return f"BV/TV {100 * float(fill.mean()):.1f} %"


def signed(change: float | None, name: str) -> str:
    """ "strength −34 %", or nothing where the change is unknown."""
    return "" if change is None or not np.isfinite(change) else f", {name} {change:+.0f} %".replace("-", "−")


def after_scene(arm: Arm, first: Step, last: Step, spacing: tuple[float, float, float], change: bool) -> Scene:
    """The last step of an arm; with `change`, how its surface moved since the first step and what is gone."""
    # Of an ensemble the bone is that of one member, and the table holds the median of all.
    strength = "median strength" if arm.column("failure load low") is not None else "strength"
    numbers = volume_fraction(last.fill) + signed(arm.change("failure load"), strength)
    scene = scene_of(last, spacing, f"{arm.name}, {years(last.month)}", numbers)
    if not change:
        return scene
    before, voxel = extract(first.fill, spacing), min(spacing)
    moved = 1e3 * outside(scene.surface.points, before, reach=2 * voxel)
    return replace(scene, moved=moved, lost=receded(before, scene.surface, LOST_GAP * voxel))


def scenes_of(run: Run, change: bool = False) -> list[Scene]:
    """Before and after of every arm; a single "before" where all arms start from the same bone."""
    pairs = [(read_step(arm.files[0], run.shape), read_step(arm.files[-1], run.shape)) for arm in run.arms]
    start = pairs[0][0]
    shared = all(np.array_equal(start.fill, first.fill) for first, _ in pairs)
    befores = [
        scene_of(first, run.spacing, f"{arm.name}, start", volume_fraction(first.fill))
        for arm, (first, _) in zip(run.arms, pairs, strict=True)
        if not shared
    ]
    if shared:
        title = "Before, all arms" if len(run.arms) > 1 else "Before"
        befores = [scene_of(start, run.spacing, title, volume_fraction(start.fill))]
    afters = [
        after_scene(arm, first, last, run.spacing, change) for arm, (first, last) in zip(run.arms, pairs, strict=True)
    ]
    return befores + afters


def paint(scenes: list[Scene], view: View, colouring: Colouring, scale: Scale, pixels: int) -> list[Panel]:
    """Pixels of all scenes with one camera and one colour scale."""
    with Painter(view, pixels) as painter:
        return [Panel(scene.title, scene.subtitle, painter.paint(colouring.layers(scene, scale))) for scene in scenes]


def before_after(
    run_dir: Path | str | Run,
    path: Path | str | None = None,
    *,
    colouring: Colouring = ENERGY,
    pixels: int = PANEL_PIXELS,
    scenes: list[Scene] | None = None,
) -> Path:
    """Write the picture of the bone before and after in each arm; returns its path.

    `colouring`: `Energy()` for strain energy density of the tissue, `Change()` for how far the surface moved and what
    is gone. `path`: default `figures/before_after.png` or `figures/bone_change.png` in the run. `pixels`: height of a
    panel. `scenes`: from `scenes_of(run, change=True)`, where several pictures share them. `UserError` where the folder
    is no run or VTK cannot draw.
    """
    run = read_run(run_dir)
    path = Path(path) if path is not None else run.folder / "figures" / f"{colouring.name}.png"
    if scenes is None:
        probe.require_rendering()
        scenes = scenes_of(run, change=colouring.shows_lost)
    scale, view = colouring.scale(scenes), panels.view_of(run.size)
    drawn = paint(scenes, view, colouring, scale, pixels)
    return save(compose(drawn, view, scale, lost=colouring.shows_lost), path)


def save(figure: Figure, path: Path) -> Path:
    """Write a figure at print resolution, its folder made where missing."""
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=style.DPI)
    return path


def render_specimen(
    fill: Float[np.ndarray, "x y z"],
    spacing: tuple[float, float, float],
    path: Path | str,
    values: Float[np.ndarray, "x y z"] | None = None,
    *,
    label: str = "Strain energy density (kPa)",
    title: str = "",
    pixels: int = 1000,
) -> Path:
    """Write the picture of one specimen: plain bone, or coloured by `values` > 0 of its voxels.

    `label` names the values with their unit. `UserError` where VTK cannot draw.
    """
    surface = extract(np.asarray(fill, dtype=np.float32), spacing)
    view = panels.view_of(tuple(n * h for n, h in zip(fill.shape, spacing, strict=True)))  # type: ignore[arg-type]
    light = panels.openness(surface, fill, spacing)
    if values is None:
        scale, rgb = None, plain(len(surface.points), style.BONE)
    else:
        on_surface = sample(values, surface.points, spacing)
        scale = energy_scale([on_surface], label)
        rgb = scale.rgb(on_surface)
    with Painter(view, pixels) as painter:
        picture = painter.paint([Layer(surface, panels.shade(rgb, light))])
    drawn = [Panel(title, volume_fraction(fill), picture)]
    return save(compose(drawn, view, scale, width=SINGLE_WIDTH_IN), Path(path))
