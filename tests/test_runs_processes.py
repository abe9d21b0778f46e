"""How many processes a study gets, and scripts and kernels that make no difference to what it says."""

import dataclasses
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from plates import WOMAN, bone
from trabfem.runs import processes
from trabfem.runs.arm import as_arms
from trabfem.runs.plan import Plan
from trabfem.specimen import Specimen

ARMS = as_arms({"Untreated": "", "Alendronate": "alendronate 0-60"})
LARGE = Specimen(np.ones((64, 64, 64), np.float32), (0.035, 0.035, 0.035), "large")
LONG = Plan(LARGE, WOMAN, ARMS, years=5.0, members=4)


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """Sixteen cores and all the memory that is wanted."""
    monkeypatch.setattr(processes, "count_cores", lambda: 16)
    monkeypatch.setattr(processes, "free_memory", lambda: float("inf"))
    return monkeypatch


def test_a_process_for_each_core_or_run(machine: pytest.MonkeyPatch) -> None:
    assert processes.choose_workers(LONG) == 8
    assert processes.choose_workers(dataclasses.replace(LONG, members=40)) == 16


def test_a_short_study_is_not_worth_a_process(machine: pytest.MonkeyPatch) -> None:
    assert processes.choose_workers(dataclasses.replace(LONG, specimen=bone())) == 1
    assert processes.choose_workers(dataclasses.replace(LONG, years=0.25)) == 1


def test_processes_fit_into_the_memory(machine: pytest.MonkeyPatch) -> None:
    machine.setattr(processes, "free_memory", lambda: 4.5e9)
    assert processes.choose_workers(LONG) == 3
    machine.setattr(processes, "free_memory", lambda: 1e6)
    assert processes.choose_workers(LONG) == 1


def test_a_gpu_has_one_process(machine: pytest.MonkeyPatch) -> None:
    machine.setattr(processes.jax, "default_backend", lambda: "gpu")
    assert processes.choose_workers(LONG) == 1


SCRIPT = """
import numpy as np
import trabfem as tf

print("once", flush=True)
bone = np.load("bone.npy")
woman = tf.Patient("female", age=51, menopause_age=51)
study = tf.compare(
    bone, woman, {"Untreated": ""}, spacing=0.035, years=1 / 6, members=2, workers=WORKERS, progress=False
)
print([run.table["failure load (N)"] for run in study["Untreated"].members])
"""


def run_script(folder: Path, workers: int, **environment: str) -> list[str]:
    np.save(folder / "bone.npy", bone().fill)
    (folder / "script.py").write_text(SCRIPT.replace("WORKERS", str(workers)))
    done = subprocess.run(
        [sys.executable, "script.py"], cwd=folder, env={**os.environ, **environment}, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


@pytest.mark.slow
def test_a_script_needs_no_guard_and_no_compiler(tmp_path: Path) -> None:
    """Two processes run the script once; plain kernels give nearly the same two months as compiled ones."""
    alone, two, plain = (
        run_script(tmp_path, workers, **{"TRABFEM_NATIVE": native})
        for workers, native in ((1, "1"), (2, "1"), (1, "0"))
    )
    assert alone == two and alone[0] == "once" and len(alone) == 2
    assert np.allclose(np.array(eval(alone[1])), np.array(eval(plain[1])), rtol=2e-3)
