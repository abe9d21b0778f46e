"""The figure of bone that follows its load."""

from pathlib import Path

import numpy as np
import pytest

from trabfem.errors import UserError
from trabfem.render import directions
from typed import points_of

ANGLES = np.arange(-90.0, 90.0, 5.0)


def block(seed: int, times: int = 7) -> directions.Wolff:
    """A block whose stiffest direction goes from 0 to 45 degrees in the second half of six years."""
    years = np.arange(float(times))
    angle = np.clip(years - 3, 0, None) * 15
    modulus = 500 + 300 * np.cos(2 * np.deg2rad(ANGLES[None, :] - angle[:, None]))
    fill = [np.random.default_rng(seed + k).uniform(0, 1, (6, 7, 8)).astype(np.float32) for k in range(times)]
    return directions.Wolff(years, 1 + 0.2 * years, 1 + 0.1 * years, angle, angle - 5, modulus, fill)


def test_written_with_every_panel(tmp_path: Path) -> None:
    short = block(2, times=6)  # a block that ended early
    figure = directions.figure_of([block(1), short], ANGLES, 3.0, 45.0)
    written = directions.draw([block(1), short], ANGLES, 3.0, 45.0, tmp_path / "new/wolff.png")
    assert written.stat().st_size > 10_000
    titles = [axes.get_title(loc="left")[4:] for axes in figure.axes]
    assert titles == ["Anisotropy", "Angle from z, degrees", "Young's modulus, MPa", *directions.WHEN]
    rose, end = figure.axes[2], figure.axes[5]
    stiffest = [np.rad2deg(around[np.argmax(values)]) for around, values in map(points_of, rose.lines[:3])]
    assert stiffest == pytest.approx([0, 0, 45])
    assert np.array_equal(np.asarray(end.images[0].get_array()), block(1).fill[-1][2:-2].mean(axis=0).T[:, ::-1])
    assert len(figure.axes[0].lines) == 2 * 3 + 2, "a line a block, their mean, level 1 and the turn"


def test_nothing_to_draw_is_said(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no block to draw"):
        directions.draw([], ANGLES, 3.0, 45.0, tmp_path / "wolff.png")
