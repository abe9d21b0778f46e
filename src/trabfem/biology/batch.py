"""Many lives at once: every distinct patient and schedule is followed once, and all rows are read off the courses.

The whole is one differentiable function of the parameters' logarithms, so that the calibration takes its derivatives.
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
from trabfem.biology.pharmacology import slots_for
from trabfem.biology.prescription import Cover, prescribe
from trabfem.schedule import Schedule

HALF_MONTHS = 240


@dataclass(frozen=True)
class History:
    """A patient with everything that was taken; loads in the schedule do not reach the cell model."""

    patient: Patient
    schedule: Schedule

    @property
    def followed(self) -> "Followed":
        """What is followed: other words for the same doses are the same life."""
        return self.patient, prescribe(self.schedule)


Followed = tuple[Patient, tuple[Cover, ...]]
Query = tuple[History, History | None, str, float, float]


class Readings(NamedTuple):
    """Where a change is read: which life, from and to which of its reading times."""

    life: np.ndarray
    start: np.ndarray
    end: np.ndarray


class Plan(NamedTuple):
    """A batch: lives without parameters, their steps (lives, times), their reading times, and what the rows read."""

    lives: cells.Life
    times: np.ndarray
    reading_times: np.ndarray
    measure: np.ndarray
    own: Readings
    other: Readings
    compared: np.ndarray


def plan(queries: Sequence[Query]) -> Plan:
    """The batch for `queries`: (arm, arm compared with, measure, from month, to month)."""
    named = {history: history.followed for own, other, *_ in queries for history in (own, other or own)}
    wanted: dict[Followed, list[float]] = {}
    for own, other, _, start, end in queries:
        for history in (own, other or own):
            months = wanted.setdefault(named[history], [])
            months += [month for month in (start, end) if month not in months]
    followed = list(wanted)
    slots = slots_for(max(len(covers) for _, covers in followed))
    lives, times = zip(*(_steps(life, max(wanted[life]), slots) for life in followed), strict=True)
    longest = max(map(len, wanted.values()))
    reading = np.array([months + [months[-1]] * (longest - len(months)) for months in wanted.values()]) / YEAR

    def readings(arms: Sequence[History]) -> Readings:
        spans, read = [(query[3], query[4]) for query in queries], [named[arm] for arm in arms]
        places = [(wanted[life].index(a), wanted[life].index(b)) for life, (a, b) in zip(read, spans, strict=True)]
        start, end = np.array(places).T
        return Readings(np.array([followed.index(life) for life in read]), start, end)

    return Plan(
        lives=jax.tree.map(lambda *leaves: np.stack(leaves), *lives),
        times=np.stack(times),
        reading_times=reading,
        measure=np.array([measures.NAMES.index(query[2]) for query in queries]),
        own=readings([query[0] for query in queries]),
        other=readings([query[1] or query[0] for query in queries]),
        compared=np.array([float(query[1] is not None) for query in queries]),
    )


def _steps(followed: Followed, last_month: float, slots: int) -> tuple[cells.Life, np.ndarray]:
    """A life and its steps: half months up to ten years, whole multiples of that beyond."""
    life, times = prepare(*followed, last_month, prior_median(), HALF_MONTHS, slots)
    return jax.tree.map(np.asarray, life), times


def predict(theta: Float[Array, " parameters"], made: Plan) -> Float[Array, " rows"]:
    """Change in % of every row for the parameters' logarithms `theta`; minus the other arm's where one is compared."""
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
