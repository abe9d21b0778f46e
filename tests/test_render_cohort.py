"""The figure of a cohort: what it draws, by which groups, and what it says of rows that failed."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from trabfem.errors import UserError
from trabfem.render import cohort as drawing
from trabfem.runs.cohort.results import Cohort

UNITS = {"BV/TV": "", "Tb.Th": "mm", "Conn.D": "1/mm^3", "energy error": ""}


def made_up(count: int = 24, copied: tuple[str, ...] = ("group", "operator"), failed: int = 2) -> Cohort:
    """A cohort in two groups with values that are known."""
    rows, records = [], []
    for number in range(count):
        values = [{"name": n, "unit": u, "meaning": "", "value": float(number + 1)} for n, u in UNITS.items()]
        load = [{"name": "failure load", "unit": "N", "meaning": "", "value": -float(number + 1)}]
        answers: dict[str, Any] = {"morphometry": {"values": values, "trouble": ""}}
        bad = {"strength": "nothing joins the end faces"} if number < failed else {}
        answers |= {} if bad else {"strength": {"values": load, "trouble": ""}}
        cells = {"group": "ab"[number % 2], "operator": f"p{number}"}
        rows.append(
            {"id": f"s{number}", "scan": f"s{number}.npz", "place": f"rows/s{number}", "copied": cells, "asked": {}}
        )
        records.append({"analyses": answers, "failures": bad, "attempts": 2 if bad else 1})
    header = {
        "name": "scans.csv", "analyses": ["morphometry", "strength"], "rows": rows, "copied": list(copied),
        "numeric": [], "notes": [],
    }  # fmt: skip
    return Cohort(header, tuple(records), Path("nowhere"))


def titles(figure: Any) -> list[str]:
    return [axes.get_title(loc="left") for axes in figure.axes if axes.get_visible()]


def test_the_figure_of_a_cohort(tmp_path: Path) -> None:
    found = made_up()
    figure = found.plot(path=tmp_path / "summary.png")
    assert (tmp_path / "summary.png").stat().st_size > 10_000
    assert titles(figure) == ["BV/TV", "Tb.Th (mm)", "Conn.D (1/mm³)", "|failure load| (N)"]
    labels = [tick.get_text() for tick in figure.axes[3].get_xticklabels()]
    assert labels == ["a\nn = 11", "b\nn = 11"]
    points = np.concatenate(
        [np.asarray(each.get_offsets()) for each in figure.axes[3].collections if len(each.get_offsets()) > 1]
    )
    assert sorted(points[:, 1]) == list(range(3, 25))
    said = " ".join(text.get_text() for text in figure.texts)
    assert "24 rows, 22 done, 2 failed; by group" in said and "Failed: s0, s1." in said


def test_points_of_one_value_lie_beside_each_other() -> None:
    places = drawing.spread_out(np.full(9, 2.0))
    assert len(set(places.tolist())) == 9 and abs(places).max() <= 0.3
    assert drawing.spread_out(np.arange(5.0)).tolist() == [0.0] * 5


def test_what_is_drawn_and_by_what_can_be_asked_for() -> None:
    found = made_up(copied=("operator",))
    assert drawing.choose_groups(found, None)[0] == ""
    assert titles(found.plot(measures=["energy error"])) == ["energy error"]
    for options, said in (
        ({"group": "operator"}, "group = operator: it has 24 values"),
        ({"group": "colour"}, "group = colour: the table has no such column"),
        ({"measures": ["Tb.X"]}, "measures = Tb.X: no row has it"),
    ):
        with pytest.raises(UserError, match=said):
            found.plot(**options)
    with pytest.raises(UserError, match="nothing to draw"):
        Cohort({**found.header, "rows": []}, (), Path("nowhere")).plot()
