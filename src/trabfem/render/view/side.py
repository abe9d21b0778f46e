"""The column at the left of a window as an image: title, menu of colourings, colour scale, keys.

It is a figure of matplotlib, so that words, units and scales look as in every picture.
"""

import textwrap
from dataclasses import dataclass

import numpy as np
from jaxtyping import UInt8
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle

from trabfem.render import fitting, legend, style
from trabfem.render.colouring import Scale
from trabfem.render.picture import Picture
from trabfem.render.view.contents import Choice

WIDTH = 300  # pixels
DPI = 100
LINE, SMALL_LINE = 23, 17
EDGE = 14
LISTED = 9  # entries of the menu: as many as there are digits
LETTERS = 34  # of the title in a line
HELP = (
    ("1 … 9", "colour by"),
    ("n, p", "next, previous colour"),
    ("→, ←", "next, previous month"),
    ("space", "play, stop"),
    ("c", "cut on, off"),
    ("x, y, z", "cut across this axis"),
    ("↑, ↓", "move the cut"),
    ("r", "camera back"),
    ("s", "write a screenshot"),
    ("h", "these keys on, off"),
    ("q", "close"),
    ("mouse", "left: turn, right or wheel: zoom,"),
    ("", "middle or shift and left: move"),
)


@dataclass(frozen=True)
class Side:
    """What the column shows. `message`: of what is going on, in one line."""

    title: str
    choices: tuple[Choice, ...]
    chosen: int
    scale: Scale | None
    keys_shown: bool
    message: str = ""


def listed(side: Side) -> range:
    """Numbers of the choices that the menu lists: `LISTED` at most, with the chosen one among them."""
    first = min(max(0, side.chosen - LISTED + 1), max(0, len(side.choices) - LISTED))
    return range(first, min(first + LISTED, len(side.choices)))


def title_lines(side: Side) -> list[str]:
    """The title, broken into two lines at most."""
    return textwrap.wrap(side.title, LETTERS, max_lines=2, placeholder=" …", break_long_words=True) or [""]


def menu_top(side: Side) -> int:
    """Pixels from the top of the column to the menu's first entry."""
    return EDGE + 20 * len(title_lines(side)) + 34


def choice_at(side: Side, from_top: float) -> int | None:
    """The choice whose line lies so many pixels below the top of the column."""
    row = int((from_top - menu_top(side)) // LINE)
    return listed(side)[row] if 0 <= row < len(listed(side)) else None


def draw_side(side: Side, width: int, height: int) -> UInt8[np.ndarray, "height width 3"]:
    """The column as pixels."""
    with style.lettering(style.SCREEN):
        figure = Picture(width / DPI, height / DPI, dpi=DPI)
        figure.set_dpi(DPI)
        axes = figure.add_axes((0, 0, 1, 1))
        axes.set(xlim=(0, width), ylim=(height, 0))
        axes.axis("off")
        for row, line in enumerate(title_lines(side)):
            axes.text(EDGE, EDGE + 20 * row, line, va="top", fontsize=9.5, fontweight="bold")
        below = draw_menu(axes, side, width)
        below = draw_scale(figure, side, below, width, height)
        draw_keys(axes, side, below)
        if side.message:
            lines = "\n".join(textwrap.wrap(side.message, LETTERS + 8, max_lines=2, placeholder=" …"))
            axes.text(EDGE, below - 4, lines, va="bottom", fontsize=7.5, color="#b5482f")
        fitting.literal(axes)
        canvas = figure.canvas
        canvas.draw()
        return np.asarray(canvas.buffer_rgba())[:, :, :3].copy()  # type: ignore[attr-defined]


def draw_menu(axes: Axes, side: Side, width: int) -> float:
    """The colourings with their keys, the chosen one marked; returns where it ends."""
    top = menu_top(side)
    further = len(side.choices) > LISTED
    heading = f"Colour by ({side.chosen + 1} of {len(side.choices)}; n: next)" if further else "Colour by"
    axes.text(EDGE, top - 8, heading, va="bottom", fontsize=8, color=style.MUTED)
    for row, number in enumerate(listed(side)):
        y = top + row * LINE
        chosen = number == side.chosen
        face = "#dbe6f0" if chosen else "#f4f4f4"
        axes.add_patch(Rectangle((EDGE - 4, y + 1), width - 2 * EDGE + 8, LINE - 2, facecolor=face, edgecolor="none"))
        axes.text(EDGE + 2, y + LINE / 2, f"{row + 1}", va="center", fontsize=8, color=style.MUTED)
        weight = "bold" if chosen else "normal"
        axes.text(EDGE + 18, y + LINE / 2, side.choices[number].title, va="center", fontsize=8.5, fontweight=weight)
    return top + len(listed(side)) * LINE


def draw_scale(figure: Picture, side: Side, top: float, width: int, height: int) -> float:
    """The colour scale of the chosen colouring with its unit, and what other colours mean; returns where it ends."""
    inches = (width - 2 * EDGE - 16) / DPI
    keys = side.choices[side.chosen].keys if side.choices else ()
    if keys:
        legend.place_keys(figure, (EDGE / DPI, (height - top - 34) / DPI, (width - 2 * EDGE) / DPI, 0.24), keys)
        top += 30
    if side.scale is not None:
        legend.colour_bar(
            figure, ((EDGE + 8) / DPI, (height - top - 34) / DPI, inches, 0.14), side.scale, room=inches + 12 / DPI
        )
        top += 74
    return top + 30


def draw_keys(axes: Axes, side: Side, top: float) -> None:
    """What the keys do, or that `h` says it."""
    if not side.keys_shown:
        axes.text(EDGE, top, "h: all keys", va="top", fontsize=8, color=style.MUTED)
        return
    for row, (key, meaning) in enumerate(HELP):
        y = top + row * SMALL_LINE
        axes.text(EDGE, y, key, va="top", fontsize=8, fontweight="bold")
        axes.text(EDGE + 56, y, meaning, va="top", fontsize=8, color=style.MUTED)
