"""Writes months while the next ones are computed: on a GPU the host would otherwise wait for its disk."""

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager
from types import TracebackType

import jax

MOST_WAITING = 64
"""Months that may wait to be written: those of all runs of a batch, not more, as each is held in memory."""


class Writer(AbstractContextManager["Writer"]):
    """Carries out what it is given, in order; at once, or `overlapped` with what follows, in a thread of its own.

    An error of an earlier call is raised by a later one, or at the end of the `with` block at the latest. When the
    block ends everything is written, also after an error within.
    """

    def __init__(self, overlapped: bool | None = None) -> None:
        """By default overlapped everywhere but on a CPU, whose cores compute."""
        overlapped = jax.default_backend() != "cpu" if overlapped is None else overlapped
        self._thread = ThreadPoolExecutor(1) if overlapped else None
        self._waiting: list[Future[None]] = []

    def __call__(self, write: Callable[[], None]) -> None:
        """Call `write`, now or as soon as what was given before is written."""
        if self._thread is None:
            write()
            return
        while self._waiting and (self._waiting[0].done() or len(self._waiting) >= MOST_WAITING):
            self._waiting.pop(0).result()
        self._waiting.append(self._thread.submit(write))

    def finish(self) -> None:
        """Return when everything is written."""
        while self._waiting:
            self._waiting.pop(0).result()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Write what is left; an error within the block goes before one of writing."""
        try:
            if error is None:
                self.finish()
        finally:
            if self._thread is not None:
                self._thread.shutdown(wait=True)
