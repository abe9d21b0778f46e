"""A result of one's own gets its picture by one function and one line."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from trabfem.display import Drawable
from trabfem.errors import UserError
from trabfem.render import datasets, results
from trabfem.render.picture import Picture

SPACING = (1.0, 1.0, 1.0)


@dataclass(frozen=True)
class Tally(Drawable):
    """A result that a lab adds: how many voxels are how full."""

    counts: tuple[int, ...]


def draw_tally(tally: Tally, *, colour: str = "grey") -> Picture:
    figure = Picture(3.0, 2.0, layout="constrained")
    figure.subplots().bar(range(len(tally.counts)), tally.counts, color=colour)
    return figure


def test_one_function_and_one_line(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no picture of a Tally"):
        Tally((1,)).plot()
    results.draw.register(Tally, draw_tally)
    figure = Tally((3, 1, 2)).plot(colour="red", path=tmp_path / "tally.png")
    assert [bar.get_height() for bar in figure.axes[0].patches] == [3, 1, 2]
    assert figure.axes[0].patches[0].get_facecolor() == (1, 0, 0, 1)
    assert (tmp_path / "tally.png").read_bytes().startswith(b"\x89PNG")


def test_a_data_set_likewise() -> None:
    pytest.importorskip("pyvista")
    with pytest.raises(UserError, match="a Tally is not a field in space"):
        Tally((1,)).to_pyvista()
    results.to_pyvista.register(
        Tally, lambda tally: datasets.image((1, 1, 1), SPACING, (0.0, 0.0, 0.0), {"n": np.full((1, 1, 1), 7.0)})
    )
    assert Tally((1,)).to_pyvista().cell_data["n"].tolist() == [7]
