"""A cohort's table, list or folder becomes rows, or one sentence for everything that is wrong with it."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cohorts import write_scan, write_table
from trabfem.errors import UserError
from trabfem.runs.cohort.bids import rows_of_folder
from trabfem.runs.cohort.records import inputs_of
from trabfem.runs.cohort.rows import Problems, Row, rows_of_list, rows_of_table
from trabfem.runs.cohort.run import choose_folder, make_task


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("a.npz", "b.npz", "deep/a.npz"):
        write_scan(tmp_path / name, 0.035)
    return tmp_path


def rows_of(folder: Path, *rows: dict[str, Any], study: bool = False) -> tuple[Row, ...]:
    return rows_of_table(write_table(folder / "scans.csv", rows), study).rows


def wrong_with(folder: Path, *rows: dict[str, Any], study: bool = False) -> list[str]:
    with pytest.raises(Problems) as caught:
        rows_of(folder, *rows, study=study)
    assert str(caught.value).count("\n") == len(caught.value.sentences) - 1
    return list(caught.value.sentences)


def test_every_column_is_read(folder: Path) -> None:
    cells = {"spacing": "0.03, 0.03, 0.05", "threshold": "320,5", "crop": "8", "array": "1", "label": "1;2"}
    cells |= {"segmentation": "xtremect2", "calibration": "1.5 -300", "roi": "b.npz", "labels": "b.npz"}
    [row] = rows_of(folder, {"Scan": "a.npz", "group": "case", "visit": "2", **cells})
    assert row.reading["spacing"] == (0.03, 0.03, 0.05) and row.reading["threshold"] == 320.5
    assert (row.reading["crop"], row.reading["array"], row.reading["label"]) == (8, 1, (1, 2))
    assert row.reading["calibration"] == (1.5, -300.0) and row.reading["roi"] == str(folder / "b.npz")
    assert row.copied == {"group": "case", "visit": "2"} and row.id == "a" and row.number == 2


def test_blank_cells_say_nothing_and_a_roi_may_be_a_label(folder: Path) -> None:
    one, two = rows_of(folder, {"scan": "a.npz", "roi": "3"}, {"scan": "b.npz", "roi": "n/a"})
    assert one.reading == {"roi": 3} and two.reading == {}


def test_moduli_are_a_law_a_file_or_by_label(folder: Path) -> None:
    cells = ("1=17000; 2=8748", "b.npz", "a_law")
    rows = rows_of(folder, *({"scan": "a.npz", "id": str(n), "moduli": cell} for n, cell in enumerate(cells)))
    assert [row.reading["moduli"] for row in rows] == [{1: 17000.0, 2: 8748.0}, str(folder / "b.npz"), "a_law"]
    assert [len(inputs_of(row.scan, row.reading)) for row in rows] == [1, 2, 1]
    assert [path.path.name for path in inputs_of("vertebra_64", {})] == ["vertebra_64.npz"]


def test_ids_are_file_names_or_with_their_folders(folder: Path) -> None:
    rows = rows_of(folder, {"scan": "a.npz"}, {"scan": "deep/a.npz"}, {"scan": "b.npz", "id": "Frau Ü/2"})
    assert [row.id for row in rows] == ["a", "deep_a", "Frau Ü/2"]
    places = [row.place for row in rows]
    assert places[:2] == ["rows/a", "rows/deep_a"] and places[2].startswith("rows/Frau") and places[2].count("/") == 1
    said = wrong_with(folder, {"scan": "a.npz", "id": "x"}, {"scan": "b.npz", "id": "X"})
    assert said == ["rows 2 and 3: id = x: each row needs an id of its own"]


def test_everything_wrong_is_told_at_once(folder: Path) -> None:
    said = wrong_with(
        folder,
        {"scan": "a.npz", "spacing": "34", "crop": "2.5"},
        {"scan": "none.npz"},
        {"scan": "", "threshold": "high"},
        {"scan": "b.npz", "segmentation": "XtremeCT", "roi": "mask.nii"},
    )
    numbers = [sentence.split(":")[0] for sentence in said]
    assert numbers == ["row 2", "row 2", "row 3", "row 4", "row 4", "row 5", "row 5"]
    assert "micrometres" in said[0] and "crop = 2.5: give a whole number" in said[1]
    assert "none.npz does not exist" in said[2] and "scan = not given" in said[3] and "threshold = high" in said[4]
    assert "roi = mask.nii" in said[6]


@pytest.mark.parametrize(
    ("names", "said"),
    [
        (("scan", "spacng"), "column 'spacng' is not known; if it is 'spacing'"),
        (("file",), "there is no column scan; rename 'file' to scan"),
        (("bone",), "there is no column scan; give the paths"),
        (("scan", "Scan"), "column 'scan' is there twice"),
    ],
)
def test_columns_that_are_nearly_known(folder: Path, names: tuple[str, ...], said: str) -> None:
    assert any(said in sentence for sentence in wrong_with(folder, dict.fromkeys(names, "a.npz")))


def test_ordinary_columns_are_not_taken_for_misspelt_ones(folder: Path) -> None:
    names = ("group", "site", "visit", "date", "bmi", "height", "operator", "notes", "side", "limb", "t_score")
    [row] = rows_of(folder, {"scan": "a.npz", **dict.fromkeys(names, "1")})
    assert set(row.copied) == set(names)


def test_a_study_needs_a_patient(folder: Path) -> None:
    good = {"scan": "a.npz", "sex": "F", "age": "61", "menopause_age": "50,5", "schedule": "denosumab 0-36"}
    [row] = rows_of(folder, good, study=True)
    assert row.patient is not None and (row.patient.sex, row.patient.menopause_age) == ("female", 50.5)
    assert row.schedule == "denosumab 0-36" and row.copied["sex"] == "F"
    assert rows_of(folder, {"scan": "a.npz", "age": "9"})[0].patient is None
    said = wrong_with(
        folder, {"scan": "a.npz", "sex": "x", "age": "61"}, {**good, "schedule": "densumab 0-36"}, {"scan": "b.npz"},
        study=True,
    )  # fmt: skip
    assert "sex 'x' is not known" in said[0] and "densumab" in said[1] and "sex = not given" in said[2]


def test_lists_of_mappings_paths_and_frames(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pandas = pytest.importorskip("pandas")
    monkeypatch.chdir(folder)
    one = rows_of_list(["a.npz", folder / "b.npz"]).rows
    two = rows_of_list([{"scan": "a.npz", "spacing": (0.03, 0.03, 0.03)}, {"scan": "b.npz", "spacing": None}]).rows
    three = rows_of_list(pandas.DataFrame({"scan": ["a.npz", "b.npz"], "spacing": [0.03, np.nan]})).rows
    assert [row.id for row in one] == [row.id for row in two] == [row.id for row in three] == ["a", "b"]
    assert two[0].reading == three[0].reading == {"spacing": (0.03, 0.03, 0.03)} and three[1].reading == {}
    assert rows_of_list(["vertebra_64"]).rows[0].scan == "vertebra_64"
    with pytest.raises(UserError, match="^out = not given"):
        choose_folder(["a.npz"], rows_of_list(["a.npz"]), None)


@pytest.mark.parametrize("text", ["", "scan\n", "\n\n", "scan,id\n,\n,\n"])
def test_empty_tables(tmp_path: Path, text: str) -> None:
    (tmp_path / "t.csv").write_text(text)
    with pytest.raises(UserError, match="give"):
        rows_of_table(tmp_path / "t.csv")


@pytest.mark.parametrize(
    ("analyses", "options", "said"),
    [
        ("morphometry, slove", {}, "analyses = slove: it is not known"),
        ("", {}, "analyses = none"),
        ("solve", {"years": 3}, "years = 3: it belongs to a study"),
        ("solve", {"bc": "kubc"}, "bc = kubc: it belongs to homogenize"),
        ("solve", {"youngs": -1}, "youngs = -1: give a positive"),
        ("solve", {"strain": -1}, "strain = -1: strain is a fraction"),
        ("solve", {"load": "push"}, "load = push: it is not known"),
        ("solve", {"spacing": 34}, "spacing = 34 mm: this looks like micrometres"),
        ("solve", {"colour": "red"}, "colour = red: it is no option of a cohort"),
        ("strength", {"profile": "xtremect2", "youngs": 5000.0}, "profile = xtremect2: .* leave out youngs 5000"),
        ("solve", {"critical_strain": 0.01}, "critical_strain = 0.01: it belongs to strength"),
        ("strength", {"critical_volume": 2.0}, "critical_volume = 2: give a number between 0 and 1"),
        ("study", {"members": 0}, "members = 0: give more than 0"),
    ],
)
def test_options_that_no_row_could_use(analyses: str, options: dict[str, Any], said: str) -> None:
    with pytest.raises(UserError, match=f"^{said}"):
        make_task(analyses, options)


def test_what_an_analysis_was_asked(folder: Path) -> None:
    [row] = rows_of(folder, {"scan": "a.npz"})
    asked = make_task("solve strength", {"profile": "xtremect2"}).asked
    assert asked("solve", row)["youngs"] == 8748.0 and asked("strength", row)["critical_volume"] == 0.02
    assert "critical_volume" not in make_task("strength", {"method": "nonlinear"}).asked("strength", row)


def test_what_a_row_says_of_its_reading_wins(folder: Path) -> None:
    task = make_task("morphometry", {"threshold": 200, "crop": 8})
    one, two = rows_of(folder, {"scan": "a.npz", "label": "1"}, {"scan": "b.npz", "crop": "6"})
    assert task.reading_of(one) == {"crop": 8, "label": (1,)}
    assert task.reading_of(two) == {"threshold": 200, "crop": 6}


def touch_images(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"1")


def test_a_folder_laid_out_as_bids(tmp_path: Path) -> None:
    touch_images(
        tmp_path,
        "sub-01/ses-1/ct/sub-01_ses-1_bone-radius_ct.nii.gz",
        "sub-01/ses-1/ct/sub-01_ses-1_bone-radius_label-trab_mask.nii.gz",
        "sub-01/ses-1/ct/sub-01_ses-1_bone-radius_ct.json",
        "sub-01/ses-2/ct/sub-01_ses-2_bone-radius_ct.nii.gz",
        "sub-01/ses-2/ct/sub-01_ses-2_bone-radius_mask.nii.gz",
        "sub-01/ses-2/ct/sub-01_ses-2_bone-radius_dseg.nii.gz",
        "sub-02/ct/sub-02_ct.mha",
        "sub-02/ct/._sub-02_ct.mha",
        "sub-02/ct/sub-02_desc-trab_mask.mha",
        "sub-02/ct/sub-02_desc-total_mask.mha",
        "derivatives/other/sub-01/sub-01_ct.nii.gz",
    )
    (tmp_path / "participants.tsv").write_text("participant_id\tsex\tage\tgroup\nsub-01\tF\t61\tcase\n")
    found = rows_of_folder(tmp_path)
    assert [row.id for row in found.rows] == ["sub-01_ses-1_bone-radius_ct", "sub-01_ses-2_bone-radius_ct", "sub-02_ct"]
    one, two, three = found.rows
    assert one.place == "sub-01/ses-1/sub-01_ses-1_bone-radius_ct" and three.place == "sub-02/sub-02_ct"
    assert str(one.reading["roi"]).endswith("label-trab_mask.nii.gz") and not two.reading and not three.reading
    assert one.copied == {"participant": "sub-01", "session": "ses-1", "sex": "F", "age": "61", "group": "case"}
    said = " ".join(found.notes)
    assert "3 scans of 2 participants" in said and "no line for sub-02" in said
    left = next(note for note in found.notes if note.startswith("Left out"))
    assert all(name in left for name in ("radius_mask", "radius_dseg", "desc-trab_mask", "desc-total_mask"))
    with pytest.raises(Problems) as caught:
        rows_of_folder(tmp_path, study=True)
    assert [sentence.split(":")[0] for sentence in caught.value.sentences] == ["sub-02/ct/sub-02_ct.mha"]


def test_a_folder_that_is_not_laid_out_so(tmp_path: Path) -> None:
    touch_images(tmp_path, "scan.nii.gz")
    with pytest.raises(UserError, match="no scan in sub"):
        rows_of_folder(tmp_path)


def test_a_table_of_a_german_spreadsheet(folder: Path) -> None:
    text = "scan;threshold;spacing\r\na.npz;320,5;0,061\r\n\r\nb.npz;;\r\n"
    (folder / "scans.csv").write_bytes(b"\xef\xbb\xbf" + text.encode())
    one, two = rows_of_table(folder / "scans.csv").rows
    assert one.reading == {"threshold": 320.5, "spacing": (0.061,) * 3} and two.reading == {}
