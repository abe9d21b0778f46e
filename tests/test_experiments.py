"""What the experiments claim: each is run in its quick form or a smaller one, and its printed numbers say it.

That takes minutes: `pytest -m slow tests/test_experiments.py`. With every other test they are imported only.
"""

import importlib.util
import re
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

import trabfem as tf
from trabfem.biology import bands

EXPERIMENTS = Path(__file__).resolve().parents[1] / "experiments"
NUMBER = re.compile(r"[-+]?\d+(?:\.\d+)?")
Run = Callable[..., str]


def import_experiment(name: str, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The script whose name begins with `name`, as a module."""
    path = next(EXPERIMENTS.glob(f"{name}*.py"))
    spec = importlib.util.spec_from_file_location(f"experiment_{name}", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    monkeypatch.syspath_prepend(EXPERIMENTS)
    monkeypatch.setitem(sys.modules, spec.name, module)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs an experiment in a folder of its own and returns what it prints.

    With options of its command line, other constants, and voxels a side, months a step and members of its quick form.
    """

    def run(name: str, *options: str, scale: tuple[int, float, int] | None = None, **constants: Any) -> str:
        module = import_experiment(name, monkeypatch)
        if scale is not None:
            constants["QUICK"] = module.Scale(*scale)
        for key, value in constants.items():
            assert hasattr(module, key), f"experiment {name} has no {key}"
            setattr(module, key, value)
        monkeypatch.chdir(tmp_path)
        monkeypatch.setattr(sys, "argv", [name, *options])
        module.main()
        out = capsys.readouterr().out
        figures = [line for line in out.splitlines() if line.startswith("out/") and line.endswith(".png")]
        assert figures and all(Path(figure).read_bytes().startswith(b"\x89PNG") for figure in figures)
        return out

    return run


def rows(out: str, name: str) -> list[list[float]]:
    """The numbers in every line whose first cell is `name`."""
    lines = [line for line in out.splitlines() if line.startswith(f"{name}  ")]
    return [[float(each) for each in NUMBER.findall(line.removeprefix(name))] for line in lines]


def row(out: str, name: str) -> np.ndarray:
    """The numbers in the first line whose first cell is `name`."""
    return np.array(rows(out, name)[0])


@pytest.fixture
def few_draws(monkeypatch: pytest.MonkeyPatch) -> None:
    """Bands from two draws: they cost most of the time, and the middle of a line does not depend on them."""
    monkeypatch.setattr(bands, "DRAWS", 2)


@pytest.mark.parametrize("path", sorted(EXPERIMENTS.glob("[0-9]*.py")), ids=lambda path: path.stem)
def test_says_what_it_asks_and_how_to_run_it(
    path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its names exist, its docstring gives the command, and where it has options it tells them."""
    module = import_experiment(path.stem, monkeypatch)
    doc = module.__doc__ or ""
    assert f"`python experiments/{path.name}" in doc
    if "[--quick]" in doc:
        monkeypatch.setattr(sys, "argv", [path.name, "--help"])
        with pytest.raises(SystemExit) as done:
            module.main()
        assert done.value.code == 0 and "--quick" in capsys.readouterr().out


def test_rows_are_read_by_their_name() -> None:
    out = "Both        +1.0 [-2.0, +3.5]\nBoth, then  4\nBoth        5 %"
    assert rows(out, "Both") == [[1.0, -2.0, 3.5], [5.0]]


@pytest.mark.slow
@pytest.mark.usefixtures("few_draws")
def test_02_therapies_in_one_woman(run: Run) -> None:
    """Every therapy gains spine density over none, each in its published rank, and has its figure."""
    out = run("02")
    # spine at 12 and 36 months, hip at 12 and 36; middle, low and high of each
    found = {name: row(out, name).reshape(4, 3) for name in names_in_table(out)}
    for name, cells in found.items():
        assert (cells[:, 1] < cells[:, 0]).all() and (cells[:, 0] < cells[:, 2]).all(), name
    spine = {name: cells[:2, 0] for name, cells in found.items()}
    untreated = spine.pop("Untreated")
    assert untreated[1] < 0 and all((values > untreated + 1).all() for values in spine.values())
    year, three = ({name: values[k] for name, values in spine.items()} for k in (0, 1))
    assert max(year, key=year.__getitem__) == "Romosozumab" and three["Romosozumab"] < year["Romosozumab"]
    assert max(three, key=three.__getitem__) == "Teriparatide"
    assert three["Denosumab"] > three["Alendronate"] > three["Raloxifene"]
    assert found["Teriparatide"][2, 0] < 0 < found["Teriparatide"][3, 0], "the hip falls before it gains"
    for therapy in ("alendronate", "denosumab", "estrogen", "romosozumab", "teriparatide", "side_by_side"):
        assert f"/{therapy}.png" in out


def names_in_table(out: str) -> list[str]:
    """First cells of the table of 02."""
    lines = out[out.index("change, %") :].splitlines()[1:-1]
    return [line[:24].strip() for line in lines]


@pytest.mark.slow
@pytest.mark.usefixtures("few_draws")
def test_03_what_follows_a_drug(run: Run) -> None:
    """Denosumab stopped is lost with a rebound of CTX, a bisphosphonate after it keeps; order counts."""
    out = run("03")

    def cells(name: str) -> np.ndarray:
        return row(out, name).reshape(-1, 3)

    stopped, kept = cells("Denosumab, then nothing"), cells("Denosumab, then alendronate")
    assert stopped[1, 0] > 5 and stopped[-1, 0] < 0.2 * stopped[1, 0] and stopped[2, 2] > 20
    assert (kept[2:, 0] > 0.9 * kept[1, 0]).all() and (kept[2:, 2] < 0).all()
    assert cells("Alendronate 5 y, then nothing")[-1, 0] > cells("Alendronate 5 y, then nothing")[4, 0]
    assert cells("Romosozumab, then alendronate")[-1, 0] > 2 * cells("Romosozumab, then nothing")[-1, 0]
    first, last = cells("Teriparatide, then denosumab"), cells("Denosumab, then teriparatide")
    assert (first[-1, :2] > last[-1, :2] + 5).all() and last[2, 1] < 0, "hip on teriparatide after denosumab falls"
    assert cells("Oestrogen 3 y, then nothing")[3, 0] < 0.5 * cells("Oestrogen 3 y, then alendronate")[3, 0]


@pytest.mark.slow
@pytest.mark.usefixtures("few_draws")
def test_04_testosterone_acts_through_oestradiol(run: Run) -> None:
    """Anastrozole takes most of what testosterone does to CTX; at one E2 it is one CTX, and it turns up below 10."""
    out = run("04")
    ctx = {name: row(out, name)[2] for name in ("Untreated", "Testosterone", "Testosterone + anastrozole")}
    with_it, without = ctx["Testosterone"] - ctx["Untreated"], ctx["Testosterone + anastrozole"] - ctx["Untreated"]
    assert with_it < -20 and 0.1 < without / with_it < 0.5
    clamped = [line for line in out.splitlines() if re.match(r" +\d\.\d\d ", line)]
    _, _, e2, change, _, blocked_e2, blocked_change = np.array([NUMBER.findall(line) for line in clamped], float).T
    assert len(clamped) == 12 and (np.diff(change) < 0).all()
    inside = (blocked_e2 >= e2[0]) & (blocked_e2 <= e2[-1])
    assert np.abs(np.interp(blocked_e2, e2, change) - blocked_change)[inside].max() < 8
    slope = np.diff(change) / np.diff(e2)
    assert slope[e2[1:] <= 10].max() < 3 * slope[e2[:-1] >= 20].min() < 0


@pytest.mark.slow
@pytest.mark.usefixtures("few_draws")
def test_05_what_is_left_of_oestrogen_at_70(run: Run) -> None:
    """Cells alone: the earlier, the more at the end of treatment; the later, the more is left at 70."""
    out = run("05")
    delays = [f"{years} y after" for years in (0, 2, 5, 10, 15)]
    at_70, at_end = np.array([row(out, name)[[0, -1]] for name in delays]).T
    assert (np.diff(at_70) > 0).all() and at_70[0] > row(out, "Never")[0]
    assert (np.diff(at_end) < 0).all()


@pytest.mark.slow
def test_01_treated_arms_gain_over_no_treatment(run: Run) -> None:
    """Two members over two years: untreated bone is lost, every therapy keeps some; the folder holds the study."""
    out = run("01", "--quick", YEARS=2, MEMBERS=2)
    study = tf.open("out/01_menopause_versus_treatment")
    assert str(study) in out and [len(arm.members) for arm in study] == [2, 2, 2, 2]
    assert not study.trouble
    changed, gained = ({row[:2]: row[k] for row in study.table.rows} for k in (2, 7))
    untreated, *treated = (arm.name for arm in study)
    assert changed[untreated, "BV/TV"] < 0
    assert all(gained[name, "BV/TV"] > 0 for name in treated), gained


@pytest.mark.slow
def test_06_struts_cost_most_strength(run: Run) -> None:
    """Exponents of strength: struts removed > pits > thinning > 1 > mechanostat."""
    out = run("06", "--quick")
    order = ("Struts removed", "Pits", "Thinning", "Mechanostat")
    lost, strength, stiffness = np.array([row(out, name) for name in order]).T
    assert "as expected in strength" in out and (np.diff(strength) < 0).all()
    assert strength[2] > 1 > strength[3] and (lost < -10).all() and np.isfinite(stiffness).all()


@pytest.mark.slow
def test_07_struts_go_rather_than_thin(run: Run) -> None:
    """Untreated, Tb.N and Conn.D fall and not Tb.Th; on treatment less bone goes. The losses add up to that of BV/TV.

    Not that strength falls faster than bone: three members of 1.7 mm are too few for that.
    """
    arms = {"Untreated": "", "Oestrogen": "estrogen 0-120", "Alendronate": "alendronate 0-120"}
    out = run("07", "--quick", ARMS=arms, scale=(48, 4.0, 3))
    measures = ("BV/TV", "BMD", "Strength", "Tb.N", "Conn.D", "Tb.Th")
    change = {name: dict(zip(measures, row(out, name).reshape(-1, 3)[:, 0], strict=True)) for name in arms}
    untreated = change.pop("Untreated")
    assert untreated["BV/TV"] < -5 and untreated["Tb.N"] < 0 and untreated["Conn.D"] < 0
    assert untreated["Tb.Th"] > 0.3 * untreated["BV/TV"], "bone is lost by thinning"
    for name, treated in change.items():
        assert all(treated[key] > untreated[key] for key in ("BV/TV", "BMD", "Strength")), name
    for name in arms:
        lost = np.array(rows(out, name)[1]).reshape(3, 3)
        assert (lost[1:, 0] >= 0).all(), "perforation and disconnection take bone"
        assert lost[:, 0].sum() == pytest.approx(-rows(out, name)[0][0], abs=0.21)
    assert re.search(r"untreated: Tb.N falls in \d+%, Conn.D in \d+% of the members", out)


@pytest.mark.slow
def test_08_early_against_late_oestrogen_is_told_with_its_error(run: Run) -> None:
    """Gains over never treating are finite and 0 for never; the verdict has its interval and a word on chance."""
    arms = {"Never": "", "From year 0": "estrogen 0-60", "From year 10": "estrogen 120-180"}
    out = run("08", "--quick", scale=(24, 4.0, 2), STARTS=(0.0, 10.0), ARMS=arms)
    names = tuple(arms)
    changed, gained = (np.array([rows(out, name)[k] for name in names]) for k in (0, 1))
    assert changed.shape == (3, 18) and gained.shape == (3, 12)
    assert np.isfinite(changed).all() and np.isfinite(gained).all()
    assert (gained[0] == 0).all() and (gained[1:] != 0).any(axis=1).all()
    verdict = re.search(r"year 0 over year 10 at follow-up: strength (\S+) \[(\S+), (\S+)\] \w+ chance \(points\)", out)
    assert verdict is not None and np.isfinite([float(each) for each in verdict.groups()]).all()


@pytest.mark.slow
def test_09_what_a_short_course_leaves_is_told_with_its_error(run: Run) -> None:
    """Oestrogen saves bone at the end of treatment; what is left of it is finite and has its interval."""
    out = run("09", "--quick", scale=(24, 4.0, 2))
    left = np.array([rows(out, name)[0] for name in ("Strength", "Stiffness", "BV/TV", "BMD")]).reshape(4, 5, 3)
    assert np.isfinite(left).all()
    assert (left[2:, 0, 0] > 0).all(), "BV/TV and BMD are above never treating when treatment ends"
    assert all(len(row(out, name)) == 21 for name in ("Never", "Three years of oestrogen"))
    told = r"(\S+) \[(\S+), (\S+)\] \w+ chance"
    verdict = re.search(rf"treatment {told}, 9 years later {told} \(points\)", out)
    assert verdict is not None and np.isfinite([float(each) for each in verdict.groups()]).all()


@pytest.mark.slow
def test_10_fabric_turns_toward_the_load(run: Run) -> None:
    """Bone stiffens along an axial load, and its stiffest direction and fabric turn to a load that is turned by 45."""
    out = run("10", "--quick", QUICK=(20, (2,), (8.0, 12.0), 8.0))
    start, axial, turned = (row(out, name)[::3] for name in ("start", "8 y of axial load", "12 y of turned load"))
    ratio, stiffest, fabric = 0, 2, 3
    assert axial[ratio] > start[ratio] and abs(axial[stiffest]) < 15
    assert abs(turned[stiffest] - 45) < 15 and abs(turned[fabric] - 45) < abs(axial[fabric] - 45)


@pytest.mark.slow
def test_11_four_voxels_a_strut_give_the_modulus(run: Run) -> None:
    """Three sizes of voxel: with four a strut the modulus is within 5 %; all is finite and its change as printed."""
    out = run("11", "--size", "48", SITES=("femoral-head",), BMU_SEEDS=(1,), YEARS=1.0)
    fine, *coarser = rows(out, "femoral-head")
    assert len(fine) == 7 and fine[0] == 20 and np.isfinite(fine).all() and min(fine[2:5]) > 0
    assert fine[5] < 0 and fine[6] < 0, "bone is lost after menopause, with BMUs and without"
    assert [size for size, *_ in coarser] == [40, 60]
    assert coarser[0][1] > 4 > coarser[1][1] and out.count("modulus off by") == 1 and "NOT within" not in out
    for size, across, *cells in coarser:
        assert across == pytest.approx(fine[1] * 20 / size, abs=0.06)
        values, off = np.array(cells).reshape(5, 2).T
        assert values == pytest.approx(np.array(fine[2:]) * (1 + off / 100), rel=2e-3)
