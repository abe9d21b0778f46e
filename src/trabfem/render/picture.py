"""Figures without pyplot: they keep no global state, are in the house's fonts wherever drawn, and show in notebooks."""

import io
from pathlib import Path
from typing import Any

import matplotlib
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from trabfem.errors import UserError
from trabfem.render import style
from trabfem.runs.study import Study

SCREEN_DPI = 160  # a notebook shows it at half the size, so that it is sharp on fine screens


class Picture(Figure):
    """A figure that sets its own fonts when it is drawn, since ticks are made only then, and is its own PNG."""

    def __init__(self, width: float, height: float, **options: Any) -> None:
        super().__init__(figsize=(width, height), facecolor="white", **options)
        FigureCanvasAgg(self)

    def draw(self, renderer: Any) -> None:
        """Draw in the house's fonts."""
        with matplotlib.rc_context(style.FONTS):
            super().draw(renderer)

    def _repr_png_(self) -> tuple[bytes, dict[str, int]]:
        """What a notebook shows: matplotlib registers this by itself only for figures made by pyplot."""
        stream = io.BytesIO()
        self.savefig(stream, format="png", dpi=SCREEN_DPI)
        width, height = (round(inches * SCREEN_DPI / 2) for inches in self.get_size_inches())
        return stream.getvalue(), {"width": width, "height": height}


def save(figure: Figure, path: Path | str) -> Path:
    """Write a figure at print resolution, its folder made where missing; UserError for an unknown suffix."""
    path = Path(path)
    known = figure.canvas.get_supported_filetypes()
    if path.suffix.lower().removeprefix(".") not in known:
        raise UserError(f"{path}: no picture is written to this kind of file, use .png, .pdf or .svg")
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=style.DPI)
    return path


def place_in(study: Study, path: Path | str | None, name: str) -> Path:
    """`path`, or where `name` goes in the study's folder; UserError where there is neither."""
    if path is not None:
        return Path(path)
    if study.folder is None:
        raise UserError("path: this study was not written to a folder; give a path for the picture")
    return study.folder / name
