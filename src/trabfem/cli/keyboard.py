"""Ctrl-C: whatever is interrupted, the command stops and says so in one sentence."""

import _thread
import contextlib
import signal
import sys
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from types import FrameType
from typing import Any

STOPPED = {
    "compare": "the study goes on with --resume and the same --out",
    "simulate": "the study goes on with --resume and the same --out",
    "cohort": "the cohort goes on by the same command",
}
NOTHING = "nothing that is incomplete was kept"


@dataclass
class Keyboard:
    """Whether Ctrl-C was pressed."""

    pressed: bool = False


def sentence_of(tokens: Sequence[str]) -> str:
    """What is said of a command line that was stopped."""
    return f"stopped by the keyboard; {STOPPED.get(tokens[0] if tokens else '', NOTHING)}"


@contextlib.contextmanager
def watch() -> Iterator[Keyboard]:
    """Remember Ctrl-C within a `with` block, and press it again where Python drops it.

    Python only reports an exception in a finalizer or in the callback of a weak reference, of which VTK has many, and
    goes on. Elsewhere than in the main thread, and where others listen to the keyboard, nothing is changed.
    """
    keyboard = Keyboard()
    main_thread = threading.current_thread() is threading.main_thread()
    if not main_thread or signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
        yield keyboard
        return

    def stop(number: int, frame: FrameType | None) -> None:
        keyboard.pressed = True
        raise KeyboardInterrupt

    def press_again(dropped: Any) -> None:
        if issubclass(dropped.exc_type, KeyboardInterrupt):
            _thread.interrupt_main()
        else:
            report(dropped)

    report, sys.unraisablehook = sys.unraisablehook, press_again
    signal.signal(signal.SIGINT, stop)
    try:
        yield keyboard
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        sys.unraisablehook = report
