"""Meshes with fields, tags and element sets: which cells are bone, and their moduli."""

from pathlib import Path

import numpy as np
import pytest

from trabfem.errors import UserError
from trabfem.specimen import readers
from trabfem.specimen.readers.lattice import voxels_of_cells

meshio = pytest.importorskip("meshio")

SPACING = (0.034, 0.034, 0.05)
SHAPE = (4, 5, 6)
CORNERS = np.array([[0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 0], [0, 0, 1], [1, 0, 1], [1, 1, 1], [0, 1, 1]])


@pytest.fixture(scope="module")
def mask() -> np.ndarray:
    mask = np.random.default_rng(7).random(SHAPE) < 0.5
    mask[0, 0, 0] = mask[-1, -1, -1] = True
    return mask


def hexahedra(selected: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Points and corners of the selected voxels."""
    nodes = np.argwhere(selected)[:, None, :] + CORNERS
    points, inverse = np.unique(nodes.reshape(-1, 3), axis=0, return_inverse=True)
    return points * np.array(SPACING), inverse.reshape(-1, 8)


def write_block(path: Path, **fields: np.ndarray) -> Path:
    """A mesh of the whole block with fields (x, y, z)."""
    points, cells = hexahedra(np.ones(SHAPE, dtype=bool))
    data = {name.replace("__", ":"): [values.ravel()] for name, values in fields.items()}
    options = {"file_format": "gmsh22", "binary": False} if path.suffix == ".msh" else {}
    meshio.write(path, meshio.Mesh(points, [("hexahedron", cells)], cell_data=data), **options)
    return path


def deck(path: Path, sets: dict[str, np.ndarray], end: str = "") -> Path:
    """A deck of the whole block with a block of elements for each set (blank name: none)."""
    points, cells = hexahedra(np.ones(SHAPE, dtype=bool))
    lines = ["*Heading", "bone and marrow", "** a comment", "*Node, nset=nall"]
    lines += [f"{10 + i}, {x:.6f}, {y:.6f}, {z:.6f}" for i, (x, y, z) in enumerate(points)]
    for name, selected in sets.items():
        lines.append(f"*Element, type=C3D8R{', elset=' + name if name else ''}")
        for number in np.flatnonzero(selected.ravel()):
            corners = [str(10 + node) for node in cells[number]]
            # A line may go on in the next one.
            lines += [f"{number + 1}, {', '.join(corners[:4])},", ", ".join(corners[4:])]
    path.write_text("\n".join(lines) + "\n" + end)
    return path


MATERIALS = """*Material, name=Tissue
*Elastic
10000., 0.3
*Material, name=Fat
*Elastic, type=isotropic
1., 0.3
*Solid section, elset=bone, material=Tissue
*Solid section, elset=marrow, material=Fat
"""


@pytest.mark.parametrize("suffix", [".vtu", ".vtk", ".xdmf"])
def test_a_field_of_zero_and_one(tmp_path, mask, suffix) -> None:
    path = write_block(tmp_path / f"m{suffix}", bone=mask.astype(np.int32))
    np.testing.assert_array_equal(readers.read(path).mask, mask)


@pytest.mark.parametrize("suffix", [".vtu", ".xdmf"])
def test_a_field_of_zero_and_one_beside_moduli(tmp_path, mask, suffix) -> None:
    path = write_block(tmp_path / f"m{suffix}", bone=mask.astype(np.int32), E_MPa=np.where(mask, 8748.0, 1.0))
    specimen = readers.read(path)
    np.testing.assert_array_equal(specimen.mask, mask)
    assert specimen.modulus is not None
    assert set(np.unique(specimen.modulus[mask])) == {8748.0}
    assert "'bone' (0 and 1) was taken" in specimen.notes[0]


def test_bone_is_the_stiffer_of_two_moduli(tmp_path, mask) -> None:
    specimen = readers.read(write_block(tmp_path / "m.vtu", E_MPa=np.where(mask, 10000.0, 500.0)))
    np.testing.assert_array_equal(specimen.mask, mask)
    assert "500 MPa were taken as marrow" in specimen.notes[0]
    specimen = readers.read(write_block(tmp_path / "two.vtu", E_MPa=np.where(mask, 17000.0, 8000.0)))
    assert specimen.mask.all() and "is 8000 to 17000 MPa." in specimen.notes[0]


def test_moduli_of_many_values(tmp_path, mask) -> None:
    graded = np.linspace(2000.0, 18000.0, mask.size).reshape(SHAPE)
    specimen = readers.read(write_block(tmp_path / "m.vtu", youngs_modulus=np.where(mask, graded, 5.0)))
    np.testing.assert_array_equal(specimen.mask, mask)
    np.testing.assert_allclose(specimen.maps["modulus"], np.where(mask, graded, 0), rtol=1e-6)
    specimen = readers.read(write_block(tmp_path / "all.vtu", E_GPa=graded / 1000))
    assert specimen.mask.all()
    np.testing.assert_allclose(specimen.maps["modulus"], graded, rtol=1e-6)
    assert "turned from GPa into MPa" in specimen.notes[0]


def test_moduli_in_an_unknown_unit(tmp_path, mask) -> None:
    path = write_block(tmp_path / "m.vtu", modulus=np.where(mask, 1e10, 1e6))
    with pytest.raises(UserError, match=r"'modulus' reach 1e\+10 MPa, which is no bone's; give them in MPa"):
        readers.read(path)


def test_fields_that_cannot_be_told_apart(tmp_path, mask) -> None:
    path = write_block(tmp_path / "m.vtu", bone=mask.astype(np.int32), density=np.where(mask, 0.9, 0.1))
    with pytest.raises(UserError, match="array = not given: .*'bone', 'density'; give one of them"):
        readers.read(path)
    np.testing.assert_array_equal(readers.read(path, array="density").mask, mask)


def test_numbers_of_cells_are_no_field_of_bone(tmp_path, mask) -> None:
    numbers = np.arange(mask.size, dtype=np.int64).reshape(SHAPE)
    path = write_block(tmp_path / "m.vtu", bone=mask.astype(np.int32), cells=numbers)
    np.testing.assert_array_equal(readers.read(path).mask, mask)


def test_physical_groups_are_labels(tmp_path, mask) -> None:
    groups = np.where(mask, 1, 2).astype(np.int32)
    path = write_block(tmp_path / "m.msh", gmsh__physical=groups, gmsh__geometrical=groups)
    text = path.read_text()
    names = '$PhysicalNames\n2\n3 1 "bone"\n3 2 "marrow"\n$EndPhysicalNames\n$Nodes'
    with pytest.raises(UserError, match="label = not given: .* 1 and 2, which look like labels"):
        readers.read(path)
    path.write_text(text.replace("$Nodes", names, 1))
    with pytest.raises(UserError, match=r"label = not given: .*1 \(bone\) and 2 \(marrow\)"):
        readers.read(path)
    np.testing.assert_array_equal(readers.read(path, label=1).mask, mask)


def test_a_mesh_of_its_whole_block_says_so(tmp_path) -> None:
    points, cells = hexahedra(np.ones(SHAPE, dtype=bool))
    meshio.write(tmp_path / "m.mesh", meshio.Mesh(points, [("hexahedron", cells)]))
    specimen = readers.read(tmp_path / "m.mesh")
    assert specimen.mask.all()
    assert "all of it is bone" in specimen.notes[0]


# Decks ----------------------------------------------------------------------------------------------------------------


def test_element_sets_are_labels_of_which_one_is_asked_for(tmp_path, mask) -> None:
    path = deck(tmp_path / "d.inp", {"bone": mask, "marrow": ~mask}, MATERIALS)
    with pytest.raises(UserError, match=r"label = not given: .*1 \(BONE, 10000 MPa\) and 2 \(MARROW, 1 MPa\)"):
        readers.read(path)
    specimen = readers.read(path, label=1)
    np.testing.assert_array_equal(specimen.mask, mask)
    np.testing.assert_array_equal(specimen.modulus, np.where(mask, 10000, 1))
    assert specimen.spacing == pytest.approx(SPACING, rel=1e-4)
    np.testing.assert_array_equal(readers.read(path, array="MARROW").mask, ~mask)


def test_sets_of_bone_alone_are_all_bone(tmp_path, mask) -> None:
    lower = np.arange(SHAPE[2]) < 3
    materials = MATERIALS.replace("\n1., 0.3", "\n5000., 0.3")
    deck(tmp_path / "m.inp", {"bone": mask & lower, "marrow": mask & ~lower}, materials)
    specimen = readers.read(tmp_path / "m.inp")
    np.testing.assert_array_equal(specimen.mask, mask)
    expected = np.where(mask, np.where(lower, 10000, 5000), 0)
    np.testing.assert_array_equal(specimen.maps["modulus"], expected)


def test_labels_beside_moduli(tmp_path, mask) -> None:
    labels = np.where(mask, np.where(np.arange(SHAPE[2]) < 3, 1, 2), 3).astype(np.int32)
    path = write_block(tmp_path / "m.vtu", material=labels, E=np.array([0, 17000.0, 8000.0, 2.0])[labels])
    specimen = readers.read(path)
    np.testing.assert_array_equal(specimen.mask, mask)
    np.testing.assert_array_equal(specimen.maps["labels"], labels)
    assert "'material' were taken as labels" in specimen.notes[-1]


def test_the_only_set_is_the_bone(tmp_path, mask) -> None:
    specimen = readers.read(deck(tmp_path / "d.inp", {"bone": mask, "": ~mask}))
    np.testing.assert_array_equal(specimen.mask, mask)
    assert f"'BONE'; {np.count_nonzero(~mask)} cells outside it are void" in specimen.notes[0]
    whole = readers.read(deck(tmp_path / "e.inp", {"eall": np.ones(SHAPE, dtype=bool)}))
    assert whole.mask.all()


def test_sets_by_number_range_and_name(tmp_path, mask) -> None:
    rest = np.flatnonzero(~mask.ravel()) + 1
    ranges = "".join(f"{n}, {n}, 1\n" for n in np.flatnonzero(mask.ravel()) + 1)
    listed = "".join(f"{n},\n" for n in rest)
    end = f"*ELSET, ELSET=A, GENERATE\n{ranges}*ELSET, ELSET=B\nA\n*ELSET, ELSET=C\n{listed}"
    path = deck(tmp_path / "d.inp", {"": np.ones(SHAPE, dtype=bool)}, end)
    with pytest.raises(UserError, match="array = not given: .*sets that share cells, 'A', 'B', 'C'; give the bone's"):
        readers.read(path)
    np.testing.assert_array_equal(readers.read(path, array="B").mask, mask)
    np.testing.assert_array_equal(readers.read(path, array="C").mask, ~mask)


@pytest.mark.parametrize(
    ("old", "new", "match"),
    [
        ("type=C3D8R", "type=C3D4", "type C3D4, only hexahedra"),
        ("*Heading", "*INCLUDE, INPUT=other.inp", "includes another file"),
        ("10, 0.000000", "10, zero", "does not hold rows of 4 numbers"),
        ("10, 0.000000", "9000, 0.000000", "nodes that are not in the deck"),
        ("10000., 0.3", "stiff, 0.3", "modulus of material TISSUE"),
    ],
)
def test_faults_of_decks(tmp_path, mask, old, new, match) -> None:
    path = deck(tmp_path / "d.inp", {"bone": mask, "marrow": ~mask}, MATERIALS)
    path.write_text(path.read_text().replace(old, new, 1))
    with pytest.raises(UserError, match=match):
        readers.read(path)


# The lattice ----------------------------------------------------------------------------------------------------------


def test_cells_far_apart_and_corners_that_are_not_there(mask) -> None:
    points, cells = hexahedra(mask)
    far = np.concatenate([points, points[cells[0]] + 1e4 * np.array(SPACING) * np.rint(1)])
    with pytest.raises(UserError, match="far: .* no block of bone"):
        voxels_of_cells(far, np.concatenate([cells, len(points) + np.arange(8)[None]]), "far")
    for bad in (-1, len(points)):
        changed = cells.copy()
        changed[0, 0] = bad
        with pytest.raises(UserError, match="corners that are no points"):
            voxels_of_cells(points, changed, "m")
    points[3] = np.nan
    with pytest.raises(UserError, match="not finite"):
        voxels_of_cells(points, cells, "m")
