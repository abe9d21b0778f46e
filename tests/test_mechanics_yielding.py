"""Yield of a bilinear tissue: exact on a uniform block, ordered on bone."""

import numpy as np
import pytest

from trabfem.errors import UserError
from trabfem.mechanics import loads, strength, yielding
from trabfem.mechanics.solve import solve

SPACING = (0.05, 0.04, 0.03)
BLOCK = np.full((3, 4, 6), 2000.0)
TISSUE = yielding.Tissue(tension=0.005, compression=0.008, hardening=0.05)


@pytest.mark.parametrize("compressive", [True, False])
def test_a_uniform_block_follows_the_tissue(compressive):
    """sigma = E (e_y + p (e - e_y)) meets E (e - 0.002) at e_y + 0.002 / (1 - p)."""
    curve = yielding.strength(BLOCK, SPACING, loads.uniaxial, tissue=TISSUE, compressive=compressive)
    first, sign = (TISSUE.compression, -1) if compressive else (TISSUE.tension, 1)
    strain = first + yielding.OFFSET / (1 - TISSUE.hardening)
    stress = 2000 * (first + TISSUE.hardening * (strain - first))
    area = 3 * 0.05 * 4 * 0.04
    assert curve.converged
    assert curve.failure_strain == pytest.approx(sign * strain, rel=2e-3)
    assert curve.failure_load == pytest.approx(sign * stress * area, rel=2e-3)
    assert curve.yielded[-1] == 1
    assert curve.damage.max() == pytest.approx(1 - TISSUE.secant(abs(curve.strain[-1:]) / first)[0], rel=1e-3)


def test_stiffness_once_lost_does_not_come_back():
    ratio = np.array([0.5, 1.0, 2.0, 4.0])
    assert TISSUE.secant(ratio) == pytest.approx([1, 1, 1.05 / 2, 1.15 / 4])


def test_a_notched_block_yields_earlier_and_near_the_notch():
    notched = np.full((6, 6, 6), 2000.0)
    notched[:3, :, 3] = 0
    whole = yielding.strength(np.full((6, 6, 6), 2000.0), SPACING, loads.platens)
    curve = yielding.strength(notched, SPACING, loads.platens)
    assert abs(curve.failure_load) < 0.75 * abs(whole.failure_load)
    assert abs(curve.failure_strain) < 0.98 * abs(whole.failure_strain)
    elastic = solve(notched, SPACING, loads.platens(-0.01))
    assert strength.pistoia(elastic).failure_load < 0
    damage = np.where(notched > 0, curve.damage, np.nan)
    layer = np.nanmean(damage, (0, 1))
    assert layer[3] == layer.max() > 2 * max(layer[0], layer[5])
    assert np.nanargmax(np.nanmax(damage, (0, 1))) == 3


def test_no_yield_within_the_range_is_one_clear_sentence():
    with pytest.raises(UserError, match="larger strain"):
        yielding.strength(BLOCK, SPACING, loads.uniaxial, tissue=TISSUE, largest=0.003)
