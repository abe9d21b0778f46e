"""What stands around the panels of a window: the column, names and captions, ticks, axes and scale bar."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from trabfem.render import style
from trabfem.render.scenes import years
from trabfem.render.view.arrangement import Arrangement
from trabfem.render.view.overlay import Compass, Lines, Name, Pixels, Words, fit_name
from trabfem.render.view.side import Side, draw_side

COMPUTING = "computing …"
NAME_ABOVE, CAPTION_ABOVE = 36, 12  # pixels above a panel


class Furniture:
    """Words and lines on the ground of a window with so many panels."""

    def __init__(self, ground: Any, count: int) -> None:
        self.column, self.compass = Pixels(ground), Compass(ground)
        self.ticks = Lines(ground, 1, style.MUTED)
        self.names = [Name(ground) for _ in range(count)]
        self.captions = [Words(ground, 12, style.MUTED, align="centre") for _ in range(count)]
        self.month, self.cut = (Words(ground, size, align="centre") for size in (15, 12))
        self.ends = [Words(ground, 11, style.MUTED, align="centre") for _ in range(2)]

    def show_column(self, side: Side, places: Arrangement) -> None:
        """Draw the column anew."""
        self.column.show(draw_side(side, int(places.column[2]), places.height))

    def say_names(self, names: Sequence[str], captions: Sequence[str], places: Arrangement) -> None:
        """Put the names of the panels over them, each with a line below."""
        for number, (left, bottom, width, height) in enumerate(places.panels):
            name, size = fit_name(names[number], width - 8)
            middle, top = left + width / 2, bottom + height
            self.names[number].say(name, middle, top + NAME_ABOVE, size)
            self.captions[number].say(captions[number], middle, top + CAPTION_ABOVE)

    def say_time(self, months: Sequence[float], month: float, places: Arrangement) -> None:
        """The month over the slider, a tick below it for each month that is kept."""
        (left, y), (right, _) = ((x * places.width, y * places.height) for x, y in places.slider(0))
        at = [left + (right - left) * (each - months[0]) / (months[-1] - months[0]) for each in months]
        self.ticks.draw(np.array([[[x, y - 10], [x, y - 16]] for x in at]))
        for words, x, each in zip(self.ends, (left, right), (months[0], months[-1]), strict=True):
            words.say(f"{each:g}", x, y - 24)
        self.month.say(f"Month {month:g}" + (f" · {years(month)}" if month >= 12 else ""), (left + right) / 2, y + 24)

    def say_cut(self, words: str, places: Arrangement) -> None:
        """Where the cut is, below its slider."""
        (left, y), (right, _) = places.slider(1)
        self.cut.say(words, (left + right) / 2 * places.width, y * places.height - 21)
