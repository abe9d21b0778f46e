"""The page's words of a cohort: its tables, how they came about, what failed, and the hashes of its scans."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from trabfem.render.page import cohort_words as words
from trabfem.runs.cohort.results import Cohort
from trabfem.runs.cohort.rows import Row
from trabfem.runs.cohort.tasks import Task

COLUMNS = {
    "morphometry": {"BV/TV": "", "Tb.Th": "mm", "Conn.D": "1/mm^3", "MIL1 x": ""},
    "solve": {"stiffness": "N/mm", "energy error": ""},
    "strength": {"failure load": "N"},
    "homogenize": {"best Exx": "MPa"},
    "study": {"BV/TV change, Untreated": "%"},
}
ROW = Row(2, "s", "s.npz", "s.npz", "rows/s", schedule="denosumab 0-36")


def made_up(task: Task, **changed: Any) -> Cohort:
    """Four scans: one failed, one not begun, one in trouble."""
    rows, records = [], []
    for number in range(4):
        asked = {name: task.asked(name, ROW) for name in task.analyses}
        place = {"scan": f"s{number}.npz", "place": f"rows/s{number}", "copied": {"group": "ab"[number % 2]}}
        rows.append({"id": f"s{number}", **place, "asked": json.loads(json.dumps(asked))})
        answers = {name: answer(name, number) for name in task.analyses if (name, number) != ("strength", 1)}
        failures = {"strength": "no bone runs from one end to the other, lower the threshold"} if number == 1 else {}
        inputs = [{"path": f"s{number}.npz", "size": 1, "mtime_ns": 2, "sha256": f"{number:064}"}]
        reading = {"reading": {"threshold": 320.0}, "inputs": inputs, "attempts": 1}
        records.append({} if number == 3 else {**reading, "analyses": answers, "failures": failures})
    header = {
        "name": "scans.csv", "analyses": list(task.analyses), "rows": rows, "copied": ["group"], "numeric": [],
        "notes": ["2 masks were left out."], "versions": {"trabfem": "0.2.0", "jax": "1", "h5py": "not installed"},
        "device": "cpu", "options": {"load": task.load, "rtol": task.rtol, "members": task.members, "strain": None},
    }  # fmt: skip
    return Cohort({**header, **changed}, tuple(records), Path("nowhere"))


def answer(analysis: str, number: int) -> dict[str, Any]:
    """Values from -1 on, so that minus signs and zeros occur."""
    values = [
        {"name": name, "unit": unit, "meaning": f"{name} in words", "value": float(number - 1)}
        for name, unit in COLUMNS[analysis].items()
    ]
    trouble = "the solve did not converge" if (analysis, number) == ("solve", 2) else ""
    return {"values": values, "trouble": trouble, "asked": {}, "details": {}}


@pytest.fixture(scope="module")
def cohort() -> Cohort:
    return made_up(Task())


def text_of(cohort: Cohort) -> str:
    return "\n".join(paragraph for part in words.method_of(cohort) for paragraph in part["paragraphs"])


def check_plain(cohort: Cohort) -> None:
    every = [words.tables_of(cohort), words.method_of(cohort), words.references_of(cohort), words.warnings_of(cohort)]
    said = json.dumps([*every, words.provenance_of(cohort)], allow_nan=False, ensure_ascii=False)
    assert "None" not in said and not re.search(r"  |\.\.|\(\)", text_of(cohort))


def test_tables_hold_summary_rows_and_failures(cohort: Cohort) -> None:
    summary, rows, failures = words.tables_of(cohort)
    assert summary["title"] == "scans.csv: 4 rows, 1 done, 1 not converged, 1 failed, 1 not done"
    assert summary["notes"] == ["Three rows of 4 not done: n says how many rows have a value."]
    measured = {row[0]: row[1:] for row in summary["rows"]}
    assert measured["Conn.D"] == ["1/mm³", "3", "0", "1", "0", "−1", "1"] and measured["failure load"][1] == "2"
    labels = [column["label"] for column in rows["columns"]]
    assert labels == [
        "id", "state", "BV/TV", "Tb.Th (mm)", "Conn.D (1/mm³)", "stiffness (N/mm)", "failure load (N)", "trouble",
    ]  # fmt: skip
    assert rows["columns"][2]["meaning"] == "BV/TV in words"
    assert rows["rows"][0] == ["s0", "done", "−1", "−1", "−1", "−1", "−1", ""]
    assert rows["rows"][1][1] == "failed" and rows["rows"][1][-2:] == ["", ""]
    assert rows["rows"][2][-1] == "the solve did not converge" and rows["rows"][3][1:] == ["not done", *[""] * 6]
    assert failures["rows"][0][:3] == ["s1", "s1.npz", "strength"]
    assert all(len(row) == len(table["columns"]) for table in (summary, rows, failures) for row in table["rows"])


def test_the_method_follows_what_was_asked(cohort: Cohort) -> None:
    check_plain(cohort)
    said = text_of(cohort)
    assert "four scans" in said and "All were read with threshold 320." in said and "2 masks were left out." in said
    assert "modulus of 6829 MPa [Pistoia 2002]" in said and "apparent strain of −1 %" in said
    assert "was at most 10⁻⁶; it had at most 300 iterations" in said
    assert "2 % of its tissue is strained beyond an energy-equivalent strain of 0.7 %" in said
    assert "trabfem 0.2.0 [trabfem] under JAX 1." in said, "what is not installed is not named"
    assert "mean intercept lengths" not in said, "DA was not measured"


@pytest.mark.parametrize(
    ("task", "there", "absent"),
    [
        (Task(("morphometry",)), ("Structure was measured",), ("hexahedral", "failure load", "whole radii")),
        (Task(("solve", "strength"), method="nonlinear"), ("0.41 % in tension or 0.83 % in compression",), ("0.7 %",)),
        (Task(("strength",), critical_volume=0.05, critical_strain=0.01), ("5 % of its tissue", "strain of 1 %"), ()),
        (Task(("homogenize",), bc="pmubc"), ("periodicity-compatible mixed uniform",), ("The load was",)),
        (Task(("solve",), load="confined", youngs=8748.0), ("load case confined", "8748 MPa and"), ("[Pistoia",)),
        (
            Task(("study",), years=2.0),
            ("followed for 2 years in steps of one month with four members",),
            ("months with",),
        ),
    ],
)
def test_the_method_of_other_analyses(task: Task, there: tuple[str, ...], absent: tuple[str, ...]) -> None:
    cohort = made_up(task)
    check_plain(cohort)
    said = text_of(cohort)
    assert [part for part in there if part not in said] == [] and [part for part in absent if part in said] == []


def test_references_are_those_that_are_cited(cohort: Cohort) -> None:
    found = words.references_of(cohort)
    assert [each["key"] for each in found][:3] == ["trabfem", "Bouxsein 2010", "Hildebrand & Rüegsegger 1997"]
    said = text_of(cohort)
    assert all(str(each["key"]) in said for each in found) and "Version 0.2.0" in str(found[0]["text"])


def test_what_failed_is_told(cohort: Cohort) -> None:
    assert words.warnings_of(cohort) == [
        "s1: strength failed: no bone runs from one end to the other, lower the threshold.",
        "s2: the solve did not converge.",
        "One row of 4 not done yet.",
    ]
    good = Cohort({**cohort.header, "rows": cohort.header["rows"][:1]}, cohort.records[:1], cohort.folder)
    assert words.warnings_of(good) == [] and len(words.tables_of(good)) == 2


def test_provenance_has_the_hashes_of_the_scans(cohort: Cohort) -> None:
    pairs = words.provenance_of(cohort)
    assert [pair for pair in pairs if "SHA-256" in pair[0]] == [
        [f"SHA-256 of s{number}.npz (s{number})", f"{number:064}"] for number in range(3)
    ]
    known = dict(pairs)
    assert known["Options"] == "load = platens, rtol = 10⁻⁶", "a study was not asked for"
    assert known["Versions"] == "trabfem 0.2.0 and JAX 1"


def test_old_headers_lack_much(cohort: Cohort) -> None:
    needed = ("name", "analyses", "rows", "copied", "numeric", "notes")
    old = Cohort({name: cohort.header[name] for name in needed}, cohort.records, cohort.folder)
    rows = [{**row, "asked": {}} for row in cohort.rows]
    bare = Cohort({**old.header, "rows": rows}, tuple({} for _ in rows), cohort.folder)
    for each in (old, bare):
        check_plain(each)
    assert "hexahedral" not in text_of(bare) and words.warnings_of(bare) == ["Four rows of 4 not done yet."]
