"""Figures of the biology: a measure over time under one or more therapies, model bands, published points on them.

Takes plain arrays, so that whatever made the numbers need not be imported here.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import matplotlib
import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.ticker import Locator, MaxNLocator, MultipleLocator

from trabfem.errors import UserError
from trabfem.render import style
from trabfem.render.picture import Picture, save
from trabfem.runs.statistics import spread, varies

BAND_OPACITY = 0.15
PANEL_HEIGHT_IN = 2.15
COVER_HEIGHT = 0.035  # of a panel's height


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
    with matplotlib.rc_context(style.FONTS):
        return _figure(panels, names, columns, note)


def _figure(panels: Sequence[Panel], names: list[str], columns: int, note: str) -> Picture:
    """The figure: legend above, axes in rows, the note below."""
    columns = min(columns, len(panels))
    rows = -(-len(panels) // columns)
    legend_columns = max(1, min(len(names), int(118 // (max(map(len, names)) + 8))))
    legend_in = 0.1 + 0.17 * -(-len(names) // legend_columns)
    note_in = 0.2 if note else 0.0
    height = legend_in + note_in + PANEL_HEIGHT_IN * rows
    figure = Picture(style.PAGE_WIDTH_IN, height, layout="constrained")
    engine = figure.get_layout_engine()
    if engine is not None:
        rectangle = (0, note_in / height, 1, 1 - (legend_in + note_in) / height)
        engine.set(w_pad=0.06, h_pad=0.05, rect=rectangle)  # type: ignore[call-arg]
    grid = np.asarray(figure.subplots(rows, columns, squeeze=False)).ravel()
    for place, (axes, panel) in enumerate(zip(grid, panels, strict=False)):
        _panel(axes, panel, names, chr(ord("a") + place))
        if place >= len(panels) - columns:
            axes.set_xlabel(panel.abscissa)
    for axes in grid[len(panels) :]:
        axes.set_visible(False)
    handles = [Line2D([], [], **style.arm_line(index), lw=1.6, label=name) for index, name in enumerate(names)]
    figure.legend(handles=handles, loc="upper center", ncols=legend_columns, frameon=False, handlelength=2.6)
    if note:
        figure.text(0.01, 0.04 / height, note, fontsize=6.5, color=style.MUTED, va="bottom")
    return figure


def _panel(axes: Axes, panel: Panel, names: list[str], letter: str) -> None:
    """One panel."""
    for curve in panel.curves:
        place = names.index(curve.name)
        colour = style.arm_colour(place)
        axes.plot(curve.months, curve.middle, **style.arm_line(place), lw=1.5, zorder=3)
        if curve.low is not None and curve.high is not None:
            axes.fill_between(curve.months, curve.low, curve.high, color=colour, alpha=BAND_OPACITY, lw=0, zorder=2)
        if curve.points is not None:
            _points(axes, curve.points, colour)
    axes.axhline(0.0, color=style.MUTED, lw=0.6, zorder=1.5)
    axes.set_title(f"{letter}   {panel.title}", loc="left", fontweight="bold", pad=4)
    axes.set_ylabel(panel.unit)
    axes.spines[["top", "right"]].set_visible(False)
    axes.margins(x=0.01)
    axes.xaxis.set_major_locator(_ticks(axes, panel.abscissa))
    axes.yaxis.set_major_locator(MaxNLocator(6, steps=[1, 2, 5, 10]))
    axes.grid(axis="y", color="#e6e6e6", lw=0.6, zorder=0)
    axes.tick_params(length=2.5)
    _covers(axes, panel.covers)


def _ticks(axes: Axes, abscissa: str) -> Locator:
    """Whole months, quarters or years, at most eight of them."""
    low, high = axes.get_xlim()
    if abscissa != "Months":
        return MaxNLocator(6, integer=True, steps=[1, 2, 5, 10])
    return MultipleLocator(next(step for step in (1, 2, 3, 6, 12, 24, 60, 120) if (high - low) / step <= 8.0))


def _points(axes: Axes, points: Points, colour: str) -> None:
    """Published values with their intervals, edged in white so that they stand out of a band of the same colour."""
    known = np.isfinite(points.low) & np.isfinite(points.high)
    if known.any():
        reach = np.stack([points.values - points.low, points.high - points.values])[:, known]
        axes.errorbar(
            points.months[known], points.values[known], yerr=reach, fmt="none", ecolor=colour, elinewidth=1.0, zorder=4
        )
    axes.plot(points.months, points.values, "o", ms=4.8, mfc=colour, mec="white", mew=0.8, zorder=5)


def _covers(axes: Axes, covers: Sequence[tuple[str, float, float]]) -> None:
    """Draw bars under the curves for the periods of treatment."""
    if not covers:
        return
    bottom, top = axes.get_ylim()
    step = COVER_HEIGHT * 2.2 * (top - bottom)
    axes.set_ylim(bottom - step * len(covers), top)
    for row, (name, start, stop) in enumerate(covers):
        level = bottom - step * (row + 0.8)
        axes.fill_between([start, stop], level, level + 0.6 * step, color="#c9c9c9", lw=0, zorder=1)
        axes.text(start, level + 0.3 * step, f" {name}", fontsize=6, va="center", color=style.INK, zorder=6)
