"""From dosing cover to exposure, and what an agent is.

Daily agents: ẋ = k (dose·cover(t) − x), closed form. Interval agents: every dose is absorbed as k e^{−k(t − t_i)}, and
the amount absorbed by t is a geometric sum, so that any number of doses costs the same. A schedule is padded to a fixed
number of slots: other schedules of the same padding run the same compiled code.
"""

import abc
from typing import NamedTuple

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from trabfem import constants as c
from trabfem.biology import formulary, hormones
from trabfem.biology.parameters import Parameters
from trabfem.biology.scalars import Scalar
from trabfem.biology.schedule import Schedule

SLOTS = 8
DOSE_TOLERANCE = 1e-9


class Doses(NamedTuple):
    """A schedule as arrays over slots: agent number, start, stop and interval in years, dose relative to standard."""

    agent: Array | np.ndarray
    start: Array | np.ndarray
    stop: Array | np.ndarray
    dose: Array | np.ndarray
    every: Array | np.ndarray


class Signals(NamedTuple):
    """What the drugs on board do, before the cells answer. The defaults are no drug."""

    axis: hormones.Axis = hormones.NO_DRUG
    serm: Scalar = 0.0
    progestin: Scalar = 0.0
    pth: Scalar = 0.0
    ligand_bound: Scalar = 0.0
    sclerostin_bound: Scalar = 0.0
    mineral_uptake: Scalar = 0.0


class Agent(eqx.Module):
    """An agent: `rate` (1/year) at which exposure follows cover (daily) or a dose is absorbed (interval), and `act`.

    `act(signals, exposure, parameters)` returns the signals with the agent's one mechanism in them; `exposure` is the
    multiple of the standard daily dose, a concentration, or doses absorbed per year.
    """

    name: eqx.AbstractClassVar[str]
    rate: eqx.AbstractClassVar[float]

    @abc.abstractmethod
    def act(self, signals: Signals, exposure: Scalar, parameters: Parameters) -> Signals:
        """`signals` with this agent's mechanism at `exposure`."""


class Antibody(Agent):
    """An agent whose concentration is a state: ẋ = peak·absorption − clearance(x)·x."""

    peak: eqx.AbstractClassVar[float]

    @abc.abstractmethod
    def clearance(self, concentration: Scalar, parameters: Parameters) -> Scalar:
        """Rate of elimination (1/year) at `concentration`."""


def slots_for(items: int) -> int:
    """The padding for that many items: `SLOTS` doubled until they fit."""
    slots = SLOTS
    while slots < items:
        slots *= 2
    return slots


def encode(schedule: Schedule, slots: int | None = None) -> Doses:
    """`schedule` as arrays, padded with empty slots."""
    slots = slots_for(len(schedule.items)) if slots is None else slots
    empty = [(0, 0.0, 0.0, 0.0, 0.0)] * (slots - len(schedule.items))
    year = c.MONTHS_PER_YEAR.value
    rows = [
        (formulary.INDEX[item.agent], item.start / year, item.stop / year, item.dose, item.every / year)
        for item in schedule.items
    ]
    columns = [np.array(column, float) for column in zip(*rows, *empty, strict=True)]
    return Doses(columns[0].astype(np.int32), *columns[1:])


def exposures(doses: Doses, rates: Float[Array, " agents"], t0: Scalar, t1: Scalar) -> Float[Array, " agents"]:
    """Exposure per agent over the step from `t0` to `t1` (years).

    Daily agents: relative dose at the middle of the step. Interval agents: doses absorbed per year, averaged exactly
    over the step, so that no part of a dose is lost whatever the step.
    """
    rate = rates[doses.agent]
    interval = jnp.asarray(doses.every) > 0.0
    middle = 0.5 * (t0 + t1)
    daily = _followed(rate, middle - doses.start) - _followed(rate, middle - doses.stop)
    absorbed = (_absorbed(doses, rate, t1) - _absorbed(doses, rate, t0)) / (t1 - t0)
    per_slot = doses.dose * jnp.where(interval, absorbed, daily)
    return jnp.zeros_like(rates).at[doses.agent].add(per_slot)


def _followed(rate: Array, since: Array | np.ndarray) -> Array:
    """1 − e^{−rate·since} after the start, 0 before."""
    return -jnp.expm1(-rate * jnp.maximum(since, 0.0))


def _absorbed(doses: Doses, rate: Array, t: Scalar) -> Array:
    """Doses absorbed by `t` in each slot: n − e^{−k(t − t_last)} (1 − qⁿ)/(1 − q), q = e^{−kτ}."""
    every = jnp.where(jnp.asarray(doses.every) > 0.0, doses.every, 1.0)
    planned = jnp.ceil((doses.stop - doses.start) / every - DOSE_TOLERANCE)
    given = jnp.clip(jnp.floor((t - doses.start) / every + DOSE_TOLERANCE) + 1.0, 0.0, planned)
    last = doses.start + (given - 1.0) * every
    fade = jnp.expm1(-rate * every * given) / jnp.expm1(-rate * every)
    left = jnp.exp(-rate * jnp.maximum(t - last, 0.0)) * fade
    return jnp.where(given > 0.0, given - left, 0.0)
