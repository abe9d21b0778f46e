"""What the cells do to the surface in every month: computed by the cell model, or constant."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Float

from trabfem import constants
from trabfem.biology import course as cells
from trabfem.biology.parameters import Parameters
from trabfem.biology.patient import Patient
from trabfem.schedule import Load, Loading, Schedule
from trabfem.schedule.writing import last_month

LONGEST_SAMPLE = 0.25
MONTH = constants.DAYS_PER_MONTH.value

Months = Float[np.ndarray, " months"]
Edges = Float[np.ndarray, " edges"]
Parts = Float[np.ndarray, " parts"]
Samples = Float[np.ndarray, " samples"]
COLUMNS = {
    "E2 (pg/mL)": "e2",
    "RANKL/OPG (relative to youth)": "rankl_opg",
    "CTX (relative to youth)": "ctx",
    "P1NP (relative to youth)": "p1np",
}


@dataclass(frozen=True)
class CellActivity:
    """What the cells do from `day` on for `days`.

    - `formation`, `resorption`, `modelling` (formation outside of pits): over all surface, relative to a young adult
    - `frequency`: births of BMUs, 1/year; `depth` of their pits, mm; `refill`: bone laid down over bone dug
    """

    day: float
    days: float
    formation: float
    resorption: float
    modelling: float
    frequency: float
    depth: float
    refill: float


@dataclass(frozen=True)
class CellForcing:
    """What the cells do in each part of a step (mean over the part), and table columns at each month.

    A step is a part itself, or is divided into parts of about a month, since a pit is dug in six weeks.

    - `months`: start of each step and end of the last one; `parts`: start of each part and end of the last one
    - `formation` to `refill`: see `CellActivity`
    - `frequency_before`, `depth_before`: frequency and depth of the BMUs that are at work at month 0
    - `mineral`: tissue mineral relative to month 0; `columns`: label in the table → values
    - `loading`: periods in which the load differs from the usual one
    """

    months: Months
    parts: Edges
    formation: Parts
    resorption: Parts
    modelling: Parts
    frequency: Parts
    depth: Parts
    refill: Parts
    frequency_before: float
    depth_before: float
    mineral: Months
    columns: dict[str, Months]
    loading: Loading = field(default_factory=Loading)

    @property
    def steps(self) -> int:
        """Number of steps."""
        return len(self.months) - 1

    def day(self, step: int) -> float:
        """Days from month 0 to the start of a step."""
        return MONTH * float(self.months[step])

    def activity(self, step: int) -> list[CellActivity]:
        """What the cells do in a step, part by part."""
        first, last = np.searchsorted(self.parts, self.months[step : step + 2] - 1e-9)
        rates = (self.formation, self.resorption, self.modelling, self.frequency, self.depth, self.refill)
        return [
            CellActivity(
                MONTH * float(self.parts[n]),
                MONTH * float(self.parts[n + 1]) - MONTH * float(self.parts[n]),
                *(float(rate[n]) for rate in rates),
            )
            for n in range(first, last)
        ]

    def load(self, step: int) -> Load:
        """The load in a step. After the last step: the load of the step that would follow."""
        ends = [*self.months, self.months[-1] + (self.months[-1] - self.months[-2] if self.steps else 1.0)]
        return self.loading.load_during(float(ends[step]), float(ends[step + 1]))


def month_grid(years: float, months_per_step: float, stops: Sequence[float] = ()) -> Months:
    """Months 0, m, 2 m, ... and the end of `years` exactly, where the last step may be shorter: 0, 5, 10, 12.

    `stops`: years at which the run ended before it was made longer. The grid passes each of them, whatever step that
    takes, and goes on from there in whole steps: 0, 5, 10, 12, 17, 22, 24.
    """
    grid = [0.0]
    for end in sorted(last_month(each) for each in (*stops, years)):
        start, step = grid[-1], float(months_per_step)
        count = int(np.ceil((end - start) / step - 1e-9))
        grid += [start + step * k for k in range(1, count + 1)]
        if count > 0 and not np.isclose(grid[-1], end, rtol=1e-9, atol=0):
            grid[-1] = end
    return np.array(grid)


def divide_into_parts(months: Months) -> Edges:
    """`months` with months in between, such that no part is much longer than a month."""
    counts = np.maximum(1, np.round(np.diff(months))).astype(int)
    inner = [np.linspace(a, b, n, endpoint=False) for a, b, n in zip(months, months[1:], counts, strict=False)]
    return np.concatenate([*inner, months[-1:]])


def steady_forcing(
    months: Months, formation: float = 1.0, resorption: float = 1.0, loading: Loading | None = None
) -> CellForcing:
    """Constant rates relative to a young adult: `formation` = `resorption` = 1 keeps bone in balance."""
    parts = divide_into_parts(months)
    ones = np.ones(len(parts) - 1)
    frequency = constants.ACTIVATION_FREQUENCY_PREMENOPAUSE.value * resorption
    depth = constants.PIT_DEPTH.value
    return CellForcing(
        months,
        parts,
        formation * ones,
        resorption * ones,
        0.0 * ones,
        frequency * ones,
        depth * ones,
        formation / max(resorption, 1e-9) * ones,
        frequency,
        depth,
        np.ones(len(months)),
        {},
        loading or Loading(),
    )


def compute_forcing(
    patient: Patient,
    schedule: Schedule,
    months: Months,
    parameters: Parameters | None = None,
) -> CellForcing:
    """The cell model's course for `patient` on `schedule`, averaged over each part of a step by the trapezoidal rule.

    Samples are a week apart at most, since markers change quickly between two doses of denosumab. `parameters`: of the
    cell model; None takes the calibrated ones.
    """
    parts = divide_into_parts(months)
    longest = float(np.diff(parts).max(initial=0.0)) or 1.0
    samples = max(1, int(np.ceil(longest / LONGEST_SAMPLE)))
    longer = np.concatenate([parts, parts[-1] + longest * np.arange(1, 1 + parts_after_end(longest))])
    fine = np.interp(np.arange((len(longer) - 1) * samples + 1) / samples, range(len(longer)), longer)
    course = cells.follow(patient, schedule, fine, parameters)
    at = samples * np.searchsorted(parts, months - 1e-9)

    def mean(values: np.ndarray) -> np.ndarray:
        edges = 0.5 * (values[1:] + values[:-1])
        return edges.reshape(-1, samples).mean(axis=1)[: len(parts) - 1]

    found = {name: getattr(course, name) for name in ("e2", "ctx", "p1np")} | {"rankl_opg": course.rankl / course.opg}
    columns = {title: np.asarray(found[name], float)[at] for title, name in COLUMNS.items()}
    formation, resorption, modelling = (mean(getattr(course, n)) for n in ("formation", "resorption", "modelling"))
    births = course.activation_frequency
    frequency = mean(births)
    # The mean is over the volume of pits, which is proportional to the square of their depth.
    depth = np.sqrt(mean(births * pit_depths(course) ** 2) / frequency)
    mineral = np.asarray(course.mineral, float)[at]
    return CellForcing(
        months,
        parts,
        formation,
        resorption,
        modelling,
        frequency,
        depth,
        (formation - modelling) / dug_before_refill(parts, resorption, float(course.resorption[0])),
        float(course.activation_frequency[0]),
        float(course.resorption_depth[0]),
        mineral / mineral[0],
        columns,
        schedule.loading,
    )


def parts_after_end(length: float) -> int:
    """Parts of `length` months to follow the cells beyond the end: pits born in the last part are dug until then."""
    return int(np.ceil(constants.RESORPTION_PERIOD.value / (length * MONTH)))


def pit_depths(course: cells.Course) -> Samples:
    """Depth (mm) of the pits of BMUs born in each month of `course`: resorption per BMU, averaged while it digs.

    Resorption at any time is done by the BMUs born in the digging period before it. It is therefore divided by the
    births of that period: when births stop suddenly, as under denosumab, the resorption of older BMUs is not ascribed
    to the few new ones, whose pits would become twice as deep. Depth and area of a pit grow alike with the volume that
    its cells resorb, so depth is proportional to the square root.
    """
    days = constants.DAYS_PER_MONTH.value * course.months
    ages = constants.RESORPTION_PERIOD.value * (np.arange(16) + 0.5) / 16
    births, resorption = (each / each[0] for each in (course.activation_frequency, course.resorption))
    digging = np.interp(days[:, None] - ages, days, births).mean(axis=1)
    return course.resorption_depth[0] * np.sqrt(
        np.interp(days[:, None] + ages, days, resorption / digging).mean(axis=1)
    )


def dug_before_refill(parts: Edges, resorption: Parts, before: float) -> Parts:
    """Relative resorption that made the pits now being refilled: mean over the ages of these pits.

    A BMU refills its pit after it has dug it. Formation is therefore shared over the bone that was dug one resorption
    period ago or earlier, back to the length of the refill. Dividing the cell model's formation by this mean gives a
    refill with which all BMUs together form what the cell model forms. `before`: resorption up to month 0.
    """
    day = constants.DAYS_PER_MONTH.value * 0.5 * (parts[1:] + parts[:-1])
    ages = constants.RESORPTION_PERIOD.value + constants.FORMATION_PERIOD_SIMULATION.value * (np.arange(16) + 0.5) / 16
    return np.interp(day[:, None] - ages, day, resorption, left=before).mean(axis=1)
