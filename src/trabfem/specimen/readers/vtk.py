"""VTK's files: images, rectilinear and curvilinear grids, meshes of hexahedra or voxels; XML and legacy.

Source: VTK User's Guide, file formats. The points of an image with point data are the middles of the voxels, the cells
of one with cell data are the voxels.
"""

import tempfile
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from trabfem.errors import UserError
from trabfem.specimen.place import check_direction, point_at
from trabfem.specimen.readers.fields import Choice, choose_field
from trabfem.specimen.readers.isolated import extract
from trabfem.specimen.readers.meshes import Mesh, from_mesh
from trabfem.specimen.readers.raw import Raw, Triple

EQUAL = 1e-4
"""The spacing of a rectilinear grid may vary by this part of itself: text files are rounded."""
FLAT = frozenset((*range(10), 21, 22, 23, 28, 30, 34, 35, 36, 60, 61, 62, 66, 67, 68, 69, 70, 75, 76, 77))
"""VTK's numbers of cells without a volume."""
SOLID = {10: "tetra", 13: "wedge", 14: "pyramid", 24: "quadratic tetra", 26: "quadratic wedge", 42: "polyhedron"}


def read_vtk(path: Path, which: str | int | None) -> Raw:
    """.vti .vtr .vts .vtu, their parallel kinds .pvti ..., and legacy .vtk of these kinds of data."""
    with tempfile.TemporaryDirectory(prefix="trabfem-") as place:
        folder = Path(place)
        if find_spec("vtkmodules") is None:
            raise UserError(f"{path}: this file needs VTK: pip install vtk, or convert the file to .nrrd or .npz")
        found = extract("extract_vtk", path, folder)
        readers: dict[str, Callable[..., Raw]] = {
            "image": read_image,
            "rectilinear": read_rectilinear,
            "mesh": read_mesh,
        }
        return readers[found["kind"]](path, which, found, folder)


def read_image(path: Path, which: str | int | None, found: dict[str, Any], folder: Path) -> Raw:
    """An image; its first point is the outer corner of cells and the middle of voxels at points."""
    chosen, of = choose_array(path, which, found, folder)
    x, y, z = found["spacing"]
    spacing: Triple = (x, y, z)
    shape = voxels_of(path, found["points"], of)
    placed = Raw(chosen.values.reshape(shape, order="F"), **extras(chosen, shape))
    if spacing == (1.0, 1.0, 1.0):
        # VTK's word for a spacing that was never set.
        return placed
    if min(spacing) <= 0:
        raise UserError(f"{path}: the spacing is {x:g} x {y:g} x {z:g}, not positive; give the file another")
    direction = check_direction(found["direction"])
    a, b, c = found["origin"]
    shift = (-0.5,) * 3 if of == "points" else (0.0,) * 3
    origin = point_at((a, b, c), direction, spacing, shift)
    return Raw(placed.array, spacing, origin=origin, direction=direction, **extras(chosen, shape))


def read_rectilinear(path: Path, which: str | int | None, found: dict[str, Any], folder: Path) -> Raw:
    """A rectilinear grid of equal spacing along each axis; an axis may run backwards."""
    chosen, of = choose_array(path, which, found, folder)
    shape = voxels_of(path, found["points"], of)
    steps, starts = [], []
    turn: list[slice] = []
    for axis in "xyz":
        places = np.load(folder / f"{axis}.npy")
        if len(places) < 2:
            raise UserError(f"{path}: one point along {axis} gives no voxel size, give at least two")
        step = (places[-1] - places[0]) / (len(places) - 1)
        if not step or not np.all(np.abs(np.diff(places) - step) <= EQUAL * abs(step)):
            edges = np.diff(places)
            raise UserError(
                f"{path}: the spacing along {axis} varies from {edges.min():g} to {edges.max():g}, voxels need one; "
                "resample it to an image first, in ParaView by Resample To Image"
            )
        turn.append(slice(None, None, 1 if step > 0 else -1))
        steps.append(abs(float(step)))
        starts.append(float(places.min()) - (0.5 * abs(float(step)) if of == "points" else 0.0))
    spacing, origin = (tuple(values) for values in (steps, starts))
    kept = {key: value for key, value in extras(chosen, shape).items() if key != "maps"}
    maps = {name: values[tuple(turn)] for name, values in extras(chosen, shape)["maps"].items()}
    return Raw(chosen.values.reshape(shape, order="F")[tuple(turn)], spacing, origin=origin, maps=maps, **kept)


def read_mesh(path: Path, which: str | int | None, found: dict[str, Any], folder: Path) -> Raw:
    """A mesh; cells that are ghosts of another piece are left out."""
    solid = [number for number in found["others"] if number not in FLAT]
    if solid:
        kinds = ", ".join(SOLID.get(number, f"type {number}") for number in solid)
        raise UserError(f"{path}: holds {kinds} cells, only hexahedra on a voxel lattice can be read")
    kept, corners = np.load(folder / "kept.npy"), np.load(folder / "corners.npy")
    if not len(kept):
        raise UserError(f"{path}: holds no hexahedra or voxels, give a voxel mesh")
    arrays = [entry for entry in found["arrays"] if entry["of"] == "cells"]
    own = np.ones(len(kept), dtype=bool)
    for entry in arrays:
        if entry["name"] == "vtkGhostType":
            own = np.load(folder / entry["file"])[kept] == 0
    fields = {
        entry["name"]: np.load(folder / entry["file"])[kept[own]]
        for entry in arrays
        if entry["components"] == 1 and not entry["name"].startswith("vtk")
    }
    return from_mesh(path, which, Mesh(np.load(folder / "places.npy"), corners[own], fields))


def choose_array(path: Path, which: str | int | None, found: dict[str, Any], folder: Path) -> tuple[Choice, str]:
    """The chosen array of a grid, and whether its values are those of "cells" or of "points"."""
    usable = [entry for entry in found["arrays"] if not entry["name"].startswith("vtk")]
    scalars = [entry for entry in usable if entry["components"] == 1]
    vectors = ", ".join(
        f"{entry['name']!r} ({entry['components']} components)" for entry in usable if entry not in scalars
    )
    if not scalars:
        what = f"only {vectors}" if vectors else "no array"
        raise UserError(f"{path}: holds {what}, give gray values or a mask, one number a voxel")
    counted = [entry["name"] for entry in scalars]
    named = {
        entry["name"] if counted.count(entry["name"]) == 1 else f"{entry['name']} ({entry['of']})": entry
        for entry in scalars
    }
    taken: list[str] = []

    def load(name: str) -> np.ndarray:
        taken.append(name)
        return np.load(folder / named[name]["file"])

    if len({entry["of"] for entry in scalars}) == 2 and which is None:
        # Values of cells and of points lie on different voxels, so that one is no map of the other.
        where = ", ".join(f"{name!r} of the {entry['of']}" for name, entry in named.items())
        raise UserError(f"array = not given: {path} holds {where}; give one of them")
    one = [name for name, entry in named.items() if which is not None or entry["of"] == scalars[0]["of"]]
    chosen = choose_field(path, which, one, load, "arrays")
    left = (f"Left out: {vectors}.",) if vectors and which is None else ()
    return Choice(chosen.values, chosen.is_mask, chosen.maps, (*chosen.notes, *left)), named[taken[0]]["of"]


def voxels_of(path: Path, points: list[int], of: str) -> tuple[int, int, int]:
    """Voxels (x, y, z) of a grid of so many points."""
    x, y, z = points if of == "points" else [count - 1 for count in points]
    if min(x, y, z) < 1:
        raise UserError(f"{path}: holds a flat grid of {' x '.join(map(str, points))} points, a specimen needs voxels")
    return x, y, z


def extras(chosen: Choice, shape: tuple[int, int, int]) -> dict[str, Any]:
    """The other arguments of `Raw`, with maps of `shape`."""
    maps = {name: values.reshape(shape, order="F") for name, values in chosen.maps.items()}
    return {"is_mask": chosen.is_mask, "maps": maps, "notes": chosen.notes}
