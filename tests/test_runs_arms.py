"""Folder names of arms: readable, of their own, and allowed on every system, whatever the arms are called."""

import pytest

from trabfem.biology.patient import Patient
from trabfem.errors import UserError
from trabfem.runs import config
from trabfem.runs.arm import Arm, as_arms, with_own_slugs
from trabfem.runs.plan import title_of


@pytest.mark.parametrize(
    ("names", "slugs"),
    [
        (["Untreated", "Denosumab 1 y", "A--b  c"], ["untreated", "denosumab_1_y", "a_b_c"]),
        (["未治疗", "雌激素"], ["未治疗", "雌激素"]),
        (["Œstrogène", "Östrogen"], ["œstrogène", "östrogen"]),
        (["Drug +", "Drug −", "drug"], ["drug", "drug_2", "drug_3"]),
        (["+", "−", "?"], ["arm_1", "arm_2", "arm_3"]),
        (["?", "Arm 1"], ["arm_1", "arm_1_2"]),
        (["CON", "aux", "com1", "COM¹"], ["arm_con", "arm_aux", "arm_com1", "arm_com1_2"]),
        (["Figures", "paraview"], ["arm_figures", "arm_paraview"]),
        (["../../etc", "a/b", "."], ["etc", "a_b", "arm_3"]),
        (["a_b_2", "A b", "a-B"], ["a_b_2", "a_b", "a_b_3"]),
        (["हिन्दी"], ["हिन्दी"]),
    ],
)
def test_slugs(names: list[str], slugs: list[str]) -> None:
    found = as_arms(dict.fromkeys(names, ""))
    assert [arm.slug for arm in found] == slugs and [arm.name for arm in found] == names
    assert with_own_slugs(found) == found, "made once, they stay"


@pytest.mark.parametrize("letter", ["x", "é", "治"])
def test_long_names_fit_into_a_file_system(letter: str) -> None:
    one, two = (arm.slug for arm in as_arms({letter * 300: "", letter * 301: ""}))
    assert one != two and max(len(each.encode()) for each in (one, two)) <= 110 and set(one) == {letter}


def test_a_slug_that_is_given_is_kept() -> None:
    """A folder keeps the names that it was written with."""
    assert [arm.slug for arm in with_own_slugs([Arm("Drug −", slug="drug_2"), Arm("Drug +")])] == ["drug_2", "drug"]


def test_only_a_name_that_is_missing_or_the_same_is_refused() -> None:
    with pytest.raises(UserError, match="arm name 'A' is used twice"):
        as_arms([Arm("A"), Arm("B"), Arm("A")])
    with pytest.raises(UserError, match="arm name '  ' is empty: give each arm a name"):
        as_arms({"A": "", "  ": ""})


def test_a_title_is_that_of_the_patient_and_the_arms() -> None:
    woman, man = Patient("female", 50, 51), Patient("male", 70)
    assert title_of(woman, as_arms({"Untreated": "", "Oestrogen": ""})) == "Woman of 50: Untreated versus Oestrogen"
    assert title_of(man, as_arms({"Untreated": ""})) == "Man of 70: Untreated"
    assert title_of(man, as_arms(dict.fromkeys("ABCDEF", ""))) == "Man of 70: A versus 5 others"


def test_a_man_has_no_menopause_by_default() -> None:
    men = config.StudyConfig(patient=config.PatientConfig("male", 70, None))
    assert [arm.name for arm in men.arms] == ["Untreated", "Alendronate", "Denosumab"]
    assert [arm.name for arm in config.StudyConfig().arms][0] == "Untreated menopause"
