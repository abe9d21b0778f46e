"""`trabfem view`: what is shown by what is given, its options, and one sentence for each mistake."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from fake_run import write_run
from trabfem import vti
from trabfem.cli import main, view
from trabfem.errors import UserError
from trabfem.render import probe
from trabfem.render import view as room
from trabfem.render.view import displays
from trabfem.specimen import Specimen

drawing = pytest.mark.skipif(not probe.rendering_works(), reason=probe.probe().message)
SHAPE, SPACING = (10, 8, 12), (0.05, 0.06, 0.04)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_run(tmp_path / "run", SHAPE, SPACING, months=(0, 12))


@pytest.fixture
def shown(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Any, dict[str, Any]]]:
    """What would be shown, with its options, in place of a window."""
    calls: list[tuple[Any, dict[str, Any]]] = []
    for name in ("view_run", "view_fields"):
        monkeypatch.setattr(room, name, lambda what, **options: calls.append((what, options)))
    monkeypatch.setattr(Specimen, "view", lambda self, **options: calls.append((self, options)))
    return calls


def write_fields(path: Path) -> Path:
    fill = np.ones(SHAPE, np.float32)
    return vti.write(path, SHAPE, SPACING, cells={"fill": fill, "sed": fill})


def test_a_folder_a_file_of_fields_and_a_scan(
    folder: Path, shown: list[tuple[Any, dict[str, Any]]], tmp_path: Path
) -> None:
    options = ["--month", "12", "--colour", "shift", "--arm", "oestrogen", "--arm", "untreated", "--size", "800", "600"]
    assert main(["view", str(folder), *options]) == 0
    fields = write_fields(tmp_path / "fields.vti")
    assert main(["view", str(fields), "--colour", "sed"]) == 0
    np.save(tmp_path / "scan.npy", np.ones((12, 10, 9), np.uint8) * (np.arange(9, dtype=np.uint8) > 1))
    assert main(["view", str(tmp_path / "scan.npy"), "--spacing", "0.05", "--crop", "8"]) == 0
    (run, of_run), (file, of_file), (bone, of_bone) = shown
    assert run == str(folder) and of_run["month"] == 12 and of_run["arm"] == ("oestrogen", "untreated")
    assert of_run["size"] == (800, 600) and of_run["colour"] == "shift"
    assert file == str(fields) and of_file == {"colour": "sed", "screenshot": None, "size": None}
    assert bone.shape == (8, 8, 8) and bone.spacing == (0.05, 0.05, 0.05) and of_bone["colour"] is None


@drawing
def test_a_screenshot_for_programs(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "a.png"
    assert main(["view", str(folder), "--screenshot", str(path), "--size", "500", "400", "--json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert answer == {"shown": str(folder), "kind": "study", "screenshot": str(path)}
    assert path.stat().st_size > 5000


def test_a_screenshot_goes_into_a_folder_that_is_there(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, said in (("shots/a.png", "shots is not a folder; make it first"), ("a.gif", "use .png, .jpg, .jpeg,")):
        assert main(["view", str(folder), "--screenshot", str(tmp_path / name)]) == 2
        assert said in capsys.readouterr().err
    assert not (tmp_path / "shots").exists()


@drawing
@pytest.mark.parametrize("kind", ["jpg", "tif", "bmp"])
def test_a_screenshot_is_of_the_kind_that_its_name_says(folder: Path, tmp_path: Path, kind: str) -> None:
    path = tmp_path / f"a.{kind}"
    assert main(["view", str(folder), "--screenshot", str(path), "--size", "320", "300"]) == 0
    with Image.open(path) as image:
        assert image.size == (320, 300) and image.format == {"jpg": "JPEG", "tif": "TIFF", "bmp": "BMP"}[kind]


@pytest.mark.parametrize("content", ["hi\n", "", "damaged"])
def test_a_damaged_file_is_one_sentence(content: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "bad.vti"
    if content == "damaged":
        whole = write_fields(path).read_bytes()
        path.write_bytes(whole[:-120] + b"x" * 40)
    else:
        path.write_text(content)
    assert main(["view", str(path), "--screenshot", str(tmp_path / "a.png")]) == 2
    said = capfd.readouterr().err
    assert said.count("\n") == 1 and "bad.vti" in said


def test_mistakes_are_said_in_one_sentence(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("trabfem.render.view.require_place", lambda screenshot: None)
    (tmp_path / "empty").mkdir()
    fields, run = str(write_fields(tmp_path / "fields.vti")), str(folder)
    for given, said in (
        ([str(tmp_path / "empty")], "holds no run.json: give the folder"),
        ([str(tmp_path / "none.vti")], "none.vti"),
        ([run, "--colour", "pink"], "--colour pink: give one of energy"),
        ([run, "--month", "7"], "--month 7: no bone is kept there; give one of 0, 12"),
        ([run, "--arm", "x"], "--arm x: fake has no such arm; give one of untreated, oestrogen"),
        ([run, "--crop", "4"], f"--crop 4: {run} is no scan"),
        ([run, "--spacing", "0.05"], f"--spacing 0.05: {run} is no scan"),
        ([run, "--size", "20", "20"], "--size (20, 20): give width and height between 300 and 10000 pixels"),
        ([fields, "--month", "7"], f"--month 7: {fields} is no study"),
        ([fields, "--arm", "a", "--arm", "b"], f"--arm a b: {fields} is no study"),
        ([fields, "--colour", "pink"], "--colour pink: give one of sed, fill"),
    ):
        assert main(["view", *given]) == 2
        sentence = capsys.readouterr().err.strip()
        assert said in sentence and len(sentence.splitlines()) == 1, sentence


def test_without_a_display_the_option_is_named(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def none() -> None:
        raise UserError(f"this machine has no display for a window: {displays.REMEDY}")

    monkeypatch.setattr(displays, "require_screen", none)
    assert main(["view", str(folder)]) == 2
    assert "give `--screenshot` a file" in capsys.readouterr().err


def test_a_folder_of_slices_is_a_scan(tmp_path: Path) -> None:
    (tmp_path / "slice_0.tif").touch()
    assert view.kind_of(tmp_path) == "scan"
