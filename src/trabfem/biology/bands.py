"""Predictions with the model's 90 % band: draws from the posterior, widened by how far trials lie from the model."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import jax
import numpy as np
from jaxtyping import Float

from trabfem.biology import measures, parameters
from trabfem.biology.agents import FORMULARY, Formulary
from trabfem.biology.batch import History, Query, plan, predict
from trabfem.biology.integration import YEAR, look_at_draws, prepare
from trabfem.biology.patient import Patient
from trabfem.biology.prescription import Cover

DRAWS = 64
TWO_SIDED_90 = 1.645
UNTREATED_SHARE = 0.3
SETTLES = {"density": 24.0, "strength": 24.0, "marker": 1.0}
_many = jax.jit(jax.vmap(predict, in_axes=(0, None)))


@dataclass(frozen=True)
class Line:
    """A measure of one arm over time, in % of its value at `start` (months); minus that of `versus`, if given."""

    arm: History
    measure: str
    versus: History | None = None
    start: float = 0.0


def predictions(queries: Sequence[Query]) -> Float[np.ndarray, "queries 3"]:
    """Predicted, low and high (90 %) in % for every query of `trabfem.biology.batch.plan`."""
    fit = parameters.shipped_fit()
    draws = np.concatenate([[parameters.to_log(parameters.shipped())], parameters.posterior_draws(DRAWS)])
    with jax.enable_x64(True):
        values = np.asarray(_many(draws, plan(queries)))
    apart = np.array([_apart_of(fit["scatter"], query) for query in queries])
    width = TWO_SIDED_90 * np.sqrt(values[1:].var(axis=0) + apart**2)
    return np.stack([values[0], *_around(values[0], width)], axis=1)


def limits(
    patient: Patient,
    covers: Sequence[Cover],
    months: Float[np.ndarray, " months"],
    named: Mapping[str, str],
    middle: Mapping[str, Float[np.ndarray, " months"]],
    formulary: Formulary = FORMULARY,
) -> dict[str, tuple[Float[np.ndarray, " months"], Float[np.ndarray, " months"]]]:
    """Low and high (90 %) about the changes since month 0 in `middle` (%), by name; `named` maps names to measures.

    As of `predictions`, in the steps of `trabfem.biology.course.follow`, however many months are asked for.
    """
    scatter = parameters.shipped_fit()["scatter"]
    with jax.enable_x64(True):
        life, times = prepare(patient, covers, float(months.max(initial=0.0)), formulary=formulary)
        draws = jax.vmap(parameters.from_log)(np.asarray(parameters.posterior_draws(DRAWS)))
        seen = jax.device_get(look_at_draws(life._replace(parameters=draws), times))
    out = {}
    for name, measure in named.items():
        values = np.asarray(measures.MEASURES[measure](seen))
        start, read = (_at(values, times, at) for at in (np.zeros(1), months))
        treated = np.array([any(cover.start < month for cover in covers) for month in months])
        apart = _apart(scatter, measures.kind(measure), treated, months)
        width = TWO_SIDED_90 * np.sqrt((100.0 * (read / start - 1.0)).var(axis=0) + apart**2)
        out[name] = _around(middle[name], width)
    return out


def _at(
    values: Float[np.ndarray, "draws times"], times: Float[np.ndarray, " times"], months: Float[np.ndarray, " months"]
) -> Float[np.ndarray, "draws months"]:
    """Every draw's values at `months`, by straight lines between `times` (years)."""
    return np.stack([np.interp(months, times * YEAR, row) for row in values])


def _around(middle: np.ndarray, width: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Low and high ends about `middle`, %.

    Nothing falls by more than all of it; a difference of two arms may, and then by no more than is predicted.
    """
    return np.maximum(middle - width, np.minimum(middle, -100.0)), middle + width


def _apart_of(scatter: Mapping[str, float], query: Query) -> float:
    """Spread of trials about the model of one query."""
    own, other, measure, start, end = query
    treated = any(item.start < end for arm in (own, other) if arm is not None for item in arm.schedule.treatments)
    return float(_apart(scatter, measures.kind(measure), np.array(treated), np.array(end - start)))


def _apart(scatter: Mapping[str, float], kind: str, treated: np.ndarray, months: np.ndarray) -> np.ndarray:
    """Spread of trials about the model, more than its parameters' uncertainty: other people, calcium, scanners.

    What a trial drifts apart grows with the square root of time until `SETTLES` months. The spread of markers was seen
    under drugs; an untreated arm has less to differ in.
    """
    share = np.where(treated, 1.0, UNTREATED_SHARE if kind == "marker" else 1.0)
    return share * scatter.get(kind, 0.0) * np.minimum(1.0, (months / SETTLES.get(kind, 1.0)) ** 0.5)


def curves(lines: Sequence[Line], months: Float[np.ndarray, " months"]) -> Float[np.ndarray, "lines months 3"]:
    """Predicted, low and high (90 %) of every line at `months`; nought and no band at a line's own start."""
    out = np.zeros((len(lines), len(months), 3))
    places = [(i, j) for i, line in enumerate(lines) for j, month in enumerate(months) if month > line.start]
    queries = [(lines[i].arm, lines[i].versus, lines[i].measure, lines[i].start, float(months[j])) for i, j in places]
    for (i, j), values in zip(places, predictions(queries), strict=True):
        out[i, j] = values
    return out
