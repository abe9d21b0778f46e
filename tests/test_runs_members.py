"""Ensembles: members that depend on nothing but seed and number, bands over them, and a stop in the middle."""

import csv
import dataclasses
import json
import resource
from pathlib import Path

import h5py
import numpy as np
import pytest
from trabfem.render.run import read_run

from plates import bone
from trabfem.biology import schedule
from trabfem.biology.patient import Patient
from trabfem.errors import UserError
from trabfem.remodelling import checkpoint, ensemble, simulate
from trabfem.remodelling.settings import living
from trabfem.specimen import Specimen
from trabfem.specimen.morphometry import morphometry

WOMAN = Patient("female", 50.0, 51.0)
ASKED = {"years": 1.0, "months_per_step": 4.0, "seed": 7, "settings": living()}
COUNT = 3


def run(out: Path, **options: object) -> list[simulate.Trajectory]:
    course = ensemble.Course("Ensemble", "", schedule.parse("estrogen 0-12"))
    [runs] = ensemble.run(bone(), WOMAN, [course], COUNT, out, **(ASKED | options))  # type: ignore[arg-type]
    return runs


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[simulate.Trajectory]]:
    out = tmp_path_factory.mktemp("ensemble") / "whole"
    return out, run(out)


def same_bits(one: Path, two: Path) -> bool:
    """Tables and fields of every member and the bands, bit for bit."""
    tables = sorted(path.relative_to(one) for path in one.rglob("timeseries.csv"))
    months = sorted(path.relative_to(one) for path in one.rglob("month_*.h5"))
    assert len(tables) == COUNT + 1 and len(months) == COUNT * 4
    for path in months:
        with h5py.File(one / path) as a, h5py.File(two / path) as b:
            if any(not np.array_equal(a[key], b[key]) for key in ("fill", "sed")):
                return False
    return all((one / path).read_bytes() == (two / path).read_bytes() for path in tables)


def test_members_follow_from_seed_and_number_alone() -> None:
    one, again, next_one, other = (ensemble.member(*key) for key in ((1, 0), (1, 0), (1, 1), (2, 0)))
    assert one == again and len({one.seed, next_one.seed, other.seed}) == 3
    assert one.parameters.e2_half not in (next_one.parameters.e2_half, other.parameters.e2_half)
    assert one.seed >= 0 and one.folder == "member_0000"
    with pytest.raises(UserError, match="give 0 or more"):
        ensemble.member(-1, 0)


def test_order_does_not_matter(tmp_path: Path, whole: tuple[Path, list[simulate.Trajectory]]) -> None:
    turned = run(tmp_path / "turned", order=[2, 1, 0])
    assert same_bits(whole[0], tmp_path / "turned")
    for one, two in zip(whole[1], turned, strict=True):
        assert np.array_equal(one.state.phi, two.state.phi) and one.table == two.table
    assert not np.array_equal(turned[0].state.phi, turned[1].state.phi)


def test_processes_do_not_matter(tmp_path: Path, whole: tuple[Path, list[simulate.Trajectory]]) -> None:
    spread = run(tmp_path / "spread", workers=2)
    assert same_bits(whole[0], tmp_path / "spread")
    for one, two in zip(whole[1], spread, strict=True):
        assert np.array_equal(one.state.phi, two.state.phi) and one.table == two.table
    with pytest.raises(UserError, match="give at least 1"):
        run(tmp_path / "none", workers=0)


def test_bands_hold_the_members(whole: tuple[Path, list[simulate.Trajectory]]) -> None:
    out, runs = whole
    rows = list(csv.DictReader((out / "timeseries.csv").open()))
    for column in ("BV/TV", "failure load (N)", "CTX"):
        last = sorted(member.table[column][-1] for member in runs)
        found = [float(rows[-1][column + suffix]) for suffix in (" low", "", " high")]
        assert found == pytest.approx(np.quantile(last, [0.05, 0.5, 0.95]), rel=1e-6)
        assert last[0] < found[0] < found[1] < found[2] < last[-1]
    assert rows[1]["Tb.Th (mm)"] == "" and rows[-1]["Tb.Th (mm) low"]
    own = [100 * member.table["failure load (N)"][-1] / member.table["failure load (N)"][0] for member in runs]
    assert [float(rows[at]["failure load, % of start high"]) for at in (0, -1)] == pytest.approx(
        [100, np.quantile(own, 0.95)]
    )
    header = json.loads((out / "run.json").read_text())
    [changes] = header["summary"].values()
    assert changes["strength_change_%_low"] < changes["strength_change_%"] < changes["strength_change_%_high"]
    assert [each["done"] for each in header["members"]] == [True] * COUNT
    assert (out / "member_0002/run.json").exists()
    [arm] = read_run(out).arms  # pictures read the median, its band, and the bone of member 0
    assert arm.column("failure load low") is not None and len(arm.files) == 4
    assert arm.change("failure load") == pytest.approx(np.median(own) - 100)


def test_several_arms_share_their_members(tmp_path: Path) -> None:
    """Each arm has its own bands, and its gain over the first one is taken member by member."""
    courses = [
        ensemble.Course("Untreated", "untreated", schedule.parse("")),
        ensemble.Course("Oestrogen", "oestrogen", schedule.parse("estrogen 0-12")),
    ]
    none, treated = ensemble.run(bone(), WOMAN, courses, 2, tmp_path, **ASKED)  # type: ignore[arg-type]
    for one, two in zip(none, treated, strict=True):
        assert np.array_equal(one.fill_first, two.fill_first) and not np.array_equal(one.fill_last, two.fill_last)
    header = json.loads((tmp_path / "run.json").read_text())
    first, second = (arm["slug"] for arm in header["arms"])
    assert (first, second) == ("member_0000/untreated/simulation", "member_0000/oestrogen/simulation")
    gained = ensemble.gains(treated, none, "failure load (N)")[:, -1]
    found = header["over_the_first_arm"][second]
    assert found["strength_points"] == pytest.approx(np.median(gained))
    assert found["strength_points_low"] < found["strength_points"] < found["strength_points_high"]
    assert list(header["over_the_first_arm"]) == [second] and list(header["summary"]) == [first, second]
    arms = read_run(tmp_path).arms
    assert [arm.name for arm in arms] == ["Untreated", "Oestrogen"] and all(len(arm.files) == 4 for arm in arms)
    assert all(arm.column("failure load high") is not None for arm in arms)
    assert (tmp_path / "member_0001/oestrogen/run.json").exists()


def test_bone_cut_through_counts_as_it_ended(whole: tuple[Path, list[simulate.Trajectory]]) -> None:
    one, two, _ = whole[1]
    short = dataclasses.replace(
        two, months=two.months[:2], table={key: values[:2] for key, values in two.table.items()}, ended="cut"
    )
    values = ensemble.stacked([one, short], "BV/TV")
    assert values[1, -1] == two.table["BV/TV"][1] and values[0, -1] == one.table["BV/TV"][-1]
    stuck = dataclasses.replace(short, ended="", trouble="did not converge")
    assert np.isnan(ensemble.stacked([one, stuck], "BV/TV")[1, -1])


def test_structure_in_the_table_is_that_of_the_bone(whole: tuple[Path, list[simulate.Trajectory]]) -> None:
    [run, *_] = whole[1]
    for place, fill in ((0, run.fill_first), (-1, run.fill_last)):
        found = morphometry(Specimen(fill, bone().spacing))
        for name, unit in (("Tb.Th", "mm"), ("Tb.N", "1/mm"), ("Conn.D", "1/mm^3")):
            assert run.table[f"{name} ({unit})"][place] == pytest.approx(found[name], rel=1e-6)


def with_strength(run: simulate.Trajectory, *values: float) -> simulate.Trajectory:
    """The run with this strength at months 0, 12, 24 ..."""
    months = [12.0 * k for k in range(len(values))]
    return dataclasses.replace(run, months=months, table={"strength": list(values)})


def test_arms_are_compared_member_by_member(whole: tuple[Path, list[simulate.Trajectory]]) -> None:
    [run, *_] = whole[1]
    runs = [with_strength(run, 2, 1, 3, 2), with_strength(run, 4, 4, 5, 6)]
    others = [with_strength(run, 1, 1, 1, 2), with_strength(run, 4, 2, 4, 4)]
    gained = ensemble.gains(runs, others, "strength")
    assert gained.tolist() == [[0.0, -50.0, 50.0, -100.0], [0.0, 50.0, 25.0, 50.0]]
    months = np.array(runs[0].months)
    assert ensemble.around(gained, months, 2.0) == pytest.approx([-100 / 3, 125 / 3])
    assert ensemble.around(gained, months, 3.0) == pytest.approx([-25.0, 37.5])
    assert ensemble.standard_error(np.array([1.0, 2.0, 3.0, 4.0])) == pytest.approx(np.sqrt(5 / 3) / 2)
    assert np.isnan(ensemble.standard_error(np.array([1.0])))
    assert ensemble.banded(np.arange(-10.0, 91.0)) == "+40.0 [-5.0, +85.0]"


def test_structure_is_compared_between_the_first_and_the_last_bone(
    whole: tuple[Path, list[simulate.Trajectory]],
) -> None:
    block, plate = np.zeros((2, 8, 8, 8), np.float32)
    block[:4, :4, :4] = plate[:2, :4, :4] = 1
    runs = [dataclasses.replace(whole[1][0], fill_first=block, fill_last=last) for last in (plate, block)]
    found = ensemble.structure_changes(runs, (0.02, 0.02, 0.02), ("BV/TV", "Tb.Th"))
    assert found[0, 0] == pytest.approx(-50.0) and found[0, 1] < -20
    assert found[1].tolist() == [0.0, 0.0]


def test_one_kind_of_run_does_not_write_over_another(whole: tuple[Path, list[simulate.Trajectory]]) -> None:
    before = (whole[0] / "run.json").read_bytes()
    with pytest.raises(UserError, match="holds a run of kind 'ensemble', not 'simulate'.*--ensemble"):
        simulate.simulate(bone(), WOMAN, schedule.parse(""), out=whole[0], resume=True, **ASKED)  # type: ignore[arg-type]
    assert (whole[0] / "run.json").read_bytes() == before


class Killed(Exception):
    """Stands for a kill between two writes."""


def test_a_killed_ensemble_goes_on_member_by_member(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, whole: tuple[Path, list[simulate.Trajectory]]
) -> None:
    write = checkpoint.write_atomic

    def dying(path: Path, fill) -> None:
        if path.name == "month_0008.h5" and "member_0001" in str(path):
            path.with_name(f".{path.name}.1.partial").write_bytes(b"half")
            raise Killed
        write(path, fill)

    monkeypatch.setattr(checkpoint, "write_atomic", dying)
    with pytest.raises(Killed):
        run(tmp_path / "part")
    monkeypatch.undo()
    header = json.loads((tmp_path / "part/run.json").read_text())
    assert [each["done"] for each in header["members"]] == [True, False, False]
    seen: list[tuple[int, int]] = []
    run(tmp_path / "part", resume=True, progress=lambda _, step, steps, now: seen.append((step, steps)))
    assert same_bits(whole[0], tmp_path / "part") and not list((tmp_path / "part").rglob("*.partial"))
    # Member 0 stood at its end, member 1 at month 4, member 2 had not begun.
    assert seen == [(k, 9) for k in (3, 4, 5, 6, 6, 7, 8, 9)]


@pytest.mark.parametrize("room", [150_000, 4_000])
def test_a_full_disk_is_one_sentence_and_the_run_goes_on_later(tmp_path: Path, room: int) -> None:
    """A limit on the size of files stands for the disk: the state does not fit, or not even a month's fields."""
    asked = {"months_per_step": 4.0, "seed": 3, "settings": living(), "out": tmp_path / "run"}
    woman, none = WOMAN, schedule.parse("")
    simulate.simulate(bone(), woman, none, years=0.4, **asked)
    before = {path: path.read_bytes() for path in (tmp_path / "run").rglob("*.h5")}
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (room, hard))
        with pytest.raises(UserError) as caught:
            simulate.simulate(bone(), woman, none, years=1.1, resume=True, **asked)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    said = str(caught.value)
    assert ("state.h5" if room > 9_000 else "month_0008.h5") in said and "File too large" in said
    assert said.endswith("free some space") and "\n" not in said and len(said) < 300
    assert all(path.read_bytes() == known for path, known in before.items())
    assert not list((tmp_path / "run").rglob("*.partial")) and read_run(tmp_path / "run").arms[0].files
    done = simulate.simulate(bone(), woman, none, years=1.1, resume=True, **asked)
    assert done.months == [0, 4, 8, 12]
