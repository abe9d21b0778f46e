"""Frames of a film written as MP4 or GIF."""

import importlib
import importlib.util
import zlib
from collections.abc import Iterable
from pathlib import Path

import numpy as np
from jaxtyping import UInt8
from PIL import Image

from trabfem.errors import UserError

SUFFIXES = (".mp4", ".gif")
SMOOTH_FRAMES_PER_SECOND = 24  # of the file; some players stumble over fewer
# H.264 at a quality at which edges of bone and letters are clean, with the colours of high definition said so that
# browsers do not guess, and the index in front so that a browser can begin before it has all.
H264 = (
    "-crf", "16", "-preset", "veryfast", "-r", str(SMOOTH_FRAMES_PER_SECOND),
    "-vf", "scale=out_color_matrix=bt709:out_range=tv:flags=accurate_rnd+full_chroma_int",
    "-colorspace", "bt709", "-color_primaries", "bt709", "-color_trc", "bt709", "-color_range", "tv",
    "-movflags", "+faststart",
)  # fmt: skip
NEARLY_WHITE = 244
PALETTE_FRAMES = 5  # from which the colours of a GIF are taken
Frame = UInt8[np.ndarray, "_ _ 3"]


def check_suffix(path: Path) -> None:
    """UserError where the file's name says no kind of film, or one that cannot be written here."""
    suffix = path.suffix.lower()
    if suffix not in SUFFIXES:
        raise UserError(f"{path}: the suffix says no kind of film; give a name that ends in .mp4 or .gif")
    if suffix == ".mp4" and any(importlib.util.find_spec(name) is None for name in ("imageio", "imageio_ffmpeg")):
        raise UserError(f"{path}: MP4 needs imageio-ffmpeg; run `pip install 'trabfem[film]'`, or ask for .gif")


def write(path: Path, pictures: Iterable[Frame], per_second: int, hold: float) -> Path:
    """Write the film under another name first, so that half a film never lies under its own; `hold`: s, at the end."""
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f".{path.stem}.unfinished{path.suffix}")
    try:
        (write_gif if path.suffix.lower() == ".gif" else write_mp4)(unfinished, pictures, per_second, hold)
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)
    return path


def write_gif(path: Path, pictures: Iterable[Frame], per_second: int, hold: float) -> None:
    """Write a looping GIF with one palette for all frames, so that still parts do not flicker."""
    # All frames are needed before the palette is known; packed they take a tenth of the memory.
    packed: list[bytes] = []
    durations: list[int] = []
    size, before = (0, 0), None
    for picture in pictures:
        if picture is before:
            durations[-1] += round(1000 / per_second)
            continue
        size, before = (picture.shape[1], picture.shape[0]), picture
        packed.append(zlib.compress(picture.tobytes(), 1))
        durations.append(round(1000 / per_second))
    durations[-1] += round(1000 * hold)
    chosen = sorted({round(place) for place in np.linspace(0, len(packed) - 1, PALETTE_FRAMES)})
    palette = palette_of([unpack(packed[place], size) for place in chosen])
    images = (unpack(each, size).quantize(palette=palette, dither=Image.Dither.NONE) for each in packed)
    next(images).save(path, save_all=True, append_images=images, duration=durations, loop=0)


def unpack(packed: bytes, size: tuple[int, int]) -> Image.Image:
    """A frame as Pillow has it."""
    return Image.frombytes("RGB", size, zlib.decompress(packed))


def palette_of(images: list[Image.Image]) -> Image.Image:
    """256 colours for all of some frames; white stays white.

    Each colour counts with the root of its number of pixels: with the number itself nearly all would go to the bones,
    and the colour bar would show steps.
    """
    pooled = np.concatenate([np.asarray(image)[::2, ::2].reshape(-1, 3) for image in images])
    bins = (pooled >> 2).astype(np.int64) @ np.array([1 << 12, 1 << 6, 1])
    _, first, count = np.unique(bins, return_index=True, return_counts=True)
    counted = np.repeat(pooled[first], np.maximum(1, np.round(np.sqrt(count))).astype(int), axis=0)
    palette = Image.fromarray(counted[None]).quantize(256)
    entries = np.array(palette.getpalette()).reshape(-1, 3)
    entries[entries.min(axis=1) > NEARLY_WHITE] = 255  # the quantizer blends the background a little with its edges
    palette.putpalette(entries.ravel().tolist())
    return palette


def write_mp4(path: Path, pictures: Iterable[Frame], per_second: int, hold: float) -> None:
    """Write an MP4; the last frame stands for `hold` seconds longer."""
    writer = importlib.import_module("imageio").get_writer(
        path, fps=per_second, codec="libx264", pixelformat="yuv420p", macro_block_size=2, quality=None,
        output_params=list(H264),
    )  # fmt: skip
    picture = None
    with writer:
        for picture in pictures:
            writer.append_data(picture)
        for _ in range(round(hold * per_second)):
            writer.append_data(picture)
