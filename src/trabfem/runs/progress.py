"""How long work goes on: a bar in a terminal or notebook, a line now and then elsewhere, or a callback of one's own."""

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
"""Called with what is run, steps done, steps in all, and where it stands in words."""


@contextmanager
def shown(progress: Progress | bool) -> Iterator[Progress | None]:
    """The callback to use: the given one, none for False, for True what suits the place (see `bars`)."""
    if progress is False:
        yield None
    elif progress is True:
        with bars() as found:
            yield found
    else:
        yield progress


@contextmanager
def bars() -> Iterator[Progress]:
    """A callback that shows on standard error, or in a notebook, how long work goes on.

    One bar per `what` from its first call on, with the time left; where neither is at hand, a line now and then.
    """
    if not (sys.stderr.isatty() or notebook_has_bars()):
        yield lines()
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


def lines(seconds: float = LINE_EVERY_S) -> Progress:
    """A callback as of `bars` that prints the first and last of each `what` and a line each `seconds`."""
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
