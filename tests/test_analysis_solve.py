"""What one asks of a bone, from Python: exact on blocks, in the place of the scan, in files that others read."""

import math
from pathlib import Path
from typing import Any

import meshio
import numpy as np
import pytest

from trabfem.analysis.fields import FIELDS
from trabfem.analysis.homogenize import homogenize
from trabfem.analysis.solve import BoneSolution, solve
from trabfem.analysis.strength import strength
from trabfem.cli import main
from trabfem.errors import UserError
from trabfem.mechanics import loads
from trabfem.mechanics.hexahedron import elasticity
from trabfem.specimen import Specimen, from_mask

SPACING = (0.03, 0.04, 0.05)
SHAPE = (4, 5, 6)
YOUNGS, STRAIN = 5000.0, -0.02


def bar() -> Specimen:
    """A solid bar in a block with two void slices above it and one below, and a loose voxel beside it."""
    mask = np.zeros((9, 8, 9), bool)
    mask[2:6, 1:6, 1:7] = True
    mask[8, 7, 3] = True
    return from_mask(mask, SPACING, "bar")


@pytest.fixture(scope="module")
def solved() -> BoneSolution:
    return solve(bar(), loads.uniaxial(STRAIN), youngs=YOUNGS)


def test_a_bar_is_exact(solved: BoneSolution) -> None:
    area, height = 4 * 0.03 * 5 * 0.04, 6 * 0.05
    assert solved.force == pytest.approx(YOUNGS * STRAIN * area, rel=1e-6)
    assert solved.stiffness == pytest.approx(YOUNGS * area / height, rel=1e-6)
    assert solved.apparent_modulus == pytest.approx(YOUNGS * area / (9 * 0.03 * 8 * 0.04), rel=1e-6)
    assert solved.energy == pytest.approx(YOUNGS * STRAIN**2 / 2 * area * height, rel=1e-6)
    assert solved.sed_mean == pytest.approx(solved.sed_mean_gauss, rel=1e-5)
    assert solved.converged and solved.moment is None


def test_fields_of_a_uniaxial_bar_are_exact(solved: BoneSolution) -> None:
    fields, shape = solved.fields(), (9, 8, 6)
    inside = np.zeros(shape, bool)
    inside[2:6, 1:6] = True
    assert set(fields) == set(FIELDS) and all(fields.kinds[name].column.meaning for name in fields)
    exact = np.array([-0.3 * STRAIN, -0.3 * STRAIN, STRAIN, 0, 0, 0])
    np.testing.assert_allclose(fields["strain"][inside], np.tile(exact, (120, 1)), atol=1e-7)
    np.testing.assert_allclose(fields["stress"][inside], np.tile([0, 0, YOUNGS * STRAIN, 0, 0, 0], (120, 1)), atol=2e-3)
    np.testing.assert_allclose(fields["von_mises"], np.where(inside, abs(YOUNGS * STRAIN), 0), atol=2e-3)
    np.testing.assert_allclose(fields["sed"], np.where(inside, YOUNGS * STRAIN**2 / 2, 0), rtol=1e-5)
    np.testing.assert_allclose(fields["ees"], np.where(inside, abs(STRAIN), 0), rtol=1e-5)
    np.testing.assert_array_equal(fields["modulus"], np.where(inside, YOUNGS, 0))
    displacement = fields["displacement"]
    assert displacement.shape == (10, 9, 7, 3)
    # Rigid motions are left out, so only differences are prescribed.
    np.testing.assert_allclose(np.diff(displacement[2:7, 1:7, :, 2], axis=2), STRAIN * 0.05, atol=1e-8)
    np.testing.assert_allclose(np.diff(displacement[2:7, 1:7, :, 0], axis=0), -0.3 * STRAIN * 0.03, atol=1e-8)
    assert not displacement[0].any() and not displacement[:, 8].any()
    assert fields.units["stress"] == "MPa" and fields.kinds["displacement"].at == "corners"


@pytest.mark.parametrize("case", loads.STRAINS)
def test_strain_is_exact_under_a_uniform_one(case: str) -> None:
    number = loads.STRAINS.index(case)
    fields = solve(np.ones(SHAPE, bool), loads.kubc(case, 0.01), spacing=SPACING, youngs=YOUNGS).fields()
    exact = np.zeros((*SHAPE, 6))
    exact[..., number] = 0.01
    np.testing.assert_allclose(fields["strain"], exact, atol=1e-7)
    stress = YOUNGS * elasticity(0.3)[number] * 0.01
    np.testing.assert_allclose(fields["stress"], np.broadcast_to(stress, exact.shape), atol=2e-3)
    x, y, z = stress[:3]
    mises = math.sqrt(((x - y) ** 2 + (y - z) ** 2 + (z - x) ** 2) / 2 + 3 * (stress[3:] ** 2).sum())
    np.testing.assert_allclose(fields["von_mises"], mises, rtol=2e-5)


def test_what_was_done_and_how_certain_it_is_are_shown(solved: BoneSolution) -> None:
    assert solved.bone.origin == pytest.approx((0, 0, 0.05))
    for text in (repr(solved), solved._repr_html_()):
        assert "bar, uniaxial" in text and "N/mm" in text and f"{solved.stiffness:.4g}" in text
        assert "Removed 1 voxel " in text and "Cut 3 void slices" in text
    assert f"± {abs(solved.force) * solved.energy_error:.1g} N" in repr(solved)
    assert solved.table["error"][solved.table["quantity"].index("force")] == abs(solved.force) * solved.energy_error


def test_a_solve_that_ends_early_says_so() -> None:
    rough = np.random.default_rng(0).random((8, 8, 8)) < 0.8
    found = solve(rough, spacing=0.05, max_iterations=1, rtol=1e-10)
    assert not found.converged and "not converged after 1 iterations" in found.trouble
    assert "Note: The solve has not converged" in repr(found)


def test_a_data_frame_of_the_numbers(solved: BoneSolution) -> None:
    pytest.importorskip("pandas")
    assert solved.to_pandas().loc["force", "value"] == solved.force


def test_turning_loads_have_a_moment() -> None:
    found = solve(np.ones(SHAPE, bool), loads.bending("y", 0.01), spacing=SPACING)
    assert found.moment == pytest.approx(found.force * 4 * 0.03 / 2, rel=1e-12)
    assert "moment" in repr(found)


def test_a_mesh_file_is_read_back(solved: BoneSolution, tmp_path: Path) -> None:
    mesh, fields = meshio.read(solved.save(tmp_path / "f.vtu")), solved.fields()
    [block] = mesh.cells
    assert block.type == "hexahedron" and len(block.data) == 120
    corners = mesh.points[block.data]
    edges = corners - corners[:, :1]
    volume = np.einsum("ei,ei->e", edges[:, 4], np.cross(edges[:, 1], edges[:, 3]))
    np.testing.assert_allclose(volume, np.prod(SPACING), rtol=1e-5)
    np.testing.assert_allclose(mesh.points.min(0), (2 * 0.03, 1 * 0.04, 1 * 0.05), atol=1e-9)
    place = np.rint((corners.mean(1) - solved.bone.origin) / SPACING - 0.5).astype(int)
    for name in ("strain", "von_mises", "sed"):
        np.testing.assert_allclose(mesh.cell_data[name][0], fields[name][tuple(place.T)], rtol=1e-6, atol=1e-9)
    node = np.rint((mesh.points - solved.bone.origin) / SPACING).astype(int)
    np.testing.assert_allclose(mesh.point_data["displacement"], fields["displacement"][tuple(node.T)], atol=1e-8)


def test_an_image_file_is_read_back(solved: BoneSolution, tmp_path: Path) -> None:
    pyvista = pytest.importorskip("pyvista")
    image, fields = pyvista.read(solved.save(tmp_path / "f.vti")), solved.fields()
    assert image.dimensions == (10, 9, 7)
    assert image.spacing == pytest.approx(SPACING) and image.origin == pytest.approx(solved.bone.origin)
    for name in ("sed", "strain"):
        values = np.asarray(image.cell_data[name])
        np.testing.assert_allclose(values.reshape(6, 8, 9, -1).transpose(2, 1, 0, 3).squeeze(), fields[name], rtol=1e-6)
    moved = np.asarray(image.point_data["displacement"]).reshape(7, 9, 10, 3).transpose(2, 1, 0, 3)
    np.testing.assert_allclose(moved, fields["displacement"], atol=1e-8)


def test_an_array_file_is_read_back(solved: BoneSolution, tmp_path: Path) -> None:
    with np.load(solved.save(tmp_path / "f.npz")) as data:
        np.testing.assert_array_equal(data["stress"], solved.fields()["stress"])
        np.testing.assert_allclose(data["origin_xyz_mm"], solved.bone.origin)
    with pytest.raises(UserError, match="exists"):
        solved.save(tmp_path / "f.npz")
    with pytest.raises(UserError, match=".vti, .vtu, .npz"):
        solved.save(tmp_path / "f.stl")
    assert "apparent modulus" in solved.save(tmp_path / "f.csv").read_text()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"rtol": 2.0}, "^rtol = 2: "),
        ({"youngs": -1.0}, "^youngs = -1: "),
        ({"poisson": 0.5}, "^poisson = 0.5: "),
        ({"max_iterations": 0}, "^max_iterations = 0: "),
        ({"spacing": None}, "^spacing = not given: "),
        ({"crop": 2}, "^crop = 2: "),
    ],
)
def test_mistakes_name_the_parameter(options: dict[str, Any], words: str) -> None:
    asked: dict[str, Any] = {"spacing": SPACING} | options
    with pytest.raises(UserError, match=words):
        solve(np.ones(SHAPE, bool), **asked)


def test_strength_by_both_methods() -> None:
    block = np.ones(SHAPE, bool)
    linear = strength(block, load=loads.uniaxial(0.003), spacing=SPACING, youngs=1000)
    assert linear.failure_load == pytest.approx(1000 * 0.007 * 4 * 0.03 * 5 * 0.04, rel=1e-5)
    assert "failure load" in repr(linear) and "Pistoia 2002" in repr(linear)
    pulled = strength(block, "nonlinear", loads.uniaxial(0.003), spacing=SPACING, youngs=1000)
    assert pulled.failure_load > 0 and pulled.converged and "0.2 % offset" in pulled._repr_html_()
    pressed = strength(block, "nonlinear", loads.uniaxial(displacement=-1e-4), spacing=SPACING, youngs=1000)
    assert pressed.failure_load < 0 and abs(pressed.failure_load) > pulled.failure_load
    with pytest.raises(UserError, match="^critical_volume = 2: "):
        strength(block, critical_volume=2.0, spacing=SPACING)


def test_a_block_is_the_material_that_it_is_made_of() -> None:
    found = homogenize(np.ones(SHAPE, bool), spacing=SPACING, youngs=YOUNGS)
    np.testing.assert_allclose(found.stiffness, YOUNGS * elasticity(0.3), atol=0.01)
    assert found.best_constants["Ezz"] == pytest.approx(YOUNGS, rel=1e-5) and found.unconverged == ()
    assert "Gxy" in repr(found) and "± " in repr(found)
    pytest.importorskip("pandas")
    assert found.to_pandas().loc["zz", "xx"] == found.stiffness[2, 0]


def test_fields_from_the_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path, out = bar().save(tmp_path / "bar.npz"), tmp_path / "fields.npz"
    asked = ["solve", str(path), "--load", "uniaxial", "--out", str(out)]
    assert main(asked) == 0
    assert str(out) in capsys.readouterr().out
    with np.load(out) as data:
        assert data["strain"][3, 3, 3, 2] == pytest.approx(-0.01, rel=1e-5)
    before = out.read_bytes()
    assert main(asked) == 2 and "exists" in capsys.readouterr().err and out.read_bytes() == before
    assert main([*asked[:-1], str(tmp_path / "f.doc")]) == 2
    assert ".vti" in capsys.readouterr().err


def test_crop_on_the_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = from_mask(np.ones((10, 12, 14), bool), SPACING).save(tmp_path / "block.npz")
    assert main(["morphometry", str(path), "--crop", "9"]) == 0
    assert "Cropped to the middle 9 x 9 x 9 of 10 x 12 x 14 voxels" in capsys.readouterr().out
    assert main(["solve", str(path), "--crop", "3"]) == 2
    assert "--crop 3: " in capsys.readouterr().err


def test_help_names_every_load_and_gives_an_example(capsys: pytest.CaptureFixture[str]) -> None:
    for command in ("solve", "strength", "homogenize", "morphometry", "generate"):
        assert main([command, "--help"]) == 0
        said = " ".join(capsys.readouterr().out.replace("│", " ").split())
        assert f"Example: trabfem {command} " in said
        if command == "solve":
            for name in loads.BY_NAME:
                kind, _, case = name.rpartition("-")
                grouped = kind in ("kubc", "pmubc", "direct") and f"{kind}-" in said and f" {case}" in said
                assert name in said or grouped, name


@pytest.mark.parametrize(
    ("load", "said"),
    [
        (loads.platens(1.0), r"strain = 1: strain is a fraction, 0.01 for 1 %, .* at most 0.1 either way"),
        (loads.shear("yz", -0.5), "strain = -0.5"),
        (loads.platens(displacement=-0.1), r"displacement = -0.1: in mm, that is a strain of -0.333 over 0.3 mm"),
        (loads.ForcePlate(-1e4), r"force = -10000: in N, that is a strain of -\d+.* of this bone"),
    ],
)
def test_a_load_beyond_linear_elasticity_is_refused(load: loads.Load, said: str) -> None:
    block = from_mask(np.ones((5, 4, 6), bool), 0.05)
    with pytest.raises(UserError, match=said):
        solve(block, load, youngs=1000)
    if isinstance(load, loads.LoadCase) and load.strain is not None:
        for method in ("pistoia", "nonlinear"):
            with pytest.raises(UserError, match="strain = "):
                strength(block, method, load)


def test_ten_per_cent_are_not_refused() -> None:
    block = from_mask(np.ones((5, 4, 6), bool), 0.05)
    assert solve(block, loads.platens(-0.1), youngs=1000).force < 0
    assert solve(block, loads.platens(displacement=0.1 * 6 * 0.05), youngs=1000).force > 0


def test_what_belongs_to_the_criterion_is_refused_beside_the_nonlinear_method() -> None:
    block = from_mask(np.ones((5, 4, 6), bool), 0.05)
    given: dict[str, Any]
    for given in ({"critical_volume": 0.01}, {"critical_strain": 0.01}):
        with pytest.raises(UserError, match="critical_.* = 0.01: it belongs to the method pistoia"):
            strength(block, "nonlinear", **given)
