"""Schedules and patients: what is read, and what is refused with a sentence."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trabfem.biology import formulary
from trabfem.biology.patient import Patient
from trabfem.biology.schedule import Item, Schedule, parse
from trabfem.errors import UserError


def test_a_sequence_is_read_in_order() -> None:
    items = parse("denosumab 36-60;  alendronate 0-36 ;").items
    assert items == (Item("alendronate", 0.0, 36.0, 1.0, 0.0), Item("denosumab", 36.0, 60.0, 1.0, 6.0))


def test_blank_is_no_treatment() -> None:
    assert parse(" ").items == ()


@pytest.mark.parametrize(
    ("text", "dose", "every"),
    [
        ("estrogen 2mg 0-24", 2.0, 0.0),
        ("estrogen 0.3mg 0-24", 0.48, 0.0),
        ("estrogen 25ug 0-24", 0.5, 0.0),
        ("alendronate 70mg/week 0-24", 1.0, 0.0),
        ("alendronate 70mg 0-24", 1.0, 0.0),
        ("alendronate 5 mg 0-24", 0.5, 0.0),
        ("alendronate 60% 0-24", 0.6, 0.0),
        ("zoledronate 5mg/24mo 0-48", 1.0, 24.0),
        ("zoledronate 4mg every 6 months 0-48", 0.8, 6.0),
        ("denosumab 120mg/1mo 0-12", 2.0, 1.0),
        ("teriparatide 40µg 0-12", 2.0, 0.0),
        ("gonadorelin 0.5x 0-12", 0.5, 0.0),
    ],
)
def test_doses_are_relative_to_the_standard(text: str, dose: float, every: float) -> None:
    (item,) = parse(text).items
    assert item.dose == pytest.approx(dose)
    assert item.every == pytest.approx(every, rel=1e-6)


def test_months_before_baseline() -> None:
    schedule = parse("alendronate -60--12; alendronate -12-0")
    assert [(item.start, item.stop) for item in schedule.items] == [(-60, -12), (-12, 0)]
    assert schedule.first_month == -60


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("fosamax 0-12", "fosamax"),
        ("alendronate", "AGENT"),
        ("alendronate 12", "AGENT"),
        ("alendronate 0-", "AGENT"),
        ("alendronate 0-x", "AGENT"),
        ("alendronate 36-0", "ends before"),
        ("alendronate 12-12", "ends before"),
        ("alendronate 0-12; alendronate 6-24", "overlap"),
        ("alendronate 0-9999", "1200"),
        ("alendronate 9000mg 0-12", "standard dose"),
        ("gonadorelin 5mg 0-12", "multiple"),
        ("denosumab 60mg/1d 0-12", "half a month"),
    ],
)
def test_mistakes_are_named(text: str, named: str) -> None:
    with pytest.raises(UserError, match=named) as caught:
        parse(text)
    assert text.split(";")[0].split()[0] in str(caught.value)
    assert "\n" not in str(caught.value)


def test_an_unknown_agent_gets_the_list() -> None:
    with pytest.raises(UserError) as caught:
        parse("alendronat 0-12")
    assert all(name in str(caught.value) for name in formulary.NAMES)


def test_adding_schedules_checks_the_overlap() -> None:
    assert len((parse("estrogen 0-12") + parse("estrogen 12-24")).items) == 2
    with pytest.raises(UserError, match="overlap"):
        parse("estrogen 0-12") + parse("estrogen 11-24")


def item_of(agent: str, start: float, length: float, dose: float) -> Item:
    return Item(agent, start, start + length, dose, formulary.BY_NAME[agent].every)


WHOLE_MONTHS = st.integers(1, 60).map(float)
AGENT_ITEM = st.builds(
    item_of,
    st.sampled_from(formulary.NAMES),
    st.integers(-60, 60).map(float),
    WHOLE_MONTHS,
    st.sampled_from([0.5, 1.0]),
)


@given(st.lists(AGENT_ITEM, unique_by=lambda item: item.agent, max_size=6))
def test_what_is_written_reads_back(items: list[Item]) -> None:
    schedule = Schedule(tuple(sorted(items, key=lambda item: (item.start, item.stop, item.agent))))
    assert parse(str(schedule)) == schedule


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"sex": "cat"}, "cat"),
        ({"age": 7.0}, "age"),
        ({"age": np.nan}, "age"),
        ({"sex": "male", "hormonal_status": "surgical_menopause"}, "surgical_menopause"),
        ({"hormonal_status": "fine"}, "fine"),
        ({"menopause_age": -3.0}, "menopause"),
    ],
)
def test_impossible_patients_are_refused(options: dict, named: str) -> None:
    with pytest.raises(UserError, match=named):
        Patient(**options)
