"""Lives followed through time: integrate the cells, read what a clinic or the voxels would see.

`simulate(patient, schedule, months)` is the entry point. A life is followed from its balanced youth in long steps to
the first treatment or month 0, from there in half months. The number of half months comes in a few fixed sizes, so that
every schedule and patient runs the same compiled code.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import diffrax
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from trabfem import constants as c
from trabfem.biology import cells, hormones
from trabfem.biology.parameters import Parameters, shipped
from trabfem.biology.patient import Patient
from trabfem.biology.pharmacology import encode, slots_for
from trabfem.biology.scalars import Scalar
from trabfem.biology.schedule import Schedule, parse
from trabfem.biology.solver import ExponentialMidpoint, ProductionLoss

STEPS_PER_MONTH = 2
PAST_STEPS = 96
SIZES = (120, 240, 480, 960, 1920, 3840)
YEAR = c.MONTHS_PER_YEAR.value


class Observed(NamedTuple):
    """What is read off a state; see `Course`."""

    e2: Scalar
    testosterone: Scalar
    bioavailable_e2: Scalar
    bioavailable_testosterone: Scalar
    rankl: Scalar
    opg: Scalar
    sclerostin: Scalar
    osteoclasts: Scalar
    osteoblasts: Scalar
    resorption: Scalar
    formation: Scalar
    modelling: Scalar
    activation_frequency: Scalar
    resorption_depth: Scalar
    refill_fraction: Scalar
    ctx: Scalar
    p1np: Scalar
    trabecular: Scalar
    cortical: Scalar
    mineral: Scalar
    mineral_cortical: Scalar
    spine_mass: Scalar
    bmd_spine: Scalar
    bmd_hip: Scalar
    bmd_neck: Scalar
    bmd_body: Scalar


@dataclass(frozen=True)
class Course:
    """A patient over `months`; arrays of that length.

    - `e2` (pg/mL), `testosterone` (ng/dL); `bioavailable_…` the same as bone sees them.
    - `rankl`, `opg`, `sclerostin`, `osteoclasts`, `osteoblasts`, `ctx`, `p1np`: relative to youth.
    - `resorption`, `formation`: per bone surface, 1 at premenopausal (young) homeostasis; `modelling` is the part of
      formation that fills no pit.
    - `activation_frequency` (1/year), `resorption_depth` (mm), `refill_fraction` (refilled over dug, 1 in balance).
    - `bmd_…` as DXA reads it, `spine_mass` without what degeneration adds, `trabecular`, `cortical` (bone mass),
      `mineral` (of trabecular bone), `mineral_cortical`: month 0 is 1.
    """

    months: np.ndarray
    e2: np.ndarray
    testosterone: np.ndarray
    bioavailable_e2: np.ndarray
    bioavailable_testosterone: np.ndarray
    rankl: np.ndarray
    opg: np.ndarray
    sclerostin: np.ndarray
    osteoclasts: np.ndarray
    osteoblasts: np.ndarray
    resorption: np.ndarray
    formation: np.ndarray
    modelling: np.ndarray
    activation_frequency: np.ndarray
    resorption_depth: np.ndarray
    refill_fraction: np.ndarray
    ctx: np.ndarray
    p1np: np.ndarray
    trabecular: np.ndarray
    cortical: np.ndarray
    mineral: np.ndarray
    mineral_cortical: np.ndarray
    spine_mass: np.ndarray
    bmd_spine: np.ndarray
    bmd_hip: np.ndarray
    bmd_neck: np.ndarray
    bmd_body: np.ndarray


RELATIVE_TO_START = tuple(
    name for name in Observed._fields if name.startswith(("bmd_", "spine", "trab", "cort", "mineral"))
)


def simulate(
    patient: Patient, schedule: Schedule | str, months: np.ndarray, parameters: Parameters | None = None
) -> Course:
    """Follow `patient` under `schedule` and read the course at `months` (from baseline, at least 0 and finite).

    `parameters` are the calibrated ones where not given.
    """
    wanted = np.atleast_1d(np.asarray(months, float))
    with jax.enable_x64(True):
        life, times = prepare(patient, parse(schedule), float(wanted.max(initial=0.0)), parameters)
        observed = jax.device_get(_follow(life, times))
    return _read(observed, np.asarray(times), wanted)


def simulate_many(
    patients: Sequence[Patient],
    schedules: Sequence[Schedule | str],
    months: np.ndarray,
    parameters: Parameters | None = None,
) -> list[Course]:
    """Follow every patient under the schedule at the same place, all in one vectorised call."""
    wanted = np.atleast_1d(np.asarray(months, float))
    plans = [parse(schedule) for schedule in schedules]
    first = min((plan.first_month for plan in plans), default=0.0)
    needed = STEPS_PER_MONTH * (float(wanted.max(initial=0.0)) - first) + 1.0
    size = next(size for size in SIZES if size >= needed)
    slots = slots_for(max((len(plan.items) for plan in plans), default=0))
    with jax.enable_x64(True):
        pairs = [
            prepare(patient, plan, float(wanted.max(initial=0.0)), parameters, size, slots)
            for patient, plan in zip(patients, plans, strict=True)
        ]
        lives = jax.tree.map(lambda *leaves: np.stack(leaves), *(life for life, _ in pairs))
        times = np.stack([steps for _, steps in pairs])
        observed = jax.device_get(_follow_many(lives, times))
    rows = [jax.tree.map(lambda values, row=row: values[row], observed) for row in range(len(pairs))]
    return [_read(row, steps, wanted) for row, steps in zip(rows, times, strict=True)]


def _read(observed: Observed, times: np.ndarray, wanted: np.ndarray) -> Course:
    """The course at the months `wanted` from what was seen at `times` (years)."""
    grid, columns = times * YEAR, {}
    for name, values in observed._asdict().items():
        scale = np.interp(0.0, grid, values) if name in RELATIVE_TO_START else 1.0
        columns[name] = np.interp(wanted, grid, values) / scale
    return Course(months=wanted, **columns)


def prepare(
    patient: Patient,
    schedule: Schedule,
    last_month: float,
    parameters: Parameters | None = None,
    size: int | None = None,
    slots: int | None = None,
) -> tuple[cells.Life, Float[np.ndarray, " times"]]:
    """A life as arrays, and the times (years from month 0) of its steps up to `last_month` or a little beyond.

    Steps are half months, in one of a few numbers; a given `size` is kept instead, with longer steps where it must be.
    """
    first = np.floor(STEPS_PER_MONTH * schedule.first_month) / STEPS_PER_MONTH
    begins = min(patient.life_starts, patient.age + first / YEAR - 1.0)
    needed = max(STEPS_PER_MONTH * (last_month - first), 1.0)
    stride = 1.0 if size is None else np.ceil(needed / size)
    size = next(size for size in SIZES if size >= needed) if size is None else size
    past = np.linspace(begins - patient.age, first / YEAR, PAST_STEPS + 1)
    ahead = first / YEAR + stride * np.arange(1, size + 1) / (STEPS_PER_MONTH * YEAR)
    p = shipped() if parameters is None else parameters
    life = cells.Life(hormones.endocrine(patient), encode(schedule, slots), p, begins)
    # Arrays, not numbers: other values run the same compiled code.
    return jax.tree.map(np.asarray, life), np.concatenate([past, ahead])


def integrate(life: cells.Life, times: Float[Array, " times"], adjoint: diffrax.AbstractAdjoint) -> cells.State:
    """States at `times`, one step from each to the next; the first is the balanced youth."""
    start = cells.balanced(life)
    solution = diffrax.diffeqsolve(
        ProductionLoss(cells.rates, cells.forcing, life.doses),
        ExponentialMidpoint(),
        t0=times[0],
        t1=times[-1],
        dt0=None,
        y0=start,
        args=(life, cells.forcing(times[0], times[1], life.doses)),
        stepsize_controller=diffrax.StepTo(times),
        saveat=diffrax.SaveAt(t0=True, steps=True),
        max_steps=times.shape[0] - 1,
        adjoint=adjoint,
    )
    assert solution.ys is not None
    return solution.ys


def observe(t: Scalar, state: cells.State, life: cells.Life) -> Observed:
    """What a clinic would see at time `t`."""
    p = life.parameters
    instant = 1e-6
    now = cells.drive(t, state, life, cells.forcing(t - instant, t, life.doses))
    formed, _ = cells.formation(state, now, p)
    begun = now.activation * state.precursors
    mineral_t, mineral_c = cells.minerals(state, life)
    dense_t, dense_c = state.trabecular * mineral_t, state.cortical * mineral_c / (1.0 + state.pores)
    seen = formed + (p.lining_marker - 1.0) * now.called_formation
    levels = now.hormones
    spine = _mixed(p.spine_trabecular, dense_t, dense_c)
    return Observed(
        e2=levels.estradiol,
        testosterone=levels.testosterone,
        bioavailable_e2=levels.bone_estradiol,
        bioavailable_testosterone=levels.free_testosterone,
        rankl=now.rankl,
        opg=now.opg,
        sclerostin=now.sclerostin,
        osteoclasts=state.osteoclasts,
        osteoblasts=state.osteoblasts,
        resorption=state.osteoclasts,
        formation=formed,
        modelling=p.basal_modelling * now.basal + now.called_formation,
        activation_frequency=c.ACTIVATION_FREQUENCY_PREMENOPAUSE.value * begun,
        # A longer or shorter osteoclast life goes into the pit's depth and its area alike.
        resorption_depth=c.PIT_DEPTH.value * jnp.sqrt(state.osteoclasts / begun),
        refill_fraction=now.refill,
        ctx=state.osteoclasts**p.ctx_power,
        p1np=seen**p.p1np_power,
        trabecular=state.trabecular,
        cortical=state.cortical / (1.0 + state.pores),
        mineral=mineral_t,
        mineral_cortical=mineral_c,
        spine_mass=spine,
        bmd_spine=spine * _degenerated(life.who.age + t, p),
        bmd_hip=_mixed(p.hip_trabecular, dense_t, dense_c),
        bmd_neck=_mixed(p.neck_trabecular, dense_t, dense_c),
        bmd_body=_mixed(p.body_trabecular, dense_t, dense_c),
    )


def _degenerated(age: Scalar, p: Parameters) -> Scalar:
    """What osteophytes and calcified vessels add to spine DXA at `age`, as a factor."""
    width = c.DEGENERATION_WIDTH.value
    return jnp.exp(p.spine_degeneration * width * jax.nn.softplus((age - c.DEGENERATION_ONSET.value) / width))


def _mixed(share: Scalar, trabecular: Scalar, cortical: Scalar) -> Scalar:
    return share * trabecular + (1.0 - share) * cortical


@jax.jit
def _follow(life: cells.Life, times: Float[Array, " times"]) -> Observed:
    states = integrate(life, times, diffrax.ForwardMode())
    return jax.vmap(lambda t, state: observe(t, state, life))(times, states)


@jax.jit
def _follow_many(lives: cells.Life, times: Float[Array, "lives times"]) -> Observed:
    return jax.vmap(_follow)(lives, times)
