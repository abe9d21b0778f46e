"""What ParaView gets: read back with VTK's own readers where pyvista is installed."""

from pathlib import Path

import numpy as np
import pytest

from fake_run import write_run
from trabfem import vti
from trabfem.render import paraview
from trabfem.runs.study import open_study

pyvista = pytest.importorskip("pyvista")
vtkDataArray = pytest.importorskip("vtkmodules.vtkCommonCore").vtkDataArray
SHAPE, SPACING, ORIGIN = (8, 6, 10), (0.05, 0.06, 0.04), (1.0, -2.0, 3.5)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("paraview") / "run"
    return write_run(out, SHAPE, SPACING, months=(0, 6, 18, 60), origin=ORIGIN)


def test_series_holds_times_places_and_values(folder: Path) -> None:
    untreated, oestrogen = paraview.export(folder)
    assert untreated == folder / "paraview" / "untreated.pvd" and oestrogen.is_file()
    reader = pyvista.PVDReader(str(untreated))
    assert np.allclose(reader.time_values, [0, 0.5, 1.5, 5]), "years"
    reader.set_active_time_value(1.5)
    image = reader.read()[0]
    moment = open_study(folder).arms[0].moment(18)
    assert image.dimensions == (9, 7, 11) and image.origin == ORIGIN and np.allclose(image.spacing, SPACING)
    assert moment.age is not None
    for name, values, unit in (
        ("fill", moment.fill, "1"), ("sed (MPa)", moment.sed, "MPa"), ("age (years)", moment.age, "years")
    ):  # fmt: skip
        label = image.cell_data.VTKObject.GetAbstractArray(name).GetInformation()
        assert label.Get(vtkDataArray.UNITS_LABEL()) == unit
        assert np.array_equal(image.cell_data[name].reshape(SHAPE, order="F"), values)
    place = (5, 2, 7)
    cell = image.find_containing_cell(np.array(ORIGIN) + (np.array(place) + 0.5) * SPACING)
    assert image.cell_data["sed (MPa)"][cell] == moment.sed[place], "x, y, z are where they were"


def test_thinned_series_keeps_the_last_month(folder: Path) -> None:
    paths = paraview.export(folder, every=2)
    assert np.allclose(pyvista.PVDReader(str(paths[0])).time_values, [0, 1.5, 5])
    assert paraview.choose_places(1, 5) == [0]


def test_large_arrays_are_split_into_blocks() -> None:
    raw = np.random.default_rng(0).integers(0, 4, 2 * vti.BLOCK_BYTES + 17, dtype=np.uint8).tobytes()
    stream = vti.compress(raw)
    assert np.frombuffer(stream, "<u8", 3).tolist() == [3, vti.BLOCK_BYTES, 17]


def test_blocks_read_back(tmp_path: Path) -> None:
    fill = np.random.default_rng(1).random((70, 65, 64)).astype(np.float32)
    path = vti.write(tmp_path / "big.vti", (70, 65, 64), (0.1, 0.1, 0.1), cells={"fill": fill, "sed": 2 * fill})
    assert np.array_equal(pyvista.read(path).cell_data["sed"].reshape(fill.shape, order="F"), 2 * fill)
    assert not list(tmp_path.glob("*.part"))


def test_units_are_kept_where_vtk_keeps_them(tmp_path: Path) -> None:
    values = np.ones((2, 3, 4), np.float32)
    path = vti.write(
        tmp_path / "units.vti",
        (2, 3, 4),
        (0.1, 0.1, 0.1),
        cells={"plain": values, "odd": values},
        corners={"u": np.ones((3, 4, 5, 3), np.float32)},
        units={"odd": "N/mm & <1>", "u": "mm", "plain": ""},
    )
    image = pyvista.read(path)
    for data, name, unit in ((image.cell_data, "odd", "N/mm & <1>"), (image.point_data, "u", "mm")):
        assert data.VTKObject.GetAbstractArray(name).GetInformation().Get(vtkDataArray.UNITS_LABEL()) == unit
    plain = image.cell_data.VTKObject.GetAbstractArray("plain").GetInformation()
    assert plain.Get(vtkDataArray.UNITS_LABEL()) is None
