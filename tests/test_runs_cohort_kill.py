"""A cohort on two processes, one of which the system kills: a complete table, nothing done twice."""

import os
import signal
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cohorts import EDGES, make_cohort, records_in, times_of
from trabfem.runs.cohort.results import Cohort, open_cohort
from trabfem.runs.cohort.run import cohort

ASKED = ("morphometry", "solve", "strength")


class Watcher(threading.Thread):
    """Kills the process of the first row that is begun when `after` rows are done, and notes when rows are done."""

    def __init__(self, folder: Path, after: int) -> None:
        super().__init__(daemon=True)
        self.folder, self.after = folder, after
        self.killed, self.done, self.over = "", {}, False

    def run(self) -> None:
        while not self.over:
            self.look()
            time.sleep(0.01)

    def look(self) -> None:
        # A file that is replaced while it is read would be noted with the time of the one before.
        before, records, after = times_of(self.folder), records_in(self.folder), times_of(self.folder)
        for name, record in records.items():
            if before.get(name) != after[name]:
                continue
            if all(each in record["analyses"] for each in ASKED):
                self.done.setdefault(name, after[name])
            elif not self.killed and len(self.done) >= self.after and record["attempts"] == 1 and not self.over:
                self.killed = name
                os.kill(record["worker"]["pid"], signal.SIGKILL)
                return


def carry_out(folder: Path, count: int, after: int, **options: Any) -> tuple[Cohort, Watcher]:
    table = make_cohort(folder, count)
    asked: dict[str, Any] = {"workers": 2, **options}
    (folder / "out").mkdir()
    watcher = Watcher(folder / "out", after)
    watcher.start()
    try:
        found = cohort(table, folder / "out", progress=False, **asked)
    finally:
        watcher.over = True
        watcher.join()
    watcher.look()
    return found, watcher


def assert_complete_and_nothing_twice(folder: Path, count: int, found: Cohort, watcher: Watcher) -> None:
    assert found.states == ["done"] * count and not found.trouble and len(found.failures) == 0
    edges = np.array(EDGES[:count])
    stiffness, load = (np.array(found.table[name]) for name in ("stiffness", "failure load"))
    assert np.allclose(stiffness / edges, stiffness[0] / edges[0], rtol=1e-5)
    assert np.allclose(load / edges**2, load[0] / edges[0] ** 2, rtol=1e-4)
    attempts = {name: record["attempts"] for name, record in records_in(folder / "out").items()}
    assert watcher.killed and attempts.pop(watcher.killed) == 2
    assert set(attempts.values()) == {1}, "rows of the other process were begun again"
    assert watcher.done == times_of(folder / "out"), "a row that was done was written again"
    before = times_of(folder / "out")
    again = cohort(folder / "scans.csv", folder / "out", workers=2, progress=False)
    assert times_of(folder / "out") == before
    assert again.table.rows == found.table.rows == open_cohort(folder / "out").table.rows


def test_a_killed_process_costs_its_row_one_attempt(tmp_path: Path) -> None:
    found, watcher = carry_out(tmp_path, 4, after=0)
    assert_complete_and_nothing_twice(tmp_path, 4, found, watcher)


@pytest.mark.slow
def test_twenty_scans_two_processes_one_killed(tmp_path: Path) -> None:
    began = time.monotonic()
    found, watcher = carry_out(tmp_path, 20, after=7)
    middle = time.monotonic()
    assert_complete_and_nothing_twice(tmp_path, 20, found, watcher)
    print(f"20 rows {middle - began:.1f} s, again {time.monotonic() - middle:.2f} s")


@pytest.mark.slow
def test_a_killed_worker_of_dask(tmp_path: Path) -> None:
    """Dask hands the row to another worker by itself."""
    distributed = pytest.importorskip("distributed")
    local = distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None, memory_limit=0
    )
    with local, distributed.Client(local) as client:
        found, watcher = carry_out(tmp_path, 5, after=1, client=client)
    assert found.states == ["done"] * 5 and watcher.killed
    assert watcher.done == times_of(tmp_path / "out"), "a row that was done was written again"
    assert records_in(tmp_path / "out")[watcher.killed]["attempts"] == 2
