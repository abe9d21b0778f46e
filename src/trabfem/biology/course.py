"""The cell model over time for a patient, without voxels: hormones, cells, markers and bone density.

`course(patient, schedule)` returns bands and a table as well; `follow` and `follow_many` only integrate the model.
"""

import dataclasses
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import jax
import numpy as np

from trabfem.biology import bands
from trabfem.biology.agents import FORMULARY, Formulary
from trabfem.biology.integration import (
    STEPS_PER_MONTH,
    YEAR,
    choose_size,
    first_month,
    observe_life,
    observe_lives,
    prepare,
)
from trabfem.biology.observation import RELATIVE_TO_START, Observed
from trabfem.biology.parameters import Parameters
from trabfem.biology.patient import Patient
from trabfem.biology.pharmacology import count_slots
from trabfem.biology.prescription import describe, prescribe
from trabfem.display import Drawable
from trabfem.errors import UserError
from trabfem.schedule import Schedule, parse
from trabfem.tables import Column, Table, format_value

if TYPE_CHECKING:
    import pandas

SHORTEST_YEARS = 5.0
LONGEST_YEARS = 100.0
SUMMARY_MONTHS = (0.0, 6.0, 12.0, 24.0, 36.0, 48.0, 60.0, 84.0, 120.0, 180.0, 240.0)
BANDED = {
    "bmd_spine": "bmd_lumbar_spine",
    "bmd_hip": "bmd_total_hip",
    "bmd_neck": "bmd_femoral_neck",
    "ctx": "ctx",
    "p1np": "p1np",
}
"""Columns whose change since month 0 has a band, and the corresponding measure of the trial tables."""

COLUMNS = {
    "months": Column("month", "", "months from baseline"),
    "e2": Column("E2", "pg/mL", "oestradiol in blood, total"),
    "testosterone": Column("T", "ng/dL", "testosterone in blood, total"),
    "bioavailable_e2": Column("bioavailable E2", "pg/mL", "oestradiol available to bone, on the scale of the total"),
    "bioavailable_testosterone": Column(
        "bioavailable T", "ng/dL", "testosterone not bound by SHBG, on the scale of the total"
    ),
    "rankl": Column("RANKL", "", "relative to youth"),
    "opg": Column("OPG", "", "relative to youth"),
    "sclerostin": Column("sclerostin", "", "production by osteocytes, bound and free, relative to youth"),
    "osteoclasts": Column("osteoclasts", "", "active cells per bone surface, relative to youth"),
    "osteoblasts": Column("osteoblasts", "", "active cells per bone surface, relative to youth"),
    "resorption": Column("resorption", "", "per bone surface, 1 at young homeostasis"),
    "formation": Column("formation", "", "per bone surface, 1 at young homeostasis"),
    "modelling": Column("modelling", "", "part of formation outside of pits"),
    "activation_frequency": Column("Ac.f", "1/year", "births of BMUs per surface"),
    "resorption_depth": Column("resorption depth", "mm", "mean depth of a pit"),
    "refill_fraction": Column("refill", "", "bone formed over bone dug in a BMU, 1 in balance"),
    "ctx": Column("CTX", "", "marker of resorption, relative to youth"),
    "p1np": Column("P1NP", "", "marker of formation, relative to youth"),
    "trabecular": Column("trabecular bone", "", "volume, month 0 is 1"),
    "cortical": Column("cortical bone", "", "volume without its pores, month 0 is 1"),
    "mineral": Column("trabecular mineral", "", "mean mineralisation of trabecular bone, month 0 is 1"),
    "mineral_cortical": Column("cortical mineral", "", "mean mineralisation of cortical bone, month 0 is 1"),
    "spine_mass": Column("spine mass", "", "bone mineral of a vertebra without osteophytes, month 0 is 1"),
    "bmd_spine": Column("BMD spine", "", "lumbar spine by DXA, month 0 is 1"),
    "bmd_hip": Column("BMD hip", "", "total hip by DXA, month 0 is 1"),
    "bmd_neck": Column("BMD neck", "", "femoral neck by DXA, month 0 is 1"),
    "bmd_body": Column("BMD body", "", "total body by DXA, month 0 is 1"),
}


@dataclass(frozen=True, eq=False)
class Course(Drawable):
    """The cell model of a patient at `months`, as arrays of that length. `COLUMNS` has the unit and meaning of each.

    `low` and `high` hold the 90 % band of the change since month 0 (%) by column, for those of `BANDED`; they are empty
    without bands. `month_0` is every column's value at month 0, `understood` the schedule in words.
    """

    months: np.ndarray
    e2: np.ndarray
    testosterone: np.ndarray
    bioavailable_e2: np.ndarray
    bioavailable_testosterone: np.ndarray
    rankl: np.ndarray
    opg: np.ndarray
    sclerostin: np.ndarray
    osteoclasts: np.ndarray
    osteoblasts: np.ndarray
    resorption: np.ndarray
    formation: np.ndarray
    modelling: np.ndarray
    activation_frequency: np.ndarray
    resorption_depth: np.ndarray
    refill_fraction: np.ndarray
    ctx: np.ndarray
    p1np: np.ndarray
    trabecular: np.ndarray
    cortical: np.ndarray
    mineral: np.ndarray
    mineral_cortical: np.ndarray
    spine_mass: np.ndarray
    bmd_spine: np.ndarray
    bmd_hip: np.ndarray
    bmd_neck: np.ndarray
    bmd_body: np.ndarray
    patient: Patient
    schedule: Schedule
    month_0: Mapping[str, float] = field(repr=False)
    low: Mapping[str, np.ndarray] = field(default_factory=dict, repr=False)
    high: Mapping[str, np.ndarray] = field(default_factory=dict, repr=False)
    understood: tuple[str, ...] = ()

    def change(self, name: str) -> np.ndarray:
        """Change of a column since month 0, %."""
        return 100.0 * (getattr(self, name) / self.month_0[name] - 1.0)

    @property
    def columns(self) -> tuple[Column, ...]:
        """Name, unit and meaning of every column of `table`."""
        return self.table.columns

    @property
    def table(self) -> Table:
        """One row per month: every column of `COLUMNS`, then the changes since month 0 with their bands."""
        found = [(column, getattr(self, name)) for name, column in COLUMNS.items()]
        for name in BANDED:
            title, limits = f"{COLUMNS[name].name} change", (("low", self.low), ("high", self.high))
            found.append((Column(title, "%", f"change of {COLUMNS[name].name} since month 0"), self.change(name)))
            for end, band in limits:
                if name in band:
                    found.append((Column(f"{title} {end}", "%", f"{end} end of its 90 % band"), band[name]))
        rows = zip(*(values.tolist() for _, values in found), strict=True)
        return Table(tuple(column for column, _ in found), tuple(rows), self.title)

    @property
    def summary(self) -> Table:
        """Selected months: changes of BMD and markers since month 0 with their bands, and E2."""
        chosen = [place for place, month in enumerate(self.months) if month in SUMMARY_MONTHS]
        places = chosen or range(len(self.months))
        names = ("bmd_spine", "bmd_hip", "ctx", "p1np")
        columns = [COLUMNS["months"], *(Column(COLUMNS[name].name, "%", COLUMNS[name].meaning) for name in names)]
        rows = [
            (f"{self.months[k]:g}", *(self._format_change(name, k) for name in names), format_value(float(self.e2[k])))
            for k in places
        ]
        return Table((*columns, COLUMNS["e2"]), tuple(rows), self.title)

    def _format_change(self, name: str, place: int) -> str:
        """The change of a column with its band as text, such as `+3.1 [+2.0, +4.2]`."""
        middle = f"{self.change(name)[place]:+.1f}"
        return f"{middle} [{self.low[name][place]:+.1f}, {self.high[name][place]:+.1f}]" if name in self.low else middle

    @property
    def title(self) -> str:
        """The patient and the schedule in words."""
        who = f"{self.patient.sex}, {self.patient.age:g} years"
        who += f", menopause at {self.patient.menopause_age:g}" if self.patient.female else ""
        return f"{who}, {self.patient.hormonal_status}: {str(self.schedule) or 'untreated'}"

    def to_pandas(self) -> "pandas.DataFrame":
        """`table` as a data frame indexed by month. `UserError` where pandas is not installed."""
        return self.table.to_pandas().set_index(COLUMNS["months"].label)

    def save(self, path: str | Path) -> Path:
        """Write `table` as CSV; `UserError` where the file exists."""
        return self.table.save(path)

    @property
    def notes(self) -> tuple[str, ...]:
        """Sentences on the meaning and limits of these numbers."""
        said = ("bands hold 90 % of the means of trials like this, not of single patients",) if self.low else ()
        loads = (
            ("loads in the schedule act on voxels and change nothing here",) if self.schedule.loading.changes else ()
        )
        return said + loads

    def __str__(self) -> str:
        return "\n".join([str(self.summary), *self.understood, *(f"Note: {note}" for note in self.notes)])

    def _repr_html_(self) -> str:
        return self.summary._repr_html_()


def course(
    patient: Patient,
    schedule: Schedule | str = "",
    *,
    years: float | None = None,
    months: Sequence[float] | np.ndarray | None = None,
    band: bool = True,
    formulary: Formulary = FORMULARY,
) -> Course:
    """Hormones, cells, markers and BMD of `patient` under `schedule` by the cell model alone, in milliseconds.

    The result has every month to the end of the schedule (at least five years), or of `years`, or the given `months`.
    Bands contain 90 % of the means of trials like this, not of single patients. Their width combines the uncertainty of
    the parameters (64 draws from the posterior) and the scatter of published trials about the model (of rows that were
    left out of the fit). Loads in `schedule` act only on voxels and have no effect here.

    **Raises:** `UserError` for an invalid schedule, or months out of range.
    """
    asked = parse(schedule)
    covers = prescribe(asked, formulary)
    wanted = _choose_months(asked, years, months)
    found = follow(patient, asked, wanted, formulary=formulary)
    if not band:
        return found
    limits = bands.limits(patient, covers, wanted, BANDED, {name: found.change(name) for name in BANDED}, formulary)
    low, high = ({name: ends[place] for name, ends in limits.items()} for place in (0, 1))
    return dataclasses.replace(found, low=low, high=high)


def _choose_months(schedule: Schedule, years: float | None, months: Sequence[float] | np.ndarray | None) -> np.ndarray:
    """The months of the result."""
    if months is not None:
        if years is not None:
            raise UserError(f"years = {years:g}: leave it out where months are given")
        wanted = np.atleast_1d(np.asarray(months, float))
        if not (wanted.size and np.all((wanted >= 0.0) & (wanted <= YEAR * LONGEST_YEARS))):
            raise UserError(f"months must be from 0, the baseline, to {YEAR * LONGEST_YEARS:g}, and at least one")
        return wanted
    if years is None:
        years = max(schedule.last_month / YEAR, SHORTEST_YEARS)
    if not (math.isfinite(years) and 0.0 < years <= LONGEST_YEARS):
        raise UserError(f"years = {years:g}: give a number above 0 and at most {LONGEST_YEARS:g}")
    return np.arange(math.floor(YEAR * years + 1e-9) + 1.0)


def follow(
    patient: Patient,
    schedule: Schedule | str,
    months: np.ndarray,
    parameters: Parameters | None = None,
    formulary: Formulary = FORMULARY,
) -> Course:
    """The course of `patient` under `schedule` at `months` (from month 0, at least 0 and finite), without bands.

    `parameters`: None takes the calibrated ones. Loads in `schedule` have no effect.
    """
    asked, wanted = parse(schedule), np.atleast_1d(np.asarray(months, float))
    covers = prescribe(asked, formulary)
    with jax.enable_x64(True):
        life, times = prepare(patient, covers, float(wanted.max(initial=0.0)), parameters, formulary=formulary)
        observed = jax.device_get(observe_life(life, times))
    return _make_course(observed, np.asarray(times), wanted, patient, asked, formulary)


def follow_many(
    patients: Sequence[Patient],
    schedules: Sequence[Schedule | str],
    months: np.ndarray,
    parameters: Parameters | None = None,
    formulary: Formulary = FORMULARY,
) -> list[Course]:
    """The courses of all patients, each under the schedule with the same index, in one vectorised call."""
    wanted = np.atleast_1d(np.asarray(months, float))
    last = float(wanted.max(initial=0.0))
    asked = [parse(schedule) for schedule in schedules]
    plans = [prescribe(schedule, formulary) for schedule in asked]
    size = choose_size(STEPS_PER_MONTH * (last - min(map(first_month, plans), default=0.0)) + 1.0)
    slots = count_slots(max(map(len, plans), default=0))
    with jax.enable_x64(True):
        pairs = [
            prepare(patient, covers, last, parameters, size, slots, formulary)
            for patient, covers in zip(patients, plans, strict=True)
        ]
        lives = jax.tree.map(lambda *leaves: np.stack(leaves), *(life for life, _ in pairs))
        times = np.stack([steps for _, steps in pairs])
        observed = jax.device_get(observe_lives(lives, times))
    rows = [jax.tree.map(lambda values, row=row: values[row], observed) for row in range(len(pairs))]
    return [
        _make_course(row, steps, wanted, patient, schedule, formulary)
        for row, steps, patient, schedule in zip(rows, times, patients, asked, strict=True)
    ]


def _make_course(
    observed: Observed, times: np.ndarray, wanted: np.ndarray, patient: Patient, schedule: Schedule, known: Formulary
) -> Course:
    """The course at the months `wanted`, interpolated from `observed` at `times` (years)."""
    grid, columns, start = times * YEAR, {}, {}
    for name, values in observed._asdict().items():
        begun = float(np.interp(0.0, grid, values))
        scale = begun if name in RELATIVE_TO_START else 1.0
        columns[name] = np.interp(wanted, grid, values) / scale
        start[name] = begun / scale
    words = describe(schedule, known)
    return Course(months=wanted, **columns, patient=patient, schedule=schedule, month_0=start, understood=words)
