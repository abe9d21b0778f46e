"""What a bone is like as a material: Young's modulus by direction; and the curve on which it yields."""

from typing import Any

import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.patheffects import withStroke

from trabfem.render import fitting, style
from trabfem.render.picture import Picture, house

PLANES = ((0, 1), (1, 2), (0, 2))
LEAST_PANEL_IN = 1.7  # narrower ones go below each other
OFFSET = 0.002  # strain by which the elastic line is moved; it then meets the curve at the yield point
SHARE = 100.0  # per cent


def modulus_along(stiffness: Float[np.ndarray, "6 6"], directions: Float[np.ndarray, "n 3"]) -> Float[np.ndarray, "n"]:
    r"""Young's modulus along unit vectors n, from stiffness C in the order xx yy zz yz zx xy, engineering shear:

    $$1/E(n) = m^\mathsf{T} C^{-1} m, \qquad m = (n_x^2, n_y^2, n_z^2, n_y n_z, n_z n_x, n_x n_y)$$
    """
    x, y, z = directions.T
    stress = np.stack([x * x, y * y, z * z, y * z, z * x, x * y])
    return 1.0 / np.einsum("in,in->n", stress, np.linalg.solve(stiffness, stress))


def draw_stiffness(found: Any) -> Picture:
    """Young's modulus by direction in the three planes of the scan, of an `ApparentStiffness`."""
    angles = np.linspace(0.0, 2.0 * np.pi, 361)
    width = style.look().width
    columns = min(3, int(width / LEAST_PANEL_IN))
    rows = -(-3 // columns)
    with house():
        figure = Picture(width, 4.0, layout="constrained")
        grid = [figure.add_subplot(rows, columns, place, projection="polar") for place in (1, 2, 3)]
        curves = []
        for first, second in PLANES:
            directions = np.zeros((len(angles), 3))
            directions[:, first], directions[:, second] = np.cos(angles), np.sin(angles)
            curves.append(modulus_along(np.asarray(found.stiffness), directions))
        top = style.round_up(max(float(curve.max()) for curve in curves))
        for axes, (first, second), curve, letter in zip(grid, PLANES, curves, "abc", strict=True):
            axes.plot(angles, curve, color=style.arm_colour(2), lw=1.6)
            axes.fill(angles, curve, color=style.arm_colour(2), alpha=0.12, lw=0)
            _finish_rose(axes, "xyz"[first], "xyz"[second], top)
            fitting.title_of(axes, letter, f"{'xyz'[first]}-{'xyz'[second]} plane", width / columns, pad=10)
        heading = f"{found.bone.name}, {found.found.boundary}: Young's modulus by direction (MPa)"
        fitting.set_page(figure, rows * (width / columns + 0.2), heading=heading)
    return figure


def _finish_rose(axes: Axes, along: str, up: str, top: float) -> None:
    """Names of the axes, and two rings with their values between them."""
    axes.set_ylim(0, top)
    axes.set_xticks(np.deg2rad(range(0, 360, 45)), [along, "", up, "", f"−{along}", "", f"−{up}", ""])
    axes.set_yticks([top / 2, top], [style.significant(top / 2, 2), style.significant(top, 2)])
    axes.set_rlabel_position(22)  # type: ignore[attr-defined]
    axes.tick_params(axis="y", labelsize=style.look().small, colors=style.MUTED)
    axes.tick_params(axis="x", pad=-1)
    for label in axes.get_yticklabels():
        label.set_path_effects([withStroke(linewidth=2, foreground="white")])
    axes.grid(color="#d9d9d9", lw=0.6)
    axes.spines["polar"].set_color("#d9d9d9")


def draw_yield(found: Any) -> Picture:
    """Force over apparent strain up to the 0.2 % offset yield of a `YieldStrength`, and how much of the bone yields."""
    curve, load = found.curve, abs(found.failure_load)
    strain, end = SHARE * np.abs(curve.strain), SHARE * abs(float(curve.failure_strain))
    width = style.look().width
    columns = 2 if width > style.COLUMN_WIDTH_IN else 1
    cell = width / columns - 0.55
    with house():
        figure = Picture(width, 4.0, layout="constrained")
        left, right = np.asarray(figure.subplots(2 // columns, columns, squeeze=False)).ravel()
        # The yield point is where the curve meets this line, whose slope is the elastic one.
        left.plot([SHARE * OFFSET, end], [0.0, load], color=style.MUTED, lw=0.9, ls=(0, (4, 3)))
        left.plot(strain, np.abs(curve.force), color=style.arm_colour(0), marker="o", ms=2.4, lw=1.4)
        left.plot(end, load, "o", ms=6, mfc="none", mec=style.arm_colour(1), mew=1.6, zorder=4)
        left.annotate(f"{style.significant(load)} N   ", (end, load), ha="right", va="bottom")
        right.plot(strain, SHARE * curve.yielded, color=style.arm_colour(1), marker="o", ms=2.4, lw=1.4)
        how = "Compressive" if found.failure_load < 0 else "Tensile"
        titles = ("Force (N); dashed: elastic line moved by 0.2 %", "Bone beyond its yield strain (%)")
        for axes, letter, title in zip((left, right), "ab", titles, strict=True):
            fitting.title_of(axes, letter, title, cell)
            axes.set_xlabel(f"{how} apparent strain (%)")
            axes.set_ylim(bottom=0)
            axes.spines[["top", "right"]].set_visible(False)
            axes.grid(axis="y", color="#e6e6e6", lw=0.6, zorder=0)
        fitting.set_page(figure, 2.7 * (2 // columns))
    return figure
