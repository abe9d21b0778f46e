"""The agents, one small class each: its kinetics and its one mechanism. A new agent is a class here and a `Product`.

What is proportional to receptors left free by a blocker of strength (1 − b) at the standard dose is b^dose.
"""

from typing import ClassVar

import jax.numpy as jnp

from trabfem import constants as c
from trabfem.biology import formulary
from trabfem.biology.parameters import Parameters
from trabfem.biology.pharmacology import Agent, Antibody, Signals
from trabfem.biology.scalars import Scalar

YEAR = c.DAYS_PER_YEAR.value


class Estrogen(Agent):
    """Adds E2 equivalents to the blood: 35 pg/mL at the standard dose, in proportion."""

    name: ClassVar[str] = "estrogen"
    rate: ClassVar[float] = c.ORAL_RATE.value
    rise: ClassVar[float] = c.E2_PER_ESTROGEN.value

    def act(self, signals: Signals, exposure: Scalar, parameters: Parameters) -> Signals:
        """E2 added."""
        axis = signals.axis
        return signals._replace(axis=axis._replace(estradiol_added=axis.estradiol_added + self.rise * exposure))


class EstrogenLow(Estrogen):
    """The ultra-low-dose patch (14 µg/d): adds 3.8 pg/mL."""

    name: ClassVar[str] = "estrogen_low"
    rise: ClassVar[float] = c.E2_PER_ESTROGEN_LOW.value


class Progestin(Agent):
    """Drives osteoblasts through their own receptor."""

    name: ClassVar[str] = "progestin"
    rate: ClassVar[float] = c.ORAL_RATE.value

    def act(self, signals: Signals, exposure: Scalar, parameters: Parameters) -> Signals:
        """Progestin signal at the osteoblast, saturating above the standard dose."""
        return signals._replace(progestin=2.0 * exposure / (1.0 + exposure))


class Testosterone(Agent):
    """Adds T to the blood; androgen receptor, aromatisation and LH follow from the level."""

    name: ClassVar[str] = "testosterone"
    rate: ClassVar[float] = c.ORAL_RATE.value
    rise: ClassVar[float] = c.TESTOSTERONE_GEL_T.value

    def act(self, signals: Signals, exposure: Scalar, parameters: Parameters) -> Signals:
        """T added."""
        axis = signals.axis
        return signals._replace(axis=axis._replace(testosterone_added=axis.testosterone_added + self.rise * exposure))


class TestosteroneFemaleLowdose(Testosterone):
    """The 300 µg/d patch for women: 40 ng/dL."""

    name: ClassVar[str] = "testosterone_female_lowdose"
    rise: ClassVar[float] = c.T_PER_FEMALE_DOSE.value


class Anastrozole(Agent):
    """Blocks aromatase: nearly all of it in fat, part of what the testis and a working ovary do."""

    name: ClassVar[str] = "anastrozole"
    rate: ClassVar[float] = c.ORAL_RATE.value

    def act(self, signals: Signals, exposure: Scalar, parameters: Parameters) -> Signals:
        """Aromatase left in men, in women's fat, and in the ovary."""
        axis = signals.axis
        return signals._replace(
            axis=axis._replace(
                aromatase=axis.aromatase * c.ANASTROZOLE_LEFT_MEN.value**exposure,
                aromatase_women=axis.aromatase_women * c.ANASTROZOLE_LEFT_WOMEN.value**exposure,
                ovary=axis.ovary * c.ANASTROZOLE_LEFT_OVARY.value**exposure,
            )
        )


class Gonadorelin(Agent):
    """Pulses of GnRH: LH, and so the testis, driven whatever the hypothalamus does."""

    name: ClassVar[str] = "gonadorelin"
    rate: ClassVar[float] = c.PEPTIDE_RATE.value

    def act(self, signals: Signals, exposure: Scalar, parameters: Parameters) -> Signals:
        """Part of the missing drive that the pulses supply."""
        supplied = -jnp.expm1(exposure * jnp.log1p(-c.GONADORELIN_DRIVE.value))
        return signals._replace(axis=signals.axis._replace(pulses=supplied))


class GnrhAgonist(Agent):
    """Desensitises the pituitary: testis and ovary fall silent; pulses of gonadorelin no longer help."""

    name: ClassVar[str] = "gnrh_agonist"
    rate: ClassVar[float] = c.DEPOT_RATE.value

    def act(self, signals: Signals, exposure: Scalar, parameters: Parameters) -> Signals:
        """Pituitary and ovarian drive left."""
        left = c.GNRH_AGONIST_LEFT.value**exposure
        axis = signals.axis
        return signals._replace(axis=axis._replace(pituitary=axis.pituitary * left, ovary=axis.ovary * left))


class Flutamide(Agent):
    """Androgen-receptor antagonist: bone and pituitary see less androgen, T and E2 rise."""

    name: ClassVar[str] = "flutamide"
    rate: ClassVar[float] = c.ORAL_RATE.value

    def act(self, signals: Signals, exposure: Scalar, parameters: Parameters) -> Signals:
        """Receptor signal left."""
        axis = signals.axis
        return signals._replace(
            axis=axis._replace(androgen_receptor=axis.androgen_receptor * c.FLUTAMIDE_LEFT.value**exposure)
        )


class Finasteride(Agent):
    """Blocks 5α-reductase: the part of the androgen signal that goes through DHT."""

    name: ClassVar[str] = "finasteride"
    rate: ClassVar[float] = c.ORAL_RATE.value

    def act(self, signals: Signals, exposure: Scalar, parameters: Parameters) -> Signals:
        """Reductase left."""
        axis = signals.axis
        return signals._replace(axis=axis._replace(reductase=axis.reductase * c.FINASTERIDE_LEFT.value**exposure))


class Raloxifene(Agent):
    """Partial agonist at the oestrogen receptor; competes with E2 (so it opposes a premenopausal level)."""

    name: ClassVar[str] = "raloxifene"
    rate: ClassVar[float] = c.ORAL_RATE.value

    def act(self, signals: Signals, exposure: Scalar, parameters: Parameters) -> Signals:
        """Concentration over its half-occupancy."""
        return signals._replace(serm=c.RALOXIFENE_OCCUPANCY.value * exposure)


class Alendronate(Agent):
    """Taken up by mineral every day."""

    name: ClassVar[str] = "alendronate"
    rate: ClassVar[float] = c.ORAL_RATE.value

    def act(self, signals: Signals, exposure: Scalar, parameters: Parameters) -> Signals:
        """Uptake by the bone surface (units of its half-effect per year)."""
        potency = parameters.alendronate_uptake
        return signals._replace(mineral_uptake=signals.mineral_uptake + potency * exposure)


class AlendronateLow(Alendronate):
    """Half the daily dose."""

    name: ClassVar[str] = "alendronate_low"

    def act(self, signals: Signals, exposure: Scalar, parameters: Parameters) -> Signals:
        """Uptake in proportion to the dose."""
        share = formulary.BY_NAME["alendronate_low"].dose / formulary.BY_NAME["alendronate"].dose
        return super().act(signals, share * exposure, parameters)


class Zoledronate(Agent):
    """Taken up by mineral within days of an infusion."""

    name: ClassVar[str] = "zoledronate"
    rate: ClassVar[float] = c.ZOLEDRONATE_BINDING.value * YEAR

    def act(self, signals: Signals, exposure: Scalar, parameters: Parameters) -> Signals:
        """Uptake: `exposure` is doses per year."""
        potency = parameters.zoledronate_uptake
        return signals._replace(mineral_uptake=signals.mineral_uptake + potency * exposure)


class Teriparatide(Agent):
    """Daily pulses of PTH: activation of remodelling and osteoblast output."""

    name: ClassVar[str] = "teriparatide"
    rate: ClassVar[float] = c.PEPTIDE_RATE.value

    def act(self, signals: Signals, exposure: Scalar, parameters: Parameters) -> Signals:
        """PTH signal, 1 at the standard dose."""
        half = c.PTH_HALF_DOSE.value
        return signals._replace(pth=(1.0 + half) * exposure / (half + exposure))


class Denosumab(Antibody):
    """Binds RANKL; linear and saturable elimination (target-mediated)."""

    name: ClassVar[str] = "denosumab"
    rate: ClassVar[float] = c.DENOSUMAB_ABSORPTION.value * YEAR
    peak: ClassVar[float] = c.DENOSUMAB_PEAK.value

    def clearance(self, concentration: Scalar, parameters: Parameters) -> Scalar:
        """k_el + V_max/(K_m + x)."""
        saturable = parameters.denosumab_vmax / (c.DENOSUMAB_KM.value + concentration)
        return YEAR * (c.DENOSUMAB_ELIMINATION.value + saturable)

    def act(self, signals: Signals, exposure: Scalar, parameters: Parameters) -> Signals:
        """RANKL bound over RANKL free."""
        return signals._replace(ligand_bound=exposure / parameters.denosumab_half)


class Romosozumab(Antibody):
    """Binds sclerostin; linear elimination."""

    name: ClassVar[str] = "romosozumab"
    rate: ClassVar[float] = c.ROMOSOZUMAB_ABSORPTION.value * YEAR
    peak: ClassVar[float] = c.ROMOSOZUMAB_PEAK.value

    def clearance(self, concentration: Scalar, parameters: Parameters) -> Scalar:
        """A constant rate."""
        return jnp.full_like(concentration, YEAR * c.ROMOSOZUMAB_ELIMINATION.value)

    def act(self, signals: Signals, exposure: Scalar, parameters: Parameters) -> Signals:
        """Sclerostin bound over sclerostin free."""
        return signals._replace(sclerostin_bound=exposure / parameters.romosozumab_half)


AGENTS: dict[str, Agent] = {
    agent.name: agent
    for agent in (
        Estrogen(),
        EstrogenLow(),
        Progestin(),
        Testosterone(),
        TestosteroneFemaleLowdose(),
        Anastrozole(),
        Gonadorelin(),
        Raloxifene(),
        Alendronate(),
        AlendronateLow(),
        Zoledronate(),
        Denosumab(),
        Romosozumab(),
        Teriparatide(),
        GnrhAgonist(),
        Flutamide(),
        Finasteride(),
    )
}
ORDERED = tuple(AGENTS[name] for name in formulary.NAMES)
DENOSUMAB, ROMOSOZUMAB = Denosumab(), Romosozumab()
RATES = tuple(agent.rate for agent in ORDERED)
