"""Figures of the biology: a measure over time under one or more therapies, model bands, published points on them.

Takes plain arrays, so that whatever made the numbers need not be imported here.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.ticker import Locator, MaxNLocator, MultipleLocator

from trabfem.errors import UserError
from trabfem.render import fitting, style
from trabfem.render.picture import Picture, house, save
from trabfem.runs.statistics import spread, varies

BAND_OPACITY = 0.15
PANEL_HEIGHT_IN = 2.15
LOW_PANEL_IN = 1.65  # in a figure of one column, where panels stand below each other
YLABEL_IN = 0.6
LEAST_PANEL_IN = 1.8  # narrower ones go below each other
COVER_IN = 0.125  # height of a bar for a line of its words
AXES_SHARE = 0.6  # of a panel's height, at least


@dataclass(frozen=True)
class Points:
    """Published results: value at a month, its 95 % interval where known (NaN where not)."""

    months: Float[np.ndarray, " points"]
    values: Float[np.ndarray, " points"]
    low: Float[np.ndarray, " points"]
    high: Float[np.ndarray, " points"]


@dataclass(frozen=True)
class Curve:
    """A prediction over months with its band, and the published points that belong to it; `name` is in the legend."""

    name: str
    months: Float[np.ndarray, " months"]
    middle: Float[np.ndarray, " months"]
    low: Float[np.ndarray, " months"] | None = None
    high: Float[np.ndarray, " months"] | None = None
    points: Points | None = None


@dataclass(frozen=True)
class Panel:
    """Axes with a title, the unit of the ordinate, its curves, and treatment cover as (name, start, stop) in months."""

    title: str
    unit: str
    curves: Sequence[Curve]
    covers: Sequence[tuple[str, float, float]] = field(default_factory=tuple)
    abscissa: str = "Months"


def of_members(name: str, months: Float[np.ndarray, " months"], values: Float[np.ndarray, "members months"]) -> Curve:
    """Mean and band of the members (see `runs.statistics`) at the months where all have a value (NaN: none)."""
    seen = np.isfinite(values).all(axis=0)
    found = [each for month in values[:, seen].T if (each := spread(month)) is not None]
    if len(values) == 1 or not varies(values[:, seen]):
        return Curve(name, months[seen], np.array([each.mean for each in found]))
    middle, low, high = np.array([(each.mean, each.low, each.high) for each in found]).reshape(-1, 3).T
    return Curve(name, months[seen], middle, low, high)


def draw(panels: Sequence[Panel], path: Path | str, columns: int = 2, note: str = "") -> Path:
    """Write `panels` in rows of `columns` under one legend; curves of one name share a colour. Returns the path.

    `UserError` where there is nothing to draw.
    """
    return save(figure_of(panels, columns, note), path)


def figure_of(panels: Sequence[Panel], columns: int = 2, note: str = "") -> Picture:
    """`panels` in rows of `columns` under one legend; `UserError` where there is nothing to draw."""
    names = list(dict.fromkeys(curve.name for panel in panels for curve in panel.curves))
    if not names:
        raise UserError("no curve to draw; give at least one panel with a curve")
    with house():
        return _figure(panels, names, columns, note)


def _figure(panels: Sequence[Panel], names: list[str], columns: int, note: str) -> Picture:
    """The figure: legend above, axes in rows, the note below."""
    width = style.look().width
    columns = max(1, min(columns, len(panels), int(width / LEAST_PANEL_IN)))
    rows = -(-len(panels) // columns)
    cell = width / columns - YLABEL_IN
    rooms = [extra_room(panel, cell) for panel in panels]
    heights = [panel_height() + max(rooms[row * columns : (row + 1) * columns]) for row in range(rows)]
    figure = Picture(width, 4.0, layout="constrained")
    grid = np.asarray(figure.subplots(rows, columns, squeeze=False, height_ratios=heights)).ravel()
    for place, (axes, panel) in enumerate(zip(grid, panels, strict=False)):
        _panel(axes, panel, names, fitting.letter_of(place), cell)
        if place >= len(panels) - columns:
            axes.set_xlabel(fitting.label_of(panel.abscissa, cell))
    for axes in grid[len(panels) :]:
        axes.set_visible(False)
    handles = [Line2D([], [], **style.arm_line(index), lw=1.6, label=name) for index, name in enumerate(names)]
    fitting.set_page(figure, sum(heights), handles=handles, note=note)
    return figure


def panel_height() -> float:
    """Height of a panel without anything that needs more, inches."""
    return PANEL_HEIGHT_IN if style.look().columns == 2 else LOW_PANEL_IN


def extra_room(panel: Panel, width: float) -> float:
    """Height that a panel `width` inches wide needs beyond that of others: further lines of its title, and its bars."""
    look = style.look()
    lines = fitting.count_lines(fitting.wrap(panel.title, width - 0.2, look.title, bold=True)) - 1
    bars = sum(fitting.count_lines(fitting.wrap(name, 0.94 * width, look.small)) for name, _, _ in panel.covers)
    return lines * fitting.line_height(look.title) + bars * COVER_IN


def _panel(axes: Axes, panel: Panel, names: list[str], letter: str, width: float) -> None:
    """One panel, about `width` inches wide."""
    for curve in panel.curves:
        place = names.index(curve.name)
        colour = style.arm_colour(place)
        dot = "o" if len(curve.months) == 1 else None  # of a single point there is no line
        axes.plot(curve.months, curve.middle, **style.arm_line(place), lw=1.5, zorder=3, marker=dot)
        if curve.low is not None and curve.high is not None:
            axes.fill_between(curve.months, curve.low, curve.high, color=colour, alpha=BAND_OPACITY, lw=0, zorder=2)
        if curve.points is not None:
            _points(axes, curve.points, colour)
    axes.axhline(0.0, color=style.MUTED, lw=0.6, zorder=1.5)
    fitting.title_of(axes, letter, panel.title, width)
    axes.set_ylabel(fitting.label_of(panel.unit, 0.7 * panel_height()))
    axes.spines[["top", "right"]].set_visible(False)
    axes.margins(x=0.01)
    axes.xaxis.set_major_locator(_ticks(axes, panel.abscissa))
    axes.yaxis.set_major_locator(MaxNLocator(6, steps=[1, 2, 5, 10]))
    axes.grid(axis="y", color="#e6e6e6", lw=0.6, zorder=0)
    axes.tick_params(length=2.5)
    _covers(axes, panel.covers, width)


def _ticks(axes: Axes, abscissa: str) -> Locator:
    """Whole months, quarters or years, at most eight of them."""
    low, high = axes.get_xlim()
    if abscissa != "Months":
        return MaxNLocator(6, integer=True, steps=[1, 2, 5, 10])
    steps = (step for step in (1, 2, 3, 6, 12, 24, 60, 120, 240) if (high - low) / step <= 8.0)
    return MultipleLocator(next(steps, 600))


def _points(axes: Axes, points: Points, colour: str) -> None:
    """Published values with their intervals, edged in white so that they stand out of a band of the same colour."""
    known = np.isfinite(points.low) & np.isfinite(points.high)
    if known.any():
        reach = np.stack([points.values - points.low, points.high - points.values])[:, known]
        axes.errorbar(
            points.months[known], points.values[known], yerr=reach, fmt="none", ecolor=colour, elinewidth=1.0, zorder=4
        )
    axes.plot(points.months, points.values, "o", ms=4.8, mfc=colour, mec="white", mew=0.8, zorder=5)


def _covers(axes: Axes, covers: Sequence[tuple[str, float, float]], width: float) -> None:
    """Bars under the curves for the periods of treatment, each with its name on it, beside it, or else over it.

    `width`: of the axes, inches. The room for them is added below what is drawn.
    """
    if not covers:
        return
    bottom, top = axes.get_ylim()
    left, right = axes.get_xlim()
    small = style.look().small
    placed = [_place_cover(name, start, stop, (left, right), width, small) for name, start, stop in covers]
    lines = sum(fitting.count_lines(words) for words, _, _ in placed)
    step = (top - bottom) * COVER_IN / (AXES_SHARE * panel_height())
    axes.set_ylim(bottom - step * (lines + 0.3), top)
    level = bottom
    for (words, place, side), (_, start, stop) in zip(placed, covers, strict=True):
        high = step * fitting.count_lines(words)
        level -= high
        axes.fill_between([start, stop], level + 0.08 * high, level + 0.92 * high, color="#c9c9c9", lw=0, zorder=1)
        text = axes.text(
            place, level + 0.5 * high, words, fontsize=small, ha=side, va="center", color=style.INK, zorder=6
        )
        text.set_parse_math(False)


def _place_cover(
    name: str, start: float, stop: float, ends: tuple[float, float], width: float, size: float
) -> tuple[str, float, str]:
    """The name of a period in lines, where it stands, and which of its sides is there."""
    per_inch = (ends[1] - ends[0]) / width
    gap = 0.03 * per_inch
    needed = fitting.width_of(name, size) * per_inch + 2 * gap
    if start + needed <= ends[1]:
        return name, start + gap, "left"
    if stop - needed >= ends[0]:
        return name, stop - gap, "right"
    return fitting.wrap(name, 0.94 * width, size), ends[0] + gap, "left"
