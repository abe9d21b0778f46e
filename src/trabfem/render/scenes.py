"""The bone before and after, arm beside arm: one camera, one colour scale, ready for a paper."""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from jaxtyping import Float
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import Normalize

from trabfem.errors import UserError
from trabfem.render import panels, probe, style
from trabfem.render.layout import Panel, compose
from trabfem.render.panels import Layer, Painter, View
from trabfem.render.run import MONTHS_PER_YEAR, Arm, Run, Step, read_run, read_step
from trabfem.render.surface import Surface, extract, receded, sample

COLOURINGS = ("energy", "loss")
PANEL_PIXELS = 720
LEAST_FILL = 0.2  # below it the energy of the tissue in a voxel is a quotient of two small numbers
LOST_OPACITY = 0.45
LOST_GAP = 0.6  # voxels; less is within the accuracy of a surface


@dataclass(frozen=True)
class Scene:
    """One panel before its colours are chosen: surface, occlusion, and the tissue's energy density (kPa) on it."""

    title: str
    subtitle: str
    surface: Surface
    light: Float[np.ndarray, "points"]
    energy: Float[np.ndarray, "points"]
    lost: Surface | None = None

    def layers(self, norm: Normalize, colouring: str) -> list[Layer]:
        """The coloured surfaces of the panel."""
        if colouring == "energy":
            rgb = style.to_rgb(self.energy, norm, style.energy_map())
        else:
            rgb = plain(len(self.energy), style.BONE)
        drawn = [Layer(self.surface, panels.shade(rgb, self.light))]
        if colouring == "loss" and self.lost is not None:
            drawn.append(Layer(self.lost, plain(len(self.lost.points), style.LOST), LOST_OPACITY))
        return drawn


def plain(count: int, colour: tuple[float, float, float]) -> np.ndarray:
    """One colour for `count` points."""
    return np.tile(np.round(255 * np.array(colour)).astype(np.uint8), (count, 1))


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


def after_scene(arm: Arm, first: Step, last: Step, spacing: tuple[float, float, float], lost: bool) -> Scene:
    """The last step of an arm, with what went since its first step where `lost`."""
    numbers = volume_fraction(last.fill) + signed(arm.change("failure load"), "strength")
    scene = scene_of(last, spacing, f"{arm.name}, {years(last.month)}", numbers)
    if not lost:
        return scene
    return replace(scene, lost=receded(extract(first.fill, spacing), scene.surface, LOST_GAP * min(spacing)))


def scenes_of(run: Run, lost: bool = False) -> list[Scene]:
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
        befores = [scene_of(start, run.spacing, "Before, all arms", volume_fraction(start.fill))]
    afters = [
        after_scene(arm, first, last, run.spacing, lost) for arm, (first, last) in zip(run.arms, pairs, strict=True)
    ]
    return befores + afters


def paint(
    scenes: list[Scene], view: View, norm: Normalize, colouring: str, pixels: int, supersampling: int = 2
) -> list[Panel]:
    """Pixels of all scenes with one camera and one colour scale."""
    with Painter(view, pixels, supersampling) as painter:
        return [Panel(scene.title, scene.subtitle, painter.paint(scene.layers(norm, colouring))) for scene in scenes]


def before_after(
    run_dir: Path | str | Run,
    path: Path | str | None = None,
    *,
    colouring: str = "energy",
    pixels: int = PANEL_PIXELS,
    scenes: list[Scene] | None = None,
) -> Path:
    """Write the picture of the bone before and after in each arm; returns its path.

    `colouring`: "energy" for strain energy density of the tissue, "loss" for the bone that was there at the start and
    is gone. `path`: default `figures/before_after.png` or `figures/bone_lost.png` in the run. `pixels`: height of a
    panel. `scenes`: from `scenes_of`, where several pictures share them. `UserError` where the folder is no run or VTK
    cannot draw.
    """
    if colouring not in COLOURINGS:
        raise UserError(f"unknown colouring {colouring!r}: choose one of {', '.join(COLOURINGS)}")
    run = read_run(run_dir)
    name = "before_after.png" if colouring == "energy" else "bone_lost.png"
    path = Path(path) if path is not None else run.folder / "figures" / name
    if scenes is None:
        probe.require_rendering()
        scenes = scenes_of(run, lost=colouring == "loss")
    norm = style.shared_norm([scene.energy for scene in scenes])
    view = panels.view_of(run.size)
    drawn = paint(scenes, view, norm, colouring, pixels)
    figure = compose(drawn, view, norm if colouring == "energy" else None, lost=colouring == "loss")
    return save(figure.canvas, path)


def save(canvas: object, path: Path) -> Path:
    """Write the figure of a canvas at print resolution, its folder made where missing."""
    assert isinstance(canvas, FigureCanvasAgg)
    path.parent.mkdir(parents=True, exist_ok=True)
    canvas.figure.savefig(path, dpi=style.DPI)
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
        norm, rgb = None, plain(len(surface.points), style.BONE)
    else:
        on_surface = sample(values, surface.points, spacing)
        norm = style.shared_norm([on_surface])
        rgb = style.to_rgb(on_surface, norm, style.energy_map())
    with Painter(view, pixels) as painter:
        picture = painter.paint([Layer(surface, panels.shade(rgb, light))])
    drawn = [Panel(title, volume_fraction(fill), picture)]
    return save(compose(drawn, view, norm, label=label, width=3.6).canvas, Path(path))
