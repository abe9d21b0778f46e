"""Ctrl-C: remembered, so that a command stops also where what was interrupted goes on all the same."""

import contextlib
import signal
import sys
import threading
from collections.abc import Iterator
from types import FrameType
from typing import Any

_pressed = threading.Event()


def was_pressed() -> bool:
    """Whether Ctrl-C was pressed since `watch` began."""
    return _pressed.is_set()


def stop_if_pressed() -> None:
    """Raise `KeyboardInterrupt` once more where it was lost; asked between the parts of long work."""
    if _pressed.is_set():
        raise KeyboardInterrupt


@contextlib.contextmanager
def watch() -> Iterator[None]:
    """Remember Ctrl-C within a `with` block.

    VTK prints an exception of a Python function that it called and goes on, as Python itself does in a finalizer and in
    the callback of a weak reference. Elsewhere than in the main thread, and where others listen to the keyboard,
    nothing is changed.
    """
    main_thread = threading.current_thread() is threading.main_thread()
    if not main_thread or signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
        yield
        return

    def stop(number: int, frame: FrameType | None) -> None:
        _pressed.set()
        raise KeyboardInterrupt

    def say_nothing_of_it(dropped: Any) -> None:
        if not issubclass(dropped.exc_type, KeyboardInterrupt):
            report(dropped)

    report, sys.unraisablehook = sys.unraisablehook, say_nothing_of_it
    signal.signal(signal.SIGINT, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        sys.unraisablehook = report
        _pressed.clear()


@contextlib.contextmanager
def kept_from_children() -> Iterator[None]:
    """Start processes within a `with` block that Ctrl-C leaves alone: they are ended by the one that starts them."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    # A process inherits that a signal is ignored, from its first line on.
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
