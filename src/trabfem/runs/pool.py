"""Batches carried out one after another in this process, or by workers at the same time.

Workers are processes of this machine, those of a Dask cluster, or those of any executor of `concurrent.futures`. The
result is the same to the bit. A batch that is lost with its worker is repeated: Dask hands it to another worker, and a
pool of this machine is started anew.
"""

import dataclasses
import os
import warnings
from collections.abc import Iterator, Sequence
from concurrent.futures import (
    FIRST_COMPLETED,
    BrokenExecutor,
    CancelledError,
    Executor,
    Future,
    wait,
)
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import jax
from loky.process_executor import ProcessPoolExecutor

from trabfem.errors import UserError

from . import files
from .plan import Plan
from .processes import count_cores
from .progress import Progress
from .runner import AfterMonth, Batch, Bone, carry_out
from .worker import JAX_OPTIONS, Done, Errand, Folders, Withdrawn, carry_out_errand, open_errand, set_up_process

LOSSES = 3
"""So many times in a row workers may be lost before any batch ends."""
MEMORY = ": give workers more memory or let fewer of them run at a time"
POLL_S = 2.0
"""How often the folders of the runs are looked at for new months."""


def carry_out_all(
    plan: Plan,
    work: Sequence[Batch],
    folders: Folders,
    *,
    bone: Bone,
    workers: int = 1,
    client: Any = None,
    resume: bool = False,
    progress: Progress | None = None,
    after_month: AfterMonth | None = None,
) -> Iterator[Done]:
    """The trajectories of each batch, in the order in which batches end.

    With `client`, its workers carry out the batches; otherwise, with `workers` > 1, so many processes of this machine,
    and else this process, with its `bone`. A second process is worth it where one leaves cores idle: each needs a
    solver's memory and compiles anew.
    """
    if client is None and (workers == 1 or len(work) == 1):
        for number, batch in enumerate(work):
            yield carry_out(batch, bone, folders, resume, scale_progress(progress, number, len(work)), after_month)
        return
    tally = Tally(plan, folders, progress)
    yield from share_out(plan, work, folders, tally, client, workers)


def share_out(
    plan: Plan, work: Sequence[Batch], folders: Folders, tally: "Tally", client: Any, workers: int
) -> Iterator[Done]:
    """The trajectories of each batch by workers; batches that are lost with a pool are repeated in a new one."""
    # Workers may have another working directory.
    folders = {key: dataclasses.replace(each, path=each.path.absolute()) for key, each in folders.items()}
    left, losses = list(work), 0
    with open_errand(folder_of(folders)) as errand:
        while left:
            try:
                with open_executor(client, min(workers, len(left))) as executor:
                    for batch, found in spread(executor, plan, errand, list(left), folders, tally):
                        left.remove(batch)
                        losses = 0
                        yield found
            except BrokenExecutor as error:
                losses += 1
                if losses > LOSSES:
                    raise lost(errand, f"{losses} times in a row a worker was lost ({error}){MEMORY}") from error


def folder_of(folders: Folders) -> Path | None:
    """The folder of the study that these runs are in; None where nothing is written."""
    return next((each.path.parent.parent for each in folders.values()), None)


@contextmanager
def open_executor(client: Any, processes: int, share: int | None = None) -> Iterator[Executor]:
    """The executor of a Dask client, or the one given, or new processes of this machine.

    `share`: how many processes have the cores between them where there are others beside these.
    """
    if client is None:
        options = {name: getattr(jax.config, name) for name in JAX_OPTIONS}
        # Processes of loky do not run the caller's script again, so that it needs no guard.
        threads = {"NPROC": str(max(1, count_cores() // (share or processes)))}
        pool = ProcessPoolExecutor(processes, initializer=set_up_process, initargs=(options, os.getpid()), env=threads)
        try:
            yield pool
        finally:
            pool.shutdown(kill_workers=True)
    elif isinstance(client, Executor):
        yield client
    elif hasattr(client, "get_executor") and not getattr(client, "asynchronous", False):
        yield client.get_executor(pure=False)
    else:
        raise UserError(
            f"client = {client!r}: give a dask.distributed.Client that is not asynchronous, or an executor of "
            "concurrent.futures"
        )


def spread(
    executor: Executor, plan: Plan, errand: Errand, work: Sequence[Batch], folders: Folders, tally: "Tally"
) -> Iterator[tuple[Batch, Done]]:
    """Each batch with its trajectories, in the order in which batches end."""
    waiting: dict[Future[Done], Batch] = {}
    shipped = ship(executor, plan)
    for batch in work:
        own = {key: folders[key] for arm, member in batch if (key := (arm.slug, member.number)) in folders}
        waiting[executor.submit(carry_out_errand, shipped, errand, batch, own)] = batch
    try:
        while waiting:
            for future in wait(waiting, POLL_S, FIRST_COMPLETED).done:
                found = result(future, errand)
                tally.add(found)
                yield waiting.pop(future), found
            tally.look()
    finally:
        for future in waiting:
            future.cancel()


def ship(executor: Executor, plan: Plan) -> Any:
    """What a batch is given as its plan: for Dask one copy that the scheduler holds and can send again."""
    client = getattr(executor, "_client", None)
    if client is None:
        return plan
    with warnings.catch_warnings():
        # Of a large specimen Dask says that it should lie on a worker; but there it could be lost with the worker.
        warnings.simplefilter("ignore", UserWarning)
        return client.submit(_as_it_is, plan, pure=False)


def _as_it_is(plan: Plan) -> Plan:
    return plan


def result(future: Future[Done], errand: Errand) -> Done:
    """The trajectories of a batch; UserError where the cluster or the folder is gone, or batches kill every worker."""
    try:
        return future.result()
    except CancelledError as error:
        raise lost(errand, "the cluster has gone or has withdrawn the runs: start it again") from error
    except Withdrawn as error:
        raise lost(errand, f"{error}: wait for it") from error
    except Exception as error:
        # The class is Dask's, which need not be installed.
        if type(error).__name__ != "KilledWorker":
            raise
        raise lost(
            errand, f"{error.args[2] + 1} workers were lost, one after another, with the same run{MEMORY}"
        ) from error


def lost(errand: Errand, what: str) -> UserError:
    """The error for a study whose workers are gone."""
    kept = "what is finished stays in the folder: resume it" if errand.notice is not None else "give a folder next time"
    return UserError(f"{what}; {kept}")


class Tally:
    """Tells `progress` how far the arms have come: by the months in the folders, without folders by runs that ended."""

    def __init__(self, plan: Plan, folders: Folders, progress: Progress | None) -> None:
        self.plan, self.folders, self.progress = plan, folders, progress
        self.steps = len(plan.months) - 1
        self.ended: set[tuple[str, int]] = set()
        self.told: dict[str, int] = {}

    def add(self, found: Done) -> None:
        """Count runs that have ended."""
        self.ended |= {(arm.slug, member.number) for arm, member, _ in found}

    def look(self) -> None:
        """Call `progress` for each arm that has come further."""
        for arm in self.plan.arms if self.progress is not None else ():
            steps = sum(self.steps_of((arm.slug, number)) for number in range(self.plan.members))
            if self.progress is not None and self.told.get(arm.slug) != steps:
                self.told[arm.slug] = steps
                ended = sum(slug == arm.slug for slug, _ in self.ended)
                self.progress(
                    arm.name, steps, self.steps * self.plan.members, f"{ended} of {self.plan.members} members done"
                )

    def steps_of(self, key: tuple[str, int]) -> int:
        """Steps that a run has done, as far as it can be seen."""
        if key in self.ended or key not in self.folders:
            return self.steps * (key in self.ended)
        return max(0, len(files.month_files(self.folders[key].path)) - 1)


def scale_progress(progress: Progress | None, before: int, count: int) -> Progress | None:
    """A callback for one batch that calls `progress` with its share of all `count` batches, `before` of them done."""
    if progress is None:
        return None
    return lambda what, step, steps, now: progress(what, before * steps + step, count * steps, now)
