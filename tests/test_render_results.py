"""What `.plot()` and `.to_pyvista()` of results give: the right curves and labels, and fields in their place."""

import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from fake_run import fill_of, plate_depth, write_run
from trabfem.errors import UserError
from trabfem.render import bone, course, datasets, material, plots, probe, results, scenes
from trabfem.render.colouring import energy_scale, linear_scale, signed_scale
from trabfem.runs.study import Study, open_study
from trabfem.specimen import Specimen
from typed import corners_of, points_of

drawing = pytest.mark.skipif(not probe.rendering_works(), reason=probe.probe().message)
SHAPE, SPACING, ORIGIN = (14, 10, 18), (0.05, 0.06, 0.04), (1.0, -2.0, 3.0)


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Study:
    out = tmp_path_factory.mktemp("results") / "run"
    return open_study(write_run(out, SHAPE, SPACING, members=3, origin=ORIGIN))


@pytest.fixture(scope="module")
def specimen() -> Specimen:
    return Specimen(fill_of(plate_depth(SHAPE, SPACING), SPACING), SPACING, "plates", origin=ORIGIN)


def titles(figure) -> list[str]:
    """Titles of the axes without their letters."""
    return [axes.get_title(loc="left")[4:] for axes in figure.axes if axes.get_title(loc="left")]


def words(figure) -> str:
    """All that is written on a figure."""
    return "\n".join(text.get_text() for text in figure.findobj(lambda artist: hasattr(artist, "get_text")))


def test_a_study_is_drawn_as_curves_of_all_arms(study: Study, tmp_path: Path) -> None:
    figure = study.plot(path=tmp_path / "new" / "strength.png")
    assert titles(figure) == [quantity.title for quantity in plots.STRENGTH]
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["Untreated menopause", "Oestrogen"]
    assert len(figure.axes[0].collections) == 2, "a band an arm"
    assert plots.band_note(3, everywhere=True) in words(figure)
    with Image.open(tmp_path / "new" / "strength.png") as image:
        assert image.width == 2160 and np.asarray(image.convert("L")).std() > 10
    assert titles(study.plot(kind="hormones")) == [quantity.title for quantity in plots.HORMONES]


def test_an_arm_is_drawn_as_a_study_of_its_own(study: Study) -> None:
    arm = study["Oestrogen"]
    figure = arm.plot()
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["Oestrogen"]
    drawn = next(axes for axes in figure.axes if "Bone volume" in axes.get_title(loc="left"))
    assert np.allclose(drawn.lines[0].get_ydata(), arm.table["BV/TV, % of start"])
    corners = corners_of(drawn.collections[0])
    last = corners[corners[:, 0] == 1, 1]
    ends = [arm.table[f"BV/TV, % of start {end}"][-1] for end in ("low", "high")]
    assert [last.min(), last.max()] == pytest.approx(ends)


@drawing
def test_bones_of_a_study_and_of_an_arm(study: Study) -> None:
    before_after, change = (study.plot(kind=kind, pixels=60) for kind in ("before_after", "change"))
    for name in ("Before, all arms", "Untreated menopause, 1 year", "Oestrogen, 1 year"):
        assert name in words(before_after) and name in words(change)
    assert "energy" in words(before_after) and "Surface shift" in words(change)
    alone = words(study.arms[1].plot(kind="before_after", pixels=60))
    assert "Before" in alone and "Oestrogen, 1 year" in alone and "Untreated" not in alone


def test_what_cannot_be_asked_is_said(study: Study, specimen: Specimen, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="kind = 'pie': give one of strength, hormones, before_after, change"):
        study.plot(kind="pie")
    with pytest.raises(UserError, match=r"use .png, .pdf or .svg"):
        study.plot(path=tmp_path / "strength.docx")
    with pytest.raises(UserError, match=r"values have shape \(2, 2, 2\)"):
        specimen.plot(values=np.ones((2, 2, 2)))
    with pytest.raises(UserError, match="no picture of a float"):
        results.plot(1.0)
    with pytest.raises(UserError, match="a float is not a field in space"):
        results.to_pyvista(1.0)
    with pytest.raises(UserError, match="give a path"):
        scenes.before_after(replace(study, folder=None))


def test_without_opengl_a_bone_says_what_to_install(specimen: Specimen, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(probe, "probe", lambda: probe.Probe(False, "", "install libosmesa6"))
    with pytest.raises(UserError, match="libosmesa6"):
        specimen.plot()


def test_a_figure_shows_itself_in_a_notebook(study: Study) -> None:
    figure = study.plot()
    png, size = figure._repr_png_()
    assert png.startswith(b"\x89PNG")
    assert size["width"] == pytest.approx(80 * figure.get_size_inches()[0], abs=1), "half its pixels"


def test_fonts_are_the_houses_wherever_a_figure_is_drawn(study: Study) -> None:
    """Ticks are made when a figure is drawn, long after it was put together."""
    figure = study.plot()
    figure._repr_png_()
    assert {label.get_fontsize() for label in figure.axes[0].get_yticklabels()} == {7.5}


@drawing
def test_a_specimen_is_drawn_plain_or_by_values(specimen: Specimen, tmp_path: Path) -> None:
    plain = specimen.plot(pixels=80, path=tmp_path / "plain.png")
    assert "plates" in words(plain) and not [axes for axes in plain.axes if axes.axison], "no colour bar"
    height = np.broadcast_to(np.arange(1.0, SHAPE[2] + 1), SHAPE)
    coloured = specimen.plot(values=height, label="Height (voxels)", title="by height", pixels=80)
    [bar] = [axes for axes in coloured.axes if axes.axison]
    assert bar.get_xlabel() == "Height (voxels)" and "by height" in words(coloured)
    pixels = [next(axes.images[0] for axes in figure.axes if axes.images).get_array() for figure in (plain, coloured)]
    assert np.abs(pixels[0].astype(int) - pixels[1]).max() > 60


@drawing
def test_large_values_are_dark_and_z_is_up() -> None:
    height = np.arange(1.0, 21.0) * np.ones((20, 20, 20))
    figure = bone.draw(Specimen(np.ones((20, 20, 20)), (0.05, 0.05, 0.05)), values=height, pixels=100)
    shown = next(axes.images[0] for axes in figure.axes if axes.images).get_array()
    assert shown is not None
    pixels = shown.astype(int)
    middle = pixels[:, pixels.shape[1] // 2].mean(axis=1)
    solid = middle[middle < 235]
    assert solid[5] < solid[-5] - 60


@drawing
def test_scales_follow_the_sign_of_the_values(specimen: Specimen) -> None:
    signed = bone.draw(specimen, values=np.where(np.arange(SHAPE[2]) < 9, -3.0, 1.0) * np.ones(SHAPE), pixels=40)
    [bar] = [axes for axes in signed.axes if axes.axison]
    low, high = bar.get_xlim()
    assert low == -high


def test_scales_have_round_ends() -> None:
    values = [np.linspace(0.0, 3.3, 200)]
    assert (linear_scale(values, "").norm.vmin, linear_scale(values, "").norm.vmax) == (0, 5)
    assert (signed_scale([-values[0]], "").norm.vmin, signed_scale([-values[0]], "").norm.vmax) == (-5, 5)
    assert linear_scale([np.zeros(3)], "").norm.vmax == 1 and linear_scale([], "").norm.vmax == 1
    assert energy_scale([np.full(5, 3.0)]).norm.vmax == 5


def test_data_sets_are_in_the_place_of_the_scan(study: Study, specimen: Specimen) -> None:
    pytest.importorskip("pyvista")
    image = specimen.to_pyvista()
    assert image.dimensions == tuple(n + 1 for n in SHAPE) and image.origin == ORIGIN
    assert np.allclose(image.spacing, SPACING) and image.active_scalars_name == "fill"
    assert np.array_equal(image.cell_data["fill"].reshape(SHAPE, order="F"), specimen.fill)
    surface = specimen.to_pyvista(surface=True)
    inside = np.asarray(surface.points) - ORIGIN
    assert surface.is_all_triangles and inside.min() >= -1e-6 and np.all(inside <= np.array(specimen.size_mm) + 1e-6)
    assert surface.volume == pytest.approx(specimen.bvtv * np.prod(specimen.size_mm), rel=0.1)
    arm = study.arms[0]
    for month, member in ((None, 0), (6, 2)):
        image, moment = arm.to_pyvista(month=month, member=member), arm.moment(month, member)
        assert image.origin == ORIGIN and np.allclose(image.spacing, SPACING)
        for name, values in (("fill", moment.fill), ("sed", moment.sed)):
            assert np.array_equal(image.cell_data[name].reshape(SHAPE, order="F"), values)
    blocks = study.to_pyvista()
    assert blocks.keys() == ["Untreated menopause", "Oestrogen"]
    assert np.array_equal(blocks["Oestrogen"].cell_data["fill"], study.arms[1].to_pyvista().cell_data["fill"])


def test_components_and_corners_keep_their_order() -> None:
    pytest.importorskip("pyvista")
    rng = np.random.default_rng(2)
    stress, moved = rng.random((2, 3, 4, 6)), rng.random((3, 4, 5, 3))
    image = datasets.image(
        (2, 3, 4), SPACING, ORIGIN, {"stress": stress}, {"u": moved}, {"stress": ("xx", "yy", "zz", "yz", "zx", "xy")}
    )
    cell = image.find_containing_cell(np.array(ORIGIN) + (np.array([1, 2, 3]) + 0.5) * SPACING)
    assert np.array_equal(image.cell_data["stress"][cell], stress[1, 2, 3])
    point = image.find_closest_point(np.array(ORIGIN) + np.array([2, 1, 4]) * SPACING)
    assert np.array_equal(image.point_data["u"][point], moved[2, 1, 4])
    assert image.cell_data.VTKObject.GetAbstractArray("stress").GetComponentName(3) == "yz"


def test_without_pyvista_it_is_named(specimen: Specimen, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyvista", None)
    with pytest.raises(UserError, match="pip install pyvista"):
        specimen.to_pyvista()


def stiffness_of(youngs: float, poisson: float) -> np.ndarray:
    """Of an isotropic material, order xx yy zz yz zx xy, engineering shear."""
    compliance = np.zeros((6, 6))
    compliance[:3, :3] = -poisson / youngs
    compliance[range(3), range(3)] = 1 / youngs
    compliance[range(3, 6), range(3, 6)] = 2 * (1 + poisson) / youngs
    return np.linalg.inv(compliance)


def test_modulus_along_a_direction() -> None:
    directions = np.random.default_rng(1).standard_normal((50, 3))
    directions /= np.linalg.norm(directions, axis=1)[:, None]
    assert material.modulus_along(stiffness_of(700.0, 0.3), directions) == pytest.approx(700.0)
    stiffness = np.diag([100.0, 200.0, 400.0, 30.0, 40.0, 50.0])
    assert material.modulus_along(stiffness, np.eye(3)) == pytest.approx([100, 200, 400])
    # At 45 degrees between y and z: 4/E = 1/200 + 1/400 + 1/30.
    half = np.array([[0.0, 1.0, 1.0]]) / np.sqrt(2)
    assert material.modulus_along(stiffness, half) == pytest.approx(4 / (1 / 200 + 1 / 400 + 1 / 30))


def test_a_material_is_drawn_in_three_planes() -> None:
    stiffness = np.diag([100.0, 200.0, 400.0, 30.0, 40.0, 50.0])
    found = SimpleNamespace(
        stiffness=stiffness, bone=SimpleNamespace(name="L3"), found=SimpleNamespace(boundary="kubc")
    )
    figure = material.draw_stiffness(found)
    assert titles(figure) == ["x-y plane", "y-z plane", "x-z plane"] and "L3, kubc" in words(figure)
    for axes, (along, up) in zip(figure.axes, ((100, 200), (200, 400), (100, 400)), strict=True):
        angles, modulus = points_of(axes.lines[0])
        assert np.interp([0, np.pi / 2], angles, modulus) == pytest.approx([along, up])
        assert axes.get_ylim() == (0, 500)


def test_a_yield_curve_has_its_yield_point() -> None:
    strain = np.linspace(0.0, -0.009, 10)
    force = 1000 * strain + 3e4 * strain**2
    curve = SimpleNamespace(strain=strain, force=force, yielded=np.linspace(0, 0.2, 10), failure_strain=-0.008)
    figure = material.draw_yield(SimpleNamespace(curve=curve, failure_load=-6.0))
    line, drawn, point = (points_of(each) for each in figure.axes[0].lines)
    assert np.concatenate(line) == pytest.approx([0.2, 0.8, 0.0, 6.0])
    assert np.allclose(drawn[0], -100 * strain) and np.allclose(drawn[1], -force)
    assert (point[0][0], point[1][0]) == pytest.approx((0.8, 6.0))
    assert "6.00 N" in words(figure) and "Compressive apparent strain (%)" in words(figure)
    assert points_of(figure.axes[1].lines[0])[1][-1] == pytest.approx(20)


def test_a_course_has_bands_hormones_and_what_was_taken() -> None:
    months = np.arange(0.0, 61.0)
    treatments = (
        SimpleNamespace(agent="estrogen", start=-24.0, stop=0.0),
        SimpleNamespace(agent="denosumab", start=-6.0, stop=36.0),
        SimpleNamespace(agent="alendronate", start=36.0, stop=90.0),
    )
    low, high = ({name: shift + 0.1 * months for name in course.CHANGES} for shift in (-1.0, 1.0))
    found = SimpleNamespace(
        title="she", months=months, e2=months, testosterone=2 * months, low=low, high=high, notes=("a note",),
        schedule=SimpleNamespace(treatments=treatments), change=lambda name: 0.1 * months,
    )  # fmt: skip
    figure = course.draw(found)
    assert titles(figure) == [*course.CHANGES.values(), *(title for title, _ in course.HORMONES.values())]
    spine, e2 = figure.axes[0], figure.axes[4]
    corners = corners_of(spine.collections[0])
    assert (corners[:, 1].min(), corners[:, 1].max()) == pytest.approx((-1.0, 7.0))
    assert [text.get_text().strip() for text in spine.texts] == ["denosumab", "alendronate"]
    spans = [bar.get_paths()[0].get_extents() for bar in spine.collections[1:]]
    assert [(span.x0, span.x1) for span in spans] == [(0, 36), (36, 60)], "as far as the months go"
    assert np.array_equal(e2.lines[0].get_ydata(), months) and e2.get_ylabel() == "pg/mL"
    assert "A note." in words(figure)
