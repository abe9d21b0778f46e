"""Predictions with the model's 90 % band: draws from the posterior, widened by how far trials lie from the model."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import jax
import numpy as np
from jaxtyping import Float

from trabfem.biology import measures, parameters
from trabfem.biology.batch import History, Query, plan, predict

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
    apart = np.array([_apart(fit["scatter"], query) for query in queries])
    width = TWO_SIDED_90 * np.sqrt(values[1:].var(axis=0) + apart**2)
    # Nothing falls by more than all of it; a difference of two arms may, and then by no more than is predicted.
    low = np.maximum(values[0] - width, np.minimum(values[0], -100.0))
    return np.stack([values[0], low, values[0] + width], axis=1)


def _apart(scatter: Mapping[str, float], query: Query) -> float:
    """Spread of trials about the model, more than its parameters' uncertainty: other people, calcium, scanners.

    What a trial drifts apart grows with the square root of time until `SETTLES` months. The spread of markers was seen
    under drugs; an untreated arm has less to differ in.
    """
    own, other, measure, start, end = query
    kind = measures.kind(measure)
    treated = any(item.start < end for arm in (own, other) if arm is not None for item in arm.schedule.items)
    share = UNTREATED_SHARE if kind == "marker" and not treated else 1.0
    return share * scatter.get(kind, 0.0) * min(1.0, ((end - start) / SETTLES.get(kind, 1.0)) ** 0.5)


def curves(lines: Sequence[Line], months: Float[np.ndarray, " months"]) -> Float[np.ndarray, "lines months 3"]:
    """Predicted, low and high (90 %) of every line at `months`; nought and no band at a line's own start."""
    out = np.zeros((len(lines), len(months), 3))
    places = [(i, j) for i, line in enumerate(lines) for j, month in enumerate(months) if month > line.start]
    queries = [(lines[i].arm, lines[i].versus, lines[i].measure, lines[i].start, float(months[j])) for i, j in places]
    for (i, j), values in zip(places, predictions(queries), strict=True):
        out[i, j] = values
    return out
