"""Bones of several tissues against what can be worked out by hand: slabs one above the other, side by side, graded."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from trabfem.analysis.homogenize import homogenize
from trabfem.analysis.solve import solve
from trabfem.analysis.strength import CriterionStrength, YieldStrength, strength
from trabfem.cli import main
from trabfem.errors import UserError
from trabfem.mechanics import loads
from trabfem.specimen import Specimen, from_mask
from trabfem.specimen.materials import assign_moduli

SPACING = (0.03, 0.04, 0.05)
SHAPE = (4, 5, 10)
AREA, HEIGHT = 4 * 0.03 * 5 * 0.04, 10 * 0.05
STRAIN = -0.01
SOFT, STIFF = 2000.0, 12000.0


def bar(modulus: np.ndarray) -> Specimen:
    return assign_moduli(from_mask(np.ones(SHAPE, bool), SPACING, "bar"), moduli=np.broadcast_to(modulus, SHAPE))


def by_layer(number_of_soft: int) -> np.ndarray:
    return np.where(np.arange(SHAPE[2]) < number_of_soft, SOFT, STIFF)


@pytest.mark.parametrize("soft", [1, 3, 5])
def test_slabs_in_series(soft: int) -> None:
    """Without lateral strain every slab is in uniaxial stress: compliances add up, F = A e / sum(share / E)."""
    found = solve(bar(by_layer(soft)), loads.uniaxial(STRAIN), poisson=0, rtol=1e-9)
    share = soft / SHAPE[2]
    exact = AREA * STRAIN / (share / SOFT + (1 - share) / STIFF)
    assert found.force == pytest.approx(exact, rel=1e-6)
    stress = found.fields()["stress"][..., 2]
    np.testing.assert_allclose(stress, np.full(SHAPE, exact / AREA), rtol=1e-5)
    assert found.youngs == STIFF


@pytest.mark.parametrize("poisson", [0.0, 0.3])
def test_slabs_in_parallel(poisson: float) -> None:
    """Equal strain side by side, with equal lateral strain at any Poisson's ratio: F = A e mean(E)."""
    modulus = np.where(np.arange(SHAPE[0]) < 1, SOFT, STIFF)[:, None, None]
    found = solve(bar(modulus), loads.uniaxial(STRAIN), poisson=poisson, rtol=1e-9)
    assert found.force == pytest.approx(AREA * STRAIN * (0.25 * SOFT + 0.75 * STIFF), rel=1e-6)
    assert found.apparent_modulus == pytest.approx(0.25 * SOFT + 0.75 * STIFF, rel=1e-6)


def test_a_graded_bar() -> None:
    """E from 2 to 12 GPa along z, the modulus of a voxel that at its middle: F = A e L / integral(dz / E)."""
    middles = (np.arange(SHAPE[2]) + 0.5) / SHAPE[2]
    modulus = SOFT + (STIFF - SOFT) * middles
    found = solve(bar(modulus), loads.uniaxial(STRAIN), poisson=0, rtol=1e-9)
    assert found.force == pytest.approx(AREA * STRAIN / np.mean(1 / modulus), rel=1e-6)
    whole = AREA * STRAIN * (STIFF - SOFT) / np.log(STIFF / SOFT)
    # The middle of a voxel stands for all of it: an error of the second order in its height.
    assert found.force == pytest.approx(whole, rel=0.01)


def test_labels_and_maps_agree() -> None:
    labels = np.broadcast_to(np.where(np.arange(SHAPE[2]) < 4, 3, 8), SHAPE)
    bone = Specimen(np.ones(SHAPE), SPACING, "bar", labels=labels)
    named = solve(assign_moduli(bone, by_label={3: SOFT, 8: STIFF}), loads.platens(STRAIN))
    mapped = solve(bar(by_layer(4)), loads.platens(STRAIN))
    assert named.force == mapped.force


def test_stiffness_in_all_directions_of_two_tissues() -> None:
    """Layers in series along z, in parallel across, with the boundary conditions that suit a laminate."""
    found = homogenize(bar(by_layer(5)), "pmubc", poisson=0, rtol=1e-9)
    mean, harmonic = (SOFT + STIFF) / 2, 2 / (1 / SOFT + 1 / STIFF)
    moduli = found.engineering_constants
    assert moduli["Exx"] == pytest.approx(mean, rel=1e-6) and moduli["Eyy"] == pytest.approx(mean, rel=1e-6)
    assert moduli["Ezz"] == pytest.approx(harmonic, rel=1e-6)
    assert moduli["Gxy"] == pytest.approx(mean / 2, rel=1e-6)
    assert found.youngs == STIFF


def test_a_modulus_beside_a_map_is_refused() -> None:
    for analysis in (solve, homogenize, strength):
        with pytest.raises(UserError, match="youngs = 5000: every voxel of bar has a modulus of its own"):
            analysis(bar(by_layer(5)), youngs=5000)
    with pytest.raises(UserError, match="youngs = 5000: every voxel of bar has a modulus of its own"):
        strength(bar(by_layer(5)), "nonlinear", youngs=5000)


def test_a_tenth_of_soft_bone_fails_first() -> None:
    """A tenth of the bone is strained most, far more than 2 %: it fails at 0.7 %, however little stiffness it has.

    In series the stress is one, and the strain of the soft layer is that stress over its modulus.
    """
    found = strength(bar(by_layer(1)), load=loads.uniaxial(STRAIN), poisson=0, rtol=1e-9)
    assert isinstance(found, CriterionStrength)
    assert found.failure.ees == pytest.approx(abs(found.elastic.force) / AREA / SOFT, rel=1e-5)
    assert found.failure_load == pytest.approx(-AREA * 0.007 * SOFT, rel=1e-5)


@pytest.mark.parametrize(("profile", "youngs"), [("xtremect1", 6829.0), ("xtremect2", 8748.0)])
def test_a_profile_sets_tissue_and_criterion(profile: str, youngs: float) -> None:
    solid = from_mask(np.ones(SHAPE, bool), SPACING, "solid")
    found = strength(solid, load=loads.uniaxial(STRAIN), profile=profile)
    assert isinstance(found, CriterionStrength)
    assert (found.failure.criterion.volume, found.failure.criterion.strain) == (0.02, 0.007)
    assert found.elastic.youngs == found.failure.youngs == youngs
    assert found.failure_load == pytest.approx(-AREA * youngs * 0.007, rel=1e-5)
    assert solve(solid, loads.uniaxial(STRAIN), profile=profile).apparent_modulus == pytest.approx(youngs, rel=1e-6)
    beside: dict[str, Any] = {"youngs": 5000.0, "poisson": 0.25, "critical_volume": 0.03, "critical_strain": 0.01}
    for name, value in beside.items():
        with pytest.raises(UserError, match=f"profile = {profile}: .*leave out {name} {value:g}, or the profile"):
            strength(solid, profile=profile, **{name: value})


def test_a_profile_beside_moduli_of_voxels_is_refused() -> None:
    """The strain at which a profile's tissue fails was fitted with its modulus."""
    solid = from_mask(np.ones(SHAPE, bool), SPACING, "solid")
    own = assign_moduli(solid, moduli=np.full(SHAPE, 9000.0))
    for asked in (solve, strength, homogenize):
        with pytest.raises(UserError, match="^profile = xtremect2: its criterion belongs to its modulus"):
            asked(own, profile="xtremect2")


def test_tissue_that_yields_has_the_modulus_of_the_profile() -> None:
    """Tissue yields at a strain of 0.83 % in compression, and so does a solid bar of it."""
    solid = from_mask(np.ones(SHAPE, bool), SPACING, "solid")
    found = strength(solid, "nonlinear", load=loads.uniaxial(STRAIN), profile="xtremect2")
    assert isinstance(found, YieldStrength) and found.elastic.youngs == 8748
    assert found.failure_load == pytest.approx(-AREA * 8748 * 0.0083, rel=0.05)


def test_profiles_from_the_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    scan = tmp_path / "solid.npz"
    from_mask(np.ones(SHAPE, bool), SPACING).save(scan)
    asked = ["strength", str(scan), "--load", "uniaxial", "--profile", "xtremect2"]
    assert main([*asked, "--json"]) == 0
    result = json.loads(capsys.readouterr().out)
    assert result["failure_load_N"] == pytest.approx(-8748 * AREA * 0.007, rel=1e-5)
    assert result["criterion"]["youngs_MPa"] == 8748
    for wrong, said in ((["--youngs", "5000"], "youngs 5000"), (["--critical-volume", "0.03"], "critical_volume 0.03")):
        assert main([*asked, *wrong]) == 2
        complaint = capsys.readouterr().err
        assert "--profile xtremect2: " in complaint and said in complaint and complaint.count("\n") == 1
    assert main(["solve", str(scan), "--load", "uniaxial", "--profile", "xtremect2", "--json"]) == 0
    result = json.loads(capsys.readouterr().out)
    assert (result["youngs_MPa"], result["poisson"]) == (8748, 0.3)
    for command in ("solve", "homogenize", "export"):
        out = ["--out", str(tmp_path / "bone.inp")] if command == "export" else []
        assert main([command, str(scan), *out, "--profile", "scanco"]) == 2
        assert "--profile scanco: it is not known; choose one of xtremect1, xtremect2" in capsys.readouterr().err
