"""What keys and clicks do in a window; the column says it to people (`side.HELP`)."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from trabfem.render.view.side import choice_at, listed

if TYPE_CHECKING:
    from trabfem.render.view.window import Window

CUT_STEP = 0.02  # of the block


def press(window: "Window", key: str) -> None:
    """Do what a key is for, by VTK's name of it; keys without a meaning do nothing."""
    if key.isdigit() and key != "0":
        entries = listed(window.side(None))
        if int(key) <= len(entries):
            window.colour_by(entries[int(key) - 1])
        return
    action = actions(window).get(key)
    if action is not None:
        action()


def actions(window: "Window") -> dict[str, Callable[[], Any]]:
    """What each key is for, beside digits."""
    count = len(window.contents.choices)
    return {
        "n": lambda: window.colour_by((window.choice + 1) % count),
        "p": lambda: window.colour_by((window.choice - 1) % count),
        "Right": lambda: window.show_step(window.step + 1),
        "Left": lambda: window.show_step(window.step - 1),
        "space": window.play,
        "c": lambda: window.cut(on=not window.is_cut),
        "x": lambda: window.cut(on=True, axis=0),
        "y": lambda: window.cut(on=True, axis=1),
        "z": lambda: window.cut(on=True, axis=2),
        "Up": lambda: window.cut(share=window.cut_share + CUT_STEP),
        "Down": lambda: window.cut(share=window.cut_share - CUT_STEP),
        "r": window.go_back,
        "s": lambda: save(window),
        "h": window.toggle_keys,
        "q": window.close,
        "e": window.close,
    }


def click(window: "Window", x: float, y: float) -> None:
    """Choose the colouring under the mouse, pixels from the lower left corner."""
    if x < window.places.column[2]:
        chosen = choice_at(window.side(None), window.places.height - y)
        if chosen is not None:
            window.colour_by(chosen)


def save(window: "Window") -> None:
    """Write what the window shows into the working folder, under a name that is free."""
    months = window.contents.months
    time = f"-month-{months[window.step]:g}" if len(months) > 1 else ""
    words = f"{window.contents.title}{time}-{window.contents.choices[window.choice].name}"
    stem, number = re.sub(r"[^\w.-]+", "_", words), 1
    path = Path(f"{stem}.png")
    while path.exists():
        number += 1
        path = Path(f"{stem}-{number}.png")
    window.screenshot(path)
    window.tell(f"wrote {path}")
