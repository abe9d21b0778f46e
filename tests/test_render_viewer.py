"""The window on studies, scans and fields: what it offers, what sliders, keys and clicks do, and where it can open."""

import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from fake_run import ARMS, FakeArm, fill_of, plate_depth, write_run
from trabfem import vti
from trabfem.errors import UserError
from trabfem.render import probe, scenes
from trabfem.render import view as room
from trabfem.render.colouring import COLOURINGS
from trabfem.render.view import displays, overlay, presenting, voxels
from trabfem.render.view.arrangement import NAME, arrange
from trabfem.render.view.contents import StudyContents, find_choice, find_step
from trabfem.render.view.parts import CUT_COLOUR
from trabfem.render.view.side import LISTED, Side, choice_at, draw_side, listed, menu_top
from trabfem.render.view.window import Window
from trabfem.runs.study import Study, open_study
from trabfem.specimen import Specimen

drawing = pytest.mark.skipif(not probe.rendering_works(), reason=probe.probe().message)
SHAPE, SPACING = (14, 12, 16), (0.05, 0.06, 0.04)
SMALL = (640, 420)


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Study:
    return open_study(write_run(tmp_path_factory.mktemp("viewed") / "run", SHAPE, SPACING))


@pytest.fixture(scope="module")
def specimen() -> Specimen:
    return Specimen(fill_of(plate_depth(SHAPE, SPACING), SPACING), SPACING, "plates", origin=(1.0, -2.0, 3.0))


@pytest.fixture(scope="module")
def contents(study: Study) -> StudyContents:
    """For all windows, so that each bone is computed once."""
    return StudyContents(study)


@pytest.fixture
def window(contents: StudyContents) -> Iterator[Window]:
    made = Window(contents, step=2, size=SMALL, off_screen=True)
    made.draw()
    yield made
    made.plotter.close()


def pixels(window: Window) -> np.ndarray:
    window.render()
    return np.asarray(window.plotter.screenshot(return_img=True))[:, :, :3].astype(int)


def panel_of(window: Window, number: int) -> np.ndarray:
    """The pixels of a panel."""
    left, bottom, width, height = (round(each) for each in window.places.panels[number])
    return pixels(window)[window.places.height - bottom - height : window.places.height - bottom, left : left + width]


def drag(window: Window, start: tuple[float, float], end: tuple[float, float]) -> None:
    """What the mouse does between two places in pixels from the lower left corner."""
    for place, then in ((start, "LeftButtonPressEvent"), (end, "LeftButtonReleaseEvent")):
        window.interactor.SetEventInformation(round(place[0]), round(place[1]), 0, 0, "\0", 0, "0")
        window.interactor.MouseMoveEvent()
        getattr(window.interactor, then)()


def key(window: Window, name: str) -> None:
    window.interactor.SetKeySym(name)
    window.interactor.KeyPressEvent()


def test_contents_offer_what_the_study_holds_and_read_nothing_ahead(
    study: Study, monkeypatch: pytest.MonkeyPatch
) -> None:
    contents = StudyContents(study)
    assert contents.names == ("Untreated menopause", "Oestrogen") and contents.months == (0, 6, 12)
    offered = {choice.name for choice in contents.choices}
    assert offered == set(COLOURINGS) - {"strain"}, "the folder does not say the tissue's modulus"
    header = {**study.header, "settings": {"tissue_modulus": 6829.0}}
    assert {choice.name for choice in StudyContents(replace(study, header=header)).choices} == set(COLOURINGS)
    assert contents.bone(0, 2) is contents.bone(0, 2), "a bone is kept"
    assert contents.starts[0] is contents.starts[1], "one start that all arms share"
    assert all("surface" not in vars(contents.bone(panel, step)) for panel in (0, 1) for step in (0, 1, 2))


def test_the_scale_is_that_of_the_picture_at_every_month(study: Study) -> None:
    contents = StudyContents(study)
    drawn = scenes.scenes_of(study)
    for name in ("energy", "shift"):
        scale = contents.scale(find_choice(contents, name))
        known = COLOURINGS[name].scale([scene.bone for scene in drawn])
        assert scale is not None and known is not None
        assert (scale.norm.vmin, scale.norm.vmax) == (known.norm.vmin, known.norm.vmax)


def test_only_so_many_bones_are_kept(study: Study, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("trabfem.render.view.contents.KEPT_BYTES", 1)
    contents = StudyContents(study, ["oestrogen"])
    assert contents.names == ("Oestrogen",)
    first = contents.bone(0, 1)
    contents.layers(0, 1, 0)
    assert contents.is_ready(0, 1, 0)
    contents.months = (0, 6, 12, 18)
    assert contents.bone(0, 3) is contents.bone(0, 2), "an arm that ended early stays at its last bone"
    assert "ended in month 12" in contents.caption(0, 3) and "ended" not in contents.caption(0, 2)
    contents._most = 1
    contents._bones.popitem()
    for step in (2, 1):
        contents.bone(0, step)
    assert contents.bone(0, 1) is not contents.bone(0, 2)
    assert len(contents._bones) == 1 and contents.bone(0, 1).moment.month == first.moment.month


def test_what_is_not_there_is_said(study: Study, tmp_path: Path) -> None:
    contents = StudyContents(study)
    with pytest.raises(UserError, match="colour = pink: give one of energy, shift"):
        find_choice(contents, "pink")
    with pytest.raises(UserError, match="month = 7: no bone is kept there; give one of 0, 6, 12"):
        find_step(contents, 7)
    with pytest.raises(UserError, match="arm = x: fake has no such arm; give one of untreated, oestrogen"):
        StudyContents(study, ["x"])
    with pytest.raises(UserError, match="a float is not a bone to turn"):
        room.view(1.0)
    for wrong in ("a.svg", "a"):
        with pytest.raises(UserError, match=r"screenshot = .*use .png"):
            presenting.check_screenshot(tmp_path / wrong)
    (tmp_path / "a.png").touch()
    with pytest.raises(UserError, match="exists and is left as it is"):
        study.view(screenshot=tmp_path / "a.png")


@pytest.mark.parametrize("count", [1, 4, 12])
@pytest.mark.parametrize("aspect", [0.5, 1.0, 2.0])
def test_panels_stand_apart_and_within_the_window(count: int, aspect: float) -> None:
    places = arrange(count, aspect, (1600, 960))
    boxes = np.array(places.panels)
    assert len(boxes) == count and (boxes[:, 2:] > 40).all()
    assert (boxes[:, 0] >= places.column[2]).all() and (boxes[:, 0] + boxes[:, 2] <= 1600).all()
    assert (boxes[:, 1] >= places.strip[3]).all() and (boxes[:, 1] + boxes[:, 3] + NAME <= 960 + 1e-6).all()
    for one in range(count):
        for other in range(one):
            (a, b, c, d), (e, f, g, h) = boxes[one], boxes[other]
            assert a >= e + g or e >= a + c or b >= f + h + NAME or f >= b + d + NAME


def test_long_names_fit() -> None:
    for width in (110, 200):
        for name in ("Untreated", "Romosozumab for a year, then alendronate for four years", "W" * 90, "Östrogen → α"):
            words, size = overlay.fit_name(name, width)
            lines = words.split("\n")
            assert len(lines) <= 2 and all(overlay.width_of(line, size) <= width for line in lines), words
    assert overlay.fit_name("Untreated", 200) == ("Untreated", overlay.LARGEST_NAME)


def test_the_menu_lists_what_a_click_chooses(study: Study) -> None:
    choices = StudyContents(study).choices
    side = Side("fake", choices, 1, None, False)
    assert [choice_at(side, menu_top(side) + 23 * row + 5) for row in range(len(choices))] == [*range(len(choices))]
    assert (
        choice_at(side, menu_top(side) - 5) is None and choice_at(side, menu_top(side) + 23 * len(choices) + 1) is None
    )
    many = replace(side, choices=choices * 4, chosen=15)
    assert len(listed(many)) == LISTED and 15 in listed(many)
    assert (draw_side(side, 300, 500) != draw_side(replace(side, chosen=2), 300, 500)).any()
    shown = draw_side(replace(side, keys_shown=True), 300, 900)
    assert (shown != draw_side(side, 300, 900)).any(axis=(1, 2)).sum() > 100, "lines of keys"


@drawing
def test_the_slider_moves_all_arms(window: Window) -> None:
    last, captions = panel_of(window, 0), [words.actor.GetInput() for words in window.furniture.captions]
    assert window.furniture.month.actor.GetInput() == "Month 12 · 1 year"
    (left, y), (right, _) = window.places.slider(0)
    width, height = window.places.width, window.places.height
    drag(window, (right * width - 2, y * height), (left * width + 3, y * height))
    assert window.step == 0 and window.furniture.month.actor.GetInput() == "Month 0"
    assert (panel_of(window, 0) != last).any(), "the bone as well"
    assert all(
        words.actor.GetInput() != before for words, before in zip(window.furniture.captions, captions, strict=True)
    )
    key(window, "Left")
    assert window.step == 2, "round to the last one"
    assert np.abs(panel_of(window, 0) - last).mean() < 1


@drawing
def test_colours_by_key_and_click(window: Window) -> None:
    before = panel_of(window, 1)
    key(window, "2")
    assert window.contents.choices[window.choice].name == "shift"
    assert np.abs(panel_of(window, 1) - before).mean() > 2
    key(window, "9")
    assert window.choice == 1, "there is no ninth"
    y = window.places.height - menu_top(window.side(None)) - 23 * 3 - 10
    drag(window, (60, y), (60, y))
    assert window.contents.choices[window.choice].name == "thickness"
    key(window, "n")
    key(window, "n")
    assert window.choice == 0
    key(window, "3")
    assert window.choice == 2 and not window.plotter.render_window.GetStereoRender(), "VTK's 3 is put out of force"


@drawing
def test_the_cut_takes_bone_away_and_fills_the_section(window: Window) -> None:
    whole = panel_of(window, 0)
    key(window, "z")
    cut = panel_of(window, 0)
    yellow = np.abs(cut - 255 * np.array(CUT_COLOUR)).max(axis=2) <= 3
    assert yellow.sum() > 30, "the section is seen in its own colour"
    bone = [int((each.min(axis=2) < 140).sum()) for each in (whole, cut)]
    assert bone[1] < 0.8 * bone[0], "half of the bone is gone"
    assert window.furniture.cut.actor.GetInput().startswith("cut at z = 0.32 mm")
    key(window, "Up")
    assert window.furniture.cut.actor.GetInput().startswith("cut at z = 0.33 mm")
    key(window, "2")
    assert (np.abs(panel_of(window, 0) - 255 * np.array(CUT_COLOUR)).max(axis=2) <= 3).any(), "in other colours too"
    key(window, "1")
    key(window, "c")
    assert np.abs(panel_of(window, 0) - whole).mean() < 1


@drawing
def test_cameras_turn_together_and_go_back(window: Window) -> None:
    before, place = panel_of(window, 1), window.panels[0].camera.position
    left, bottom, width, height = window.places.panels[0]
    middle = (left + width / 2, bottom + height / 2)
    axes = [words.actor.GetPosition() for words in window.furniture.compass.names]
    drag(window, middle, (middle[0] + 40, middle[1] + 15))
    assert window.panels[1].camera.position != place
    assert np.abs(panel_of(window, 1) - before).mean() > 2, "the other arm as well"
    assert [words.actor.GetPosition() for words in window.furniture.compass.names] != axes
    window.panels[0].camera.parallel_scale /= 4
    size = window.furniture.compass.size.actor.GetInput()
    window.render()
    assert window.furniture.compass.size.actor.GetInput() != size, "the scale bar follows the zoom"
    key(window, "r")
    assert window.panels[0].camera.position == pytest.approx(place)
    assert np.abs(panel_of(window, 1) - before).mean() < 1


@drawing
def test_the_scale_bar_is_true(window: Window) -> None:
    window.render()
    length = float(window.furniture.compass.size.actor.GetInput().split()[0])
    ends = window.furniture.compass.bar.mesh.points
    camera, height = window.panels[0].camera, window.places.panels[0][3]
    assert float(ends[1, 0] - ends[0, 0]) == pytest.approx(length * height / (2 * camera.parallel_scale), rel=1e-4)


@drawing
def test_play_goes_on_and_stops(window: Window, monkeypatch: pytest.MonkeyPatch) -> None:
    timers: list[int] = []
    clock = SimpleNamespace(CreateOneShotTimer=lambda ms: timers.append(ms) or len(timers), DestroyTimer=timers.remove)
    monkeypatch.setattr(window, "interactor", clock)
    clock.DestroyTimer = lambda number: timers.append(-number)
    window.press("space")
    steps = []
    for _ in range(3):
        window._tick()
        steps.append(window.step)
    assert steps == [0, 1, 2]
    window.press("space")
    window._tick()
    assert window.step == 2 and timers[-1] < 0, "it stands still"


@drawing
def test_window_is_arranged_anew_when_its_size_changes(window: Window) -> None:
    window.plotter.render_window.SetSize(900, 500)
    assert (window.places.width, window.places.height) == (900, 500)
    assert pixels(window).shape[:2] == (500, 900)


@drawing
def test_screenshots_by_key_and_by_call(
    window: Window, study: Study, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    key(window, "s")
    key(window, "s")
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "fake-month-12-energy-2.png",
        "fake-month-12-energy.png",
    ]
    assert window.message == "wrote fake-month-12-energy-2.png"
    path = study.arms[0].view(screenshot=tmp_path / "first.png", month=6, colour="change", size=SMALL)
    with Image.open(path) as image:
        assert image.size == SMALL and np.asarray(image.convert("L")).std() > 10


@drawing
def test_twelve_arms(tmp_path: Path) -> None:
    arms = tuple(FakeArm(f"{ARMS[k % 4].name} {k}", f"arm{k}", "", 0.02 - 0.003 * k) for k in range(12))
    study = open_study(write_run(tmp_path / "run", (8, 8, 8), (0.06, 0.06, 0.06), months=(0, 12), arms=arms))
    made = Window(StudyContents(study), step=1, size=(1000, 600), off_screen=True)
    made.draw()
    image = pixels(made)[::-1]
    boxes = [[round(each) for each in box] for box in made.places.panels]
    seen = [image[bottom : bottom + high, left : left + wide].std() for left, bottom, wide, high in boxes]
    made.plotter.close()
    assert min(seen) > 10


def test_a_specimen_is_plain_or_coloured_by_its_maps(specimen: Specimen) -> None:
    mapped = replace(specimen, density=(1000 * specimen.fill).astype(np.float32))
    contents = voxels.of_specimen(mapped)
    assert [choice.name for choice in contents.choices] == ["bone", "density", "thickness"]
    assert contents.scale(0) is None and "HA" in contents.scale(1).label  # type: ignore[union-attr]
    assert contents.scale(2).label == "Local thickness (mm)"  # type: ignore[union-attr]
    assert len({tuple(layer.rgb.mean(axis=0)) for choice in range(3) for layer in contents.layers(0, 0, choice)}) == 3
    with pytest.raises(UserError, match="month = 6: plates does not change with time"):
        find_step(contents, 6)


def test_a_file_of_fields_is_coloured_by_each_array(specimen: Specimen, tmp_path: Path) -> None:
    turned = ((0.0, -1.0, 0.0), (1.0, 0.0, 0.0), (0.0, 0.0, 1.0))
    stress = np.zeros((*SHAPE, 6), np.float32)
    stress[..., 2] = -3.0 * specimen.fill
    height = np.broadcast_to(np.arange(SHAPE[2], dtype=np.float32), SHAPE) * (specimen.fill > 0)
    cells = {"fill": specimen.fill, "stress": stress, "height": height, "sed": specimen.fill * np.float32(0.01)}
    path = vti.write(tmp_path / "fields.vti", SHAPE, SPACING, specimen.origin, direction=turned, cells=cells)
    assert voxels.is_field_file(path) and not voxels.is_field_file(tmp_path / "none.vti")
    contents = voxels.of_file(path)
    assert contents.bone.shape == SHAPE and contents.bone.fill == pytest.approx(specimen.fill)
    names = [choice.name for choice in contents.choices]
    assert names[0] == "sed" and {"stress zz", "stress xy", "height", "fill"} <= set(names)
    on = {name: contents.coloured(number)[0] for number, name in enumerate(names)}  # type: ignore[index]
    fill = specimen.fill
    assert contents.fields[names.index("stress zz")].values()[fill > 0.5] == pytest.approx(-3.0), "of the tissue"
    assert contents.fields[names.index("sed")].values()[fill > 0.5] == pytest.approx(0.01)
    high = contents.surface[0].points[:, 2] / SPACING[2] - 0.5
    assert np.corrcoef(on["height"], high)[0, 1] > 0.99, "values stand where they belong"
    assert contents.scale(names.index("stress zz")).norm.vmin < 0  # type: ignore[union-attr]


def test_a_scan_is_no_file_of_fields(specimen: Specimen, tmp_path: Path) -> None:
    path = vti.write(tmp_path / "scan.vti", SHAPE, SPACING, cells={"gray": specimen.fill})
    assert not voxels.is_field_file(path)
    (tmp_path / "broken.vti").write_text("<VTKFile")
    assert not voxels.is_field_file(tmp_path / "broken.vti")
    path = vti.write(tmp_path / "sed.vti", SHAPE, SPACING, cells={"sed": specimen.fill})
    with pytest.raises(UserError, match="no array says where its bone is"):
        voxels.of_file(path)


def test_a_solution_is_coloured_by_every_field(specimen: Specimen) -> None:
    stress = np.zeros((*SHAPE, 6))
    stress[..., 2] = -3.0 * specimen.fill
    given = {"sed": specimen.fill * 0.01, "stress": stress, "displacement": np.ones((*SHAPE, 3))}
    parts = {"sed": (), "stress": voxels.TENSOR, "displacement": voxels.VECTOR}
    kinds = {name: SimpleNamespace(components=each) for name, each in parts.items()}
    solution = SimpleNamespace(
        bone=specimen, title="plates, platens", fields=lambda: SimpleNamespace(kinds=kinds, of_voxels=given.__getitem__)
    )
    contents = voxels.of_solution(solution)
    names = [choice.name for choice in contents.choices]
    assert names[:3] == ["sed", "displacement", "stress zz"] and {"displacement z", "stress xy"} <= set(names)
    inside = specimen.fill > 0.5
    assert contents.fields[2].values()[inside] == pytest.approx(-3.0)
    assert contents.fields[1].values()[inside] == pytest.approx(1e3 * 3**0.5), "its length, in µm"
    assert contents.scale(1).label == "Displacement (µm)"  # type: ignore[union-attr]


@drawing
@pytest.mark.slow
def test_results_with_fields_are_viewed(tmp_path: Path) -> None:
    import trabfem as tf

    bone = tf.Specimen(np.ones((4, 4, 4), np.float32), (0.05, 0.05, 0.05), "block")
    solution = tf.solve(bone, tf.platens(strain=-0.01))
    contents = voxels.of_solution(solution)
    names = [choice.name for choice in contents.choices]
    assert names[:3] == ["sed", "von_mises", "ees"] and "strain zz" in names
    assert (contents.fields[names.index("stress zz")].values() < 0).all(), "it is pressed"
    for number, result in enumerate((solution, tf.strength(bone))):
        assert result.view(screenshot=tmp_path / f"{number}.png", colour="stress zz", size=SMALL).exists()
    for suffix in (".vti", ".vtu"):
        path = solution.save(tmp_path / f"fields{suffix}")
        assert voxels.is_field_file(path)
        found = voxels.of_file(path)
        assert [choice.name for choice in found.choices] == names
        for one, other in zip(contents.fields, found.fields, strict=True):
            assert one.values() == pytest.approx(other.values(), rel=1e-3, abs=1e-6), one.name


@drawing
def test_a_specimen_is_viewed(specimen: Specimen, tmp_path: Path) -> None:
    with Image.open(specimen.view(screenshot=tmp_path / "b.png", size=SMALL)) as image:
        assert image.size == SMALL and np.asarray(image.convert("L")).std() > 10


def test_where_no_window_opens_the_remedy_is_said(study: Study, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(displays.sys, "platform", "linux")
    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    with pytest.raises(UserError, match=r"no display.*screenshot.*report\.html.*xvfb-run.*ssh -X.*WSLg"):
        study.view()
    monkeypatch.setenv("WAYLAND_DISPLAY", "wayland-0")
    with pytest.raises(UserError, match="Wayland.*xwayland"):
        study.view()
    monkeypatch.setenv("DISPLAY", ":1")
    monkeypatch.setattr(displays, "x_window_works", lambda: False)
    with pytest.raises(UserError, match="no window opens on the display :1"):
        study.view()
    monkeypatch.setattr(displays, "x_window_works", lambda: True)
    monkeypatch.setenv(probe.WINDOW_VARIABLE, "vtkEGLRenderWindow")
    displays.require_screen()
    assert os.environ[probe.WINDOW_VARIABLE] == displays.X_WINDOW, "a window off screen would never be seen"
    monkeypatch.setattr(displays.sys, "platform", "darwin")
    displays.require_screen()


def test_a_display_that_is_not_there_does_not_end_the_program(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DISPLAY", ":4711")
    assert not displays.x_window_works()


@drawing
def test_bones_are_shown_plain_until_the_scale_is_known(study: Study, monkeypatch: pytest.MonkeyPatch) -> None:
    contents = StudyContents(study)
    made = Window(contents, step=1, size=SMALL, off_screen=True)
    seen: list[tuple[list[str], list[bool]]] = []

    def look() -> None:
        plain = [contents.plain(panel, 1)[0].rgb for panel in (0, 1)]
        pairs = zip(made.layers, plain, strict=True)
        coloured = [bool(layers) and not np.array_equal(layers[0].rgb, rgb) for layers, rgb in pairs]
        seen.append(([words.actor.GetInput() for words in made.furniture.captions], coloured))

    monkeypatch.setattr(made, "render", look)
    made.draw(progress=True)
    made.plotter.close()
    assert all("computing" in caption for caption in seen[0][0]), "the window opens before anything is computed"
    assert not any(seen[2][1]) and all(made.layers)
    assert all(seen[-1][1]) and all("BV/TV" in caption for caption in seen[-1][0])


def test_a_notebook_without_trame_says_what_to_install(study: Study, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(displays, "in_notebook", lambda: True)
    monkeypatch.setitem(sys.modules, "trame_pyvista.jupyter", None)
    monkeypatch.setitem(sys.modules, "ipywidgets", None)
    with pytest.raises(UserError, match=r"lacks a package \(.*trabfem\[viewer\]"):
        study.view()


@drawing
def test_controls_of_a_notebook_follow_the_window_and_move_it(window: Window) -> None:
    pytest.importorskip("ipywidgets")
    play, months, colours, cut, back = presenting.make_controls(window)
    months.value = 0
    assert window.step == 0 and play.value == 0
    colours.value = 1
    cut.value = 2
    assert window.choice == 1 and window.is_cut and window.cut_axis == 2
    window.press("Right")
    window.press("1")
    window.press("c")
    assert (months.value, colours.value, cut.value) == (1, 0, None)
    place = window.panels[0].camera.position
    window.panels[0].camera.azimuth = 30
    back.click()
    assert window.panels[0].camera.position == pytest.approx(place)


@drawing
@pytest.mark.slow
def test_a_cell_of_a_notebook_shows_the_widget(study: Study) -> None:
    nbclient, nbformat = (pytest.importorskip(name) for name in ("nbclient", "nbformat"))
    pytest.importorskip("trame_pyvista")
    assert study.folder is not None
    code = f"import trabfem as tf\nshown = tf.open({str(study.folder)!r}).view()\nshown"
    cells = [nbformat.v4.new_code_cell(code), nbformat.v4.new_code_cell("print(shown.children[1].src)")]
    notebook = nbformat.v4.new_notebook(cells=cells)
    nbclient.NotebookClient(notebook, timeout=100, kernel_name="python3").execute()
    (shown,) = (each for each in notebook.cells[0].outputs if each.output_type == "execute_result")
    assert "application/vnd.jupyter.widget-view+json" in shown.data
    assert "localhost" in notebook.cells[1].outputs[0].text


def test_import_brings_no_vtk() -> None:
    code = "import sys, trabfem.render.view.window; assert not {'pyvista', 'vtkmodules', 'h5py'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)
