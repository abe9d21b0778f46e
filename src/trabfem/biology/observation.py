"""What a clinic, or the voxels, would see of the cells at one time."""

from typing import NamedTuple

import jax
import jax.numpy as jnp

from trabfem import constants as c
from trabfem.biology import cells
from trabfem.biology.parameters import Parameters
from trabfem.biology.pharmacology import exposures
from trabfem.biology.scalars import Scalar


class Observed(NamedTuple):
    """What is read off a state; see `trabfem.biology.course.Course`."""

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
    """What a clinic would see at time `t`."""
    p = life.parameters
    instant = 1e-6
    now = cells.algebra(t, state, life, exposures(t - instant, t, life.doses))
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
