"""The course of a patient as a result: months, columns with units, bands, tables and what was understood."""

import csv
import dataclasses
from pathlib import Path

import numpy as np
import pytest

from trabfem.biology.bands import Line, curves
from trabfem.biology.batch import History
from trabfem.biology.course import BANDED, COLUMNS, Course, course, follow
from trabfem.biology.observation import Observed
from trabfem.biology.patient import Patient
from trabfem.errors import UserError
from trabfem.schedule import parse

WOMAN = Patient("female", age=65.0, menopause_age=50.0)
SEQUENCE = "denosumab 0-36; alendronate 70mg 36-72; disuse 0.5 3-6"


@pytest.fixture(scope="module")
def found() -> Course:
    return course(WOMAN, SEQUENCE)


def test_monthly_to_the_end_of_the_schedule_and_five_years_at_least(found: Course) -> None:
    assert found.months.tolist() == list(range(73))
    assert course(WOMAN, band=False).months[-1] == course(WOMAN, "estrogen 0-12", band=False).months[-1] == 60.0
    assert course(WOMAN, "estrogen 0-120", years=2, band=False).months[-1] == 24.0
    assert course(WOMAN, months=[3.0, 0.0], band=False).months.tolist() == [3.0, 0.0]


def test_the_middle_is_what_follow_shows(found: Course) -> None:
    alone = follow(WOMAN, parse(SEQUENCE), found.months)
    for name in Observed._fields:
        assert np.array_equal(getattr(found, name), getattr(alone, name)), name
    assert not alone.low and alone.notes == ("loads in the schedule act on voxels and change nothing here",)
    assert found.change("ctx")[12] == pytest.approx(100.0 * (found.ctx[12] / found.ctx[0] - 1.0))
    assert found.month_0["bmd_spine"] == 1.0


@pytest.mark.slow
def test_bands_are_those_of_the_trial_tables(found: Course) -> None:
    history = History(WOMAN, parse(SEQUENCE))
    known = curves([Line(history, measure) for measure in BANDED.values()], found.months)
    for name, (middle, low, high) in zip(BANDED, np.moveaxis(known, 2, 1), strict=True):
        assert found.change(name) == pytest.approx(middle, abs=1e-6), name
        assert found.low[name] == pytest.approx(low, abs=1e-6), name
        assert found.high[name] == pytest.approx(high, abs=1e-6), name


def test_change_and_band_begin_at_month_0_whatever_is_read(found: Course) -> None:
    late = course(WOMAN, SEQUENCE, months=[24.0, 48.0])
    for name in BANDED:
        for values, all_of_them in (
            (late.change(name), found.change(name)),
            (late.low[name], found.low[name]),
            (late.high[name], found.high[name]),
        ):
            assert values == pytest.approx(all_of_them[[24, 48]], abs=1e-9), name


def test_table_has_every_column_with_its_unit(found: Course) -> None:
    table = found.table
    assert len(table) == 73 and len(table.columns) == len(COLUMNS) + 3 * len(BANDED)
    assert set(COLUMNS) == {"months", *Observed._fields}
    fields = {field.name for field in dataclasses.fields(found)}
    assert set(COLUMNS) <= fields
    assert table["E2 (pg/mL)"] == found.e2.tolist()
    assert table["BMD spine change low"] == found.low["bmd_spine"].tolist()
    assert all(column.meaning for column in found.columns)


def test_saved_as_csv(found: Course, tmp_path: Path) -> None:
    with found.save(tmp_path / "course.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [float(row["CTX"]) for row in rows] == found.ctx.tolist()
    with pytest.raises(UserError, match="exists"):
        found.save(tmp_path / "course.csv")


def test_shown_to_people(found: Course) -> None:
    assert found.summary["month"] == ["0", "6", "12", "24", "36", "48", "60"]
    assert found.summary["BMD spine"][2] == (
        f"{found.change('bmd_spine')[12]:+.1f} [{found.low['bmd_spine'][12]:+.1f}, {found.high['bmd_spine'][12]:+.1f}]"
    )
    text = str(found)
    assert "female, 65 years, menopause at 50, natural" in text and "act on voxels" in text
    assert all(words in text for words in found.understood) and len(found.understood) == 3
    assert found._repr_html_().count("<tr>") == 8


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"years": 0}, "years = 0: give"),
        ({"years": 200}, "years = 200: give"),
        ({"years": 2, "months": [1]}, "years = 2: leave it out"),
        ({"months": [-1.0]}, "from 0"),
        ({"months": []}, "at least one"),
        ({"schedule": "fosamax 0-12"}, "unknown agent"),
        ({"schedule": "estrogen -1200-0", "years": 100}, "give at most 160"),
    ],
)
def test_what_cannot_be_followed_is_refused(asked: dict, said: str) -> None:
    with pytest.raises(UserError, match=said):
        course(WOMAN, **asked)
