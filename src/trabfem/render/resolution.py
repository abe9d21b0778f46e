"""What voxel size does to results: each relative to the finest grid, against voxels a strut.

Takes plain arrays, so that whatever made the numbers need not be imported here.
"""

from collections.abc import Mapping
from pathlib import Path

import matplotlib
import numpy as np
from jaxtyping import Float
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from trabfem.errors import UserError
from trabfem.render import style

Values = Float[np.ndarray, " sizes"]
ALLOWED = 0.05
ENOUGH = 4.0


def draw(panels: Mapping[str, tuple[Values, Mapping[str, Values]]], path: Path | str, note: str = "") -> Path:
    """Write one panel for each title: voxels a strut, and name → result over that of the finest grid.

    The shaded field is Niebur's: within 5 % where a strut has more than four voxels. `UserError` where there is nothing
    to draw. Returns the path.
    """
    if not panels:
        raise UserError(f"{path}: no result to draw; give at least one panel")
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    names = list(dict.fromkeys(name for _, lines in panels.values() for name in lines))
    with matplotlib.rc_context(style.FONTS):
        figure = Figure(figsize=(style.PAGE_WIDTH_IN, 2.9), layout="constrained")
        FigureCanvasAgg(figure)
        engine = figure.get_layout_engine()
        if engine is not None:
            engine.set(rect=(0, 0.07, 1, 0.85))  # type: ignore[call-arg]
        grid = np.asarray(figure.subplots(1, len(panels), squeeze=False, sharey=True)).ravel()
        for place, (axes, (title, (struts, lines))) in enumerate(zip(grid, panels.items(), strict=True)):
            axes.fill_between([ENOUGH, 1e3], 1 - ALLOWED, 1 + ALLOWED, color="#e6e6e6", lw=0, zorder=0)
            axes.axhline(1.0, color=style.MUTED, lw=0.6, zorder=1)
            for number, name in enumerate(names):
                axes.plot(struts, lines[name], **style.arm_line(number), marker="o", ms=3.2, lw=1.3, label=name)
            axes.set(xscale="log", xlabel="Voxels a strut, Tb.Th / h", xlim=(0.85 * struts.min(), 1.15 * struts.max()))
            axes.xaxis.set_major_locator(FixedLocator(list(struts)))
            axes.xaxis.set_minor_locator(NullLocator())
            axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:.1f}"))
            axes.set_title(f"{chr(ord('a') + place)}   {title}", loc="left", fontweight="bold", pad=4)
            axes.spines[["top", "right"]].set_visible(False)
        grid[0].set_ylabel("Over the finest grid")
        handles, labels = grid[0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="upper center", ncols=len(names), frameon=False, fontsize=7)
        if note:
            figure.text(0.01, 0.015, note, fontsize=6.5, color=style.MUTED, va="bottom")
        figure.savefig(path, dpi=style.DPI)
    return path
