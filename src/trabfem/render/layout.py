"""Panels of pixels put on a page with titles, one colour bar, one scale bar and the axes; nothing covers a panel."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import matplotlib
import numpy as np
from jaxtyping import UInt8
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from matplotlib.ticker import FixedLocator, FuncFormatter, MaxNLocator, NullFormatter

from trabfem.render import style
from trabfem.render.colouring import Key, Scale
from trabfem.render.panels import View
from trabfem.render.picture import Picture

TITLE_IN = 0.40
GAP_IN = 0.10
LEGEND_IN = 0.62
STACK_IN = 1.6  # least height of a cell that takes the legend's parts one over the other
HEADING_IN = 0.26
KEY_IN = 0.2
PIXELS, SUBTITLE, HEADING = "pixels", "subtitle", "heading"  # names by which `update` finds what changes
AXIS_LENGTH_IN = 0.26
BOLD_LETTER_IN = 0.082  # mean width at 8.5 points; a longer title is set smaller


@dataclass(frozen=True)
class Panel:
    """A picture with its two lines of title."""

    title: str
    subtitle: str
    pixels: UInt8[np.ndarray, "height width 3"]


@dataclass(frozen=True)
class Page:
    """Where things go on the page, inches from the bottom left corner."""

    width: float
    height: float
    heading: float
    panel_width: float
    panel_height: float
    columns: int
    count: int
    legend: tuple[float, float, float, float]

    def panel(self, index: int) -> tuple[float, float, float, float]:
        """Rectangle (left, bottom, width, height) of a panel, rows from the top."""
        row, column = divmod(index, self.columns)
        left = GAP_IN + column * (self.panel_width + GAP_IN)
        top = self.height - self.heading - GAP_IN - row * (self.panel_height + TITLE_IN + GAP_IN)
        return left, top - TITLE_IN - self.panel_height, self.panel_width, self.panel_height


def plan(count: int, aspect: float, width: float, heading: float, key: float) -> Page:
    """A page for `count` panels; the legend takes the last row's free cell, or a strip below where there is none."""
    columns = 2 if count == 4 else min(count, 3)
    rows = math.ceil(count / columns)
    panel_width = (width - GAP_IN * (columns + 1)) / columns
    panel_height = panel_width / aspect
    height = GAP_IN + rows * (panel_height + TITLE_IN + GAP_IN)
    free = rows * columns - count
    if free and free * panel_width > 1.9 and panel_height > STACK_IN:
        left = GAP_IN + (columns - free) * (panel_width + GAP_IN)
        legend = (left, GAP_IN, width - left - GAP_IN, panel_height)
    else:
        height += LEGEND_IN + key + GAP_IN
        legend = (GAP_IN, GAP_IN, width - 2 * GAP_IN, LEGEND_IN + key)
    return Page(width, height + heading, heading, panel_width, panel_height, columns, count, legend)


def compose(
    drawn: list[Panel],
    view: View,
    scale: Scale | None,
    *,
    keys: Sequence[Key] = (),
    width: float = style.PAGE_WIDTH_IN,
    heading: str = "",
) -> Figure:
    """A figure with all panels; `scale` adds the colour bar, `keys` what other colours mean."""
    with matplotlib.rc_context(style.FONTS):
        page = plan(len(drawn), view.aspect, width, HEADING_IN if heading else 0.0, KEY_IN if keys else 0.0)
        figure = Picture(page.width, page.height)
        for index, panel in enumerate(drawn):
            place_panel(figure, page, index, panel)
        place_legend(figure, page, view, scale, keys)
        if heading:
            top = 1 - 0.08 / page.height
            figure.text(0.5, top, heading, ha="center", va="top", fontsize=11, fontweight="bold", gid=HEADING)
    return figure


def update(figure: Figure, drawn: list[Panel], heading: str) -> None:
    """Put other pixels, subtitles and another heading on a composed figure; the panels' sizes stay."""
    found = {artist.get_gid(): artist for artist in figure.findobj(lambda artist: artist.get_gid() is not None)}
    for index, panel in enumerate(drawn):
        found[f"{PIXELS}{index}"].set_data(panel.pixels)  # type: ignore[attr-defined]
        found[f"{SUBTITLE}{index}"].set_text(panel.subtitle)  # type: ignore[attr-defined]
    found[HEADING].set_text(heading)  # type: ignore[attr-defined]


def axes_in(figure: Figure, rectangle: tuple[float, float, float, float]) -> Axes:
    """Bare axes on a rectangle in inches whose data units are inches from its lower left corner."""
    left, bottom, width, height = rectangle
    page_width, page_height = figure.get_size_inches()
    axes = figure.add_axes((left / page_width, bottom / page_height, width / page_width, height / page_height))
    axes.set(xlim=(0, width), ylim=(0, height))
    axes.axis("off")
    return axes


def place_panel(figure: Figure, page: Page, index: int, panel: Panel) -> None:
    """The pixels of a panel under its titles."""
    left, bottom, width, height = page.panel(index)
    axes = axes_in(figure, (left, bottom, width, height))
    image = axes.imshow(panel.pixels, extent=(0, width, 0, height), aspect="auto", interpolation="antialiased")
    image.set_gid(f"{PIXELS}{index}")
    titles = axes_in(figure, (left, bottom + height, width, TITLE_IN))
    size = min(8.5, 8.5 * width / (BOLD_LETTER_IN * max(len(panel.title), 1)))
    titles.text(width / 2, 0.36, panel.title, ha="center", va="top", fontsize=size, fontweight="bold")
    subtitle = titles.text(width / 2, 0.18, panel.subtitle, ha="center", va="top", fontsize=7.5, color=style.MUTED)
    subtitle.set_gid(f"{SUBTITLE}{index}")


def place_legend(figure: Figure, page: Page, view: View, scale: Scale | None, keys: Sequence[Key]) -> None:
    """Colour bar with the keys, scale bar and axes: stacked in the free cell, side by side in the strip."""
    left, bottom, width, height = page.legend
    inches_per_mm = page.panel_height / (2 * view.half_height)
    if height > STACK_IN:
        middle = bottom + 0.5 * height + 0.27
        bar = (left + 0.12 * width, middle + 0.30, 0.76 * width, 0.11)
        small = (left + 0.12 * width, middle - 0.95, 0.76 * width, 0.75)
    else:
        share = 0.39 if width < 5 else 0.3
        small = (left + 0.03 * width, bottom - 0.04, share * width, LEGEND_IN)
        bar = (left + (share + 0.1) * width, bottom + 0.42, (0.84 - share) * width, 0.11)
    if scale is not None:
        colour_bar(figure, bar, scale)
    if keys:
        place_keys(figure, (bar[0], bar[1] + bar[3] + 0.06, bar[2], KEY_IN), keys)
    place_scale_and_axes(figure, small, view, inches_per_mm)


def colour_bar(figure: Figure, rectangle: tuple[float, float, float, float], scale: Scale) -> None:
    """The one colour bar, its label with the unit below; pointed ends say that values beyond are shown as the ends."""
    axes = axes_in(figure, rectangle)
    axes.axis("on")
    bar = figure.colorbar(
        ScalarMappable(scale.norm, scale.colours),
        cax=axes,
        orientation="horizontal",
        extend=scale.extend,
        extendfrac=0.03,
    )
    bar.set_label(scale.label, fontsize=8, labelpad=2)
    bar.outline.set_linewidth(0.5)  # type: ignore[operator]
    if isinstance(scale.norm, LogNorm):
        bar.ax.xaxis.set_major_locator(FixedLocator(style.decades(scale.norm)))
    else:
        bar.ax.xaxis.set_major_locator(MaxNLocator(4))
    bar.ax.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}".replace("-", "−")))
    bar.ax.xaxis.set_minor_formatter(NullFormatter())
    bar.ax.tick_params(length=2.5, width=0.5, pad=1.5, labelsize=7.5)
    bar.ax.tick_params(which="minor", length=1.5, width=0.4)


def place_keys(figure: Figure, rectangle: tuple[float, float, float, float], keys: Sequence[Key]) -> None:
    """What colours mean that stand on no scale."""
    axes = axes_in(figure, rectangle)
    patches = [Patch(facecolor=colour, alpha=opacity, label=label) for label, colour, opacity in keys]
    axes.legend(
        handles=patches, loc="center", ncols=len(keys), frameon=False, fontsize=8, handlelength=1.4, borderpad=0
    )


def place_scale_and_axes(
    figure: Figure, rectangle: tuple[float, float, float, float], view: View, inches_per_mm: float
) -> None:
    """A scale bar of round length, true for the picture plane, and the directions of x, y and z."""
    axes = axes_in(figure, rectangle)
    _, _, width, height = rectangle
    length_mm = style.round_down(0.55 * 2 * view.half_width * min(1.0, 0.5 * width / (view.half_width * inches_per_mm)))
    length = length_mm * inches_per_mm
    left, base = 0.98 * width - length, 0.36 * height
    axes.plot([left, left + length], [base, base], color=style.INK, linewidth=2.2, solid_capstyle="butt")
    axes.text(left + length / 2, base - 0.06, f"{length_mm:g} mm", ha="center", va="top", fontsize=8)
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
        axes.text(away[0], away[1], name, ha="center", va="center", fontsize=7.5)
