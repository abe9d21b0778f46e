"""The numbers of a study for its page: curves with bands, and the tables of changes, gains and losses."""

import re
from collections.abc import Sequence
from typing import Any

import numpy as np
from jaxtyping import Float

from trabfem.render import plots, style
from trabfem.render.page.wording import counted, listing, minus, number, unit
from trabfem.render.plots import Quantity
from trabfem.runs import statistics, summary
from trabfem.runs.columns import find_column, find_label
from trabfem.runs.statistics import HIGH, LOW, OF_START
from trabfem.runs.study import ArmRuns, Study
from trabfem.runs.trajectory import Trajectory

BMD = Quantity("BMD", "Bone mineral density")
GROUPS: dict[str, tuple[Quantity, ...]] = {
    "strength": (*(each for each in plots.STRENGTH if each.column != "Tb.Th"), BMD),
    "structure": (
        *(each for each in plots.STRENGTH if each.column == "Tb.Th"),
        Quantity("Tb.N", "Trabecular number", symbol="Tb.N"),
        Quantity("Conn.D", "Connectivity density", symbol="Conn.D"),
    ),
    "markers": plots.HORMONES,
}
"""What is drawn over time, by the group in which it stands."""
CHANGED = {"BV/TV": "BV/TV", "BMD": "BMD", "stiffness": "stiffness", "strength": "failure load", "Tb.Th": "Tb.Th"}
"""Quantities of the tables and the names of their columns."""
MECHANISMS = ("thinning", "perforation", "disconnection")
OF_SOLID = "of the mineral of solid bone"
DIGITS = 6
ZERO = re.compile(r"[−+]0\.0+(?!\d)")
CURVE_KEYS = {"/": "_", ".": "", " ": "_"}
Values = Float[np.ndarray, "runs months"]


def curves_of(study: Study) -> list[dict[str, Any]]:
    """Every quantity over the months that at least one arm has, arms in their order in the study.

    Of several members mean and band (see `runs.statistics`); an arm without a value of the quantity has empty lists.
    """
    return [
        curve_of(study, quantity, group)
        for group, quantities in GROUPS.items()
        for quantity in plots.find_present(study.arms, quantities)
    ]


def curve_of(study: Study, quantity: Quantity, group: str) -> dict[str, Any]:
    """One quantity over the months: title, unit, note and the curve of each arm."""
    measure = unit(plots.unit_of(study.arms, quantity.column).strip())
    return {
        "key": key_of(quantity),
        "title": quantity.title,
        "unit": "% of start" if quantity.percent else measure or "relative",
        "group": group,
        "note": start_note(study, quantity, measure) if quantity.percent else "",
        "arms": [arm_curve(arm, quantity) for arm in study.arms],
    }


def key_of(quantity: Quantity) -> str:
    """A name for scripts: `failure_load`, `bv_tv`, `tbth`."""
    return quantity.column.lower().translate(str.maketrans(CURVE_KEYS))


def arm_curve(arm: ArmRuns, quantity: Quantity) -> dict[str, Any]:
    """Months with a value, the values (the mean of the members), and the band where there is one."""
    values, every_month = arm.column(quantity.column), arm.column("month")
    if values is None or every_month is None or not np.isfinite(values).any():
        return {"months": [], "mean": [], "low": None, "high": None}
    known, column, scale = np.isfinite(values), quantity.column, 1.0
    if quantity.percent:
        of_start = arm.column(column + OF_START)
        if of_start is not None:
            values, column = of_start, column + OF_START
        elif start := float(values[known][0]):
            scale = 100.0 / start
    found: dict[str, Any] = {"months": plain(every_month[known]), "mean": plain(scale * values[known])}
    ends = [arm.column(column + end) for end in (LOW, HIGH)]
    banded = all(end is not None and np.isfinite(end[known]).all() for end in ends)
    limits = [plain(scale * end[known]) if banded and end is not None else None for end in ends]
    return found | dict(zip(("low", "high"), limits, strict=True))


def plain(values: Float[np.ndarray, " months"]) -> list[float]:
    """Values as numbers of JSON, with six digits."""
    return [float(f"{value:.{DIGITS}g}") for value in values]


def start_note(study: Study, quantity: Quantity, measure: str) -> str:
    """ "420 N at start", of the first arm that has the quantity."""
    for arm in study.arms:
        values = arm.column(quantity.column)
        if values is not None and np.isfinite(values).any():
            start = style.significant(float(values[np.isfinite(values)][0]))
            of_bmd = quantity.column == BMD.column
            return " ".join(filter(None, (quantity.symbol, start, OF_SOLID if of_bmd else measure, "at start")))
    return ""


def band_note_of(study: Study) -> str:
    """What lines and bands of the curves are, in one or two sentences."""
    count = max((len(arm.runs) for arm in study.arms), default=0)
    if count < 2:
        return "Lines: the only member; chance is not shown."
    banded = [any(arm["low"] is not None for arm in curve["arms"]) for curve in curves_of(study)]
    return plots.band_note(count, all(banded)) if any(banded) else f"The same in all {count} members."


def tables_of(study: Study) -> list[dict[str, Any]]:
    """The tables of changes, of gains over the first arm, and of losses by mechanism; those that hold something."""
    tables = (change_table(study), gain_table(study), loss_table(study))
    return [table for table in tables if table["rows"]]


def change_table(study: Study) -> dict[str, Any]:
    """The change of each quantity from month 0 to the end in each arm, %, with its band."""
    shown = measured(study)
    length = longest_of(study)
    rows = [
        [arm.name, *(statistics.format_band(last_of(changes_of(arm, name, length=length))) for name in shown)]
        for arm in study
    ]
    notes = [summary.BAND_NOTE] if several(study) else list(summary.footnotes(study.header))
    what = "change [band], %" if several(study) else "change, %"
    columns = [column("Arm", "an arm of the study"), *(column(name, f"{meaning(name)}: {what}") for name in shown)]
    title = f"Change from month 0 to month {last_month_of(study)}, %{members_of(study)}"
    return table(title, columns, rows if shown else [], [*notes, *ends_earlier(study, shown)])


def gain_table(study: Study) -> dict[str, Any]:
    """What each arm has over the first one in the same member, points of %: mean, its interval, and the verdict."""
    if not study.arms:
        return table("", [], [], [])
    first, others = study.arms[0], study.arms[1:]
    shown = measured(study)
    rows = [[arm.name, *(gain_cell(arm, first, name) for name in shown)] for arm in others]
    what = "gain [95 % of the mean], points of %" if several(study) else "gain, points of %"
    columns = [column("Arm", "an arm of the study"), *(column(name, f"{meaning(name)}: {what}") for name in shown)]
    notes = [summary.INTERVAL_NOTE + summary.VERDICT_NOTE] if several(study) else list(summary.footnotes(study.header))
    title = f"Gain over {first.name} at month {last_month_of(study)}, points of %{members_of(study)}"
    return table(title, columns, [row for row in rows if any(row[1:])], [*notes, *ends_earlier(study, shown)])


def gain_cell(arm: ArmRuns, first: ArmRuns, name: str) -> str:
    """ "+6.4 [+2.2, +10.6] beyond chance"; over the members that both arms have."""
    both = sorted(set(arm.runs) & set(first.runs))
    length = max(len(run.months) for each in (arm, first) for run in each.members)
    ours, theirs = (changes_of(each, name, both, length) for each in (arm, first))
    # An arm that goes on stops short of one that is done; one whose bone was cut through keeps what it came to.
    count = min(ours.shape[1], theirs.shape[1])
    return statistics.format_gain(last_of(ours[:, :count] - theirs[:, :count])) if both else ""


def loss_table(study: Study) -> dict[str, Any]:
    """Bone lost by each mechanism at the end of each arm, % of the volume of the block, mean over the members."""
    rows = []
    for arm in study.arms:
        lost = [last_mean(arm, f"lost by {mechanism}") for mechanism in MECHANISMS]
        known = [value for value in lost if value is not None]
        if len(known) == len(MECHANISMS):
            rows.append([arm.name, *(f"{value:.2f}" for value in (*known, sum(known)))])
    columns = [column("Arm", "an arm of the study")]
    columns += [column(name, f"{meaning(name)}, % of the volume of the block") for name in MECHANISMS]
    columns += [column("sum", "the fall of BV/TV since month 0, % of the volume of the block")]
    notes = ["Positive: bone lost. The three add up to the fall of BV/TV since month 0."]
    return table(f"Bone lost by mechanism at the end, % of TV{members_of(study)}", columns, rows, notes)


def table(title: str, columns: Sequence[dict[str, str]], rows: Sequence[Sequence[str]], notes: Sequence[str]) -> dict:
    """A table with minus signs in its cells."""
    cells = [[row[0], *(proper_signs(cell) for cell in row[1:])] for row in rows]
    return {"title": title, "columns": list(columns), "rows": cells, "notes": list(notes)}


def proper_signs(cell: str) -> str:
    """A cell with minus signs; zero has no sign."""
    return ZERO.sub(lambda found: found.group()[1:], minus(cell))


def column(label: str, meaning: str) -> dict[str, str]:
    """A column's label and what it means."""
    return {"label": label, "meaning": meaning}


def meaning(name: str) -> str:
    """What a quantity of the tables is, as the columns of the time series have it."""
    return find_column(find_label(CHANGED.get(name, f"lost by {name}"))).meaning


def measured(study: Study) -> list[str]:
    """The quantities of which at least one arm has a change."""
    return [name for name in CHANGED if any(last_of(changes_of(arm, name)).size for arm in study.arms)]


def changes_of(arm: ArmRuns, name: str, numbers: Sequence[int] | None = None, length: int = 0) -> Values:
    """Change (%) since month 0 of each member, or of those with `numbers`; NaN where not measured.

    `length`: months at least; bone that was cut through before keeps its last value, as in every table.
    """
    runs: list[Trajectory] = arm.members if numbers is None else [arm.runs[each] for each in numbers]
    label = find_label(CHANGED[name])
    if not runs or not all(any(has(run, label)) for run in runs):
        return np.full((max(1, len(runs)), 1), np.nan)
    with np.errstate(divide="ignore", invalid="ignore"):
        return statistics.changes(runs, label, length)


def has(run: Trajectory, label: str) -> list[bool]:
    """Which months of a run have a value in a column."""
    return [value is not None and bool(np.isfinite(value)) for value in run.table.get(label, [])]


def last_of(values: Values) -> Float[np.ndarray, " complete"]:
    """The values of the last month after month 0 at which every member has one; none where there is no such month."""
    complete = np.flatnonzero(np.isfinite(values).all(axis=0))
    return values[:, complete[-1]] if len(complete) and complete[-1] > 0 else np.zeros(0)


def last_mean(arm: ArmRuns, name: str) -> float | None:
    """The last value of a column: of several members their mean."""
    values = arm.column(name)
    known = values[np.isfinite(values)] if values is not None else np.zeros(0)
    return float(known[-1]) if len(known) else None


def months_of(study: Study, arm: ArmRuns, name: str) -> float | None:
    """The month up to which the change of a quantity is known in all members."""
    complete = np.flatnonzero(np.isfinite(changes_of(arm, name, length=longest_of(study))).all(axis=0))
    if not len(complete) or not complete[-1]:
        return None
    runs = [run for each in study.arms for run in each.members]
    return float(statistics.longest_months(runs)[complete[-1]])


def longest_of(study: Study) -> int:
    """How many months the longest run has."""
    return max((len(run.months) for arm in study.arms for run in arm.members), default=0)


def last_month_of(study: Study) -> str:
    """The last month of the study for which numbers are there."""
    return number(max((run.months[-1] for arm in study.arms for run in arm.members), default=0.0), 4)


def ends_earlier(study: Study, shown: Sequence[str]) -> list[str]:
    """A sentence for each month before the last one at which quantities of an arm end."""
    last, found = last_month_of(study), {}
    for arm in study.arms:
        for name in shown:
            month = months_of(study, arm, name)
            if month is not None and number(month, 4) != last:
                found.setdefault((arm.name, number(month, 4)), []).append(name)
    said = [f"{arm}: {listing(names)} up to month {month}." for (arm, month), names in found.items()]
    return [*cut_through(study), *said]


def cut_through(study: Study) -> list[str]:
    """A sentence for each arm with bone that was cut through before the last month."""
    last, found = last_month_of(study), []
    for arm in study.arms:
        early = [run.months[-1] for run in arm.members if run.ended and number(run.months[-1], 4) != last]
        if early:
            of = f" in {counted(len(early), 'member')} of {len(arm.members)}" if len(arm.members) > 1 else ""
            first = "" if len(set(early)) == 1 else " at the earliest"
            found.append(
                f"{arm.name}: cut through{of} at month {number(min(early), 4)}{first}, and counted as it ended."
            )
    return found


def several(study: Study) -> bool:
    """Whether there are several members to take means of."""
    return study.header["members"] > 1


def members_of(study: Study) -> str:
    """ ", mean of 4 members", or ", one member"."""
    return summary.count_of(study.header) or ", one member"
