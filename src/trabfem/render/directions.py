"""Figure of bone that follows its load: anisotropy and angles over time, moduli by direction, and the bone itself."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes

from trabfem.errors import UserError
from trabfem.render import fitting, style
from trabfem.render.picture import Picture, house, save

YLABEL_IN = 0.45
WHEN = ("Start", "Before the turn", "End")


@dataclass(frozen=True)
class Wolff:
    """One block over `years`: Ez/Ex, degree of anisotropy, angles (degrees from z) of the stiffest direction and of the
    fabric, Young's moduli (MPa) by angle, and the fill at each time."""

    years: Float[np.ndarray, " times"]
    ratio: Float[np.ndarray, " times"]
    anisotropy: Float[np.ndarray, " times"]
    stiffest: Float[np.ndarray, " times"]
    fabric: Float[np.ndarray, " times"]
    modulus: Float[np.ndarray, "times angles"]
    fill: Sequence[Float[np.ndarray, "x y z"]]


def draw(
    blocks: Sequence[Wolff], angles: Float[np.ndarray, " angles"], turned: float, turn: float, path: Path | str
) -> Path:
    """Write the figure; `turned`: year at which the load turned by `turn` degrees about x. The bone is the first's."""
    if not blocks:
        raise UserError(f"{path}: no block to draw; give at least one")
    return save(figure_of(blocks, angles, turned, turn), path)


def figure_of(blocks: Sequence[Wolff], angles: Float[np.ndarray, " angles"], turned: float, turn: float) -> Picture:
    """The figure of `draw`."""
    width = style.look().width
    columns = 3 if width > style.COLUMN_WIDTH_IN else 2
    cell = width / columns
    with house():
        figure = Picture(width, 4.0, layout="constrained")
        grid = figure.add_gridspec(6 // columns, columns, height_ratios=(1.05, 1) if columns == 3 else None)
        places = [divmod(number, columns) for number in range(6)]
        _anisotropy(figure.add_subplot(grid[places[0]]), blocks, turned, cell)
        _angles(figure.add_subplot(grid[places[1]]), blocks, turned, turn, cell)
        _rose(figure.add_subplot(grid[places[2]], projection="polar"), blocks[0], angles, turned, turn, cell)
        for place, (title, k) in enumerate(zip(WHEN, moments(blocks[0], turned), strict=True)):
            axes, pointing = figure.add_subplot(grid[places[3 + place]]), turn if title == WHEN[-1] else 0.0
            _bone(axes, blocks[0].fill[k], pointing)
            fitting.title_of(axes, "def"[place], title, cell - YLABEL_IN)
        fitting.set_page(figure, 6 // columns * (cell + 0.1))
    return figure


def moments(block: Wolff, turned: float) -> tuple[int, int, int]:
    """Indices of the start, of the turn and of the end."""
    return 0, int(np.argmin(np.abs(block.years - turned))), len(block.years) - 1


def _lines(axes: Axes, blocks: Sequence[Wolff], pick: str, place: int, label: str) -> None:
    """One thin line a block and their mean, as far as all go."""
    shortest = min(len(block.years) for block in blocks)
    for block in blocks:
        axes.plot(block.years, getattr(block, pick), color=style.arm_colour(place), lw=0.6, alpha=0.5)
    mean = np.mean([getattr(block, pick)[:shortest] for block in blocks], axis=0)
    axes.plot(blocks[0].years[:shortest], mean, **style.arm_line(place), lw=1.6, label=label)


def _anisotropy(axes: Axes, blocks: Sequence[Wolff], turned: float, cell: float) -> None:
    _lines(axes, blocks, "ratio", 0, "Ez/Ex")
    _lines(axes, blocks, "anisotropy", 1, "DA (fabric)")
    fitting.title_of(axes, "a", "Anisotropy", cell - YLABEL_IN)
    axes.axhline(1.0, color=style.MUTED, lw=0.6)
    _finish(axes, turned)


def _angles(axes: Axes, blocks: Sequence[Wolff], turned: float, turn: float, cell: float) -> None:
    _lines(axes, blocks, "stiffest", 0, "Stiffest")
    _lines(axes, blocks, "fabric", 1, "Fabric")
    load = [0.0, turned, turned, float(blocks[0].years[-1])]
    axes.plot(load, [0.0, 0.0, turn, turn], color=style.MUTED, lw=1.0, ls=":", label="Load")
    axes.set_ylim(-95, 95)
    axes.set_yticks([-90, -45, 0, 45, 90])
    fitting.title_of(axes, "b", "Angle from z, degrees", cell - YLABEL_IN)
    _finish(axes, turned)


def _finish(axes: Axes, turned: float) -> None:
    axes.axvline(turned, color=style.MUTED, lw=0.6, ls=(0, (4, 3)))
    axes.set_xlabel("Years")
    axes.spines[["top", "right"]].set_visible(False)
    axes.margins(x=0.01)
    axes.legend(frameon=False, fontsize=style.look().small, loc="best")


def _rose(
    axes: Axes, block: Wolff, angles: Float[np.ndarray, " angles"], turned: float, turn: float, cell: float
) -> None:
    """Young's modulus by direction in the plane of the turn."""
    around = np.deg2rad(np.concatenate([angles, angles + 180, angles[:1]]))
    axes.set_theta_zero_location("N")  # type: ignore[attr-defined]
    axes.set_theta_direction(-1)  # type: ignore[attr-defined]
    for place, (title, k) in enumerate(zip(WHEN, moments(block, turned), strict=True)):
        values = np.concatenate([block.modulus[k], block.modulus[k], block.modulus[k][:1]])
        axes.plot(around, values, **style.arm_line(place), lw=1.3, label=title)
    axes.plot(np.deg2rad([turn, turn + 180]), [block.modulus.max()] * 2, color=style.MUTED, lw=0.8, ls=":")
    fitting.title_of(axes, "c", "Young's modulus, MPa", cell, pad=8)
    small = style.look().small
    axes.tick_params(labelsize=small, pad=-2)
    axes.set_xticks(np.deg2rad([0, 90, 180, 270]))
    top = style.round_up(float(block.modulus.max()))
    axes.set_ylim(0, top)
    axes.set_yticks([top / 2, top], [style.significant(top / 2, 2), style.significant(top, 2)])
    axes.set_rlabel_position(60)  # type: ignore[attr-defined]
    fitting.legend_below(axes, cell)


def _bone(axes: Axes, fill: Float[np.ndarray, "x y z"], turn: float) -> None:
    """Bone in the y-z plane, mean over the middle third along x, and the load on it, `turn` degrees from z."""
    third = len(fill) // 3
    axes.imshow(fill[third:-third].mean(axis=0).T[:, ::-1], origin="lower", cmap="Greys", vmin=0, vmax=1)
    angle, half = np.deg2rad(turn), np.array(fill.shape[1:]) / 2
    reach = 0.46 * min(fill.shape[1:]) * np.array([np.sin(angle), np.cos(angle)])
    for sign in (1, -1):
        axes.annotate(
            "", half + 0.45 * sign * reach - 0.5, half + sign * reach - 0.5,
            arrowprops={"arrowstyle": "-|>", "color": style.arm_colour(1), "lw": 1.6},
        )  # fmt: skip
    axes.set_xticks([])
    axes.set_yticks([])
    axes.set_xlabel("-y")
    axes.set_ylabel("z")
