"""Pictures: same camera and colours for all arms, lengths that are true, nothing covered, nothing blank."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from matplotlib.colors import LogNorm
from PIL import Image

from fake_run import ARMS, plate_depth, write_run
from trabfem.errors import UserError
from trabfem.render import layout, panels, probe, scenes, style
from trabfem.render.bones import DrawnBone, tissue_energy
from trabfem.render.colouring import COLOURINGS, SHIFT, energy_scale, find_colouring, one_colour, shift_scale
from trabfem.render.panels import Layer, Painter, view_of
from trabfem.render.surface import extract
from trabfem.runs.study import open_study
from trabfem.runs.trajectory import Moment

drawing = pytest.mark.skipif(not probe.rendering_works(), reason=probe.probe().message)
SHAPE, SPACING = (20, 16, 26), (0.05, 0.06, 0.04)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_run(tmp_path_factory.mktemp("scenes") / "run", SHAPE, SPACING)


def solid(fill: np.ndarray, spacing: tuple[float, float, float]) -> Layer:
    surface = extract(fill.astype(np.float32), spacing)
    return Layer(surface, one_colour(len(surface.points), (0.2, 0.2, 0.2)))


def test_view_holds_the_box_and_nothing_more() -> None:
    view = view_of((1.0, 2.0, 3.0))
    corners = (np.array(list(np.ndindex(2, 2, 2))) - 0.5) * (1.0, 2.0, 3.0)
    assert np.abs(corners @ view.right).max() == pytest.approx(view.half_width / panels.MARGIN)
    assert np.abs(corners @ view.up).max() == pytest.approx(view.half_height / panels.MARGIN)
    assert view.project(np.array([0.0, 0.0, 1.0]))[0] == pytest.approx(0), "z is upright"
    assert view.towards[2] > 0 and view.project(np.array([1.0, 0.0, 0.0]))[0] > 0


def test_scale_is_shared_and_round() -> None:
    norm = style.shared_norm([np.array([0.0, 1e-9]), np.geomspace(0.013, 4.1, 500)])
    assert isinstance(norm, LogNorm) and (norm.vmin, norm.vmax) == (0.02, 5)
    assert style.shared_norm([np.array([3.0, 4.0])]).vmax == 5
    colours = style.to_rgb(np.array([1e-6, 0.02, 5.0, 1e6]), norm, style.energy_map())
    assert np.array_equal(colours[0], colours[1]) and np.array_equal(colours[2], colours[3])


def test_unloaded_ends_do_not_take_the_scale() -> None:
    values = np.concatenate([np.geomspace(1e-9, 1e-6, 300), np.geomspace(0.1, 30, 700)])
    norm = style.shared_norm([values])
    assert isinstance(norm, LogNorm) and (norm.vmin, norm.vmax) == (0.1, 50)
    assert style.decades(norm) == [0.1, 1.0, 10.0, 50.0]


def test_scale_of_shift_is_symmetric_about_none() -> None:
    scale = shift_scale([np.linspace(-7.5, 2, 50)], "shift")
    assert (scale.norm.vmin, scale.norm.vmax) == (-10, 10)
    red, white, blue = scale.rgb(np.array([-10.0, 0.0, 10.0])).astype(int)
    assert red[0] > 100 + red[2] and white.min() > 240 and blue[2] > 100 + blue[0]
    assert shift_scale([np.zeros(50)], "shift").norm.vmax == 1


def test_energy_is_per_tissue() -> None:
    fill = np.full((1, 1, 2), 0.5, dtype=np.float32)
    fill[0, 0, 1] = 1
    moment = Moment(0.0, fill, np.float32(2e-3) * fill)
    assert np.allclose(tissue_energy(moment), 2e-3), "MPa, the same in half and full voxels of equal strain"


@drawing
def test_lengths_in_the_picture_are_true() -> None:
    g = (np.arange(30) + 0.5) * 0.05 - 0.75
    x, y, z = np.meshgrid(g, g, g, indexing="ij")
    ball = np.clip(0.5 + (0.5 - np.sqrt(x**2 + y**2 + z**2)) / 0.05, 0, 1)
    view = view_of((1.5, 1.5, 1.5))
    with Painter(view, 300) as painter:
        dark = painter.paint([solid(ball, (0.05, 0.05, 0.05))]).max(axis=2) < 140
    pixel = 2 * view.half_height / 300
    for axis in (0, 1):
        seen = np.flatnonzero(dark.any(axis=axis))
        assert (seen[-1] - seen[0] + 1) * pixel == pytest.approx(1.0, abs=3 * pixel)
        assert (seen[0] + seen[-1] + 1) / 2 == pytest.approx(dark.shape[1 - axis] / 2, abs=2)


@drawing
def test_axes_point_where_the_arrows_say() -> None:
    view = view_of((1.2, 0.8, 1.0))
    middle = []
    with Painter(view, 200) as painter:
        for corner in ((0, 0, 0), (8, 0, 0), (0, 4, 0), (0, 0, 6)):
            fill = np.zeros((12, 8, 10))
            fill[corner[0] : corner[0] + 4, corner[1] : corner[1] + 4, corner[2] : corner[2] + 4] = 1
            dark = painter.paint([solid(fill, (0.1, 0.1, 0.1))]).max(axis=2) < 140
            rows, columns = np.nonzero(dark)
            middle.append((columns.mean(), -rows.mean()))
    for end, direction in zip(middle[1:], np.eye(3), strict=True):
        moved, expected = np.subtract(end, middle[0]), np.array(view.project(direction))
        assert moved @ expected / np.linalg.norm(moved) / np.linalg.norm(expected) > 0.98


@drawing
def test_arms_share_camera_and_colours(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    drawn: list[tuple[np.ndarray, str]] = []
    views: list[panels.View] = []
    norms: list[object] = []
    composed: Callable = layout.compose

    def spy(panels_drawn: list[layout.Panel], view: panels.View, norm: object, **rest: object) -> object:
        drawn.extend((panel.pixels, panel.title) for panel in panels_drawn)
        views.append(view)
        norms.append(norm)
        return composed(panels_drawn, view, norm, **rest)

    monkeypatch.setattr(scenes, "compose", spy)
    path = scenes.before_after(folder, tmp_path / "picture.png", pixels=160)
    assert [title for _, title in drawn] == ["Before, all arms", "Untreated menopause, 1 year", "Oestrogen, 1 year"]
    assert len(views) == 1 and len(norms) == 1, "one view and one colour scale for all panels"
    frames = [pixels for pixels, _ in drawn]
    assert len({frame.shape for frame in frames}) == 1
    for first, second in ((0, 1), (1, 2), (0, 2)):
        assert np.abs(frames[first].astype(int) - frames[second]).max() > 40, "each arm shows its own bone"
    for frame in frames:
        assert 0.1 < np.mean(frame.min(axis=2) < 200) < 0.9
    with Image.open(path) as image:
        assert image.width == 2160 and image.info["dpi"][0] == pytest.approx(300, abs=1)


@drawing
def test_lost_bone_is_red_and_new_bone_blue(tmp_path: Path) -> None:
    much, little = replace(ARMS[0], loss_mm=0.05), replace(ARMS[1], loss_mm=-0.02)
    study = open_study(write_run(tmp_path, SHAPE, SPACING, arms=(much, little)))
    found = [scene.bone for scene in scenes.scenes_of(study)]
    assert [bone.start is None for bone in found] == [True, False, False]
    walls = [bone.surface.cap_points() == 0 for bone in found]
    assert -60 < np.median(found[1].shift[walls[1]]) < -20, "µm"
    assert 8 < np.median(found[2].shift[walls[2]]) < 25
    assert found[1].lost is not None and found[2].lost is not None
    assert found[1].lost.area > 0.5 * found[0].surface.area and found[2].lost.area < 0.01 * found[0].surface.area
    scale, view = SHIFT.scale(found), view_of(study.size)
    drawn = scenes.paint(scenes.scenes_of(study), view, SHIFT, scale, 160)
    pictures = [panel.pixels.astype(int) for panel in drawn]
    red = [np.mean(picture[..., 0] > 30 + picture[..., 2]) for picture in pictures]
    blue = [np.mean(picture[..., 2] > 15 + picture[..., 0]) for picture in pictures]
    assert red[0] == 0 and red[1] > 0.1 and red[2] < 0.2 * red[1]
    assert blue[0] == 0 and blue[2] > 0.1 and blue[1] < 0.2 * blue[2]


def test_every_colouring_has_one_value_a_point(tmp_path: Path) -> None:
    study = open_study(write_run(tmp_path, SHAPE, SPACING))
    study = replace(study, header={**study.header, "settings": {"tissue_modulus": 8000.0}})
    start, last = (scene.bone for scene in scenes.scenes_of(study)[:2])
    for each in COLOURINGS.values():
        scale = each.scale([start, last])
        for bone in (start, last):
            assert each.rgb(bone, scale).shape == (len(bone.surface.points), 3), each.name
    assert start.strain is not None and start.age is not None
    assert np.allclose(start.strain, 1e6 * np.sqrt(2 * start.energy / 8000.0))
    top = start.surface.points[:, 2] > 0.9 * study.size[2]
    assert start.age[top].min() > 17 and start.age.min() < 2, "young bone below, old bone above"
    assert (start.shift == 0).all() and start.lost is None
    assert 0.05 < np.median(start.thickness) < 0.3


def test_a_face_that_retreats_by_a_voxel_has_shifted_by_a_voxel() -> None:
    def wall(voxels: int) -> Moment:
        fill = np.zeros((16, 16, 16), np.float32)
        fill[:voxels] = 1
        return Moment(0.0, fill, fill)

    start = DrawnBone(wall(10), (0.05, 0.05, 0.05))
    for voxels in (9, 11):
        bone = DrawnBone(wall(voxels), (0.05, 0.05, 0.05), start=start)
        face = bone.surface.cap_points() == 0
        assert np.allclose(bone.shift[face], 50.0 * (voxels - 10), atol=2.0), "µm"


def test_what_a_study_does_not_hold_is_no_colour(tmp_path: Path) -> None:
    study = open_study(write_run(tmp_path, SHAPE, SPACING))
    bone = scenes.scenes_of(study)[0].bone
    assert not COLOURINGS["strain"].has([bone]), "no modulus of the tissue in run.json"
    with pytest.raises(UserError, match="colour = strain: this study does not hold it"):
        COLOURINGS["strain"].scale([bone])
    with pytest.raises(UserError, match="colour = heat: give one of energy, strain, shift"):
        find_colouring("heat")


@drawing
def test_translucent_layer_is_between_without_and_opaque() -> None:
    inner, outer = np.zeros((8, 8, 8)), np.zeros((8, 8, 8))
    inner[3:5, 3:5, 3:5], outer[1:7, 1:7, 1:7] = 1, 1
    spacing = (0.1, 0.1, 0.1)
    base, cover = solid(inner, spacing), solid(outer, spacing)
    with Painter(view_of((0.8, 0.8, 0.8)), 80) as painter:
        without = painter.paint([base]).astype(float)
        mixed = painter.paint([base, Layer(cover.surface, cover.rgb, 0.25)]).astype(float)
        full = painter.paint([base, cover]).astype(float)
    assert np.abs(mixed - (0.75 * without + 0.25 * full)).max() <= 1.5


def test_each_arm_gets_its_own_start_where_they_differ(tmp_path: Path) -> None:
    write_run(tmp_path, SHAPE, SPACING)
    other = write_run(tmp_path / "other", SHAPE, SPACING, depth=plate_depth(SHAPE, SPACING, seed=8))
    start = Path("oestrogen/member_0000/month_0000.h5")
    (other / start).replace(tmp_path / start)
    titles = [scene.title for scene in scenes.scenes_of(open_study(tmp_path))]
    assert titles[:2] == ["Untreated menopause, start", "Oestrogen, start"] and len(titles) == 4


@pytest.mark.parametrize(
    ("count", "lost"), [(1, False), (2, True), (3, False), (4, True), (5, True), (6, True), (7, False)]
)
@pytest.mark.parametrize("size", [(1.0, 1.0, 1.0), (1.0, 1.0, 3.0), (3.0, 3.0, 1.0)])
def test_nothing_on_the_page_overlaps(count: int, lost: bool, size: tuple[float, float, float]) -> None:
    view = view_of(size)
    width = 3.6 if count == 1 else style.PAGE_WIDTH_IN
    pixels = np.zeros((20, max(1, round(20 * view.aspect)), 3), dtype=np.uint8)
    drawn = [
        layout.Panel(f"Untreated menopause, {n} years", "BV/TV 12.8 %, strength −54 %", pixels) for n in range(count)
    ]
    figure = layout.compose(
        drawn, view, energy_scale([np.geomspace(0.01, 20, 50)]), width=width, keys=SHIFT.keys if lost else ()
    )
    figure.canvas.draw()
    page = figure.bbox
    boxes = [axes.images[0].get_window_extent() for axes in figure.axes if axes.images]
    boxes += [text.get_window_extent() for axes in figure.axes for text in axes.texts if text.get_text()]
    [bar] = [axes.get_tightbbox() for axes in figure.axes if axes.axison]
    assert bar is not None, "one colour bar"
    legends = [legend for axes in figure.axes if (legend := axes.get_legend()) is not None]
    boxes += [bar, *(legend.get_window_extent() for legend in legends)]
    for place, box in enumerate(boxes):
        assert page.x0 <= box.x0 and box.x1 <= page.x1 and page.y0 <= box.y0 and box.y1 <= page.y1
        for other in boxes[place + 1 :]:
            shared = np.minimum(box.max, other.max) - np.maximum(box.min, other.min)
            assert shared.min() < 1, "two things in one place"


def test_a_bone_of_another_shape_than_the_study_is_refused(tmp_path: Path) -> None:
    study = open_study(write_run(tmp_path, SHAPE, SPACING))
    spoilt = replace(study, header={**study.header, "shape": [16, 20, 26]})
    with pytest.raises(UserError, match=r"month 0: its bone has \(20, 16, 26\) voxels, but the study says"):
        scenes.scenes_of(spoilt)


def test_of_several_members_the_first_is_drawn(tmp_path: Path) -> None:
    study = open_study(write_run(tmp_path, SHAPE, SPACING, members=2))
    one, other = (study.arms[0].moment(12, number).fill for number in (0, 1))
    assert one.mean() > other.mean()
    after = scenes.scenes_of(study)[1]
    assert after.subtitle.startswith(scenes.volume_fraction(one)) and "mean strength −" in after.subtitle


@pytest.mark.parametrize(
    ("month", "words"), [(1, "1 month"), (6, "6 months"), (12, "1 year"), (30, "2.5 years"), (60, "5 years")]
)
def test_time_in_words(month: float, words: str) -> None:
    assert scenes.years(float(month)) == words


def test_first_arm_is_the_reference() -> None:
    colours = [style.arm_colour(index) for index in range(len(ARMS))]
    assert len(set(colours)) == len(ARMS) and colours[0] == "#333333"
