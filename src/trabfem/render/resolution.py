"""What voxel size does to results: each relative to the finest grid, against voxels a strut.

Takes plain arrays, so that whatever made the numbers need not be imported here.
"""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from trabfem.errors import UserError
from trabfem.render import fitting, style
from trabfem.render.picture import Picture, house, save

Values = Float[np.ndarray, " sizes"]
ALLOWED = 0.05
ENOUGH = 4.0
PANEL_IN = 2.2
LEAST_PANEL_IN = 1.7  # narrower ones go below each other
YLABEL_IN = 0.55


def draw(panels: Mapping[str, tuple[Values, Mapping[str, Values]]], path: Path | str, note: str = "") -> Path:
    """Write one panel for each title: voxels a strut, and name → result over that of the finest grid.

    The shaded field is Niebur's: within 5 % where a strut has more than four voxels. `UserError` where there is nothing
    to draw. Returns the path.
    """
    if not panels:
        raise UserError(f"{path}: no result to draw; give at least one panel")
    return save(figure_of(panels, note), path)


def figure_of(panels: Mapping[str, tuple[Values, Mapping[str, Values]]], note: str = "") -> Picture:
    """The figure of `draw`."""
    names = list(dict.fromkeys(name for _, lines in panels.values() for name in lines))
    width = style.look().width
    columns = max(1, min(len(panels), int(width / LEAST_PANEL_IN)))
    rows, cell = -(-len(panels) // columns), width / columns - YLABEL_IN
    with house():
        figure = Picture(width, 4.0, layout="constrained")
        grid = np.asarray(figure.subplots(rows, columns, squeeze=False, sharey=True)).ravel()
        for place, (axes, (title, (struts, lines))) in enumerate(zip(grid, panels.items(), strict=False)):
            _panel(axes, struts, {name: lines[name] for name in names if name in lines}, names, cell)
            fitting.title_of(axes, fitting.letter_of(place), title, cell)
            if place % columns == 0:
                axes.set_ylabel("Over the finest grid")
        for axes in grid[len(panels) :]:
            axes.set_visible(False)
        handles = [
            Line2D([], [], **style.arm_line(number), marker="o", ms=3.2, lw=1.3, label=name)
            for number, name in enumerate(names)
        ]
        fitting.set_page(figure, PANEL_IN * rows, handles=handles, note=note)
    return figure


def _panel(axes: Axes, struts: Values, lines: Mapping[str, Values], names: list[str], width: float) -> None:
    """One panel, about `width` inches wide."""
    axes.fill_between([ENOUGH, 1e3], 1 - ALLOWED, 1 + ALLOWED, color="#e6e6e6", lw=0, zorder=0)
    axes.axhline(1.0, color=style.MUTED, lw=0.6, zorder=1)
    for name, values in lines.items():
        axes.plot(struts, values, **style.arm_line(names.index(name)), marker="o", ms=3.2, lw=1.3)
    ends = (0.85 * float(struts.min()), 1.15 * float(struts.max()))
    axes.set(xscale="log", xlabel=fitting.label_of("Voxels a strut, Tb.Th / h", width), xlim=ends)
    axes.xaxis.set_major_locator(FixedLocator(spaced(struts, ends, width)))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:.1f}"))
    axes.spines[["top", "right"]].set_visible(False)


def spaced(values: Values, ends: tuple[float, float], width: float) -> list[float]:
    """Those of `values`, from the largest down, whose numbers have room beside each other on a logarithmic axis."""
    per_inch = np.log(ends[1] / ends[0]) / width
    room = per_inch * (fitting.width_of("00.0", style.look().tick) + 0.06)
    kept: list[float] = []
    for value in sorted(values, reverse=True):
        if not kept or np.log(kept[-1] / value) >= room:
            kept.append(float(value))
    return kept
