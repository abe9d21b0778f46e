"""The probe and everything that must go on when something cannot be drawn."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from fake_run import write_run
from trabfem.errors import UserError
from trabfem.render import probe, report, scenes
from trabfem.runs.study import open_study

WORKS = probe.rendering_works()
drawing = pytest.mark.skipif(not WORKS, reason=probe.probe().message)
SEGFAULT = -11


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_run(tmp_path / "run", (12, 10, 14), (0.05, 0.05, 0.05), months=(0, 6, 12, 18, 30))


@pytest.fixture
def fresh_probe(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A probe that has not been asked, in an environment without display or choice of window."""
    monkeypatch.setenv(probe.WINDOW_VARIABLE, "")
    monkeypatch.setenv("DISPLAY", "")
    monkeypatch.setattr(probe.sys, "platform", "linux")
    probe.probe.cache_clear()
    yield
    probe.probe.cache_clear()


@pytest.fixture
def no_opengl(fresh_probe: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(probe, "try_window", lambda window: SEGFAULT)


def test_probe_falls_back_and_remembers(fresh_probe: None, monkeypatch: pytest.MonkeyPatch) -> None:
    tried: list[str] = []

    def only_mesa(window: str) -> int:
        tried.append(window)
        return 0 if window == "vtkOSOpenGLRenderWindow" else SEGFAULT

    monkeypatch.setattr(probe, "try_window", only_mesa)
    assert probe.rendering_works() and probe.rendering_works()
    assert tried == ["vtkEGLRenderWindow", "vtkOSOpenGLRenderWindow"], "asked once"
    assert os.environ[probe.WINDOW_VARIABLE] == "vtkOSOpenGLRenderWindow", "VTK in this process uses it too"


def test_vtk_is_given_no_empty_name_of_a_window(fresh_probe: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(probe, "try_window", lambda window: SEGFAULT if window else 0)
    assert probe.rendering_works() and probe.WINDOW_VARIABLE not in os.environ


def test_probe_honours_display_and_choice(fresh_probe: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DISPLAY", ":0")
    assert probe.candidate_windows()[0] == ""
    monkeypatch.setenv(probe.WINDOW_VARIABLE, "vtkXOpenGLRenderWindow")
    assert probe.candidate_windows() == ["vtkXOpenGLRenderWindow", "vtkEGLRenderWindow", "vtkOSOpenGLRenderWindow", ""]


def test_probe_names_the_packages(no_opengl: None) -> None:
    found = probe.probe()
    assert not found.works
    for package in ("libosmesa6", "libegl1", "libgl1", "libx11-6", "libxrender1"):
        assert package in found.message
    with pytest.raises(UserError, match="apt-get install"):
        probe.require_rendering()


def test_probe_says_when_pyvista_is_missing(fresh_probe: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(probe, "try_window", lambda window: probe.NOT_INSTALLED)
    assert "pip install pyvista" in probe.probe().message


@pytest.mark.parametrize("crash", ["import os; os.kill(os.getpid(), 11)", "import time; time.sleep(60)", "exit(1)"])
def test_a_crash_is_an_exit_code(crash: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(probe, "SMALL_PICTURE", crash)
    monkeypatch.setattr(probe, "TIMEOUT_S", 1)
    assert probe.try_window("vtkEGLRenderWindow") != 0


def test_report_without_opengl_has_plots_and_paraview(folder: Path, no_opengl: None) -> None:
    done = report.render_run(folder)
    names = [str(path.relative_to(folder)) for path in done]
    assert names == [
        "figures/strength_over_time.png",
        "figures/hormones_over_time.png",
        "paraview/untreated.pvd",
        "paraview/oestrogen.pvd",
        "report.html",
    ]
    assert len(done.messages) == 1 and "libosmesa6" in done.messages[0]
    with pytest.raises(UserError, match="libosmesa6"):
        scenes.before_after(folder)


def test_pictures_that_are_there_are_left_as_they_are(folder: Path, no_opengl: None, tmp_path: Path) -> None:
    first = report.render_run(folder)
    before = {path: path.read_bytes() for path in first}
    first.files[0].write_bytes(b"mine")
    first.files[1].unlink()
    again = report.render_run(folder, keep=True)
    assert again.files == first.files[1:2] and first.files[0].read_bytes() == b"mine"
    assert again.messages[0].startswith("left as they are: ") and str(first.files[0]) in again.messages[0]
    elsewhere = report.render_run(folder, keep=True, out=tmp_path / "new")
    assert {path.name for path in elsewhere} == {path.name for path in before}
    assert all(tmp_path / "new" in path.parents for path in elsewhere)


def test_pictures_older_than_the_study_are_drawn_anew(folder: Path, no_opengl: None) -> None:
    first = report.render_run(folder)
    table = (folder / "run.json").stat().st_mtime_ns
    strength, hormones, untreated, oestrogen, page = first.files
    old = {strength: 1, untreated: 1, page: 1}
    for path in first:
        os.utime(path, ns=(table - old.get(path, 0), table - old.get(path, 0)))
        path.write_bytes(b"mine") if path not in old else None
    again = report.render_run(folder, keep=True)
    assert again.files == (strength, untreated, oestrogen, page)
    kept, anew, _ = again.messages
    assert kept == f"left as they are: {hormones}" and hormones.read_bytes() == b"mine"
    assert anew == f"older than the study and drawn anew: {strength}, {untreated.parent}, {page}"
    assert "left as they are" in report.render_run(folder, keep=True).messages[0]


def test_a_folder_for_paraview_that_is_not_whole_is_written_anew(folder: Path, no_opengl: None) -> None:
    first = report.render_run(folder)
    first.files[3].unlink()
    assert report.render_run(folder, keep=True).files == first.files[2:4]


def test_where_nothing_can_be_drawn_that_is_a_mistake(
    folder: Path, no_opengl: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> Path:
        raise UserError("no room on the disk: free some")

    for name in ("plots.strength_over_time", "plots.hormones_over_time", "paraview.export", "write.write_report"):
        monkeypatch.setattr(f"trabfem.render.report.{name}", fail)
    with pytest.raises(UserError, match=r"libosmesa6.*; no room on the disk: free some$"):
        report.render_run(folder, keep=True)
    assert len(report.render_run(folder).messages) == 2, "a study that was just computed stands all the same"


def test_a_picture_is_not_written_over(folder: Path, tmp_path: Path) -> None:
    study = open_study(folder)
    study.plot(path=tmp_path / "one.png")
    with pytest.raises(UserError, match="one.png exists and is left as it is: give another name"):
        study.plot(path=tmp_path / "one.png")


def test_report_refuses_what_is_no_run(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="run.json"):
        report.render_run(tmp_path)


@drawing
def test_report_draws_everything(folder: Path) -> None:
    done = report.render_run(folder)
    names = {path.name for path in done}
    assert names >= {
        "report.html",
        "before_after.png",
        "bone_change.png",
        "movie.gif",
        "strength_over_time.png",
        "untreated.pvd",
    }
    assert done.messages == () and len(done) == len(names)
    assert all(path.stat().st_size > 0 for path in done)


@drawing
def test_quick_report_leaves_the_movie_out(folder: Path) -> None:
    done = report.render_run(folder, quick=True)
    assert "before_after.png" in {path.name for path in done} and not (folder / "figures" / "movie.gif").exists()


@drawing
def test_import_brings_no_vtk() -> None:
    code = "import sys, trabfem.render.report; assert not {'pyvista', 'vtkmodules', 'h5py'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)
