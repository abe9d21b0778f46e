from typing import cast

import numpy as np
import pytest
from scipy import ndimage

from trabfem.errors import UserError
from trabfem.specimen import keep_load_path, readers
from trabfem.specimen.morphometry import mil_ellipsoid, morphometry
from trabfem.specimen.synthetic import SITES, generate


@pytest.fixture(scope="module")
def vertebra():
    return generate("vertebra", seed=5, size=48, spacing=0.035)


def test_same_seed_same_bone_and_another_seed_another():
    first, again, other = (generate("femoral-head", seed=s, size=24, spacing=0.05) for s in (1, 1, 2))
    np.testing.assert_array_equal(again.fill, first.fill)
    assert np.count_nonzero(other.mask != first.mask) > first.mask.sum() / 2


def test_indices_are_near_the_site(vertebra):
    # Two pores a side are few: the wide bounds are for their chance, the blocks of 96 voxels below meet narrow ones.
    site, got = SITES["vertebra"], morphometry(vertebra)
    assert got["BV/TV"] == pytest.approx(site.bvtv, rel=0.03)
    assert got["Tb.Th"] == pytest.approx(site.thickness, rel=0.05)
    assert got["Tb.Sp"] == pytest.approx(site.separation, rel=0.08)
    assert got["DA"] == pytest.approx(site.anisotropy, rel=0.1)
    _, axes = mil_ellipsoid(vertebra.fill, vertebra.spacing)
    assert abs(axes[2, 0]) > 0.9, "the longest intercept runs along the load axis"


def test_bone_is_one_piece_on_the_load_path_with_a_smooth_surface(vertebra):
    assert keep_load_path(vertebra).notes == vertebra.notes
    _, pieces = cast(tuple[np.ndarray, int], ndimage.label(vertebra.mask))
    assert pieces == 1
    partial = (vertebra.fill > 0) & (vertebra.fill < 1)
    surface = vertebra.mask & ~np.asarray(ndimage.binary_erosion(vertebra.mask, border_value=1), bool)
    assert partial.sum() > surface.sum(), "the surface is anti-aliased"
    ends = [vertebra.mask[:, :, k].mean() for k in (0, -1)]
    assert min(ends) > 0.04


def test_notes_say_what_was_reached(vertebra):
    assert "seed 5" in vertebra.notes[0] and "Tb.Sp" in vertebra.notes[0]


def test_sides_may_differ():
    specimen = generate("femoral-head", seed=1, size=(32, 24, 40), spacing=0.05)
    assert specimen.shape == (32, 24, 40)
    assert specimen.bvtv == pytest.approx(SITES["femoral-head"].bvtv, rel=0.03)


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (("moon", 1, 64), "vertebra"),
        (("vertebra", 1, 4), "at least 24"),
        (("vertebra", 1, (64, 64)), "at least 24"),
        (("vertebra", 1, 24, 0.03), "narrower than a pore"),
        (("vertebra", 1, 64, 35.0), "micrometres"),
    ],
)
def test_bad_arguments_are_refused(arguments, word):
    with pytest.raises(UserError, match=word):
        generate(*arguments)


@pytest.mark.parametrize("name", ["vertebra_64", "vertebra_96"])
def test_shipped_specimens_have_the_indices_their_readme_states(name):
    specimen, site = readers.read(name), SITES["vertebra"]
    got = morphometry(specimen)
    assert min(specimen.shape) >= 64
    assert got["BV/TV"] == pytest.approx(site.bvtv, rel=0.01)
    assert got["Tb.Th"] == pytest.approx(site.thickness, rel=0.03)
    assert got["Tb.Sp"] == pytest.approx(site.separation, rel=0.03)
    assert got["DA"] == pytest.approx(site.anisotropy, rel=0.03)
    assert got["Tb.Th"] / specimen.spacing[0] >= 4
    assert keep_load_path(specimen) is specimen


@pytest.mark.slow
def test_shipped_specimen_is_what_its_command_makes():
    shipped = readers.read("vertebra_64")
    made = generate("vertebra", seed=2, size=64)
    assert made.spacing == shipped.spacing
    # Not to the bit on every processor: the fit ends in a comparison of rounded numbers.
    assert np.abs(made.fill - shipped.fill).mean() < 1e-3


@pytest.mark.slow
@pytest.mark.parametrize("site", list(SITES))
def test_every_site_is_met_by_a_block_of_some_pores(site):
    target, got = SITES[site], morphometry(generate(site, seed=3, size=96))
    assert got["BV/TV"] == pytest.approx(target.bvtv, rel=0.02)
    assert got["Tb.Th"] == pytest.approx(target.thickness, rel=0.03)
    assert got["Tb.Sp"] == pytest.approx(target.separation, rel=0.05)
    assert got["DA"] == pytest.approx(target.anisotropy, rel=0.05)
