"""Words that stay within their place: measured, wrapped and never cut; legends and notes that make their own room."""

import functools
from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.font_manager import FontProperties
from matplotlib.lines import Line2D
from matplotlib.text import Text
from matplotlib.textpath import text_to_path
from matplotlib.transforms import ScaledTranslation

from trabfem.render import style
from trabfem.render.picture import Picture

POINTS_PER_INCH = 72.0
LINE = 1.25  # of the size of type, from one line to the next
SPACING = 1.2  # the same in matplotlib's own measure, which differs between its versions and is never more
EDGE_IN = 0.06
HANDLE = 2.8  # of the size of type: length of a line in a legend
LEGEND_GAP = 2.6  # of the size of type: between the line, its name and the next column
MOST_COLUMNS = 4
BREAKS = "-_/+"
ROUNDED = 1.04  # on a screen letters are moved to whole pixels, which makes a line this much longer at most


def width_of(text: str, size: float, bold: bool = False) -> float:
    """Width of a line of text at most, inches; `size` in points, in the fonts of the present look."""
    return _measure(text, bold, style.look()) * size


@functools.lru_cache(maxsize=4096)
def _measure(text: str, bold: bool, look: style.Look) -> float:
    """Width of a line of text at a size of one point, inches."""
    with style.lettering(look):
        font = FontProperties(size=100.0, weight="bold" if bold else "normal")
        width = text_to_path.get_text_width_height_descent(text.replace("\t", " "), font, ismath=False)[0]
    return ROUNDED * width / 100.0 / POINTS_PER_INCH


def line_height(size: float) -> float:
    """From one line of text to the next, inches."""
    return LINE * size / POINTS_PER_INCH


def wrap(text: str, width: float, size: float, bold: bool = False) -> str:
    """`text` in as many lines as it needs to stay within `width` inches; a word that is longer is broken."""
    return "\n".join(_lines(text, width / size, bold, style.look()))


def balance(text: str, width: float, size: float, bold: bool = False) -> str:
    """`text` in as few lines as `wrap` needs, of about the same length; for words that stand in the middle."""
    return "\n".join(_even_lines(text, width / size, bold, style.look()))


@functools.lru_cache(maxsize=4096)
def _lines(text: str, width: float, bold: bool, look: style.Look) -> tuple[str, ...]:
    """Lines of a text within a width, of which one is that of a point of size."""
    lines: list[str] = []
    space = _measure("a a", bold, look) - _measure("aa", bold, look)
    for paragraph in text.split("\n"):
        line, taken = "", 0.0
        for word in paragraph.split():
            for piece in _pieces(word, width, bold, look):
                wide = _measure(piece, bold, look)
                if line and taken + space + wide > width:
                    lines.append(line)
                    line, taken = piece, wide
                else:
                    line, taken = (f"{line} {piece}", taken + space + wide) if line else (piece, wide)
        lines.append(line)
    return tuple(lines)


@functools.lru_cache(maxsize=4096)
def _even_lines(text: str, width: float, bold: bool, look: style.Look) -> tuple[str, ...]:
    """The lines of the narrowest width that needs no more of them and breaks no word."""
    best = _lines(text, width, bold, look)
    if len(best) == 1:
        return best
    low, high = max(_measure(word, bold, look) for word in text.split()), width
    while high - low > 0.05 * width:
        middle = (low + high) / 2
        tried = _lines(text, middle, bold, look)
        if len(tried) == len(best):
            best, high = tried, middle
        else:
            low = middle
    return best


def size_for(texts: Sequence[str], width: float, size: float, least: float, bold: bool = False) -> float:
    """The size of type at which no word is broken within `width` inches: `size`, or smaller but not below `least`."""
    longest = max((_measure(word, bold, style.look()) for text in texts for word in text.split()), default=0.0)
    return size if longest * size <= width else max(least, width / longest)


def _pieces(word: str, width: float, bold: bool, look: style.Look) -> list[str]:
    """A word in pieces that fit, broken behind a hyphen or the like where there is one."""
    pieces = []
    while _measure(word, bold, look) > width and len(word) > 1:
        most = next((n for n in range(len(word) - 1, 0, -1) if _measure(word[:n], bold, look) <= width), 1)
        at = next((n for n in range(most, most // 2, -1) if word[n - 1] in BREAKS), most)
        pieces.append(word[:at])
        word = word[at:]
    return [*pieces, word]


def count_lines(text: str) -> int:
    """Lines of a wrapped text."""
    return text.count("\n") + 1


def literal(artist: Any) -> None:
    """Take dollar signs in the words of an artist as they are, and tabs, which no font has, as spaces."""
    for text in artist.findobj(Text):
        text.set_parse_math(False)
        if "\t" in text.get_text():
            text.set_text(text.get_text().replace("\t", " "))


def plain(artist: Any) -> None:
    """`literal`, and the house's distance between lines."""
    literal(artist)
    for text in artist.findobj(Text):
        text.set_linespacing(SPACING)


def letter_of(index: int) -> str:
    """a, b, ... z, aa, ab, ... of panels in order."""
    letters = "abcdefghijklmnopqrstuvwxyz"
    return letters[index] if index < 26 else letters[index // 26 - 1] + letters[index % 26]


def title_of(axes: Axes, letter: str, title: str, width: float, pad: float = 4.0) -> None:
    """The bold title of axes, after its letter, within `width` inches from their left edge."""
    size = style.look().title
    lead = f"{letter}   " if letter else ""
    lines = wrap(title, width - width_of(lead, size, bold=True), size, bold=True).split("\n")
    text = lead + "\n".join(lines)
    plain(axes.set_title(text, loc="left", fontweight="bold", pad=pad))


def label_of(text: str, length: float) -> str:
    """The label of an axis that is `length` inches long."""
    return wrap(text, length, style.look().text)


def legend_columns(names: Sequence[str], width: float, size: float) -> tuple[int, list[str]]:
    """As many columns of a legend as fit beside each other, and the names, wrapped where even few do not fit."""
    gaps = (HANDLE + LEGEND_GAP) * size / POINTS_PER_INCH
    widths = [width_of(name, size) for name in names]
    few = min(len(names), 2 if width > style.COLUMN_WIDTH_IN else 1)
    for columns in range(min(MOST_COLUMNS, len(names)), few, -1):
        parts = np.array_split(widths, columns)  # as matplotlib fills them, one column after the other
        if sum(max(part) + gaps for part in parts) <= width:
            return columns, list(names)
    return few, [wrap(name, width / few - gaps, size) for name in names]


def add_legend(figure: Picture, handles: Sequence[Artist], top: float, title: str = "") -> float:
    """A legend across the figure `top` inches below its upper edge; returns its height in inches."""
    size = style.look().text
    width, height = figure.get_size_inches()
    columns, names = legend_columns([str(handle.get_label()) for handle in handles], width - 2 * EDGE_IN, size)
    legend = figure.legend(
        handles=list(handles),
        labels=names,
        loc="upper center",
        bbox_to_anchor=(0.5, 1 - top / height),
        ncols=columns,
        frameon=False,
        fontsize=size,
        handlelength=HANDLE,
        handletextpad=0.7,
        columnspacing=1.4,
        labelspacing=0.35,
        borderaxespad=0.0,
        borderpad=0.0,
        title=title or None,
        title_fontsize=size,
    )
    plain(legend)
    return float(legend.get_window_extent(figure.canvas.get_renderer()).height / figure.dpi)  # type: ignore[attr-defined]


def legend_below(axes: Axes, width: float, title: str = "") -> None:
    """The legend of axes below their label, in one or two columns within `width` inches."""
    size = style.look().note
    handles, names = axes.get_legend_handles_labels()
    gaps = (1.6 + LEGEND_GAP) * size / POINTS_PER_INCH
    columns = 2 if len(names) > 1 and 2 * (max(width_of(name, size) for name in names) + gaps) <= width else 1
    legend = axes.legend(
        handles,
        [wrap(name, width / columns - gaps, size) for name in names],
        loc="upper center",
        bbox_to_anchor=(0.5, 0.0),
        bbox_transform=axes.transAxes + ScaledTranslation(0, -0.42, axes.figure.dpi_scale_trans),  # type: ignore[union-attr]
        ncols=columns,
        frameon=False,
        fontsize=size,
        handlelength=1.6,
        columnspacing=1.2,
        borderaxespad=0.0,
        title=title or None,
        title_fontsize=size,
    )
    plain(legend)


def set_page(
    figure: Picture, body: float, *, handles: Sequence[Artist] = (), note: str = "", heading: str = ""
) -> None:
    """Give a figure its height: heading and legend above, `body` inches for its axes, a note below, all wrapped.

    The figure's constrained layout is told to keep to the body.
    """
    look = style.look()
    width = figure.get_size_inches()[0]
    head = wrap(heading, width - 2 * EDGE_IN, look.title, bold=True) if heading else ""
    foot = wrap(note, width - 2 * EDGE_IN, look.note) if note else ""
    above = EDGE_IN + (count_lines(head) * line_height(look.title) + EDGE_IN if head else 0.0)
    below = count_lines(foot) * line_height(look.note) + 1.5 * EDGE_IN if foot else 0.0
    names = [str(handle.get_label()) for handle in handles]
    legend = _legend_height(names, width, look.text) if handles else 0.0
    height = above + legend + body + below
    figure.set_size_inches(width, height)
    if head:
        place = (EDGE_IN / width, 1 - EDGE_IN / height)
        text = figure.text(*place, head, ha="left", va="top", fontsize=look.title, fontweight="bold")
        plain(text)
    if handles:
        add_legend(figure, handles, above)
    if foot:
        text = figure.text(EDGE_IN / width, EDGE_IN / height, foot, va="bottom", fontsize=look.note, color=style.MUTED)
        plain(text)
    engine = figure.get_layout_engine()
    if engine is not None:
        rectangle = (0, below / height, 1, body / height)
        engine.set(w_pad=0.06, h_pad=0.05, rect=rectangle)  # type: ignore[call-arg]


def _legend_height(names: Sequence[str], width: float, size: float) -> float:
    """Height of the legend of these names, with the room below it, inches."""
    trial = Picture(width, 4.0)
    handles = [Line2D([], [], label=name) for name in names]
    return add_legend(trial, handles, 0.0) + 1.5 * EDGE_IN
