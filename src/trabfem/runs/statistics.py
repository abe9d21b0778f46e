"""Statistics over members: medians, 5-95 % bands, changes since month 0, paired gains of one arm over another."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from jaxtyping import Float

from trabfem.specimen import Specimen
from trabfem.specimen.morphometry import morphometry

from .columns import COMPARED
from .trajectory import Trajectory

QUANTILES = {" low": 0.05, "": 0.5, " high": 0.95}
OF_START = ", % of start"
"""Suffix of columns in which every member is relative to its own value at month 0."""
RELATIVE = (*COMPARED.values(), "BMD", "Tb.Th (mm)", "Tb.N (1/mm)", "Conn.D (1/mm^3)")
Table = dict[str, list[Any]]
Values = Float[np.ndarray, "runs months"]


def stack_runs(runs: Sequence[Trajectory], column: str) -> Values:
    """A column of every run, NaN where not measured. After bone is cut through, its last value is kept."""
    longest = max(len(run.months) for run in runs)
    out = np.full((len(runs), longest), np.nan)
    for row, run in zip(out, runs, strict=True):
        values = [np.nan if value is None else float(value) for value in run.table.get(column, [])]
        row[: len(values)] = values
        if run.ended and values:
            row[len(values) :] = values[-1]
    return out


def longest_months(runs: Sequence[Trajectory]) -> list[float]:
    """The months of the longest run."""
    return max((run.months for run in runs), key=len)


def bands(runs: Sequence[Trajectory]) -> Table:
    """Month and, for every column, its median under its own name and 5 % and 95 % as `<name> low` and `<name> high`.

    Columns of `RELATIVE` also appear as `<name>, % of start`: relative to each member's own start, as starts differ.
    """
    columns = {key: stack_runs(runs, key) for key in runs[0].table if key != "month"}
    columns |= {
        f"{column.split(' (')[0]}{OF_START}": 100 + changes(runs, column) for column in RELATIVE if column in columns
    }
    table: Table = {"month": longest_months(runs)}
    for column, values in columns.items():
        for suffix, share in QUANTILES.items():
            table[column + suffix] = [quantile(month, share) for month in values.T]
    return table


def quantile(values: Float[np.ndarray, " runs"], share: float) -> float | None:
    """The quantile `share` of the finite values; None where there is none."""
    known = values[np.isfinite(values)]
    return float(np.quantile(known, share)) if known.size else None


def changes(runs: Sequence[Trajectory], column: str) -> Values:
    """Change of a column since month 0 in each run, %."""
    values = stack_runs(runs, column)
    return 100 * (values / values[:, :1] - 1)


def gains(runs: Sequence[Trajectory], others: Sequence[Trajectory], column: str) -> Values:
    """Difference of `changes` between two arms for the same member, percentage points."""
    return changes(runs, column) - changes(others, column)


def mean_around_year(values: Values, months: Float[np.ndarray, " months"], year: float) -> Float[np.ndarray, " runs"]:
    """Mean of each run from a year before to a year after `year`, since strength jumps with every pit."""
    return values[:, np.abs(months - 12 * year) <= 12].mean(axis=1)


def structure_changes(
    runs: Sequence[Trajectory], spacing: tuple[float, float, float], indices: Sequence[str]
) -> Float[np.ndarray, "runs indices"]:
    """Change (%) of structure indices, named as in `morphometry`, from the first to the last bone of each run."""
    ends = [[morphometry(Specimen(fill, spacing)) for fill in (run.fill_first, run.fill_last)] for run in runs]
    return np.array([[100 * (last[key] / first[key] - 1) for key in indices] for first, last in ends])


def standard_error(values: Float[np.ndarray, " runs"]) -> float:
    """Standard error of the mean; NaN of a single value."""
    return float(values.std(ddof=1) / np.sqrt(len(values))) if len(values) > 1 else np.nan


def format_band(values: Float[np.ndarray, " runs"]) -> str:
    """Median and 5-95 % band over the members as text."""
    low, middle, high = np.quantile(values, list(QUANTILES.values()))
    return f"{middle:+.1f} [{low:+.1f}, {high:+.1f}]"


def summarise(runs: Sequence[Trajectory]) -> dict[str, float | None]:
    """Median change (%) of bone volume, stiffness and strength, with the 5-95 % band of several members."""
    return quantiles("change_%", {name: changes(runs, column)[:, -1] for name, column in COMPARED.items()})


def summarise_gains(runs: Sequence[Trajectory], first: Sequence[Trajectory]) -> dict[str, float | None]:
    """Median gain over the first arm for the same member (percentage points), with its 5-95 % band."""
    return quantiles("points", {name: gains(runs, first, column)[:, -1] for name, column in COMPARED.items()})


def quantiles(what: str, values: Mapping[str, Float[np.ndarray, " runs"]]) -> dict[str, float | None]:
    """The quantiles of each of `values`, as `<name>_<what>`, `<name>_<what>_low` and `<name>_<what>_high`.

    For a single run, only the value.
    """
    return {
        f"{name}_{what}{suffix.replace(' ', '_')}": quantile(each, share)
        for name, each in values.items()
        for suffix, share in QUANTILES.items()
        if len(each) > 1 or not suffix
    }
