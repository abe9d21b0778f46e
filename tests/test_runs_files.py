"""The files of a run folder: numbers as precise as promised, blanks and nulls where nothing was measured."""

import json
from pathlib import Path

import h5py
import numpy as np

from trabfem.remodelling import checkpoint


def test_a_month_holds_the_nearest_fill_and_the_energy_as_it_is(tmp_path: Path) -> None:
    fill = np.random.default_rng(0).random((3, 4, 5), np.float32)
    checkpoint.write_month(tmp_path, 7.5, fill, fill / 3, (0.02, 0.03, 0.04), "an arm")
    with h5py.File(tmp_path / "month_0007.50.h5") as file:
        stored, energy = np.asarray(file["fill"]), np.asarray(file["sed"])
        assert file.attrs["month"] == 7.5 and list(np.asarray(file.attrs["spacing_mm"])) == [0.02, 0.03, 0.04]
    assert stored.dtype == np.uint8 and abs(stored / 255 - fill).max() <= 0.5001 / 255
    assert (energy == fill / 3).all()
    assert checkpoint.month_name(12.0) == "month_0012.h5"


def test_a_table_has_eight_digits_and_blanks(tmp_path: Path) -> None:
    rows = [{"month": 0.0, "BV/TV": 0.123456789, "Tb.N": None}, {"month": 1.0, "BV/TV": float("nan"), "late": 3}]
    checkpoint.write_table(tmp_path / "table.csv", [("An arm", "arm", rows)])
    assert (tmp_path / "table.csv").read_text().splitlines() == [
        "arm,slug,month,BV/TV,Tb.N,late",
        "An arm,arm,0,0.12345679,,",
        "An arm,arm,1,,,3",
    ]


def test_json_knows_no_nan(tmp_path: Path) -> None:
    facts = {"a": np.float32(0.5), "b": [np.inf, np.int64(3)], 4: (True, None, Path("x"))}
    checkpoint.write_json(tmp_path / "run.json", facts)
    assert json.loads((tmp_path / "run.json").read_text()) == {"a": 0.5, "b": [None, 3], "4": [True, None, "x"]}


def test_half_written_files_are_swept_away(tmp_path: Path) -> None:
    for name in (".state.h5.12.partial", "state.h5"):
        (tmp_path / name).write_text("half")
    checkpoint.sweep(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["state.h5"]
