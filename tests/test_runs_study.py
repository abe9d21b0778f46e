"""A study on disk: what it holds, a stop at any moment, resuming without saying anything again, and what is refused."""

import csv
import json
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

import trabfem as tf
from plates import WOMAN, bone, carry_out
from trabfem.errors import UserError
from trabfem.remodelling.settings import Settings, smooth_settings
from trabfem.runs import files
from trabfem.runs.compare import resume
from trabfem.runs.plan import plan_from_table, settings_from_table, settings_table
from trabfem.runs.statistics import changes
from trabfem.runs.study import Study, open_study
from typed import read_dataset

STEP = 4.0
UNTREATED = {"Untreated": ""}


class Killed(Exception):
    """Stands for a kill between two writes."""


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Study:
    """Two arms without chance: a pit is 5 % of so small a block, more than a year of treatment."""
    arms = {"Untreated": "", "Denosumab 1 y": "denosumab 0-12; disuse 0.9 8-12"}
    out = tmp_path_factory.mktemp("study") / "out"
    seen: list[tuple[str, int, int, str]] = []
    found = carry_out(
        arms, out, years=1.0, months_per_step=STEP, settings=smooth_settings(), progress=lambda *now: seen.append(now)
    )
    assert all(f"month {STEP * k:g}, BV/TV 0." in now and "strength" in now for _, k, _, now in seen)
    # Arms march side by side.
    assert [now[:3] for now in seen] == [(name, k, 3) for k in range(4) for name in arms]
    return found


def test_the_folder_holds_what_was_asked_understood_and_found(study: Study) -> None:
    assert study.folder is not None
    header = json.loads((study.folder / "run.json").read_text())
    assert (header["kind"], header["format"]) == ("study", 3)
    assert [arm["slug"] for arm in header["arms"]] == ["untreated", "denosumab_1_y"]
    assert header["shape"] == list(bone().shape) and header["spacing_mm"] == pytest.approx(list(bone().spacing))
    gain = header["summary"]["denosumab_1_y"]["BV/TV_change_%"]
    assert gain > header["summary"]["untreated"]["BV/TV_change_%"]
    assert header["understood"]["untreated"] == []
    assert [words.split(",")[0] for words in header["understood"]["denosumab_1_y"]] == [
        "denosumab",
        "usual loads x 0.9",
    ]
    assert "failure load" in next(note for note in header["notes"] if note.startswith("Month 0 is the scan itself"))
    known = {column["label"]: column for column in header["columns"]}
    rows = list(csv.DictReader((study.folder / "timeseries.csv").open()))
    assert set(rows[0]) - {"arm", "slug", "member"} == set(known), "every column has a unit and a meaning"
    assert known["failure load (N)"]["unit"] == "N" and all(column["meaning"] for column in known.values())
    assert [row["month"] for row in rows] == ["0", "4", "8", "12"] * 2
    assert rows[0]["Tb.Th (mm)"] and not rows[1]["Tb.Th (mm)"] and rows[3]["Tb.Th (mm)"]
    with h5py.File(study.folder / "untreated/member_0000/month_0012.h5") as file:
        fill, energy = read_dataset(file, "fill"), read_dataset(file, "sed")
        assert fill.dtype == np.uint8 and energy.dtype == np.float16
        assert fill.shape == bone().shape and file.attrs["month"] == 12
        assert np.mean(fill) / 255 == pytest.approx(float(rows[3]["BV/TV"]), rel=2e-3)


def test_opened_again_it_says_the_same(study: Study) -> None:
    assert study.folder is not None
    again = tf.open(study.folder)
    assert [arm.name for arm in again] == [arm.name for arm in study] and again.table.rows == study.table.rows
    arm, before = again["Denosumab 1 y"], study["denosumab_1_y"]
    assert arm.schedule == "denosumab 0-12; disuse 0.9 8-12"
    for label, values in before.table.items():
        assert np.allclose(arm.table[label], values, rtol=1e-7, equal_nan=True), label
    assert arm.months == (0.0, 4.0, 8.0, 12.0)
    assert np.abs(arm.bone(12).fill - before.bone(12).fill).max() <= 0.5001 / 255
    assert arm.bone().spacing == bone().spacing and "Month 12" in arm.bone().notes[-1]
    assert arm.change("failure load") == pytest.approx(changes(before.members, "failure load (N)")[0, -1], rel=1e-5)
    with pytest.raises(UserError, match="month = 5: no bone is saved there, only at 0, 4, 8, 12"):
        arm.bone(5)
    with pytest.raises(UserError, match="member = 3"):
        arm.bone(member=3)
    with pytest.raises(KeyError, match="the arms are 'Untreated', 'Denosumab 1 y'"):
        again["Aspirin"]


def test_months_of_workers_are_read_before_the_table_has_them(tmp_path: Path) -> None:
    """Workers write their own folders, the table follows when a batch has ended: a study is read while it runs."""
    out = tmp_path / "out"
    carry_out(UNTREATED, out, years=1.0, months_per_step=STEP, settings=smooth_settings())
    whole = tf.open(out)["Untreated"]
    header = json.loads((out / "run.json").read_text())
    (out / "run.json").write_text(json.dumps(header | {"members_done": []}))
    table = (out / "timeseries.csv").read_text().splitlines(keepends=True)
    for kept in (2, 0):
        (out / "timeseries.csv").write_text("".join(table[:kept])) if kept else (out / "timeseries.csv").unlink()
        read = tf.open(out)["Untreated"]
        assert read.months == whole.months
        assert np.allclose(read.table["failure load (N)"], whole.table["failure load (N)"], rtol=1e-7)


def test_a_study_shows_itself(study: Study) -> None:
    assert "<td>Denosumab 1 y</td>" in study._repr_html_() and "strength" in str(study)
    assert "failure load (N)" in study["Untreated"]._repr_html_()
    change = {row[:2]: row[2] for row in study.table.rows}
    assert change["Untreated", "BV/TV"] == pytest.approx(study["Untreated"].change("BV/TV"))
    pandas = pytest.importorskip("pandas", reason="pandas is optional")
    frame = study.to_pandas()
    assert isinstance(frame, pandas.DataFrame) and list(frame["arm"].unique()) == ["Untreated", "Denosumab 1 y"]


def test_without_a_folder_first_and_last_bone_are_kept() -> None:
    found = tf.simulate(
        bone(), WOMAN, "alendronate 0-12", years=1.0, months_per_step=STEP, settings=smooth_settings(), progress=False
    )
    [arm] = found.arms
    assert found.folder is None and arm.name == "alendronate 0-12" and arm.months == (0.0, 12.0)
    assert arm.bone(0).bvtv == pytest.approx(arm.table["BV/TV"][0])
    with pytest.raises(UserError, match="give out= a folder"):
        arm.bone(4)


@pytest.mark.parametrize(
    "settings", [pytest.param(smooth_settings(), marks=pytest.mark.slow), Settings()], ids=["smooth", "BMUs"]
)
@pytest.mark.parametrize(("victim", "time"), [("month_0008.h5", 1), ("timeseries.csv", 3), ("state.h5", 3)])
def test_a_killed_run_resumes_to_the_same_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, victim: str, time: int, settings: Settings
) -> None:
    """Killed at any write, and resumed with nothing but the folder."""
    asked: dict[str, Any] = {"years": 4 / 3, "months_per_step": STEP, "seed": 3, "settings": settings}
    [whole] = carry_out(UNTREATED, tmp_path / "whole", **asked).arms[0].members
    write, seen = files.write_atomic, []

    def dying(path: Path, fill: Any) -> None:
        def fill_half(partial: Path) -> None:
            fill(partial)
            with partial.open("r+b") as file:
                file.truncate(partial.stat().st_size // 2)
            raise Killed

        seen.append(path.name)
        write(path, fill_half if path.name == victim and seen.count(victim) == time else fill)

    monkeypatch.setattr(files, "write_atomic", dying)
    with pytest.raises(Killed):
        carry_out(UNTREATED, tmp_path / "part", **asked)
    monkeypatch.undo()
    assert not list((tmp_path / "part").rglob("*.partial"))
    [again] = resume(tmp_path / "part", progress=False).arms[0].members
    assert np.array_equal(again.state.phi, whole.state.phi)
    assert np.array_equal(again.state.solution.displacement, whole.state.solution.displacement)
    assert again.table == whole.table
    assert same_files(tmp_path / "whole", tmp_path / "part")


def same_files(one: Path, two: Path) -> bool:
    """Tables and months, bit for bit."""
    names = sorted(str(path.relative_to(one)) for path in one.rglob("month_*.h5"))
    if names != sorted(str(path.relative_to(two)) for path in two.rglob("month_*.h5")) or not names:
        return False
    for name in names:
        with h5py.File(one / name) as a, h5py.File(two / name) as b:
            if any(not np.array_equal(read_dataset(a, key), read_dataset(b, key)) for key in ("fill", "sed")):
                return False
    return (one / "timeseries.csv").read_text() == (two / "timeseries.csv").read_text()


def contents(folder: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_what_cannot_be_resumed_is_refused_and_left_as_it_is(tmp_path: Path) -> None:
    """Fewer years or members than there are, a full folder, another version, one that is being written."""
    out = tmp_path / "out"
    asked: dict[str, Any] = {"months_per_step": STEP, "settings": smooth_settings()}
    carry_out(UNTREATED, out, years=1.0, members=2, **asked)
    before = contents(out)
    with pytest.raises(UserError, match="years = 0.4: .* stands at month 12 already; give at least 1$"):
        resume(out, years=0.4, progress=False)
    with pytest.raises(UserError, match="members = 1: the study in .* has 2; give at least as many"):
        resume(out, members=1, progress=False)
    with pytest.raises(UserError, match="is not empty and is left as it is"):
        carry_out(UNTREATED, out, years=1.0, members=2, **asked)
    with files.lock_folder(out), pytest.raises(UserError, match="another process"):
        resume(out, progress=False)
    assert contents(out) == before
    header = json.loads((out / "run.json").read_text())
    (out / "run.json").write_text(json.dumps(header | {"format": 2}))
    before = contents(out)
    for attempt in (lambda: resume(out), lambda: open_study(out)):
        with pytest.raises(UserError, match="another version of trabfem"):
            attempt()
    assert contents(out) == before


@pytest.mark.parametrize(
    ("arms", "change", "said"),
    [
        ({"Untreated": "alendronate 0-12"}, {}, "schedule of arm 'Untreated' = alendronate 0-12: .* has 'nothing'; "),
        ({"Treated": ""}, {}, "arms = Treated: the study in .* has Untreated; "),
        (UNTREATED | {"Other": ""}, {}, "arms = Untreated, Other: the study in .* has Untreated; "),
        (
            UNTREATED,
            {"seed": 8},
            "seed = 8: the study in .* has 1; leave it out or repeat it to go on, or give",
        ),
        (UNTREATED, {"months_per_step": 2.0}, "months_per_step = 2: the study in .* has 4; "),
        (UNTREATED, {"settings": smooth_settings(apparent_stress=2.0)}, "apparent_stress = 2: the study in .* has "),
        (UNTREATED, {"settings": Settings()}, "bmus = .*: the study in .* has 'nothing'; "),
        (UNTREATED, {"n": 16}, r"specimen = \(16, 16, 16\) voxels of .*: the study in .* has \(18, 18, 18\) voxels"),
    ],
)
def test_a_changed_option_is_named_before_anything_is_done(
    finished: Path, monkeypatch: pytest.MonkeyPatch, arms: dict[str, str], change: dict[str, Any], said: str
) -> None:
    before = contents(finished)
    monkeypatch.setattr("trabfem.runs.compare.Bone", None)
    asked: dict[str, Any] = {"months_per_step": STEP, "settings": smooth_settings(), "years": 2.0, "resuming": True}
    with pytest.raises(UserError, match=said):
        carry_out(arms, finished, **(asked | change))
    assert contents(finished) == before


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of one step."""
    out = tmp_path_factory.mktemp("finished") / "out"
    carry_out(UNTREATED, out, years=1 / 3, months_per_step=STEP, settings=smooth_settings())
    return out


def test_a_study_that_was_stopped_before_it_began_is_begun(tmp_path: Path) -> None:
    """Whether it is resumed or asked for anew; a file that is not its own keeps others out."""
    for resuming in (False, True):
        out = tmp_path / f"out {resuming}"
        out.mkdir()
        for name in (".lock", "specimen.h5", ".run.json.7.partial"):
            (out / name).write_bytes(b"half")
        carry_out(UNTREATED, out, years=1 / 3, months_per_step=STEP, settings=smooth_settings(), resuming=resuming)
        assert tf.open(out)["Untreated"].months == (0.0, 4.0) and not list(out.glob("*.partial"))
    (tmp_path / "specimen.h5").write_bytes(b"mine")
    with pytest.raises(UserError, match="not empty"):
        carry_out(UNTREATED, tmp_path, years=1.0, settings=smooth_settings())
    assert (tmp_path / "specimen.h5").read_bytes() == b"mine"


def test_a_folder_of_something_else_is_not_gone_on_with(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("keep")
    with pytest.raises(UserError, match="holds no run.json"):
        carry_out(UNTREATED, tmp_path, years=1.0, resuming=True)
    assert [path.name for path in tmp_path.iterdir() if path.name != ".lock"] == ["mine.txt"]


def test_the_start_is_solved_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A resumed study takes month 0 from its folder, and what follows is the same bit for bit."""
    arms = {"Rest": "disuse 0.5 0-4", "Turned": "direction 20deg x 4-8"}
    asked: dict[str, Any] = {"months_per_step": STEP, "seed": 3}
    whole = carry_out(arms, tmp_path / "whole", years=1 / 3, members=2, **asked)
    carry_out(arms, tmp_path / "part", years=1 / 3, members=1, **asked)
    header = json.loads((tmp_path / "part/run.json").read_text())
    for path in (tmp_path / "part").glob("*/member_0000/*"):
        path.unlink()  # so that nothing but the start is known

    def solve_again(*_: Any) -> None:
        raise AssertionError("the start was solved again")

    monkeypatch.setattr("trabfem.runs.runner.start_state", solve_again)
    again = resume(tmp_path / "part", members=2, progress=False)
    assert header["scan"] == again.header["scan"] == whole.header["scan"]
    for arm in whole:
        for one, two in zip(arm.members, again[arm.name].members, strict=True):
            assert one.table == two.table and np.array_equal(one.state.phi, two.state.phi)
            assert np.array_equal(one.state.solution.displacement, two.state.solution.displacement)


def test_a_short_last_step_is_part_of_the_record(tmp_path: Path) -> None:
    """Half a year in steps of four months ends at month 6, and goes on from there in whole steps."""
    asked: dict[str, Any] = {"months_per_step": STEP, "settings": smooth_settings()}
    arms = {"Untreated": "", "Denosumab": "denosumab 0-12"}
    first = carry_out(arms, tmp_path, years=0.5, **asked)
    assert [arm.months for arm in first] == [(0.0, 4.0, 6.0)] * 2 and "6 months" in str(first)
    known = (tmp_path / "timeseries.csv").read_text()
    seen: list[str] = []

    def look(*_: Any) -> None:
        seen.append((tmp_path / "timeseries.csv").read_text())

    longer = resume(tmp_path, years=1.0, progress=look)
    assert [arm.months for arm in longer] == [(0.0, 4.0, 6.0, 10.0, 12.0)] * 2 and "1 year" in str(longer)
    assert longer.header["stops"] == [0.5]
    assert all(set(known.splitlines()) <= set(text.splitlines()) for text in seen), "no row is lost meanwhile"
    assert resume(tmp_path, years=1.5, progress=False).arms[1].months == (0, 4, 6, 10, 12, 16, 18)
    dose = longer["Denosumab"].table["CTX (relative to youth)"]
    straight = carry_out({"Denosumab": "denosumab 0-12"}, years=1.0, **asked).arms[0].table["CTX (relative to youth)"]
    assert dose[[0, 1, 4]] == pytest.approx(straight[[0, 1, 3]], rel=1e-3), "the cells know nothing of steps"


def test_more_years_and_members_go_on_from_the_end(tmp_path: Path) -> None:
    asked: dict[str, Any] = {"months_per_step": STEP, "settings": smooth_settings()}
    carry_out(UNTREATED, tmp_path, years=1 / 3, members=2, **asked)
    seen: list[int] = []
    found = resume(tmp_path, years=1.0, members=3, progress=lambda _, done, total, now: seen.append(done))
    assert [run.months for run in found.arms[0].members] == [[0, 4, 8, 12]] * 3
    assert seen[0] == 1, "members that stand at month 4 are not run again"
    assert open_study(tmp_path).header["years"] == 1.0
    direct = carry_out(UNTREATED, tmp_path / "direct", years=1.0, members=3, **asked)
    for label in ("BV/TV", "failure load (N)", "surface SED (MPa)"):  # structure is measured at the last month as well
        one, two = ([run.table[label] for run in each.arms[0].members] for each in (direct, found))
        assert one == two


def test_stopped_by_the_keyboard_it_can_be_read_and_resumed(tmp_path: Path) -> None:
    def stop(_: str, done: int, total: int, now: str) -> None:
        if done == 2:
            raise KeyboardInterrupt

    asked: dict[str, Any] = {"years": 1.0, "months_per_step": STEP, "settings": smooth_settings()}
    with pytest.raises(KeyboardInterrupt):
        carry_out(UNTREATED, tmp_path, progress=stop, **asked)
    assert open_study(tmp_path)["Untreated"].months == (0.0, 4.0, 8.0)
    assert open_study(tmp_path)["Untreated"].table["month"].tolist() == [0.0, 4.0, 8.0]
    assert resume(tmp_path, progress=False)["Untreated"].months == (0.0, 4.0, 8.0, 12.0)


def test_a_plan_is_read_back_from_plain_values() -> None:
    settings = Settings(accommodation=np.inf, activities=tf.Settings().usual_day, rtol=1e-4)
    assert settings_from_table(json.loads(json.dumps(settings_table(settings)))) == settings
    found = carry_out({"A": "denosumab 0-6; exercise 1.2 0-3"}, years=0.1, months_per_step=1.0, settings=settings)
    plan = plan_from_table(json.loads(json.dumps(found.header)), bone())
    assert plan.patient == WOMAN and plan.settings == settings and str(plan.arms[0].schedule) == found.arms[0].schedule


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"years": 0.0}, "years = 0: give a number above 0"),
        ({"months_per_step": 13.0}, "months_per_step = 13: give a number above 0 and at most 4"),
        ({"months_per_step": 2.5, "years": 1 / 6}, "months_per_step = 2.5: give a number above 0 and at most 2"),
        ({"members": 0}, "members = 0: give at least 1"),
        ({"workers": 0}, "workers = 0: give at least 1"),
        ({"seed": -1}, "seed = -1: give 0 or more"),
        ({"settings": Settings(apparent_stress=-1.0)}, "apparent_stress = -1"),
    ],
)
def test_numbers_out_of_range_are_named(tmp_path: Path, change: dict[str, Any], said: str) -> None:
    with pytest.raises(UserError, match=said):
        carry_out(UNTREATED, tmp_path / "out", **{"years": 1.0, **change})
    assert not (tmp_path / "out").exists() or not list((tmp_path / "out").glob("[!.]*"))


@pytest.mark.parametrize(
    ("arms", "said"),
    [
        ({"A": "aspirin 0-3"}, "arm 'A'.*aspirin"),
        ({"A": "alendronate 3-0"}, "arm 'A': .*earlier month first"),
        ({"A": "", " ": ""}, "arm name ' ' is empty"),
        ({}, "at least one"),
    ],
)
def test_arms_that_make_no_sense_are_named(arms: dict[str, str], said: str) -> None:
    with pytest.raises(UserError, match=said):
        tf.compare(bone(), WOMAN, arms, progress=False)


def test_a_rule_by_name_needs_no_bmus(tmp_path: Path) -> None:
    """`rule = "binary-flips"` in a configuration is all that is needed."""
    from trabfem.runs import config

    path = tmp_path / "case.toml"
    path.write_text('rule = "binary-flips"\n')
    settings = config.make_settings(config.load(path))
    assert settings.bmus is None and settings.rule.__name__ == "BinaryFlips"
    [run] = carry_out(UNTREATED, years=0.4, months_per_step=STEP, settings=settings).arms[0].members
    assert set(np.unique(run.fill_last)) == {0.0, 1.0} and run.table["BV/TV"][-1] != run.table["BV/TV"][0]
    path.write_text('rule = "random"\n')
    with pytest.raises(UserError, match="rule = random: choose one of level-set"):
        config.load(path)
