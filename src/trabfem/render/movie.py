"""The arms side by side through the months, as a GIF (or MP4 where imageio-ffmpeg is installed)."""

import importlib
import importlib.util
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float, UInt8
from matplotlib.backends.backend_agg import FigureCanvasAgg
from PIL import Image

from trabfem.errors import UserError
from trabfem.render import panels
from trabfem.render.bones import moment_of, tissue_energy
from trabfem.render.colouring import Scale, energy_scale
from trabfem.render.layout import Panel, compose, update
from trabfem.render.panels import Layer, Painter
from trabfem.render.picture import place_in
from trabfem.render.scenes import volume_fraction, years
from trabfem.render.surface import extract, sample
from trabfem.runs.study import Study, open_study
from trabfem.runs.trajectory import Moment

FRAMES = 11  # half-yearly over five years
FRAMES_PER_SECOND = 3
HOLD_SECONDS = 1.5  # on the last frame, before a GIF starts again
PANEL_PIXELS = 300
SCREEN_DPI = 110
LONGEST_SIDE = 80  # voxels; a movie of a larger volume is drawn from averaged blocks
SMOOTHING = 6
# A strut two voxels wide that straddles two blocks fills half of each: a level of 0.5 would cut it.
COARSE_LEVEL = 0.4
NEARLY_WHITE = 244


def movie(study: Path | str | Study, path: Path | str | None = None, *, frames: int = FRAMES) -> Path:
    """Write the movie of a study, about `frames` moments with one camera and one colour scale; returns its path.

    `path`: default `figures/movie.gif` in the study's folder; the suffix chooses GIF or MP4. `UserError` where the
    folder is no study, VTK cannot draw, or MP4 is asked for without imageio-ffmpeg.
    """
    study = open_study(study)
    path = place_in(study, path, "figures/movie.gif")
    if path.suffix.lower() not in (".gif", ".mp4"):
        raise UserError(f"cannot write a movie as {path.suffix or path.name}: give a name ending in .gif or .mp4")
    if path.suffix.lower() == ".mp4" and importlib.util.find_spec("imageio_ffmpeg") is None:
        raise UserError("MP4 needs imageio-ffmpeg: run `pip install imageio imageio-ffmpeg`, or ask for .gif")
    pictures = draw_frames(study, moments(study, frames))
    path.parent.mkdir(parents=True, exist_ok=True)
    return write_gif(path, pictures) if path.suffix.lower() == ".gif" else write_mp4(path, pictures)


def moments(study: Study, frames: int) -> list[int]:
    """About `frames` evenly spaced places among the months that the arms keep, the first and the last among them."""
    count = min(len(arm.months) for arm in study)
    return sorted({round(place) for place in np.linspace(0, count - 1, max(2, min(frames, count)))})


def average_blocks(values: Float[np.ndarray, "x y z"], factor: int) -> Float[np.ndarray, "a b c"]:
    """Means over blocks of `factor` voxels a side; what does not fill a block at the far end repeats the border."""
    if factor == 1:
        return values
    padded = np.pad(values, [(0, -n % factor) for n in values.shape], mode="edge")
    a, b, c = (n // factor for n in padded.shape)
    return padded.reshape(a, factor, b, factor, c, factor).mean(axis=(1, 3, 5))


def layer_of(moment: Moment, study: Study, scale: Scale) -> Layer:
    """The coloured surface of the bone at a month, coarsened where the volume is large."""
    factor = -(-max(study.shape) // LONGEST_SIDE)
    dx, dy, dz = (h * factor for h in study.spacing)
    fill, energy = average_blocks(moment.fill, factor), average_blocks(tissue_energy(moment), factor)
    level = 0.5 if factor == 1 else COARSE_LEVEL
    surface = extract(fill, (dx, dy, dz), level=level, smoothing=SMOOTHING)
    rgb = scale.rgb(sample(energy, surface.points, (dx, dy, dz)))
    return Layer(surface, panels.shade(rgb, panels.openness(surface, fill, (dx, dy, dz))))


def scale_of(study: Study) -> Scale:
    """One colour scale from the bone of the first and last months of all arms."""
    ends = [moment_of(study, arm, place) for arm in study for place in (0, -1)]
    return energy_scale([tissue_energy(end)[end.fill >= 0.5] for end in ends])


def draw_frames(study: Study, places: list[int]) -> list[UInt8[np.ndarray, "height width 3"]]:
    """All frames: the arms' panels with a month counter."""
    scale, view = scale_of(study), panels.view_of(study.size)
    pictures, figure = [], None
    with Painter(view, PANEL_PIXELS) as painter:
        for place in places:
            bones = [moment_of(study, arm, place) for arm in study]
            drawn = [
                Panel(arm.name, volume_fraction(bone.fill), painter.paint([layer_of(bone, study, scale)]))
                for arm, bone in zip(study, bones, strict=True)
            ]
            heading = format_month(bones[0].month)
            if figure is None:
                figure = compose(drawn, view, scale, heading=heading)
            update(figure, drawn, heading)
            pictures.append(pixels_of(figure))
    return pictures


def format_month(month: float) -> str:
    """ "Month 18", and from the second year on "Month 30 (2.5 years)"."""
    return f"Month {month:g}" + (f" ({years(month)})" if month >= 24 else "")


def pixels_of(figure: Any) -> UInt8[np.ndarray, "height width 3"]:
    """The figure as it looks on a screen; even sides, as MP4 needs."""
    figure.set_dpi(SCREEN_DPI)
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    pixels = np.asarray(canvas.buffer_rgba())[:, :, :3]
    return pixels[: pixels.shape[0] // 2 * 2, : pixels.shape[1] // 2 * 2].copy()


def write_gif(path: Path, pictures: list[UInt8[np.ndarray, "height width 3"]]) -> Path:
    """Write a looping GIF with one palette for all frames, so that still parts do not flicker."""
    palette = Image.fromarray(np.concatenate([pictures[0], pictures[-1]])).quantize(256)
    entries = np.array(palette.getpalette()).reshape(-1, 3)
    entries[entries.min(axis=1) > NEARLY_WHITE] = 255  # the quantizer blends the background a little with its edges
    palette.putpalette(entries.ravel().tolist())
    images = [Image.fromarray(picture).quantize(palette=palette, dither=Image.Dither.NONE) for picture in pictures]
    durations = [1000 // FRAMES_PER_SECOND] * len(images)
    durations[-1] = round(1000 * HOLD_SECONDS)
    images[0].save(path, save_all=True, append_images=images[1:], duration=durations, loop=0)
    return path


def write_mp4(path: Path, pictures: list[UInt8[np.ndarray, "height width 3"]]) -> Path:
    """Write an MP4; the last frame is held as in the GIF."""
    writer = importlib.import_module("imageio").get_writer(path, fps=FRAMES_PER_SECOND, macro_block_size=2)
    held = [pictures[-1]] * round(HOLD_SECONDS * FRAMES_PER_SECOND)
    for picture in [*pictures, *held]:
        writer.append_data(picture)
    writer.close()
    return path
