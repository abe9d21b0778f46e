"""How many processes of this machine a study is worth."""

import os

import jax

from trabfem.memory import BYTES_PER_VOXEL_RUN, free_memory

from .plan import Plan

SECONDS_PER_VOXEL_MONTH = 1.7e-6
"""CPU time of a month of one run (measured: 0.45 s with 64 voxels a side)."""
WORTH_S = 60.0
"""Less work than this is done before other processes have started."""
BYTES = 0.9e9
"""Memory of a process without its bone: its libraries and compiled programs."""


def choose_workers(plan: Plan) -> int:
    """One process for each core where there is a study's worth of work and the memory for it; one on a GPU.

    Two processes with a thread each do half as much again as one with two threads.
    """
    voxels, runs = plan.specimen.fill.size, len(plan.arms) * plan.members
    return count_fitting(voxels, runs, SECONDS_PER_VOXEL_MONTH * voxels * 12 * plan.years * runs)


def count_fitting(voxels: int, pieces: int, seconds: float) -> int:
    """Processes for pieces of work that need no other, each on so many voxels, of `seconds` of CPU time in all."""
    if jax.default_backend() != "cpu" or seconds < WORTH_S:
        return 1
    fitting = 0.7 * free_memory() / (BYTES + BYTES_PER_VOXEL_RUN * voxels)
    return max(1, int(min(count_cores(), pieces, fitting)))


def count_cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
