"""VTK's images, grids and meshes: cells and points, place, the choice among arrays, and faults."""

from pathlib import Path

import numpy as np
import pytest

from trabfem.errors import UserError
from trabfem.specimen import readers

pyvista = pytest.importorskip("pyvista")

SPACING = (0.030, 0.041, 0.052)
SHAPE = (5, 6, 8)
ORIGIN = (3.0, -1.5, 0.25)


@pytest.fixture(scope="module")
def mask() -> np.ndarray:
    mask = np.random.default_rng(5).random(SHAPE) < 0.4
    mask[0, 0, 0] = mask[-1, -1, -1] = True
    return mask


def flat(values: np.ndarray) -> np.ndarray:
    """In VTK's order, x fastest."""
    return values.ravel(order="F")


def image_of(mask: np.ndarray, of: str, **arrays: np.ndarray):
    extra = 1 if of == "cells" else 0
    image = pyvista.ImageData(dimensions=[n + extra for n in SHAPE], spacing=SPACING, origin=ORIGIN)
    data = image.cell_data if of == "cells" else image.point_data
    for name, values in ({"bone": mask.astype(np.uint8)} | arrays).items():
        data[name] = flat(values)
    return image


def grid_of(mask: np.ndarray):
    edges = [o + np.arange(n + 1) * h for n, h, o in zip(SHAPE, SPACING, ORIGIN, strict=True)]
    grid = pyvista.RectilinearGrid(*edges)
    grid.cell_data["bone"] = flat(mask.astype(np.uint8))
    return grid


@pytest.mark.parametrize("of", ["cells", "points"])
@pytest.mark.parametrize(("name", "binary"), [("i.vti", True), ("i.vti", False), ("i.vtk", True), ("i.vtk", False)])
def test_images_of_cells_and_of_points(tmp_path, mask, of, name, binary) -> None:
    image_of(mask, of).save(tmp_path / name, binary=binary)
    specimen = readers.read(tmp_path / name)
    np.testing.assert_array_equal(specimen.mask, mask)
    assert specimen.spacing == pytest.approx(SPACING, rel=1e-6)
    # A point is the middle of its voxel.
    corner = np.array(ORIGIN) - (0.5 * np.array(SPACING) if of == "points" else 0)
    assert specimen.origin == pytest.approx(corner, abs=1e-6)


@pytest.mark.parametrize(("name", "binary"), [("r.vtr", True), ("r.vtr", False), ("r.vtk", True), ("r.vtk", False)])
def test_rectilinear_and_curvilinear_grids(tmp_path, mask, name, binary) -> None:
    grid = grid_of(mask)
    grid.save(tmp_path / name, binary=binary)
    curvilinear = name.replace("r.vtr", "s.vts").replace("r.vtk", "s.vtk")
    grid.cast_to_structured_grid().save(tmp_path / curvilinear, binary=binary)
    for each in (name, curvilinear):
        specimen = readers.read(tmp_path / each)
        np.testing.assert_array_equal(specimen.mask, mask)
        assert specimen.spacing == pytest.approx(SPACING, rel=1e-4)
        assert specimen.origin == pytest.approx(ORIGIN, abs=1e-5)


def test_points_of_a_rectilinear_grid_that_runs_backwards(tmp_path, mask) -> None:
    middles = [(np.arange(n) + 0.5) * h for n, h in zip(SHAPE, SPACING, strict=True)]
    grid = pyvista.RectilinearGrid(middles[0], middles[1], middles[2][::-1])
    grid.point_data["bone"] = flat(mask[:, :, ::-1].astype(np.uint8))
    grid.save(tmp_path / "b.vtr")
    specimen = readers.read(tmp_path / "b.vtr")
    np.testing.assert_array_equal(specimen.mask, mask)
    assert specimen.origin == pytest.approx((0, 0, 0), abs=1e-9)


def test_unequal_spacing_is_refused(tmp_path, mask) -> None:
    edges = [np.arange(n + 1) * h for n, h in zip(SHAPE, SPACING, strict=True)]
    edges[1][3] += 0.01
    grid = pyvista.RectilinearGrid(*edges)
    grid.cell_data["bone"] = flat(mask.astype(np.uint8))
    grid.save(tmp_path / "u.vtr")
    with pytest.raises(UserError, match="u.vtr: the spacing along y varies from 0.031 to 0.051.*Resample To Image"):
        readers.read(tmp_path / "u.vtr")


def test_direction_and_extent_of_an_image(tmp_path, mask) -> None:
    turn = np.array([[0.8, -0.6, 0], [0.6, 0.8, 0], [0, 0, 1]])
    image = pyvista.ImageData(dimensions=[n + 1 for n in SHAPE], spacing=SPACING, direction_matrix=turn)
    image.offset = (2, 0, -3)
    image.cell_data["bone"] = flat(mask.astype(np.uint8))
    image.save(tmp_path / "d.vti")
    specimen = readers.read(tmp_path / "d.vti")
    np.testing.assert_array_equal(specimen.mask, mask)
    np.testing.assert_allclose(specimen.direction, turn)
    assert specimen.origin == pytest.approx(turn @ (np.array((2, 0, -3)) * SPACING), abs=1e-9)


@pytest.mark.parametrize("name", ["t.vtu", "t.vtk"])
@pytest.mark.parametrize("binary", [True, False])
def test_voxel_cells_of_a_threshold(tmp_path, mask, name, binary) -> None:
    voxels = image_of(mask, "cells").threshold(0.5, scalars="bone")
    assert set(voxels.celltypes) == {pyvista.CellType.VOXEL}
    voxels.save(tmp_path / name, binary=binary)
    specimen = readers.read(tmp_path / name)
    np.testing.assert_array_equal(specimen.mask, mask)
    assert specimen.origin == pytest.approx(ORIGIN, abs=1e-5)


def test_voxels_and_hexahedra_in_one_mesh_with_faces(tmp_path, mask) -> None:
    voxels = image_of(mask, "cells").cast_to_unstructured_grid()
    eight = voxels.cells_dict[pyvista.CellType.VOXEL]
    half = len(eight) // 2
    cells = {
        pyvista.CellType.VOXEL: eight[:half],
        pyvista.CellType.HEXAHEDRON: eight[half:][:, [0, 1, 3, 2, 4, 5, 7, 6]],
        pyvista.CellType.QUAD: eight[:3, :4],
    }
    mesh = pyvista.UnstructuredGrid(cells, voxels.points)
    mesh.cell_data["bone"] = [*flat(mask).astype(np.uint8), 1, 1, 1]
    mesh.save(tmp_path / "m.vtu")
    np.testing.assert_array_equal(readers.read(tmp_path / "m.vtu").mask, mask)


def test_one_of_several_arrays_has_to_be_chosen(tmp_path, mask) -> None:
    gray = np.where(mask, 900, 100) + np.arange(mask.size).reshape(SHAPE) % 40
    image = image_of(mask, "cells", gray=gray.astype(np.int16))
    image.cell_data["displacement"] = np.zeros((mask.size, 3))
    image.save(tmp_path / "a.vti")
    with pytest.raises(UserError, match="array = not given: .*a.vti holds 2 arrays, 'bone', 'gray'; give one of them"):
        readers.read(tmp_path / "a.vti")
    for name in ("bone", "gray"):
        np.testing.assert_array_equal(readers.read(tmp_path / "a.vti", array=name).mask, mask)
    image.cell_data.remove("gray")
    image.save(tmp_path / "b.vti")
    specimen = readers.read(tmp_path / "b.vti")
    np.testing.assert_array_equal(specimen.mask, mask)
    assert specimen.notes == ("Left out: 'displacement' (3 components).",)
    image.cell_data.remove("bone")
    image.save(tmp_path / "c.vti")
    with pytest.raises(UserError, match="c.vti: holds only 'displacement' .3 components., give gray values or a mask"):
        readers.read(tmp_path / "c.vti")


def test_arrays_of_cells_beside_those_of_points(tmp_path, mask) -> None:
    image = image_of(mask, "cells")
    image.point_data["bone"] = np.zeros(image.n_points)
    image.save(tmp_path / "a.vti")
    with pytest.raises(UserError, match=r"'bone \(cells\)' of the cells, 'bone \(points\)' of the points; give one"):
        readers.read(tmp_path / "a.vti")
    np.testing.assert_array_equal(readers.read(tmp_path / "a.vti", array="bone (cells)").mask, mask)


def test_a_mask_beside_moduli(tmp_path, mask) -> None:
    modulus = np.where(mask, 9000.0 + np.arange(mask.size).reshape(SHAPE), 2.0)
    image_of(mask, "cells", E_MPa=modulus).save(tmp_path / "m.vti")
    specimen = readers.read(tmp_path / "m.vti")
    np.testing.assert_array_equal(specimen.mask, mask)
    assert specimen.modulus is not None
    np.testing.assert_allclose(specimen.modulus[mask], modulus[mask])
    assert "'bone' (0 and 1) was taken as the bone and 'E_MPa' as its Young's modulus" in specimen.notes[0]


def test_unknown_spacing_is_asked_for(tmp_path, mask) -> None:
    image = image_of(mask, "cells")
    image.spacing = (1.0, 1.0, 1.0)
    image.save(tmp_path / "i.vti")
    with pytest.raises(UserError, match="spacing = not given"):
        readers.read(tmp_path / "i.vti")
    np.testing.assert_array_equal(readers.read(tmp_path / "i.vti", spacing=0.034).mask, mask)


def test_parallel_pieces(tmp_path, mask) -> None:
    image_of(mask, "cells").save(tmp_path / "piece.vti")
    extent = " ".join(f"0 {n}" for n in SHAPE)
    edges, origin = (" ".join(map(str, values)) for values in (SPACING, ORIGIN))
    (tmp_path / "all.pvti").write_text(
        '<VTKFile type="PImageData" version="0.1" byte_order="LittleEndian">'
        f'<PImageData WholeExtent="{extent}" GhostLevel="0" Origin="{origin}" Spacing="{edges}">'
        '<PCellData Scalars="bone"><PDataArray type="UInt8" Name="bone"/></PCellData>'
        f'<Piece Extent="{extent}" Source="piece.vti"/></PImageData></VTKFile>'
    )
    np.testing.assert_array_equal(readers.read(tmp_path / "all.pvti").mask, mask)
    (tmp_path / "piece.vti").unlink()
    with pytest.raises(UserError, match="all.pvti"):
        readers.read(tmp_path / "all.pvti")


# Faults ---------------------------------------------------------------------------------------------------------------


def test_other_data_is_refused(tmp_path, mask) -> None:
    pyvista.Sphere().save(tmp_path / "surface.vtk")
    with pytest.raises(UserError, match="surface.vtk: holds a surface, no voxels"):
        readers.read(tmp_path / "surface.vtk")
    image_of(mask, "cells").cast_to_unstructured_grid().triangulate().save(tmp_path / "t.vtu")
    with pytest.raises(UserError, match="t.vtu: holds tetra cells, only hexahedra on a voxel lattice can be read"):
        readers.read(tmp_path / "t.vtu")
    pyvista.ImageData(dimensions=(4, 5, 1)).save(tmp_path / "flat.vti")
    with pytest.raises(UserError, match="flat.vti: holds no array"):
        readers.read(tmp_path / "flat.vti")


def test_a_sheared_image_is_refused_by_name(tmp_path, mask) -> None:
    image_of(mask, "cells").save(tmp_path / "s.vti", binary=False)
    text = (tmp_path / "s.vti").read_text()
    assert 'Direction="1 0 0 0 1 0 0 0 1"' in text
    (tmp_path / "s.vti").write_text(text.replace('Direction="1 0 0', 'Direction="1 0.3 0'))
    with pytest.raises(UserError, match="s.vti: .*sheared or skewed"):
        readers.read(tmp_path / "s.vti")


@pytest.mark.parametrize("name", ["i.vti", "i.vtk", "r.vtr", "r.vtk", "t.vtu"])
def test_a_file_cut_short_is_one_sentence(tmp_path, mask, name, capfd) -> None:
    data = grid_of(mask) if name.startswith("r") else image_of(mask, "cells")
    (data.threshold(0.5, scalars="bone") if name == "t.vtu" else data).save(tmp_path / name)
    content = (tmp_path / name).read_bytes()
    (tmp_path / name).write_bytes(content[: int(0.6 * len(content))])
    with pytest.raises(UserError, match=name) as caught:
        readers.read(tmp_path / name)
    assert "\n" not in str(caught.value)
    assert capfd.readouterr() == ("", "")


def test_a_header_that_claims_much_more(tmp_path, mask) -> None:
    image_of(mask, "cells").save(tmp_path / "i.vtk")
    content = (tmp_path / "i.vtk").read_bytes()
    (tmp_path / "i.vtk").write_bytes(content.replace(b"DIMENSIONS 6 7 9", b"DIMENSIONS 9000 9000 9000"))
    with pytest.raises(UserError, match="i.vtk"):
        readers.read(tmp_path / "i.vtk")


def test_vtk_is_asked_for_where_it_is_missing(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr("trabfem.specimen.readers.vtk.find_spec", lambda name: None)
    (tmp_path / "i.vti").write_text("anything")
    with pytest.raises(UserError, match="i.vti: this file needs VTK: pip install vtk"):
        readers.read(tmp_path / "i.vti")
