"""A cohort in one process: right values, what is done again and what is not, failures, and the files."""

import csv
import json
import os
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import trabfem as tf
from cohorts import EDGES, SIDE, make_cohort, records_in, struts, times_of, write_scan, write_table
from trabfem.errors import UserError
from trabfem.runs import files, processes
from trabfem.runs.cohort import records, tasks
from trabfem.runs.cohort.carrying_out import in_words
from trabfem.runs.cohort.results import open_cohort
from trabfem.runs.cohort.run import choose_workers, cohort


def measure(table: Any, out: Path, **options: Any) -> Any:
    """Morphometry alone, which compiles nothing."""
    return cohort(table, out, analyses=options.pop("analyses", "morphometry"), progress=False, **options)


def rewritten(folder: Path, before: dict[str, int]) -> list[str]:
    """The rows written since `before`."""
    return [name.removesuffix("_measures.json") for name, at in times_of(folder).items() if before.get(name) != at]


@pytest.fixture(scope="module")
def solved(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Three rows, of which one does not join its end faces."""
    folder = tmp_path_factory.mktemp("cohort")
    for number in range(2):
        write_scan(folder / f"s{number}.npz", EDGES[number])
    cut = struts()
    cut[:, :, SIDE // 2 :] = False
    cut[0, 0, -1] = True
    write_scan(folder / "cut.npz", 0.03, cut)
    rows = [{"scan": name, "site": "radius"} for name in ("s0.npz", "cut.npz", "s1.npz")]
    table = write_table(folder / "scans.csv", rows)
    return cohort(table, folder / "out", progress=False)


def test_values_are_those_of_the_functions(solved: Any) -> None:
    bone = tf.read(solved.folder.parent / "s0.npz")
    table = solved.table
    assert (
        table["BV/TV"][0] == tf.morphometry(bone)["BV/TV"] and table["Tb.Th (mm)"][0] == tf.morphometry(bone)["Tb.Th"]
    )
    assert table["stiffness"][0] == pytest.approx(tf.solve(bone).stiffness, rel=1e-9)
    assert table["failure load"][0] == pytest.approx(tf.strength(bone).failure_load, rel=1e-9)
    assert table["stiffness"][2] / table["stiffness"][0] == pytest.approx(EDGES[1] / EDGES[0], rel=1e-6)


def test_a_failed_row_stops_nothing_and_keeps_what_it_has(solved: Any) -> None:
    assert solved.states == ["done", "failed", "done"]
    assert solved.table["BV/TV"][1] is not None and solved.table["stiffness"][1] is None
    assert [row[:3] for row in solved.failures.rows] == [("cut", "cut.npz", name) for name in ("solve", "strength")]
    assert all("no face-connected bone" in row[3] and row[4] == 2 for row in solved.failures.rows)
    assert solved.trouble.startswith("1 of 3 rows are not done: cut: ")


def test_the_files_of_a_cohort(solved: Any) -> None:
    with (solved.folder / "cohort.csv").open() as lines:
        rows = list(csv.DictReader(lines))
    assert [row["id"] for row in rows] == ["s0", "cut", "s1"] and rows[0]["site"] == "radius"
    assert float(rows[0]["Tb.Th (mm)"]) == pytest.approx(solved.table["Tb.Th"][0], rel=1e-7)
    with (solved.folder / "data_dictionary.csv").open() as lines:
        dictionary = {row["column"]: row for row in csv.DictReader(lines)}
    assert list(dictionary) == list(rows[0])
    assert dictionary["stiffness (N/mm)"]["unit"] == "N/mm" and dictionary["stiffness (N/mm)"]["source"] == "solve"
    assert dictionary["site"]["source"] == "the table" and all(row["meaning"] for row in dictionary.values())
    header = json.loads((solved.folder / "cohort.json").read_text())
    assert header["counts"] == {"done": 2, "failed": 1} and "jax" in header["versions"]
    record = json.loads((solved.folder / "rows" / "s0_measures.json").read_text())
    assert record["GeneratedBy"][0]["Name"] == "trabfem" and record["Sources"] == ["s0.npz"]
    assert record["analyses"]["solve"]["asked"]["youngs"] == 6829.0 and record["inputs"][0]["size"] > 0
    assert not list(solved.folder.rglob("*.partial"))


def test_the_parquet_file_says_units(solved: Any) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    found = parquet.read_table(solved.folder / "cohort.parquet")
    assert found.column_names == [column.label for column in solved.table.columns]
    assert found.column("stiffness (N/mm)").to_pylist() == solved.table["stiffness"]
    assert found.schema.field("stiffness (N/mm)").metadata[b"unit"] == b"N/mm"


def test_what_a_cohort_shows_of_itself(solved: Any) -> None:
    pytest.importorskip("pandas")
    again = open_cohort(solved.folder)
    assert again.table.rows == solved.table.rows and str(again) == str(solved)
    assert solved.to_pandas()["stiffness (N/mm)"].notna().sum() == 2 and len(solved) == 3
    assert "no face-connected" in solved._repr_html_() and "3 rows, 2 done, 1 failed" in solved.title
    stiffness = next(row for row in solved.summary.rows if row[0] == "stiffness")
    assert stiffness[2] == 2 and stiffness[3] == pytest.approx(np.mean([solved.table["stiffness"][n] for n in (0, 2)]))
    with pytest.raises(UserError, match="holds no cohort.json"):
        open_cohort(solved.folder.parent)


def test_a_rerun_tries_only_what_failed(solved: Any) -> None:
    before = times_of(solved.folder)
    again = cohort(solved.folder.parent / "scans.csv", solved.folder, progress=False)
    assert rewritten(solved.folder, before) == ["cut"] and again.states == solved.states


def test_only_what_has_changed_is_done_again(tmp_path: Path) -> None:
    table, out = make_cohort(tmp_path, 4), tmp_path / "out"
    measure(table, out)
    before = times_of(out)
    measure(table, out)
    assert rewritten(out, before) == []
    later = time.time() + 60
    os.utime(tmp_path / "scans" / "s00.npz", (later, later))
    measure(table, out)
    assert rewritten(out, before) == [], "a copy of the same content"
    write_scan(tmp_path / "scans" / "s01.npz", 0.05)
    found = measure(table, out)
    assert rewritten(out, before) == ["s01"]
    assert found.table["Tb.Th"][1] / found.table["Tb.Th"][0] == pytest.approx(0.05 / EDGES[0], rel=1e-3)
    before = times_of(out)
    rows = [{"scan": f"scans/s{n:02}.npz", **({"crop": "10"} if n == 2 else {})} for n in range(4)]
    write_table(table, rows)
    measure(table, out)
    assert rewritten(out, before) == ["s02"]


def test_another_analysis_leaves_the_others_as_they_are(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    table, out = make_cohort(tmp_path, 1), tmp_path / "out"
    calls = count_calls(monkeypatch)
    measure(table, out)
    measure(table, out, analyses="morphometry solve")
    measure(table, out, analyses="morphometry solve", youngs=5000)
    assert calls == ["morphometry", "solve", "solve"]
    found = measure(table, out)
    assert calls == ["morphometry", "solve", "solve"] and {name for _, name in found.measures} == {"morphometry"}


def test_another_version_does_everything_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    table, out = make_cohort(tmp_path, 2), tmp_path / "out"
    measure(table, out)
    before = times_of(out)
    monkeypatch.setattr(records, "major_version", lambda: "9.9")
    measure(table, out)
    assert rewritten(out, before) == ["s00", "s01"]


def count_calls(monkeypatch: pytest.MonkeyPatch, **replaced: Any) -> list[str]:
    """The analyses in the order in which they are called, `solve` without solving."""
    calls: list[str] = []
    usual = {"morphometry": tasks.measure, "solve": lambda work: tasks.Found([], {})}

    def noted(name: str, function: Any) -> Any:
        return lambda work: (calls.append(name), function(work))[1]

    for name, function in (usual | replaced).items():
        monkeypatch.setitem(tasks.ANALYSES, name, noted(name, function))
    return calls


def test_a_row_that_fails_once_is_done(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    left = [MemoryError(), None]

    def failing(work: Any) -> Any:
        if error := left.pop(0):
            raise error
        return tasks.Found([], {}, "the solve has stopped")

    calls = count_calls(monkeypatch, solve=failing)
    found = measure(make_cohort(tmp_path, 1), tmp_path / "out", analyses="morphometry solve")
    assert calls == ["morphometry", "solve", "solve"] and len(found.failures) == 0
    assert found.states == ["not converged"] and found.table["trouble"] == ["the solve has stopped"]
    assert "crop the scan" in in_words(MemoryError()) and in_words(ValueError("a\nb")) == "ValueError: a b"


def test_a_folder_has_one_writer_and_is_of_a_cohort(tmp_path: Path) -> None:
    table, out = make_cohort(tmp_path, 1), tmp_path / "out"
    with files.lock_folder(out), pytest.raises(UserError, match="written by another process"):
        measure(table, out)
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "thesis.txt").touch()
    with pytest.raises(UserError, match="^out = .*other: it is not empty and holds no cohort"):
        measure(table, tmp_path / "other")
    with pytest.raises(UserError, match="^workers = 0"):
        measure(table, out, workers=0)


def test_what_is_done_when_it_is_stopped_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = count_calls(monkeypatch)
    count = 0

    def stop(_: str, done: int, total: int, now: str) -> None:
        nonlocal count
        count += 1
        if done == 2:
            raise KeyboardInterrupt

    table, out = make_cohort(tmp_path, 4), tmp_path / "out"
    with pytest.raises(KeyboardInterrupt):
        cohort(table, out, analyses="morphometry", progress=stop)
    assert open_cohort(out).states == ["done", "done", "not done", "not done"] and len(calls) == 2
    assert measure(table, out).states == ["done"] * 4 and len(calls) == 4


def test_any_executor_will_do(tmp_path: Path) -> None:
    table = make_cohort(tmp_path, 3)
    with ThreadPoolExecutor(2) as threads:
        found = measure(table, tmp_path / "out", client=threads)
    assert found.table.rows == measure(table, tmp_path / "alone").table.rows
    assert threading.active_count() < 50 and [r["attempts"] for r in records_in(tmp_path / "out").values()] == [1] * 3
    with pytest.raises(UserError, match="^client = 3"):
        measure(table, tmp_path / "other", client=3)


def test_dask_will_do(tmp_path: Path) -> None:
    distributed = pytest.importorskip("distributed")
    table = make_cohort(tmp_path, 3)
    local = distributed.LocalCluster(
        n_workers=1, threads_per_worker=1, processes=False, dashboard_address=None, memory_limit=0
    )
    with local, distributed.Client(local) as client:
        found = measure(table, tmp_path / "out", client=client)
    assert found.states == ["done"] * 3


def test_columns_of_the_table_that_are_called_as_ours(tmp_path: Path) -> None:
    write_scan(tmp_path / "a.npz", 0.03)
    cells = {"BV/TV": "0.2", "state": "Bavaria", "age": "61"}
    found = measure(write_table(tmp_path / "t.csv", [{"scan": "a.npz", **cells}]), tmp_path / "out")
    assert found.table["BV/TV (given)"] == [0.2] and found.table["state (given)"] == ["Bavaria"]
    assert found.table["age"] == [61.0] and found.table["BV/TV"] != [0.2]


def test_derivatives_of_a_data_set(tmp_path: Path) -> None:
    pytest.importorskip("SimpleITK")
    for sub in ("01", "02"):
        scan = tmp_path / f"sub-{sub}" / "ses-1" / "ct" / f"sub-{sub}_ses-1_ct.mha"
        scan.parent.mkdir(parents=True)
        tf.write(tf.from_mask(struts(), 0.035), scan)
    (tmp_path / "participants.tsv").write_text("participant_id\tsex\tage\nsub-01\tF\t61\nsub-02\tM\t70\n")
    found = measure(tmp_path, None)  # type: ignore[arg-type]
    out = tmp_path / "derivatives" / "trabfem"
    assert found.folder == out.resolve() and found.table["age"] == [61.0, 70.0]
    description = json.loads((out / "dataset_description.json").read_text())
    assert description["DatasetType"] == "derivative" and description["GeneratedBy"][0]["Name"] == "trabfem"
    assert (out / description["DatasetLinks"]["raw"]).resolve() == tmp_path.resolve()
    side = out / "sub-01" / "ses-1" / "sub-01_ses-1_ct_measures.json"
    assert json.loads(side.read_text())["Sources"] == ["bids:raw:sub-01/ses-1/ct/sub-01_ses-1_ct.mha"]
    lines = [line.split("\t") for line in side.with_suffix(".tsv").read_text().splitlines()]
    values = {line[1]: line[2:4] for line in lines[1:]}
    assert float(values["BV/TV"][0]) == pytest.approx(0.5) and values["Tb.Th"][1] == "mm"
    before = side.stat().st_mtime_ns
    assert measure(tmp_path, None).states == ["done", "done"] and side.stat().st_mtime_ns == before  # type: ignore


def test_workers_fit_into_the_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from trabfem.runs.cohort.carrying_out import Job
    from trabfem.runs.cohort.rows import rows_of_table

    write_scan(tmp_path / "large.npz", 0.03, np.ones((200, 200, 200), bool))
    write_scan(tmp_path / "small.npz", 0.03)
    rows = rows_of_table(write_table(tmp_path / "t.csv", [{"scan": name} for name in ("large.npz", "small.npz")])).rows
    jobs = [Job(row, tasks.Task(), tmp_path, ()) for row in rows * 4]
    monkeypatch.setattr(processes, "count_cores", lambda: 16)
    monkeypatch.setattr(processes, "free_memory", lambda: 1e12)
    assert choose_workers(jobs, None) == 8 and choose_workers(jobs, 3) == 3 and choose_workers(jobs[:1], 3) == 1
    monkeypatch.setattr(processes, "free_memory", lambda: 3 * (0.9e9 + 400 * 8e6) / 0.7)
    assert choose_workers(jobs, None) == 3
    assert choose_workers([job for job in jobs if job.row.id == "small"], None) == 1, "soon done"


@pytest.mark.slow
def test_a_study_of_each_row(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_scan(tmp_path / "a.npz", 0.04, struts(18))
    person = {"scan": "a.npz", "sex": "F", "age": "52", "menopause_age": "51"}
    rows = [{"id": "one", **person, "schedule": "denosumab 0-6"}, {"id": "two", **person}]
    table = write_table(tmp_path / "t.csv", rows)
    options: dict[str, Any] = {"analyses": "study", "years": 0.5, "months_per_step": 3, "members": 2}
    found = measure(table, tmp_path / "out", **options)
    assert found.states == ["done", "done"], found.failures
    change, gain = found.table["BV/TV change, Untreated"], found.table["BV/TV gain, Treated"]
    assert change[0] == pytest.approx(change[1]) and change[0] < 0 and gain[0] > 0 and gain[1] is None
    [folder] = (tmp_path / "out" / "rows").glob("one_study-*")
    study = tf.open(folder)
    assert study.header["summary"]["untreated"]["BV/TV_change_%"] == change[0]
    before = times_of(tmp_path / "out")
    measure(table, tmp_path / "out", **options)
    assert rewritten(tmp_path / "out", before) == []
