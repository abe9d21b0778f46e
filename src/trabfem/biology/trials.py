"""In-silico trials: predictions of every row of a table of published results, with 90 % band and error.

The schema is that of `trials_calibration.csv` (one row per arm, measure and month). Rows of the same patient and
schedule share one course; all courses run as one batch.
"""

import difflib
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from trabfem.biology import measures
from trabfem.biology.agents import FORMULARY
from trabfem.biology.bands import predictions
from trabfem.biology.batch import History, Plan, make_plan
from trabfem.biology.patient import Patient
from trabfem.biology.prescription import check
from trabfem.csv_reading import as_number, read_csv_rows
from trabfem.errors import UserError
from trabfem.schedule import Schedule

NEEDED = ("sex", "age", "schedule", "measure", "month")
OWN_ARM = ("baseline", "start", "end", "month")
UNTREATED = ("none", "no treatment", "untreated", "placebo")
BLANK = ("", "na", "n/a", "nan", "none", "-")
PER_CENT = ("%", "", "percent", "per cent", "% points", "percentage points", "points")
# Other words in published tables for the values of `Patient`.
SEXES = {"f": "female", "woman": "female", "women": "female", "m": "male", "man": "male", "men": "male"}
STATUS = {"surgical": "surgical_menopause", "oophorectomy": "surgical_menopause"}
STATUS |= dict.fromkeys(("premenopausal", "perimenopausal", "postmenopausal", "natural_menopause"), "natural")


@dataclass(frozen=True)
class Row:
    """One row that the model can express; `history` is its arm, `control` the arm it is compared with, if any."""

    columns: Mapping[str, str]
    history: History
    control: History | None
    measure: str
    from_month: float
    month: float
    value: float | None


@dataclass(frozen=True)
class Refusal:
    """A row that the model cannot express, and why; `line` counts from 1 below the header."""

    line: int
    columns: Mapping[str, str]
    reason: str


@dataclass(frozen=True)
class TrialReport:
    """`rows`: all input columns and `predicted`, `predicted_low`, `predicted_high`, `error`; other fields: summary."""

    rows: list[dict[str, object]]
    refused: list[dict[str, object]]
    mean_abs_error: dict[str, float]
    direction_right: float | None = None
    notes: tuple[str, ...] = field(default_factory=tuple)


def run_table(path: str | Path) -> TrialReport:
    """Predict every row of the CSV at `path`.

    **Raises:** `UserError` where the file is not such a table. Rows that the model cannot express are listed as
    refused.
    """
    rows, refused = read_table(path)
    if not rows:
        return make_report([], refused, np.zeros((0, 3)))
    queries = [(row.history, row.control, row.measure, row.from_month, row.month) for row in rows]
    return make_report(rows, refused, predictions(queries))


def plan_rows(rows: Sequence[Row]) -> Plan:
    """The batch that predicts `rows` in order."""
    return make_plan([(row.history, row.control, row.measure, row.from_month, row.month) for row in rows])


def read_table(path: str | Path) -> tuple[list[Row], list[Refusal]]:
    """The rows that the model can express, and the others with reasons.

    The file is read by `csv_reading.read_csv_rows`. **Raises:** `UserError` for one that is missing, empty, not text,
    or lacks a needed column.
    """
    lines = read_csv_rows(path, NEEDED, "give a CSV in the schema of the trial tables")
    rows, refused = [], []
    for number, columns in enumerate(lines, start=1):
        try:
            rows.append(parse_row(columns))
        except UserError as error:
            refused.append(Refusal(number, columns, str(error)))
    return rows, refused


def parse_row(columns: Mapping[str, str]) -> Row:
    """One row from its columns.

    **Raises:** `UserError` where the model cannot express it.
    """
    measure = columns["measure"]
    if measure not in measures.MEASURES:
        near = difflib.get_close_matches(measure, measures.NAMES, n=4) or measures.NAMES
        raise UserError(f"measure '{measure}' is not modelled; choose one of {', '.join(near)}")
    if columns.get("unit", "%").lower() not in PER_CENT:
        raise UserError(f"unit '{columns['unit']}' is not modelled; give the change in %")
    patient = _patient(columns)
    prior = _parse_schedule(columns, "prior")
    history = History(patient, prior + _parse_schedule(columns, "schedule"))
    compared = _parse_control(columns)
    control = None if compared is None else History(patient, prior + compared)
    from_month, month = _number(columns, "from_month", 0.0), _number(columns, "month")
    _check_months(history.schedule, from_month, month)
    return Row(columns, history, control, measure, from_month, month, _value(columns))


def _parse_schedule(columns: Mapping[str, str], name: str) -> Schedule:
    """The schedule in a column; typographic dashes are read as minus signs."""
    text = columns.get(name, "").replace("\u2212", "-").replace("\u2013", "-")
    taken = check("" if text.lower() in BLANK + UNTREATED else text)
    if taken.loading.changes:
        raise UserError(f"schedule item '{taken.loading}': loads act on the voxels, not on the cell model alone")
    return taken


def _parse_control(columns: Mapping[str, str]) -> Schedule | None:
    """The schedule of the other arm; None where the value is the arm's own change."""
    versus, taken = columns.get("versus", "").lower(), _parse_schedule(columns, "versus_schedule")
    if not versus or versus.startswith(OWN_ARM):
        if taken.treatments:
            raise UserError(f"versus '{columns['versus']}' is the arm itself; leave versus_schedule blank")
        return None
    if not taken.treatments and not versus.startswith(UNTREATED) and any(name in versus for name in FORMULARY.names):
        raise UserError(f"versus '{columns['versus']}' names a drug; give that arm's versus_schedule")
    return taken


def _patient(columns: Mapping[str, str]) -> Patient:
    """The typical participant of a row."""
    sex, status = columns["sex"].lower(), columns.get("hormonal_status", "").lower()
    sex, status = SEXES.get(sex, sex), STATUS.get(status, status)
    age = _number(columns, "age")
    menopause = None
    if sex == "female" and columns.get("years_since_menopause", "").lower() not in BLANK:
        menopause = age - _number(columns, "years_since_menopause")
    return Patient(sex, age, menopause, None if status in BLANK else status)


def _check_months(schedule: Schedule, from_month: float, month: float) -> None:
    """UserError unless the months are a time span that the model can follow."""
    if not from_month < month <= 1200.0:
        raise UserError(f"months {from_month:g} to {month:g} are not a span; give from_month before month")
    if from_month < min(schedule.first_month, 0.0) - 120.0:
        raise UserError(f"from_month {from_month:g} lies more than ten years before treatment; start later")


def _number(columns: Mapping[str, str], name: str, default: float | None = None) -> float:
    """A finite number from a column."""
    text = columns.get(name, "")
    if text.lower() in BLANK and default is not None:
        return default
    try:
        value = as_number(text)
    except ValueError as error:
        raise UserError(f"{name} {error}; give a number") from None
    if not math.isfinite(value):
        raise UserError(f"{name} '{text}' is not finite; give a number")
    return value


def _value(columns: Mapping[str, str]) -> float | None:
    """The published value, None where blank."""
    return None if columns.get("value", "").lower() in BLANK else _number(columns, "value")


def make_report(rows: Sequence[Row], refused: Sequence[Refusal], predicted: np.ndarray) -> TrialReport:
    """The report from predictions (rows, 3): predicted, low, high."""
    out, errors, signs = [], {}, []
    for row, (middle, low, high) in zip(rows, predicted.tolist(), strict=True):
        error = None if row.value is None else middle - row.value
        shown = {"predicted": middle, "predicted_low": low, "predicted_high": high, "error": error}
        out.append({**row.columns, **shown})
        if error is not None:
            errors.setdefault(row.measure, []).append(abs(error))
            signs += [np.sign(middle) == np.sign(row.value)] if row.value else []
    mean = {measure: float(np.mean(values)) for measure, values in sorted(errors.items())}
    lines = [{"line": item.line, **item.columns, "reason": item.reason} for item in refused]
    return TrialReport(out, lines, mean, float(np.mean(signs)) if signs else None)
