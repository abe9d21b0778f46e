"""Panels of pixels put on a page with titles, one colour bar, one scale bar and the axes; nothing covers a panel."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float, UInt8
from matplotlib.figure import Figure
from matplotlib.text import Text

from trabfem.render import fitting, style
from trabfem.render.colouring import Key, Scale
from trabfem.render.legend import (
    BAR_IN,
    LEGEND_IN,
    SMALL_IN,
    STACK_GAP_IN,
    STACKED_KEYS,
    TICKS_IN,
    axes_in,
    bar_share,
    colour_bar,
    keys_height,
    label_height,
    label_room,
    place_keys,
    place_scale_and_axes,
    small_share,
    stacked_height,
    strip_height,
)
from trabfem.render.panels import View
from trabfem.render.picture import Picture, house

GAP_IN = 0.10
TITLE_PAD_IN = 0.05  # above, between and below the lines over a panel
STACK_IN = 1.6  # least height of a cell that takes the legend's parts one over the other
STACK_WIDTH_IN = 1.9
STACKED_BAR = (0.12, 0.76)  # where the bar begins and how long it is, of the width of the cell
LONGEST_PAGE_IN = 9.7  # of a journal
NARROWEST_IN = 1.0
PANEL_PIXELS = 720
Lines = Sequence[Float[np.ndarray, "ends 2"]]


@dataclass(frozen=True)
class Panel:
    """A picture with its two lines of title.

    `lines`: drawn over the pixels; places to the right and up from the middle of the picture, in its half heights.
    """

    title: str
    subtitle: str
    pixels: UInt8[np.ndarray, "height width 3"]
    lines: Lines = ()


@dataclass(frozen=True)
class Page:
    """Where things go on the page, inches from the bottom left corner.

    `titles`: height of what stands over the panels, row by row; `size`: of the type of their first lines, points.
    """

    width: float
    height: float
    titles: tuple[float, ...]
    size: float
    panel_width: float
    panel_height: float
    columns: int
    count: int
    legend: tuple[float, float, float, float]
    is_stacked: bool

    def panel(self, index: int) -> tuple[float, float, float, float]:
        """Rectangle (left, bottom, width, height) of a panel, rows from the top."""
        row, column = divmod(index, self.columns)
        left = GAP_IN + column * (self.panel_width + GAP_IN)
        above = sum(self.titles[: row + 1]) + row * (self.panel_height + GAP_IN)
        bottom = self.height - GAP_IN - above - self.panel_height
        return left, bottom, self.panel_width, self.panel_height

    def title(self, index: int) -> float:
        """Height of what stands over a panel."""
        return self.titles[index // self.columns]


def plan(
    names: Sequence[tuple[str, str]],
    aspect: float,
    width: float,
    keys: Sequence[Key] = (),
    label: str = "",
) -> Page:
    """A page for panels of these titles and subtitles; the legend takes the last row's free cell, or a strip below.

    `label`: of the colour bar.
    """
    count = len(names)
    columns = choose_columns(count, aspect, width)
    rows = math.ceil(count / columns)
    panel_width = width_of_panel(columns, width)
    panel_height, size = panel_width / aspect, size_of_titles(names, panel_width)
    parts = [names[row * columns : (row + 1) * columns] for row in range(rows)]
    titles = tuple(title_height(part, panel_width, size) for part in parts)
    height = GAP_IN + rows * (panel_height + GAP_IN) + sum(titles)
    free = rows * columns - count
    left = GAP_IN + (columns - free) * (panel_width + GAP_IN)
    cell = width - left - GAP_IN
    if free and cell > STACK_WIDTH_IN and panel_height > max(STACK_IN, stacked_height(keys, label, cell)):
        legend, stacked = (left, GAP_IN, cell, panel_height), True
    else:
        strip = strip_height(keys, label, width - 2 * GAP_IN)
        height += strip + GAP_IN
        legend, stacked = (GAP_IN, GAP_IN, width - 2 * GAP_IN, strip), False
    return Page(width, height, titles, size, panel_width, panel_height, columns, count, legend, stacked)


def choose_columns(count: int, aspect: float, width: float) -> int:
    """Few columns and large panels, as long as the page is no longer than a journal's and panels can be made out."""
    columns = 2 if count == 4 else min(count, 3 if width > style.COLUMN_WIDTH_IN else 2)
    while columns < count and width_of_panel(columns + 1, width) > NARROWEST_IN:
        high = width_of_panel(columns, width) / aspect + 0.5
        if math.ceil(count / columns) * high < LONGEST_PAGE_IN:
            break
        columns += 1
    return columns


def width_of_panel(columns: int, width: float) -> float:
    """Width of each of so many panels beside each other, inches."""
    return (width - GAP_IN * (columns + 1)) / columns


def letter_width() -> float:
    """Room that the letter of a panel takes at the left of its title; as much is left free at the right."""
    look = style.look()
    return fitting.width_of("m", look.text + 1, bold=True) + 0.02 if look.letters else 0.0


def size_of_titles(names: Sequence[tuple[str, str]], width: float) -> float:
    """Size of type of the titles of all panels: smaller where a long word would be broken."""
    look = style.look()
    return fitting.size_for(
        [title for title, _ in names], width - 2 * letter_width(), look.title, look.small, bold=True
    )


def wrap_titles(title: str, subtitle: str, width: float, size: float) -> tuple[str, str]:
    """Both titles of a panel in lines that are no wider than it; `size`: of the type of the first."""
    return (
        fitting.balance(title, width - 2 * letter_width(), size, bold=True),
        fitting.balance(subtitle, width, style.look().tick),
    )


def title_height(names: Sequence[tuple[str, str]], width: float, size: float) -> float:
    """Height that the titles of panels beside each other need."""
    most = 0.0
    for name in names:
        title, subtitle = wrap_titles(*name, width, size)
        first = fitting.count_lines(title) * fitting.line_height(size)
        second = fitting.count_lines(subtitle) * fitting.line_height(style.look().tick) if subtitle else 0.0
        most = max(most, first + second)
    return most + 2 * TITLE_PAD_IN


def pixels_of(names: Sequence[tuple[str, str]], view: View, pixels: int | None) -> int:
    """Height of a panel in pixels: as asked for, or for print what `style.DPI` comes to at the panel's size."""
    if pixels is not None:
        return pixels
    if style.look().name != style.PAPER.name:
        return PANEL_PIXELS
    page = plan(names, view.aspect, style.look().width)
    return math.ceil(style.DPI * page.panel_height)


def compose(
    drawn: list[Panel],
    view: View,
    scale: Scale | None,
    *,
    keys: Sequence[Key] = (),
    width: float | None = None,
) -> Figure:
    """A figure with all panels; `scale` adds the colour bar, `keys` what other colours mean.

    `width`: inches, that of the present look where not given.
    """
    with house():
        names = [(panel.title, panel.subtitle) for panel in drawn]
        width = style.look().width if width is None else width
        label = (scale.label or " ") if scale is not None else ""
        page = plan(names, view.aspect, width, keys, label)
        figure = Picture(page.width, page.height)
        for index, panel in enumerate(drawn):
            place_panel(figure, page, index, panel)
        place_legend(figure, page, view, scale, keys)
    return figure


def place_panel(figure: Figure, page: Page, index: int, panel: Panel) -> None:
    """The pixels of a panel under its titles, with its letter on paper."""
    left, bottom, width, height = page.panel(index)
    axes = axes_in(figure, (left, bottom, width, height))
    axes.imshow(panel.pixels, extent=(0, width, 0, height), aspect="auto", interpolation="antialiased")
    for line in panel.lines:
        places = np.array([width / 2, height / 2]) + 0.5 * height * np.asarray(line)
        axes.plot(*places.T, color=style.INK, linewidth=0.9, solid_joinstyle="round")
    look = style.look()
    title, words = wrap_titles(panel.title, panel.subtitle, width, page.size)
    top = bottom + height + page.title(index) - TITLE_PAD_IN
    low = top - fitting.count_lines(title) * fitting.line_height(page.size)
    middle = left + width / 2
    write(figure, middle, top, title, fontsize=page.size, fontweight="bold")
    if look.letters and page.count > 1:
        write(figure, left, top, fitting.letter_of(index), ha="left", fontsize=look.text + 1, fontweight="bold")
    write(figure, middle, low, words, fontsize=look.tick, color=style.MUTED)


def write(figure: Figure, left: float, top: float, words: str, **options: Any) -> Text:
    """Words on the page below a place in inches from its lower left corner, centred there unless told otherwise."""
    width, height = figure.get_size_inches()
    text = figure.text(left / width, top / height, words, va="top", **{"ha": "center", **options})
    fitting.plain(text)
    return text


def place_legend(figure: Figure, page: Page, view: View, scale: Scale | None, keys: Sequence[Key]) -> None:
    """Colour bar with the keys, scale bar and axes: stacked in the free cell, side by side in the strip."""
    left, bottom, width, height = page.legend
    inches_per_mm = page.panel_height / (2 * view.half_height)
    label = (scale.label or " ") if scale is not None else ""
    if page.is_stacked:
        beside, length = STACKED_BAR
        under = label_height(label, label_room(width, page.is_stacked)) + TICKS_IN
        base = bottom + 0.5 * (height - stacked_height(keys, label, width))
        small = (left + beside * width, base, length * width, SMALL_IN)
        bar = (left + beside * width, base + SMALL_IN + STACK_GAP_IN + under, length * width, BAR_IN)
        words = (left + 0.05 * width, STACKED_KEYS * width)
    else:
        share, length = small_share(width), bar_share(width)
        under = label_height(label, label_room(width, page.is_stacked)) + TICKS_IN
        small = (left + 0.03 * width, bottom - 0.04, share * width, LEGEND_IN)
        bar = (left + (share + 0.1) * width, bottom + under, length * width, BAR_IN)
        words = (left + (share + 0.04) * width, (0.96 - share) * width)
    if scale is not None:
        colour_bar(figure, bar, scale, label_room(width, page.is_stacked))
    if keys:
        high = keys_height(keys, words[1])
        above = bar[1] + BAR_IN + 0.06
        if scale is None:
            above = small[1] + SMALL_IN + STACK_GAP_IN if page.is_stacked else bottom + 0.5 * (height - high)
        place_keys(figure, (words[0], above, words[1], high), keys)
    place_scale_and_axes(figure, small, view, inches_per_mm)
