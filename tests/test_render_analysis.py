"""Pictures of results whose rooms drawing does not import: they are known by name, and hold what was computed."""

import importlib

import numpy as np
import pytest

from fake_run import fill_of, plate_depth
from trabfem.analysis import homogenize, solve, strength
from trabfem.biology.course import course
from trabfem.biology.patient import Patient
from trabfem.errors import UserError
from trabfem.render import probe, results
from trabfem.specimen import Specimen

drawing = pytest.mark.skipif(not probe.rendering_works(), reason=probe.probe().message)
SHAPE, SPACING, ORIGIN = (12, 10, 14), (0.05, 0.06, 0.04), (1.0, -2.0, 3.0)


@pytest.fixture(scope="module")
def solution() -> solve.BoneSolution:
    return solve.solve(Specimen(fill_of(plate_depth(SHAPE, SPACING), SPACING), SPACING, "plates", origin=ORIGIN))


def bar_of(figure):
    """The colour bar of a figure."""
    [bar] = [axes for axes in figure.axes if axes.axison]
    return bar


@pytest.mark.parametrize("name", sorted({*results.LATE_PICTURES, *results.LATE_DATA_SETS}))
def test_names_are_those_of_types(name: str) -> None:
    module, own = name.rsplit(".", 1)
    assert isinstance(getattr(importlib.import_module(module), own), type)


@drawing
@pytest.mark.parametrize(
    ("field", "component", "label"),
    [
        ("sed", None, "Tissue strain energy density (MPa)"),
        ("von_mises", None, "Tissue von Mises stress (MPa)"),
        ("ees", None, "Energy-equivalent strain (µε)"),
        ("displacement", None, "Displacement (µm)"),
        ("displacement", "z", "Displacement z (µm)"),
        ("stress", "zz", "Tissue stress zz (MPa)"),
    ],
)
def test_a_solution_is_coloured_by_a_field(
    solution: solve.BoneSolution, field: str, component: str | None, label: str
) -> None:
    bar = bar_of(solution.plot(field=field, component=component, pixels=60))
    assert bar.get_xlabel() == label
    low, high = bar.get_xlim()
    assert low == -high if component else low >= 0
    if field == "displacement":
        # One per cent of 14 voxels of 40 µm is the most that anything moves along z.
        assert 5 <= high <= 20


def test_fields_that_are_not_there_are_refused(solution: solve.BoneSolution) -> None:
    for options, words in (
        ({"field": "heat"}, "give one of displacement, strain"),
        ({"field": "sed", "component": "x"}, "sed has none"),
        ({"field": "stress"}, "give one of them"),
        ({"field": "stress", "component": "zy"}, "stress has xx, yy, zz, yz, zx, xy"),
    ):
        with pytest.raises(UserError, match=words):
            solution.plot(**options)


def test_all_fields_are_in_the_data_set(solution: solve.BoneSolution) -> None:
    pytest.importorskip("pyvista")
    image, fields = solution.to_pyvista(), solution.fields()
    shape = solution.bone.shape  # without the void ends of the scan
    assert image.origin == solution.bone.origin and np.allclose(image.spacing, SPACING)
    assert set(image.array_names) == {"fill", *fields}
    stress = image.cell_data["stress"].reshape(*shape, 6, order="F")
    assert np.allclose(stress, fields["stress"], rtol=1e-6)
    corners = tuple(n + 1 for n in shape)
    assert np.allclose(image.point_data["displacement"].reshape(*corners, 3, order="F"), fields["displacement"])


@drawing
def test_strength_shows_the_strain_of_its_criterion(solution: solve.BoneSolution) -> None:
    found = strength.strength(solution.bone)
    assert bar_of(found.plot(pixels=60)).get_xlabel() == "Energy-equivalent strain (µε)"
    assert "ees" in found.to_pyvista().array_names


def test_a_material_is_drawn_by_direction(solution: solve.BoneSolution) -> None:
    found = homogenize.homogenize(solution.bone)
    moduli = [axes.lines[0].get_ydata()[0] for axes in found.plot().axes]
    constants = found.engineering_constants
    assert moduli == pytest.approx([constants["Exx"], constants["Eyy"], constants["Exx"]], rel=1e-6)
    with pytest.raises(UserError, match="not a field in space"):
        found.to_pyvista()


def test_a_course_is_drawn_with_its_bands() -> None:
    found = course(Patient("female", age=65.0, menopause_age=50.0), "denosumab 0-36; alendronate 36-60")
    figure = found.plot()
    spine = figure.axes[0]
    assert np.array_equal(spine.lines[0].get_ydata(), found.change("bmd_spine"))
    assert spine.collections[0].get_paths()[0].vertices[:, 1].max() == pytest.approx(found.high["bmd_spine"].max())
    assert [text.get_text().strip() for text in spine.texts] == ["denosumab", "alendronate"]
