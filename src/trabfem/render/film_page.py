"""The page of a film: what stands still is drawn once, what changes is drawn over it frame by frame.

All lengths are inches on a page `WIDTH_IN` wide; how many pixels that is comes last, so that a small film looks as a
large one does.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from jaxtyping import UInt8
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from trabfem.constants import MONTHS_PER_YEAR
from trabfem.render import style
from trabfem.render.colouring import Key, Scale
from trabfem.render.film_text import LINE, Caption, Name, Subtitles, fit_names, fit_subtitles, widest_text
from trabfem.render.fitting import literal
from trabfem.render.legend import axes_in, colour_bar, place_keys, place_scale_and_axes
from trabfem.render.panels import View
from trabfem.render.picture import Picture

WIDTH_IN = 10.0
TALLEST_IN = 5.625  # 16:9
MARGIN_IN, GAP_IN = 0.14, 0.12
HEADER_IN = 0.56
TITLE_GAP_IN = 0.12  # around the names and subtitles of a row
LEAST_PANEL_IN = 0.05
STRIP_IN, COLUMN_IN = 0.66, 2.6  # height of a legend below, width of one on the right
LEAST_COLUMN_IN = 2.4  # height of what stands in that column
COUNTER_POINTS, SMALL_POINTS = 15.0, 8.5
Pixels = UInt8[np.ndarray, "height width 3"]
Frame = UInt8[np.ndarray, "_ _ 3"]
Rectangle = tuple[float, float, float, float]

KEY_IN = 0.2
"""Height of the keys of colours."""


@dataclass(frozen=True)
class FilmPage:
    """Where things go, inches from the bottom left corner.

    `pitch`: width of a column, which is more than a panel's where a name needs it. `titles`: height of the names and
    subtitles of each row. `names`: as they are set. `left`: of the first column.
    """

    height: float
    columns: int
    pitch: float
    panel_width: float
    panel_height: float
    titles: tuple[float, ...]
    names: tuple[Name, ...]
    subtitles: Subtitles
    legend: Rectangle
    left: float

    def panel(self, index: int) -> Rectangle:
        """Rectangle (left, bottom, width, height) of a panel."""
        row, column = divmod(index, self.columns)
        top = self.height - HEADER_IN - sum(self.titles[: row + 1]) - row * (self.panel_height + GAP_IN)
        left = self.left + column * (self.pitch + GAP_IN) + (self.pitch - self.panel_width) / 2
        return left, top - self.panel_height, self.panel_width, self.panel_height


def plan_page(captions: Sequence[Caption], aspect: float, keys: bool) -> FilmPage:
    """The page on which the panels are largest: in how many columns, and with the legend below or on the right."""
    pages = [
        plan_columns(captions, aspect, columns, keys, beside)
        for columns in range(1, len(captions) + 1)
        for beside in (False, True)
    ]
    return max(pages, key=lambda page: (round(page.panel_height, 2), -page.height))


def plan_columns(captions: Sequence[Caption], aspect: float, columns: int, keys: bool, beside: bool) -> FilmPage:
    """The page with so many columns."""
    rows = math.ceil(len(captions) / columns)
    strip = 0.0 if beside else STRIP_IN + (KEY_IN if keys else 0.0) + GAP_IN
    room = WIDTH_IN - 2 * MARGIN_IN - (COLUMN_IN + GAP_IN if beside else 0.0)
    cell = (room - GAP_IN * (columns - 1)) / columns
    names = fit_names([caption.name for caption in captions], cell)
    subtitles = fit_subtitles(captions, cell)
    in_rows = [names[row * columns : (row + 1) * columns] for row in range(rows)]
    titles = tuple(max(name.height for name in row) + subtitles.height + TITLE_GAP_IN for row in in_rows)
    free = TALLEST_IN - HEADER_IN - strip - MARGIN_IN - (rows - 1) * GAP_IN - sum(titles)
    width = max(LEAST_PANEL_IN, min(cell, aspect * free / rows))
    pitch = min(cell, max(width, widest_text(names, captions, subtitles)))
    used = columns * pitch + GAP_IN * (columns - 1)
    content = max(sum(titles) + rows * width / aspect + (rows - 1) * GAP_IN, LEAST_COLUMN_IN if beside else 0.0)
    height = HEADER_IN + content + strip + MARGIN_IN
    if beside:
        left = (WIDTH_IN - used - GAP_IN - COLUMN_IN) / 2
        legend = (left + used + GAP_IN, MARGIN_IN, COLUMN_IN, height - HEADER_IN - MARGIN_IN)
    else:
        left = (WIDTH_IN - used) / 2
        legend = (MARGIN_IN, MARGIN_IN, WIDTH_IN - 2 * MARGIN_IN, strip - GAP_IN)
    return FilmPage(height, columns, pitch, width, width / aspect, titles, names, subtitles, legend, left)


def frame_size(page: FilmPage, width: int) -> tuple[int, int]:
    """Pixels of a frame `width` wide; even sides, as H.264 in common players needs."""
    return width // 2 * 2, round(page.height * width / WIDTH_IN / 2) * 2


@dataclass(frozen=True)
class Words:
    """What is written on a frame: the counter, how far the time has come, and the parts of each subtitle."""

    counter: str
    month: float
    subtitles: tuple[tuple[str, ...], ...]


@dataclass
class Sheet:
    """The page drawn once, on which frames are composed. `span`: months of the progress line, None for none."""

    page: FilmPage
    width: int
    view: View
    scale: Scale | None
    keys: Sequence[Key] = ()
    span: tuple[float, float] | None = None
    counter_in: float = 2.0
    turning: bool = False
    figure: Any = field(init=False, repr=False)

    def __post_init__(self) -> None:
        """Draw what stands still."""
        pixels = frame_size(self.page, self.width)
        dpi = pixels[0] / WIDTH_IN
        with style.lettering(style.SCREEN):
            self.figure = Picture(WIDTH_IN, pixels[1] / dpi, dpi=dpi)
            self.moving = list(self.place_texts())
            if self.span is not None:
                self.moving += place_progress(self.figure, self.line(), self.span)
            self.place_legend()
        self.figure.canvas.draw()
        self.still = self.figure.canvas.copy_from_bbox(self.figure.bbox)

    @property
    def top(self) -> float:
        """Height of the figure, in which a whole number of pixels fits."""
        return float(self.figure.get_size_inches()[1])

    def line(self) -> Rectangle:
        """Where the progress line goes."""
        left = MARGIN_IN + self.counter_in + 0.3
        return left, self.top - 0.32, WIDTH_IN - MARGIN_IN - 0.45 - left, 0.2

    def place_texts(self) -> Iterator[Any]:
        """The names, which stand still, and counter and subtitles, which are filled in later."""
        animated: dict[str, Any] = {"animated": True}
        height = self.top
        middle = 1 - 0.27 / height
        yield self.figure.text(
            MARGIN_IN / WIDTH_IN, middle, "", va="center", fontsize=COUNTER_POINTS, fontweight="bold", **animated
        )
        for index, name in enumerate(self.page.names):
            left, bottom, width, tall = self.page.panel(index)
            x, y = (left + width / 2) / WIDTH_IN, bottom + tall + TITLE_GAP_IN / 3
            for number, line in enumerate(reversed(name.lines)):
                above = self.page.subtitles.height + TITLE_GAP_IN / 3 + number * name.points * LINE / 72
                options: dict[str, Any] = {"ha": "center", "va": "bottom", "fontsize": name.points}
                literal(self.figure.text(x, (y + above) / height, line, fontweight="bold", **options))
            yield self.figure.text(
                x, y / height, "", ha="center", va="bottom", fontsize=self.page.subtitles.points, color=style.MUTED,
                linespacing=1.0, **animated,
            )  # fmt: skip

    def place_legend(self) -> None:
        """Colour bar and keys, and the scale bar with the directions, which turn with the camera."""
        left, bottom, width, height = self.page.legend
        if height > LEAST_COLUMN_IN - HEADER_IN:
            middle = bottom + height / 2
            bar = (left + 0.08 * width, middle + 0.35, 0.84 * width, 0.12)
            self.small = (left + 0.04 * width, middle - 0.95, 0.9 * width, 0.8)
        else:
            bar = (left + 0.42 * width, bottom + 0.44, 0.5 * width, 0.12)
            self.small = (left + 0.04 * width, bottom, 0.32 * width, STRIP_IN)
        if self.scale is not None:
            colour_bar(self.figure, bar, self.scale, room=1.16 * bar[2])
        if self.keys:
            place = (bar[0], bar[1] + (bar[3] + 0.05 if self.scale is not None else -0.2), bar[2], KEY_IN)
            place_keys(self.figure, place, self.keys)
        if not self.turning:
            self.place_directions(self.view)

    def place_directions(self, view: View) -> Any:
        """Scale bar and directions of a view; returns their axes."""
        place_scale_and_axes(self.figure, self.small, view, self.page.panel_height / (2 * view.half_height))
        return self.figure.axes[-1]

    def panel_pixels(self) -> tuple[int, int]:
        """Width and height of a panel, pixels."""
        dpi = self.figure.dpi
        return max(1, round(self.page.panel_width * dpi)), max(1, round(self.page.panel_height * dpi))

    def compose(self, words: Words, pixels: Sequence[Pixels], view: View) -> Frame:
        """A frame."""
        canvas = self.figure.canvas
        canvas.restore_region(self.still)
        self.write(words)
        with style.lettering(style.SCREEN):
            for artist in self.moving:
                self.figure.draw_artist(artist)
            if self.turning:
                directions = self.place_directions(view)
                directions.draw(canvas.get_renderer())
                directions.remove()
        frame = np.asarray(canvas.buffer_rgba())[:, :, :3].copy()
        for index, panel in enumerate(pixels):
            left, bottom, _, tall = self.page.panel(index)
            row, column = round((self.page.height - bottom - tall) * self.figure.dpi), round(left * self.figure.dpi)
            frame[row : row + panel.shape[0], column : column + panel.shape[1]] = panel
        return frame

    def write(self, words: Words) -> None:
        """Fill in what changes."""
        counter, *rest = self.moving
        counter.set_text(words.counter)
        for artist, parts in zip(rest, words.subtitles, strict=False):
            artist.set_text(self.page.subtitles.join(parts))
        if self.span is not None:
            done, dot = self.moving[-2:]
            done.set_xdata([self.span[0], words.month])
            dot.set_xdata([words.month])


def place_progress(figure: Figure, rectangle: Rectangle, span: tuple[float, float]) -> list[Any]:
    """A line of the months that the film runs through, marked in months or years; returns what moves on it."""
    axes = axes_in(figure, rectangle)
    axes.set(xlim=span, ylim=(0, 1))
    unit, each = ("years", MONTHS_PER_YEAR.value) if span[1] - span[0] >= 24 else ("months", 1.0)
    axes.plot(span, [0.7, 0.7], color="#d0d0d0", linewidth=3, solid_capstyle="butt", clip_on=False)
    ticks = [
        tick
        for tick in MaxNLocator(6, steps=[1, 2, 5, 10], integer=True).tick_values(*(month / each for month in span))
    ]
    inside = [tick for tick in ticks if span[0] - 1e-6 <= tick * each <= span[1] + 1e-6]
    for tick in inside:
        axes.plot([tick * each] * 2, [0.45, 0.7], color=style.MUTED, linewidth=0.8, clip_on=False)
        axes.text(tick * each, 0.35, f"{tick:g}", ha="center", va="top", fontsize=SMALL_POINTS, color=style.MUTED)
    axes.annotate(
        unit, (1, 0.7), (8, 0), xycoords="axes fraction", textcoords="offset points", va="center",
        fontsize=SMALL_POINTS, color=style.MUTED, annotation_clip=False,
    )  # fmt: skip
    line: dict[str, Any] = {"color": style.INK, "animated": True, "clip_on": False}
    done = axes.plot([span[0], span[0]], [0.7, 0.7], linewidth=3, solid_capstyle="butt", **line)
    return [*done, *axes.plot([span[0]], [0.7], marker="o", markersize=6, **line)]
