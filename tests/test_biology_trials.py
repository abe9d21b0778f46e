"""Trial tables: semantics of the columns, refusals, and the report."""

import csv
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from trabfem.biology import measures
from trabfem.biology.course import follow
from trabfem.biology.patient import Patient
from trabfem.biology.trials import parse_row, read_table, run_table
from trabfem.errors import UserError

COLUMNS: Sequence[str] = (
    "trial,arm,sex,age,years_since_menopause,hormonal_status,prior,schedule,measure,from_month,month,value,unit,"
    "versus,versus_schedule"
).split(",")


def row(**changes: str) -> dict[str, str]:
    base = dict.fromkeys(COLUMNS, "") | {"trial": "T", "sex": "female", "age": "65", "years_since_menopause": "15"}
    base |= {"hormonal_status": "natural", "measure": "bmd_lumbar_spine", "from_month": "0", "month": "24", "unit": "%"}
    return base | changes


def write(path: Path, rows: list[dict[str, str]]) -> Path:
    with open(path, "w", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS)
        writer.writeheader()
        writer.writerows(rows)
    return path


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory):
    rows = [
        row(schedule="denosumab 0-24", value="7.0", versus="baseline"),
        row(schedule="", value="-1", versus="baseline"),
        row(schedule="denosumab 0-24", value="8.0", versus="placebo"),
        row(schedule="denosumab 0-24", versus="alendronate", versus_schedule="alendronate 0-24"),
        row(schedule="alendronate 0-24", versus="baseline"),
        row(schedule="denosumab 0-24", measure="ctx", month="36", versus="end of treatment", from_month="24"),
        row(schedule="wishful 0-24"),
        row(measure="happiness"),
        row(sex="male", age="70", years_since_menopause="", hormonal_status="eugonadal", schedule="testosterone 0-24"),
    ]
    return run_table(write(tmp_path_factory.mktemp("trials") / "table.csv", rows))


def predicted(report, number: int) -> float:
    return report.rows[number]["predicted"]


def test_versus_is_the_difference_of_two_arms(report) -> None:
    assert predicted(report, 2) == pytest.approx(predicted(report, 0) - predicted(report, 1), abs=1e-9)
    assert predicted(report, 3) == pytest.approx(predicted(report, 0) - predicted(report, 4), abs=1e-9)


def test_a_row_is_what_follow_shows(report) -> None:
    course = follow(Patient(age=65.0, menopause_age=50.0), "denosumab 0-24", np.array([0.0, 24.0, 36.0]))
    assert predicted(report, 0) == pytest.approx(100 * (course.bmd_spine[1] - 1.0), abs=1e-6)
    assert predicted(report, 5) == pytest.approx(100 * (course.ctx[2] / course.ctx[1] - 1.0), abs=1e-6)


def test_errors_only_where_a_value_stands(report) -> None:
    assert report.rows[0]["error"] == pytest.approx(predicted(report, 0) - 7.0)
    assert [line["error"] is None for line in report.rows] == [False, False, False, True, True, True, True]
    mean = np.mean([abs(line["error"]) for line in report.rows[:3]])
    assert report.mean_abs_error == {"bmd_lumbar_spine": pytest.approx(mean)}


def test_the_band_holds_the_prediction(report) -> None:
    assert all(line["predicted_low"] < line["predicted"] < line["predicted_high"] for line in report.rows)


def test_what_cannot_be_expressed_is_refused_by_name(report) -> None:
    assert [(line["line"], line["trial"]) for line in report.refused] == [(7, "T"), (8, "T")]
    assert "wishful" in report.refused[0]["reason"]
    assert "happiness" in report.refused[1]["reason"]


def test_input_columns_come_back(report) -> None:
    assert report.rows[3]["versus_schedule"] == "alendronate 0-24"
    assert set(COLUMNS) < set(report.rows[0])


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"age": "old"}, "age"),
        ({"age": "7"}, "age"),
        ({"month": ""}, "month"),
        ({"month": "0"}, "from_month"),
        ({"value": "many"}, "value"),
        ({"unit": "g/cm2"}, "unit"),
        ({"sex": "male", "hormonal_status": "surgical_menopause"}, "surgical"),
        ({"prior": "alendronate -12-6", "schedule": "alendronate 0-12"}, "overlap"),
        ({"versus": "baseline", "versus_schedule": "alendronate 0-12"}, "versus"),
        ({"versus": "alendronate", "schedule": "denosumab 0-12"}, "versus_schedule"),
        ({"schedule": "exercise 1.3 0-12"}, "exercise"),
    ],
)
def test_refusals_name_the_column(changes: dict[str, str], named: str) -> None:
    with pytest.raises(UserError, match=named):
        parse_row(row(**changes))


@pytest.mark.parametrize(
    ("changes", "same"),
    [
        ({"sex": "F", "hormonal_status": "Postmenopausal"}, {}),
        ({"sex": "M", "hormonal_status": "Hypogonadal"}, {"sex": "male", "hormonal_status": "hypogonadal"}),
        ({"hormonal_status": "surgical"}, {"hormonal_status": "surgical_menopause"}),
        ({"prior": "alendronate \u221236\u20130", "month": "12"}, {"prior": "alendronate -36-0", "month": "12"}),
        ({"schedule": "none", "unit": "percent", "value": "NA"}, {}),
        ({"versus": "End of denosumab", "from_month": "12"}, {"from_month": "12"}),
        ({"versus": "placebo after alendronate", "value": "\u22122"}, {"versus": "placebo", "value": "-2"}),
    ],
)
def test_other_words_for_the_same(changes: dict[str, str], same: dict[str, str]) -> None:
    read, plain = parse_row(row(**changes)), parse_row(row(**same))
    assert (read.history, read.control, read.value) == (plain.history, plain.control, plain.value)
    assert (read.from_month, read.month) == (plain.from_month, plain.month)


def test_prior_treatment_is_part_of_both_arms() -> None:
    read = parse_row(row(prior="alendronate -60-0", schedule="denosumab 0-12", versus="continued", month="12"))
    assert [item.agent for item in read.history.schedule.treatments] == ["alendronate", "denosumab"]
    assert read.control is not None
    assert [item.agent for item in read.control.schedule.treatments] == ["alendronate"]


def test_not_a_table(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="nowhere.csv"):
        read_table(tmp_path / "nowhere.csv")
    empty = tmp_path / "empty.csv"
    empty.write_text("")
    with pytest.raises(UserError, match="no column"):
        read_table(empty)


def test_a_table_of_refusals_only(tmp_path: Path) -> None:
    report = run_table(write(tmp_path / "bad.csv", [row(measure="happiness")]))
    assert (report.rows, len(report.refused), report.mean_abs_error) == ([], 1, {})


def test_every_measure_of_the_schema_is_modelled() -> None:
    asked = (
        "bmd_lumbar_spine bmd_total_hip bmd_femoral_neck bmd_total_body vbmd_lumbar vbmd_lumbar_trabecular "
        "vbmd_radius_trabecular vbmd_hip_trabecular vbmd_femoral_neck_integral vbmd_tibia_cortical "
        "strength_spine strength_spine_trabecular strength_hip ctx p1np "
        "ctx_urine ntx_urine bsap osteocalcin resorption_markers formation_markers activation_frequency rankl_per_cell "
        "bioavailable_testosterone bioavailable_estradiol"
    ).split()
    assert set(asked) <= set(measures.NAMES)
