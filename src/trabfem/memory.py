"""How much memory work takes and how much there is, said before it begins.

Measured: a solve on a CPU holds 66 bytes an unknown and 8 a voxel of the block, on a GPU 118 an unknown; a run of
remodelling 400 a voxel (`bench/README.md`).
"""

import logging
from dataclasses import dataclass
from pathlib import Path

from trabfem.errors import UserError

LOG = logging.getLogger(__name__)
BYTES_PER_UNKNOWN_CPU, BYTES_PER_UNKNOWN_GPU = 66.0, 118.0
BYTES_PER_VOXEL = 24.0
"""Of the block: its fill, moduli, labels of its pieces."""
BYTES_PER_VOXEL_RUN = 400.0
PROCESS_BYTES = 0.4e9
"""Libraries and compiled programs."""
SOLUTION_BYTES = 24.0
"""Displacements in double precision, of an unknown, where several solutions are kept."""
GIB = 2.0**30
WORTH_SAYING = 0.25
"""From this part of the free memory on, the need is said before work begins."""
CGROUP = Path("/sys/fs/cgroup")
CGROUP_FILES = (
    ("memory.max", "memory.current"),
    ("memory/memory.limit_in_bytes", "memory/memory.usage_in_bytes"),
)
"""Limit and use in versions 2 and 1 of Linux's control groups."""
REMEDY = "crop the scan to the part of interest, coarsen it, use a GPU, or a machine or cluster with more memory"


@dataclass(frozen=True)
class Need:
    """Bytes that a piece of work takes on its device, and bytes that are free there."""

    what: str
    needed: float
    free: float

    def __str__(self) -> str:
        return f"{self.what} takes about {self.needed / GIB:.3g} GiB of memory, {self.free / GIB:.3g} GiB are free"


def require_memory(need: Need) -> None:
    """Say what is needed where it is much; UserError where it is more than there is."""
    if need.needed > need.free:
        raise UserError(f"{need}: {REMEDY}")
    LOG.log(logging.INFO if need.needed > WORTH_SAYING * need.free else logging.DEBUG, "%s", need)


def need_of_solve(unknowns: int, voxels: int, what: str = "the solve", solutions: int = 1) -> Need:
    """The need of a linear solve of so many unknowns in a block of so many voxels, with so many solutions kept."""
    gpu = on_gpu()
    each = (BYTES_PER_UNKNOWN_GPU if gpu else BYTES_PER_UNKNOWN_CPU) + SOLUTION_BYTES * (solutions - 1)
    needed = each * unknowns + (0.0 if gpu else PROCESS_BYTES + BYTES_PER_VOXEL * voxels)
    return Need(f"{what} of {unknowns:.3g} unknowns", needed, free_device_memory())


def need_of_run(voxels: int) -> Need:
    """The need of one run of remodelling on a block of so many voxels."""
    what = f"a run on {voxels:.3g} voxels"
    return Need(what, BYTES_PER_VOXEL_RUN * voxels + (0.0 if on_gpu() else PROCESS_BYTES), free_device_memory())


def on_gpu() -> bool:
    """Whether JAX computes on a GPU."""
    import jax

    return jax.default_backend() == "gpu"


def free_device_memory() -> float:
    """Bytes that are free where JAX computes."""
    if not on_gpu():
        return free_memory()
    import jax

    stats = jax.devices()[0].memory_stats() or {}
    return float(stats.get("bytes_limit", float("inf"))) - float(stats.get("bytes_in_use", 0))


def free_memory() -> float:
    """Bytes of memory that this process can have: what other programs leave, within the limit of its container."""
    import psutil

    return min(float(psutil.virtual_memory().available), _left_in_container())


def _left_in_container() -> float:
    """What the control group of a container, a batch job or a cluster leaves; infinite where there is no limit."""
    for limit, used in (
        ("memory.max", "memory.current"),
        ("memory/memory.limit_in_bytes", "memory/memory.usage_in_bytes"),
    ):
        try:
            most = float((CGROUP / limit).read_text())
            return most - float((CGROUP / used).read_text()) + _reclaimable()
        except (OSError, ValueError):  # no such file, or "max"
            continue
    return float("inf")


def _reclaimable() -> float:
    """Bytes of files that the container keeps for the case, which count as used but are given back."""
    try:
        lines = (CGROUP / "memory.stat").read_text().splitlines()
    except OSError:
        return 0.0
    return sum(float(line.split()[1]) for line in lines if line.startswith("inactive_file "))
