"""Batches carried out one after another in this process, or in several processes side by side."""

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
from .runner import Batch, Bone, Recorded, carry_out
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
    recorded: Recorded | None = None,
) -> Iterator[Done]:
    """What each batch gave, as they end; `workers` processes at a time, or all in this one, where `bone` is known.

    A second process pays where one leaves cores idle; each holds a solver's memory and compiles for itself.
    """
    if workers == 1 or len(work) == 1:
        for number, batch in enumerate(work):
            yield carry_out(batch, bone, folders, resume, among(progress, number, len(work)), recorded)
        return
    options = {name: getattr(jax.config, name) for name in PASSED_ON}
    pool = ProcessPoolExecutor(min(workers, len(work)), get_context("spawn"), _take_up_work, (options, plan))
    with pool:
        waiting = {pool.submit(_work, batch, folders, resume): batch for batch in work}
        done: dict[str, int] = {}
        for future in as_completed(waiting):
            found = future.result()
            for arm, member, _ in found if progress is not None else ():
                done[arm.name] = done.get(arm.name, 0) + 1
                assert progress is not None
                progress(arm.name, done[arm.name], plan.members, f"member {member.number} done")
            yield found


def among(progress: Progress | None, before: int, count: int) -> Progress | None:
    """`progress` of one batch as a part of that of all `count`, `before` of which are done."""
    if progress is None:
        return None
    return lambda what, step, steps, now: progress(what, before * steps + step, count * steps, now)


_shared: list[Bone] = []
"""In a worker, what its batches share: found once, not with each of them."""


def _take_up_work(options: dict[str, Any], plan: Plan) -> None:
    """A new process: the parent's devices and compiled programs, and its own first equilibrium."""
    # Several processes on one GPU would each claim three quarters of its memory.
    os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")
    for name, value in options.items():
        jax.config.update(name, value)
    _shared[:] = [Bone.of(plan)]


def _work(batch: Batch, folders: Folders, resume: bool) -> Done:
    """A batch's trajectories without the solutions of their states, which take more memory than all the rest."""
    done = carry_out(batch, _shared[0], folders, resume)
    return [(arm, member, dataclasses.replace(run, state=_lighter(run.state))) for arm, member, run in done]


def _lighter(state: Any) -> Any:
    return dataclasses.replace(state, solutions=())
