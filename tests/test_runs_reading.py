"""A study's folder is read back as it was written, and what is none is refused in one sentence."""

import json
from pathlib import Path

import numpy as np
import pytest

from fake_run import write_run
from trabfem.errors import UserError
from trabfem.runs.study import open_study, strip_unit

SHAPE, SPACING, ORIGIN = (8, 6, 10), (0.05, 0.06, 0.04), (2.0, -1.0, 0.5)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_run(tmp_path / "run", SHAPE, SPACING, months=(0, 9, 100), origin=ORIGIN)


def test_reads_what_was_written(folder: Path) -> None:
    study = open_study(folder)
    assert [arm.slug for arm in study] == ["untreated", "oestrogen"]
    assert study.shape == SHAPE and study.spacing == SPACING and study.origin == ORIGIN
    assert np.allclose(study.size, (0.4, 0.36, 0.4))
    arm = study.arms[0]
    assert arm.months == (0.0, 9.0, 100.0)
    moment = arm.moment()
    assert moment.month == 100 and moment.fill.shape == SHAPE and 0 <= moment.fill.min() <= moment.fill.max() <= 1
    assert np.allclose(arm.table["BV/TV"][-1], moment.fill.mean(), atol=1e-3)
    assert arm.bone(100).origin == ORIGIN and np.array_equal(arm.bone().fill, moment.fill)


def test_columns_are_found_without_unit_and_case(folder: Path) -> None:
    arm = open_study(folder).arms[0]
    assert strip_unit("Tb.Th (mm)") == "tb.th"
    found = arm.column("Failure load")
    assert found is not None and np.array_equal(found, arm.table["failure load (N)"])
    assert arm.column("no such") is None and arm.change("no such") is None
    first, last = arm.table["failure load (N)"][[0, -1]]
    assert arm.change("failure load") == pytest.approx(100 * (last - first) / first)


def test_rows_out_of_order_are_sorted_by_month(folder: Path) -> None:
    table = folder / "timeseries.csv"
    header, *rows = table.read_text().splitlines()
    table.write_text("\n".join([header, *reversed(rows)]))
    assert open_study(folder).arms[0].table["month"].tolist() == [0, 9, 100]


def test_an_arm_that_has_not_begun_is_left_out(folder: Path) -> None:
    for file in (folder / "oestrogen" / "member_0000").iterdir():
        file.unlink()
    assert [arm.slug for arm in open_study(folder)] == ["untreated"]


def spoil_json(folder: Path) -> None:
    (folder / "run.json").write_text("{")
    open_study(folder)


def spoil_keys(folder: Path) -> None:
    header = json.loads((folder / "run.json").read_text())
    del header["arms"]
    (folder / "run.json").write_text(json.dumps(header))
    open_study(folder)


def spoil_kind(folder: Path) -> None:
    (folder / "run.json").write_text('{"kind": "solve"}')
    open_study(folder)


def spoil_table(folder: Path) -> None:
    (folder / "timeseries.csv").unlink()
    open_study(folder)


def spoil_month(folder: Path) -> None:
    (folder / "untreated" / "member_0000" / "month_0009.h5").write_bytes(b"half a file")
    open_study(folder).arms[0].moment(9)


def no_folder(folder: Path) -> None:
    open_study(folder / "nothing")


def no_description(folder: Path) -> None:
    open_study(folder / "untreated")


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (spoil_json, "not readable as JSON"),
        (spoil_keys, "lacks arms"),
        (spoil_kind, "is no study of format 3"),
        (spoil_table, "holds no timeseries.csv"),
        (spoil_month, "month_0009.h5 is not a month"),
        (no_folder, "is not a folder"),
        (no_description, "holds no run.json"),
    ],
)
def test_what_is_no_study_is_refused(folder: Path, spoil, words: str) -> None:
    with pytest.raises(UserError, match=words):
        spoil(folder)
