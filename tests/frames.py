"""Whether all that is written on a figure lies within it, and no two things in one place."""

from typing import Any

import pytest
from matplotlib.figure import Figure
from matplotlib.text import Text
from matplotlib.transforms import Bbox

TOLERANCE_PX = 1.0  # at `DPI`: a hundredth of an inch, less than the white around a letter
DPI = 100


def drawn_words(figure: Figure) -> list[tuple[str, Bbox]]:
    """Every text that is really drawn, with the box around it in pixels: titles, ticks, legends, labels, notes."""
    found: list[tuple[str, Bbox]] = []

    def record(text: Text, renderer: Any, *_: Any, **__: Any) -> None:
        if text.get_visible() and text.get_text().strip():
            found.append((text.get_text(), text.get_window_extent(renderer)))

    figure.set_dpi(DPI)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Text, "draw", record)
        figure.canvas.draw()
    return list({(words, tuple(box.extents)): (words, box) for words, box in found}.values())


def pictures_of(figure: Figure) -> list[tuple[str, Bbox]]:
    """Boxes of the pixels of panels."""
    return [("picture", image.get_window_extent()) for axes in figure.axes for image in axes.images]


def find_flaws(figure: Figure) -> list[str]:
    """What reaches out of the figure, and what lies over something else; in words."""
    words = drawn_words(figure)
    page, flaws = figure.bbox, []
    for place, (text, box) in enumerate(words):
        if min(box.x0, box.y0) < -TOLERANCE_PX or box.x1 > page.x1 + TOLERANCE_PX or box.y1 > page.y1 + TOLERANCE_PX:
            flaws.append(f"{text!r} reaches out of the figure by {reach_out(box, page):.1f} px")
        for other, its in [*words[place + 1 :], *pictures_of(figure)]:
            width = min(box.x1, its.x1) - max(box.x0, its.x0)
            height = min(box.y1, its.y1) - max(box.y0, its.y0)
            if min(width, height) > TOLERANCE_PX:
                flaws.append(f"{text!r} lies over {other!r} by {width:.1f} × {height:.1f} px")
    return flaws


def reach_out(box: Bbox, page: Any) -> float:
    """By how many pixels a box reaches out of the page."""
    return float(max(-box.x0, -box.y0, box.x1 - page.x1, box.y1 - page.y1))
