"""Progress of work: a bar in a terminal or notebook, occasional lines elsewhere, or a callback of the caller."""

import importlib.util
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.progress import TaskID

LINE_EVERY_S = 15.0

Progress = Callable[[str, int, int, str], None]
"""Called with the name of the work, steps done, total steps, and its state in words."""


@contextmanager
def open_progress(progress: Progress | bool) -> Iterator[Progress | None]:
    """The callback to use: the given one; None for False; for True, bars or lines (see `progress_bars`)."""
    if progress is False:
        yield None
    elif progress is True:
        with progress_bars() as found:
            yield found
    else:
        yield progress


@contextmanager
def progress_bars() -> Iterator[Progress]:
    """A callback that shows progress on standard error or in a notebook.

    In a terminal or notebook it shows one bar with the time left for each `what`; elsewhere it prints occasional lines.
    """
    if not (sys.stderr.isatty() or notebook_has_bars()):
        yield progress_lines()
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    tasks: dict[str, TaskID] = {}
    with ExitStack() as stack:
        console = Console() if notebook_has_bars() else Console(stderr=True)
        progress = Progress(*columns, TextColumn("{task.fields[now]}"), console=console)

        def advance(what: str, done: int, total: int, now: str) -> None:
            if not tasks:
                stack.enter_context(progress)
            if what not in tasks:
                tasks[what] = progress.add_task(what, total=total, now=now)
            progress.update(tasks[what], completed=done, now=now)

        yield advance


def notebook_has_bars() -> bool:
    """Whether Jupyter shows what is written and has the widgets that a bar needs; nothing of it is imported here."""
    shell = sys.modules.get("IPython")
    inside = shell is not None and type(shell.get_ipython()).__name__ == "ZMQInteractiveShell"
    return inside and importlib.util.find_spec("ipywidgets") is not None


def progress_lines(seconds: float = LINE_EVERY_S) -> Progress:
    """A callback that prints a line at the first and last step of each `what`, and every `seconds` in between."""
    began: dict[str, tuple[float, int]] = {}
    last = 0.0

    def advance(what: str, done: int, total: int, now: str) -> None:
        nonlocal last
        moment = time.monotonic()
        start, first = began.setdefault(what, (moment, done))
        if done != first and done < total and moment - last < seconds:
            return
        last = moment
        left = (moment - start) / (done - first) * (total - done) if done > first else None
        ahead = f", {left:.0f} s left" if left else ""
        print(f"{what}: step {done} of {total}, {now}{ahead}", file=sys.stderr, flush=True)

    return advance
