"""A loaded bone for other solvers: decks and meshes hold what we solve, and whoever solves them gets our force."""

import dataclasses
import json
from pathlib import Path

import meshio
import numpy as np
import pytest
from scipy import ndimage
from scipy.spatial.transform import Rotation

from decks import CALCULIX, Deck, read_deck, run_calculix, solve_deck, work_of
from trabfem.analysis import decks as writing
from trabfem.analysis.export import export, share_materials
from trabfem.analysis.solve import solve
from trabfem.cli import main
from trabfem.errors import UserError
from trabfem.mechanics import loads
from trabfem.specimen import Specimen
from trabfem.specimen.place import check_direction
from trabfem.specimen.synthetic import generate

SPACING, ORIGIN = (0.03, 0.04, 0.05), (-10.0, 20.0, 3.0)
OBLIQUE = Rotation.from_euler("xyz", [20, 35, -50], degrees=True).as_matrix()
AGREED = 1e-5
"""Relative difference of the forces that is asked for."""


def two_tissues(direction=None) -> Specimen:
    """Sponge of 12 x 14 x 16 voxels whose every third layer is of softer bone."""
    smooth = ndimage.gaussian_filter(np.random.default_rng(3).normal(size=(12, 14, 16)), 1.6)
    modulus = np.where(np.arange(16) % 3 == 0, 5000.0, 12000.0) * np.ones((12, 14, 16))
    bone = Specimen((smooth > np.quantile(smooth, 0.45)).astype(float), SPACING, "sponge", origin=ORIGIN)
    axes = np.eye(3) if direction is None else direction
    return dataclasses.replace(bone, modulus=modulus, direction=check_direction(axes))


def column_on_column() -> Specimen:
    """Two columns that meet in an edge, on which they hinge."""
    fill = np.zeros((4, 4, 5))
    fill[:2, :2] = fill[2:, 2:] = 1
    return Specimen(fill, SPACING, "hinge")


def written(bone: Specimen, folder: Path, load: loads.LoadCase) -> Deck:
    export(bone, folder / "bone.inp", load)
    return read_deck(folder / "bone.inp")


def test_a_deck_has_the_bone_in_the_place_of_the_scan(tmp_path: Path) -> None:
    bone, load = two_tissues(), loads.platens(-0.01)
    found = export(bone, tmp_path / "bone.inp", load)
    deck, kept = read_deck(tmp_path / "bone.inp"), found.bone
    assert len(deck.elements) == np.count_nonzero(kept.mask) == dict((r[0], r[1]) for r in found.rows)["elements"]
    nodes = np.array([deck.nodes[number] for number in sorted(deck.nodes)])
    np.testing.assert_allclose(nodes.min(0), np.array(kept.origin), atol=1e-9)
    np.testing.assert_allclose(nodes.max(0), np.array(kept.origin) + np.array(kept.size_mm), atol=1e-9)
    assert sorted(deck.moduli.values()) == [(5000.0, 0.3), (12000.0, 0.3)]
    for name, corners in deck.elements.values():
        voxel = np.round((nodes[np.array(corners) - 1].min(0) - np.array(kept.origin)) / SPACING).astype(int)
        assert kept.mask[tuple(voxel)]
        assert kept.modulus is not None and deck.moduli[deck.sections[name]][0] == kept.modulus[tuple(voxel)]
    top, bottom = (np.flatnonzero(nodes[:, 2] == edge) + 1 for edge in (nodes[:, 2].max(), nodes[:, 2].min()))
    assert deck.sets["LOADED"] == top.tolist() and deck.sets["FACE_Z_MIN"] == bottom.tolist()
    assert deck.boundary == {
        **{(node, component): 0.0 for node in bottom.tolist() for component in (1, 2, 3)},
        **{(node, component): 0.0 for node in top.tolist() for component in (1, 2)},
        **{(node, 3): pytest.approx(-0.01 * 16 * 0.05) for node in top.tolist()},
    }
    said = " ".join(deck.comments)
    assert "sponge, platens" in said and "mm, N, MPa" in said and "strain -0.01" in said
    assert all(note in said for note in kept.notes) and kept.notes


@pytest.mark.parametrize("name", ["platens", "uniaxial", "symmetric-shear-zx", "torsion", "bending-x"])
def test_whoever_solves_the_deck_gets_our_force(name: str, tmp_path: Path) -> None:
    bone, load = two_tissues(), loads.by_name(name)
    found = export(bone, tmp_path / "bone.inp", load)
    deck = read_deck(tmp_path / "bone.inp")
    displacement, reaction = solve_deck(deck)
    ours = solve(bone, load, rtol=1e-9)
    travel = load.travel(ours.bone.shape, SPACING)
    assert work_of(displacement, reaction) / travel == pytest.approx(ours.force, rel=1e-7)
    if name in ("platens", "uniaxial"):
        loaded = np.array(deck.sets["LOADED"]) - 1
        assert reaction[loaded, 2].sum() == pytest.approx(ours.force, rel=1e-7)
    held = found.model.supported
    assert deck.sets.get("SUPPORTS", []) == (1 + np.flatnonzero(held.any(1))).tolist()
    assert not held.any() or abs(reaction[held]).max() < 1e-9 * abs(reaction).max()


@pytest.mark.parametrize(("load", "supports"), [(loads.uniaxial(0.01), 4), (loads.platens(0.01), 0)])
def test_pieces_that_hinge_on_an_edge_are_held_as_one(load: loads.LoadCase, supports: int, tmp_path: Path) -> None:
    """Two columns with a common edge: two shifts that they share, and a turn of each about it."""
    bone = column_on_column()
    found = export(bone, tmp_path / "bone.inp", load, poisson=0.2)
    assert np.count_nonzero(found.model.supported) == supports
    assert any("rigid motions" in note for note in found.notes) == bool(supports)
    displacement, reaction = solve_deck(read_deck(tmp_path / "bone.inp"))
    travel = load.travel(bone.shape, SPACING)
    ours = solve(bone, load, poisson=0.2, rtol=1e-9)
    assert work_of(displacement, reaction) / travel == pytest.approx(ours.force, rel=1e-7)


def test_loose_pieces_are_held_each_for_itself(tmp_path: Path) -> None:
    fill = np.ones((3, 3, 9))
    fill[:, :, 2] = fill[:, :, 5] = 0
    fill[0, 0] = 1
    fill[1:, 1:, 3:5] = 0
    fill[2, 2, 3] = 1
    found = export(
        Specimen(fill, (0.05, 0.05, 0.05), "loose"), tmp_path / "bone.inp", loads.platens(-0.01), clean=False
    )
    assert np.count_nonzero(found.model.supported) == 6
    displacement, reaction = solve_deck(read_deck(tmp_path / "bone.inp"))
    assert np.isfinite(displacement).all() and abs(displacement[found.model.supported]).max() == 0
    assert abs(reaction[found.model.supported]).max() < 1e-9 * abs(reaction).max()


@pytest.mark.parametrize("hand", [1, -1])
def test_an_oblique_scan_stays_where_it_is(hand: int, tmp_path: Path) -> None:
    """Nodes at the place of the voxels, displacements along their axes, and no element inside out."""
    direction = OBLIQUE @ np.diag([1, hand, 1])
    bone, load = two_tissues(direction), loads.platens(-0.01)
    deck = written(bone, tmp_path, load)
    straight = export(two_tissues(), tmp_path / "straight.inp", load).model
    nodes = np.array([deck.nodes[number] for number in sorted(deck.nodes)])
    local = straight.nodes - np.array(ORIGIN)
    np.testing.assert_allclose(nodes, np.array(ORIGIN) + local @ direction.T, atol=1e-9)
    np.testing.assert_allclose(deck.transform, direction[:, :2].T.ravel(), atol=1e-9)
    third = np.cross(direction[:, 0], direction[:, 1])
    moved = [value for (_, component), value in deck.boundary.items() if component == 3 and value]
    assert moved == pytest.approx([-0.01 * 16 * 0.05 * (third @ direction[:, 2])] * len(moved)) and moved
    for _, corners in deck.elements.values():
        x = nodes[np.array(corners) - 1]
        assert np.dot(np.cross(x[1] - x[0], x[3] - x[0]), x[4] - x[0]) == pytest.approx(np.prod(SPACING))


def test_the_mesh_for_vtk_says_what_is_where(tmp_path: Path) -> None:
    labels = np.ones((12, 14, 16), np.int16)
    labels[:, :, 8:] = 2
    bone = dataclasses.replace(two_tissues(OBLIQUE), labels=labels)
    model = export(bone, tmp_path / "bone.vtu", loads.shear("zx", 0.01)).model
    mesh = meshio.read(tmp_path / "bone.vtu")
    assert list(mesh.cells_dict) == ["hexahedron"] and len(mesh.cells_dict["hexahedron"]) == len(model.conn)
    np.testing.assert_allclose(mesh.points, model.nodes)
    modulus, material = (mesh.cell_data[name][0] for name in ("modulus", "material"))
    assert set(modulus) == {5000.0, 12000.0} and set(material) == {1, 2}
    np.testing.assert_array_equal(model.moduli[material - 1], modulus)
    assert set(mesh.cell_data["label"][0]) == {1, 2}
    moved = mesh.point_data["prescribed_displacement"]
    moved = moved[np.abs(moved).max(1) > 0]
    np.testing.assert_allclose(moved, np.tile(0.01 * 16 * 0.05 * OBLIQUE[:, 0], (len(moved), 1)), atol=1e-7)
    np.testing.assert_array_equal(mesh.point_data["prescribed"], model.prescribed)


def test_vtk_finds_the_volume_of_the_bone(tmp_path: Path) -> None:
    pyvista = pytest.importorskip("pyvista")
    for hand in (1, -1):
        bone = two_tissues(OBLIQUE @ np.diag([1, hand, 1]))
        path = export(bone, tmp_path / f"bone{hand}.vtu").path
        grid = pyvista.read(path)
        sizes = grid.compute_cell_sizes()["Volume"]
        assert sizes.min() > 0 and sizes.sum() == pytest.approx(len(sizes) * np.prod(SPACING), rel=1e-5)


def test_moduli_are_exact_or_said_not_to_be() -> None:
    few = np.repeat(np.linspace(7, 6829, 10_000).astype(np.float32), 3)
    values, number, remarks = share_materials(few)
    np.testing.assert_array_equal(values[number].astype(np.float32), few)
    assert not remarks
    many = np.random.default_rng(1).uniform(7, 6829, 50_000).astype(np.float32)
    values, number, [remark] = share_materials(many)
    width = (many.max() / many.min()) ** (1 / 10_000) - 1
    assert len(values) <= 10_000 and abs(values[number] / many - 1).max() <= width
    assert values[number].mean() == pytest.approx(many.mean(), rel=1e-6)
    assert f"{len(np.unique(many))} distinct moduli" in remark and f"{100 * width:.2g} % wide" in remark


def test_a_file_is_whole_or_absent_and_never_written_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def stop(file, model):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(writing, "_write_step", stop)
        with pytest.raises(OSError, match="No space"):
            export(two_tissues(), tmp_path / "bone.inp")
    assert not list(tmp_path.iterdir())
    (tmp_path / "bone.inp").write_text("mine")
    with pytest.raises(UserError, match=r"bone.inp exists and is left as it is"):
        export(two_tissues(), tmp_path / "bone.inp")
    assert (tmp_path / "bone.inp").read_text() == "mine" and len(list(tmp_path.iterdir())) == 1


def test_what_cannot_be_exported_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"bone.stl: .*\.inp, \.vtu"):
        export(two_tissues(), tmp_path / "bone.stl")
    with pytest.raises(UserError, match="load = -100 N: .*give a strain"):
        export(two_tissues(), tmp_path / "bone.inp", loads.ForcePlate(-100))
    with pytest.raises(UserError, match="youngs = 5000: every voxel of sponge has a modulus of its own"):
        export(two_tissues(), tmp_path / "bone.inp", youngs=5000)
    with pytest.raises(UserError, match="profile = xtremect2: .*leave out youngs 5000"):
        export(two_tissues(), tmp_path / "bone.inp", youngs=5000, profile="xtremect2")
    assert not list(tmp_path.iterdir())


def test_export_from_the_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    scan = tmp_path / "scan.npz"
    dataclasses.replace(two_tissues(), modulus=None).save(scan)
    asked = ["export", str(scan), "--load", "uniaxial", "--strain", "0.002", "--profile", "xtremect2"]
    assert main([*asked, "--format", "inp", "--out", str(tmp_path / "bone"), "--json"]) == 0
    result = json.loads(capsys.readouterr().out)
    assert result["file"] == str(tmp_path / "bone.inp") and result["num_supported"] == 3
    assert result["moduli_MPa"] == [8748, 8748] and result["num_materials"] == 1
    assert len(read_deck(tmp_path / "bone.inp").elements) == result["num_elements"]
    assert main([*asked, "--out", str(tmp_path / "bone.vtu")]) == 0
    assert "hexahedra, one a voxel of bone" in capsys.readouterr().out
    for wrong, said in (
        (["--format", "vtu", "--out", str(tmp_path / "other.inp")], "ends in .inp"),
        (["--out", str(tmp_path / "bone.inp")], "exists and is left as it is"),
        (["--out", str(tmp_path / "bone.obj")], ".inp, .vtu"),
        (["--out", str(tmp_path / "more.inp"), "--poisson", "0.2"], "--profile xtremect2"),
    ):
        assert main([*asked, *wrong]) == 2
        assert said in capsys.readouterr().err


CASES = {
    "platens": ("platens", None),
    "uniaxial": ("uniaxial", None),
    "shear": ("shear-zx", None),
    "torsion": ("torsion", None),
    "kubc": ("kubc-xy", None),
    "oblique": ("uniaxial", OBLIQUE),
    "left-handed": ("platens", OBLIQUE @ np.diag([1, -1, 1])),
}


@pytest.mark.slow
@pytest.mark.skipif(CALCULIX is None, reason="CalculiX is not installed: apt-get install calculix-ccx")
@pytest.mark.parametrize("case", CASES)
def test_calculix_finds_our_force_in_a_bone_of_two_tissues(case: str, tmp_path: Path) -> None:
    name, direction = CASES[case]
    check_with_calculix(two_tissues(direction), loads.by_name(name), tmp_path)


@pytest.mark.slow
@pytest.mark.skipif(CALCULIX is None, reason="CalculiX is not installed: apt-get install calculix-ccx")
@pytest.mark.parametrize("name", ["platens", "uniaxial"])
def test_calculix_finds_our_force_in_trabecular_bone(name: str, tmp_path: Path) -> None:
    """A synthetic vertebra of 24 voxels a side with partly filled voxels, each with a modulus of its own."""
    check_with_calculix(generate("vertebra", seed=1, size=24), loads.by_name(name), tmp_path)


def check_with_calculix(bone: Specimen, load: loads.LoadCase, folder: Path) -> None:
    export(bone, folder / "bone.inp", load)
    work, total = run_calculix(folder / "bone.inp")
    ours = solve(bone, load, rtol=1e-9)
    theirs = work / load.travel(ours.bone.shape, ours.bone.spacing)
    print(f"CalculiX {theirs:.9g} N, ours {ours.force:.9g} N, relative difference {theirs / ours.force - 1:.1e}")
    assert theirs == pytest.approx(ours.force, rel=AGREED)
    if load.name in ("platens", "uniaxial"):
        axial = np.array(ours.bone.direction)[:, 2]
        assert total @ axial == pytest.approx(ours.force, rel=AGREED)
