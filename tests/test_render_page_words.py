"""The page's numbers and words: what the study says and nothing else, whether its header says all or little."""

import dataclasses
import hashlib
import json
import math
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import trabfem as tf
from fake_run import ARMS, FakeArm, write_run
from plates import bone, carry_out
from trabfem import constants
from trabfem.biology.agents import FORMULARY
from trabfem.biology.patient import Patient
from trabfem.remodelling.loading.activities import Activity
from trabfem.remodelling.rules import BinaryFlips
from trabfem.remodelling.settings import Settings, smooth_settings
from trabfem.render.page import library, numbers, references, wording, words
from trabfem.runs import statistics
from trabfem.runs.arm import as_arms
from trabfem.runs.compare import describe
from trabfem.runs.plan import Plan
from trabfem.runs.statistics import changes, spread
from trabfem.runs.study import Study
from trabfem.runs.trajectory import Moments, Trajectory

CFF = Path(__file__).parents[1] / "CITATION.cff"
WALKING = Activity("walking", (("platens", -0.5),), 5000)
TREATED = {arm.name: arm.schedule for arm in ARMS}


@pytest.fixture(scope="module")
def sparse(tmp_path_factory: pytest.TempPathFactory) -> Study:
    """A folder whose header holds the least."""
    return tf.open(write_run(tmp_path_factory.mktemp("sparse") / "run"))


@pytest.fixture(scope="module")
def members(tmp_path_factory: pytest.TempPathFactory) -> Study:
    """Five members and four arms, the header as sparse."""
    return tf.open(write_run(tmp_path_factory.mktemp("members") / "run", arms=ARMS, members=5))


def full(study: Study, settings: Settings | None = None, patient: Patient | None = None, **changed: Any) -> Study:
    """`study` with the header that its program would have written."""
    plan = Plan(
        bone(n=12), patient or Patient("female", 50, 51), as_arms({arm.name: arm.schedule for arm in study.arms}),
        settings=settings or Settings(), months_per_step=2.0,
    )  # fmt: skip
    slugs = {own["slug"]: arm.slug for own, arm in zip(plan.table()["arms"], study.arms, strict=True)}
    said = json.loads(json.dumps(describe(plan)))
    said["understood"] = {slugs[slug]: items for slug, items in said["understood"].items()}
    kept = {key: study.header[key] for key in ("arms", "members", "shape", "spacing_mm", "years")}
    return dataclasses.replace(study, header={**said, **kept, **changed})


def text_of(study: Study) -> str:
    return "\n".join(paragraph for part in words.method_of(study) for paragraph in part["paragraphs"])


def everything(study: Study) -> list[Any]:
    return [
        numbers.curves_of(study), numbers.tables_of(study), numbers.band_note_of(study), words.method_of(study),
        words.warnings_of(study), words.provenance_of(study), words.settings_of(study), references.references_of(study),
    ]  # fmt: skip


def check_plain(study: Study) -> None:
    """JSON without NaN; no sentence with a hole, a None, a hyphen for a minus, or two full stops."""
    said = json.dumps(everything(study), allow_nan=False, ensure_ascii=False)
    assert "None" not in said and "{" not in text_of(study)
    assert not re.search(r"  |\.\.|\( |\(\)| \.| ,", text_of(study)), text_of(study)
    assert not re.search(r"(?<=[\s\[])-\d", text_of(study).replace("-12-12", ""))


def with_runs(study: Study, change: Any) -> Study:
    """`study` with every run changed by `change(slug, number, run)`; runs of which it makes None are left out."""
    arms = []
    for arm in study.arms:
        changed = {number: change(arm.slug, number, run) for number, run in arm.runs.items()}
        arms.append(dataclasses.replace(arm, runs={number: run for number, run in changed.items() if run is not None}))
    return dataclasses.replace(study, arms=tuple(arms))


def cut(run: Trajectory, count: int, **changed: Any) -> Trajectory:
    """The first `count` months of a run."""
    table = {label: values[:count] for label, values in run.table.items()}
    return dataclasses.replace(run, months=run.months[:count], table=table, **changed)


# Curves and tables


def test_curves_hold_percentages_bands_and_the_start(members: Study) -> None:
    curves = {curve["key"]: curve for curve in numbers.curves_of(members)}
    groups = [curve["group"] for curve in curves.values()]
    assert groups == sorted(groups, key=("strength", "structure", "markers").index)
    strength = curves["failure_load"]
    assert strength["unit"] == "% of start" and strength["note"] == "420 N at start"
    assert [len(arm["months"]) for arm in strength["arms"]] == [3] * 4
    first = members.arms[0]
    found = spread(changes(first.members, "failure load (N)")[:, -1])
    assert found is not None and found.low is not None
    assert strength["arms"][0]["mean"][-1] == pytest.approx(100 + found.mean, rel=1e-5)
    assert strength["arms"][0]["low"][-1] == pytest.approx(100 + found.low, rel=1e-5)
    e2 = curves["e2"]
    assert e2["unit"] == "pg/mL" and e2["note"] == "" and e2["arms"][0]["low"] is None
    assert e2["arms"][0]["mean"][0] == pytest.approx(120)
    assert numbers.band_note_of(members).startswith("Lines: mean of 5 members. Bands: nine in ten further members")


def test_a_single_member_has_no_band_and_says_so(sparse: Study) -> None:
    curves = numbers.curves_of(sparse)
    assert curves and all(arm["low"] is None and arm["high"] is None for curve in curves for arm in curve["arms"])
    assert curves[0]["arms"][0]["mean"][0] == 100
    assert "only member" in numbers.band_note_of(sparse)
    tables = numbers.tables_of(sparse)
    assert all("one member" in table["title"] for table in tables)
    assert all(note.startswith("One draw") for table in tables for note in table["notes"])
    assert [cell for table in tables for row in table["rows"] for cell in row[1:] if "[" in cell] == []


def test_months_without_a_value_are_left_out(members: Study) -> None:
    def blank(slug: str, number: int, run: Trajectory) -> Trajectory:
        thickness = [
            value if month != 6 else None for month, value in zip(run.months, run.table["Tb.Th (mm)"], strict=True)
        ]
        return dataclasses.replace(run, table=run.table | {"Tb.Th (mm)": thickness})

    study = with_runs(members, blank)
    curves = {curve["key"]: curve for curve in numbers.curves_of(study)}
    assert curves["tbth"]["arms"][0]["months"] == [0, 12] and curves["bv_tv"]["arms"][0]["months"] == [0, 6, 12]
    check_plain(study)


def test_tables_say_what_the_summary_says(members: Study) -> None:
    change, gain = numbers.tables_of(members)
    labels = [column["label"] for column in change["columns"]]
    assert labels == ["Arm", "BV/TV", "BMD", "stiffness", "strength", "Tb.Th"]
    assert all(column["meaning"] for table in (change, gain) for column in table["columns"])
    rows = {row[0]: row[1:] for row in change["rows"]}
    assert list(rows) == list(TREATED) and rows["Denosumab"][0].startswith("+")
    found = spread(changes(members.arms[0].members, "BV/TV")[:, -1])
    assert found is not None
    assert rows["Untreated menopause"][0] == f"{found.mean:.1f} [{found.low:.1f}, {found.high:.1f}]".replace("-", "−")
    assert [row[0] for row in gain["rows"]] == list(TREATED)[1:]
    assert gain["rows"][0][1].startswith("+18.8 [+14.9, +22.7] beyond chance") and "at month 12" in gain["title"]
    assert "-" not in "".join(cell for table in (change, gain) for row in table["rows"] for cell in row[1:])


def test_losses_add_up(members: Study) -> None:
    def lose(slug: str, number: int, run: Trajectory) -> Trajectory:
        ends = {"thinning": -0.5 + number, "perforation": 1.25, "disconnection": 0.25}
        lost = {f"lost by {name} (% of TV)": [0.0, None, value] for name, value in ends.items()}
        return dataclasses.replace(run, table=run.table | lost)

    table = numbers.tables_of(with_runs(members, lose))[-1]
    assert [column["label"] for column in table["columns"]] == [
        "Arm",
        "thinning",
        "perforation",
        "disconnection",
        "sum",
    ]
    assert table["rows"][0] == ["Untreated menopause", "1.50", "1.25", "0.25", "3.00"]
    lost = {label: label for label in members.arms[0].members[0].table if label.startswith("lost")}
    assert not lost, "the made-up study has no losses of its own, so it has no such table"


def test_an_arm_that_ends_early_keeps_its_last_bone(members: Study) -> None:
    """All members of one arm are cut through at month 6: as in every table, it counts as it ended."""

    def end(slug: str, number: int, run: Trajectory) -> Trajectory:
        return cut(run, 2, ended="the specimen no longer carries load at month 6") if slug == "oestrogen" else run

    study = with_runs(members, end)
    change, gain = numbers.tables_of(study)
    assert "Oestrogen: cut through in five members of 5 at month 6, and counted as it ended." in change["notes"]
    assert gain["rows"][0][0] == "Oestrogen" and gain["rows"][0][1]
    oestrogen, first = study["Oestrogen"].members, study.arms[0].members
    expected = statistics.gains(oestrogen, first, "failure load (N)")[:, -1].mean()
    strength = gain["rows"][0][[column["label"] for column in gain["columns"]].index("strength")]
    assert strength.startswith(f"{expected:+.1f}".replace("-", "−")), "the same as in run.json"
    assert "or until its bone was cut through" in text_of(full(study))
    check_plain(study)


def test_gains_are_of_the_members_that_both_arms_have(members: Study) -> None:
    def drop(slug: str, number: int, run: Trajectory) -> Trajectory | None:
        return None if slug == "oestrogen" and number > 1 else run

    gain = numbers.tables_of(with_runs(members, drop))[1]
    first, second = (members[name] for name in ("untreated", "oestrogen"))
    both = [changes([arm.runs[0], arm.runs[1]], "BV/TV")[:, -1] for arm in (second, first)]
    assert gain["rows"][0][1].startswith(f"{np.mean(both[0] - both[1]):+.1f} [")


# Methods


def test_a_sparse_header_says_little_and_nothing_wrong(sparse: Study, members: Study) -> None:
    for study in (sparse, members):
        check_plain(study)
        titles = [part["title"] for part in words.method_of(study)]
        assert "Finite elements" not in titles and "Hormones and cells" not in titles and "Software" not in titles
        assert "Treatments" in titles and "20 × 16 × 26 voxels of 0.05 × 0.06 × 0.04 mm" in text_of(study)
    assert "estrogen 2mg 0–60" in text_of(sparse)


def test_the_method_has_the_numbers_of_the_header(members: Study) -> None:
    settings = Settings(tissue_modulus=10000.0, rtol=3e-6, accommodation=math.inf, frozen_layers=2, background=0.0)
    study = full(members, settings, specimen="femur")
    check_plain(study)
    said = text_of(study)
    assert "Young's modulus of 10000 MPa and a Poisson's ratio of 0.3 [Zysset 1999]" in said
    assert "both at most 3 × 10⁻⁶" in said and "two voxel layers at either end of the block" in said
    assert "month 0 and stayed so" in said and "Turner 1999" not in said and "background" not in said
    assert "Steps were two months long" in said and "The specimen (femur)" in said
    assert f"{100 * constants.PISTOIA_CRITICAL_STRAIN.value:g} %" in said
    assert "denosumab, injection 60 mg every 6 months (the standard dose), months 0–60: 10 doses" in said
    assert "five members" in said and "woman of 50 years at month 0 with the final menstrual period at 51" in said
    assert "[Pistoia 2002] and" not in text_of(study).split("Strength")[0], "another modulus is not Pistoia's"


@pytest.mark.parametrize(
    ("settings", "there", "absent"),
    [
        (Settings(), ("single basic multicellular units", "20.4 %", "[Turner 1999]", "2.74"), ("without single",)),
        (smooth_settings(), ("without single remodelling units", "mean of mineral"), ("own seed", "digs for")),
        (smooth_settings(rule=tf.remodelling.rules.GreyAdvection), ("[Schulte 2013]",), ("Osher", "γ")),
        (smooth_settings(rule=tf.remodelling.rules.BinaryFlips), ("Whole voxels",), ("Osher",)),
        (
            Settings(activities=(WALKING, Activity("lifting", (("shear-zx", 1),), 9))),
            ("walking (platens −0.5 MPa, 5000 cycles a day) and lifting (shear-zx 1 MPa, 9 cycles a day)",),
            ("The usual load was", "one axial compression"),
        ),
    ],
)  # fmt: skip
def test_the_method_follows_the_settings(
    members: Study, settings: Settings, there: tuple[str, ...], absent: tuple[str, ...]
) -> None:
    study = full(members, settings)
    check_plain(study)
    said = text_of(study)
    assert [part for part in there if part not in said] == []
    assert [part for part in absent if part in said] == []


@pytest.mark.parametrize(
    ("patient", "said"),
    [
        (Patient("male", 70), "a man of 70 years at month 0 with usual testicular function for his age"),
        (Patient("male", 40, hormonal_status="hypogonadal"), "too little stimulation by the pituitary"),
        (Patient("female", 60, 45, "surgical_menopause"), "a woman of 60 years at month 0 with ovaries removed at 45"),
    ],
)
def test_the_patient_is_described(members: Study, patient: Patient, said: str) -> None:
    study = full(members, patient=patient)
    assert said in text_of(study)
    cited = [each["key"] for each in references.references_of(study)]
    assert ("Khosla 2005" in cited) == (patient.sex == "male") and ("Randolph 2011" in cited) == patient.female


@pytest.mark.parametrize("key", ["settings", "patient", "understood", "versions", "device", "years", "seed", "notes"])
def test_no_key_is_needed(members: Study, key: str) -> None:
    study = full(members)
    check_plain(dataclasses.replace(study, header={name: each for name, each in study.header.items() if name != key}))


def test_no_setting_is_needed(members: Study) -> None:
    study = full(members)
    for name in study.header["settings"]:
        left = {key: value for key, value in study.header["settings"].items() if key != name}
        check_plain(dataclasses.replace(study, header={**study.header, "settings": left}))


def test_preparation_and_estimated_loads_are_told(members: Study) -> None:
    notes = ["Bone is >= 320.", "loads estimated from the scan: compression z 0.5 MPa", "time 3 s: solve 90%"]
    study = full(members, Settings(activities=(Activity("z", (("platens", -0.5),)),)), notes=notes)
    said = text_of(study)
    assert "Preparation. Bone is >= 320. Loads estimated from the scan: compression z 0.5 MPa." in said
    assert "[Christen 2012; Christen 2014]" in said and "time 3 s" not in said
    assert ["Time", "3 s: solve 90%"] in words.provenance_of(study)


def test_a_shipped_specimen_is_told_from_a_scan(tmp_path: Path) -> None:
    from trabfem.runs import store
    from trabfem.specimen import Specimen

    shipped = tf.read("vertebra_64")
    for name, fill in (("same", shipped.fill), ("other", shipped.fill[::-1].copy())):
        folder = write_run(tmp_path / name, shape=(8, 8, 8), months=(0, 1), arms=ARMS[:1])
        (folder / "specimen.h5").unlink()
        store.write_specimen(folder / "specimen.h5", Specimen(fill, shipped.spacing, "vertebra_64"))
        study = tf.open(folder)
        study = dataclasses.replace(study, header={**study.header, "specimen": "vertebra_64"})
        assert ("a synthetic structure" in text_of(study)) == (name == "same")


# References


def test_every_reference_is_cited_and_every_citation_has_one(members: Study) -> None:
    study = full(members)
    found = {each["key"]: each for each in references.references_of(study)}
    assert next(iter(found)) == "trabfem" and len(found) > 20
    assert set(found) == {"trabfem", *library.keys_in(text_of(study))}
    brackets = [key for inside in library.BRACKETS.findall(text_of(study)) for key in inside.split("; ")]
    assert {key for key in brackets if re.search(r"\d{4}[a-z]?$", key)} == set(found) - {"trabfem"}
    assert found["trabfem"]["text"] and "Version" in str(found["trabfem"]["text"])
    years = [(key, each.text) for key, each in library.REFERENCES.items() if f"({key.split()[-1]})" not in each.text]
    assert years == []
    assert all(each.doi is None or each.doi.startswith("10.") for each in library.REFERENCES.values())


def test_the_software_is_cited_as_its_citation_file_says() -> None:
    lines = CFF.read_text(encoding="utf-8")
    assert library.OWN_TITLE in lines and f"name: {library.OWN_AUTHORS}" in lines and "license: MIT" in lines


def test_agents_whose_source_is_a_paper_have_it_in_the_library() -> None:
    assert set(library.AGENTS) <= set(FORMULARY.names)
    assert all(key in library.REFERENCES for keys in library.AGENTS.values() for key in keys)
    named = {agent.name: re.findall(r"[A-Z][\w-]+(?: & [A-Z]\w+)? (?:19|20)\d\d", agent.source) for agent in FORMULARY}
    for agent, papers in named.items():
        known = " ".join(library.AGENTS.get(agent, ())).replace("í", "i")
        missing = [paper for paper in papers if paper not in known]
        assert missing == [], f"{agent} rests on {missing}"


def test_citing_an_unknown_work_fails() -> None:
    with pytest.raises(KeyError):
        library.cite("Nobody 1900")


# Warnings


def test_nothing_to_warn_of_is_an_empty_list(members: Study) -> None:
    assert words.warnings_of(members) == []


def test_one_draw_and_few_members_are_told(sparse: Study, tmp_path: Path) -> None:
    [said] = words.warnings_of(sparse)
    assert said.startswith("One draw: gains in strength below about 31 points")
    [few] = words.warnings_of(tf.open(write_run(tmp_path / "two", members=2)))
    assert few.startswith("Two members: bands mean little below four members")
    assert words.warnings_of(full(sparse, smooth_settings(), notes=[])) == []


def test_runs_that_stopped_or_are_not_done_are_told(members: Study) -> None:
    header = {
        **members.header,
        "trouble": {"denosumab/member_0003": "the solve at month 6 did not converge: platens, say why"},
        "ended": {"untreated/member_0001": "the specimen no longer carries load at month 6"},
        "notes": ["Month 0 is the scan itself: failure load 1 N.", "time 3 s", "Removed 2 voxels."],
    }

    def stop(slug: str, number: int, run: Trajectory) -> Trajectory | None:
        stopped = {("denosumab", 3): {"trouble": "no"}, ("untreated", 1): {"ended": "yes"}}.get((slug, number))
        if stopped:
            return cut(run, 2, **stopped)
        if slug == "alendronate":
            return None if number == 4 else cut(run, 2) if number < 2 else run
        return run

    assert words.warnings_of(with_runs(dataclasses.replace(members, header=header), stop)) == [
        "Denosumab, member 3: the solve at month 6 did not converge: platens, say why.",
        "Untreated menopause, member 1: the specimen no longer carries load at month 6.",
        "Alendronate: one member of 5 not begun.",
        "Alendronate: two members of 5 not finished, the least to month 6 of 12.",
        "Month 0 is the scan itself: failure load 1 N.",
        "Removed 2 voxels.",
    ]


@pytest.mark.parametrize(("worst", "said"), [(9.98e-6, "within"), (2e-5, "above")])
def test_the_worst_solve_is_told(members: Study, worst: float, said: str) -> None:
    def solve(slug: str, number: int, run: Trajectory) -> Trajectory:
        residuals = [1e-6, worst if (slug, number) == ("alendronate", 2) else 2e-6, None]
        return dataclasses.replace(run, table=run.table | {"residual": residuals, "energy error": [1e-9, 3.2e-7, 1e-8]})

    [warning] = [each for each in words.warnings_of(full(with_runs(members, solve))) if "residual" in each]
    assert f"relative residual was {wording.number(worst)} (Alendronate, member 2, month 6)" in warning
    assert "stiffness was 3.2 × 10⁻⁷" in warning and f"{said} the tolerance of 10⁻⁵" in warning


# Provenance


def test_provenance_has_the_hashes_of_the_files(members: Study, sparse: Study) -> None:
    assert members.folder is not None and sparse.folder is not None
    found = dict(words.provenance_of(members))
    digest = hashlib.sha256((members.folder / "run.json").read_bytes()).hexdigest()
    assert found["SHA-256 of run.json"] == digest and "SHA-256 of specimen.h5" in found
    assert "SHA-256 of bands.csv" not in found, "there is no such file in the made-up folder"
    assert ["Files", "not written to a folder"] in words.provenance_of(dataclasses.replace(sparse, folder=None))


def test_provenance_names_the_settings_that_were_changed(members: Study) -> None:
    usual = dict(words.provenance_of(full(members)))
    assert (
        usual["Settings other than the defaults"] == "none" and usual["Seed"] == "1" and usual["Step"] == "two months"
    )
    changed = dict(words.provenance_of(full(members, Settings(gain=0.25, bmus=None))))
    assert changed["Settings other than the defaults"] == "gain = 0.25, bmus = none"
    assert "Settings other than the defaults" not in dict(words.provenance_of(members))


def test_settings_stand_beside_their_defaults(members: Study) -> None:
    table = words.settings_of(full(members, Settings(gain=0.25)))
    rows = {row[0]: row[1:] for row in table["rows"]}
    assert rows["gain"] == ["0.25", "0.5"] and rows["bmus.bias"] == ["3", "3"] and rows["patient.age"] == ["50", ""]
    assert rows["rtol"] == ["10⁻⁵", "10⁻⁵"] and rows["members"] == ["5", ""]
    assert all(len(row) == len(table["columns"]) for row in table["rows"])


# Wording


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (6829.0, "6829"), (0.035, "0.035"), (-10.5, "−10.5"), (1e-5, "10⁻⁵"), (3.2e-6, "3.2 × 10⁻⁶"), (0, "0"),
        (9.9999e-6, "9.9999 × 10⁻⁶"), (1234567.0, "1234567"), (5e8, "5 × 10⁸"), (math.inf, "infinite"), (200, "200"),
    ],
)  # fmt: skip
def test_numbers_are_written_as_people_write_them(value: float, text: str) -> None:
    assert wording.number(value) == text


def test_rounding_carries_into_the_power() -> None:
    assert wording.number(9.98e-6, 2) == "10⁻⁵" and wording.number(0.00099999, 3) == "10⁻³"


def test_sentences_with_holes_are_left_out() -> None:
    assert wording.say("a {b}", b=None) == "" and wording.say("a {b}", b=2.5) == "a 2.5"
    assert wording.paragraph("", "A.", "", "B.") == "A. B."
    assert wording.typeset("2 x the standard 1 mg, months -24-0") == "2 × the standard 1 mg, months −24–0"
    assert (
        wording.sentence("P01-2.npz: read") == "P01-2.npz: read." and wording.sentence("loads found") == "Loads found."
    )
    assert wording.listing(["a", "b", "c"]) == "a, b and c" and wording.counted(1, "member") == "one member"


def test_the_page_is_written_where_there_is_no_jax() -> None:
    code = (
        "import sys\nfor name in ('jax', 'equinox', 'diffrax'): sys.modules[name] = None\n"
        "from trabfem.render.page import provenance, references, words, numbers\n"
        "assert provenance.default_settings() == {}"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr


@pytest.mark.slow
def test_a_study_carried_out_has_its_method(tmp_path: Path) -> None:
    arms: Mapping[str, str] = {"Untreated": "", "Denosumab": "denosumab 0-60"}
    study = carry_out(arms, tmp_path / "run", n=14, years=0.5, months_per_step=3.0, members=2)
    for each in (study, tf.open(tmp_path / "run")):
        check_plain(each)
        assert len(numbers.tables_of(each)) == 3 and len(numbers.curves_of(each)) == 11
        assert "Its bone volume fraction (BV/TV) was 0." in text_of(each)
        assert {"SHA-256 of bands.csv", "Time"} <= set(dict(words.provenance_of(each)))
        assert any("residual" in said and "within the tolerance" in said for said in words.warnings_of(each))


def test_an_empty_study_has_no_tables(sparse: Study) -> None:
    fresh = Trajectory([0.0], {"month": [0.0], "BV/TV": [0.2]}, Moments({}))
    study = with_runs(sparse, lambda slug, number, run: fresh)
    assert numbers.tables_of(study) == [] and [curve["key"] for curve in numbers.curves_of(study)] == ["bv_tv"]
    check_plain(study)
    assert isinstance(ARMS[0], FakeArm)


def test_a_load_that_turns_is_that_of_no_plates(sparse: Study) -> None:
    turned = dataclasses.replace(sparse.arms[1], schedule="direction 45deg x 6-12; disuse 0.5 0-6")
    said = text_of(full(dataclasses.replace(sparse, arms=(sparse.arms[0], turned))))
    assert "As the load of Oestrogen turns" in said and "six cases of kinematic uniform boundary conditions" in said
    assert "bonded to the end faces" not in said and "travel of the plates" not in said
    assert "The load was one axial compression" not in said
    assert "bonded to the end faces" in text_of(full(sparse))


def test_stiffness_is_that_of_the_case_which_comes_first(sparse: Study) -> None:
    day = (Activity("mixture", (("kubc-zz", 0.0), ("kubc-xx", -0.456)), 1),)
    said = text_of(full(sparse, Settings(activities=day)))
    assert "those under kubc-zz alone" in said and "travel of the plates" not in said and "kubc-zz 0" not in said


def test_words_of_what_there_is_not_are_left_out(members: Study) -> None:
    alone = dataclasses.replace(members, arms=members.arms[:1])
    assert "A gain is called" not in text_of(full(alone)) and "A gain is called" in text_of(full(members))
    flips = text_of(full(members, smooth_settings(rule=BinaryFlips)))
    assert "The surface moved along its outward normal" not in flips and "As many voxels were added" in flips
