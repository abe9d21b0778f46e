"""Rows carried out in this process, by processes of this machine, or by a Dask cluster or another executor.

A row that fails, or that is lost with its worker, is done once more; then it is reported and the others go on. Each
process of this machine has an executor of its own, so that a process that is killed takes its own row along and no
other, and is started anew.
"""

import os
import platform
import time
import warnings
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, BrokenExecutor, CancelledError, Executor, Future, wait
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from trabfem.device import device_name, give_back_freed_memory, keep_compiled_programs
from trabfem.errors import NotConverged, UserError
from trabfem.runs import files, pool
from trabfem.runs.worker import Errand, Withdrawn, require_folder, require_versions

from . import previews, records
from .records import LOST, Record
from .rows import Row
from .tasks import ANALYSES, Task, Work

ATTEMPTS = 2
POLL_S = 2.0
KILLED = "workers were lost, one after another,"
MEMORY = "most likely memory was short: crop the scan, or let fewer workers run at a time"


@dataclass(frozen=True)
class Job:
    """A row to carry out: `folder` is the cohort's, `sources` how its files are named in the record."""

    row: Row
    task: Task
    folder: Path
    sources: tuple[str, ...]

    @property
    def place(self) -> Path:
        """The path of the row's files, without ending."""
        return self.folder / self.row.place

    @property
    def asked(self) -> dict[str, dict[str, Any]]:
        """Options of each analysis, in the order in which they are done."""
        return {name: self.task.asked(name, self.row) for name in ANALYSES if name in self.task.analyses}

    def known(self) -> Record:
        """The record in the folder, empty where there is none, or it does not hold any more."""
        known, reading = files.read_json(records.path_of(self.place)), self.task.reading_of(self.row)
        return known if known and records.still_holds(known, self.inputs(), reading) else {}

    def inputs(self) -> list[records.Input]:
        """The files that are read; none where they cannot be reached."""
        try:
            return records.inputs_of(self.row.scan, self.task.reading_of(self.row))
        except OSError:
            return []


def carry_out(job: Job, errand: Errand | None = None) -> Record:
    """Do what is missing of a row and write it; an analysis that fails does not keep the next one from being done."""
    if errand is not None:
        require_versions(errand)
        require_folder(errand)
        if errand.notice is not None and not errand.notice.exists():
            raise Withdrawn(f"{job.folder}: the cohort has ended or goes on in another process")
    keep_compiled_programs()
    if "study" not in job.task.analyses:
        give_back_freed_memory()
    reading = job.task.reading_of(job.row)
    worker = {"pid": os.getpid(), "host": platform.node(), "device": device_name()}
    record = records.begin(job.place, job.row.id, job.sources, job.inputs(), reading, worker)
    left = records.missing(record, job.asked)
    record["analyses"] = {name: answer for name, answer in record["analyses"].items() if name not in left}
    fresh = not record["analyses"]
    records.write(job.place, record)
    work = Work(job.row, job.task, job.place)
    for name in left:
        began = time.perf_counter()
        try:
            found = ANALYSES[name](work)
        except Exception as error:
            record["failures"][name] = in_words(error)
            continue
        record["analyses"][name] = {
            "asked": job.asked[name],
            "values": [
                {"name": column.name, "unit": column.unit, "meaning": column.meaning, "value": value}
                for column, value in found.values
            ],
            "details": found.details,
            "trouble": found.trouble,
            "seconds": time.perf_counter() - began,
            "finished": records.now(),
        }
        record["notes"] = list(dict.fromkeys([*record["notes"], *found.details.get("notes", work.bone.notes)]))
        records.write(job.place, record)
    if record["failures"]:
        records.write(job.place, record)
    made = vars(work)
    if "bone" in made and (fresh or "elastic" in made or not previews.path_of(job.place).exists()):
        previews.write_preview(job.place, work.bone, made.get("elastic"))
    return files.to_json_types(record)


def attempt(job: Job) -> Record:
    """The same in this process; whatever goes wrong with this row alone is in its record."""
    try:
        return carry_out(job)
    except (UserError, Withdrawn):
        raise
    except Exception as error:
        return lost(job, in_words(error))


def in_words(error: Exception) -> str:
    """Why an analysis failed, in one sentence."""
    said = " ".join(str(error).split())
    if isinstance(error, MemoryError) or "RESOURCE_EXHAUSTED" in said:
        return f"memory was short; crop the scan, or let fewer workers run at a time ({said[:120] or 'MemoryError'})"
    if isinstance(error, UserError | NotConverged):
        return said
    return f"{type(error).__name__}: {said[:300] or 'no message'}"


def carry_out_all(
    jobs: Sequence[Job], errand: Errand, workers: int = 1, client: Any = None
) -> Iterator[tuple[Job, Record]]:
    """Each job with its record, in the order in which they end."""
    if client is None and workers == 1:
        for job in jobs:
            record = attempt(job)
            yield job, attempt(job) if record["failures"] else record
        return
    with ExitStack() as stack:
        count = min(workers, len(jobs))
        lanes = [Lane(stack, workers=count) for _ in range(count)] if client is None else [Lane(stack, client)]
        yield from share_out(jobs, errand, lanes)


@dataclass
class Lane:
    """An executor and the jobs in it: one process of this machine with one job, or a cluster with all of them."""

    stack: ExitStack
    client: Any = None
    workers: int = 1
    executor: Executor | None = None
    waiting: dict[Future[Record], Job] = field(default_factory=dict)

    @property
    def is_free(self) -> bool:
        """Whether it takes another job."""
        return self.client is not None or not self.waiting

    def submit(self, job: Job, errand: Errand) -> None:
        """Hand a job in; an executor is made for the first one, and after its process was lost."""
        if self.executor is None:
            self.executor = self.stack.enter_context(pool.open_executor(self.client, 1, share=self.workers))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)
            self.waiting[self.executor.submit(carry_out, job, errand)] = job


def share_out(jobs: Sequence[Job], errand: Errand, lanes: Sequence[Lane]) -> Iterator[tuple[Job, Record]]:
    """Each job with its record, shared out over lanes; what fails or is lost comes once more, after the others."""
    left, attempts = deque(jobs), dict.fromkeys((job.row.id for job in jobs), 0)
    try:
        while left or any(lane.waiting for lane in lanes):
            for lane in lanes:
                while left and lane.is_free:
                    lane.submit(left.popleft(), errand)
            futures = {future: lane for lane in lanes for future in lane.waiting}
            for future in wait(futures, POLL_S, FIRST_COMPLETED).done:
                job = futures[future].waiting.pop(future)
                record = result(future, job, futures[future], errand)
                # Dask has tried the others by itself before it says that workers were lost.
                attempts[job.row.id] += ATTEMPTS if KILLED in record["failures"].get(LOST, "") else 1
                if record["failures"] and attempts[job.row.id] < ATTEMPTS:
                    left.append(job)
                else:
                    yield job, record
    finally:
        for lane in lanes:
            for future in lane.waiting:
                future.cancel()


def result(future: Future[Record], job: Job, lane: Lane, errand: Errand) -> Record:
    """The record of a job; of one that was lost with its worker what the folder has of it, and that sentence.

    **Raises:** `UserError` where the cluster is gone, or workers are of another version or do not see the folder.
    """
    try:
        return future.result()
    except CancelledError as error:
        raise gone("the cluster has gone or has withdrawn the rows: start it again") from error
    except Withdrawn as error:
        raise gone(f"{error}: wait for it") from error
    except UserError:
        raise
    except BrokenExecutor as error:
        if lane.client is not None:
            raise gone(f"the executor given as client is broken ({error}): give a new one") from error
        lane.executor = None
        said = f"its process was killed; {MEMORY}"
    except Exception as error:
        # The class is Dask's, which need not be installed.
        killed = type(error).__name__ == "KilledWorker"
        said = f"{KILLED} with this row; {MEMORY}" if killed else in_words(error)
    return lost(job, said)


def lost(job: Job, said: str) -> Record:
    """The record of a row whose worker was lost or could not begin, written."""
    known = job.known()
    if not known:
        reading = job.task.reading_of(job.row)
        known = records.begin(job.place, job.row.id, job.sources, [], reading, {})
    if not records.missing(known, job.asked):
        # Killed between the last writing and the answer: all is there.
        return known
    known = {**known, "failures": {LOST: said}}
    records.write(job.place, known)
    return known


def gone(what: str) -> UserError:
    """The error for a cohort whose workers are gone."""
    return UserError(f"{what}; rows that are done stay in the folder: ask for the cohort once more")
