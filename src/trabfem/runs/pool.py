"""Batches carried out one after another in this process, or in several processes at the same time."""

import dataclasses
import os
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing import get_context
from typing import Any

import jax

from .arm import Arm
from .members import Member
from .plan import Plan
from .progress import Progress
from .runner import AfterMonth, Batch, Bone, carry_out
from .store import RunFolder
from .trajectory import Trajectory

PASSED_ON = ("jax_platforms", "jax_compilation_cache_dir", "jax_persistent_cache_min_compile_time_secs")
Folders = Mapping[tuple[str, int], RunFolder]
Done = list[tuple[Arm, Member, Trajectory]]


def carry_out_all(
    plan: Plan,
    work: Sequence[Batch],
    folders: Folders,
    *,
    bone: Bone,
    workers: int = 1,
    resume: bool = False,
    progress: Progress | None = None,
    after_month: AfterMonth | None = None,
) -> Iterator[Done]:
    """The trajectories of each batch, in the order in which batches end.

    With `workers` > 1, so many processes run at a time and each computes its own `bone`; otherwise this process runs
    all. A second process is worth it where one leaves cores idle: each needs a solver's memory and compiles anew.
    """
    if workers == 1 or len(work) == 1:
        for number, batch in enumerate(work):
            yield carry_out(batch, bone, folders, resume, scale_progress(progress, number, len(work)), after_month)
        return
    options = {name: getattr(jax.config, name) for name in PASSED_ON}
    pool = ProcessPoolExecutor(min(workers, len(work)), get_context("spawn"), _set_up_worker, (options, plan))
    with pool:
        waiting = {pool.submit(_carry_out_in_worker, batch, folders, resume): batch for batch in work}
        done: dict[str, int] = {}
        for future in as_completed(waiting):
            found = future.result()
            for arm, member, _ in found if progress is not None else ():
                done[arm.name] = done.get(arm.name, 0) + 1
                assert progress is not None
                progress(arm.name, done[arm.name], plan.members, f"member {member.number} done")
            yield found


def scale_progress(progress: Progress | None, before: int, count: int) -> Progress | None:
    """A callback for one batch that calls `progress` with its share of all `count` batches, `before` of them done."""
    if progress is None:
        return None
    return lambda what, step, steps, now: progress(what, before * steps + step, count * steps, now)


_shared: list[Bone] = []
"""In a worker process: the bone that its batches share, computed once."""


def _set_up_worker(options: dict[str, Any], plan: Plan) -> None:
    """Prepare a worker process: the parent's JAX options, and the bone of month 0 with its equilibrium."""
    # Without this, each of several processes on one GPU would reserve three quarters of its memory.
    os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")
    for name, value in options.items():
        jax.config.update(name, value)
    _shared[:] = [Bone.of(plan)]


def _carry_out_in_worker(batch: Batch, folders: Folders, resume: bool) -> Done:
    """A batch's trajectories, without the solutions of their states, which take most of the memory."""
    done = carry_out(batch, _shared[0], folders, resume)
    return [(arm, member, dataclasses.replace(run, state=_drop_solutions(run.state))) for arm, member, run in done]


def _drop_solutions(state: Any) -> Any:
    return dataclasses.replace(state, solutions=())
