"""Figure of bone that follows its load: anisotropy and angles over time, moduli by direction, and the bone itself."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import matplotlib
import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from trabfem.errors import UserError
from trabfem.render import style

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
    path = Path(path)
    with matplotlib.rc_context(style.FONTS):
        figure = Figure(figsize=(style.PAGE_WIDTH_IN, 4.9), layout="constrained")
        FigureCanvasAgg(figure)
        grid = figure.add_gridspec(2, 3, height_ratios=(1.05, 1))
        _anisotropy(figure.add_subplot(grid[0, 0]), blocks, turned)
        _angles(figure.add_subplot(grid[0, 1]), blocks, turned, turn)
        _rose(figure.add_subplot(grid[0, 2], projection="polar"), blocks[0], angles, turned, turn)
        for place, (title, k) in enumerate(zip(WHEN, moments(blocks[0], turned), strict=True)):
            pointing = turn if title == WHEN[-1] else 0.0
            _bone(figure.add_subplot(grid[1, place]), blocks[0].fill[k], f"{'def'[place]}   {title}", pointing)
        path.parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(path, dpi=style.DPI)
    return path


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


def _anisotropy(axes: Axes, blocks: Sequence[Wolff], turned: float) -> None:
    _lines(axes, blocks, "ratio", 0, "Ez/Ex")
    _lines(axes, blocks, "anisotropy", 1, "DA (fabric)")
    axes.set_title("a   Anisotropy", loc="left", fontweight="bold", pad=4)
    axes.axhline(1.0, color=style.MUTED, lw=0.6)
    _finish(axes, turned)


def _angles(axes: Axes, blocks: Sequence[Wolff], turned: float, turn: float) -> None:
    _lines(axes, blocks, "stiffest", 0, "Stiffest")
    _lines(axes, blocks, "fabric", 1, "Fabric")
    load = [0.0, turned, turned, float(blocks[0].years[-1])]
    axes.plot(load, [0.0, 0.0, turn, turn], color=style.MUTED, lw=1.0, ls=":", label="Load")
    axes.set_ylim(-95, 95)
    axes.set_yticks([-90, -45, 0, 45, 90])
    axes.set_title("b   Angle from z, degrees", loc="left", fontweight="bold", pad=4)
    _finish(axes, turned)


def _finish(axes: Axes, turned: float) -> None:
    axes.axvline(turned, color=style.MUTED, lw=0.6, ls=(0, (4, 3)))
    axes.set_xlabel("Years")
    axes.spines[["top", "right"]].set_visible(False)
    axes.margins(x=0.01)
    axes.legend(frameon=False, fontsize=6.5, loc="best")


def _rose(axes: Axes, block: Wolff, angles: Float[np.ndarray, " angles"], turned: float, turn: float) -> None:
    """Young's modulus by direction in the plane of the turn."""
    around = np.deg2rad(np.concatenate([angles, angles + 180, angles[:1]]))
    axes.set_theta_zero_location("N")  # type: ignore[attr-defined]
    axes.set_theta_direction(-1)  # type: ignore[attr-defined]
    for place, (title, k) in enumerate(zip(WHEN, moments(block, turned), strict=True)):
        values = np.concatenate([block.modulus[k], block.modulus[k], block.modulus[k][:1]])
        axes.plot(around, values, **style.arm_line(place), lw=1.3, label=title)
    axes.plot(np.deg2rad([turn, turn + 180]), [block.modulus.max()] * 2, color=style.MUTED, lw=0.8, ls=":")
    axes.set_title("c   Young's modulus, MPa", loc="left", fontweight="bold", pad=8)
    axes.tick_params(labelsize=5.5, pad=-2)
    axes.set_xticks(np.deg2rad([0, 45, 90, 135, 180, 225, 270, 315]))
    axes.set_yticks(axes.get_yticks()[1::2])
    axes.legend(frameon=False, fontsize=6, loc="upper center", bbox_to_anchor=(0.5, -0.08), ncols=3, handlelength=1.6)


def _bone(axes: Axes, fill: Float[np.ndarray, "x y z"], title: str, turn: float) -> None:
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
    axes.set_title(title, loc="left", fontweight="bold", pad=4)
    axes.set_xticks([])
    axes.set_yticks([])
    axes.set_xlabel("-y")
    axes.set_ylabel("z")
