"""Statistics over members: mean and band, changes since month 0, paired gains of one arm over another.

Members are independent draws, taken as normal. Of n values with mean m and standard deviation s (n - 1 below the sum):

    band               m ± t(0.95, n - 1) s √(1 + 1/n)    nine in ten further members would fall within it
    interval of mean   m ± t(0.975, n - 1) s / √n         95 % confidence interval; what it excludes is beyond chance

t is the quantile of Student's distribution. The band is its prediction interval: the quantiles of four members are no
more than their range, within which only three in five further members would fall. Both are defined here alone; every
table, curve and figure takes them from here.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float
from scipy.special import stdtrit

from trabfem.specimen import Specimen
from trabfem.specimen.morphometry import morphometry

from .columns import COMPARED, find_label
from .trajectory import Trajectory

BAND = 0.90
CONFIDENCE = 0.95
LOW, HIGH = " low", " high"
LIMITS = ("low", "high", "mean_low", "mean_high")
OF_START = ", % of start"
"""Suffix of columns in which every member is relative to its own value at month 0."""
RELATIVE = (*COMPARED.values(), find_label("BMD"), "Tb.Th (mm)", "Tb.N (1/mm)", "Conn.D (1/mm^3)")
Table = dict[str, list[Any]]
Values = Float[np.ndarray, "runs months"]


def stack_runs(runs: Sequence[Trajectory], column: str, length: int = 0) -> Values:
    """A column of every run, NaN where not measured. After bone is cut through, its last value is kept.

    `length`: months at least, where these runs are compared with others that went on for longer.
    """
    longest = max(length, *(len(run.months) for run in runs))
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


@dataclass(frozen=True)
class Spread:
    """Mean of `count` members, the band for further members, and the confidence interval of the mean.

    The four limits are None for a single member; they equal the mean where all members have the same value.
    """

    count: int
    mean: float
    low: float | None = None
    high: float | None = None
    mean_low: float | None = None
    mean_high: float | None = None

    @property
    def verdict(self) -> str:
        """Whether the interval of the mean excludes zero: "beyond chance", "within chance", or "" for one member."""
        return word_for(self.mean_low, self.mean_high)


def spread(values: Float[np.ndarray, " runs"]) -> Spread | None:
    """Mean, band and interval of the finite values; None where there is none."""
    known = values[np.isfinite(values)]
    n = len(known)
    if not n:
        return None
    mean = float(known.mean())
    if n == 1:
        return Spread(n, mean)
    # The deviation of equal values is not zero to the last bit.
    deviation = 0.0 if np.ptp(known) == 0 else float(known.std(ddof=1))
    band = float(stdtrit(n - 1, (1 + BAND) / 2)) * deviation * np.sqrt(1 + 1 / n)
    error = float(stdtrit(n - 1, (1 + CONFIDENCE) / 2)) * deviation / np.sqrt(n)
    return Spread(n, mean, mean - band, mean + band, mean - error, mean + error)


def word_for(low: float | None, high: float | None) -> str:
    """ "beyond chance" where an interval of the mean excludes zero, "within chance" where not, "" where there is none.

    An effect that is within chance is not shown to be nil: more members may tell.
    """
    if low is None or high is None:
        return ""
    return "beyond chance" if low > 0 or high < 0 else "within chance"


def bands(runs: Sequence[Trajectory]) -> Table:
    """Month and, for every column, its mean under its own name and its band as `<name> low` and `<name> high`.

    Columns of `RELATIVE` also appear as `<name>, % of start`: relative to each member's own start, as starts differ. A
    column that is the same in all members at all months has no band.
    """
    columns = {key: stack_runs(runs, key) for key in runs[0].table if key != "month"}
    columns |= {
        f"{column.split(' (')[0]}{OF_START}": 100 + changes(runs, column) for column in RELATIVE if column in columns
    }
    table: Table = {"month": longest_months(runs)}
    for column, values in columns.items():
        found = [spread(month) for month in values.T]
        table[column] = [each and each.mean for each in found]
        if len(runs) > 1 and varies(values):
            table[column + LOW] = [each and each.low for each in found]
            table[column + HIGH] = [each and each.high for each in found]
    return table


def varies(values: Values) -> bool:
    """Whether members differ at any month."""
    known = [month[np.isfinite(month)] for month in values.T]
    return any(len(month) > 1 and np.ptp(month) > 0 for month in known)


def changes(runs: Sequence[Trajectory], column: str, length: int = 0) -> Values:
    """Change of a column since month 0 in each run, %; `length` as in `stack_runs`."""
    values = stack_runs(runs, column, length)
    return 100 * (values / values[:, :1] - 1)


def gains(runs: Sequence[Trajectory], others: Sequence[Trajectory], column: str) -> Values:
    """Difference of `changes` between two arms for the same member, percentage points."""
    length = max(len(run.months) for run in (*runs, *others))
    return changes(runs, column, length) - changes(others, column, length)


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
    """Mean and band as text."""
    found = spread(values)
    return "" if found is None else format_limits(found.mean, found.low, found.high)


def format_gain(values: Float[np.ndarray, " runs"]) -> str:
    """Mean, its confidence interval and the verdict as text."""
    found = spread(values)
    if found is None:
        return ""
    return f"{format_limits(found.mean, found.mean_low, found.mean_high)} {found.verdict}".rstrip()


def format_limits(mean: float, low: float | None, high: float | None) -> str:
    """ "+4.0 [+1.2, +6.8]", without brackets where there are no limits."""
    return f"{mean:+.1f}" if low is None or high is None else f"{mean:+.1f} [{low:+.1f}, {high:+.1f}]"


def describe_band(count: int) -> str:
    """What a number with a band is, in words."""
    if count == 1:
        return "one member"
    return f"mean of {count} members [band: nine in ten further members would fall within, m ± t s √(1 + 1/n)]"


def describe_interval(count: int) -> str:
    """What a number with the interval of its mean is, in words."""
    if count == 1:
        return "one member"
    return f"mean of {count} members [its 95 % confidence interval, m ± t s / √n]; beyond chance: it excludes zero"


def summarise(runs: Sequence[Trajectory]) -> dict[str, float | None]:
    """Change (%) of bone volume, stiffness and strength from the first to the last month (see `entries`)."""
    return entries("change_%", {name: changes(runs, column)[:, -1] for name, column in COMPARED.items()})


def summarise_gains(runs: Sequence[Trajectory], first: Sequence[Trajectory]) -> dict[str, float | None]:
    """Gain over the first arm for the same member, percentage points (see `entries`)."""
    return entries("points", {name: gains(runs, first, column)[:, -1] for name, column in COMPARED.items()})


def entries(what: str, values: Mapping[str, Float[np.ndarray, " runs"]]) -> dict[str, float | None]:
    """The spread of each of `values`: `<name>_<what>` is the mean.

    For several members `_low` and `_high` are the ends of the band, `_mean_low` and `_mean_high` those of the mean's
    confidence interval.
    """
    table: dict[str, float | None] = {}
    for name, each in values.items():
        found = spread(each)
        table[f"{name}_{what}"] = found and found.mean
        for end in LIMITS if len(each) > 1 else ():
            table[f"{name}_{what}_{end}"] = found and getattr(found, end)
    return table
