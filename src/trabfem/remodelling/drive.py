"""What the cells ask of the surface in every step, from the course of the cell model or held steady."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from trabfem.biology import cells
from trabfem.biology.patient import Patient
from trabfem.biology.schedule import Schedule

LONGEST_SAMPLE = 0.25
COLUMNS = {"E2 (pg/mL)": "e2", "RANKL/OPG": "rankl_opg", "CTX": "ctx", "P1NP": "p1np"}


@dataclass(frozen=True)
class Drive:
    """Formation and resorption (1 = young and balanced) averaged over each step, and columns at each month.

    `months` has one entry more than the steps between them; `mineral` is tissue mineral relative to month 0.
    """

    months: Float[np.ndarray, " months"]
    formation: Float[np.ndarray, " steps"]
    resorption: Float[np.ndarray, " steps"]
    mineral: Float[np.ndarray, " months"]
    columns: dict[str, Float[np.ndarray, " months"]]

    @property
    def steps(self) -> int:
        """Number of steps."""
        return len(self.formation)


def month_grid(years: float, months_per_step: float) -> Float[np.ndarray, " months"]:
    """Months 0, m, 2 m, ... up to the last whole step within `years`."""
    return np.arange(int(np.floor(12 * years / months_per_step + 1e-9)) + 1) * float(months_per_step)


def steady(months: Float[np.ndarray, " months"], formation: float = 1.0, resorption: float = 1.0) -> Drive:
    """The same rates throughout; 1 and 1 are a young adult's balance."""
    steps = len(months) - 1
    ones = np.ones(len(months))
    return Drive(months, np.full(steps, formation), np.full(steps, resorption), ones, {})


def of_patient(patient: Patient, schedule: Schedule, months: Float[np.ndarray, " months"]) -> Drive:
    """The cell model's course for `patient` on `schedule`, averaged over each step by the trapezoidal rule.

    Samples are a week apart at most: markers swing between two doses of denosumab.
    """
    samples = max(1, int(np.ceil(np.max(np.diff(months), initial=1.0) / LONGEST_SAMPLE)))
    fine = np.interp(np.arange((len(months) - 1) * samples + 1) / samples, range(len(months)), months)
    course = cells.simulate(patient, schedule, fine)

    def mean(values: np.ndarray) -> np.ndarray:
        edges = 0.5 * (values[1:] + values[:-1])
        return edges.reshape(-1, samples).mean(axis=1)

    def at_months(values: np.ndarray) -> np.ndarray:
        return np.asarray(values, float)[::samples]

    rankl_opg = np.asarray(course.rankl, float) / np.asarray(course.opg, float)
    found = {"rankl_opg": rankl_opg} | {name: getattr(course, name) for name in ("e2", "ctx", "p1np")}
    columns = {title: at_months(found[name]) for title, name in COLUMNS.items()}
    mineral = at_months(course.mineral)
    return Drive(months, mean(course.formation), mean(course.resorption), mineral / mineral[0], columns)
