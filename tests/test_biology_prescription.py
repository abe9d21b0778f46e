"""What a schedule means, and patients: doses against the standard, forms in words, refusals with a sentence."""

import numpy as np
import pytest

from trabfem.biology.agents import FORMULARY
from trabfem.biology.patient import Patient
from trabfem.biology.prescription import Cover, check, describe, prescribe
from trabfem.errors import UserError
from trabfem.schedule import parse


def test_a_sequence_is_prescribed_in_order() -> None:
    covers = prescribe("denosumab 36-60;  alendronate 0-36 ;")
    assert covers == (Cover("alendronate", 0.0, 36.0, 1.0, 0.0), Cover("denosumab", 36.0, 60.0, 1.0, 6.0))


def test_blank_is_no_treatment() -> None:
    assert prescribe(" ") == ()


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
        ("gnrh_agonist 3.75mg 0-12", 1.0, 0.0),
        ("gnrh_agonist 11.25mg/3mo 0-12", 1.0, 0.0),
        ("alendronate_low 35mg 0-12", 1.0, 0.0),
        ("alendronate 35mg 0-12", 0.5, 0.0),
    ],
)
def test_doses_are_relative_to_the_standard(text: str, dose: float, every: float) -> None:
    (item,) = prescribe(text)
    assert item.dose == pytest.approx(dose)
    assert item.every == pytest.approx(every, rel=1e-6)


def test_other_words_for_the_same_dose_are_the_same_cover() -> None:
    texts = ("alendronate 0-12", "alendronate 10mg 0-12", "alendronate 70mg/week 0-12", "alendronate 100% 0-12")
    assert len({prescribe(text) for text in texts}) == 1


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("estrogen 2mg 0-24", "estrogen, oral estradiol 2 mg a day (2 x the standard 1 mg), months 0-24"),
        (
            "estrogen 0.3mg 0-9",
            "estrogen, conjugated estrogens 0.3 mg a day (0.48 x the standard 0.625 mg), months 0-9",
        ),
        ("estrogen 50ug 0-24", "estrogen, patch 50 ug a day (the standard dose), months 0-24"),
        ("alendronate 70mg 0-24", "alendronate, tablets 70 mg once a week (the standard dose), months 0-24"),
        (
            "alendronate 140mg/week 0-2",
            "alendronate, tablets 140 mg once a week (2 x the standard 10 mg a day), months 0-2",
        ),
        ("alendronate 60% -12-0", "alendronate, tablets 6 mg a day (0.6 x the standard 10 mg), months -12 to 0"),
        ("denosumab 0-36", "denosumab, injection 60 mg every 6 months (the standard dose), months 0-36: 6 doses"),
        ("romosozumab 0-1", "romosozumab, injection 210 mg once a month (the standard dose), months 0-1: 1 dose"),
        ("gonadorelin 0.5x 0-12", "gonadorelin, pulses (0.5 x the standard dose), months 0-12"),
        ("gnrh_agonist 0-12", "gnrh_agonist, depot 3.75 mg once a month (the standard dose), months 0-12"),
        ("disuse 0.5 12-18", "usual loads x 0.5, months 12-18"),
        ("direction -45deg x 0-6", "loads turned by -45 degrees about x, months 0-6"),
    ],
)
def test_what_was_understood_in_words(text: str, words: str) -> None:
    assert describe(text) == (words,)


def test_drugs_are_described_before_loads() -> None:
    words = describe("disuse 0.5 0-6; denosumab 12-24; estrogen 0-12")
    assert [text.split(",")[0] for text in words] == ["estrogen", "denosumab", "usual loads x 0.5"]


@pytest.mark.parametrize("agent", FORMULARY.agents, ids=FORMULARY.names)
def test_every_form_of_an_agent_at_its_standard_is_one_dose(agent) -> None:
    from trabfem.biology.prescription import write_form

    for form in agent.forms:
        (cover,) = prescribe(f"{agent.name} {write_form(form)} 0-36")
        assert (cover.dose, cover.every) == (pytest.approx(1.0, rel=1e-15), agent.every)
    assert all(text for text in (agent.mechanism, agent.route, agent.source))
    assert all(value.source and value.unit for value in agent.constants.values())


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("fosamax 0-12", "fosamax"),
        ("alendronate 9000mg 0-12", "standard dose"),
        ("gonadorelin 5mg 0-12", "multiple"),
        ("denosumab 60mg/1d 0-12", "half a month"),
    ],
)
def test_mistakes_are_named(text: str, named: str) -> None:
    with pytest.raises(UserError, match=named) as caught:
        prescribe(text)
    assert text.split(";")[0].split()[0] in str(caught.value)
    assert "\n" not in str(caught.value)


def test_an_unknown_agent_gets_the_list_and_the_nearest() -> None:
    with pytest.raises(UserError, match="write alendronate,") as caught:
        prescribe("alendronat 0-12")
    assert all(name in str(caught.value) for name in (*FORMULARY.names, "disuse", "exercise", "direction"))


def test_check_gives_back_the_schedule() -> None:
    assert check("estrogen 0-12; disuse 0.5 0-6") == parse("estrogen 0-12; disuse 0.5 0-6")
    with pytest.raises(UserError, match="unknown agent 'fosamax'"):
        check("fosamax 0-12")


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
