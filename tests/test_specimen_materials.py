"""Moduli of voxels: by label, by density and as given; laws and profiles have the figures that were published."""

import dataclasses

import numpy as np
import pytest

from trabfem import constants
from trabfem.errors import UserError
from trabfem.specimen import Specimen, from_mask, tissue_moduli
from trabfem.specimen.materials import (
    DENSITY_LAWS,
    PROFILES,
    DensityLaw,
    assign_moduli,
    choose_tissue,
    convert_density,
    find_law,
    find_profile,
)

SHAPE, EDGES = (3, 4, 5), (0.05, 0.05, 0.05)


def block(**maps: np.ndarray) -> Specimen:
    return dataclasses.replace(from_mask(np.ones(SHAPE, bool), EDGES, "block"), **maps)  # pyright: ignore[reportArgumentType]


def layers(*values: float, kind: type = float) -> np.ndarray:
    """An array whose layers along z have these values."""
    return np.broadcast_to(np.array(values, kind), SHAPE).copy()


def test_one_tissue_in_proportion_to_fill() -> None:
    fill = np.array([0, 5e-4, 2e-3, 0.25, 1], np.float32).reshape(1, 1, 5)
    exact = np.array([0, 0, 10, 1250, 5000]).reshape(1, 1, 5)
    np.testing.assert_allclose(tissue_moduli(fill, 5000), exact, rtol=1e-6)
    np.testing.assert_allclose(tissue_moduli(Specimen(fill, EDGES), 5000), exact, rtol=1e-6)


def test_a_modulus_of_its_own_is_that_of_the_full_voxel() -> None:
    fill = np.ones(SHAPE, np.float32)
    fill[0], fill[1] = 0.5, 0
    bone = Specimen(fill, EDGES, modulus=layers(100, 200, 300, 400, 500))
    found = tissue_moduli(bone, 6829)
    np.testing.assert_array_equal(found[2], layers(100, 200, 300, 400, 500)[2])
    np.testing.assert_array_equal(found[0], layers(50, 100, 150, 200, 250)[0])
    assert not found[1].any()


def test_moduli_by_label() -> None:
    bone = block(labels=layers(1, 1, 7, 7, 2, kind=int))
    found = assign_moduli(bone, by_label={1: 5000, 7: 12000.0, 2: 250})
    np.testing.assert_array_equal(found.modulus, layers(5000, 5000, 12000, 12000, 250))
    assert found.modulus is not None and found.modulus.dtype == np.float32
    assert found.notes[-1] == "Young's modulus in MPa: label 1 5000, label 7 12000, label 2 250."
    rest = assign_moduli(bone, by_label={7: 12000}, youngs=6829)
    np.testing.assert_array_equal(rest.modulus, layers(6829, 6829, 12000, 12000, 6829))
    assert "others 6829" in rest.notes[-1]


def test_only_bone_needs_a_modulus_and_absent_labels_are_said() -> None:
    mask = np.ones(SHAPE, bool)
    mask[:, :, 0] = False
    bone = dataclasses.replace(from_mask(mask, EDGES, "block"), labels=layers(0, 1, 1, 1, 1, kind=int))
    found = assign_moduli(bone, by_label={1: 5000, 9: 10})
    assert found.notes[-1].endswith("No bone here has label 9.")
    np.testing.assert_array_equal(tissue_moduli(found, 1.0), layers(0, 5000, 5000, 5000, 5000))


@pytest.mark.parametrize(
    ("maps", "asked", "said"),
    [
        ({}, {"by_label": {1: 5000}}, "the specimen has no labels"),
        ({"labels": layers(1, 1, 2, 2, 3, kind=int)}, {"by_label": {1: 5e3}}, r"label 2 has no modulus .* 1, 2, 3"),
        ({"labels": layers(1, 1, 1, 1, 1, kind=int)}, {"by_label": {1: -5.0}}, "modulus -5 MPa of label 1"),
        ({"labels": layers(1, 1, 1, 1, 1, kind=int)}, {"by_label": {1: np.nan}}, "modulus nan MPa of label 1"),
        ({}, {"law": "morgan-pooled"}, "there is no density in mg HA/cm³"),
        ({"density": layers(1, 2, 3, 4, 5)}, {"law": "morgan"}, "law = morgan: it is not known; .*morgan-vertebra"),
        ({}, {"moduli": layers(1, 2, 3, 4, -5)}, "negative or not finite"),
        ({}, {"moduli": layers(1, 2, 3, 4, np.inf)}, "negative or not finite"),
        ({}, {"moduli": np.ones((3, 4, 4))}, r"shape \(3, 4, 4\), the bone \(3, 4, 5\)"),
        ({}, {}, "exactly one of them, not none"),
        ({}, {"law": "morgan-pooled", "moduli": np.ones(SHAPE)}, "exactly one of them, not law and moduli"),
        ({}, {"moduli": np.ones(SHAPE), "youngs": 5.0}, "youngs = 5: the modulus follows from moduli"),
    ],
)
def test_what_gives_no_moduli_is_refused_in_a_sentence(maps: dict, asked: dict, said: str) -> None:
    with pytest.raises(UserError, match=said) as caught:
        assign_moduli(block(**maps), **asked)
    assert "\n" not in str(caught.value) and "--" not in str(caught.value)


def test_moduli_as_given() -> None:
    given = layers(100, 200, 300, 400, 500)
    found = assign_moduli(block(), moduli=given)
    np.testing.assert_array_equal(found.modulus, given)
    assert "as given: 100 to 500 MPa in bone" in found.notes[-1]


def test_densities_by_their_definitions() -> None:
    """Schileo 2008: 1 g HA/cm³ is 0.956 g/cm³ of ash and 1.593 g/cm³ of wet bone."""
    mineral = np.array([-500.0, 0.0, 1000.0])
    np.testing.assert_allclose(convert_density(mineral, "mineral"), [0, 0, 1])
    np.testing.assert_allclose(convert_density(mineral, "ash"), [0, 0.079, 0.956])
    np.testing.assert_allclose(convert_density(mineral, "apparent"), [0, 0.079 / 0.6, 0.956 / 0.6])


def mineral_of(apparent: float) -> np.ndarray:
    """mg HA/cm³ of trabecular bone of an apparent density in g/cm³, the conversion turned around."""
    return np.array([(0.6 * apparent - 0.079) / 0.877 * 1000])


@pytest.mark.parametrize(
    ("law", "apparent", "modulus"),
    [
        ("morgan-vertebra", 0.18, 344.0),
        ("morgan-tibia", 0.23, 1091.0),
        ("morgan-trochanter", 0.22, 622.0),
        ("morgan-femoral-neck", 0.54, 3230.0),
    ],
)
def test_laws_pass_near_the_means_of_their_sites(law: str, apparent: float, modulus: float) -> None:
    """Mean density and modulus of the sites, Morgan & Keaveny 2001 J Biomech 34:569 (recalled). The mean of a convex
    law lies above the law at the mean."""
    found = DENSITY_LAWS[law].modulus(mineral_of(apparent)).item()
    assert 0.8 * modulus < found < modulus


def test_laws_at_one_gram() -> None:
    exact = {
        "morgan-vertebra": 4730, "morgan-tibia": 15520, "morgan-trochanter": 15010, "morgan-femoral-neck": 6850,
        "morgan-pooled": 8920,
    }  # fmt: skip
    for name, value in exact.items():
        law = DENSITY_LAWS[name]
        assert law.modulus(mineral_of(1.0)).item() == pytest.approx(value)
        assert law.modulus(mineral_of(0.5)).item() == pytest.approx(value * 0.5**law.b)
        assert "Morgan 2003" in str(law) and "apparent density in g/cm3" in str(law)
    keller = DENSITY_LAWS["keller-pooled"]
    assert keller.modulus(np.array([(0.5 - 0.079) / 0.877 * 1000])).item() == pytest.approx(10500 * 0.5**2.29)


def test_a_law_of_ones_own_in_other_units() -> None:
    law = DensityLaw("own", 2.0, 1.5, "mineral", "this test", density_unit="mg/cm3", modulus_unit="GPa")
    assert law.modulus(np.array([400.0])).item() == pytest.approx(2e3 * 400**1.5)
    assert find_law(law) is law
    bone = block(density=layers(100, 200, 300, 400, 400))
    found = assign_moduli(bone, law=law)
    assert found.modulus is not None
    np.testing.assert_allclose(found.modulus, law.modulus(layers(100, 200, 300, 400, 400)), rtol=1e-6)
    assert "Young's modulus by own: E = 2 rho^1.5 (GPa, mineral density in mg/cm3; this test)" in found.notes[-1]


def test_partly_filled_voxels_are_said_to_have_their_share() -> None:
    fill = np.ones(SHAPE, np.float32)
    fill[0, 0, 0] = 0.5
    bone = Specimen(fill, EDGES, density=layers(600, 600, 600, 600, 600))
    assert "1 partly filled voxels have their share" in assign_moduli(bone, law="morgan-pooled").notes[-1]


@pytest.mark.parametrize(("name", "youngs"), [("xtremect1", 6829), ("xtremect2", 8748)])
def test_profiles_keep_tissue_and_criterion_together(name: str, youngs: float) -> None:
    profile = PROFILES[name]
    assert (profile.youngs, profile.poisson) == (youngs, 0.3)
    assert (profile.pistoia_volume, profile.pistoia_strain) == (0.02, 0.007)
    assert "Pistoia 2002" in profile.source and "Bone" in profile.source
    assert find_profile(name) is profile is find_profile(profile)
    assert choose_tissue(name, None, None) == (youngs, 0.3)
    for key in ("youngs", "poisson", "critical_volume", "critical_strain"):
        with pytest.raises(UserError, match=f"profile = {name}: .*leave out {key} 0.25, or the profile"):
            find_profile(name, **{key: 0.25})
    with pytest.raises(UserError, match="profile = xct: it is not known; choose one of xtremect1, xtremect2"):
        find_profile("xct")


def test_without_a_profile_each_number_has_its_default() -> None:
    assert find_profile(None, youngs=5.0) is None
    assert choose_tissue(None, None, None) == (constants.TISSUE_MODULUS.value, 0.3)
    assert choose_tissue(None, 5000.0, 0.2) == (5000.0, 0.2)
