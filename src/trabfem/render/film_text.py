"""Text of a film: no name is cut off; it is set smaller or broken into lines until it fits its panel."""

import functools
import math
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties

from trabfem.render import style

SUBTITLE_POINTS = 9.0
ONE_LINE_POINTS = (11.5, 10.5, 9.5)
NAME_POINTS = (11.5, 10.5, 9.5, 8.5, 7.5)
SMALLEST_POINTS = 6.0
LINE = 1.22  # of the size of letters
MEASURE_POINTS = 200.0
HINTING = 1.03  # small letters are set on whole parts of pixels


@dataclass(frozen=True)
class Name:
    """The name of an arm as it is set: lines and size in points."""

    lines: tuple[str, ...]
    points: float

    @property
    def height(self) -> float:
        """Inches that all lines take."""
        return len(self.lines) * self.points * LINE / 72


@dataclass(frozen=True)
class Caption:
    """What stands over a panel: the name, and the parts of the line below it at their widest."""

    name: str
    widest: tuple[str, ...]


@dataclass(frozen=True)
class Subtitles:
    """How the parts of all subtitles are set: side by side on one line or below each other, and the size in points."""

    lines: int
    points: float

    @property
    def height(self) -> float:
        """Inches that all lines take."""
        return self.lines * self.points * LINE / 72

    def join(self, parts: Sequence[str]) -> str:
        """A subtitle."""
        return (", " if self.lines == 1 else "\n").join(part for part in parts if part)


def text_width(text: str, points: float, bold: bool = False) -> float:
    """Inches that a line of text takes at most: the sum of its letters', which kerning only draws together."""
    return HINTING * points * sum(letter_width(letter, bold) for letter in text)


@functools.cache
def letter_width(letter: str, bold: bool) -> float:
    """Inches that a letter of one point takes."""
    with style.lettering(style.SCREEN):
        font = FontProperties(size=MEASURE_POINTS, weight="bold" if bold else "normal")
        # Between two others, or a space would take none.
        outer, whole = (measure().get_text_width_height_descent(each, font, False)[0] for each in ("||", f"|{letter}|"))
    return (whole - outer) / 72 / MEASURE_POINTS


@functools.cache
def measure() -> Any:
    """What measures text; making it takes much longer than measuring."""
    return FigureCanvasAgg(Figure(figsize=(1, 1), dpi=72)).get_renderer()


def fit_names(names: Sequence[str], width: float) -> tuple[Name, ...]:
    """All names in the largest letters with which each takes one line, or two.

    A name that is longer than that is set by itself, in as many lines of the smallest letters as it needs.
    """
    names = [" ".join(name.split()) for name in names]
    long = {name for name in names if len(break_lines(name, NAME_POINTS[-1], width)) > 2}
    others = [name for name in names if name not in long]
    for points, most in [*((points, 1) for points in ONE_LINE_POINTS), *((points, 2) for points in NAME_POINTS)]:
        broken = {name: break_lines(name, points, width) for name in others}
        if all(len(lines) <= most for lines in broken.values()):
            break
    return tuple(
        Name(break_lines(name, SMALLEST_POINTS, width), SMALLEST_POINTS) if name in long else Name(broken[name], points)
        for name in names
    )


def break_lines(text: str, points: float, width: float) -> tuple[str, ...]:
    """Lines that all fit into the width, broken between words where that is possible."""
    letters = max(1, math.floor(len(text) * width / text_width(text, points, True)) + 4) if text else 1
    while letters > 1:
        lines = textwrap.wrap(text, letters)
        if all(text_width(line, points, True) <= width for line in lines):
            return tuple(lines)
        letters -= 1
    return tuple(text)


def fit_subtitles(captions: Sequence[Caption], width: float) -> Subtitles:
    """Subtitles on one line where that is wide enough, else a line for each part, in smaller letters if need be."""
    if all(text_width(", ".join(caption.widest), SUBTITLE_POINTS) <= width for caption in captions):
        return Subtitles(1, SUBTITLE_POINTS)
    widest = max(text_width(part, SUBTITLE_POINTS) for caption in captions for part in caption.widest)
    # A little less than fills the width, as letters do not grow quite in proportion.
    points = min(SUBTITLE_POINTS, 0.98 * SUBTITLE_POINTS * width / widest)
    return Subtitles(max(len(caption.widest) for caption in captions), points)


def widest_text(names: Sequence[Name], captions: Sequence[Caption], subtitles: Subtitles) -> float:
    """Width of the widest line over a panel."""
    lines = [text_width(line, name.points, True) for name in names for line in name.lines]
    below = [line for caption in captions for line in subtitles.join(caption.widest).split("\n")]
    return max(lines + [text_width(line, subtitles.points) for line in below])
