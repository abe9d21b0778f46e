"""Ctrl-C: the command stops wherever it is, and says so in one sentence."""

import signal
import subprocess
import sys
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib.figure import Figure

from fake_run import write_run
from trabfem import keyboard
from trabfem.cli import main
from trabfem.render import film_bones, picture, plots
from trabfem.runs.study import open_study


class Thing:
    """Something with a weak reference."""


def press() -> None:
    signal.raise_signal(signal.SIGINT)


def within_callback() -> None:
    """Where Python reports an exception and goes on."""
    thing = Thing()
    held = weakref.ref(thing, lambda _: press())
    del thing
    assert held() is None
    for _ in range(1000):
        pass


def within_import() -> None:
    """As an extension module says it whose start was interrupted."""
    try:
        press()
    except KeyboardInterrupt:
        raise ImportError("cannot import a part of VTK") from None


@pytest.mark.parametrize("interrupted", [press, within_callback, within_import])
def test_a_command_stops_with_one_sentence(
    interrupted: Callable[[], None],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    run = write_run(tmp_path / "run", (8, 8, 8), months=(0, 12))
    monkeypatch.setattr("trabfem.render.plots.strength_over_time", lambda study, path: interrupted() or path)
    before = sys.unraisablehook
    assert main(["render", str(run)]) == 130 and not (run / "figures").exists()
    said = capsys.readouterr().err
    assert said == "trabfem: stopped by the keyboard; nothing that is incomplete was kept\n"
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler and sys.unraisablehook is before
    keyboard.stop_if_pressed()


def test_a_film_stops_at_its_next_frame(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = write_run(tmp_path / "run", (8, 8, 8))
    drawn: list[Any] = []

    def paint(self: Any, *given: Any) -> Any:
        for _ in range(3):
            within_callback()
            black = np.zeros((9, 9, 3), np.uint8)
            drawn.append(film_bones.Painted((black, black), ("", "")))
            yield drawn[-1]

    monkeypatch.setattr(film_bones.Crew, "paint", paint)
    monkeypatch.setattr("trabfem.render.probe.require_rendering", lambda: None)
    path = tmp_path / "a.gif"
    assert main(["film", str(run), "--frames", "3", "--out", str(path)]) == 130
    assert len(drawn) == 1 and not path.exists()


@pytest.mark.parametrize(
    ("command", "said"),
    [
        ("compare", "with --resume"),
        ("simulate", "with --resume"),
        ("cohort", "by the same command"),
        ("film", "nothing"),
    ],
)
def test_what_goes_on_is_said(
    command: str, said: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("trabfem.cli._run", lambda tokens: press())
    assert main([command]) == 130
    assert said in capsys.readouterr().err


@pytest.mark.skipif(sys.platform == "win32", reason="signals of a process")
def test_processes_of_a_film_do_not_hear_the_keyboard() -> None:
    program = "import signal; print(signal.getsignal(signal.SIGINT) is signal.SIG_IGN)"
    with keyboard.kept_from_children():
        done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "True\n" and signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_another_listener_keeps_the_keyboard() -> None:
    heard: list[int] = []
    before = signal.signal(signal.SIGINT, lambda number, _: heard.append(number))
    try:
        with keyboard.watch():
            press()
            assert not keyboard.was_pressed()
        assert heard == [signal.SIGINT]
    finally:
        signal.signal(signal.SIGINT, before)


def test_half_a_picture_is_not_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    study = open_study(write_run(tmp_path / "run", (8, 8, 8), months=(0, 12)))

    def stop(self: Figure, path: Path, **_: Any) -> None:
        Path(path).write_bytes(b"half")
        raise KeyboardInterrupt

    figure = plots.figure_of(study, plots.STRENGTH)
    monkeypatch.setattr(Figure, "savefig", stop)
    with pytest.raises(KeyboardInterrupt):
        picture.save(figure, tmp_path / "new" / "a.png")
    assert list((tmp_path / "new").iterdir()) == []


def test_a_film_that_is_stopped_cancels_nothing_that_its_processes_still_answer() -> None:
    class Answer:
        """A future of an executor of which the first is done and the second is interrupted."""

        cancelled = False

        def __init__(self, value: int) -> None:
            self.value = value

        def result(self) -> int:
            if self.value:
                raise KeyboardInterrupt
            return self.value

        def cancel(self) -> None:
            self.cancelled = True

    answers = [Answer(number) for number in range(3)]
    waiting = film_bones.in_order(answers)
    assert next(waiting) == 0
    with pytest.raises(KeyboardInterrupt):
        next(waiting)
    assert not any(answer.cancelled for answer in answers)
