"""Strength against bone volume on logarithmic axes, one line for each way of losing bone, labelled with its exponent.

Takes plain arrays, so that whatever made the numbers need not be imported here.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from trabfem.errors import UserError
from trabfem.render import fitting, style
from trabfem.render.picture import Picture, house, save

Paths = Sequence[tuple[Float[np.ndarray, " points"], Float[np.ndarray, " points"]]]
GUIDES = (1, 2, 4)
PANEL_IN = 3.0
LEAST_PANEL_IN = 2.2  # narrower ones go below each other
YLABEL_IN = 0.6


def draw(panels: Mapping[str, Mapping[str, Paths]], path: Path | str, note: str = "") -> Path:
    """Write one panel for each title: name of a mechanism → its paths (volume, strength), both relative to the start.

    `UserError` where there is nothing to draw. Returns the path.
    """
    if not any(paths for mechanisms in panels.values() for paths in mechanisms.values()):
        raise UserError(f"{path}: no path to draw; give at least one mechanism with points")
    return save(figure_of(panels, note), path)


def figure_of(panels: Mapping[str, Mapping[str, Paths]], note: str = "") -> Picture:
    """The figure of `draw`."""
    width = style.look().width
    columns = max(1, min(len(panels), int(width / LEAST_PANEL_IN)))
    rows = -(-len(panels) // columns)
    cell = width / columns - YLABEL_IN
    entries = max(sum(bool(paths) for paths in mechanisms.values()) for mechanisms in panels.values())
    with house():
        figure = Picture(width, 4.0, layout="constrained")
        grid = np.asarray(figure.subplots(rows, columns, squeeze=False)).ravel()
        for place, (axes, (title, mechanisms)) in enumerate(zip(grid, panels.items(), strict=False)):
            _panel(axes, fitting.letter_of(place), title, mechanisms, cell)
        for axes in grid[len(panels) :]:
            axes.set_visible(False)
        fitting.set_page(figure, rows * (PANEL_IN + 0.2 * entries), note=note)
    return figure


def exponent(paths: Paths) -> float:
    """Slope through the start of log strength against log volume, least squares over all points."""
    x, y = (np.log(np.concatenate([each[k] for each in paths])) for k in (0, 1))
    return float(x @ y / (x @ x))


def _panel(axes: Axes, letter: str, title: str, mechanisms: Mapping[str, Paths], width: float) -> None:
    """One panel, about `width` inches wide: the paths, and dotted guides of whole exponents."""
    look = style.look()
    drawn = {name: paths for name, paths in mechanisms.items() if paths}
    lowest = min((float(volume.min()) for paths in drawn.values() for volume, _ in paths), default=0.5)
    floor = min((float(strength.min()) for paths in drawn.values() for _, strength in paths), default=0.5)
    lowest, floor = min(lowest, 0.95), min(floor, 0.95)
    ends = np.array([lowest, 1.0])
    axes.set(xscale="log", yscale="log", xlim=(lowest * 0.98, 1.01), ylim=(floor * 0.93, 1.06))
    for power in GUIDES:
        axes.plot(ends, ends**power, ":", color=style.MUTED, lw=0.8, zorder=1)
        at = max(lowest, (floor * 0.98) ** (1 / power))
        axes.annotate(f" {power}", (at, at**power), fontsize=look.small, color=style.MUTED, va="bottom", ha="left")
    for place, (name, paths) in enumerate(mechanisms.items()):
        for number, (volume, strength) in enumerate(paths):
            label = f"{name}: {exponent(paths):.2f}" if number == 0 else None
            axes.plot(volume, strength, **style.arm_line(place), lw=1.2, marker="o", ms=2.4, label=label, zorder=3)
    axes.set(xlabel="BV/TV relative to the start", ylabel="Relative to the start")
    for axis, low in ((axes.xaxis, lowest), (axes.yaxis, floor)):
        axis.set_major_locator(FixedLocator(ticks(low, 6 if axis is axes.yaxis else max(2, round(2 * width)))))
        axis.set_minor_locator(NullLocator())
        axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:.3g}"))
    fitting.title_of(axes, letter, title, width)
    axes.spines[["top", "right"]].set_visible(False)
    if drawn:
        fitting.legend_below(axes, width, title="exponents")


def ticks(low: float, most: int) -> list[float]:
    """At most so many round numbers from `low` to 1 on a logarithmic axis."""
    for step in (0.02, 0.05, 0.1, 0.2, 0.5):
        found = [step * k for k in range(1, round(1 / step) + 1) if step * k >= low * (1 - 1e-9)]
        # The lowest two are the closest on such an axis where steps are even: those that crowd are left out.
        kept = [found[-1]]
        for value in reversed(found[:-1]):
            if np.log(kept[-1] / value) >= -np.log(low) / most - 1e-9:
                kept.append(value)
        if len(found) <= 2 * most:
            return sorted(kept)
    return [1.0]
