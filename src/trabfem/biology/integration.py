"""Integration of lives over time: initial state, time steps, and the compiled functions.

A life is integrated from its balanced youth to the first treatment or month 0 in long steps, from there in half months.
The number of half months is one of a few sizes, so that all schedules and patients run the same compiled code.
"""

from collections.abc import Sequence

import diffrax
import jax
import numpy as np
from jaxtyping import Array, Float

from trabfem import constants as c
from trabfem.biology import cells, hormones
from trabfem.biology.agents import FORMULARY, Formulary
from trabfem.biology.observation import Observed, observe
from trabfem.biology.parameters import Parameters, shipped_parameters
from trabfem.biology.patient import Patient
from trabfem.biology.pharmacology import encode, exposures
from trabfem.biology.prescription import Cover
from trabfem.biology.solver import ExponentialMidpoint, ProductionLoss
from trabfem.errors import UserError

STEPS_PER_MONTH = 2
PAST_STEPS = 96
SIZES = (120, 240, 480, 960, 1920, 3840)
YEAR = c.MONTHS_PER_YEAR.value


def prepare(
    patient: Patient,
    covers: Sequence[Cover],
    last_month: float,
    parameters: Parameters | None = None,
    size: int | None = None,
    slots: int | None = None,
    formulary: Formulary = FORMULARY,
) -> tuple[cells.Life, Float[np.ndarray, " times"]]:
    """A life as arrays, and the times (years from month 0) of its steps up to `last_month` or a little beyond.

    The number of half-month steps is one of `SIZES`; a given `size` sets it instead, with longer steps if necessary.
    """
    first = np.floor(STEPS_PER_MONTH * first_month(covers)) / STEPS_PER_MONTH
    begins = min(patient.life_starts, patient.age + first / YEAR - 1.0)
    needed = max(STEPS_PER_MONTH * (last_month - first), 1.0)
    stride = 1.0 if size is None else np.ceil(needed / size)
    size = choose_size(needed) if size is None else size
    past = np.linspace(begins - patient.age, first / YEAR, PAST_STEPS + 1)
    ahead = first / YEAR + stride * np.arange(1, size + 1) / (STEPS_PER_MONTH * YEAR)
    p = shipped_parameters() if parameters is None else parameters
    life = cells.Life(hormones.make_endocrine(patient), encode(covers, slots, formulary), p, begins)
    # Arrays rather than Python numbers, so that other values do not need another compilation.
    return jax.tree.map(np.asarray, life), np.concatenate([past, ahead])


def first_month(covers: Sequence[Cover]) -> float:
    """Start of the earliest cover, 0 if none lies before baseline."""
    return min([0.0, *(cover.start for cover in covers)])


def choose_size(steps: float) -> int:
    """The smallest of `SIZES` that holds that many half months; `UserError` beyond the largest."""
    for size in SIZES:
        if size >= steps:
            return size
    longest = SIZES[-1] / STEPS_PER_MONTH / YEAR
    raise UserError(
        f"from the first treatment to the last month are {steps / STEPS_PER_MONTH / YEAR:.4g} years; "
        f"give at most {longest:g}"
    )


def integrate(life: cells.Life, times: Float[Array, " times"], adjoint: diffrax.AbstractAdjoint) -> cells.State:
    """States at `times`, with one step between neighbours; the first is the balanced young state."""
    start = cells.balanced_state(life)
    solution = diffrax.diffeqsolve(
        ProductionLoss(cells.rates, exposures, life.doses),
        ExponentialMidpoint(),
        t0=times[0],
        t1=times[-1],
        dt0=None,
        y0=start,
        args=(life, exposures(times[0], times[1], life.doses)),
        stepsize_controller=diffrax.StepTo(times),
        saveat=diffrax.SaveAt(t0=True, steps=True),
        max_steps=times.shape[0] - 1,
        adjoint=adjoint,
    )
    assert solution.ys is not None
    return solution.ys


@jax.jit
def observe_life(life: cells.Life, times: Float[Array, " times"]) -> Observed:
    """One life observed at all `times`."""
    states = integrate(life, times, diffrax.ForwardMode())
    return jax.vmap(lambda t, state: observe(t, state, life))(times, states)


@jax.jit
def observe_lives(lives: cells.Life, times: Float[Array, "lives times"]) -> Observed:
    """Lives stacked along the first axis, each observed at its own `times`."""
    return jax.vmap(observe_life)(lives, times)


@jax.jit
def observe_draws(life: cells.Life, times: Float[Array, " times"]) -> Observed:
    """One life observed for every draw of the parameters, which are stacked along the first axis."""
    return jax.vmap(observe_life, in_axes=(cells.Life(None, None, 0, None), None))(life, times)  # type: ignore[arg-type]
