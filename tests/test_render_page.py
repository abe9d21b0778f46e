"""The report page as text: whole, self-contained, escaped, and packed surfaces that unpack to what they were."""

import base64
import json
import re
import zlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from fake_run import ARMS, FakeArm, write_run
from trabfem.errors import UserError
from trabfem.render.page import html, model, write
from trabfem.render.page.packing import STEPS, first_uses, fold, pack, pack_values
from trabfem.render.page.write import page_of, write_report
from trabfem.runs.study import open_study

SHAPE, SPACING = (16, 14, 18), (0.05, 0.05, 0.05)
LIMIT_BYTES = 25e6


def unpack(text: str, attributes: int) -> tuple[np.ndarray, np.ndarray, list[np.ndarray]]:
    """The other side of `pack`, as `decode.js` does it."""
    content = np.frombuffer(zlib.decompress(base64.b64decode(text)), np.uint8)
    count, triangles = content[:8].view("<u4").astype(int)
    at, axes = 8, []
    for _ in range(3):
        low, high = content[at : at + count].astype(int), content[at + count : at + 2 * count].astype(int)
        folded = low | high << 8
        axes.append(np.cumsum(np.where(folded & 1, -((folded + 1) >> 1), folded >> 1)))
        at += 2 * count
    parts = content[at : at + 9 * triangles].reshape(3, -1).astype(int)
    corners, unused = [], 0
    for below in parts[0] | parts[1] << 8 | parts[2] << 16:
        corners.append(unused - below)
        unused += below == 0
    at += 9 * triangles
    values = [np.cumsum(content[at + k * count : at + (k + 1) * count]) % 256 for k in range(attributes)]
    return np.stack(axes, axis=1), np.array(corners).reshape(-1, 3), values


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_run(tmp_path_factory.mktemp("page") / "run", SHAPE, SPACING, months=(0, 6, 12), members=2)


def blobs_in(page: str) -> dict[str, str]:
    return dict(re.findall(r'<script type="text/plain" id="([^"]+)">([^<]*)</script>', page))


def model_in(page: str) -> dict:
    found = re.search(r'<script type="application/json" id="model">(.*?)</script>', page, re.DOTALL)
    assert found is not None
    return json.loads(found[1])


def test_a_packed_surface_unpacks_to_what_it_was() -> None:
    random = np.random.default_rng(3)
    points = random.random((600, 3)) * (1.0, 2.0, 3.0)  # of which a hundred are in no triangle
    triangles = np.array([random.choice(500, 3, replace=False) for _ in range(900)])
    values = random.integers(0, 256, (2, 600)).astype(np.uint8)
    text, order = pack(points, triangles, (1.0, 2.0, 3.0), list(values))
    steps, corners, found = unpack(text, 2)
    places = steps / (STEPS - 1) * (1.0, 2.0, 3.0)
    assert np.abs(places - points[order]).max() <= 0.5001 * 3.0 / (STEPS - 1)
    assert {tuple(order[each]) for each in corners} == {tuple(each) for each in triangles}, "none turned over"
    assert all(np.array_equal(a, b[order]) for a, b in zip(found, values, strict=True))
    assert fold(np.array([0, -1, 1, -2])).tolist() == [0, 1, 2, 3]
    assert first_uses(np.array([[4, 2, 4], [2, 0, 9]])).tolist() == [4, 2, 0, 9]


def test_values_alone_and_empty_surfaces() -> None:
    values = np.array([3, 255, 0], np.uint8)
    content = np.frombuffer(zlib.decompress(base64.b64decode(pack_values(values))), np.uint8)
    assert (np.cumsum(content) % 256).tolist() == [3, 255, 0]
    text, order = pack(np.zeros((0, 3)), np.zeros((0, 3), int), (1.0, 1.0, 1.0), [np.zeros(0, np.uint8)])
    assert len(order) == 0 and unpack(text, 1)[0].shape == (0, 3)


def test_a_page_is_whole_and_needs_nothing_else(folder: Path) -> None:
    path = write_report(folder, folder.parent / "page.html", quick=True)
    page = path.read_text(encoding="utf-8")
    assert page.startswith("<!DOCTYPE html>") and page.rstrip().endswith("</html>")
    for mark in ('src="http', "src='http", 'href="http://', "@import", "fetch(", "XMLHttpRequest", '<link rel="style'):
        assert mark not in page.replace(html.asset("three.min.js"), ""), mark
    for word in ("The MIT License", "three.js", "Leon Sorokin", "Untreated menopause", "Oestrogen", "Bones"):
        assert word in page, word
    found, blobs = model_in(page), blobs_in(page)
    assert [arm["name"] for arm in found["arms"]] == ["Untreated menopause", "Oestrogen"]
    named = {bone[key] for arm in found["bones"] for bone in arm for key in ("surface", "gap", "start") if key in bone}
    assert named == set(blobs)
    assert found["months"] == [0, 6, 12] and found["changes"]
    assert [len(arm) for arm in found["bones"]] == [3, 3]
    assert found["bones"][0][0] == found["bones"][1][0], "both arms start from one bone"


def test_what_is_shown_is_the_bone_with_its_values(folder: Path) -> None:
    study = open_study(folder)
    made = model.make_model(study)
    last = made.header["bones"][0][-1]
    steps, corners, values = unpack(made.blobs[last["surface"]], len(made.header["attributes"]))
    points = steps / (STEPS - 1) * study.size
    a, b, c = (points[corners[:, at]] for at in range(3))
    volume = float(np.einsum("ij,ij->", a, np.cross(b - a, c - a)) / 6)
    assert volume == pytest.approx(float(study.arms[0].moment().fill.mean()) * np.prod(study.size), rel=0.02)
    shift = values[made.header["attributes"].index("shift")] / 255 * 2 - 1
    assert np.percentile(shift, 25) < -0.1, "the untreated arm has lost bone"
    ages = made.header["fields"][[f["name"] for f in made.header["fields"]].index("age")]
    assert ages["label"] == "Tissue age (years)" and ages["ticks"][0]["label"] == "0"


def test_names_and_notes_are_escaped(tmp_path: Path) -> None:
    arms = (FakeArm('<b>&"quoted"</script>', "one", "", 0.01), ARMS[1])
    page = page_of(open_study(write_run(tmp_path / "run", SHAPE, SPACING, arms=arms)), quick=True)
    assert "<b>&" not in page and "&lt;b&gt;&amp;" in page
    assert model_in(page)["arms"][0]["name"] == arms[0].name, "the JSON holds it as it is"
    assert page.count("</script>") == page.count("<script")


@pytest.mark.parametrize("count", [1, 12])
def test_one_to_twelve_arms_with_long_names_and_one_month(count: int, tmp_path: Path) -> None:
    arms = tuple(
        FakeArm(f"Arm {n} with a name that goes on and on" * 2, f"arm-{n}", "", 0.001 * n) for n in range(count)
    )
    found = model_in(page_of(open_study(write_run(tmp_path / "run", SHAPE, SPACING, arms=arms, months=(0, 1)))))
    assert len(found["arms"]) == count and len({(a["colour"], *a["dash"]) for a in found["arms"]}) == count
    assert found["months"] == [0, 1]


def test_triangles_are_few_where_bones_are_many(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(model, "FEWEST_TRIANGLES", 300)
    monkeypatch.setattr(model, "TRIANGLES", 2000)
    few = model.make_model(open_study(folder)).header["triangles"]
    assert few <= 1.1 * 2000


def test_a_study_in_memory_needs_a_path(folder: Path) -> None:
    with pytest.raises(UserError, match="not written to a folder"):
        write_report(replace(open_study(folder), folder=None))


@pytest.mark.parametrize("path", ["", "report.txt", "report"])
def test_a_page_is_called_as_one(folder: Path, path: str) -> None:
    with pytest.raises(UserError, match="give the name of a page, such as report.html"):
        open_study(folder).report(path)


def test_without_pyvista_there_are_curves_and_tables(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(write, "has_contours", lambda: False)
    page = page_of(open_study(folder))
    assert "Written without PyVista" in page and model_in(page)["curves"] and not blobs_in(page)


def test_a_page_of_a_study_of_today_is_far_below_the_limit(folder: Path) -> None:
    """Bytes for each triangle, from which those of the largest page follow."""
    made = model.make_model(open_study(folder))
    each = sum(map(len, made.blobs.values())) / made.header["triangles"]
    assert each * model.TRIANGLES < LIMIT_BYTES / 1.2
