"""How long work goes on: a bar where it can be seen, lines elsewhere, a callback, or nothing."""

import io
import sys

import pytest

from trabfem.runs import progress


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def follow(how: object) -> None:
    with progress.open_progress(how) as tell:  # type: ignore[arg-type]
        for step in range(4):
            if tell is not None:
                tell("Denosumab", step, 3, f"month {step}")


def test_a_terminal_shows_a_bar(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = Terminal()
    monkeypatch.setattr(sys, "stderr", screen)
    follow(True)
    assert "Denosumab" in screen.getvalue() and "3/3" in screen.getvalue() and "month 3" in screen.getvalue()


def test_elsewhere_the_first_and_last_line(capsys: pytest.CaptureFixture[str]) -> None:
    follow(True)
    out, err = capsys.readouterr()
    assert out == "" and err.splitlines() == [
        "Denosumab: step 0 of 3, month 0",
        "Denosumab: step 3 of 3, month 3",
    ]


def test_a_callback_or_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    seen: list[tuple[str, int, int, str]] = []
    follow(lambda *now: seen.append(now))
    assert seen == [("Denosumab", step, 3, f"month {step}") for step in range(4)]
    follow(False)
    assert capsys.readouterr() == ("", "")
