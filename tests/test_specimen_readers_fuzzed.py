"""Damaged files: every one gives values or one sentence. The many are read by a process of their own."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from fuzz_scanners import FAMILIES, prepare, read_one

QUICK, MANY = 60, 20_000
NEEDED = {"gobj": "py_aimio", "dicom": "pydicom", "series": "pydicom", "tiff": "tifffile", "slices": "PIL"}


@pytest.fixture(params=FAMILIES)
def family(request):
    pytest.importorskip(NEEDED.get(request.param, "numpy"))
    return request.param


@pytest.mark.filterwarnings("ignore")
def test_some_damaged_files(tmp_path, family):
    seeds, path = prepare(family, tmp_path)
    found = [read_one(family, seeds, path, number) for number in range(QUICK)]
    # Neither all nor none of them are beyond reading.
    assert 0.1 < found.count("refused") / QUICK < 0.95


@pytest.mark.slow
def test_many_damaged_files(tmp_path, family):
    program = [sys.executable, str(Path(__file__).with_name("fuzz_scanners.py")), family, "0", str(MANY), str(tmp_path)]
    source = str(Path(__file__).parents[1] / "src")
    done = subprocess.run(
        program, capture_output=True, text=True, env=os.environ | {"PYTHONPATH": source}, timeout=3600
    )
    assert done.returncode == 0, (tmp_path / "number").read_text() + done.stderr[-1000:]
    said = json.loads(done.stdout.splitlines()[-1])
    assert not said["faults"] and sum(said["found"].values()) == MANY
    assert said["peak_MB"] < 2048
