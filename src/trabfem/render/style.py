"""What every figure shares: its look on a screen or on paper, arm colours, colour maps, round limits of a scale."""

import functools
import logging
import math
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, replace
from typing import Any

import matplotlib
import numpy as np
from jaxtyping import Float, UInt8
from matplotlib import colormaps, font_manager
from matplotlib.colors import Colormap, ListedColormap, LogNorm, Normalize

from trabfem.errors import UserError

DPI = 300
INCH_MM = 25.4
PAGE_WIDTH_IN = 7.2  # two columns of a journal page
COLUMN_WIDTH_IN = 3.6
INK = "#222222"
MUTED = "#6b6b6b"
BONE = (0.93, 0.89, 0.80)
LARGEST_SPAN = 500.0  # of a colour scale
LOST = (0.84, 0.19, 0.15)
GAINED = (0.0, 0.447, 0.698)

FURTHER_FONTS = (
    "Noto Sans CJK SC", "Noto Sans CJK JP", "Noto Sans CJK KR", "Noto Sans SC", "Noto Sans JP", "Noto Sans KR",
    "Source Han Sans SC", "WenQuanYi Micro Hei", "WenQuanYi Zen Hei", "Droid Sans Fallback", "PingFang SC",
    "Hiragino Sans", "Hiragino Sans GB", "Apple SD Gothic Neo", "Microsoft YaHei", "Yu Gothic", "MS Gothic",
    "Malgun Gothic", "Arial Unicode MS", "Noto Emoji", "Symbola", "Segoe UI Symbol",
)  # fmt: skip
"""Fonts with letters that DejaVu has not, in the order in which they are asked for one, as far as they are there."""

# Okabe and Ito 2008, told apart with every common colour blindness; the first arm is the reference. The last four, for
# studies of more than eight arms, are those that stay farthest from all others under the same simulations.
ARM_COLOURS = (
    "#333333", "#D55E00", "#0072B2", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#8a6d3b",
    "#8700ff", "#b4b450", "#691e69", "#4b2db4",
)  # fmt: skip

# Curves that coincide (oestradiol in two untreated arms) stay visible through the gaps of the later one; so do prints
# without colour.
ARM_DASHES: tuple[Any, ...] = ("-", (0, (6, 1.5)), (0, (3.2, 1.4)), (0, (1.4, 1.2)), (0, (7, 1.5, 1.5, 1.5)))


@dataclass(frozen=True)
class Look:
    """How figures are set: widths in inches, sizes of type in points; `letters`: whether panels of bone are lettered.

    `family`: fonts in the order in which they are looked for. `columns`: how many columns of the page a figure takes.
    """

    name: str
    page: float = PAGE_WIDTH_IN
    column: float = COLUMN_WIDTH_IN
    columns: int = 2
    letters: bool = False
    family: tuple[str, ...] = ("DejaVu Sans",)
    title: float = 8.5
    text: float = 8.0
    tick: float = 7.5
    note: float = 7.0
    small: float = 6.5

    @property
    def width(self) -> float:
        """Width of a figure, inches."""
        return self.column if self.columns == 1 else self.page


SCREEN = Look("screen")
# Widths and sizes of type that journals ask for at the printed size; Arial and its metric double come first.
PAPER = Look(
    "paper",
    page=183 / INCH_MM,
    column=89 / INCH_MM,
    letters=True,
    family=("Arial", "Helvetica", "Liberation Sans", "DejaVu Sans"),
    title=7.5,
    text=7.0,
    tick=6.5,
    note=6.5,
    small=6.0,
)
LOOKS = {look.name: look for look in (SCREEN, PAPER)}
_look: ContextVar[Look] = ContextVar("look", default=SCREEN)


def look() -> Look:
    """The look of the figures that are being made."""
    return _look.get()


@contextmanager
def use(style: str = "screen", columns: int = 2) -> Iterator[Look]:
    """Make figures of a look, one of `LOOKS`, one or two columns of a page wide, within a `with` block."""
    if style not in LOOKS:
        raise UserError(f"style = {style}: give one of {', '.join(LOOKS)}")
    if columns not in (1, 2):
        raise UserError(f"columns = {columns}: a figure is 1 or 2 columns of a page wide")
    token = _look.set(replace(LOOKS[style], columns=columns))
    try:
        yield _look.get()
    finally:
        _look.reset(token)


@functools.cache
def further_fonts() -> tuple[str, ...]:
    """Those of `FURTHER_FONTS` that are installed."""
    installed = {font.name for font in font_manager.fontManager.ttflist}
    return tuple(name for name in FURTHER_FONTS if name in installed)


@contextmanager
def lettering(look: Look | None = None) -> Iterator[None]:
    """Set type in the fonts of a look, the present one where None, within a `with` block.

    A letter that no font has becomes a box, without a warning each time it is measured or drawn.
    """
    finder = logging.getLogger("matplotlib.font_manager")

    def is_news(record: logging.LogRecord) -> bool:
        return "Failed to find font weight" not in record.msg  # most of the further fonts have no bold letters

    finder.addFilter(is_news)
    try:
        with warnings.catch_warnings(), matplotlib.rc_context(fonts(look or _look.get())):
            warnings.filterwarnings("ignore", message="Glyph .* missing from")
            yield
    finally:
        finder.removeFilter(is_news)


@functools.cache
def fonts(look: Look = SCREEN) -> Any:
    """The settings of matplotlib for a look; PDF keeps its fonts as TrueType, SVG draws letters as outlines."""
    colours = ("axes.edgecolor", "axes.labelcolor", "text.color", "xtick.color", "ytick.color")
    return {
        # After the first font that is there, one that has nearly every letter, and those that have the rest.
        "font.family": ["sans-serif", "DejaVu Sans", *further_fonts()],
        "font.sans-serif": list(look.family),
        "font.size": look.text,
        "axes.titlesize": look.title,
        "axes.labelsize": look.text,
        "xtick.labelsize": look.tick,
        "ytick.labelsize": look.tick,
        "legend.fontsize": look.text,
        **dict.fromkeys(colours, INK),
        "axes.linewidth": 0.7,
        "xtick.major.width": 0.7,
        "ytick.major.width": 0.7,
        "savefig.facecolor": "white",
        "pdf.fonttype": 42,
        "ps.fonttype": 42,
        "svg.fonttype": "path",
    }


FONTS: Any = fonts(SCREEN)


def arm_colour(index: int) -> str:
    """Colour of the arm at place `index` of run.json; the same in every figure."""
    return ARM_COLOURS[index % len(ARM_COLOURS)]


def arm_line(index: int) -> dict[str, Any]:
    """Colour and dashes of the curves of the arm at place `index` of run.json."""
    return {"color": arm_colour(index), "linestyle": ARM_DASHES[index % len(ARM_DASHES)]}


def significant(value: float, digits: int = 3) -> str:
    """`value` with `digits` digits and no exponent: 2100, 0.194."""
    if not value or not math.isfinite(value):
        return f"{value:g}"
    decimals = max(0, digits - 1 - math.floor(math.log10(abs(value))))
    return f"{value:.{decimals}f}"


def energy_map() -> Colormap:
    """Perceptually uniform, light (little load) to dark: magma's upper part reversed, without its black end."""
    return ListedColormap(colormaps["magma_r"](np.linspace(0.02, 0.82, 256)), name="energy")


def change_map() -> Colormap:
    """Diverging, safe with colour blindness: red (resorbed) over near white (unchanged) to blue (formed)."""
    return ListedColormap(colormaps["RdBu"](np.linspace(0.07, 0.93, 256)), name="change")


def round_down(value: float) -> float:
    """Largest of 1, 2, 5 × 10ⁿ not above `value` > 0."""
    power = 10.0 ** math.floor(math.log10(value))
    return max(step * power for step in (1, 2, 5) if step * power <= value * (1 + 1e-9))


def round_up(value: float) -> float:
    """Smallest of 1, 2, 5, 10 × 10ⁿ not below `value` > 0."""
    power = 10.0 ** math.floor(math.log10(value))
    return min(step * power for step in (1, 2, 5, 10) if step * power >= value * (1 - 1e-9))


def shared_norm(values: list[Float[np.ndarray, "_"]], tails: tuple[float, float] = (10.0, 98.0)) -> Normalize:
    """One scale for all of `values` > 0: their `tails` percentiles rounded outward; logarithmic over a decade.

    A logarithmic scale spans `LARGEST_SPAN` at most: dangling ends carry a millionth of what the rest does, and would
    push all of that into one colour.
    """
    pooled = np.concatenate([part[part > 0] for part in values]) if values else np.zeros(0)
    if len(pooled) == 0:
        return Normalize(0.0, 1.0)
    low, high = (float(q) for q in np.percentile(pooled, tails))
    top = round_up(high)
    return LogNorm(max(round_down(low), top / LARGEST_SPAN), top) if high > 10 * low else Normalize(0.0, top)


def decades(norm: LogNorm) -> list[float]:
    """Powers of ten on a logarithmic scale, and its ends where they are not close to one."""
    low, high = float(norm.vmin or 1.0), float(norm.vmax or 1.0)
    powers = range(math.ceil(math.log10(low) - 1e-9), math.floor(math.log10(high) + 1e-9) + 1)
    inside = [10.0**power for power in powers]
    ends = [end for end in (low, high) if all(max(end / tick, tick / end) > 3 for tick in inside)]
    return sorted([*inside, *ends])


def to_rgb(values: Float[np.ndarray, "n"], norm: Normalize, colours: Colormap) -> UInt8[np.ndarray, "n 3"]:
    """Colours of `values`; those outside `norm` take its end colours."""
    kept = np.clip(values, norm.vmin, norm.vmax)
    return np.asarray(colours(np.asarray(norm(kept)), bytes=True))[:, :3]
