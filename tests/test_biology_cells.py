"""Bone cells: balance in youth, positivity, menopause, and the first treatments at the size of their trials."""

import jax
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trabfem.biology import integration
from trabfem.biology.agents import FORMULARY
from trabfem.biology.course import Course, course, follow
from trabfem.biology.patient import Patient
from typed import count_compilations

MONTHS = np.arange(0.0, 121.0, 0.5)
LATE = Patient(age=65.0, menopause_age=50.0)
POSITIVE = ("e2", "testosterone", "rankl", "opg", "sclerostin", "osteoclasts", "osteoblasts", "resorption", "formation")
POSITIVE += ("activation_frequency", "resorption_depth", "refill_fraction", "ctx", "p1np", "mineral", "bmd_spine")


def change(course: Course, name: str, start: float, end: float) -> float:
    """Change of an output between two months, %."""
    values = getattr(course, name)
    first, last = np.interp([start, end], course.months, values)
    return 100.0 * (last / first - 1.0)


def test_premenopausal_state_is_a_fixed_point() -> None:
    course = follow(Patient(age=25.0, menopause_age=51.0), "", MONTHS)
    for name in (
        "resorption",
        "formation",
        "osteoblasts",
        "rankl",
        "opg",
        "sclerostin",
        "refill_fraction",
        "bmd_spine",
    ):
        assert getattr(course, name) == pytest.approx(1.0, abs=2e-4), name
    assert course.activation_frequency == pytest.approx(0.13, rel=2e-4)
    assert course.resorption_depth == pytest.approx(0.05, rel=2e-4)


@pytest.mark.parametrize("patient", [Patient(age=20.0), Patient(age=30.0), Patient(sex="male", age=22.0)])
def test_no_drift_before_forty(patient: Patient) -> None:
    course = follow(patient, "", np.array([0.0, 12.0 * (39.0 - patient.age)]))
    if patient.female:
        assert abs(course.bmd_spine[-1] - 1.0) < 0.0005 * (39.0 - patient.age)
        assert abs(course.bmd_hip[-1] - 1.0) < 0.0005 * (39.0 - patient.age)
    else:
        assert -0.1 < course.bmd_spine[-1] - 1.0 < 0.0


def test_transmenopausal_loss() -> None:
    course = follow(Patient(age=50.5, menopause_age=51.5), "", MONTHS)
    assert change(course, "bmd_spine", 0, 36) == pytest.approx(-7.4, abs=1.0)
    assert change(course, "bmd_hip", 0, 36) > change(course, "bmd_spine", 0, 36)


def test_surgical_menopause_is_faster() -> None:
    natural = follow(Patient(age=50.0, menopause_age=50.0), "", MONTHS)
    surgical = follow(Patient(age=50.0, menopause_age=50.0, hormonal_status="surgical_menopause"), "", MONTHS)
    assert change(surgical, "bmd_spine", 0, 24) < change(natural, "bmd_spine", 0, 24) - 1.0
    assert surgical.e2[1] < 20.0 < natural.e2[1]


def test_rankl_after_menopause() -> None:
    course = follow(Patient(age=46.0, menopause_age=51.0), "", MONTHS)
    assert 2.0 < course.rankl[-1] / course.rankl[0] < 4.0


@pytest.mark.parametrize("agent", FORMULARY.names)
def test_no_dose_is_no_drug(agent: str) -> None:
    untreated = follow(LATE, "", MONTHS)
    nothing = follow(LATE, f"{agent} 0x 0-60", MONTHS)
    for name in ("ctx", "p1np", "bmd_spine", "e2", "testosterone"):
        assert getattr(nothing, name) == pytest.approx(getattr(untreated, name), rel=1e-12)


@pytest.mark.parametrize(
    ("schedule", "month", "low", "high"),
    [
        ("", 36, -3.0, 0.5),
        ("estrogen 0-36", 36, 2.5, 7.0),
        ("alendronate 0-36", 36, 5.0, 10.0),
        ("denosumab 0-36", 36, 7.0, 12.5),
    ],
)
def test_spine_within_the_order_of_the_trials(schedule: str, month: float, low: float, high: float) -> None:
    assert low < change(follow(LATE, schedule, MONTHS), "bmd_spine", 0, month) < high


def test_larger_doses_do_more() -> None:
    gains = [change(follow(LATE, f"alendronate {dose}mg 0-36", MONTHS), "bmd_spine", 0, 36) for dose in (2.5, 5, 10)]
    assert gains[0] + 0.3 < gains[1] < gains[2] - 0.3


def test_other_schedules_run_the_same_code() -> None:
    follow(LATE, "estrogen 0-12", MONTHS)
    before = count_compilations(integration.observe_life)
    for schedule in ("", "denosumab 0-24", "alendronate -24-0; denosumab 6-12; teriparatide 20-30"):
        follow(Patient(sex="male", age=70.0), schedule, MONTHS)
    assert count_compilations(integration.observe_life) == before


def test_twenty_years_are_one_step_a_half_month() -> None:
    """What it costs: no more steps than half months, and nothing compiled for other schedules, patients or bands."""
    months = np.arange(240.0)
    _, times = integration.prepare(LATE, (), 240.0)
    assert len(times) == integration.PAST_STEPS + 1 + 480
    course(LATE, "denosumab 0-60; alendronate 60-120", months=months)
    compiled: list[str] = []
    jax.monitoring.register_event_duration_secs_listener(lambda event, *_, **__: compiled.append(event))
    try:
        course(Patient("male", 70.0), "alendronate 0-60; romosozumab 60-72; denosumab 72-120", months=months)
    finally:
        jax.monitoring.clear_event_listeners()
    assert not [event for event in compiled if "compile" in event]


MONTH = st.integers(0, 60)
ITEMS = st.tuples(st.sampled_from(FORMULARY.names), MONTH, st.integers(1, 60), st.sampled_from([0.2, 1, 4]))
STATUS = st.sampled_from(["eugonadal", "hypogonadal"])
PATIENTS = st.one_of(
    st.builds(lambda age, past: Patient("female", age, age - past), st.floats(40, 90), st.floats(-10, 12)),
    st.builds(lambda age, status: Patient("male", age, None, status), st.floats(20, 90), STATUS),
)


@settings(max_examples=60, deadline=None)
@given(PATIENTS, st.lists(ITEMS, max_size=5, unique_by=lambda item: item[0]))
def test_any_schedule_stays_finite_and_positive(patient: Patient, items: list) -> None:
    text = "; ".join(f"{agent} {dose}x {start}-{start + length}" for agent, start, length, dose in items)
    course = follow(patient, text, MONTHS)
    for name in POSITIVE:
        values = getattr(course, name)
        assert np.all(np.isfinite(values)), name
        assert np.all(values > 0.0), name
