"""Mineral by tissue age, and the rules to compare with."""

import jax.numpy as jnp
import numpy as np
import pytest

from trabfem.biology.parameters import shipped_parameters
from trabfem.remodelling import mineral
from trabfem.remodelling.programs import compile_in_double
from trabfem.remodelling.rules import BinaryFlips, GreyAdvection

SLOW = mineral.Kinetics(rate=0.4 / 365.25, deficit=0.25)


density = compile_in_double("kinetics")(mineral.density)


def full(value: float) -> np.ndarray:
    return np.full((2, 2, 2), value, np.float32)


def test_young_share_decays_and_new_bone_is_young() -> None:
    later = mineral.age_tissue(full(0.4), full(1.0), full(1.0), 365.25, SLOW)
    assert later == pytest.approx(0.4 * np.exp(-0.4))
    grown = mineral.age_tissue(full(0.0), full(0.5), full(1.0), 0.0, SLOW)
    assert grown == pytest.approx(0.5)
    assert mineral.age_tissue(full(0.3), full(1.0), full(0.5), 0.0, SLOW) == pytest.approx(0.3)
    assert (mineral.age_tissue(full(0.3), full(1.0), full(0.0), 10.0, SLOW) == 0).all()


def test_tissue_of_one_age_is_as_old_as_the_time_since_it_was_formed() -> None:
    young = mineral.age_tissue(full(1.0), full(1.0), full(1.0), 3 * 365.25, SLOW)
    assert mineral.tissue_age(young, full(0.2), SLOW) == pytest.approx(3.0, rel=1e-5)
    assert (mineral.tissue_age(young, full(0.0), SLOW) == 0).all()
    assert mineral.tissue_age(full(0.0), full(1.0), SLOW) == pytest.approx(mineral.OLDEST)


def test_steady_turnover_keeps_the_usual_share() -> None:
    """A part 1/1000 of the bone replaced each day, for years: the share settles at turnover / (turnover + k)."""
    turnover = 1e-3
    young = full(0.0)
    for _ in range(400):
        kept = full(1.0 - 10 * turnover)
        young = mineral.age_tissue(mineral.age_tissue(young, full(1.0), kept, 0.0, SLOW), kept, full(1.0), 10.0, SLOW)
    assert young.mean() == pytest.approx(mineral.usual_young(turnover, SLOW), rel=0.02)


def test_kinetics_are_those_of_the_cell_model_by_the_day() -> None:
    found, fitted = mineral.kinetics_of_cell_model(), shipped_parameters()
    assert found.rate * 365.25 == pytest.approx(float(fitted.mineral_rate))
    assert found.deficit == pytest.approx(float(fitted.mineral_deficit))


def test_less_turnover_is_denser_and_stiffer_bone() -> None:
    start = mineral.usual_young(0.2 / 365.25, SLOW)
    older = mineral.age_tissue(full(start), full(1.0), full(1.0), 3 * 365.25, SLOW)
    gain = float(density(full(1.0), older, start, SLOW)) - 1
    assert 0.02 < gain < 0.09
    assert mineral.modulus_ratio(older, start, SLOW).mean() == pytest.approx((1 + gain) ** 2.74, rel=1e-4)
    assert density(full(0.2), full(start), start, SLOW) == pytest.approx(0.2)


def plate() -> np.ndarray:
    fill = np.zeros((12, 12, 12), np.float32)
    fill[4:8] = 1.0
    return fill


def test_binary_flips_take_and_add_the_asked_volume() -> None:
    rule = BinaryFlips(0.02, 0.012, 0.5, 1)
    ratio = np.ones((12, 12, 12), np.float32)
    ratio[:6], ratio[6:] = 0.0, 3.0
    new = rule.advance(plate(), jnp.asarray(ratio), 0.0, 0.5)
    lost, come = (plate() > new), (new > plate())
    surface = 12 * 10  # voxels of one face between the plates
    assert lost.sum() == round(surface * 0.5 * 0.012 / 0.02 * 0.5)
    assert come.sum() == round(surface * 0.5 * 0.012 / 0.02 * 1.0)
    assert lost[4].sum() == lost.sum() and come[8].sum() == come.sum()
    assert set(np.unique(new)) == {0.0, 1.0}


def test_grey_advection_moves_bone_and_smears_it() -> None:
    """A front that has found its shape travels at the velocity, within a tenth; the box's border is no front."""
    rule = GreyAdvection(0.02, 0.012, 0.5, 1)
    start = np.zeros((32, 12, 12), np.float32)
    start[4:28] = 1.0
    early, late = start, start
    for day in range(12):
        late = rule.advance(late, jnp.ones(start.shape), -0.012, 1.0)
        early = late if day == 8 else early
    moved = (early - late).sum() * rule.h / (2 * 12 * 10)
    assert moved == pytest.approx(3 * 0.012, rel=0.15)
    assert np.ptp(late[:, :, 5], axis=1).max() < 1e-5
    assert ((late > 0.01) & (late < 0.99)).sum(axis=0)[5, 5] >= 8
    assert (late[:, :, 0] == start[:, :, 0]).all()
