"""What the arms differ in: the place of the largest difference from close by, each arm against the first, a cut."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float
from matplotlib.figure import Figure
from scipy import ndimage

from trabfem.errors import UserError
from trabfem.render import layout, panels, probe, scenes, style
from trabfem.render.bones import DrawnBone, moment_of, tissue_modulus
from trabfem.render.colouring import ENERGY, LOST_OPACITY, Colouring, one_colour, share_gained
from trabfem.render.layout import Panel, compose
from trabfem.render.panels import Layer, Painter, View
from trabfem.render.parts import Box, corner_of, cut_box, edges_of, part_of, size_of
from trabfem.render.scenes import Scene, volume_fraction, years
from trabfem.runs.study import Study

ZOOM = 3.0  # how many times the side of the region goes into that of the block
LEAST_SIDE = 4  # voxels
MARKED = (0.835, 0.369, 0.0)


def cut_figure(
    study: Study,
    *,
    cut: str,
    colouring: Colouring = ENERGY,
    month: float | None = None,
    pixels: int | None = None,
    scenes: list[Scene] | None = None,
) -> Figure:
    """The bones of all arms without what lies in front of a plane such as "x=1.1" (mm); all else as for all arms."""
    box = cut_box(cut, study.shape, study.spacing, panels.view_of(study.size))
    found = whole_scenes(study, month, scenes)
    parts = [replace(scene, bone=part_of(scene.bone, box)) for scene in found]
    return _all_arms(study, parts, colouring, pixels)


def _all_arms(study: Study, found: list[Scene], colouring: Colouring, pixels: int | None) -> Figure:
    return scenes.figure_of_arms(study, colouring=colouring, pixels=pixels, scenes=found)


def whole_scenes(study: Study, month: float | None, found: list[Scene] | None) -> list[Scene]:
    """The scenes that are there already, or those of the study."""
    if found is not None:
        return found
    probe.require_rendering()
    return scenes.scenes_of(study, month)


def common_month(study: Study, month: float | None) -> float:
    """The month asked for, or the last one of which every arm has kept its bone."""
    shared = set.intersection(*(set(arm.months) for arm in study))
    if month is None and shared:
        return max(shared)
    if month is None or month not in shared:
        known = ", ".join(f"{each:g}" for each in sorted(shared)) or "none"
        raise UserError(f"month = {month}: every arm has a bone at {known}; give one of these")
    return month


@dataclass(frozen=True)
class Contrast:
    """How much bone an arm has where another has none, and the other way round, in % of the other's bone."""

    more: float
    less: float

    def __str__(self) -> str:
        return f"{self.more:.1f} % more, {self.less:.1f} % less bone"


def compare(fill: Float[np.ndarray, "x y z"], reference: Float[np.ndarray, "x y z"]) -> Contrast:
    """Where one bone has more and where it has less than another; both parts are of the other's volume."""
    difference = fill.astype(np.float64) - reference
    whole = max(float(reference.sum(dtype=np.float64)), 1e-12)
    parts = (100 * float(np.maximum(sign * difference, 0).sum()) / whole for sign in (1, -1))
    return Contrast(*parts)


def difference_scenes(study: Study, month: float | None = None) -> list[Scene]:
    """The first arm, and every other one as what has become of the first arm's bone of the same month."""
    if len(study.arms) < 2:
        raise UserError("kind = difference: this study has one arm; the picture compares the others with the first")
    month = common_month(study, month)
    moments = [moment_of(study, arm, scenes.place_of(arm, month)) for arm in study]
    modulus = tissue_modulus(study)
    reference = DrawnBone(moments[0], study.spacing, modulus)
    words = [f"{arm.name}, {years(month)}" for arm in study]
    found = [Scene(words[0], f"{volume_fraction(moments[0].fill)}, the reference", reference)]
    for title, moment in zip(words[1:], moments[1:], strict=True):
        bone = DrawnBone(moment, study.spacing, modulus, reference)
        found.append(Scene(title, str(compare(moment.fill, moments[0].fill)), bone))
    return found


def difference_colouring(reference: str) -> Colouring:
    """Blue where an arm has bone that the reference has not, red glass the other way round."""
    lost = (f"bone only in “{reference}”", style.LOST, LOST_OPACITY)
    gained = ("bone only in this arm", style.GAINED, 1.0)
    return Colouring(
        "difference", "Difference from the first arm", "", share_gained, None, shows_lost=True, keys=(gained, lost)
    )


def difference_figure(study: Study, *, month: float | None = None, pixels: int | None = None) -> Figure:
    """Every arm against the first arm at the same month: blue where it alone has bone, red glass where the first has.

    `month`: the last one that all arms have, where not given. `UserError` for a study of one arm.
    """
    found = difference_scenes(study, month)
    probe.require_rendering()
    return _all_arms(study, found, difference_colouring(study.arms[0].name), pixels)


def choose_region(
    fills: Sequence[Float[np.ndarray, "x y z"]], spacing: tuple[float, float, float], zoom: float = ZOOM
) -> Box:
    """The cube, a part `zoom` of the block's side, within which bones differ most: the range of their fills, summed."""
    spread = np.max(fills, axis=0).astype(np.float64) - np.min(fills, axis=0)
    shape = spread.shape
    side = float(np.prod([n * h for n, h in zip(shape, spacing, strict=True)])) ** (1 / 3) / zoom
    sides = [min(n, max(LEAST_SIDE, round(side / h))) for n, h in zip(shape, spacing, strict=True)]
    sums = spread
    for axis, count in enumerate(sides):
        # The window of a place begins there.
        origin = -(count // 2)
        sums = ndimage.uniform_filter1d(sums, count, axis=axis, mode="constant", origin=origin)
    valid = sums[tuple(slice(0, n - count + 1) for n, count in zip(shape, sides, strict=True))]
    first = np.unravel_index(int(np.argmax(valid)), valid.shape)
    x, y, z = (slice(int(start), int(start) + count) for start, count in zip(first, sides, strict=True))
    return x, y, z


def zoom_figure(
    study: Study,
    *,
    colouring: Colouring = ENERGY,
    month: float | None = None,
    pixels: int | None = None,
    scenes: list[Scene] | None = None,
) -> Figure:
    """The region where the arms differ most, from close by in every arm; the first panel shows where it lies.

    Of a single arm: where it has changed most.
    """
    found = whole_scenes(study, month, scenes)
    arms = len(study.arms)
    compared = found[-arms:] if arms > 1 else found
    box = choose_region([scene.bone.moment.fill for scene in compared], study.spacing)
    near = [
        Scene(scene.title, f"{volume_fraction(scene.bone.moment.fill[box])} here", part_of(scene.bone, box))
        for scene in found
    ]
    view = panels.view_of(size_of(box, study.spacing))
    names = [(scene.title, scene.subtitle) for scene in near]
    key_name = ("Where", f"in the block of {' × '.join(f'{side:.3g}' for side in study.size)} mm")
    height = layout.pixels_of([key_name, *names], view, pixels)
    scale = colouring.scale([scene.bone for scene in near])
    drawn = [key_panel(*key_name, found[0].bone, box, study, view.aspect, height)]
    offset = corner_of(box, study.spacing)
    with Painter(view, height) as painter:
        for scene in near:
            layers = [moved(layer, offset) for layer in colouring.layers(scene.bone, scale)]
            drawn.append(Panel(scene.title, scene.subtitle, painter.paint(layers)))
    return compose(drawn, view, scale, keys=colouring.keys)


def moved(layer: Layer, offset: Float[np.ndarray, "3"]) -> Layer:
    """A layer in a frame whose origin is at `offset`, mm."""
    return replace(layer, surface=replace(layer.surface, points=layer.surface.points - offset))


def key_panel(title: str, subtitle: str, bone: DrawnBone, box: Box, study: Study, aspect: float, height: int) -> Panel:
    """The whole bone without colours, the region marked in it and framed."""
    view = widen(panels.view_of(study.size), aspect)
    low = corner_of(box, study.spacing)
    high = low + size_of(box, study.spacing)
    points = bone.surface.points
    within = np.all((points >= low) & (points <= high), axis=1)
    colours = [one_colour(len(points), colour) for colour in (MARKED, style.BONE)]
    rgb = panels.shade(np.where(within[:, None], *colours), bone.light)
    with Painter(view, height) as painter:
        pixels = painter.paint([Layer(bone.surface, rgb)])
    return Panel(title, subtitle, pixels, edges_of(box, study.spacing, view))


def widen(view: View, aspect: float) -> View:
    """A view of the same with another ratio of width to height, with more around it."""
    high = max(view.half_height, view.half_width / aspect)
    return replace(view, half_width=high * aspect, half_height=high)
