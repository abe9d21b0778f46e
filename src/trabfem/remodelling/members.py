"""Members of an ensemble: what tells one from another, and how they are run, one after another or in several processes.

A member has its own seed of the remodelling units and its own draw of the cell model's parameters from their posterior.
Both follow from the ensemble's seed and the member's number alone, and every member starts from the same month 0, so no
answer depends on how many members there are, nor in which order or in which process they run.
"""

import dataclasses
import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import jax
import numpy as np

from trabfem.biology.parameters import NAMES, Parameters, posterior_draws
from trabfem.biology.patient import Patient
from trabfem.biology.schedule import Schedule
from trabfem.errors import UserError
from trabfem.habits import Habits
from trabfem.specimen import Specimen

from .coupling import State, begin, scene_of
from .settings import Settings
from .simulate import Progress, Trajectory, simulate

PASSED_ON = ("jax_platforms", "jax_compilation_cache_dir", "jax_persistent_cache_min_compile_time_secs")


@dataclass(frozen=True)
class Member:
    """One member: its number from 0, the seed of its remodelling units, and its cell model."""

    number: int
    seed: int
    parameters: Parameters

    @property
    def folder(self) -> str:
        """Its folder below the ensemble's."""
        return f"member_{self.number:04d}"


def member(seed: int, number: int) -> Member:
    """Member `number` of the ensemble with `seed`; UserError where the seed is negative."""
    if seed < 0:
        raise UserError(f"seed {seed}: give 0 or more")
    own, draw = (int(word) for word in np.random.SeedSequence([seed, number]).generate_state(2))
    values = np.exp(posterior_draws(1, draw)[0])
    return Member(number, own >> 1, Parameters(**{name: float(v) for name, v in zip(NAMES, values, strict=True)}))


@dataclass(frozen=True)
class Start:
    """What all tasks share: the prepared specimen, the settings, and the bone of month 0 with its equilibrium."""

    specimen: Specimen
    settings: Settings
    first: State

    @classmethod
    def of(cls, specimen: Specimen, settings: Settings) -> "Start":
        """The start of a prepared specimen; its first equilibrium is solved here."""
        return cls(specimen, settings, begin(specimen, scene_of(specimen, settings)))


@dataclass(frozen=True)
class Task:
    """One member on one arm over `years`; written to `out` where that is given (see `simulate`)."""

    member: Member
    arm: str
    patient: Patient
    schedule: Schedule
    habits: Habits
    years: float
    months_per_step: float
    out: Path | None = None
    resume: bool = False

    def run(self, start: Start, progress: Progress | None = None) -> Trajectory:
        """The trajectory, without its solutions, which take more memory than all the rest."""
        done = simulate(
            start.specimen,
            self.patient,
            self.schedule,
            years=self.years,
            months_per_step=self.months_per_step,
            seed=self.member.seed,
            settings=start.settings,
            out=self.out,
            resume=self.resume,
            progress=progress,
            name=f"{self.arm}, member {self.member.number}",
            habits=self.habits,
            parameters=self.member.parameters,
            first=start.first,
        )
        return dataclasses.replace(done, state=dataclasses.replace(done.state, solutions=()))


def carried_out(
    tasks: Sequence[Task], specimen: Specimen, settings: Settings, workers: int = 1, progress: Progress | None = None
) -> Iterator[tuple[Task, Trajectory]]:
    """Every task with its trajectory, as they end; `workers` processes at a time, or all in this one.

    `specimen` is prepared. A second process pays where one leaves cores idle; each holds a solver's memory and compiles
    for itself. UserError for less than one worker.
    """
    if workers < 1:
        raise UserError(f"{workers} workers: give at least 1")
    if workers == 1 or len(tasks) == 1:
        start = Start.of(specimen, settings)
        for number, task in enumerate(tasks):
            yield task, task.run(start, among(progress, task, number, len(tasks)))
        return
    options = {name: getattr(jax.config, name) for name in PASSED_ON}
    pool = ProcessPoolExecutor(
        min(workers, len(tasks)), get_context("spawn"), _take_up_work, (options, specimen, settings)
    )
    with pool:
        waiting = {pool.submit(_work, task): task for task in tasks}
        for number, future in enumerate(as_completed(waiting)):
            task, done = waiting[future], future.result()
            if progress is not None:
                progress(task.arm, number + 1, len(tasks), f"member {task.member.number} done")
            yield task, done


def among(progress: Progress | None, task: Task, before: int, count: int) -> Progress | None:
    """`progress` of one task as a part of that of all `count`, `before` of which are done."""
    if progress is None:
        return None

    def whole(_: str, step: int, steps: int, now: str) -> None:
        progress(task.arm, before * steps + step, count * steps, f"member {task.member.number}, {now}")

    return whole


_shared: list[Start] = []
"""In a worker, the start of its tasks: sent once, not with each of them."""


def _take_up_work(options: dict[str, Any], specimen: Specimen, settings: Settings) -> None:
    """A new process: the parent's devices and compiled programs, and its own first equilibrium."""
    # Several processes on one GPU would each claim three quarters of its memory.
    os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")
    for name, value in options.items():
        jax.config.update(name, value)
    _shared[:] = [Start.of(specimen, settings)]


def _work(task: Task) -> Trajectory:
    return task.run(_shared[0])
