"""Seconds that each part of a run takes, and a sentence about them."""

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from trabfem.mechanics.solve import Solution

Timing = dict[str, float]


@contextmanager
def measure_time(timing: Timing, part: str) -> Iterator[None]:
    """Add the seconds spent in the `with` block to `timing[part]`."""
    start = time.perf_counter()
    try:
        yield
    finally:
        timing[part] = timing.get(part, 0.0) + time.perf_counter() - start


def separate_set_up(timing: Timing, solutions: Sequence[Solution]) -> None:
    """Move the seconds that took to build the solutions' multigrid hierarchies from "solve" to "set-up"."""
    seconds = sum(solution.setup_s for solution in solutions)
    timing["solve"] = timing.get("solve", 0.0) - seconds
    timing["set-up"] = timing.get("set-up", 0.0) + seconds


def add_timings(timings: Sequence[Timing]) -> Timing:
    """Seconds in each part, summed over several runs."""
    parts = dict.fromkeys(part for timing in timings for part in timing)
    return {part: sum(timing.get(part, 0.0) for timing in timings) for part in parts}


def describe_timing(timing: Timing, tables: Sequence[Mapping[str, Sequence[Any]]]) -> str:
    """Shares of the time, largest first, and mean iterations of a solve that starts from the month before."""
    total = sum(timing.values())
    if total <= 0:
        return ""
    shares = sorted(timing.items(), key=lambda item: -item[1])
    text = f"time {total:.0f} s: " + ", ".join(f"{part} {seconds / total:.0%}" for part, seconds in shares)
    warm = [count for table in tables for count in table.get("iterations", [])[1:] if count is not None]
    return text + (f"; {sum(warm) / len(warm):.1f} iterations a solve" if warm else "")
