"""The files of a run folder: numbers as precise as promised, blanks and nulls where nothing was measured."""

import json
import os
import stat
import threading
from pathlib import Path

import h5py
import numpy as np
import pytest

from trabfem.errors import UserError
from trabfem.runs import files


def test_a_month_holds_the_nearest_fill_and_the_energy_to_half_precision(tmp_path: Path) -> None:
    fill = np.random.default_rng(0).random((3, 4, 5), np.float32)
    files.write_month(tmp_path, 7.5, fill, fill / 3, (0.02, 0.03, 0.04), "an arm")
    with h5py.File(tmp_path / "month_0007.50.h5") as file:
        stored, energy = np.asarray(file["fill"]), np.asarray(file["sed"])
        unit = float(np.asarray(file.attrs["sed_unit_MPa"]))
        assert file.attrs["month"] == 7.5 and list(np.asarray(file.attrs["spacing_mm"])) == [0.02, 0.03, 0.04]
    assert stored.dtype == np.uint8 and abs(stored / 255 - fill).max() <= 0.5001 / 255
    assert energy.dtype == np.float16 and np.log2(unit).is_integer()
    assert np.allclose(energy.astype(float) * unit, fill / 3, rtol=5e-4, atol=1e-4 * fill.max() / 3 * 5e-4)
    back, sed, age = files.read_month(tmp_path / "month_0007.50.h5")
    assert age is None
    assert np.array_equal(back, stored / np.float32(255)) and np.array_equal(sed, energy.astype(np.float32) * unit)
    assert files.month_name(12.0) == "month_0012.h5"


def test_a_month_keeps_the_age_of_its_tissue(tmp_path: Path) -> None:
    fill = np.full((3, 4, 5), 0.5, np.float32)
    years = np.linspace(0, 100, fill.size, dtype=np.float32).reshape(fill.shape)
    files.write_month(tmp_path, 1.0, fill, fill, (0.1, 0.1, 0.1), "an arm", years)
    _, _, age = files.read_month(tmp_path / "month_0001.h5")
    assert age is not None and np.allclose(age, years, rtol=1e-3)


def test_a_table_has_eight_digits_and_blanks(tmp_path: Path) -> None:
    rows = [{"month": 0.0, "BV/TV": 0.123456789, "Tb.N": None}, {"month": 1.0, "BV/TV": float("nan"), "late": 3}]
    labels = ["month", "BV/TV", "Tb.N", "late"]
    lines = [["An arm", "12", *(row.get(label) for label in labels)] for row in rows]
    files.write_table(tmp_path / "table.csv", ["arm", "slug", *labels], lines)
    assert (tmp_path / "table.csv").read_text().splitlines() == [
        "arm,slug,month,BV/TV,Tb.N,late",
        "An arm,12,0,0.12345679,,",
        "An arm,12,1,,,3",
    ]
    first, second = files.read_table(tmp_path / "table.csv")
    assert first == {"arm": "An arm", "slug": "12", "month": 0.0, "BV/TV": 0.12345679, "Tb.N": None, "late": None}
    assert second["late"] == 3.0 and second["BV/TV"] is None


def test_months_are_found_in_order(tmp_path: Path) -> None:
    for name in ("month_0012.h5", "month_0007.50.h5", "month_0100.h5", "state.h5"):
        (tmp_path / name).write_bytes(b"")
    assert list(files.month_files(tmp_path)) == [7.5, 12.0, 100.0]


def test_an_empty_block_is_written_and_read(tmp_path: Path) -> None:
    """Bone that is cut through has no energy at all."""
    none = np.zeros((3, 3, 3), np.float32)
    files.write_month(tmp_path, 3.0, none, none, (0.1, 0.1, 0.1), "gone")
    fill, sed, _ = files.read_month(tmp_path / "month_0003.h5")
    assert not fill.any() and not sed.any()


def test_a_folder_is_held_by_one_writer(tmp_path: Path) -> None:
    with files.lock_folder(tmp_path / "run"):
        with pytest.raises(UserError, match="being written by another process"), files.lock_folder(tmp_path / "run"):
            pass
    with files.lock_folder(tmp_path / "run"):
        pass


def test_json_knows_no_nan(tmp_path: Path) -> None:
    facts = {"a": np.float32(0.5), "b": [np.inf, np.int64(3)], 4: (True, None, Path("x"))}
    files.write_json(tmp_path / "run.json", facts)
    assert json.loads((tmp_path / "run.json").read_text()) == {"a": 0.5, "b": [None, 3], "4": [True, None, "x"]}


def test_half_written_files_are_swept_away(tmp_path: Path) -> None:
    for name in (".state.h5.12.partial", "state.h5"):
        (tmp_path / name).write_text("half")
    files.delete_partial_files(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["state.h5"]


def test_a_full_disk_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "state.h5"
    files.write_state(path, {"phi": np.arange(5.0)}, {"step": 1})

    def full(partial: Path) -> None:
        partial.write_bytes(b"half")
        raise OSError(28, "No space left on device")

    with pytest.raises(UserError, match="No space left"):
        files.write_atomic(path, full)
    arrays, facts = files.read_state(path)
    assert facts == {"step": 1} and (arrays["phi"] == np.arange(5.0)).all()
    assert [file.name for file in tmp_path.iterdir()] == ["state.h5"]
    path.write_bytes(b"not a state")
    with pytest.raises(UserError, match="not a state to go on from"):
        files.read_state(path)


def test_a_folder_that_cannot_be_written_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(UserError, match=r"file/run could not be written \(Not a directory\): give a folder"):
        with files.lock_folder(tmp_path / "file" / "run"):
            pass
    with pytest.raises(UserError, match="give a folder that can be written$"):
        files.write_text(tmp_path / "file" / "run.json", "")


def test_a_lock_is_waited_for(tmp_path: Path) -> None:
    """The worker that was given up ends soon."""
    first = files.lock_folder(tmp_path)
    first.__enter__()
    timer = threading.Timer(0.2, lambda: first.__exit__(None, None, None))
    timer.start()
    with files.lock_folder(tmp_path, patience=20.0):
        assert not timer.is_alive() or timer.finished.is_set()
    timer.join()


def test_names_are_forced_to_the_disk_after_their_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    done: list[str] = []
    sync, replace = os.fsync, os.replace

    def noted(handle: int) -> None:
        done.append("folder" if stat.S_ISDIR(os.fstat(handle).st_mode) else "file")
        sync(handle)

    def moved(one: Path, two: Path) -> None:
        done.append("rename")
        replace(one, two)

    monkeypatch.setattr(os, "fsync", noted)
    monkeypatch.setattr(os, "replace", moved)
    files.write_text(tmp_path / "table.csv", "a")
    assert done == ["file", "rename", "folder"]
