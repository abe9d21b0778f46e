"""Batches of lives: each distinct patient and schedule is integrated once, and all rows are read from the results.

The batch is one differentiable function of the parameters' logarithms, so that the calibration can use derivatives.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import diffrax
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from trabfem.biology import cells, measures
from trabfem.biology.integration import YEAR, integrate, prepare
from trabfem.biology.observation import observe
from trabfem.biology.parameters import from_log, prior_median
from trabfem.biology.patient import Patient
from trabfem.biology.pharmacology import count_slots
from trabfem.biology.prescription import Cover, prescribe
from trabfem.schedule import Schedule

HALF_MONTHS = 240


@dataclass(frozen=True)
class History:
    """A patient and a schedule; loads in the schedule have no effect on the cell model."""

    patient: Patient
    schedule: Schedule

    @property
    def inputs(self) -> "LifeInputs":
        """Patient and doses: equal for schedules that write the same doses in different words."""
        return self.patient, prescribe(self.schedule)


LifeInputs = tuple[Patient, tuple[Cover, ...]]
Query = tuple[History, History | None, str, float, float]


class Readings(NamedTuple):
    """Where changes are read: indices of lives, and of the reading times at which they start and end."""

    life: np.ndarray
    start: np.ndarray
    end: np.ndarray


class Plan(NamedTuple):
    """A batch: lives without parameters, their time steps (lives, times), reading times, and the readings of rows."""

    lives: cells.Life
    times: np.ndarray
    reading_times: np.ndarray
    measure: np.ndarray
    own: Readings
    other: Readings
    compared: np.ndarray


def make_plan(queries: Sequence[Query]) -> Plan:
    """The batch for `queries`: (arm, arm compared with, measure, from month, to month)."""
    named = {history: history.inputs for own, other, *_ in queries for history in (own, other or own)}
    wanted: dict[LifeInputs, list[float]] = {}
    for own, other, _, start, end in queries:
        for history in (own, other or own):
            months = wanted.setdefault(named[history], [])
            months += [month for month in (start, end) if month not in months]
    inputs = list(wanted)
    slots = count_slots(max(len(covers) for _, covers in inputs))
    lives, times = zip(*(_steps(life, max(wanted[life]), slots) for life in inputs), strict=True)
    longest = max(map(len, wanted.values()))
    reading = np.array([months + [months[-1]] * (longest - len(months)) for months in wanted.values()]) / YEAR

    def readings(arms: Sequence[History]) -> Readings:
        spans, read = [(query[3], query[4]) for query in queries], [named[arm] for arm in arms]
        places = [(wanted[life].index(a), wanted[life].index(b)) for life, (a, b) in zip(read, spans, strict=True)]
        start, end = np.array(places).T
        return Readings(np.array([inputs.index(life) for life in read]), start, end)

    return Plan(
        lives=jax.tree.map(lambda *leaves: np.stack(leaves), *lives),
        times=np.stack(times),
        reading_times=reading,
        measure=np.array([measures.NAMES.index(query[2]) for query in queries]),
        own=readings([query[0] for query in queries]),
        other=readings([query[1] or query[0] for query in queries]),
        compared=np.array([float(query[1] is not None) for query in queries]),
    )


def _steps(inputs: LifeInputs, last_month: float, slots: int) -> tuple[cells.Life, np.ndarray]:
    """A life and its time steps: half months for lives up to ten years, whole multiples of that for longer ones."""
    life, times = prepare(*inputs, last_month, prior_median(), HALF_MONTHS, slots)
    return jax.tree.map(np.asarray, life), times


def predict(theta: Float[Array, " parameters"], made: Plan) -> Float[Array, " rows"]:
    """Change in % of every row for the parameters' logarithms `theta`; minus that of the other arm, if any."""
    p = from_log(theta)

    def read(life: cells.Life, times: Array, moments: Array) -> Array:
        life = life._replace(parameters=p)
        states = integrate(life, times, diffrax.ForwardMode())
        at = jax.tree.map(lambda values: jnp.interp(moments, times, values), states)
        seen = jax.vmap(lambda t, state: observe(t, state, life))(moments, at)
        return jnp.stack([measure(seen) for measure in measures.MEASURES.values()])

    lives = made.lives._replace(parameters=None)
    table = jax.vmap(read)(lives, jnp.asarray(made.times), jnp.asarray(made.reading_times))

    def change(where: Readings) -> Array:
        start = table[where.life, made.measure, where.start]
        return 100.0 * (table[where.life, made.measure, where.end] / start - 1.0)

    return change(made.own) - made.compared * change(made.other)
