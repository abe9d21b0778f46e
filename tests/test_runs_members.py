"""Members of a study: they depend on nothing but seed and number, bands over them, and a stop in the middle."""

import csv
import dataclasses
import json
import resource
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from scipy import stats

from plates import bone, carry_out
from trabfem.errors import UserError
from trabfem.runs import files, statistics
from trabfem.runs.compare import resume
from trabfem.runs.members import draw_member, make_members
from trabfem.runs.study import open_study
from trabfem.runs.trajectory import Moment, Moments, Trajectory
from trabfem.specimen import Specimen
from trabfem.specimen.morphometry import morphometry
from typed import read_dataset

ASKED: dict[str, Any] = {"years": 1.0, "months_per_step": 4.0, "seed": 7}
COUNT = 3
TREATED = {"Oestrogen": "estrogen 0-12"}


def run(out: Path, **options: Any) -> list[Trajectory]:
    return carry_out(TREATED, out, members=COUNT, **(ASKED | options)).arms[0].members


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[Trajectory]]:
    out = tmp_path_factory.mktemp("members") / "whole"
    return out, run(out)


def same_bits(one: Path, two: Path) -> bool:
    """Tables and fields of every member and the bands, bit for bit."""
    months = sorted(path.relative_to(one) for path in one.rglob("month_*.h5"))
    assert len(months) == COUNT * 4
    for path in months:
        with h5py.File(one / path) as a, h5py.File(two / path) as b:
            if any(not np.array_equal(read_dataset(a, key), read_dataset(b, key)) for key in ("fill", "sed")):
                return False
    return all((one / name).read_bytes() == (two / name).read_bytes() for name in ("timeseries.csv", "bands.csv"))


def test_members_follow_from_seed_and_number_alone() -> None:
    one, again, next_one, other = (draw_member(*key) for key in ((1, 0), (1, 0), (1, 1), (2, 0)))
    assert one == again and len({one.seed, next_one.seed, other.seed}) == 3
    assert one.parameters and next_one.parameters and other.parameters
    assert one.parameters.e2_half not in (next_one.parameters.e2_half, other.parameters.e2_half)
    assert make_members(1, 4)[1] == next_one and make_members(1, 2)[1] == next_one
    assert make_members(5, 1)[0].seed == 5 and make_members(5, 1)[0].parameters is None
    assert one.seed >= 0 and one.folder == "member_0000"
    with pytest.raises(UserError, match="give 0 or more"):
        draw_member(-1, 0)


def test_order_does_not_matter(tmp_path: Path, whole: tuple[Path, list[Trajectory]]) -> None:
    turned = run(tmp_path / "turned", order=[2, 1, 0])
    assert same_bits(whole[0], tmp_path / "turned")
    for one, two in zip(whole[1], turned, strict=True):
        assert np.array_equal(one.state.phi, two.state.phi) and one.table == two.table
    assert not np.array_equal(turned[0].state.phi, turned[1].state.phi)


@pytest.mark.slow
def test_processes_do_not_matter(tmp_path: Path, whole: tuple[Path, list[Trajectory]]) -> None:
    spread = run(tmp_path / "spread", workers=2)
    assert same_bits(whole[0], tmp_path / "spread")
    for one, two in zip(whole[1], spread, strict=True):
        assert np.array_equal(one.state.phi, two.state.phi) and one.table == two.table
    with pytest.raises(UserError, match="give at least 1"):
        run(tmp_path / "none", workers=0)


def test_bands_hold_the_members(whole: tuple[Path, list[Trajectory]]) -> None:
    out, runs = whole
    rows = list(csv.DictReader((out / "bands.csv").open()))
    for column in ("BV/TV", "failure load (N)", "CTX (relative to youth)"):
        last = np.array([member.table[column][-1] for member in runs])
        found = [float(rows[-1][column + suffix]) for suffix in (" low", "", " high")]
        reach = stats.t.ppf(0.95, COUNT - 1) * last.std(ddof=1) * np.sqrt(1 + 1 / COUNT)
        assert found == pytest.approx([last.mean() - reach, last.mean(), last.mean() + reach], rel=1e-6)
        assert found[0] < last.min() and last.max() < found[2]
    assert float(rows[-1]["E2 (pg/mL)"]) == pytest.approx(runs[0].table["E2 (pg/mL)"][-1])
    assert "E2 (pg/mL) low" not in rows[0], "the same in all members"
    assert rows[1]["Tb.Th (mm)"] == "" and rows[-1]["Tb.Th (mm) low"]
    own = [100 * member.table["failure load (N)"][-1] / member.table["failure load (N)"][0] for member in runs]
    assert [float(rows[at]["failure load, % of start high"]) for at in (0, -1)] == pytest.approx(
        [100, spread_of(np.array(own))[2]]
    )
    header = json.loads((out / "run.json").read_text())
    [changes] = header["summary"].values()
    assert changes["strength_change_%_low"] < changes["strength_change_%"] < changes["strength_change_%_high"]
    assert changes["strength_change_%_low"] < changes["strength_change_%_mean_low"] < changes["strength_change_%"]
    assert header["statistics"]["members"] == COUNT and "nine in ten" in header["statistics"]["low, high"]
    assert [each["done"] for each in header["members_done"]] == [True] * COUNT
    [arm] = open_study(out).arms  # pictures read the mean, its band, and the bone of member 0
    assert arm.column("failure load low") is not None and len(arm.months) == 4
    assert arm.change("failure load") == pytest.approx(np.mean(own) - 100)


def test_several_arms_share_their_members(tmp_path: Path) -> None:
    """Each arm has its own bands, and its gain over the first one is taken member by member."""
    study = carry_out({"Untreated": "", "Oestrogen": "estrogen 0-12"}, tmp_path, members=2, **ASKED)
    none, treated = (arm.members for arm in study)
    for one, two in zip(none, treated, strict=True):
        assert np.array_equal(one.fill_first, two.fill_first) and not np.array_equal(one.fill_last, two.fill_last)
    gained = statistics.gains(treated, none, "failure load (N)")[:, -1]
    assert list(study.header["over_the_first_arm"]) == ["oestrogen"]
    found = study.header["over_the_first_arm"]["oestrogen"]
    assert found["strength_points"] == pytest.approx(np.mean(gained))
    assert found["strength_points_low"] < found["strength_points"] < found["strength_points_high"]
    interval = stats.ttest_1samp(gained, 0).confidence_interval(0.95)
    ends = [found["strength_points_mean_low"], found["strength_points_mean_high"]]
    assert ends == pytest.approx([interval.low, interval.high])
    word = {row[:2]: row[-1] for row in study.table.rows}["Oestrogen", "strength"]
    assert word == ("within chance" if interval.low < 0 < interval.high else "beyond chance") and word in str(study)
    arms = open_study(tmp_path).arms
    assert [arm.name for arm in arms] == ["Untreated", "Oestrogen"] and all(len(arm.months) == 4 for arm in arms)
    assert all(arm.column("failure load high") is not None for arm in arms)
    assert arms[1].bone(month=12, member=1).bvtv == pytest.approx(treated[1].fill_last.mean(), abs=1e-3)


def test_bone_cut_through_counts_as_it_ended(whole: tuple[Path, list[Trajectory]]) -> None:
    one, two, _ = whole[1]
    short = dataclasses.replace(
        two, months=two.months[:2], table={key: values[:2] for key, values in two.table.items()}, ended="cut"
    )
    values = statistics.stack_runs([one, short], "BV/TV")
    assert values[1, -1] == two.table["BV/TV"][1] and values[0, -1] == one.table["BV/TV"][-1]
    gained = statistics.gains([short], [one], "BV/TV")
    assert gained.shape == (1, len(one.months)) and np.isfinite(gained).all(), (
        "an arm that ended, over one that did not"
    )
    assert gained[0, -1] == pytest.approx(
        100 * (two.table["BV/TV"][1] / two.table["BV/TV"][0] - one.table["BV/TV"][-1] / one.table["BV/TV"][0])
    )
    assert statistics.summarise_gains([short], [one])["BV/TV_points"] == pytest.approx(gained[0, -1])
    stuck = dataclasses.replace(short, ended="", trouble="did not converge")
    assert np.isnan(statistics.stack_runs([one, stuck], "BV/TV")[1, -1])


def test_structure_in_the_table_is_that_of_the_bone(whole: tuple[Path, list[Trajectory]]) -> None:
    [run, *_] = whole[1]
    for place, fill in ((0, run.fill_first), (-1, run.fill_last)):
        found = morphometry(Specimen(fill, bone().spacing))
        for name, unit in (("Tb.Th", "mm"), ("Tb.N", "1/mm"), ("Conn.D", "1/mm^3")):
            assert run.table[f"{name} ({unit})"][place] == pytest.approx(found[name], rel=1e-6)


def with_strength(run: Trajectory, *values: float) -> Trajectory:
    """The run with this strength at months 0, 12, 24 ..."""
    months = [12.0 * k for k in range(len(values))]
    return dataclasses.replace(run, months=months, table={"strength": list(values)})


def test_arms_are_compared_member_by_member(whole: tuple[Path, list[Trajectory]]) -> None:
    [run, *_] = whole[1]
    runs = [with_strength(run, 2, 1, 3, 2), with_strength(run, 4, 4, 5, 6)]
    others = [with_strength(run, 1, 1, 1, 2), with_strength(run, 4, 2, 4, 4)]
    gained = statistics.gains(runs, others, "strength")
    assert gained.tolist() == [[0.0, -50.0, 50.0, -100.0], [0.0, 50.0, 25.0, 50.0]]
    months = np.array(runs[0].months)
    assert statistics.mean_around_year(gained, months, 2.0) == pytest.approx([-100 / 3, 125 / 3])
    assert statistics.mean_around_year(gained, months, 3.0) == pytest.approx([-25.0, 37.5])
    assert statistics.standard_error(np.array([1.0, 2.0, 3.0, 4.0])) == pytest.approx(np.sqrt(5 / 3) / 2)
    assert np.isnan(statistics.standard_error(np.array([1.0])))


def spread_of(values: np.ndarray) -> tuple[float, float, float, float, float, str]:
    """Mean, both ends of the band, both of the interval, verdict."""
    found = statistics.spread(values)
    assert found is not None and found.count == len(values)
    ends = [getattr(found, end) for end in statistics.LIMITS]
    low, high, mean_low, mean_high = map(float, ends)
    return found.mean, low, high, mean_low, mean_high, found.verdict


def test_band_and_interval_are_those_of_students_t() -> None:
    values = np.array([3.0, 5.0, 4.0, 8.0])
    mean, low, high, *interval, verdict = spread_of(values)
    reach = stats.t(3).ppf(0.95) * np.sqrt(14 / 3) * np.sqrt(1.25)
    assert (mean, low, high) == pytest.approx((5, 5 - reach, 5 + reach)) and low < values.min() < values.max() < high
    known = stats.ttest_1samp(values, 0).confidence_interval(0.95)
    assert interval == pytest.approx([known.low, known.high])
    assert verdict == "beyond chance" and spread_of(values - 5)[-1] == "within chance"
    assert statistics.format_band(values) == "+5.0 [-0.7, +10.7]"
    assert statistics.format_gain(values) == "+5.0 [+1.6, +8.4] beyond chance"


def test_nine_in_ten_further_members_fall_within_the_band_of_four() -> None:
    draws = np.random.default_rng(3).standard_normal((4000, 5))
    found = [spread_of(four) for four in draws[:, :4]]
    within = [each[1] < fifth < each[2] for each, fifth in zip(found, draws[:, 4], strict=True)]
    assert np.mean(within) == pytest.approx(0.9, abs=0.015)
    ranged = (draws[:, :4].min(axis=1) < draws[:, 4]) & (draws[:, 4] < draws[:, :4].max(axis=1))
    assert ranged.mean() == pytest.approx(0.6, abs=0.03), "what their range would hold"
    assert np.mean([each[-1] == "beyond chance" for each in found]) == pytest.approx(0.05, abs=0.012)


def test_one_member_has_no_band_and_equal_ones_no_width() -> None:
    one = statistics.spread(np.array([2.0, np.nan]))
    assert one == statistics.Spread(1, 2.0) and statistics.Spread(1, 2.0).verdict == ""
    assert statistics.spread(np.array([np.nan])) is None
    assert spread_of(np.full(5, 0.1)) == (*[pytest.approx(0.1)] * 5, "beyond chance")
    assert spread_of(np.zeros(3)) == (0, 0, 0, 0, 0, "within chance")
    assert statistics.entries("points", {"BV/TV": np.array([2.0])}) == {"BV/TV_points": 2.0}


def test_structure_is_compared_between_the_first_and_the_last_bone(
    whole: tuple[Path, list[Trajectory]],
) -> None:
    block, plate = np.zeros((2, 8, 8, 8), np.float32)
    block[:4, :4, :4] = plate[:2, :4, :4] = 1
    runs = [
        dataclasses.replace(
            whole[1][0],
            months=[0.0, 1.0],
            moments=Moments({0.0: Moment(0.0, block, block), 1.0: Moment(1.0, last, last)}),
        )
        for last in (plate, block)
    ]
    found = statistics.structure_changes(runs, (0.02, 0.02, 0.02), ("BV/TV", "Tb.Th"))
    assert found[0, 0] == pytest.approx(-50.0) and found[0, 1] < -20
    assert found[1].tolist() == [0.0, 0.0]


class Killed(Exception):
    """Stands for a kill between two writes."""


def test_a_killed_study_goes_on_member_by_member(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, whole: tuple[Path, list[Trajectory]]
) -> None:
    write = files.write_atomic

    def dying(path: Path, fill: Any) -> None:
        if path.name == "month_0008.h5" and "member_0001" in str(path):
            path.with_name(f".{path.name}.1.partial").write_bytes(b"half")
            raise Killed
        write(path, fill)

    monkeypatch.setattr(files, "write_atomic", dying)
    with pytest.raises(Killed):
        run(tmp_path / "part")
    monkeypatch.undo()
    header = json.loads((tmp_path / "part/run.json").read_text())
    assert [each["done"] for each in header["members_done"]] == [True, False, False]
    seen: list[tuple[int, int]] = []
    resume(tmp_path / "part", progress=lambda _, step, steps, now: seen.append((step, steps)))
    assert same_bits(whole[0], tmp_path / "part") and not list((tmp_path / "part").rglob("*.partial"))
    # Member 0 stood at its end, member 1 at month 4, member 2 had not begun.
    assert seen == [(k, 9) for k in (3, 4, 5, 6, 6, 7, 8, 9)]


@pytest.mark.parametrize("room", [150_000, 4_000])
def test_a_full_disk_is_one_sentence_and_the_run_goes_on_later(tmp_path: Path, room: int) -> None:
    """A limit on the size of files stands for the disk: the state does not fit, or not even a month's fields."""
    out = tmp_path / "run"
    carry_out({"Untreated": ""}, out, years=1 / 3, months_per_step=4.0, seed=3)
    before = {path: path.read_bytes() for path in out.rglob("month_*.h5")}
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (room, hard))
        with pytest.raises(UserError) as caught:
            resume(out, years=1.0, progress=False)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    said = str(caught.value)
    assert said.endswith("free some space") and "File too large" in said and "\n" not in said and len(said) < 300
    # With little room not even run.json, which is written first, can be replaced.
    assert ("state.h5" if room > 9_000 else "run.json") in said
    assert all(path.read_bytes() == known for path, known in before.items())
    assert not list(out.rglob("*.partial")) and open_study(out).arms[0].months[0] == 0
    assert resume(out, years=1.0, progress=False).arms[0].members[0].months == [0, 4, 8, 12]
