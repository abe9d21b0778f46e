"""Curves over time: strength, stiffness and structure in % of the start; the hormones and markers that drive them."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from trabfem.constants import MONTHS_PER_YEAR
from trabfem.errors import UserError
from trabfem.render import fitting, style
from trabfem.render.picture import Picture, house, place_in, save
from trabfem.runs.statistics import HIGH, LOW, OF_START
from trabfem.runs.study import ArmRuns, Study, open_study, strip_unit

BAND_OPACITY = 0.18
ROW_IN = 2.2
LEAST_ROW_IN = 1.45
YLABEL_IN = 0.62  # left of axes: label and numbers
SHORT_MONTHS = 12.0  # a shorter study is drawn over months
SAME_NOTE = " Without a band: the same in all members."


@dataclass(frozen=True)
class Quantity:
    """A column of the table and how it is drawn: in % of the first arm's start, or as it is with its unit."""

    column: str
    title: str
    percent: bool = True
    symbol: str = ""


STRENGTH = (
    Quantity("failure load", "Failure load"),
    Quantity("stiffness", "Stiffness"),
    Quantity("BV/TV", "Bone volume fraction", symbol="BV/TV"),
    Quantity("Tb.Th", "Trabecular thickness", symbol="Tb.Th"),
)
HORMONES = (
    Quantity("E2", "Oestradiol, E2", percent=False),
    Quantity("RANKL/OPG", "RANKL/OPG", percent=False),
    Quantity("CTX", "Resorption marker, CTX", percent=False),
    Quantity("P1NP", "Formation marker, P1NP", percent=False),
)


def strength_over_time(study: Path | str | Study, path: Path | str | None = None) -> Path:
    """Write failure load, stiffness, BV/TV and Tb.Th over years in % of the start of each arm; returns the path.

    Columns `<name> low` and `<name> high` of the table become bands. `UserError` where the folder is no study or its
    table holds none of the four.
    """
    study = open_study(study)
    return save(figure_of(study, STRENGTH), place_in(study, path, "figures/strength_over_time.png"))


def hormones_over_time(study: Path | str | Study, path: Path | str | None = None) -> Path:
    """Write oestradiol, RANKL/OPG and the markers CTX and P1NP over years; returns the path.

    `UserError` where the folder is no study or its table holds none of the four.
    """
    study = open_study(study)
    return save(figure_of(study, HORMONES), place_in(study, path, "figures/hormones_over_time.png"))


def find_present(arms: Sequence[ArmRuns], quantities: Sequence[Quantity]) -> list[Quantity]:
    """Those of `quantities` for which at least one arm has a finite value."""
    return [
        quantity
        for quantity in quantities
        if any(np.isfinite(values).any() for arm in arms if (values := arm.column(quantity.column)) is not None)
    ]


def figure_of(study: Study, quantities: Sequence[Quantity]) -> Picture:
    """The quantities that the study's table holds, two in a row, under one legend."""
    shown = find_present(study.arms, quantities)
    if not shown:
        names = ", ".join(quantity.column for quantity in quantities)
        raise UserError(f"the table of {study.name!r} holds none of the columns {names}: nothing to draw")
    return draw(study.arms, shown)


def draw(arms: Sequence[ArmRuns], shown: Sequence[Quantity]) -> Picture:
    """The figure of `shown`: axes in rows of two, the legend of the arms above them all."""
    rows, columns = (len(shown) + 1) // 2, min(2, len(shown))
    banded = [any(arm.column(quantity.column + LOW) is not None for arm in arms) for quantity in shown]
    count = len(arms[0].runs)
    note = band_note(count, all(banded)) if any(banded) else f"The same in all {count} members." if count > 1 else ""
    width = style.look().width
    cell = (width / 2 - YLABEL_IN, min(ROW_IN, max(LEAST_ROW_IN, 0.9 * width / 2)))
    time = time_axis(arms)
    with house():
        figure = Picture(width, 4.0, layout="constrained")
        grid = np.asarray(figure.subplots(rows, columns, squeeze=False, sharex=True)).ravel()
        for axes, quantity, letter in zip(grid, shown, "abcdefgh", strict=False):
            draw_quantity(axes, arms, quantity, letter, time, cell)
        for axes in grid[len(shown) :]:
            axes.set_visible(False)
        for axes in grid[max(0, len(shown) - 2) : len(shown)]:
            axes.set_xlabel(time[0])
            axes.tick_params(labelbottom=True)
        handles = [Line2D([], [], **style.arm_line(i), lw=1.8, label=arm.name) for i, arm in enumerate(arms)]
        fitting.set_page(figure, cell[1] * rows, handles=handles, note=note)
    return figure


def time_axis(arms: Sequence[ArmRuns]) -> tuple[str, float]:
    """The label of the axis of time, and how many months its unit has: years, or months where the study is short."""
    last = max(float(months.max()) for arm in arms if (months := arm.column("month")) is not None and len(months))
    return ("Months", 1.0) if last < SHORT_MONTHS else ("Years", MONTHS_PER_YEAR.value)


def band_note(count: int, everywhere: bool) -> str:
    """What lines and bands are, for below the figure; `everywhere`: whether every quantity has a band."""
    note = f"Lines: mean of {count} members. Bands: nine in ten further members would fall within (Student's t)."
    return note if everywhere else note + SAME_NOTE


def draw_quantity(
    axes: Axes,
    arms: Sequence[ArmRuns],
    quantity: Quantity,
    letter: str,
    time: tuple[str, float],
    cell: tuple[float, float],
) -> None:
    """One quantity of every arm over time (see `time_axis`), in axes of about `cell` inches."""
    baseline = None
    for index, arm in enumerate(arms):
        values, months, column = arm.column(quantity.column), arm.column("month"), quantity.column
        if values is None or months is None or not np.isfinite(values).any():
            continue
        known = np.isfinite(values)  # thickness is measured in some months only
        months, values = months[known], values[known]
        start = float(values[0])
        scale = 100.0 / start if quantity.percent and start else 1.0
        baseline = start if baseline is None else baseline
        of_start = arm.column(quantity.column + OF_START)
        if quantity.percent and of_start is not None:
            values, scale, column = of_start[known], 1.0, quantity.column + OF_START
        dot = "o" if len(months) == 1 else None  # of a single point there is no line
        axes.plot(
            months / time[1], scale * values, **style.arm_line(index), lw=1.6, zorder=3, marker=dot, clip_on=False
        )
        draw_band(axes, arm, column, scale, style.arm_colour(index), time[1])
    if quantity.percent and baseline is not None:
        axes.axhline(100, color=style.MUTED, lw=0.6, ls=(0, (4, 3)), zorder=1.5)
        axes.set_ylabel("% of start")
        note = f"{quantity.symbol} {style.significant(baseline)}{unit_of(arms, quantity.column)} at start".strip()
        place_titles(axes, letter, quantity.title, note, cell[0])
    else:
        axes.set_ylabel(fitting.label_of(unit_of(arms, quantity.column).strip() or "relative", 0.75 * cell[1]))
        place_titles(axes, letter, quantity.title, "", cell[0])
    tidy(axes)
    if not quantity.percent:
        start_at_zero(axes)


def place_titles(axes: Axes, letter: str, title: str, note: str, width: float) -> None:
    """The title, and the note at its right, or below it where both do not fit beside each other."""
    look = style.look()
    taken = fitting.width_of(f"{letter}   {title}", look.title, bold=True) + fitting.width_of(note, look.note)
    below = bool(note) and taken + 0.1 > width
    fitting.title_of(axes, letter, title, width, pad=5.0 + (fitting.LINE * look.note if below else 0.0))
    if note:
        place, side = (0.0, "left") if below else (1.0, "right")
        axes.annotate(
            note,
            (place, 1.0),
            (0, 3),
            xycoords="axes fraction",
            textcoords="offset points",
            fontsize=look.note,
            color=style.MUTED,
            ha=side,
            va="bottom",
        )


def start_at_zero(axes: Axes) -> None:
    """An ordinate from 0 for what cannot be negative; lines that lie on it stay whole, as they are not clipped."""
    top = axes.get_ylim()[1]
    axes.set_ylim(0.0, top if top > 0 else 1.0)


def draw_band(axes: Axes, arm: ArmRuns, column: str, scale: float, colour: str, unit: float) -> None:
    """The band between the columns `column` low and high, where the table has both; `unit`: months of the abscissa."""
    low, high, months = arm.column(column + LOW), arm.column(column + HIGH), arm.column("month")
    if low is not None and high is not None and months is not None:
        known = np.isfinite(low) & np.isfinite(high)
        time, low, high = months[known] / unit, scale * low[known], scale * high[known]
        axes.fill_between(time, low, high, color=colour, alpha=BAND_OPACITY, lw=0, zorder=2)


def tidy(axes: Axes) -> None:
    """Only the two spines that carry numbers, few ticks, a light grid."""
    axes.spines[["top", "right"]].set_visible(False)
    most = 6 if style.look().columns == 2 else 4
    axes.xaxis.set_major_locator(MaxNLocator(most, integer=axes.get_xlim()[1] > 3))
    axes.yaxis.set_major_locator(MaxNLocator(5, steps=[1, 2, 5, 10]))
    axes.grid(axis="y", color="#e6e6e6", lw=0.6, zorder=0)
    axes.margins(x=0.01)
    axes.tick_params(length=2.5)


def unit_of(arms: Sequence[ArmRuns], column: str) -> str:
    """ " N" for a column "failure load (N)"; nothing where the table gives no unit, " %" never."""
    for arm in arms:
        for key in arm.table:
            if strip_unit(key) == strip_unit(column) and "(" in key:
                return " " + key[key.index("(") + 1 : key.rindex(")")]
    return ""
