"""CPU seconds, wall seconds and memory of one piece of work: in this process, or of a command in one of its own."""

import contextlib
import ctypes
import dataclasses
import gc
import json
import os
import platform
import resource
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

# Runs a command from a process so small that the peak it inherits from its parent at the fork does not show.
LAUNCHER = """
import json, resource, subprocess, sys, time
began = time.perf_counter()
done = subprocess.run(sys.argv[1:], capture_output=True, text=True)
used = resource.getrusage(resource.RUSAGE_CHILDREN)
print(json.dumps({"returncode": done.returncode, "stdout": done.stdout, "stderr": done.stderr,
                  "wall_s": time.perf_counter() - began, "cpu_s": used.ru_utime + used.ru_stime,
                  "peak": used.ru_maxrss}))
"""
# What JAX calls the event of a program compiled, with the seconds that it took.
COMPILED = "/jax/core/compile/backend_compile_duration"
# Linux counts in kilobytes, macOS in bytes.
MAXRSS_UNIT = 1 if sys.platform == "darwin" else 1024


@dataclasses.dataclass
class Cost:
    """What a piece of work took; memory in bytes."""

    cpu_s: float = 0.0
    wall_s: float = 0.0
    growth: int = 0
    """Peak of resident memory above what was resident before."""
    peak: int = 0
    """Peak of resident memory, all of it."""


@contextlib.contextmanager
def measured() -> Iterator[Cost]:
    """The cost of the body in this process, all threads together."""
    cost = Cost()
    _give_back_free_memory()
    before = _resident()
    _reset_peak()
    cpu, wall = time.process_time(), time.perf_counter()
    yield cost
    cost.cpu_s, cost.wall_s = time.process_time() - cpu, time.perf_counter() - wall
    cost.peak = peak()
    cost.growth = max(cost.peak - before, 0)


def run_alone(command: list[str], folder: Path, environment: dict[str, str] | None) -> tuple[Cost, str]:
    """The cost of a command as a process of its own, and what it printed; `growth` is the whole peak."""
    launch = [sys.executable, "-I", "-S", "-c", LAUNCHER, *command]
    done = subprocess.run(launch, cwd=folder, env=environment, capture_output=True, text=True, check=True)
    report = json.loads(done.stdout)
    if report["returncode"]:
        raise RuntimeError(f"{command[0]} ended with code {report['returncode']}: {report['stderr'][-1000:]}")
    peak = report["peak"] * MAXRSS_UNIT
    return Cost(report["cpu_s"], report["wall_s"], peak, peak), report["stdout"]


def machine() -> str:
    """Processor, number of cores that this process may use, and system, in words."""
    model = platform.processor() or platform.machine()
    with contextlib.suppress(OSError):
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        model = next((line.split(": ", 1)[1] for line in lines if line.startswith("model name")), model)
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return f"{model}, {cores} cores, {platform.system()}, Python {platform.python_version()}"


def _give_back_free_memory() -> None:
    """Freed memory that the allocator keeps would hide growth: it returns to the system first, and from now on at once,
    as under the command line."""
    m_mmap_threshold = -3
    gc.collect()
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).mallopt(m_mmap_threshold, 1 << 18)
        ctypes.CDLL(None).malloc_trim(0)


def _resident() -> int:
    try:
        return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        return peak()


def _reset_peak() -> None:
    """Only Linux can; elsewhere the peak is that of the process so far."""
    with contextlib.suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")


def peak() -> int:
    """The most memory (bytes) that the process has held since it began or `measured` did."""
    with contextlib.suppress(OSError, StopIteration):
        lines = Path("/proc/self/status").read_text().splitlines()
        return 1024 * int(next(line for line in lines if line.startswith("VmHWM")).split()[1])
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * MAXRSS_UNIT
