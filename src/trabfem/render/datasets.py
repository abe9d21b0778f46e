"""Results as PyVista data sets, in mm and in the place of the scan."""

import importlib
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from trabfem.errors import UserError
from trabfem.render.surface import extract
from trabfem.runs.study import ArmRuns, Study
from trabfem.specimen import Specimen
from trabfem.specimen.place import IDENTITY, Direction

if TYPE_CHECKING:
    import pyvista

Triple = tuple[float, float, float]


def require_pyvista() -> Any:
    """The package; UserError where it is not installed."""
    try:
        return importlib.import_module("pyvista")
    except ImportError:
        raise UserError("to_pyvista needs pyvista, which is not installed: pip install pyvista") from None


def image(
    shape: tuple[int, int, int],
    spacing: Triple,
    origin: Triple,
    cells: Mapping[str, np.ndarray],
    corners: Mapping[str, np.ndarray] | None = None,
    components: Mapping[str, Sequence[str]] | None = None,
    direction: Direction = IDENTITY,
) -> "pyvista.ImageData":
    """Arrays (x, y, z) or (x, y, z, component) of a voxel grid; `corners` have one more place along each axis."""
    grid = require_pyvista().ImageData(dimensions=[n + 1 for n in shape], spacing=spacing, origin=origin)
    grid.direction_matrix = np.asarray(direction)
    for data, arrays in ((grid.cell_data, cells), (grid.point_data, corners or {})):
        for name, values in arrays.items():
            # VTK orders places with x fastest.
            flat = values.ravel(order="F") if values.ndim == 3 else values.reshape(-1, values.shape[3], order="F")
            data[name] = np.ascontiguousarray(flat)
            for place, label in enumerate((components or {}).get(name, ())):
                data.VTKObject.GetAbstractArray(name).SetComponentName(place, label)
    grid.set_active_scalars(next(iter(cells)), preference="cell")
    return grid


def of_specimen(specimen: Specimen, *, surface: bool = False) -> "pyvista.DataSet":
    """Image data with the cell data `fill`; with `surface` its closed surface as triangles with normals."""
    if not surface:
        maps = {
            name: values.astype(np.uint8) if values.dtype == bool else values for name, values in specimen.maps.items()
        }
        cells = {"fill": specimen.fill, **maps}
        return image(specimen.shape, specimen.spacing, specimen.origin, cells, direction=specimen.direction)
    pyvista = require_pyvista()
    found = extract(specimen.fill, specimen.spacing)
    turn = np.asarray(specimen.direction)
    mesh = pyvista.PolyData.from_regular_faces(found.points @ turn.T + np.asarray(specimen.origin), found.triangles)
    mesh.point_data.active_normals = (found.normals @ turn.T).astype(np.float32)
    return mesh


def of_arm(arm: ArmRuns, *, month: float | None = None, member: int = 0) -> "pyvista.ImageData":
    """A bone of an arm: cell data `fill` and `sed`, MPa per volume of the voxel; the last month where None."""
    moment = arm.moment(month, member)
    x, y, z = moment.fill.shape
    cells = {"fill": moment.fill, "sed": moment.sed}
    return image((x, y, z), arm.spacing, arm.place.origin, cells, direction=arm.place.direction)


def of_study(study: Study, *, month: float | None = None, member: int = 0) -> "pyvista.MultiBlock":
    """The bones of all arms, one block an arm under its name; the last month of each where None."""
    return require_pyvista().MultiBlock({arm.name: of_arm(arm, month=month, member=member) for arm in study})


def of_solution(solution: Any) -> "pyvista.ImageData":
    """All fields of a `BoneSolution`: those of voxels as cell data, those of corners as point data."""
    fields = solution.fields()
    at: dict[str, dict[str, np.ndarray]] = {"voxels": {"fill": solution.bone.fill}, "corners": {}}
    for name, kind in fields.kinds.items():
        at[kind.at][name] = np.asarray(fields[name], np.float32)
    components = {name: kind.components for name, kind in fields.kinds.items()}
    place = (solution.bone.shape, fields.spacing, fields.origin)
    return image(*place, at["voxels"], at["corners"], components, direction=fields.direction)
