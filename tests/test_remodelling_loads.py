"""Loads of a usual day: activities carry what they say, are estimated from a scan, and change with habits."""

import dataclasses
from pathlib import Path

import h5py
import numpy as np
import pytest

from plates import bone
from trabfem import habits
from trabfem.biology import schedule
from trabfem.biology.patient import Patient
from trabfem.errors import UserError
from trabfem.habits import Load
from trabfem.mechanics import fields, loads
from trabfem.mechanics.cases import solve_cases
from trabfem.remodelling import coupling, drive, load_estimation, load_history, measures, simulate
from trabfem.remodelling.load_history import Activity, axial, of_tensor
from trabfem.remodelling.loading import moduli
from trabfem.remodelling.rules import GreyAdvection
from trabfem.remodelling.settings import Settings, for_habits
from trabfem.specimen import Specimen, from_mask

H, STEP = 0.035, 4.0


@pytest.fixture(scope="module")
def start() -> tuple[coupling.State, coupling.Scene]:
    specimen = bone()
    scene = coupling.scene_of(specimen, Settings())
    return coupling.begin(specimen, scene), scene


@pytest.fixture(scope="module")
def modulus(start: tuple[coupling.State, coupling.Scene]) -> np.ndarray:
    state, scene = start
    return moduli(state.fill, scene.settings, None, 0.0)


@pytest.fixture(scope="module")
def plates(modulus: np.ndarray) -> list:
    """Compression and both shears of the end plates, which hold the same degrees of freedom."""
    names = ("platens", "shear-zx", "shear-yz")
    return solve_cases(modulus, (H, H, H), [loads.by_name(name) for name in names], rtol=1e-7, energy_tol=1e-9)


def carried(solutions: list, shares: np.ndarray, n: int = 18) -> np.ndarray:
    """Apparent stresses (MPa) on the top plate along z, x, y: the sum of sigma over a slice of voxels."""
    moved = sum(c * s.displacement for c, s in zip(shares, solutions, strict=True))
    stress = fields.stress(dataclasses.replace(solutions[0], displacement=moved))
    middle = np.asarray(solutions[0].mesh.voxels)[: len(stress), 2] == n // 2
    return stress[middle][:, [2, 4, 3]].sum(axis=0) / n**2


def test_plates_carry_the_forces_of_an_activity(plates: list) -> None:
    """Compression and shear together, with nothing along y although the bone is skew, read off a slice halfway up."""
    wanted = (-0.5, 0.2, 0.0)
    shares = load_history.coefficients(list(zip(plates, wanted, strict=True)), load_history.Energies())
    assert carried(plates, shares) == pytest.approx(wanted, abs=0.004)
    alone = load_history.coefficients([(plates[0], -0.5)], load_history.Energies())
    assert abs(carried(plates[:1], alone)[1:]).max() > 0.01  # bonded plates do carry shear


def test_simultaneous_loads_add_before_squaring_and_independent_ones_after(plates: list) -> None:
    one, two = (Activity(name, ((name, stress),)) for name, stress in (("platens", -0.5), ("shear-zx", 0.3)))
    both = Activity("both", (*one.stress, *two.stress))
    back = Activity("back", (("platens", -0.5), ("shear-zx", -0.3)))
    energy = {name: load_history.energy(plates, acts) for name, acts in {"both": [both], "back": [back]}.items()}
    apart = load_history.energy(plates, [one, two])
    assert not np.allclose(energy["both"], energy["back"], rtol=0.1)
    # The mixed term changes its sign with the shear, so the mean of the two is that of independent loads, each with
    # the other plate direction free.
    free = [dataclasses.replace(a, stress=(*a.stress, (b.stress[0][0], 0.0))) for a, b in ((one, two), (two, one))]
    twice = 2 * load_history.energy(plates, free)
    assert np.allclose((energy["both"] + energy["back"]) / 2, twice, rtol=1e-4, atol=1e-7)
    weighted = load_history.energy(plates, [one, dataclasses.replace(two, cycles=3.0)])
    first = load_history.energy(plates, [one])
    assert np.allclose(weighted, 0.25 * first + 0.75 * (2 * apart - first), rtol=1e-4, atol=1e-8)


def test_a_force_stays_as_the_bone_weakens(modulus: np.ndarray, plates: list) -> None:
    """Half the modulus: twice the energy under the same forces; and a start saves iterations."""
    cases = [solution.case for solution in plates]
    activity = Activity("push", (("platens", -0.5), ("shear-zx", 0.1), ("shear-yz", 0.0)))
    weak = solve_cases(0.5 * modulus, (H, H, H), cases, rtol=1e-7, energy_tol=1e-9, starts=plates)
    assert max(solution.iterations for solution in weak) < 0.5 * min(solution.iterations for solution in plates)
    before, after = load_history.energy(plates, [activity]), load_history.energy(weak, [activity])
    assert np.allclose(after, 2 * before, rtol=1e-3, atol=1e-8)


def test_turned_stress_tensors() -> None:
    [usual] = load_history.as_tensors([axial(0.5)])
    assert usual.stress[0] == ("kubc-zz", -0.5)
    [turned] = load_history.under([usual], Load(0.7, 45.0, "y"))
    stress = dict(turned.stress)
    assert stress["kubc-xx"] == pytest.approx(-0.175) == stress["kubc-zz"]
    # Right-handed about y: what pressed along z now presses between z and x.
    assert stress["kubc-zx"] == pytest.approx(-0.175) and stress["kubc-yy"] == pytest.approx(0)
    sheared = of_tensor("shear", np.array([[0.0, 0.1, 0.0], [0.1, 0.0, 0.0], [0.0, 0.0, 0.0]]))
    stress = dict(load_history.under([sheared], Load(1.0, 90.0, "x"))[0].stress)
    assert stress["kubc-zx"] == pytest.approx(0.1) and stress["kubc-xy"] == pytest.approx(0)
    with pytest.raises(UserError, match="cannot be turned"):
        load_history.as_tensors([Activity("bend", (("bending-x", 0.1),))])
    assert for_habits(Settings(), [habits.Habits()]).usual == (axial(Settings().apparent_stress),)
    assert load_history.is_tensor(for_habits(Settings(), [habits.split("direction 45deg x 0-6")[1]]).usual[0])


def test_six_unit_strains_carry_a_mean_stress(modulus: np.ndarray) -> None:
    tensor = np.array([[-0.1, 0.02, 0.05], [0.02, 0.0, -0.03], [0.05, -0.03, -0.4]])
    activity = of_tensor("any", tensor)
    solutions = solve_cases(modulus, (H, H, H), load_history.cases([activity]), rtol=1e-7, energy_tol=1e-9)
    known = {solution.case.name: solution for solution in solutions}
    shares = load_history.coefficients(
        [(known[name], value) for name, value in activity.stress], load_history.Energies()
    )
    moved = sum(c * known[name].displacement for c, (name, _) in zip(shares, activity.stress, strict=True))
    mean = fields.stress(dataclasses.replace(solutions[0], displacement=moved)).sum(axis=0) / modulus.size
    wanted = [tensor[place] for place in load_history.PLACES]
    assert mean == pytest.approx(wanted, abs=1e-4)


def rods(n: int = 18) -> Specimen:
    """A rod along each axis, 3, 4 and 5 voxels wide, that do not touch."""
    mask = np.zeros((n, n, n), bool)
    mask[:, 2:5, 2:5] = True
    mask[12:16, :, 12:16] = True
    mask[3:8, 12:17, :] = True
    return from_mask(mask, H, "rods")


@pytest.mark.parametrize("where", ["surface", "volume"])
def test_estimate_gives_the_mixture_back_that_makes_loading_even(where: load_estimation.Where) -> None:
    """Rods have the same energy density everywhere if each carries a force in proportion to its cross-section."""
    candidates = [Activity(axis, ((f"pmubc-{axis}{axis}", -1.0),)) for axis in "xyz"]
    settings = Settings(activities=(candidates[2],), frozen_layers=0, law=GreyAdvection)
    found = load_estimation.estimate(rods(), settings, candidates, where)
    stress = np.array([activity.stress[0][1] for activity in found.activities])
    assert [activity.name for activity in found.activities] == list("xyz")
    assert stress / stress[2] == pytest.approx(np.array([9, 16, 25]) / 25, rel=1e-4)
    assert found.before > 1.0 and found.after < 1e-3
    if where == "volume":  # half of the bone carries 1 MPa; three in turn, as much on average, everywhere the same
        assert stress[2] == pytest.approx(-np.sqrt(3 * 25 / (9 + 16 + 25)), rel=1e-3)


def test_estimate_of_a_specimen_is_more_even_and_as_large(monkeypatch: pytest.MonkeyPatch) -> None:
    specimen, settings = bone(), Settings(background=0.0)
    found = load_estimation.estimate(specimen, settings)
    assert found.after < 0.95 * found.before
    monkeypatch.setattr(load_estimation, "estimate", lambda *_: found)
    noted, adopted = load_estimation.adopt(specimen, settings)
    assert f"{found.before:.3f}" in noted.notes[-1] and adopted.activities == found.activities
    scene = coupling.scene_of(specimen, adopted)
    row = measures.mechanical(coupling.begin(specimen, scene), scene)
    assert row["surface SED variation"] == pytest.approx(found.after, rel=0.01)


def test_habits_are_read() -> None:
    drugs, found = habits.split("denosumab 0-36; disuse 0.5 12-18; Exercise 130% 0-60;direction -45 deg x 24-120")
    assert drugs == "denosumab 0-36" and found.turning
    assert str(found) == "direction -45deg x 24-120; disuse 0.5 12-18; exercise 1.3 0-60"
    assert habits.split(str(found)) == ("", found)
    assert found.at(6) == Load(1.3) and found.at(18) == Load(1.3) and found.at(70) == Load(1.0, -45.0, "x")
    assert found.at(15).factor == pytest.approx(0.65) and found.at(200) == habits.USUAL
    assert found.over(11, 14).factor == pytest.approx(np.sqrt((1.3**2 + 2 * 0.65**2) / 3))
    assert habits.split("direction 45deg x 0-6") == habits.split("direction 45 about x 0-6 mo")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("disuse 1.5 0-6", "write exercise"),
        ("exercise 0.5 0-6", "write disuse"),
        ("exercise 30 0-6", "from 1 to 3"),
        ("disuse 12-18", "disuse 0.5 12-18"),
        ("excercise 1.2 0-6", "write exercise"),
        ("disuse 0.5 18-12", "earlier month first"),
        ("exercise 1.2 -6-6", "from 0, the scan"),
        ("direction 45deg 0-6", "direction 45deg x 24-120"),
        ("direction 270 x 0-6", "-180 to 180"),
        ("disuse 0.5 0-12; disuse 0.7 6-18", "once at a time"),
    ],
)
def test_habits_that_make_no_sense_are_named(text: str, said: str) -> None:
    with pytest.raises(UserError, match=said) as caught:
        habits.split(f"denosumab 0-36; {text}")
    assert text.split(";")[0] in str(caught.value) or "overlap" in str(caught.value)


def test_less_load_loses_and_more_gains_and_both_settle(start: tuple[coupling.State, coupling.Scene]) -> None:
    """Eight years at 0.7 and 1.3 of the usual force: most of the change comes in the first two."""
    first, scene = start
    for text, sign in (("disuse 0.7 0-96", -1), ("exercise 1.3 0-96", 1)):
        course = drive.steady(drive.month_grid(8.0, STEP), habits=habits.split(text)[1])
        values = np.array(simulate.run(first, scene, course).table["BV/TV"])
        assert sign * (values[6] / values[0] - 1) > 0.015
        assert abs(values[-1] - values[12]) < 0.35 * abs(values[6] - values[0])


def test_load_of_the_first_step_is_felt_from_month_0_on(start: tuple[coupling.State, coupling.Scene]) -> None:
    """S_ref is that of the usual load, whatever the first month brings."""
    first, scene = start
    rest = drive.steady(drive.month_grid(1.0, STEP), habits=habits.split("disuse 0 0-4")[1])
    run = simulate.run(first, scene, rest)
    assert run.table["surface SED (MPa)"][0] == pytest.approx(first.background, rel=1e-3)
    assert run.table["surface SED (MPa)"][1] > 2 * first.background


def test_six_cases_resume_to_the_same_bits(tmp_path: Path) -> None:
    """A load that turns: every unit case is stored and started from again."""
    turned = habits.split("direction 45deg x 4-60")[1]
    asked = {"months_per_step": STEP, "habits": turned, "settings": Settings(rtol=1e-4)}
    woman, none = Patient("female", 50.0, 51.0), schedule.parse("")
    whole = simulate.simulate(bone(), woman, none, years=1.0, out=tmp_path / "whole", **asked)
    for years in (0.34, 1.0):
        parts = simulate.simulate(bone(), woman, none, years=years, out=tmp_path / "part", resume=years == 1.0, **asked)
    assert np.array_equal(parts.state.phi, whole.state.phi)
    assert all(parts.table[name] == whole.table[name] for name in ("BV/TV", "failure load (N)", "surface SED (MPa)"))
    assert len(whole.state.solutions) == 6 and np.array_equal(parts.state.energy, whole.state.energy)
    straight = simulate.simulate(bone(), woman, none, years=0.34, **(asked | {"habits": habits.split(
        "direction 45deg x 8-60")[1]}))  # fmt: skip
    assert not np.allclose(straight.state.energy, whole_at(tmp_path / "whole", 4), rtol=0.05)
    with pytest.raises(UserError, match="another specimen, patient, schedule"):
        simulate.simulate(bone(), woman, none, years=2.0, out=tmp_path / "part", resume=True, months_per_step=STEP)


def whole_at(folder: Path, month: int) -> np.ndarray:
    """Energy density saved at a month."""
    with h5py.File(folder / f"simulation/month_{month:04d}.h5") as file:
        return np.asarray(file["sed"])
