"""Oestradiol and testosterone over age, with and without gonads and drugs.

Women: E2 = (E_pre − E_post)·o + E_p(age)·m_p + a·(T − T̄), o = 1/(1 + exp((age − a_m)/w)) for a natural menopause, a
step for a surgical one; E_p is made by fat from adrenal androgens and declines with age. Men: E2 = m·(E_a + a·T),
with T made by the testis under LH, and LH under negative feedback of E2 and T. Only hormone not bound by SHBG acts on
bone.
All functions take and return scalars (pg/mL, ng/dL, years).
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp

from trabfem import constants as c
from trabfem.biology.patient import Patient
from trabfem.biology.scalars import Scalar


class Endocrine(NamedTuple):
    """A patient as numbers: ages in years at month 0 and at menopause, flags as 0 or 1, and the young reference."""

    male: Scalar
    age: Scalar
    menopause_age: Scalar
    surgical: Scalar
    hypogonadal: Scalar


class Axis(NamedTuple):
    """Effects of drugs on the hormones; the defaults mean no drug. E2 in pg/mL, T in ng/dL, the others are factors."""

    estradiol_added: Scalar = 0.0
    testosterone_added: Scalar = 0.0
    ovary: Scalar = 1.0
    pituitary: Scalar = 1.0
    pulses: Scalar = 0.0
    aromatase: Scalar = 1.0
    aromatase_women: Scalar = 1.0
    androgen_receptor: Scalar = 1.0
    reductase: Scalar = 1.0


class Levels(NamedTuple):
    """Circulating totals and the part that acts on bone: E2 in an active cycle, at rest, and share of active time."""

    estradiol: Scalar
    testosterone: Scalar
    bone_estradiol: Scalar
    cycle_estradiol: Scalar
    rest_estradiol: Scalar
    active: Scalar
    free_testosterone: Scalar
    androgen: Scalar
    fsh: Scalar


NO_DRUG = Axis()


def make_endocrine(patient: Patient) -> Endocrine:
    """`patient` as numbers."""
    menopause = c.MENOPAUSE_AGE.value if patient.menopause_age is None else patient.menopause_age
    return Endocrine(
        male=float(not patient.female),
        age=float(patient.age),
        menopause_age=float(menopause),
        surgical=float(patient.hormonal_status == "surgical_menopause"),
        hypogonadal=float(patient.hormonal_status == "hypogonadal"),
    )


def ovarian_output(patient: Endocrine, age: Scalar) -> Scalar:
    """Ovarian output at `age` as a fraction of the premenopausal cycle mean."""
    natural = jax.nn.sigmoid((patient.menopause_age - age) / c.E2_DECLINE_WIDTH.value)
    surgical = jnp.where(age < patient.menopause_age, 1.0, 0.0)
    driven = jnp.where(_is_hypogonadal(patient, age), c.OVARY_DRIVE_HYPOGONADAL.value, 1.0)
    return driven * jnp.where(patient.surgical > 0.0, surgical, natural)


def _is_hypogonadal(patient: Endocrine, age: Scalar) -> Scalar:
    """Whether hypogonadism has begun by `age`."""
    return (patient.hypogonadal > 0.0) & (age > patient.age - c.HYPOGONADAL_YEARS.value)


def fsh(patient: Endocrine, age: Scalar, axis: Axis) -> Scalar:
    """FSH, 0 before and about 1 after menopause, slowly falling with age; oestrogen therapy lowers it; 0 in men."""
    natural = jax.nn.sigmoid((age - patient.menopause_age - c.FSH_RISE_CENTRE.value) / c.FSH_RISE_WIDTH.value)
    since = jnp.maximum(age - patient.menopause_age, 0.0)
    surgical = -jnp.expm1(-since / c.FSH_SURGICAL_RISE.value)
    natural = natural * jnp.exp(-c.FSH_DECLINE.value * jnp.maximum(since - c.FSH_PEAK.value, 0.0))
    risen = jnp.where(patient.surgical > 0.0, surgical, natural) * jnp.where(patient.male > 0.0, 0.0, 1.0)
    return risen * axis.pituitary / (1.0 + axis.estradiol_added / c.FSH_HALF_ESTRADIOL.value)


def peripheral_estradiol(age: Scalar) -> Scalar:
    """E2 made outside the ovaries: 7 pg/mL just after menopause, 4.8 at 70."""
    start, late = c.E2_EARLY_AGE.value, c.E2_LATE_AGE.value
    rate = jnp.log(c.E2_POSTMENOPAUSE.value / c.E2_POSTMENOPAUSE_AT_70.value) / (late - start)
    return c.E2_POSTMENOPAUSE.value * jnp.exp(-rate * jnp.maximum(age - start, 0.0))


def usual_testosterone(patient: Endocrine, age: Scalar) -> Scalar:
    """Total T of the patient's sex and age with a working pituitary and no drug."""
    young = c.T_MEN_AT_19.value + (age - 19.0) * (c.T_MEN_AT_40.value - c.T_MEN_AT_19.value) / 21.0
    older = c.T_MEN_AT_40.value + (age - 40.0) * (c.T_MEN_AT_70.value - c.T_MEN_AT_40.value) / 30.0
    return jnp.where(patient.male > 0.0, jnp.where(age < 40.0, young, older), _testosterone_women(patient, age))


def _testosterone_women(patient: Endocrine, age: Scalar) -> Scalar:
    """Total T of a woman; the ovary makes part of it, also after a natural menopause."""
    after = jnp.where(patient.surgical > 0.0, c.T_WOMEN_OOPHORECTOMY.value, c.T_WOMEN_POSTMENOPAUSE.value)
    return after + (c.T_WOMEN_PREMENOPAUSE.value - after) * ovarian_output(patient, age)


def _years_past_thirty(age: Scalar) -> Scalar:
    return jnp.maximum(age - c.REFERENCE_AGE_MEN.value, 0.0)


def free_fraction(patient: Endocrine, age: Scalar) -> Scalar:
    """Share of T not bound by SHBG, relative to a man of 30; 1 in women."""
    past = _years_past_thirty(age)
    # With the power 1.7, the slope is finite at 0, but the second derivative is not.
    fraction = jnp.exp(-c.SHBG_SLOPE.value * past**c.SHBG_POWER.value)
    return jnp.where(patient.male > 0.0, fraction, 1.0)


def men_estradiol(age: Scalar, testosterone: Scalar, aromatase: Scalar) -> Scalar:
    """E2 of a man with total `testosterone`; aromatase grows with age (fat), and makes E2 of adrenal androgens too."""
    grown = 1.0 + c.AROMATASE_AGE_SLOPE.value * _years_past_thirty(age)
    return aromatase * (c.E2_ADRENAL_MEN.value + c.AROMATISATION.value * grown * testosterone)


def levels(patient: Endocrine, age: Scalar, output: Scalar, axis: Axis) -> Levels:
    """Hormones when the gonads make `output` times their usual T at that age, under the drugs in `axis`."""
    usual = usual_testosterone(patient, age)
    # A GnRH agonist suppresses the ovary, which makes about a third of a woman's T.
    ovarian_share = jnp.where(patient.male > 0.0, 0.0, 1.0 / 3.0) * ovarian_output(patient, age)
    testosterone = usual * output * (1.0 - ovarian_share * (1.0 - axis.ovary)) + axis.testosterone_added
    active = jnp.where(patient.male > 0.0, 1.0, ovarian_output(patient, age))
    cycle = (c.E2_PREMENOPAUSE.value - c.E2_POSTMENOPAUSE.value) * axis.ovary
    extra = c.AROMATISATION.value * (testosterone - usual)
    fat = jnp.maximum(axis.aromatase_women * (peripheral_estradiol(age) + extra), c.E2_LOWEST.value)
    men = men_estradiol(age, testosterone, axis.aromatase)
    rest = jnp.where(patient.male > 0.0, men, fat) + axis.estradiol_added
    cycle = rest + jnp.where(patient.male > 0.0, 0.0, cycle)
    estradiol = active * cycle + (1.0 - active) * rest
    free = free_fraction(patient, age)
    seen = free**c.SHBG_E2_AFFINITY.value
    converted = (1.0 - c.DHT_SHARE.value) + c.DHT_SHARE.value * axis.reductase
    free_t = testosterone * free
    signal = free_t * converted * axis.androgen_receptor
    return Levels(
        estradiol=estradiol,
        testosterone=testosterone,
        bone_estradiol=estradiol * seen,
        cycle_estradiol=cycle * seen,
        rest_estradiol=rest * seen,
        active=active,
        free_testosterone=free_t,
        androgen=signal,
        fsh=fsh(patient, age, axis),
    )


def gonadal_drive(patient: Endocrine, age: Scalar, hormones: Levels, axis: Axis) -> Scalar:
    """Relative T output that the gonads approach: LH under feedback by E2, and by T through its receptor.

    φ = 2.5 z/(1.5 + z), z = (Ē/E)³ (T̄/T_seen); 1 without drugs. Women's T does not depend on LH in this model.
    """
    usual = usual_testosterone(patient, age)
    usual_e2 = men_estradiol(age, usual, 1.0)
    seen = hormones.testosterone * axis.androgen_receptor
    seen = seen * ((1.0 - c.DHT_SHARE.value) + c.DHT_SHARE.value * axis.reductase)
    z = (usual_e2 / hormones.estradiol) ** c.LH_GAIN_E2.value
    z = z * (usual / jnp.maximum(seen, 1.0)) ** c.LH_GAIN_T.value
    feedback = c.LH_CEILING.value * z / (c.LH_CEILING.value - 1.0 + z)
    working = jnp.where(_is_hypogonadal(patient, age), c.PITUITARY_HYPOGONADAL.value, 1.0)
    own = working * axis.pituitary * feedback
    driven = own + axis.pulses * axis.pituitary * jnp.maximum(1.0 - own, 0.0)
    return jnp.where(patient.male > 0.0, driven, 1.0)
