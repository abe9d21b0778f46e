"""Lives through time: what is integrated, in which steps, and the compiled programs that do it.

A life is followed from its balanced youth in long steps to the first treatment or month 0, from there in half months.
The number of half months comes in a few fixed sizes, so that every schedule and patient runs the same compiled code.
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
from trabfem.biology.parameters import Parameters, shipped
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

    Steps are half months, in one of a few numbers; a given `size` is kept instead, with longer steps where it must be.
    """
    first = np.floor(STEPS_PER_MONTH * first_month(covers)) / STEPS_PER_MONTH
    begins = min(patient.life_starts, patient.age + first / YEAR - 1.0)
    needed = max(STEPS_PER_MONTH * (last_month - first), 1.0)
    stride = 1.0 if size is None else np.ceil(needed / size)
    size = size_for(needed) if size is None else size
    past = np.linspace(begins - patient.age, first / YEAR, PAST_STEPS + 1)
    ahead = first / YEAR + stride * np.arange(1, size + 1) / (STEPS_PER_MONTH * YEAR)
    p = shipped() if parameters is None else parameters
    life = cells.Life(hormones.endocrine(patient), encode(covers, slots, formulary), p, begins)
    # Arrays, not numbers: other values run the same compiled code.
    return jax.tree.map(np.asarray, life), np.concatenate([past, ahead])


def first_month(covers: Sequence[Cover]) -> float:
    """Start of the earliest cover, 0 if none lies before baseline."""
    return min([0.0, *(cover.start for cover in covers)])


def size_for(steps: float) -> int:
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
    """States at `times`, one step from each to the next; the first is the balanced youth."""
    start = cells.balanced(life)
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
def look(life: cells.Life, times: Float[Array, " times"]) -> Observed:
    """One life, as seen at every one of `times`."""
    states = integrate(life, times, diffrax.ForwardMode())
    return jax.vmap(lambda t, state: observe(t, state, life))(times, states)


@jax.jit
def look_at_many(lives: cells.Life, times: Float[Array, "lives times"]) -> Observed:
    """Lives stacked along the first axis, each at its own `times`."""
    return jax.vmap(look)(lives, times)


@jax.jit
def look_at_draws(life: cells.Life, times: Float[Array, " times"]) -> Observed:
    """One life under every draw of the parameters, which are stacked along their first axis."""
    return jax.vmap(look, in_axes=(cells.Life(None, None, 0, None), None))(life, times)  # type: ignore[arg-type]
