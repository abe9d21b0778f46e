"""The report of a cohort: all rows on one page, each linked to its own, from what the rows have kept."""

import re
from pathlib import Path

import numpy as np
import pytest

import trabfem as tf
from cohorts import make_cohort
from trabfem.render.page.cohort import bone_of, write_cohort_report
from trabfem.runs.cohort.previews import MOST_VOXELS, read_preview, write_preview
from trabfem.specimen import Specimen
from trabfem.specimen.windows import average_blocks


@pytest.fixture(scope="module")
def cohort(tmp_path_factory: pytest.TempPathFactory) -> tf.Cohort:
    folder = tmp_path_factory.mktemp("cohort")
    table = make_cohort(folder, 3)
    with table.open("a") as lines:
        lines.write("scans/missing.npz,a,60\n")
    (folder / "scans" / "missing.npz").write_bytes(b"no scan")
    return tf.cohort(table, folder / "out", analyses={"morphometry": {}, "solve": {}}, workers=1)


def test_each_row_is_linked_to_its_own_page(cohort: tf.Cohort) -> None:
    path = cohort.report()
    page = path.read_text(encoding="utf-8")
    assert path == cohort.folder / "report.html"
    links = re.findall(r'<td><a href="([^"]+)">(s\d+)</a></td>', page)
    assert [name for _, name in links] == ["s00", "s01", "s02"]
    for href, name in links:
        own = (cohort.folder / href).read_text(encoding="utf-8")
        assert f"<h1>{name}</h1>" in own and 'href="../report.html"' in own and 'id="bone-0"' in own
        assert "SHA-256 of" in own and "Strain energy density" in own
    assert "missing" in page and "<svg" in page, "the row that failed, and the figure"


def test_pages_that_still_hold_are_left(cohort: tf.Cohort) -> None:
    write_cohort_report(cohort.folder)
    pages = {path: path.stat().st_mtime_ns for path in (cohort.folder / "rows").glob("*_report.html")}
    write_cohort_report(cohort.folder)
    assert {path: path.stat().st_mtime_ns for path in pages} == pages and len(pages) == 3


def test_a_row_keeps_its_bone_with_its_energy(cohort: tf.Cohort, tmp_path: Path) -> None:
    kept = read_preview(cohort.folder / "rows" / "s00")
    assert kept is not None
    moment, spacing, solved = kept
    assert solved and spacing == (0.03, 0.03, 0.03) and moment.sed.max() > 0
    assert moment.fill.mean() == pytest.approx(cohort.table["BV/TV"][0], abs=2e-3)
    assert bone_of(tmp_path / "none") is None


def test_large_bones_are_kept_coarse(tmp_path: Path) -> None:
    fill = np.zeros((MOST_VOXELS + 9, 20, 20), np.float32)
    fill[:, 5:15, 5:15] = 1
    write_preview(tmp_path / "large", Specimen(fill, (0.02, 0.02, 0.02)))
    kept = read_preview(tmp_path / "large")
    assert kept is not None and max(kept[0].fill.shape) <= MOST_VOXELS and kept[1] == (0.04, 0.04, 0.04)
    assert not kept[2] and average_blocks(fill, 1) is fill
