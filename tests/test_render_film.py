"""Films: which month and view each frame shows, pages on which nothing is cut off, files that play."""

from pathlib import Path

import numpy as np
import pytest
from matplotlib.text import Text
from PIL import Image
from PIL.GifImagePlugin import GifImageFile

from fake_run import ARMS, FakeArm, write_run
from trabfem.cli import main
from trabfem.errors import UserError
from trabfem.render import film as films
from trabfem.render import film_bones, film_files, panels, probe
from trabfem.render.colouring import LOST_KEY, energy_scale
from trabfem.render.film_page import Sheet, Words, plan_page
from trabfem.render.film_text import Caption, break_lines, text_width
from trabfem.runs.study import Study, open_study
from trabfem.runs.trajectory import Moment

drawing = pytest.mark.skipif(not probe.rendering_works(), reason=probe.probe().message)
SHAPE, SPACING = (12, 10, 14), (0.05, 0.05, 0.05)
MONTHS = (0, 6, 12, 18, 30)
LONG = "Denosumab 60 mg every six months, then alendronate 70 mg once a week, with calcium and vitamin D3 throughout"
UNBROKEN = "Pneumonoultramicroscopicsilicovolcanoconiosis_without_a_break"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_run(tmp_path_factory.mktemp("film") / "run", SHAPE, SPACING, months=MONTHS)


@pytest.fixture(scope="module")
def study(folder: Path) -> Study:
    return open_study(folder)


def frames_of(path: Path) -> list[np.ndarray]:
    """All frames of a GIF; one that stands for several is there once."""
    with Image.open(path) as image:
        assert isinstance(image, GifImageFile)
        found = []
        for number in range(image.n_frames):
            image.seek(number)
            found.append(np.asarray(image.convert("RGB")).astype(int))
    return found


def seconds_of(path: Path) -> float:
    with Image.open(path) as image:
        assert isinstance(image, GifImageFile)
        total = 0.0
        for number in range(image.n_frames):
            image.seek(number)
            total += image.info["duration"] / 1000
    return total


def test_every_month_is_shown_where_there_are_frames_enough(study: Study) -> None:
    shown = [shot.month for shot in films.plan_shots(study, "time-lapse", 12)]
    assert shown == sorted(shown) and len(shown) == 12
    assert {shown.count(month) for month in MONTHS} == {2, 3}, "each month for about as long"
    assert len(films.group_shots(films.plan_shots(study, "time-lapse", 12))) == len(MONTHS), "none is drawn twice"


def test_of_more_months_than_frames_the_ends_are_shown(study: Study) -> None:
    assert [shot.month for shot in films.plan_shots(study, "time-lapse", 3)] == [0, 12, 30]
    assert films.choose_months(600, 36)[::35] == [0, 599]


def test_an_orbit_closes_without_a_jump(study: Study) -> None:
    shots = films.plan_shots(study, "orbit", 8)
    assert {shot.month for shot in shots} == {30}
    turned = np.radians([shot.azimuth for shot in shots])
    steps = np.angle(np.exp(1j * (np.roll(turned, -1) - turned)))
    np.testing.assert_allclose(steps, 2 * np.pi / 8, err_msg="as is the last, to the first frame")
    both = films.plan_shots(study, "both", 9)
    assert both[0].azimuth == pytest.approx(both[-1].azimuth) and both[4].azimuth != both[0].azimuth
    assert [both[0].month, both[-1].month] == [0, 30]


def test_an_arm_that_ended_early_holds_its_last_month(tmp_path: Path) -> None:
    run = write_run(tmp_path, SHAPE, SPACING, months=MONTHS)
    for month in (18, 30):
        (run / "oestrogen" / "member_0000" / f"month_{month:04d}.h5").unlink()
    study = open_study(run)
    last = films.plan_shots(study, "time-lapse", 5)[-1]
    assert last.places == (4, 2)
    arm = study["oestrogen"]
    assert films.describe(arm, 30, 2, "")[-1] == "last at month 12" and films.describe(arm, 12, 2, "")[-1] == ""


def test_one_month_makes_an_orbit_alone(tmp_path: Path) -> None:
    study = open_study(write_run(tmp_path, SHAPE, SPACING, months=(0, 6)))
    (tmp_path / "untreated" / "member_0000" / "month_0006.h5").unlink()
    (tmp_path / "oestrogen" / "member_0000" / "month_0006.h5").unlink()
    with pytest.raises(UserError, match=r"^kind = time-lapse: only month 0 is kept.*ask for an orbit$"):
        films.plan_shots(study, "time-lapse", 6)
    assert len(films.plan_shots(study, "orbit", 6)) == 6


def test_strength_is_told_since_the_start(tmp_path: Path, study: Study) -> None:
    arm = study["untreated"]
    values = arm.column("failure load")
    assert values is not None
    change = round(100 * (values[3] / values[0] - 1))
    assert change < -5 and films.describe_strength(arm, 18) == f"strength −{-change} %"
    assert films.describe_strength(arm, 0) == "strength ±0 %" and films.describe_strength(arm, 7) == ""
    several = open_study(write_run(tmp_path, SHAPE, SPACING, members=2))
    assert films.describe_strength(several["untreated"], 12).startswith("mean strength −")


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"kind": "loop"}, "kind = loop: give one of time-lapse, orbit, both"),
        ({"frames": 1}, "frames = 1: give 2 to"),
        ({"width": 100}, "width = 100: give 320 to"),
        ({"month": 6}, "month = 6: only an orbit"),
        ({"month": 7, "kind": "orbit"}, "month = 7: no bone is kept there, only at 0, 6, 12, 18, 30"),
        ({"colour": "red"}, "colour = red: give one of energy"),
        ({"arms": ["nobody"]}, "arms = nobody: the arms of this study are 'untreated', 'oestrogen'"),
        ({"arms": []}, "arms = : give at least one"),
    ],
)
def test_what_makes_no_film_is_said(study: Study, tmp_path: Path, wrong: dict, words: str) -> None:
    with pytest.raises(UserError) as error:
        films.film(study, tmp_path / "a.gif", **wrong)
    assert str(error.value).startswith(words) and not list(tmp_path.iterdir())


def test_a_colour_that_the_study_does_not_hold(study: Study, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="colour = strain: this study does not hold it"):
        films.film(study, tmp_path / "a.gif", colour="strain", processes=1)
    assert not list(tmp_path.iterdir())


def test_the_suffix_chooses(study: Study, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UserError, match=r"ends in \.mp4 or \.gif"):
        films.film(study, tmp_path / "a.avi")
    monkeypatch.setattr(film_files.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(UserError, match="MP4 needs imageio-ffmpeg; run `pip install"):
        films.film(study, tmp_path / "a.mp4")


def test_blocks_keep_bone_energy_and_age() -> None:
    rng = np.random.default_rng(0)
    fill = rng.random((6, 8, 4)).astype(np.float32)
    assert film_bones.average_blocks(fill, 1) is fill and film_bones.average_blocks(fill, 3).shape == (2, 3, 2)
    moment = Moment(3, fill, rng.random(fill.shape), np.where(fill > 0.5, 7.0, 3.0))
    coarse = film_bones.coarsen(moment, 2)
    assert coarse.fill.shape == (3, 4, 2) and coarse.age is not None and moment.age is not None
    assert coarse.fill.mean() == pytest.approx(fill.mean(), rel=1e-5)
    assert coarse.sed.mean() == pytest.approx(moment.sed.mean())
    assert (coarse.age * coarse.fill).mean() == pytest.approx((moment.age * fill).mean(), rel=1e-5)
    assert coarse.age.min() >= 3 and coarse.age.max() <= 7


def test_a_large_volume_is_coarsened(study: Study, monkeypatch: pytest.MonkeyPatch) -> None:
    fine = film_bones.Studio(study, "energy").prepare_bone(0, 1)
    monkeypatch.setattr(film_bones, "LONGEST_SIDE", 7)
    coarse = film_bones.Studio(study, "energy").prepare_bone(0, 1)
    assert coarse[0].moment.fill.shape == (6, 5, 7) and coarse[0].spacing == (0.1, 0.1, 0.1)
    assert coarse[1] == fine[1], "the volume fraction is that of the voxels"


def test_lengths_stay_while_the_camera_turns() -> None:
    size = (2.0, 1.0, 3.0)
    views = [film_bones.turned_view(size, azimuth) for azimuth in range(0, 360, 15)]
    assert len({(round(view.half_width, 9), round(view.half_height, 9)) for view in views}) == 1
    corners = (np.array(list(np.ndindex(2, 2, 2))) - 0.5) * size
    for view in views:
        assert np.abs(corners @ view.right).max() <= view.half_width
        assert np.abs(corners @ view.up).max() <= view.half_height


def names_for(count: int) -> list[str]:
    return [LONG, UNBROKEN, "A", *(f"Treatment number {number}" for number in range(12))][:count]


CUBE, TALL, FLAT = (2.0, 2.0, 2.0), (1.0, 1.0, 4.0), (4.0, 4.0, 1.0)


@pytest.mark.parametrize(
    ("count", "size", "turning"),
    [(1, CUBE, True), (1, TALL, False), (2, FLAT, False), (4, CUBE, False), (7, FLAT, True), (12, CUBE, False)],
)
def test_nothing_is_cut_off_or_covered(count: int, size: tuple[float, float, float], turning: bool) -> None:
    view = film_bones.turned_view(size, 20) if turning else panels.view_of(size)
    parts = ("BV/TV 100.0 %", "mean strength −100 %", "last at month 600")
    captions = [Caption(name, parts) for name in names_for(count)]
    counter = "Month 600 (50 years)"
    page = plan_page(captions, view.aspect, True)
    scale = energy_scale([np.logspace(-4, -1, 50)])
    sheet = Sheet(page, 640, view, scale, (LOST_KEY,), (0, 600), text_width(counter, 15.0, True), turning)
    words = Words(counter, 600, tuple(parts for _ in captions))
    width, height = sheet.panel_pixels()
    frame = sheet.compose(words, [np.zeros((height, width, 3), np.uint8)] * count, view)
    assert frame.shape[0] % 2 == frame.shape[1] % 2 == 0 and frame.shape[0] <= frame.shape[1] * 9 / 16 + 2
    black = (frame == 0).all(axis=2).sum()
    assert black >= count * width * height, "every panel is whole"
    renderer = sheet.figure.canvas.get_renderer()
    texts = [text for text in sheet.figure.findobj(Text) if text.get_text() and text.get_visible()]
    boxes = [text.get_window_extent(renderer) for text in texts]
    whole = sheet.figure.bbox
    for text, box in zip(texts, boxes, strict=True):
        assert box.x0 >= -0.5 and box.y0 >= -0.5, text
        assert box.x1 <= whole.x1 + 0.5 and box.y1 <= whole.y1 + 0.5, text
    for number, (text, box) in enumerate(zip(texts, boxes, strict=True)):
        for other, second in zip(texts[:number], boxes[:number], strict=True):
            across = min(box.x1, second.x1) - max(box.x0, second.x0)
            along = min(box.y1, second.y1) - max(box.y0, second.y0)
            assert across < 1 or along < 2, (text.get_text(), other.get_text())


def test_no_letter_of_a_name_is_lost() -> None:
    for name in (LONG, UNBROKEN, "A", "x" * 300):
        for width in (0.4, 1.0, 3.0):
            lines = break_lines(name, 6.0, width)
            assert "".join("".join(lines).split()) == "".join(name.split())
            assert all(text_width(line, 6.0, True) <= width for line in lines)


@drawing
def test_a_time_lapse_as_gif(study: Study, tmp_path: Path) -> None:
    path = films.film(study, tmp_path / "new" / "a.gif", frames=10, width=320, processes=1)
    frames = frames_of(path)
    assert len(frames) == len(MONTHS), "a month that stands for two frames is held"
    assert seconds_of(path) == pytest.approx(10 / 6 + 1.5, abs=0.1)
    assert {frame.shape[1] for frame in frames} == {320} and (frames[0][0, 0] == 255).all(), "white stays white"
    assert np.abs(frames[0] - frames[-1]).max() > 60
    assert np.abs(frames[0] - frames[-1])[-12:].max() < 8, "the legend stands still"
    assert [each.name for each in path.parent.iterdir()] == ["a.gif"]


@drawing
def test_an_orbit_as_gif_turns_bone_and_directions(study: Study, tmp_path: Path) -> None:
    frames = frames_of(films.film(study, tmp_path / "a.gif", kind="orbit", frames=4, width=320, processes=1, month=6))
    assert len(frames) == 4
    changed = np.abs(frames[0] - frames[2]).max(axis=2) > 60
    half = changed.shape[0] // 2
    assert changed[:half].any() and changed[-half // 2 :].any()


@drawing
def test_an_mp4_plays_and_has_the_colours_of_the_frames(study: Study, tmp_path: Path) -> None:
    imageio = pytest.importorskip("imageio")
    pytest.importorskip("imageio_ffmpeg")
    options = {"frames": 6, "width": 322, "processes": 1, "colour": "shift", "arms": ["oestrogen"]}
    path = films.film(study, tmp_path / "a.mp4", **options)
    with imageio.get_reader(path) as reader:
        about, played = reader.get_meta_data(), [np.asarray(frame).astype(int) for frame in reader]
    assert about["codec"] == "h264" and about["pix_fmt"].startswith("yuv420p(tv, bt709")
    assert len(played) == pytest.approx(24 * (6 / 6 + 1.5), abs=4) and played[0].shape[1] == 322
    still = frames_of(films.film(study, tmp_path / "a.gif", **options))
    for one, other in ((played[0], still[0]), (played[-1], still[-1])):
        assert np.abs(one - other).mean() < 3, "coded and decoded it is the same picture"


@drawing
@pytest.mark.slow
def test_processes_draw_the_same_frames(study: Study, tmp_path: Path) -> None:
    one, two = (
        films.film(study, tmp_path / f"{count}.gif", kind="both", frames=3, width=320, processes=count)
        for count in (1, 2)
    )
    assert one.read_bytes() == two.read_bytes()


@drawing
def test_the_command_and_the_method(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "turn.gif"
    asked = ["film", str(folder), "--orbit", "--frames", "2", "--width", "320", "--arms", "Oestrogen", "untreated"]
    assert main([*asked, "--out", str(path)]) == 0 and "turn.gif" in capsys.readouterr().out
    assert len(frames_of(path)) == 2
    assert main([*asked, "--out", str(path)]) == 2 and "left as it is" in capsys.readouterr().err
    assert main(["film", str(folder), "--frames", "1"]) == 2
    assert capsys.readouterr().err.startswith("trabfem: --frames 1: give 2 to")
    study = open_study(folder)
    with pytest.raises(UserError, match="left as it is"):
        study.film(path)
    assert study.film(tmp_path / "a.gif", kind="both", frames=2, width=320).exists()


def test_arms_are_shown_as_asked(tmp_path: Path) -> None:
    arms = (*ARMS[:2], FakeArm("Denosumab, then nothing", "late", "denosumab 0-6", 0.001))
    study = open_study(write_run(tmp_path, SHAPE, SPACING, arms=arms))
    chosen = films.choose_arms(study, ["Denosumab, then nothing", "untreated"])
    assert [arm.slug for arm in chosen] == ["late", "untreated"] and films.choose_arms(study, None) is study
