"""One figure of a cohort: each measure as points with median and quartiles, by group where there are groups."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator

from trabfem.errors import UserError
from trabfem.render import fitting, style
from trabfem.render.picture import Picture, house, save
from trabfem.runs.cohort.results import FAILED, Cohort
from trabfem.tables import Column

COLUMNS = 4
PANEL_IN = 1.62
LEAST_PANEL_IN = 1.7  # narrower ones go below each other
YLABEL_IN = 0.4
MOST = 12
MOST_GROUPS = 6
USUAL = (
    "BV/TV", "Tb.Th", "Tb.Sp", "Tb.N", "Conn.D", "SMI", "DA", "BS/BV", "vBMD", "TMD", "stiffness", "apparent modulus",
    "failure load",
)  # fmt: skip
"""What is drawn first; whatever else was measured follows as long as there is room."""
OF_SOLVER = ("energy error", "force", "mean SED", "EES", "loaded BV/TV")
"""What says little of the bone by itself."""
SIGNED = ("failure load", "force")
"""Negative in compression; here a larger one is drawn higher."""
GROUPS = ("group", "arm", "treatment", "diagnosis", "status", "site", "visit", "session", "sex")
"""Names of columns whose values are groups, in the order in which they are looked for."""
NAMES_SHOWN = 6


def draw(cohort: Cohort, *, group: str | None = None, measures: Sequence[str] = ()) -> Picture:
    """The figure; `group`: a column of the table that was given, `measures`: names of what to draw.

    **Raises:** `UserError` for a column that is not there, and where no row has a value.
    """
    shown = choose_measures(cohort, measures)
    name, labels = choose_groups(cohort, group)
    groups = sorted(set(labels), key=sort_key) if name else [""]
    width = style.look().width
    columns = min(COLUMNS, len(shown), int(width / LEAST_PANEL_IN))
    rows, cell = math.ceil(len(shown) / columns), width / columns - YLABEL_IN
    keyed = bool(name) and not names_fit(groups, cell)
    with house():
        figure = Picture(width, 4.0, layout="constrained")
        grid = np.asarray(figure.subplots(rows, columns, squeeze=False)).ravel()
        table = cohort.table
        for axes, column in zip(grid, shown, strict=False):
            values = values_to_draw(column, table[column.label])
            draw_measure(axes, column, values, labels, groups, cell, keyed)
        for axes in grid[len(shown) :]:
            axes.set_visible(False)
        title = cohort.title + (f"; by {name}" if name else "")
        patches = [Patch(facecolor=style.arm_colour(1 + k), label=group) for k, group in enumerate(groups)]
        body = (PANEL_IN + (0.12 if name else 0.0)) * rows
        fitting.set_page(figure, body, handles=patches if keyed else (), note=footnote(cohort, keyed), heading=title)
    return figure


def names_fit(groups: Sequence[str], width: float) -> bool:
    """Whether the names of the groups have room beside each other below axes `width` inches wide."""
    room = width / len(groups) - 0.05
    return max(fitting.width_of(each, style.look().note) for group in groups for each in (group, "n = 00")) <= room


def write(cohort: Cohort, path: Path | str, **options: Any) -> Path:
    """Write the figure; returns the path."""
    return save(draw(cohort, **options), path)


def choose_measures(cohort: Cohort, names: Sequence[str]) -> list[Column]:
    """The measures to draw that at least one row has."""
    table = cohort.table
    known = {column.name: column for column, _ in cohort.measures if np.isfinite(numbers(table[column.label])).any()}
    unknown = [name for name in names if name not in known]
    if unknown:
        raise UserError(f"measures = {', '.join(unknown)}: no row has it; choose of {', '.join(known)}")
    usual = [name for name in USUAL if name in known]
    others = [name for name in known if name not in usual and name not in OF_SOLVER]
    found = [known[name] for name in (names or [*usual, *others][:MOST])]
    if not found:
        raise UserError(f"{cohort.name}: no row has a value, there is nothing to draw; see failures.csv")
    return found


def choose_groups(cohort: Cohort, group: str | None) -> tuple[str, list[str]]:
    """The column of groups ("" for none) and the group of each row: the one asked for, or the first of `GROUPS`."""
    copied = list(cohort.header["copied"])
    if group is not None and group not in copied:
        raise UserError(f"group = {group}: the table has no such column; choose of {', '.join(copied) or 'none'}")
    usual = [name for word in GROUPS for name in copied if name.strip().lower() == word]
    for name in [group] if group is not None else usual:
        labels = [str(row["copied"].get(name) or "not given") for row in cohort.rows]
        count = len(set(labels))
        if group is not None and count > MOST_GROUPS:
            raise UserError(f"group = {group}: it has {count} values; give a column with at most {MOST_GROUPS}")
        if group is not None or 2 <= count <= MOST_GROUPS:
            return str(name), labels
    return "", [""] * len(cohort)


def draw_measure(
    axes: Axes,
    column: Column,
    values: np.ndarray,
    labels: Sequence[str],
    groups: Sequence[str],
    width: float,
    keyed: bool,
) -> None:
    """Points of each group beside each other, a box of the quartiles with the median, the range as a line.

    `width`: of the axes, inches. `keyed`: whether a legend says which group is which.
    """
    for place, group in enumerate(groups):
        own = np.array([label == group for label in labels]) & np.isfinite(values)
        if not own.any():
            continue
        found, colour = values[own], style.arm_colour(place + 1)
        low, first, middle, third, high = np.percentile(found, (0, 25, 50, 75, 100))
        if len(found) > 3:
            axes.plot([place - 0.3] * 2, [low, high], color=colour, lw=0.8, zorder=2)
            axes.fill_between([place - 0.37, place - 0.23], first, third, color=colour, alpha=0.35, lw=0, zorder=3)
        axes.plot([place - 0.37, place - 0.23], [middle] * 2, color=colour, lw=1.8, zorder=4)
        axes.scatter(place + 0.14 + spread_out(found), found, s=9, color=colour, alpha=0.75, lw=0, zorder=3)
    look = style.look()
    fitting.plain(axes.set_title(fitting.wrap(title_of(column), width, look.text), loc="left", fontsize=look.text))
    axes.set_xlim(-0.6, len(groups) - 0.4)
    counts = [int((np.isfinite(values) & (np.array(labels) == group)).sum()) for group in groups]
    names = ["" if keyed else group for group in groups]
    words = [str(n) if keyed else f"{name}\nn = {n}".strip() for name, n in zip(names, counts, strict=True)]
    axes.set_xticks(range(len(groups)), words)
    for label in axes.get_xticklabels():
        fitting.plain(label)
    axes.spines[["top", "right"]].set_visible(False)
    axes.yaxis.set_major_locator(MaxNLocator(4))
    axes.grid(axis="y", color="#e6e6e6", lw=0.6, zorder=0)
    axes.tick_params(length=2.5, labelsize=look.note)
    axes.tick_params(axis="x", length=0)


def title_of(column: Column) -> str:
    """Name and unit; of a force that may point either way, its size."""
    name = f"|{column.name}|" if column.name in SIGNED else column.name
    return f"{name} ({column.unit.replace('^3', '³').replace('^2', '²')})" if column.unit else name


def values_to_draw(column: Column, values: Sequence[Any]) -> np.ndarray:
    """Values as floats, of forces their size."""
    found = numbers(values)
    return abs(found) if column.name in SIGNED else found


def spread_out(values: np.ndarray, bins: int = 14, step: float = 0.075, widest: float = 0.26) -> np.ndarray:
    """Sideways places of points, so that those of about the same value lie beside each other: the same every time."""
    low, high = float(values.min()), float(values.max())
    bin_of = np.zeros(len(values), int) if high == low else ((values - low) / (high - low) * bins).astype(int)
    places = np.zeros(len(values))
    for each in np.unique(bin_of):
        own = np.flatnonzero(bin_of == each)
        turn = (np.arange(len(own)) + 1) // 2 * np.where(np.arange(len(own)) % 2, 1, -1)
        most = max(1, int(abs(turn).max()))
        places[own] = turn * min(step, widest / most)
    return places


def footnote(cohort: Cohort, keyed: bool = False) -> str:
    """What is drawn, and which rows are not in it; `keyed`: whether numbers stand below the groups alone."""
    failed = [row["id"] for row, state in zip(cohort.rows, cohort.states, strict=True) if state == FAILED]
    said = "Each point a scan; at its left median, quartiles and range."
    said += " Below each group the number of its scans." if keyed else ""
    if not failed:
        return said
    more = f" and {len(failed) - NAMES_SHOWN} more" if len(failed) > NAMES_SHOWN else ""
    return f"{said} Failed: {', '.join(failed[:NAMES_SHOWN])}{more}."


def sort_key(label: str) -> tuple[int, float, str]:
    """Numbers in order, then words."""
    try:
        return (0, float(label), "")
    except ValueError:
        return (1, 0.0, label)


def numbers(values: Sequence[Any]) -> np.ndarray:
    """Values as floats, NaN where there is none."""
    return np.array([float(v) if isinstance(v, int | float) else np.nan for v in values])
