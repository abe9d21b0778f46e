"""A study on the workers of a Dask cluster or another executor; workers that are lost, or that do not fit."""

import os
import signal
import sys
from collections.abc import Iterator
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import Any

import pytest
from loky.process_executor import ProcessPoolExecutor

from faults import inside
from plates import carry_out
from trabfem.errors import UserError
from trabfem.remodelling.settings import smooth_settings
from trabfem.runs import cluster, pool, worker
from trabfem.runs.compare import resume
from trabfem.runs.worker import Errand

distributed = pytest.importorskip("distributed", reason="Dask is optional")

ARMS = {"Untreated": "", "Oestrogen": "estrogen 0-12"}
# Bone and steps of the tests of members: in one session with those little is left to compile.
ASKED: dict[str, Any] = {"years": 1.0, "months_per_step": 4.0, "seed": 7, "members": 2}


@pytest.fixture(scope="module")
def client() -> Iterator[Any]:
    local = distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None, memory_limit=0
    )
    with local, distributed.Client(local) as found:
        yield found


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The study of one process."""
    out = tmp_path_factory.mktemp("cluster") / "whole"
    carry_out(ARMS, out, **ASKED)
    return out


def assert_same_bits(one: Path, two: Path) -> None:
    """Tables and months of two studies."""
    names = [
        path.relative_to(one)
        for pattern in ("month_*.h5", "timeseries.csv", "bands.csv", "specimen.h5")
        for path in sorted(one.rglob(pattern))
    ]
    assert len(names) == 4 * 4 + 3
    for name in names:
        read = inside if name.suffix == ".h5" else Path.read_bytes
        assert read(one / name) == read(two / name), name
    assert not list(two.rglob("*.partial"))


def test_dask_does_not_matter(tmp_path: Path, whole: Path, client: Any) -> None:
    seen: list[tuple[str, int, int]] = []
    found = carry_out(ARMS, tmp_path / "out", client=client, progress=lambda *now: seen.append(now[:3]), **ASKED)
    assert_same_bits(whole, tmp_path / "out")
    assert {name: max(step for arm, step, _ in seen if arm == name) for name in ARMS} == dict.fromkeys(ARMS, 6)
    assert all(steps == 6 for _, _, steps in seen)
    assert found.header["device"] == "cpu" and found.arms[1].members[1].state.solutions == ()


@pytest.mark.slow
def test_a_lost_worker_of_dask_does_not_matter(
    tmp_path: Path, whole: Path, client: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One of two is killed by the system in the middle of a run: another one goes on with it."""
    monkeypatch.setattr(pool, "POLL_S", 0.02)
    lost: list[int] = []

    def kill(_: str, step: int, steps: int, now: str) -> None:
        busy = [address for address, tasks in client.processing().items() if tasks]
        if step and not lost and busy:
            lost.append(client.run(os.getpid)[busy[0]])
            os.kill(lost[0], signal.SIGKILL)

    carry_out(ARMS, tmp_path / "out", client=client, progress=kill, **ASKED)
    assert lost
    assert_same_bits(whole, tmp_path / "out")


@pytest.mark.slow
def test_a_lost_process_does_not_matter(tmp_path: Path, whole: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The pool of this machine is started anew."""
    monkeypatch.setattr(pool, "POLL_S", 0.02)
    pools: list[ProcessPoolExecutor] = []

    class Noted(ProcessPoolExecutor):
        def __init__(self, *arguments: Any, **options: Any) -> None:
            super().__init__(*arguments, **options)
            pools.append(self)

    def kill(_: str, step: int, steps: int, now: str) -> None:
        if step and len(pools) == 1:
            os.kill(next(iter(pools[0]._processes)), signal.SIGKILL)

    monkeypatch.setattr(pool, "ProcessPoolExecutor", Noted)
    carry_out(ARMS, tmp_path / "out", workers=2, progress=kill, **ASKED)
    assert len(pools) == 2
    assert_same_bits(whole, tmp_path / "out")


class Broken(ThreadPoolExecutor):
    """Every batch takes its worker with it."""

    def submit(self, *_: Any, **__: Any) -> Any:
        raise BrokenProcessPool("A process in the process pool was terminated abruptly")


class Failing(ThreadPoolExecutor):
    """Every batch ends with the same error."""

    error: BaseException

    def submit(self, *_: Any, **__: Any) -> Any:
        future: Future[Any] = Future()
        if isinstance(self.error, CancelledError):
            future.cancel()
            future.set_running_or_notify_cancel()
        else:
            future.set_exception(self.error)
        return future


def small(out: Path | None, **options: Any) -> Any:
    asked: dict[str, Any] = {"years": 0.2, "months_per_step": 1.2, "members": 2, "settings": smooth_settings()}
    return carry_out({"Untreated": ""}, out, **(asked | options))


def test_any_executor_will_do(tmp_path: Path) -> None:
    with ThreadPoolExecutor(2) as threads:
        found = small(None, client=threads)
    assert [run.table for run in found.arms[0].members] == [run.table for run in small(None).arms[0].members]
    with pytest.raises(UserError, match="client = 3: give a dask.distributed.Client"):
        small(None, client=3)


def test_workers_that_are_always_lost_end_in_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="^4 times in a row .* abruptly.*: give workers more memory .* resume it$"):
        small(tmp_path / "out", client=Broken())
    assert not list((tmp_path / "out").rglob("*.partial"))
    assert resume(tmp_path / "out", progress=False).arms[0].months[-1] == pytest.approx(2.4)


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (
            distributed.KilledWorker("batch", None, 3),
            "^4 workers were lost, one after another, with the same run",
        ),
        (
            CancelledError(),
            "^the cluster has gone or has withdrawn the runs: start it again; give a folder next time$",
        ),
        (worker.Withdrawn("out: another process goes on"), "^out: another process goes on: wait for it"),
        (UserError("bone = 3: nonsense"), "^bone = 3: nonsense$"),
    ],
    ids=lambda each: type(each).__name__,
)
def test_what_ends_a_study_is_one_sentence(error: BaseException, said: str) -> None:
    executor = Failing()
    executor.error = error
    with pytest.raises(UserError, match=said):
        small(None, client=executor)


def test_what_workers_have_in_common(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Versions, and the folder: as long as the study waits for them, a notice stands there."""
    other = Errand(None, versions={**Errand(None).versions, "jax": "0.1"})
    with pytest.raises(UserError, match="^the worker on .* has jax .* not 0.1: install the same versions everywhere$"):
        worker.require_versions(other)
    with worker.open_errand(tmp_path) as errand:
        worker.require_versions(errand)
        worker.require_folder(errand)
    monkeypatch.setattr(worker, "VISIBLE_S", 0.0)
    with pytest.raises(UserError, match="does not see this folder; give one on a file system that all workers share"):
        worker.require_folder(errand)


def test_a_scheduler_is_named_by_its_address(client: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    with cluster.connect(None) as none, cluster.connect(client.scheduler.address) as found:
        assert none is None and len(found.scheduler_info()["workers"]) == 2
    monkeypatch.setattr(cluster, "CONNECT_S", 0.2)
    for wrong in ("tcp://127.0.0.1:9", "nonsense://"):
        with pytest.raises(UserError, match=f"^scheduler = {wrong}: no Dask scheduler answers there") as caught:
            with cluster.connect(wrong):
                pass
        assert "\n" not in str(caught.value)
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(UserError, match="install trabfem.cluster"), cluster.connect("tcp://127.0.0.1:9"):
        pass
