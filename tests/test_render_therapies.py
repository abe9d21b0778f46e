"""Figures of therapies: written whole, points and bands where they belong, and a sentence where there is nothing."""

from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from trabfem.errors import UserError
from trabfem.render import therapies

MONTHS = np.linspace(0.0, 36.0, 37)


def curve(name: str, slope: float, points: bool = False) -> therapies.Curve:
    middle = slope * MONTHS
    known = np.array([24.0, 36.0])
    ends = np.array([1.0, np.nan])
    published = therapies.Points(known, slope * known + 0.5, slope * known - ends, slope * known + 2.0 * ends)
    return therapies.Curve(name, MONTHS, middle, middle - 1.0, middle + 1.0, published if points else None)


def test_members_make_a_curve_where_all_have_a_value() -> None:
    values = np.arange(101.0)[:, None] + 1000.0 * np.arange(4.0)
    values[3, 1] = np.nan
    found = therapies.of_members("A", np.array([0.0, 2.0, 4.0, 6.0]), values)
    assert found.months.tolist() == [0.0, 4.0, 6.0]
    assert found.middle.tolist() == [50.0, 2050.0, 3050.0]
    reach = stats.t.ppf(0.95, 100) * np.arange(101.0).std(ddof=1) * np.sqrt(1 + 1 / 101)
    assert found.low is not None and found.low == pytest.approx(found.middle - reach)
    assert found.high is not None and found.high == pytest.approx(found.middle + reach)


def test_one_colour_a_name_and_every_part_drawn() -> None:
    panels = [
        therapies.Panel("Spine BMD", "Change, %", [curve("A", 0.2, points=True), curve("B", -0.1)]),
        therapies.Panel("CTX", "Change, %", [curve("B", 1.0)], covers=[("drug", 0.0, 24.0)]),
    ]
    figure = therapies.figure_of(panels, note="a note")
    first, second = figure.axes
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["A", "B"]
    assert len(first.collections) >= 2, "two bands"
    assert first.lines[0].get_color() != first.lines[2].get_color()
    assert second.lines[0].get_color() == next(
        line.get_color() for line in first.lines if np.array_equal(line.get_ydata(), -0.1 * MONTHS)
    )
    assert "drug" in second.texts[0].get_text()
    assert first.get_xlabel() == second.get_xlabel() == "Months"


def test_written_to_a_new_folder(tmp_path: Path) -> None:
    panel = therapies.Panel("E2", "pg/mL", [curve("A", 1.0)], abscissa="Age, years")
    path = therapies.draw([panel], tmp_path / "new" / "figure.png", columns=1)
    assert path.stat().st_size > 10_000


def test_ticks_are_months_or_years() -> None:
    figure = therapies.figure_of([therapies.Panel("", "", [curve("A", 1.0)])])
    ticks = [tick for tick in figure.axes[0].get_xticks() if 0.0 <= tick <= 36.0]
    assert ticks == [0.0, 6.0, 12.0, 18.0, 24.0, 30.0, 36.0]


def test_nothing_to_draw(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no curve"):
        therapies.draw([therapies.Panel("Spine", "%", [])], tmp_path / "empty.png")
