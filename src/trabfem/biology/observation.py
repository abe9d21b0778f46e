"""Observable quantities of the cell model at one time: hormones, markers, density, and the forcing of voxels."""

from typing import NamedTuple

import jax
import jax.numpy as jnp

from trabfem import constants as c
from trabfem.biology import cells
from trabfem.biology.parameters import Parameters
from trabfem.biology.pharmacology import exposures
from trabfem.biology.scalars import Scalar


class Observed(NamedTuple):
    """Observable quantities; see `trabfem.biology.course.COLUMNS`."""

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


RELATIVE_TO_START = tuple(
    name for name in Observed._fields if name.startswith(("bmd_", "spine", "trab", "cort", "mineral"))
)


def observe(t: Scalar, state: cells.State, life: cells.Life) -> Observed:
    """The observable quantities at time `t` (years)."""
    p = life.parameters
    instant = 1e-6
    now = cells.algebra(t, state, life, exposures(t - instant, t, life.doses))
    formed, _ = cells.formation(state, now, p)
    begun = now.activation * state.precursors
    mineral_t, mineral_c = cells.minerals(state, life)
    dense_t, dense_c = state.trabecular * mineral_t, state.cortical * mineral_c / (1.0 + state.pores)
    seen = formed + (p.lining_marker - 1.0) * now.called_formation
    levels = now.hormones
    spine = _mix(p.spine_trabecular, dense_t, dense_c)
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
        # Osteoclasts that live longer increase depth and area of a pit alike, hence the square root.
        resorption_depth=c.PIT_DEPTH.value * jnp.sqrt(state.osteoclasts / begun),
        refill_fraction=now.refill,
        ctx=state.osteoclasts**p.ctx_power,
        p1np=seen**p.p1np_power,
        trabecular=state.trabecular,
        cortical=state.cortical / (1.0 + state.pores),
        mineral=mineral_t,
        mineral_cortical=mineral_c,
        spine_mass=spine,
        bmd_spine=spine * _degeneration_factor(life.patient.age + t, p),
        bmd_hip=_mix(p.hip_trabecular, dense_t, dense_c),
        bmd_neck=_mix(p.neck_trabecular, dense_t, dense_c),
        bmd_body=_mix(p.body_trabecular, dense_t, dense_c),
    )


def _degeneration_factor(age: Scalar, p: Parameters) -> Scalar:
    """Factor by which osteophytes and calcified vessels raise spine DXA at `age`."""
    width = c.DEGENERATION_WIDTH.value
    return jnp.exp(p.spine_degeneration * width * jax.nn.softplus((age - c.DEGENERATION_ONSET.value) / width))


def _mix(share: Scalar, trabecular: Scalar, cortical: Scalar) -> Scalar:
    return share * trabecular + (1.0 - share) * cortical
