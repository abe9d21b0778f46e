"""Loads of a usual day: activities carry what they say, are estimated from a scan, and change with the schedule."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from plates import bone, carry_out
from trabfem import schedule
from trabfem.errors import UserError
from trabfem.mechanics import fields, loads
from trabfem.mechanics.cases import solve_cases
from trabfem.remodelling import measures
from trabfem.remodelling.equilibrium import tissue_moduli
from trabfem.remodelling.forcing import month_grid, steady_forcing
from trabfem.remodelling.loading import activities, estimation
from trabfem.remodelling.loading.activities import Activity, axial_compression, tensor_activity
from trabfem.remodelling.model import Model, State, create_model
from trabfem.remodelling.rules import GreyAdvection
from trabfem.remodelling.settings import make_turnable, smooth_settings
from trabfem.remodelling.start import start_state
from trabfem.runs.runner import follow
from trabfem.schedule import Load
from trabfem.specimen import Specimen, from_mask

H, STEP = 0.035, 4.0


@pytest.fixture(scope="module")
def start() -> tuple[State, Model]:
    specimen = bone()
    model = create_model(specimen, smooth_settings())
    return start_state(specimen, model), model


@pytest.fixture(scope="module")
def modulus(start: tuple[State, Model]) -> np.ndarray:
    state, model = start
    return np.asarray(tissue_moduli(state.fill, model.settings, None, 0.0))


@pytest.fixture(scope="module")
def plates(modulus: np.ndarray) -> list:
    """Compression and both shears of the end plates, which hold the same degrees of freedom."""
    names = ("platens", "shear-zx", "shear-yz")
    return solve_cases(modulus, (H, H, H), [loads.by_name(name) for name in names], rtol=1e-7, energy_tol=1e-9)


def carried(solutions: list, shares: np.ndarray, n: int = 18) -> np.ndarray:
    """Apparent stresses (MPa) on the top plate along z, x, y: the sum of sigma over a slice of voxels."""
    moved = sum(c * np.asarray(s.displacement) for c, s in zip(shares, solutions, strict=True))
    stress = fields.stress(dataclasses.replace(solutions[0], displacement=moved))
    middle = np.asarray(solutions[0].mesh.voxels)[: len(stress), 2] == n // 2
    return stress[middle][:, [2, 4, 3]].sum(axis=0) / n**2


def test_plates_carry_the_forces_of_an_activity(plates: list) -> None:
    """Compression and shear together, with nothing along y although the bone is skew, read off a slice halfway up."""
    wanted = (-0.5, 0.2, 0.0)
    shares = activities.coefficients(list(zip(plates, wanted, strict=True)), activities.Energies())
    assert carried(plates, shares) == pytest.approx(wanted, abs=0.004)
    alone = activities.coefficients([(plates[0], -0.5)], activities.Energies())
    assert abs(carried(plates[:1], alone)[1:]).max() > 0.01  # bonded plates do carry shear


def test_simultaneous_loads_add_before_squaring_and_independent_ones_after(plates: list) -> None:
    one, two = (Activity(name, ((name, stress),)) for name, stress in (("platens", -0.5), ("shear-zx", 0.3)))
    both = Activity("both", (*one.stress, *two.stress))
    back = Activity("back", (("platens", -0.5), ("shear-zx", -0.3)))
    energy = {name: activities.activity_energy(plates, acts) for name, acts in {"both": [both], "back": [back]}.items()}
    apart = activities.activity_energy(plates, [one, two])
    assert not np.allclose(energy["both"], energy["back"], rtol=0.1)
    # The mixed term changes its sign with the shear, so the mean of the two is that of independent loads, each with
    # the other plate direction free.
    free = [dataclasses.replace(a, stress=(*a.stress, (b.stress[0][0], 0.0))) for a, b in ((one, two), (two, one))]
    twice = 2 * activities.activity_energy(plates, free)
    assert np.allclose((energy["both"] + energy["back"]) / 2, twice, rtol=1e-4, atol=1e-7)
    weighted = activities.activity_energy(plates, [one, dataclasses.replace(two, cycles=3.0)])
    first = activities.activity_energy(plates, [one])
    assert np.allclose(weighted, 0.25 * first + 0.75 * (2 * apart - first), rtol=1e-4, atol=1e-8)


def test_a_force_stays_as_the_bone_weakens(modulus: np.ndarray, plates: list) -> None:
    """Half the modulus: twice the energy under the same forces; and a start saves iterations."""
    cases = [solution.case for solution in plates]
    activity = Activity("push", (("platens", -0.5), ("shear-zx", 0.1), ("shear-yz", 0.0)))
    weak = solve_cases(0.5 * modulus, (H, H, H), cases, rtol=1e-7, energy_tol=1e-9, starts=plates)
    assert max(solution.iterations for solution in weak) < 0.5 * min(solution.iterations for solution in plates)
    before, after = activities.activity_energy(plates, [activity]), activities.activity_energy(weak, [activity])
    assert np.allclose(after, 2 * before, rtol=1e-3, atol=1e-8)


def test_turned_stress_tensors() -> None:
    [usual] = activities.express_as_tensors([axial_compression(0.5)])
    assert usual.stress[0] == ("kubc-zz", -0.5)
    [turned] = activities.change_loads([usual], Load(0.7, 45.0, "y"))
    stress = dict(turned.stress)
    assert stress["kubc-xx"] == pytest.approx(-0.175) == stress["kubc-zz"]
    # Right-handed about y: what pressed along z now presses between z and x.
    assert stress["kubc-zx"] == pytest.approx(-0.175) and stress["kubc-yy"] == pytest.approx(0)
    sheared = tensor_activity("shear", np.array([[0.0, 0.1, 0.0], [0.1, 0.0, 0.0], [0.0, 0.0, 0.0]]))
    stress = dict(activities.change_loads([sheared], Load(1.0, 90.0, "x"))[0].stress)
    assert stress["kubc-zx"] == pytest.approx(0.1) and stress["kubc-xy"] == pytest.approx(0)
    with pytest.raises(UserError, match="cannot be turned"):
        activities.express_as_tensors([Activity("bend", (("bending-x", 0.1),))])
    assert make_turnable(smooth_settings(), [schedule.Loading()]).usual_day == (
        axial_compression(smooth_settings().apparent_stress),
    )
    assert activities.is_tensor(
        make_turnable(smooth_settings(), [schedule.parse("direction 45deg x 0-6").loading]).usual_day[0]
    )


def test_six_unit_strains_carry_a_mean_stress(modulus: np.ndarray) -> None:
    tensor = np.array([[-0.1, 0.02, 0.05], [0.02, 0.0, -0.03], [0.05, -0.03, -0.4]])
    activity = tensor_activity("any", tensor)
    solutions = solve_cases(modulus, (H, H, H), activities.unit_cases([activity]), rtol=1e-7, energy_tol=1e-9)
    known = {solution.case.name: solution for solution in solutions}
    shares = activities.coefficients([(known[name], value) for name, value in activity.stress], activities.Energies())
    moved = sum(c * np.asarray(known[name].displacement) for c, (name, _) in zip(shares, activity.stress, strict=True))
    mean = fields.stress(dataclasses.replace(solutions[0], displacement=moved)).sum(axis=0) / modulus.size
    wanted = [tensor[place] for place in activities.PLACES]
    assert mean == pytest.approx(wanted, abs=1e-4)


def rods(n: int = 18) -> Specimen:
    """A rod along each axis, 3, 4 and 5 voxels wide, that do not touch."""
    mask = np.zeros((n, n, n), bool)
    mask[:, 2:5, 2:5] = True
    mask[12:16, :, 12:16] = True
    mask[3:8, 12:17, :] = True
    return from_mask(mask, H, "rods")


@pytest.mark.parametrize("where", ["surface", "volume"])
def test_estimate_gives_the_mixture_back_that_makes_loading_even(where: estimation.Where) -> None:
    """Rods have the same energy density everywhere if each carries a force in proportion to its cross-section."""
    candidates = [Activity(axis, ((f"pmubc-{axis}{axis}", -1.0),)) for axis in "xyz"]
    settings = smooth_settings(activities=(candidates[2],), frozen_layers=0, rule=GreyAdvection)
    found = estimation.estimate_loads(rods(), settings, candidates, where)
    stress = np.array([activity.stress[0][1] for activity in found.activities])
    assert [activity.name for activity in found.activities] == list("xyz")
    assert stress / stress[2] == pytest.approx(np.array([9, 16, 25]) / 25, rel=1e-4)
    assert found.before > 1.0 and found.after < 1e-3
    if where == "volume":  # half of the bone carries 1 MPa; three in turn, as much on average, everywhere the same
        assert stress[2] == pytest.approx(-np.sqrt(3 * 25 / (9 + 16 + 25)), rel=1e-3)


@pytest.mark.slow
def test_estimate_of_a_specimen_is_more_even_and_as_large(monkeypatch: pytest.MonkeyPatch) -> None:
    specimen, settings = bone(), smooth_settings(background=0.0)
    found = estimation.estimate_loads(specimen, settings)
    assert found.after < 0.95 * found.before
    monkeypatch.setattr(estimation, "estimate_loads", lambda *_: found)
    noted, adopted = estimation.adopt_estimated_loads(specimen, settings)
    assert f"{found.before:.3f}" in noted.notes[-1] and adopted.activities == found.activities
    model = create_model(specimen, adopted)
    row = measures.measure_mechanics(start_state(specimen, model), model)
    assert row["surface SED variation"] == pytest.approx(found.after, rel=0.01)


def test_less_load_loses_and_more_gains_and_both_settle(start: tuple[State, Model]) -> None:
    """Eight years at 0.7 and 1.3 of the usual force: most of the change comes in the first two."""
    first, model = start
    for text, sign in (("disuse 0.7 0-96", -1), ("exercise 1.3 0-96", 1)):
        forcing = steady_forcing(month_grid(8.0, STEP), loading=schedule.parse(text).loading)
        values = np.array(follow(first, model, forcing).table["BV/TV"])
        assert sign * (values[6] / values[0] - 1) > 0.015
        assert abs(values[-1] - values[12]) < 0.35 * abs(values[6] - values[0])


def test_load_of_the_first_step_is_felt_from_month_0_on(start: tuple[State, Model]) -> None:
    """S_ref is that of the usual load, whatever the first month brings."""
    first, model = start
    rest = steady_forcing(month_grid(1.0, STEP), loading=schedule.parse("disuse 0 0-4").loading)
    run = follow(first, model, rest)
    assert run.table["surface SED (MPa)"][0] == pytest.approx(first.background, rel=1e-3)
    assert run.table["surface SED (MPa)"][1] > 2 * first.background


def test_six_cases_resume_to_the_same_bits(tmp_path: Path) -> None:
    """A load that turns: every unit case is stored and started from again."""
    asked = {"months_per_step": STEP, "settings": smooth_settings(rtol=1e-4)}
    arms = {"turned": "direction 45deg x 4-60"}
    [whole] = carry_out(arms, tmp_path / "whole", years=1.0, **asked).arms[0].members
    for years in (0.34, 1.0):
        study = carry_out(arms, tmp_path / "part", years=years, resuming=years == 1.0, **asked)
    [parts] = study.arms[0].members
    assert np.array_equal(parts.state.phi, whole.state.phi)
    assert all(parts.table[name] == whole.table[name] for name in ("BV/TV", "failure load (N)", "surface SED (MPa)"))
    assert len(whole.state.solutions) == 6 and np.array_equal(parts.state.energy, whole.state.energy)
    [straight] = carry_out({"later": "direction 45deg x 8-60"}, years=0.34, **asked).arms[0].members
    assert not np.allclose(straight.state.energy, whole.moments[4].sed, rtol=0.05)
    with pytest.raises(UserError, match="bmus = .*leave it out or repeat it"):
        carry_out(arms, tmp_path / "part", years=2.0, months_per_step=STEP, resuming=True)
