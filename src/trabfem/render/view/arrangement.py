"""Where things stand in a window, in pixels from its lower left corner."""

import math
from dataclasses import dataclass

from trabfem.render.view import side

STRIP, NAME, GAP = 124, 56, 8
"""Heights of the strip with the sliders and of the names over a panel; space between panels."""
LEAST_SIDE = 180
Box = tuple[float, float, float, float]
"""Left, bottom, width, height."""


@dataclass(frozen=True)
class Arrangement:
    """Boxes of the column at the left, of the strip below, and of the panels without their names."""

    width: int
    height: int
    column: Box
    strip: Box
    panels: tuple[Box, ...]

    def slider(self, row: int) -> tuple[tuple[float, float], tuple[float, float]]:
        """The ends of a slider, 0 the upper one, as shares of the window."""
        left, bottom, width, height = self.strip
        y = (bottom + height * (0.66 if row == 0 else 0.24)) / self.height
        return ((left + 40) / self.width, y), ((left + max(width - 40, 60)) / self.width, y)


def arrange(count: int, aspect: float, size: tuple[int, int], slides: bool = True) -> Arrangement:
    """Rows and columns in which bones of this `aspect` (width over height) are largest; `slides`: leave a strip."""
    width, height = max(size[0], 2 * LEAST_SIDE), max(size[1], STRIP + NAME + 40)
    column = float(min(side.WIDTH, max(LEAST_SIDE, 0.35 * width)))
    strip = STRIP if slides else GAP
    free_width, free_height = width - column, height - strip

    def bone_height(columns: int) -> float:
        rows = math.ceil(count / columns)
        return min(free_height / rows - NAME - GAP, (free_width / columns - GAP) / aspect)

    columns = max(range(1, count + 1), key=bone_height)
    rows = math.ceil(count / columns)
    cell_width, cell_height = free_width / columns, free_height / rows
    boxes = []
    for number in range(count):
        row, place = divmod(number, columns)
        left, top = column + place * cell_width, height - row * cell_height
        boxes.append((left + GAP / 2, top - cell_height + GAP, cell_width - GAP, cell_height - NAME - GAP))
    return Arrangement(width, height, (0, 0, column, height), (column, 0, free_width, strip), tuple(boxes))
