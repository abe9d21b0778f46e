"""`trabfem cohort`: exit codes, one JSON object, and what people are told."""

import json
from pathlib import Path
from typing import Any

import pytest

from cohorts import make_cohort, struts, write_scan, write_table
from trabfem.cli import main

MORPHOMETRY = ("--analyses", "morphometry")


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A function that runs the command in a folder of its own; returns exit code, standard output and error."""
    monkeypatch.chdir(tmp_path)

    def command(*arguments: str) -> tuple[int, str, str]:
        code = main(["cohort", *map(str, arguments)])
        out, err = capsys.readouterr()
        return code, out, err

    return command


def test_a_cohort_that_is_done(run: Any, tmp_path: Path) -> None:
    make_cohort(tmp_path, 4)
    code, out, _ = run("scans.csv", *MORPHOMETRY, "--json")
    assert code == 0 and out.count("\n") == 1
    result = json.loads(out)
    assert result["rows"] == 4 and set(result["states"].values()) == {"done"} and not result["failures"]
    assert all(Path(path).is_file() for path in result["files"]) and Path(result["out"], "summary.png").is_file()
    code, out, err = run("scans.csv", *MORPHOMETRY, "--group", "group")
    assert code == 0 and "scans.csv: 4 rows, 4 done" in out and "Tb.Th" in out


def test_a_row_that_is_not_done_is_code_3(run: Any, tmp_path: Path) -> None:
    write_scan(tmp_path / "a.npz", 0.03)
    write_scan(tmp_path / "void.npz", 0.03, struts() & False)
    write_table(tmp_path / "scans.csv", [{"scan": "a.npz"}, {"scan": "void.npz"}])
    code, out, err = run("scans.csv", *MORPHOMETRY, "--json")
    assert code == 3 and "1 of 2 rows are not done: void: " in err and "failures.csv" in err
    result = json.loads(out)
    assert result["states"] == {"a": "done", "void": "failed"} and result["failures"][0]["attempts"] == 2


def test_all_mistakes_of_a_table_are_listed(run: Any, tmp_path: Path) -> None:
    write_scan(tmp_path / "a.npz", 0.03)
    write_table(tmp_path / "scans.csv", [{"scan": "a.npz", "spacing": "30"}, {"scan": "b.npz", "spacing": ""}])
    code, out, err = run("scans.csv", "--json")
    assert code == 2 and not out and not (tmp_path / "scans-cohort").exists()
    lines = err.splitlines()
    assert lines[0].startswith("  row 2: spacing = 30") and lines[1].startswith("  row 3: scan = b.npz")
    assert lines[2].startswith("trabfem: scans.csv: nothing was computed; mend the 2 problems above")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("none.csv",), "none.csv: no such file"),
        (("scans.csv", "--years", "3"), "--years 3.0: it belongs to a study"),
        (("scans.csv", "--analyses", "slove"), "--analyses slove: it is not known"),
        (("scans.csv", "--workers", "0"), "--workers 0: give at least 1"),
        (("scans.csv", "--group", "colour"), "--group colour: the table has no such column; choose of group, age"),
        (("scans.csv", "--study"), "nothing was computed"),
        ((".",), "no scan in sub-"),
    ],
)
def test_mistakes_are_one_sentence_and_code_2(run: Any, tmp_path: Path, arguments: tuple[str, ...], said: str) -> None:
    make_cohort(tmp_path, 1)
    code, _, err = run(*arguments)
    assert code == 2 and said in err.splitlines()[-1]
