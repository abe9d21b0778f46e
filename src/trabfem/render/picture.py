"""Figures without pyplot: they keep no global state, are in the house's fonts wherever drawn, and show in notebooks."""

import io
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import UInt8
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image

from trabfem.errors import UserError
from trabfem.render import style
from trabfem.runs import files
from trabfem.runs.study import Study

SCREEN_DPI = 160  # a notebook shows it at half the size, so that it is sharp on fine screens


def house() -> Any:
    """A `with` block in which figures are put together in the fonts of the present look."""
    return style.lettering()


class Picture(Figure):
    """A figure that sets its own fonts when it is drawn, since ticks are made only then, and is its own PNG."""

    def __init__(self, width: float, height: float, **options: Any) -> None:
        self.look = style.look()
        super().__init__(figsize=(width, height), facecolor="white", **options)
        FigureCanvasAgg(self)

    def draw(self, renderer: Any) -> None:
        """Draw in the fonts of the look that the figure was made in."""
        with style.lettering(self.look):
            super().draw(renderer)

    def _repr_png_(self) -> tuple[bytes, dict[str, int]]:
        """What a notebook shows: matplotlib registers this by itself only for figures made by pyplot."""
        stream = io.BytesIO()
        self.savefig(stream, format="png", dpi=SCREEN_DPI)
        width, height = (round(inches * SCREEN_DPI / 2) for inches in self.get_size_inches())
        return stream.getvalue(), {"width": width, "height": height}


def save(figure: Figure, path: Path | str) -> Path:
    """Write a figure at print resolution, its folder made where missing; UserError for an unknown suffix.

    It is there as a whole or not at all.

    Curves and letters stay vectors in PDF and SVG. PDF embeds its fonts as TrueType, so that its words can be searched
    and edited; SVG draws letters as outlines, so that it looks the same where the font is missing. TIFF is RGB without
    transparency, compressed without loss.
    """
    path = Path(path)
    suffix = path.suffix.lower().removeprefix(".")
    if suffix not in figure.canvas.get_supported_filetypes():
        raise UserError(f"{path}: no picture is written to this kind of file, use .png, .pdf or .svg, or .tif")
    with style.lettering(figure.look if isinstance(figure, Picture) else None):
        files.write_atomic(path, lambda partial: _write(figure, partial, suffix))
    return path


def _write(figure: Figure, path: Path, suffix: str) -> None:
    if suffix not in ("tif", "tiff"):
        figure.savefig(path, dpi=style.DPI, format=suffix)
        return
    stream = io.BytesIO()
    figure.savefig(stream, format="png", dpi=style.DPI)
    image = Image.open(stream).convert("RGB")
    image.save(path, format="tiff", dpi=(style.DPI, style.DPI), compression="tiff_lzw")


def save_pixels(pixels: UInt8[np.ndarray, "height width 3"], path: Path) -> None:
    """Write pixels as the kind of picture that the suffix says, as a whole or not at all."""
    kind = Image.registered_extensions()[path.suffix.lower()]
    files.write_atomic(path, lambda partial: Image.fromarray(pixels).save(partial, format=kind))


def place_in(study: Study, path: Path | str | None, name: str) -> Path:
    """`path`, or where `name` goes in the study's folder; UserError where there is neither."""
    if path is not None:
        return Path(path)
    if study.folder is None:
        raise UserError("path: this study was not written to a folder; give a path for the picture")
    return study.folder / name
