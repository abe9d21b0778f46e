"""Exposure to agents from the doses taken.

Daily agents: ẋ = k (dose·cover(t) − x), in closed form. Interval agents: every dose is absorbed as k e^{−k(t − t_i)},
and the amount absorbed by t is a geometric sum, so the cost does not depend on the number of doses. A schedule is
padded to a fixed number of slots, so schedules with the same padding run the same compiled code.
"""

from collections.abc import Sequence

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from trabfem import constants as c
from trabfem.biology.agents import FORMULARY, Formulary
from trabfem.biology.prescription import DOSE_TOLERANCE, Cover
from trabfem.biology.scalars import Scalar

SLOTS = 8


class Doses(eqx.Module):
    """A schedule as arrays over slots: agent number, start, stop and interval in years, dose relative to standard.

    Agent numbers are indices into `formulary`, which is not an array: each formulary is compiled separately.
    """

    agent: Array | np.ndarray
    start: Array | np.ndarray
    stop: Array | np.ndarray
    dose: Array | np.ndarray
    every: Array | np.ndarray
    formulary: Formulary = eqx.field(static=True)


def count_slots(items: int) -> int:
    """Number of slots for so many items: `SLOTS`, doubled until they fit."""
    slots = SLOTS
    while slots < items:
        slots *= 2
    return slots


def encode(covers: Sequence[Cover], slots: int | None = None, formulary: Formulary = FORMULARY) -> Doses:
    """`covers` as arrays, padded with empty slots."""
    slots = count_slots(len(covers)) if slots is None else slots
    empty = [(0, 0.0, 0.0, 0.0, 0.0)] * (slots - len(covers))
    year = c.MONTHS_PER_YEAR.value
    rows = [
        (formulary.number(item.agent), item.start / year, item.stop / year, item.dose, item.every / year)
        for item in covers
    ]
    columns = [np.array(column, float) for column in zip(*rows, *empty, strict=True)]
    return Doses(columns[0].astype(np.int32), *columns[1:], formulary=formulary)


def exposures(t0: Scalar, t1: Scalar, doses: Doses) -> Float[Array, " agents"]:
    """Exposure to every agent of the formulary over the step from `t0` to `t1` (years).

    Daily agents: relative dose at the middle of the step. Interval agents: doses absorbed per year, averaged exactly
    over the step, so that no part of a dose is lost for any step length.
    """
    rates = jnp.array(doses.formulary.rates)
    rate = rates[doses.agent]
    interval = jnp.asarray(doses.every) > 0.0
    middle = 0.5 * (t0 + t1)
    daily = _approach(rate, middle - doses.start) - _approach(rate, middle - doses.stop)
    absorbed = (_absorbed_doses(doses, rate, t1) - _absorbed_doses(doses, rate, t0)) / (t1 - t0)
    per_slot = doses.dose * jnp.where(interval, absorbed, daily)
    return jnp.zeros_like(rates).at[doses.agent].add(per_slot)


def _approach(rate: Array, since: Array | np.ndarray) -> Array:
    """Response to cover that started `since` years ago: 1 − e^{−rate·since}, or 0 before the start."""
    return -jnp.expm1(-rate * jnp.maximum(since, 0.0))


def _absorbed_doses(doses: Doses, rate: Array, t: Scalar) -> Array:
    """Doses absorbed by `t` in each slot: n − e^{−k(t − t_last)} (1 − qⁿ)/(1 − q), q = e^{−kτ}."""
    every = jnp.where(jnp.asarray(doses.every) > 0.0, doses.every, 1.0)
    planned = jnp.ceil((doses.stop - doses.start) / every - DOSE_TOLERANCE)
    given = jnp.clip(jnp.floor((t - doses.start) / every + DOSE_TOLERANCE) + 1.0, 0.0, planned)
    last = doses.start + (given - 1.0) * every
    fade = jnp.expm1(-rate * every * given) / jnp.expm1(-rate * every)
    left = jnp.exp(-rate * jnp.maximum(t - last, 0.0)) * fade
    return jnp.where(given > 0.0, given - left, 0.0)
