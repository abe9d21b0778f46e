"""Bone cells under hormones and drugs: the rates of the model. Time in years; states are 1 in youth.

    S = (E/E50 + ε R)/(1 + E/E50 + R)                     oestrogen receptor over time, R raloxifene
    d = 1 − S/S0                                          deficit against youth
    s = (V M)^m / (1 + romo/K)                            free sclerostin: produced by osteocytes, bound by romosozumab
    W = (1 + K_w)/(K_w + s)                               Wnt signal
    N′ = k_N ((W/N)ᶜ − N)                                 antagonists that osteoblasts make under a raised signal
    ρ = e^{k_F FSH} RANKL/OPG = e^{k_F FSH + (k_R + k_O) d} W^{−i}/(1 + dmab/K)
    a = a0 + (1 − a0)(1 + σ) ρʰ/(σ + ρʰ) (1 + k_t R)      activation through RANK; R recruits, R′ = (PTH − R)/τ_R
    P′ = δ + k_d − (δ + k_d a) P                          precursors: accumulate while RANKL is blocked
    C′ = η [a P − C (e^{−k_e d} + k_b A/(1 + A))]         osteoclasts; A bisphosphonate at the surface
    B1′ = (C − B1)/τ1,  B′ = (B1^γ − B)/τ2                coupled osteoblasts
    Q′ = k_r (1 − o)(1 − Q) − k_q o Q,  L′ = (w o Q − L)/τ_L   lining cells, activated by bound sclerostin (o)
    f = (1 − μ) B e^{−k_o d} ω(age) (1 + …) (W/N)^g + μ ω (W/N)^g + L + …       r = C
    V′ = κ V (f − r),  Y′ = κ V f − (k_m + κ r) Y,  κ ∝ V^−½ in trabecular bone
     M = (1 − m Y/V)/(1 − m Y0/V0)     volume, young bone, mineral
    H′ = k_H (h PTH C − H)                                pores due to PTH in cortex; cortical mass is V/(1 + H)
    A′ = uptake + x k_r r D − (k_b f + k_l) A,  D′ = k_b f A − k_r r D        bisphosphonate: surface and buried

Structure after Lemaire 2004 J Theor Biol 229:293, Peterson & Riggs 2010 Bone 46:49, Martinez-Reina & Pivonka 2019, Jörg
2022 eLife 76228; precursors that return after anti-RANKL like osteomorphs, McDonald 2021 Cell 184:1330.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array

from trabfem import constants as c
from trabfem.biology.agents import Formulary, Signals
from trabfem.biology.hormones import NO_DRUG, Axis, Endocrine, Levels, gonadal_drive, levels
from trabfem.biology.parameters import Parameters
from trabfem.biology.pharmacology import Doses
from trabfem.biology.scalars import Scalar


class Life(NamedTuple):
    """Everything that one integration needs: patient, doses, parameters, and the age (years) at its start."""

    patient: Endocrine
    doses: Doses
    parameters: Parameters
    begins: Scalar

    @property
    def formulary(self) -> Formulary:
        """The agents that doses refer to."""
        return self.doses.formulary


class State(NamedTuple):
    """The integrated states, relative to youth; drugs: `antibodies` by name, bisphosphonate in half-effects."""

    gonads: Scalar
    precursors: Scalar
    osteoclasts: Scalar
    reversal: Scalar
    osteoblasts: Scalar
    lining: Scalar
    modelling: Scalar
    antagonists: Scalar
    trabecular: Scalar
    trabecular_young: Scalar
    cortical: Scalar
    cortical_young: Scalar
    pores: Scalar
    recruits: Scalar
    antibodies: dict[str, Scalar]
    bisphosphonate: Scalar
    bisphosphonate_buried: Scalar


class Algebra(NamedTuple):
    """Quantities that follow algebraically from state, hormones and drugs at one time."""

    hormones: Levels
    axis: Axis
    rankl: Scalar
    opg: Scalar
    sclerostin: Scalar
    activation: Scalar
    removal: Scalar
    heard: Scalar
    pth: Scalar
    modelling_call: Scalar
    refill: Scalar
    refill_cortical: Scalar
    basal: Scalar
    called_formation: Scalar
    called_cortical: Scalar
    uptake: Scalar


def turnover(life: Life) -> tuple[Scalar, Scalar]:
    """Turnover of trabecular and cortical bone in youth (1/year), for the patient's sex."""
    of_sex = jnp.where(life.patient.male > 0.0, c.TURNOVER_MEN.value, 1.0)
    return of_sex * life.parameters.turnover_trabecular, of_sex * life.parameters.turnover_cortical


def balanced_state(life: Life) -> State:
    """The state of the young skeleton, a fixed point under young hormones."""
    one, none, rate = jnp.ones(()), jnp.zeros(()), life.parameters.mineral_rate
    young_t, young_c = (kappa / (kappa + rate) for kappa in turnover(life))
    return State(
        gonads=one,
        precursors=one,
        osteoclasts=one,
        reversal=one,
        osteoblasts=one,
        lining=one,
        modelling=none,
        antagonists=one,
        trabecular=one,
        trabecular_young=one * young_t,
        cortical=one,
        cortical_young=one * young_c,
        pores=none,
        recruits=none,
        antibodies={agent.name: none for agent in life.formulary.antibodies},
        bisphosphonate=none,
        bisphosphonate_buried=none,
    )


def minerals(state: State, life: Life) -> tuple[Scalar, Scalar]:
    """Mean degree of mineralisation of trabecular and cortical bone, relative to youth."""
    deficit, rate = life.parameters.mineral_deficit, life.parameters.mineral_rate
    young = (state.trabecular_young / state.trabecular, state.cortical_young / state.cortical)
    usual = (kappa / (kappa + rate) for kappa in turnover(life))
    trabecular, cortical = (
        (1.0 - deficit * part) / (1.0 - deficit * of) for part, of in zip(young, usual, strict=True)
    )
    return trabecular, cortical


def receptor(estradiol: Scalar, serm: Scalar, p: Parameters) -> Scalar:
    """Signal of the oestrogen receptor, 0 to 1, under competition by a partial agonist."""
    occupied = estradiol / p.e2_half
    return (occupied + p.serm_efficacy * serm) / (1.0 + occupied + serm)


def oestrogen_signal(seen: Levels, serm: Scalar, p: Parameters) -> Scalar:
    """The receptor's signal averaged over active cycles and rest.

    Near menopause, the ovary is either active or at rest, and the share of time with an active cycle falls. As the
    receptor saturates, the mean of its signal is smaller than its signal at the mean level.
    """
    resting = receptor(seen.rest_estradiol, serm, p)
    return resting + seen.active * (receptor(seen.cycle_estradiol, serm, p) - resting)


def collect_signals(dosing: Array, state: State, life: Life) -> Signals:
    """The combined effects of all agents: antibodies from the state, other agents by their exposure in `dosing`."""
    signals = Signals()
    for number, agent in enumerate(life.formulary):
        signals = agent.act(signals, state.antibodies.get(agent.name, dosing[number]), life.parameters)
    return signals


def young_signals(life: Life) -> tuple[Scalar, Scalar]:
    """Oestrogen-receptor and androgen-receptor signals at the start of the life, without drugs."""
    healthy = life.patient._replace(hypogonadal=0.0)
    young = levels(healthy, life.begins, 1.0, NO_DRUG)
    return oestrogen_signal(young, 0.0, life.parameters), _androgen_signal(young.androgen)


def _androgen_signal(androgen: Scalar) -> Scalar:
    return androgen / (androgen + c.ANDROGEN_HALF.value)


def algebra(t: Scalar, state: State, life: Life, dosing: Array) -> Algebra:
    """The algebraic quantities of the model at time `t` (years from month 0)."""
    p, age = life.parameters, life.patient.age + t
    signals = collect_signals(dosing, state, life)
    seen = levels(life.patient, age, state.gonads, signals.axis)
    young_receptor, young_androgen = young_signals(life)
    deficit = 1.0 - oestrogen_signal(seen, signals.serm, p) / young_receptor
    mass = state.trabecular * minerals(state, life)[0]
    sclerostin = mass**p.sclerostin_power
    called = signals.sclerostin_bound / (1.0 + signals.sclerostin_bound)
    wnt = (1.0 + p.wnt_half) / (p.wnt_half + sclerostin * (1.0 - called))
    heard = wnt / state.antagonists
    rankl = jnp.exp(p.rankl_gain * deficit)
    opg = jnp.exp(-p.opg_gain * deficit) * wnt**p.wnt_rankl
    # FSH raises RANK on the precursors; it does not change the ligand.
    free = jnp.exp(p.fsh_gain * seen.fsh) * rankl / opg / (1.0 + signals.ligand_bound)
    ligated = free**p.receptor_power
    bound = (1.0 + p.receptor_reserve) * ligated / (p.receptor_reserve + ligated)
    bound = bound * (1.0 + p.pth_activation * state.recruits)
    blocked = state.bisphosphonate / (1.0 + state.bisphosphonate)
    past = c.AGEING_WIDTH.value * jax.nn.softplus((age - c.AGEING_ONSET.value) / c.AGEING_WIDTH.value)
    aged = jnp.exp(-p.ageing * past)
    made = aged * heard**p.wnt_formation
    steroids = 1.0 + p.androgen_gain * (_androgen_signal(seen.androgen) - young_androgen)
    steroids = steroids * (1.0 + p.progestin_gain * signals.progestin) * jnp.exp(-p.osteoblast_gain * deficit)
    anabolic = p.pth_formation * signals.pth
    by_pth = c.MODELLING_BY_PTH.value * anabolic * made
    per_unit = made * steroids * state.osteoblasts / state.reversal
    return Algebra(
        hormones=seen,
        axis=signals.axis,
        rankl=rankl,
        opg=opg,
        sclerostin=sclerostin,
        activation=p.activation_floor + (1.0 - p.activation_floor) * bound,
        removal=jnp.exp(-p.lifespan_gain * deficit) + p.bisphosphonate_kill * blocked,
        heard=heard,
        pth=signals.pth,
        modelling_call=called,
        refill=per_unit * (1.0 + anabolic),
        refill_cortical=per_unit * (1.0 + p.pth_cortex * anabolic),
        basal=made,
        called_formation=state.modelling + by_pth,
        called_cortical=state.modelling + p.pth_cortex * by_pth,
        uptake=signals.mineral_uptake,
    )


def formation(state: State, now: Algebra, p: Parameters) -> tuple[Scalar, Scalar]:
    """Formation per surface, trabecular and cortical: coupled, basal modelling, and modelling due to drugs."""
    coupled = (1.0 - p.basal_modelling) * state.reversal
    basal = p.basal_modelling * now.basal
    trabecular = coupled * now.refill + basal + now.called_formation
    return trabecular, coupled * now.refill_cortical + basal + now.called_cortical


def rates(t: Scalar, state: State, life: Life, dosing: Array) -> tuple[State, State]:
    """Production and loss of every state at time `t` under `dosing`, both non-negative."""
    p, now = life.parameters, algebra(t, state, life, dosing)
    heading = gonadal_drive(life.patient, life.patient.age + t, now.hormones, now.axis)
    # Gonads and antagonists have feedback on themselves. Adding their value to production and loss moves the slope of
    # the feedback into the linear part, which keeps the long steps of the drug-free past stable.
    hold, leydig = 2.0, c.LEYDIG_RATE.value
    formed_t, formed_c = formation(state, now, p)
    young_kappa, kappa_c = turnover(life)
    kappa_t = young_kappa * state.trabecular**c.SURFACE_POWER.value
    resorbed = state.osteoclasts
    # Lining cells that have formed bone become available again only where sclerostin is free.
    returning = p.lining_return * (1.0 - now.modelling_call)
    bury, freed = p.burial * formed_t, p.release * resorbed
    given, cleared = _antibody_rates(state, life, dosing)
    production = State(
        gonads=leydig * (heading + hold * state.gonads),
        precursors=p.precursor_death + p.precursor_use,
        osteoclasts=p.osteoclast_rate * now.activation * state.precursors,
        reversal=state.osteoclasts / p.coupling_delay,
        osteoblasts=state.reversal**p.coupling_power / p.formation_delay,
        lining=returning,
        modelling=p.lining_output * now.modelling_call * state.lining / c.MODELLING_DELAY.value,
        antagonists=p.antagonist_rate * (now.heard**p.antagonist_power + p.antagonist_power * state.antagonists),
        trabecular=kappa_t * formed_t * state.trabecular,
        trabecular_young=kappa_t * formed_t * state.trabecular,
        cortical=kappa_c * formed_c * state.cortical,
        cortical_young=kappa_c * formed_c * state.cortical,
        pores=c.PORE_CLOSING.value * p.pth_pores * now.pth * state.osteoclasts,
        recruits=now.pth / c.PTH_RECRUITMENT.value,
        antibodies=given,
        bisphosphonate=now.uptake + c.BISPHOSPHONATE_RECYCLED.value * freed * state.bisphosphonate_buried,
        bisphosphonate_buried=bury * state.bisphosphonate,
    )
    loss = State(
        gonads=leydig * (1.0 + hold),
        precursors=p.precursor_death + p.precursor_use * now.activation,
        osteoclasts=p.osteoclast_rate * now.removal,
        reversal=1.0 / p.coupling_delay,
        osteoblasts=1.0 / p.formation_delay,
        lining=returning + p.lining_use * now.modelling_call,
        modelling=1.0 / c.MODELLING_DELAY.value,
        antagonists=p.antagonist_rate * (1.0 + p.antagonist_power),
        trabecular=kappa_t * resorbed,
        trabecular_young=p.mineral_rate + kappa_t * resorbed,
        cortical=kappa_c * resorbed,
        cortical_young=p.mineral_rate + kappa_c * resorbed,
        pores=c.PORE_CLOSING.value,
        recruits=1.0 / c.PTH_RECRUITMENT.value,
        antibodies=cleared,
        bisphosphonate=bury + c.BISPHOSPHONATE_DESORPTION.value,
        bisphosphonate_buried=freed,
    )
    return production, loss


def _antibody_rates(state: State, life: Life, dosing: Array) -> tuple[dict[str, Scalar], dict[str, Scalar]]:
    """Production and loss of every antibody by name."""
    known, level, p = life.formulary, state.antibodies, life.parameters
    given: dict[str, Scalar] = {
        each.name: each.peak.value * dosing[known.number(each.name)] for each in known.antibodies
    }
    return given, {each.name: each.clearance(level[each.name], p) for each in known.antibodies}
