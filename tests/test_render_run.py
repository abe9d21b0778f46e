"""A run folder is read back as it was written, and what is no run is refused in one sentence."""

import json
from pathlib import Path

import numpy as np
import pytest
from trabfem.render.run import bare, read_run, read_step

from fake_run import write_run
from trabfem.errors import UserError

SHAPE, SPACING = (8, 6, 10), (0.05, 0.06, 0.04)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_run(tmp_path / "run", SHAPE, SPACING, months=(0, 9, 100))


def test_reads_what_was_written(folder: Path) -> None:
    run = read_run(folder)
    assert [arm.slug for arm in run.arms] == ["untreated", "oestrogen"]
    assert run.shape == SHAPE and run.spacing == SPACING
    assert np.allclose(run.size, (0.4, 0.36, 0.4))
    arm = run.arms[0]
    assert arm.months == (0.0, 9.0, 100.0)
    step = read_step(arm.files[-1], run.shape)
    assert step.month == 100 and step.fill.shape == SHAPE and 0 <= step.fill.min() <= step.fill.max() <= 1
    assert np.allclose(arm.table["BV/TV"][-1], step.fill.mean(), atol=1e-3)


def test_columns_are_found_without_unit_and_case(folder: Path) -> None:
    arm = read_run(folder).arms[0]
    assert bare("Tb.Th (mm)") == "tb.th"
    assert np.array_equal(arm.column("Failure load"), arm.table["failure load (N)"])
    assert arm.column("no such") is None and arm.change("no such") is None
    first, last = arm.table["failure load (N)"][[0, -1]]
    assert arm.change("failure load") == pytest.approx(100 * (last - first) / first)


def test_rows_out_of_order_are_sorted_by_month(folder: Path) -> None:
    table = folder / "timeseries.csv"
    header, *rows = table.read_text().splitlines()
    table.write_text("\n".join([header, *reversed(rows)]))
    assert read_run(folder).arms[0].table["month"].tolist() == [0, 9, 100]


def test_an_arm_that_has_not_begun_is_left_out(folder: Path) -> None:
    for file in (folder / "oestrogen").iterdir():
        file.unlink()
    assert [arm.slug for arm in read_run(folder).arms] == ["untreated"]


def spoil_shape(folder: Path) -> None:
    meta = json.loads((folder / "run.json").read_text())
    (folder / "run.json").write_text(json.dumps(meta | {"shape": [6, 8, 10]}))
    run = read_run(folder)
    read_step(run.arms[0].files[0], run.shape)


def spoil_json(folder: Path) -> None:
    (folder / "run.json").write_text("{")
    read_run(folder)


def spoil_keys(folder: Path) -> None:
    (folder / "run.json").write_text('{"kind": "solve"}')
    read_run(folder)


def spoil_table(folder: Path) -> None:
    (folder / "timeseries.csv").unlink()
    read_run(folder)


def spoil_step(folder: Path) -> None:
    (folder / "untreated" / "month_0009.h5").write_bytes(b"half a file")
    read_run(folder)


def no_folder(folder: Path) -> None:
    read_run(folder / "nothing")


def no_description(folder: Path) -> None:
    read_run(folder / "untreated")


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (spoil_shape, "but run.json says"),
        (spoil_json, "not readable as JSON"),
        (spoil_keys, "lacks arms"),
        (spoil_table, "holds no timeseries.csv"),
        (spoil_step, "month_0009.h5 is not a step"),
        (no_folder, "is not a folder"),
        (no_description, "holds no run.json"),
    ],
)
def test_what_is_no_run_is_refused(folder: Path, spoil, words: str) -> None:
    with pytest.raises(UserError, match=words):
        spoil(folder)
