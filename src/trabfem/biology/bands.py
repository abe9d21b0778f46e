"""Predictions with 90 % bands: posterior draws of the parameters, plus the scatter of trials about the model."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from trabfem.biology import measures, parameters
from trabfem.biology.agents import FORMULARY, Formulary
from trabfem.biology.batch import History, Query, make_plan, predict
from trabfem.biology.integration import YEAR, observe_draws, prepare
from trabfem.biology.patient import Patient
from trabfem.biology.prescription import Cover

DRAWS = 64
TWO_SIDED_90 = 1.645
UNTREATED_SHARE = 0.3
SETTLES = {"density": 24.0, "strength": 24.0, "marker": 1.0}
_predict_draws = jax.jit(jax.vmap(predict, in_axes=(0, None)))


@dataclass(frozen=True)
class Line:
    """A measure of one arm over time, in % of its value at `start` (months); minus that of `versus`, if given."""

    arm: History
    measure: str
    versus: History | None = None
    start: float = 0.0


def predictions(queries: Sequence[Query]) -> Float[np.ndarray, "queries 3"]:
    """Predicted, low and high (90 %) in % for every query of `trabfem.biology.batch.make_plan`."""
    fit = parameters.shipped_fit()
    draws = np.concatenate([[parameters.to_log(parameters.shipped_parameters())], parameters.posterior_draws(DRAWS)])
    with jax.enable_x64(True):
        values = np.asarray(_predict_draws(draws, make_plan(queries)))
    apart = np.array([_query_spread(fit["scatter"], query) for query in queries])
    width = TWO_SIDED_90 * np.sqrt(values[1:].var(axis=0) + apart**2)
    return np.stack([values[0], *_limits_around(values[0], width)], axis=1)


def limits(
    patient: Patient,
    covers: Sequence[Cover],
    months: Float[np.ndarray, " months"],
    named: Mapping[str, str],
    middle: Mapping[str, Float[np.ndarray, " months"]],
    formulary: Formulary = FORMULARY,
) -> dict[str, tuple[Float[np.ndarray, " months"], Float[np.ndarray, " months"]]]:
    """Low and high (90 %) ends of the changes since month 0 in `middle` (%), by name; `named` maps names to measures.

    Like `predictions`, but with the time steps of `trabfem.biology.course.follow`, for any number of months.
    """
    scatter = parameters.shipped_fit()["scatter"]
    with jax.enable_x64(True):
        life, times = prepare(patient, covers, float(months.max(initial=0.0)), formulary=formulary)
        draws = jax.vmap(parameters.from_log)(jnp.asarray(parameters.posterior_draws(DRAWS)))
        seen = jax.device_get(observe_draws(life._replace(parameters=draws), times))
    out = {}
    for name, measure in named.items():
        values = np.asarray(measures.MEASURES[measure](seen))
        start, read = (_interpolate(values, times, at) for at in (np.zeros(1), months))
        spans = [(any(cover.start < month for cover in covers), month) for month in months.tolist()]
        apart = np.array([_trial_spread(scatter, measures.kind(measure), treated, month) for treated, month in spans])
        width = TWO_SIDED_90 * np.sqrt((100.0 * (read / start - 1.0)).var(axis=0) + apart**2)
        out[name] = _limits_around(middle[name], width)
    return out


def _interpolate(
    values: Float[np.ndarray, "draws times"], times: Float[np.ndarray, " times"], months: Float[np.ndarray, " months"]
) -> Float[np.ndarray, "draws months"]:
    """Every draw's values at `months`, linearly interpolated between `times` (years)."""
    return np.stack([np.interp(months, times * YEAR, row) for row in values])


def _limits_around(middle: np.ndarray, width: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Low and high ends about `middle`, %.

    The low end is at least -100 %, since no quantity falls by more than itself; a difference of two arms can be below
    -100 %, and then the low end is the prediction.
    """
    return np.maximum(middle - width, np.minimum(middle, -100.0)), middle + width


def _query_spread(scatter: Mapping[str, float], query: Query) -> float:
    """Standard deviation of trials about the model for one query, points of %."""
    own, other, measure, start, end = query
    treated = any(item.start < end for arm in (own, other) if arm is not None for item in arm.schedule.treatments)
    return _trial_spread(scatter, measures.kind(measure), treated, end - start)


def _trial_spread(scatter: Mapping[str, float], kind: str, treated: bool, months: float) -> float:
    """Standard deviation of trials about the model beyond parameter uncertainty, due to patients, calcium, scanners.

    It grows with the square root of time until `SETTLES` months. That of markers was measured under drugs; untreated
    arms get the share `UNTREATED_SHARE` of it.
    """
    share = UNTREATED_SHARE if kind == "marker" and not treated else 1.0
    return share * scatter.get(kind, 0.0) * min(1.0, (months / SETTLES.get(kind, 1.0)) ** 0.5)


def curves(lines: Sequence[Line], months: Float[np.ndarray, " months"]) -> Float[np.ndarray, "lines months 3"]:
    """Predicted, low and high (90 %) of every line at `months`; all are 0 up to a line's own start."""
    out = np.zeros((len(lines), len(months), 3))
    places = [(i, j) for i, line in enumerate(lines) for j, month in enumerate(months) if month > line.start]
    queries = [(lines[i].arm, lines[i].versus, lines[i].measure, lines[i].start, float(months[j])) for i, j in places]
    for (i, j), values in zip(places, predictions(queries), strict=True):
        out[i, j] = values
    return out
