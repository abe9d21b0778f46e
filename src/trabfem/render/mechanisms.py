"""Strength against bone volume on logarithmic axes, one line for each way of losing bone, labelled with its exponent.

Takes plain arrays, so that whatever made the numbers need not be imported here.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

import matplotlib
import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MultipleLocator, NullLocator

from trabfem.errors import UserError
from trabfem.render import style

Paths = Sequence[tuple[Float[np.ndarray, " points"], Float[np.ndarray, " points"]]]
GUIDES = (1, 2, 4)


def draw(panels: Mapping[str, Mapping[str, Paths]], path: Path | str, note: str = "") -> Path:
    """Write one panel for each title: name of a mechanism → its paths (volume, strength), both relative to the start.

    `UserError` where there is nothing to draw. Returns the path.
    """
    if not any(paths for mechanisms in panels.values() for paths in mechanisms.values()):
        raise UserError(f"{path}: no path to draw; give at least one mechanism with points")
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    with matplotlib.rc_context(style.FONTS):
        figure = Figure(figsize=(style.PAGE_WIDTH_IN, 4.0), layout="constrained")
        FigureCanvasAgg(figure)
        engine = figure.get_layout_engine()
        if engine is not None and note:
            engine.set(rect=(0, 0.05, 1, 0.95))  # type: ignore[call-arg]
        grid = np.asarray(figure.subplots(1, len(panels), squeeze=False)).ravel()
        for place, (axes, (title, mechanisms)) in enumerate(zip(grid, panels.items(), strict=True)):
            _panel(axes, f"{chr(ord('a') + place)}   {title}", mechanisms)
        if note:
            figure.text(0.01, 0.012, note, fontsize=6.5, color=style.MUTED, va="bottom")
        figure.savefig(path, dpi=style.DPI)
    return path


def exponent(paths: Paths) -> float:
    """Slope through the start of log strength against log volume, least squares over all points."""
    x, y = (np.log(np.concatenate([each[k] for each in paths])) for k in (0, 1))
    return float(x @ y / (x @ x))


def _panel(axes: Axes, title: str, mechanisms: Mapping[str, Paths]) -> None:
    """One panel: the paths, and dotted guides of whole exponents."""
    lowest = min(float(volume.min()) for paths in mechanisms.values() for volume, _ in paths)
    floor = min(float(strength.min()) for paths in mechanisms.values() for _, strength in paths)
    ends = np.array([lowest, 1.0])
    axes.set_xlim(lowest * 0.99, 1.01)
    axes.set_ylim(floor * 0.93, 1.06)
    for power in GUIDES:
        axes.plot(ends, ends**power, ":", color=style.MUTED, lw=0.8, zorder=1)
        at = max(lowest, (floor * 0.98) ** (1 / power))
        axes.annotate(f" {power}", (at, at**power), fontsize=6.5, color=style.MUTED, va="bottom", ha="left")
    for place, (name, paths) in enumerate(mechanisms.items()):
        for number, (volume, strength) in enumerate(paths):
            label = f"{name}: {exponent(paths):.2f}" if number == 0 else None
            axes.plot(volume, strength, **style.arm_line(place), lw=1.2, marker="o", ms=2.4, label=label, zorder=3)
    axes.set(xscale="log", yscale="log", xlabel="BV/TV relative to the start", ylabel="Relative to the start")
    for axis, step in ((axes.xaxis, 0.1), (axes.yaxis, 0.1)):
        axis.set_major_locator(MultipleLocator(step))
        axis.set_minor_locator(NullLocator())
        axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:.1f}"))
    axes.set_title(title, loc="left", fontweight="bold", pad=4)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False, loc="upper center", bbox_to_anchor=(0.5, -0.17), ncols=2, fontsize=7, title="exponents")
