"""The legend of a page of panels: one colour bar, what further colours mean, one scale bar and the axes."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from matplotlib.ticker import FixedLocator, FuncFormatter, MaxNLocator, NullFormatter

from trabfem.render import fitting, style
from trabfem.render.colouring import Key, Scale
from trabfem.render.panels import View

LEGEND_IN = 0.62
BAR_IN = 0.11  # thickness of the colour bar
TICKS_IN = 0.17
SMALL_IN = 0.75  # of the scale bar and the axes where they are stacked
STACK_GAP_IN = 0.2
STACKED_KEYS = 0.9
AXIS_LENGTH_IN = 0.26


def axes_in(figure: Figure, rectangle: tuple[float, float, float, float]) -> Axes:
    """Bare axes on a rectangle in inches whose data units are inches from its lower left corner."""
    left, bottom, width, height = rectangle
    page_width, page_height = figure.get_size_inches()
    axes = figure.add_axes((left / page_width, bottom / page_height, width / page_width, height / page_height))
    axes.set(xlim=(0, width), ylim=(0, height))
    axes.axis("off")
    return axes


def small_share(width: float) -> float:
    """Share of a strip's width that the axes and the scale bar take."""
    return 0.39 if width < 5 else 0.3


def bar_share(width: float) -> float:
    """Share of a strip's width that the colour bar takes."""
    return 0.84 - small_share(width)


def wrap_label(label: str, room: float) -> str:
    """The label of a colour bar within `room` inches."""
    return fitting.wrap(label, room, style.look().text)


def label_room(width: float, stacked: bool) -> float:
    """How long the label of the colour bar may be in a legend of this width: it may reach over the bar's ends."""
    return 0.9 * width if stacked else (bar_share(width) + 0.15) * width


def label_height(label: str, room: float) -> float:
    """Height of the label below the colour bar."""
    return fitting.count_lines(wrap_label(label, room)) * fitting.line_height(style.look().text) + 0.05


def strip_height(keys: Sequence[Key], label: str, width: float) -> float:
    """Height of the strip below the panels."""
    high = label_height(label, label_room(width, stacked=False)) + TICKS_IN + BAR_IN + 0.06 if label else 0.0
    return max(LEGEND_IN, high + keys_height(keys, (0.96 - small_share(width)) * width))


def stacked_height(keys: Sequence[Key], label: str, width: float) -> float:
    """Height of the parts of the legend one over the other."""
    high = label_height(label, label_room(width, stacked=True)) + TICKS_IN + BAR_IN + 0.06 if label else 0.0
    return SMALL_IN + STACK_GAP_IN + high + keys_height(keys, STACKED_KEYS * width)


def keys_height(keys: Sequence[Key], width: float) -> float:
    """Height of the keys, inches; 0 where there are none."""
    if not keys:
        return 0.0
    _, rows = arrange_keys(keys, width)
    return sum(max(map(fitting.count_lines, row)) for row in rows) * fitting.line_height(style.look().text) + 0.08


def arrange_keys(keys: Sequence[Key], width: float) -> tuple[int, list[list[str]]]:
    """Columns of the keys, and their words in rows: beside each other where they fit, else wrapped below each other."""
    size = style.look().text
    box = 3.2 * size / fitting.POINTS_PER_INCH
    names = [name for name, _, _ in keys]
    if sum(fitting.width_of(name, size) + box for name in names) <= width:
        return len(names), [names]
    return 1, [[fitting.wrap(name, width - box, size)] for name in names]


def colour_bar(figure: Figure, rectangle: tuple[float, float, float, float], scale: Scale, room: float) -> None:
    """The one colour bar, its label with the unit below it within `room` inches.

    Pointed ends say that values beyond are shown as the ends.
    """
    axes = axes_in(figure, rectangle)
    axes.axis("on")
    bar = figure.colorbar(
        ScalarMappable(scale.norm, scale.colours),
        cax=axes,
        orientation="horizontal",
        extend=scale.extend,
        extendfrac=0.03,
    )
    look = style.look()
    label = wrap_label(scale.label, room)
    bar.set_label(label, fontsize=look.text, labelpad=1.5)
    fitting.plain(bar.ax.xaxis.label)
    bar.outline.set_linewidth(0.5)  # type: ignore[operator]
    if isinstance(scale.norm, LogNorm):
        bar.ax.xaxis.set_major_locator(FixedLocator(style.decades(scale.norm)))
    else:
        bar.ax.xaxis.set_major_locator(MaxNLocator(4))
    bar.ax.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}".replace("-", "−")))
    bar.ax.xaxis.set_minor_formatter(NullFormatter())
    bar.ax.tick_params(length=2.5, width=0.5, pad=1.5, labelsize=look.tick)
    bar.ax.tick_params(which="minor", length=1.5, width=0.4)


def place_keys(figure: Figure, rectangle: tuple[float, float, float, float], keys: Sequence[Key]) -> None:
    """What colours mean that stand on no scale."""
    axes = axes_in(figure, rectangle)
    columns, rows = arrange_keys(keys, rectangle[2])
    words = [name for row in rows for name in row]
    patches = [
        Patch(facecolor=colour, alpha=opacity, label=name)
        for name, (_, colour, opacity) in zip(words, keys, strict=True)
    ]
    legend = axes.legend(
        handles=patches,
        loc="center",
        ncols=columns,
        frameon=False,
        fontsize=style.look().text,
        handlelength=1.4,
        handletextpad=0.6,
        columnspacing=1.2,
        labelspacing=0.2,
        borderpad=0,
        borderaxespad=0,
    )
    fitting.plain(legend)


def place_scale_and_axes(
    figure: Figure, rectangle: tuple[float, float, float, float], view: View, inches_per_mm: float
) -> None:
    """A scale bar of round length, true for the picture plane, and the directions of x, y and z."""
    axes = axes_in(figure, rectangle)
    _, _, width, height = rectangle
    length_mm = style.round_down(0.55 * 2 * view.half_width * min(1.0, 0.5 * width / (view.half_width * inches_per_mm)))
    length = length_mm * inches_per_mm
    # The words below a short bar are longer than it.
    middle = 0.98 * width - 0.5 * max(length, fitting.width_of(f"{length_mm:g} mm", style.look().text))
    left, base = middle - 0.5 * length, 0.36 * height
    axes.plot([left, left + length], [base, base], color=style.INK, linewidth=2.2, solid_capstyle="butt")
    axes.text(left + length / 2, base - 0.06, f"{length_mm:g} mm", ha="center", va="top", fontsize=style.look().text)
    origin = np.array([0.32, 0.24])
    for name, direction in zip(("x", "y", "z load"), np.eye(3), strict=True):
        tip = origin + AXIS_LENGTH_IN * np.array(view.project(direction))
        strong = name.startswith("z")
        axes.annotate(
            "",
            tuple(tip),
            tuple(origin),
            arrowprops={
                "arrowstyle": "-|>,head_width=0.16,head_length=0.28",
                "shrinkA": 0,
                "shrinkB": 0,
                "lw": 1.2 if strong else 0.8,
                "color": style.INK if strong else style.MUTED,
            },
        )
        away = tip + 0.09 * (tip - origin) / max(float(np.linalg.norm(tip - origin)), 1e-9)
        axes.text(away[0], away[1], name, ha="center", va="center", fontsize=style.look().tick)
