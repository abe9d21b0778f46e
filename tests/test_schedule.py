"""The grammar of schedules: drugs and loads are read, written as they were, and refused with a sentence."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trabfem import schedule
from trabfem.errors import UserError
from trabfem.schedule import USUAL_LOAD, Load, LoadChange, Loading, Schedule, Treatment, parse


def test_a_sequence_is_read_in_order() -> None:
    found = parse("denosumab 36-60;  alendronate 70 mg/week 0-36 ;")
    assert found.treatments == (
        Treatment("alendronate", 0.0, 36.0, 70.0, "mg", 7.0),
        Treatment("denosumab", 36.0, 60.0),
    )
    assert (found.first_month, found.last_month) == (0.0, 60.0)
    assert parse(found) is found


def test_blank_is_no_treatment() -> None:
    assert parse(" ") == Schedule() and str(parse(";")) == ""


@pytest.mark.parametrize(
    ("text", "amount", "unit", "days"),
    [
        ("x1 0-1", None, "", None),
        ("a 40µg 0-1", 40.0, "ug", None),
        ("a 40 mcg 0-1", 40.0, "ug", None),
        ("a .5X 0-1", 0.5, "x", None),
        ("a 60% 0-1", 60.0, "%", None),
        ("a 4mg every 6 months 0-1", 4.0, "mg", 6 * 365.25 / 12),
        ("a 4mg/2y 0-1", 4.0, "mg", 730.5),
        ("a 4mg/3d 0-1", 4.0, "mg", 3.0),
    ],
)
def test_doses_are_kept_as_written(text: str, amount: float | None, unit: str, days: float | None) -> None:
    (item,) = parse(text).treatments
    assert (item.amount, item.unit, item.period_days) == (amount, unit, days)


def test_what_is_written_looks_as_it_was() -> None:
    text = "alendronate 70mg/week -60--12; zoledronate 5mg/24mo 0-48; estrogen 0.3mg 0-24.5; disuse 0.5 12-18"
    assert str(parse(text)) == (
        "alendronate 70mg/week -60--12; estrogen 0.3mg 0-24.5; zoledronate 5mg/24mo 0-48; disuse 0.5 12-18"
    )


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("alendronate", "AGENT"),
        ("alendronate 12", "AGENT"),
        ("alendronate 0-", "AGENT"),
        ("alendronate 0-x", "AGENT"),
        ("untreated", "nothing for no treatment"),
        ("alendronate 36-0", "ends before"),
        ("alendronate 12-12", "ends before"),
        ("alendronate 0-12; alendronate 6-24", "overlap"),
        ("alendronate 0-9999", "1200"),
        ("alendronate 70mg/0d 0-12", "every 0 days"),
    ],
)
def test_mistakes_are_named(text: str, named: str) -> None:
    with pytest.raises(UserError, match=named) as caught:
        parse(text)
    assert text.split(";")[0].split()[0] in str(caught.value)
    assert "\n" not in str(caught.value)


def test_adding_schedules_checks_the_overlap() -> None:
    both = parse("estrogen 0-12; disuse 0.5 0-6") + parse("estrogen 12-24; disuse 0.5 6-9")
    assert (len(both.treatments), len(both.loading.changes)) == (2, 2)
    for earlier, later in (("estrogen 0-12", "estrogen 11-24"), ("disuse 0.5 0-12", "disuse 0.7 11-24")):
        with pytest.raises(UserError, match="overlap"):
            _ = parse(earlier) + parse(later)


def test_loads_are_read() -> None:
    read = parse("denosumab 0-36; disuse 0.5 12-18; Exercise 130% 0-60;direction -45 deg x 24-120")
    found = read.loading
    assert [item.agent for item in read.treatments] == ["denosumab"] and found.turns
    assert str(found) == "direction -45deg x 24-120; disuse 0.5 12-18; exercise 1.3 0-60"
    assert parse(str(found)).loading == found
    assert found.load_at(6) == Load(1.3) and found.load_at(18) == Load(1.3)
    assert found.load_at(70) == Load(1.0, -45.0, "x")
    assert found.load_at(15).factor == pytest.approx(0.65) and found.load_at(200) == USUAL_LOAD
    assert found.load_during(11, 14).factor == pytest.approx(np.sqrt((1.3**2 + 2 * 0.65**2) / 3))
    assert parse("direction 45deg x 0-6") == parse("direction 45 about x 0-6 mo")
    assert not parse("disuse 0.5 0-6").loading.turns


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("disuse 1.5 0-6", "write exercise"),
        ("exercise 0.5 0-6", "write disuse"),
        ("exercise 30 0-6", "from 1 to 3"),
        ("disuse 12-18", "disuse 0.5 12-18"),
        ("excercise 1.2 0-6", "write exercise"),
        ("exercize 1.2 0-6", "write exercise"),
        ("disuse 0.5 18-12", "earlier month first"),
        ("exercise 1.2 -6-6", "from 0, the scan"),
        ("direction 45deg 0-6", "direction 45deg x 24-120"),
        ("direction 270 x 0-6", "-180 to 180"),
        ("disuse 0.5 0-12; disuse 0.7 6-18", "once at a time"),
    ],
)
def test_loads_that_make_no_sense_are_named(text: str, said: str) -> None:
    with pytest.raises(UserError, match=said) as caught:
        parse(f"denosumab 0-36; {text}")
    assert text.split(";")[0] in str(caught.value) or "overlap" in str(caught.value)


MONTHS = st.tuples(st.integers(0, 60), st.integers(1, 60)).map(lambda pair: (float(pair[0]), float(sum(pair))))
AMOUNT = st.floats(1e-6, 1e5, allow_nan=False)
PERIOD = st.one_of(st.none(), st.floats(0.1, 1000.0), st.integers(1, 60).map(lambda count: count * 365.25 / 12))
TREATMENT = st.builds(
    lambda agent, months, dose: Treatment(agent, *months, *dose),
    st.sampled_from("abcdefgh"),
    MONTHS,
    st.one_of(st.just(()), st.tuples(AMOUNT, st.sampled_from(["mg", "ug", "x", "%"]), PERIOD)),
)
CHANGE = st.one_of(
    st.builds(lambda months, by: LoadChange("disuse", months[0], months[1], by), MONTHS, st.floats(0.0, 1.0)),
    st.builds(lambda months, by: LoadChange("exercise", months[0], months[1], by), MONTHS, st.floats(1.0, 3.0)),
    st.builds(
        lambda months, by, axis: LoadChange("direction", *months, angle=by, axis=axis),
        MONTHS,
        st.floats(-180.0, 180.0),
        st.sampled_from("xyz"),
    ),
)


@given(
    st.lists(TREATMENT, unique_by=lambda item: item.agent, max_size=6),
    st.lists(CHANGE, unique_by=lambda item: item.kind, max_size=3),
)
def test_what_is_written_reads_back(treatments: list[Treatment], changes: list[LoadChange]) -> None:
    made = Schedule(tuple(treatments), Loading(tuple(changes)))
    assert parse(str(made)) == made and hash(parse(str(made))) == hash(made)


def test_the_grammar_knows_no_agents() -> None:
    assert parse("aspirin 0-12").treatments[0].agent == "aspirin"
    assert not hasattr(schedule, "biology")
