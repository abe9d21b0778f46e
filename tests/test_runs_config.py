"""The configuration of a comparison: defaults, conversions, quick."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from trabfem.errors import UserError
from trabfem.runs import config

TEXT = """
name = "Men"
years = 2
seed = 7
[specimen]
path = "scan.npz"
spacing = [0.03, 0.04, 0.05]
[patient]
sex = "male"
age = 70
[[arm]]
name = "No drug"
[[arm]]
name = "Zoledronate, late"
schedule = "alendronate 12-24"
"""


def test_default_is_the_main_job() -> None:
    default = config.load(None)
    assert (default.patient.sex, default.patient.age, default.years, default.months_per_step) == ("female", 50, 5, 1)
    agents = [[item.agent for item in arm.schedule.treatments] for arm in default.arms]
    assert agents == [[], ["estrogen"], ["alendronate"], ["denosumab"]]
    specimen = config.read_specimen(default.specimen)
    assert min(specimen.shape) >= 64 and 0.05 < specimen.bvtv < 0.3


def test_values_of_a_file(tmp_path: Path) -> None:
    (tmp_path / "case.toml").write_text(TEXT)
    case = config.load(tmp_path / "case.toml")
    assert (case.name, case.years, case.seed, case.months_per_step) == ("Men", 2.0, 7, 1.0)
    assert isinstance(case.years, float) and case.specimen.spacing == (0.03, 0.04, 0.05)
    assert [arm.slug for arm in case.arms] == ["no_drug", "zoledronate_late"]
    assert case.as_dict()["arm"][1]["schedule"] == "alendronate 12-24" and "folder" not in case.as_dict()
    assert not case.patient.patient().female
    assert config.load(tmp_path / "case.toml", spacing=0.02).specimen.spacing == 0.02


def test_yes_and_no_are_read(tmp_path: Path) -> None:
    path = tmp_path / "case.toml"
    path.write_text("smooth = true")
    assert not config.load(None).smooth and config.load(path).smooth
    assert config.make_settings(config.load(path)).bmus is None and config.make_settings(config.load(None)).bmus
    mistakes = {"smooth = 1": "must be true or false", "seed = true": "must be a whole number"}
    mistakes |= {'[patient]\nsex = "male"\nmenopause_age = 50': "a man has none; leave it out"}
    mistakes |= {ACTIVE.replace("load", "apparent_stress = 1\nload"): "says its own stress"}
    mistakes |= {"units = false": "'units' is no key any more: write smooth = true", "members = 0": "at least 1"}
    for text, said in mistakes.items():
        path.write_text(text)
        with pytest.raises(UserError, match=said):
            config.load(path)


def test_specimen_beside_the_file_and_crop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir("/")
    gray = np.arange(12 * 14 * 16, dtype=np.int16).reshape(12, 14, 16)
    np.savez(tmp_path / "scan.npz", gray=gray, spacing_zyx_mm=np.full(3, 0.05))
    bone = config.read_specimen(config.SpecimenConfig("scan.npz", threshold=1500.0, crop=10), tmp_path)
    np.testing.assert_array_equal(bone.mask, gray.T[3:13, 2:12, 1:11] >= 1500)
    assert config.read_specimen(config.SpecimenConfig("scan.npz"), tmp_path).shape == (16, 14, 12)


def test_quick_is_the_same_question_made_small() -> None:
    full = config.load(None)
    quick = full.make_quick()
    assert quick.arms == full.arms and quick.years == full.years and quick.patient == full.patient
    short = dataclasses.replace(full, years=0.25).make_quick()
    assert short.months_per_step == 3 and config.check(short) is short
    assert quick.specimen.crop and quick.specimen.crop < 64 and quick.months_per_step > full.months_per_step


ACTIVE = """
load = "axial"
[[arm]]
name = "Rest"
schedule = "denosumab 0-6; disuse 0.5 0-6"
[[activity]]
name = "walking"
cycles = 5000
stress = { platens = -0.5, shear-yz = 1 }
"""


def test_activities_are_read(tmp_path: Path) -> None:
    path = tmp_path / "case.toml"
    path.write_text(ACTIVE)
    found = config.load(path)
    assert found.activity == (config.ActivityConfig("walking", {"platens": -0.5, "shear-yz": 1.0}, 5000.0),)
    assert found.as_dict()["activity"][0]["stress"] == {"platens": -0.5, "shear-yz": 1.0}


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('"axial"', '"estimated"', "exclude each other"),
        ("disuse 0.5", "disuse 5", "arm 'Rest'.*write exercise for 5"),
        ("-0.5,", '"much",', "stress.platens"),
        ("{ platens = -0.5, shear-yz = 1 }", "-0.5", "a table such as"),
    ],
)
def test_activities_that_make_no_sense_are_named(tmp_path: Path, old: str, new: str, said: str) -> None:
    path = tmp_path / "case.toml"
    path.write_text(ACTIVE.replace(old, new))
    with pytest.raises(UserError, match=said):
        config.load(path)
