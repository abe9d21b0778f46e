"""What happens in a worker: a process of this machine, or of a cluster, that carries out batches of a study.

A worker computes the bone of month 0 once and keeps it for all batches of the study. With a folder it writes months
itself, and begins where the folder says that a run stands: so a batch that was lost with its worker is repeated from
its last month, bit for bit.
"""

import dataclasses
import os
import platform
import threading
import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import jax

from trabfem.device import keep_compiled_programs
from trabfem.errors import UserError

from .arm import Arm
from .members import Member
from .plan import Plan
from .runner import Batch, Bone, Run, carry_out
from .store import RunFolder
from .trajectory import Trajectory
from .versions import versions

JAX_OPTIONS = ("jax_platforms", "jax_compilation_cache_dir", "jax_persistent_cache_min_compile_time_secs")
Folders = Mapping[tuple[str, int], RunFolder]
Done = list[tuple[Arm, Member, Trajectory]]
VISIBLE_S = 10.0
"""How long a file that another host has made may take to be seen."""
LOOK_FOR_PARENT_S = 1.0


class Withdrawn(Exception):
    """The study that asked for a batch has ended: there is nobody to take its results."""


@dataclass(frozen=True)
class Errand:
    """What all batches of a study have in common.

    `notice`: a file in the study's folder that stands as long as the study waits for its batches; None without folder.
    """

    notice: Path | None
    mark: str = field(default_factory=lambda: uuid.uuid4().hex)
    versions: Mapping[str, str] = field(default_factory=versions)


@contextmanager
def open_errand(folder: Path | None) -> Iterator[Errand]:
    """An errand whose notice stands in `folder` within a `with` block; a killed study's notice is swept on resuming."""
    if folder is None:
        yield Errand(None)
        return
    errand = Errand(folder.absolute() / f".workers.{uuid.uuid4().hex}.partial")
    assert errand.notice is not None
    errand.notice.touch()
    try:
        yield errand
    finally:
        errand.notice.unlink(missing_ok=True)


_bone: dict[str, Bone] = {}
"""The bone of month 0 by the mark of the errand; only the present one is kept."""
_alone = threading.Lock()
"""Batches of threads in one process take turns: each of them uses the process's cores."""


def carry_out_errand(plan: Plan, errand: Errand, batch: Batch, folders: Folders) -> Done:
    """A batch's trajectories, without the solutions of their states, which take most of the memory.

    **Raises:** `UserError` where the worker has other versions or does not see the folder; `Withdrawn` after the month
    in which the study has ended.
    """
    require_versions(errand)
    require_folder(errand)

    def check(_: Sequence[Run]) -> None:
        if errand.notice is not None and not errand.notice.exists():
            raise Withdrawn(f"{errand.notice.parent}: the study has ended or goes on in another process")

    with _alone:
        check([])
        if errand.mark not in _bone:
            keep_compiled_programs()
            _bone.clear()
            _bone[errand.mark] = Bone.of(plan, errand.notice and errand.notice.parent)
        # The folders were empty or checked when the study began, so what stands there now is of this study.
        done = carry_out(batch, _bone[errand.mark], folders, resume=True, after_month=check)
    return [(arm, member, dataclasses.replace(run, state=_drop_solutions(run.state))) for arm, member, run in done]


def require_versions(errand: Errand) -> None:
    """UserError where this worker has other versions of the packages than the process that asks."""
    here = versions()
    other = [f"{name} {here[name]} not {known}" for name, known in errand.versions.items() if here[name] != known]
    if other:
        raise UserError(f"the worker on {platform.node()} has {', '.join(other)}: install the same versions everywhere")


def require_folder(errand: Errand) -> None:
    """UserError where this worker does not see the folder of the study."""
    began = time.monotonic()
    while errand.notice is not None and not errand.notice.exists():
        if time.monotonic() - began > VISIBLE_S:
            raise UserError(
                f"{errand.notice.parent}: the worker on {platform.node()} does not see this folder; give one on a file "
                "system that all workers share, or none"
            )
        time.sleep(0.5)


def set_up_process(options: Mapping[str, Any], parent: int) -> None:
    """Prepare a process of this machine: the JAX options of its parent, and to end with it even when it is killed."""
    # Without this, each of several processes on one GPU would reserve three quarters of its memory.
    os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")
    for name, value in options.items():
        jax.config.update(name, value)
    threading.Thread(target=_end_with_parent, args=(parent,), daemon=True).start()


def _end_with_parent(parent: int) -> None:
    """A process whose parent was killed would wait for work for ever."""
    while os.getppid() == parent:
        time.sleep(LOOK_FOR_PARENT_S)
    os._exit(1)


def _drop_solutions(state: Any) -> Any:
    return dataclasses.replace(state, solutions=())
