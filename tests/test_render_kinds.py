"""Pictures as they are asked for: which of a study, cut, from close by, against the first arm, and set for print."""

import os
import re
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from fake_run import ARMS, fill_of, plate_depth, write_run
from trabfem.cli import main
from trabfem.errors import UserError
from trabfem.render import contrasts, figures, kinds, panels, parts, plots, probe, scenes, style
from trabfem.render.bones import DrawnBone
from trabfem.render.colouring import SHIFT, Scale
from trabfem.render.figures import Wanted, render_figures
from trabfem.runs.study import Study, open_study
from trabfem.runs.trajectory import Moment

drawing = pytest.mark.skipif(not probe.rendering_works(), reason=probe.probe().message)
SHAPE, SPACING = (20, 16, 26), (0.05, 0.06, 0.04)
PAPER_MM = {1: 89.0, 2: 183.0}


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Study:
    return open_study(write_run(tmp_path_factory.mktemp("kinds") / "run", SHAPE, SPACING, arms=ARMS))


def bone_of(fill: np.ndarray, start: DrawnBone | None = None) -> DrawnBone:
    return DrawnBone(Moment(0.0, fill.astype(np.float32), fill.astype(np.float32)), SPACING, 8000.0, start)


def plates() -> np.ndarray:
    return fill_of(plate_depth(SHAPE, SPACING), SPACING)


def test_a_cut_bone_is_the_whole_one_up_to_the_plane() -> None:
    whole, view = bone_of(plates()), panels.view_of((1.0, 0.96, 1.04))
    for text, axis, at, low in (("x=0.5", 0, 0.5, True), ("y = 0.49", 1, 0.48, False), ("z=0.6", 2, 0.6, True)):
        part = parts.part_of(whole, parts.cut_box(text, SHAPE, SPACING, view))
        places = part.surface.points[:, axis]
        assert (places.max() if low else places.min()) == pytest.approx(at), "the nearest border between voxels"
        face = part.surface.cap_points() == 1 << (2 * axis + low)
        assert face.sum() > 20 and np.allclose(places[face], at), "a flat face"
        assert np.allclose(part.surface.normals[face][:, axis], 1 if low else -1)
        other = parts.part_of(whole, parts.cut_box(text, SHAPE, SPACING, replace(view, towards=-view.towards)))
        assert part.surface.volume + other.surface.volume == pytest.approx(whole.surface.volume, rel=0.01)
    everything = parts.part_of(whole, (slice(0, 20), slice(0, 16), slice(0, 26)))
    assert np.array_equal(everything.surface.points, whole.surface.points)
    assert np.array_equal(everything.light, whole.light)


def test_lost_bone_is_shown_within_the_part_alone() -> None:
    start = bone_of(plates())
    bone = bone_of(fill_of(plate_depth(SHAPE, SPACING) - 0.05, SPACING), start)
    part = parts.part_of(bone, (slice(0, 10), slice(0, 16), slice(0, 26)))
    assert part.lost is not None and bone.lost is not None
    assert part.lost.points[:, 0].max() <= 0.5 + 1e-9 < bone.lost.points[:, 0].max()
    assert len(SHIFT.layers(part, Scale(*vars(SHIFT.scale([part])).values()))) == 2


@pytest.mark.parametrize("text", ["1.1", "q=1", "x=", "x=one", "=1"])
def test_a_cut_is_an_axis_and_a_place(text: str) -> None:
    with pytest.raises(UserError, match=re.escape(f"cut = {text}: give an axis and a place in mm, such as x=1.1")):
        parts.parse_cut(text)


def test_a_cut_is_within_the_block() -> None:
    for text in ("x=0", "x=1.0", "x=7", "x=-1", "x=nan"):
        with pytest.raises(UserError, match="the block goes from 0 to 1 mm there"):
            parts.cut_box(text, SHAPE, SPACING, panels.view_of((1.0, 0.96, 1.04)))


def test_the_region_is_where_bones_differ_most() -> None:
    first = np.zeros((30, 24, 18), np.float32)
    second = first.copy()
    second[20:26, 3:8, 10:15] = 1
    second[2, 2, 2] = 1
    box = contrasts.choose_region([first, second], (0.05, 0.05, 0.05))
    assert [part.stop - part.start for part in box] == [8, 8, 8], "a third of the side, the same along all axes"
    assert second[box].sum() == 6 * 5 * 5
    assert contrasts.choose_region([first, first], (0.05, 0.05, 0.05))[0].start == 0
    flat = contrasts.choose_region([first[:2], second[:2]], (0.05, 0.05, 0.05))
    assert flat[0] == slice(0, 2)


def test_what_an_arm_has_more_and_less() -> None:
    reference, fill = np.zeros((4, 4, 4)), np.zeros((4, 4, 4))
    reference[:2], fill[1:4] = 1.0, 1.0
    assert contrasts.compare(fill, reference) == contrasts.Contrast(100.0, 50.0)


def test_difference_is_against_the_first_arm_of_the_same_month(study: Study) -> None:
    for month in (6, None):
        found = contrasts.difference_scenes(study, month)
        reference = study.arms[0].moment(month).fill
        assert np.array_equal(found[0].bone.moment.fill, reference) and found[0].bone.start is None
        for arm, scene in zip(study.arms[1:], found[1:], strict=True):
            assert scene.bone.start is found[0].bone
            assert np.array_equal(scene.bone.moment.fill, arm.moment(month).fill)
            assert scene.subtitle == str(contrasts.compare(arm.moment(month).fill, reference))
    assert found[3].subtitle.endswith(" 0.0 % less bone"), "denosumab nowhere has less than no treatment"
    with pytest.raises(UserError, match=r"month = 7: every arm has a bone at 0, 6, 12"):
        contrasts.difference_scenes(study, 7)


@drawing
def test_gained_bone_is_blue_against_the_first_arm(study: Study, monkeypatch: pytest.MonkeyPatch) -> None:
    figure = kinds.draw_kind(study, "difference", pixels=160)
    pictures = [np.asarray(axes.images[0].get_array()).astype(int) for axes in figure.axes if axes.images]
    blue = [np.mean(picture[..., 2] > 40 + picture[..., 0]) for picture in pictures]
    assert len(pictures) == 4 and blue[0] == 0 and blue[3] > 0.02 and blue[3] >= blue[1]


@drawing
def test_a_cut_takes_away_what_is_in_front(study: Study) -> None:
    found = scenes.scenes_of(study)[:2]
    whole, cut = (
        kinds.draw_kind(study, kind, pixels=120, scenes=found, **options)
        for kind, options in (("before_after", {}), ("cut", {"cut": "x=0.5"}))
    )
    shares = []
    for figure in (whole, cut):
        pixels = next(np.asarray(axes.images[0].get_array()) for axes in figure.axes if axes.images)
        right = pixels[:, 3 * pixels.shape[1] // 4 :]
        shares.append(np.mean(right.min(axis=2) < 180))
    assert shares[1] < 0.5 * shares[0]


@drawing
def test_zoom_shows_where_and_what(study: Study) -> None:
    figure = kinds.draw_kind(study, "zoom", pixels=100, colour="change", month=6)
    words = " ".join(text.get_text() for text in figure.texts)
    assert "Where" in words and "6 months" in words and words.count("% here") == 5
    key, *others = [axes for axes in figure.axes if axes.images]
    assert len(key.lines) == 12 and not any(axes.lines for axes in others), "the frame of the region"
    orange = np.asarray(key.images[0].get_array()).astype(int)
    assert np.mean(orange[..., 0] > 80 + orange[..., 2]) > 0.01
    corners = np.concatenate([np.stack(line.get_data(), axis=1) for line in key.lines])
    width, height = key.get_xlim()[1], key.get_ylim()[1]
    assert corners.min() > 0 and corners[:, 0].max() < width and corners[:, 1].max() < height
    assert 0.2 < np.ptp(corners[:, 1]) / height < 0.5, "about a third of the block"


def test_of_another_month_everything_is_of_that_month(study: Study) -> None:
    found = scenes.scenes_of(study, 6)
    arm = study.arms[0]
    load = arm.table["failure load (N)"]
    change = 100 * (load[1] / load[0] - 1)
    assert found[1].title == "Untreated menopause, 6 months" and found[1].bone.moment.month == 6
    assert found[1].subtitle == f"{scenes.volume_fraction(arm.moment(6).fill)}, strength −{-change:.0f} %"
    with pytest.raises(UserError, match=r"month = 7: no bone of arm 'Untreated menopause' is kept there, give"):
        scenes.scenes_of(study, 7)
    assert scenes.format_change(0.2, "strength") == scenes.format_change(-0.2, "strength") == ", strength ±0 %"


def test_what_a_kind_does_not_take_is_said(study: Study) -> None:
    with pytest.raises(UserError, match="colour = age: a picture of the kind strength does not take it; leave it out"):
        study.plot(kind="strength", colour="age")
    with pytest.raises(UserError, match="colour = pink: give one of energy"):
        study.plot(kind="before_after", colour="pink")
    with pytest.raises(UserError, match="kind = 'pie': give one of"):
        Wanted(kinds=("pie",))
    cases: tuple[tuple[dict[str, Any], str], ...] = (
        ({"style": "poster"}, "style = poster: give one of screen, paper"),
        ({"columns": 3}, "columns = 3: a figure is 1 or 2 columns"),
        ({"format": "docx"}, "format = docx: give one of png, pdf, svg, tif"),
        ({"colours": ("pink",)}, "colour = pink"),
        ({"cut": "x"}, "cut = x"),
        ({"kinds": ("strength",), "month": 6.0}, "month: no picture of the kind strength takes it"),
    )
    for options, said in cases:
        with pytest.raises(UserError, match=re.escape(said)):
            Wanted(**options)
    with pytest.raises(UserError, match="style = poster"):
        study.plot(style="poster")


def test_the_options_say_which_pictures_are_meant(study: Study) -> None:
    place, alone = Path("f"), Study(study.arms[:1], study.header)
    every = list(kinds.KINDS)
    every.remove("cut")
    assert list(Wanted().choose_kinds(study)) == every
    assert "difference" not in Wanted().choose_kinds(alone)
    names = [path.name for path in figures.list_figures(study, Wanted(colours=("energy", "age"), month=6.0), place)]
    assert names == ["before_after_month_6.png", "age_month_6.png"]
    wanted = Wanted(cut="x=0.5", colours=("strain",), format="pdf")
    assert [path.name for path in figures.list_figures(study, wanted, place)] == ["cut_x_0.5mm_strain.pdf"]


@pytest.mark.parametrize("columns", [1, 2])
def test_curves_on_paper_have_the_journals_width_and_type(study: Study, columns: int, tmp_path: Path) -> None:
    path = tmp_path / "curves.pdf"
    figure = study.plot(style="paper", columns=columns, path=path)
    assert figure.get_size_inches()[0] * style.INCH_MM == pytest.approx(PAPER_MM[columns])
    [box] = re.findall(rb"/MediaBox \[\s*0 0 ([\d.]+) ([\d.]+)", path.read_bytes())
    assert float(box[0]) / 72 * style.INCH_MM == pytest.approx(PAPER_MM[columns], abs=0.1)
    sizes = {text.get_fontsize() for text in figure.findobj(lambda artist: hasattr(artist, "get_fontsize"))}
    assert 6 <= min(sizes) and max(sizes) <= 8
    assert style.look() is style.SCREEN, "the next figure is the screen's again"


def test_a_pdf_embeds_truetype_and_an_svg_needs_no_font(study: Study, tmp_path: Path) -> None:
    path = tmp_path / "curves.pdf"
    study.plot(style="paper", path=path)
    assert b"/FontFile2" in path.read_bytes() and b"/Type3" not in path.read_bytes()
    if shutil.which("pdffonts"):
        told = subprocess.run(["pdffonts", path], capture_output=True, text=True, check=True).stdout
        fonts = told.splitlines()[2:]
        assert fonts and all(re.search(r"TrueType.* yes yes", line) for line in fonts), told
    if shutil.which("pdftotext"):
        words = subprocess.run(["pdftotext", path, "-"], capture_output=True, text=True, check=True).stdout
        assert "Failure load" in words, "words stay words"
    study.plot(style="paper", path=tmp_path / "curves.svg")
    drawn = (tmp_path / "curves.svg").read_text(encoding="utf-8")
    assert "<text" not in drawn and drawn.count("<path") > 50
    assert "#d55e00" in drawn.lower(), "the arms keep their colours"


def test_a_tiff_is_rgb_at_300_dpi(study: Study, tmp_path: Path) -> None:
    study.plot(style="paper", columns=1, path=tmp_path / "curves.tif")
    with Image.open(tmp_path / "curves.tif") as image:
        assert image.mode == "RGB" and image.info["dpi"] == (300, 300) and image.info["compression"] == "tiff_lzw"
        assert image.width == pytest.approx(89 / 25.4 * 300, abs=1)


@drawing
def test_bones_on_paper_have_letters_and_300_dpi(study: Study) -> None:
    small = Study(study.arms[:1], study.header)
    figure = small.plot(kind="before_after", style="paper", columns=1)
    letters = [text.get_text() for text in figure.texts if len(text.get_text()) == 1]
    assert letters == ["a", "b"]
    image = next(axes.images[0] for axes in figure.axes if axes.images)
    inches = image.axes.get_window_extent().height / figure.dpi
    pixels = image.get_array()
    assert pixels is not None and 300 <= pixels.shape[0] / inches < 310
    assert not [text for text in small.plot(kind="before_after", pixels=40).texts if len(text.get_text()) == 1]


def test_render_writes_what_is_asked_for_and_keeps_what_is_there(study: Study, tmp_path: Path) -> None:
    wanted = Wanted(kinds=("strength", "hormones"), style="paper", columns=1, format="pdf")
    done = render_figures(study, wanted, out=tmp_path)
    assert [str(path.relative_to(tmp_path)) for path in done] == [
        "paper_one_column/strength_over_time.pdf",
        "paper_one_column/hormones_over_time.pdf",
    ]
    done.files[0].write_bytes(b"mine")
    with pytest.raises(UserError, match="is there, and so is all else"):
        render_figures(study, wanted, out=tmp_path)
    done.files[1].unlink()
    again = render_figures(study, wanted, out=tmp_path)
    assert again.files == done.files[1:] and "left as they are" in again.messages[0]
    assert done.files[0].read_bytes() == b"mine"


def test_the_command_draws_for_a_paper(study: Study, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert study.folder is not None
    run = str(study.folder)
    line = ["render", run, "--kind", "hormones", "--style", "paper", "--format", "svg", "--out", str(tmp_path / "new")]
    assert main(line) == 0
    assert (tmp_path / "new" / "paper" / "hormones_over_time.svg").is_file()
    assert main(["render", run, "--colour", "pink"]) == 2
    assert "--colour" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (["--month", "7"], "--month 7: no bone is kept there of every arm; give one of 0, 6, 12"),
        (["--month", "nan"], "--month nan: no bone is kept there of every arm; give one of 0, 6, 12"),
        (["--cut", "x=99"], "--cut x=99: the block goes from 0 to 1 mm there, give a place within it"),
        (["--kind", ","], "--kind ,: give one name, or several with commas, or leave it out"),
        (["--colour", ""], "--colour : give one name, or several with commas, or leave it out"),
        (["--columns", "0"], "--columns 0: a figure is 1 or 2 columns of a page wide"),
        (["--style", ""], "--style : give one of screen, paper"),
        (["--format", ""], "--format : give one of png, pdf, svg, tif"),
    ],
)
def test_what_cannot_be_drawn_is_one_sentence(
    study: Study, tmp_path: Path, given: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["render", str(study.folder), *given, "--out", str(tmp_path / "new")]) == 2
    shown = capsys.readouterr()
    assert shown.err == f"trabfem: {said}\n" and not shown.out
    assert not (tmp_path / "new").exists()


def test_one_arm_has_no_difference(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = write_run(tmp_path / "one", (8, 8, 8), arms=ARMS[:1])
    assert main(["render", str(run), "--kind", "difference"]) == 2
    assert capsys.readouterr().err.startswith("trabfem: --kind difference: this study has one arm;")


def test_what_can_be_drawn_is_kept(study: Study, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    line = ["render", str(study.folder), "--kind", "strength,zoom,difference", "--month", "7", "--out", str(tmp_path)]
    assert main(line) == 0 and (tmp_path / "strength_over_time.png").is_file()
    assert capsys.readouterr().out.count("Note: --month 7: no bone is kept there of every arm") == 1


def test_a_picture_older_than_the_study_is_drawn_anew(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run", (8, 8, 8))
    wanted = Wanted(kinds=("strength",))
    [path] = render_figures(run, wanted).files
    with pytest.raises(UserError, match="is there"):
        render_figures(run, wanted)
    table = (run / "run.json").stat().st_mtime_ns
    os.utime(path, ns=(table - 1, table - 1))
    again = render_figures(run, wanted)
    assert again.files == (path,) and again.messages == (f"older than the study and drawn anew: {path}",)


def test_twelve_arms_can_be_told_apart() -> None:
    lines = [style.arm_line(index) for index in range(12)]
    assert len({(line["color"], str(line["linestyle"])) for line in lines}) == 12
    assert len({line["color"] for line in lines}) == 12
    assert style.ARM_COLOURS[1:4] == ("#D55E00", "#0072B2", "#009E73")


def test_a_short_study_is_drawn_over_months(tmp_path: Path) -> None:
    short = open_study(write_run(tmp_path / "short", (8, 8, 8), (0.05, 0.05, 0.05), (0, 1, 3)))
    figure = plots.figure_of(short, plots.STRENGTH)
    assert {axes.get_xlabel() for axes in figure.axes} >= {"Months"}
    assert np.allclose(np.asarray(figure.axes[0].lines[0].get_xdata()), [0, 1, 3])
