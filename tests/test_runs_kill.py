"""A run that the system kills, at whatever moment, and that goes on to the same end."""

import contextlib
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import h5py
import numpy as np
import pytest

from plates import bone
from trabfem.cli import main
from trabfem.runs import files

# Bone and steps of the tests of members: in one session with those little is left to compile.
ASKED = "--years 1 --months-per-step 4 --seed 3 --json".split()
MONTHS = [f"month_{month:04d}.h5" for month in range(0, 16, 4)]
# Later ones are tried only where the process was too quick for the first.
MIDDLE = ("month_0004.h5", "month_0000.h5")
RUN = "untreated/member_0000"
SECONDS = 120.0


def killed(command: list[str], until: Path, sent: int = 9, after: float = 0.0) -> bool:
    """Send `command` a signal `after` seconds from when `until` stands; False where it ended by itself before.

    All processes that it has started have to end with it.
    """
    process = subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    began = time.monotonic()
    try:
        while not until.exists() and process.poll() is None and time.monotonic() - began < SECONDS:
            time.sleep(0.002)
        time.sleep(after)
        process.send_signal(sent)
        _, said = process.communicate(timeout=SECONDS)
        while any_left(process.pid) and time.monotonic() - began < 2 * SECONDS:
            time.sleep(0.02)
        assert not any_left(process.pid), "processes that it had started go on"
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
    assert process.returncode in (0, -sent, 128 + sent), said
    assert until.exists(), f"no {until.name} after {SECONDS:g} s: {said}"
    return process.returncode != 0


def any_left(group: int) -> bool:
    """Whether a process of the group lives."""
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True


def arrays_of(path: Path) -> dict[str, np.ndarray]:
    with h5py.File(path) as file:
        return {str(name): np.asarray(file[str(name)]) for name in file if name != "facts"}


def assert_same_bits(one: Path, two: Path) -> None:
    """All that both folders hold, except for seconds spent."""
    for name in ["timeseries.csv", *(f"{RUN}/{month}" for month in MONTHS), f"{RUN}/state.h5"]:
        if name.endswith(".csv"):
            assert (one / name).read_bytes() == (two / name).read_bytes(), name
            continue
        a, b = arrays_of(one / name), arrays_of(two / name)
        assert a.keys() == b.keys() and all(a[key].tobytes() == b[key].tobytes() for key in a), name
    facts = [files.read_state(folder / f"{RUN}/state.h5")[1] for folder in (one, two)]
    for solution in [solution for each in facts for solution in each["solutions"]]:
        del solution["setup_s"], solution["solve_s"]
    assert facts[0] == facts[1]


def write_bone(source: Path) -> list[str]:
    """The command that simulates the small bone."""
    specimen = bone()
    mask = (specimen.fill.T >= 0.5).astype(np.uint8)
    np.savez(source, mask=mask, spacing_zyx_mm=specimen.spacing[::-1])
    return ["simulate", str(source), *ASKED, "--members", "1"]


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="the system knows no SIGKILL")
def test_a_run_killed_by_the_system_resumes_bit_for_bit(tmp_path: Path) -> None:
    asked = write_bone(tmp_path / "bone.npz")
    # First, so that the process to be killed need not compile.
    assert main([*asked, "--out", str(tmp_path / "whole")]) == 0
    for middle in MIDDLE:
        part = tmp_path / middle.removesuffix(".h5")
        command = [sys.executable, "-m", "trabfem", *asked, "--out", str(part)]
        if killed(command, part / RUN / middle) and not (part / RUN / MONTHS[-1]).exists():
            break
    else:
        pytest.fail("the run ended before it could be killed: give it more steps")
    assert main(["simulate", "--out", str(part), "--resume", "--json"]) == 0
    assert not list(part.rglob("*.partial"))
    assert sorted(path.name for path in part.rglob("month_*.h5")) == MONTHS
    assert_same_bits(tmp_path / "whole", part)


@pytest.mark.slow
def test_a_signal_at_any_moment(tmp_path: Path) -> None:
    """Killed, or its terminal closed, or asked to end, or Ctrl-C; with one process or two. Part of the 200 faults."""
    asked, chance = write_bone(tmp_path / "bone.npz"), random.Random(5)
    for count in ("1", "2"):
        assert main([*asked[:-1], count, "--out", str(tmp_path / count)]) == 0
    for number, sent in enumerate(2 * (signal.SIGKILL, signal.SIGHUP, signal.SIGTERM, signal.SIGINT)):
        count, part = str(1 + number // 4), tmp_path / f"part {number}"
        until = part / chance.choice(["run.json", *(f"{RUN}/{month}" for month in MONTHS[:3])])
        command = [sys.executable, "-m", "trabfem", *asked[:-1], count, "--workers", count, "--out", str(part)]
        killed(command, until, sent, chance.uniform(0, 0.5))
        assert main(["simulate", "--out", str(part), "--resume", "--json"]) == 0
        assert not list(part.rglob("*.partial"))
        assert_same_bits(tmp_path / count, part)
