"""The geometry and arrays of a VTK file, for `vtk`. Run by `isolated_main`; imports no trabfem.

VTK prints its complaints and returns what it has; here every complaint is an error.
"""

import mmap
import re
from pathlib import Path
from typing import Any

import numpy as np

HEXAHEDRA = (11, 12, 25, 29, 33, 72, 79)
"""Voxel, hexahedron, and those of higher order: the first eight points are the corners of each."""

TYPES = {"int8": "char", "uint8": "unsigned_char", "int16": "short", "uint16": "unsigned_short"}
TYPES |= {"int32": "int", "uint32": "unsigned_int"}
MESHIO_TYPE = re.compile(rb"(?<= )vtktype(u?int(?:8|16|32))\n")


class FileError(Exception):
    """What is wrong with the file, in words that follow its name."""


def extract(path: Path, folder: Path) -> dict[str, Any]:
    """What kind of data the file holds, its geometry, and its arrays, which are written to `folder`."""
    data = read_data(rename_types(path, folder))
    kind = data.GetClassName()
    if kind == "vtkPartitionedDataSetCollection" or kind == "vtkMultiBlockDataSet":
        raise FileError("holds several blocks, save the one with the voxels as a file of its own")
    readers = {
        "vtkImageData": read_image,
        "vtkStructuredPoints": read_image,
        "vtkUniformGrid": read_image,
        "vtkRectilinearGrid": read_rectilinear,
        "vtkStructuredGrid": read_structured,
        "vtkUnstructuredGrid": read_unstructured,
    }
    if kind not in readers:
        what = "a surface" if kind == "vtkPolyData" else kind
        raise FileError(f"holds {what}, no voxels; give an image, or a mesh of hexahedra on a voxel lattice")
    found = readers[kind](data, folder)
    found["arrays"] = [*save_arrays(data, folder, "cells"), *save_arrays(data, folder, "points")]
    return found


def read_data(path: Path) -> Any:
    """The data object; FileError where VTK complains about anything."""
    from vtkmodules.vtkCommonCore import vtkOutputWindow, vtkStringOutputWindow

    window = vtkStringOutputWindow()
    vtkOutputWindow.SetInstance(window)
    reader = make_reader(path)
    reader.SetFileName(str(path))
    if hasattr(reader, "UpdateInformation") and path.suffix.lower() != ".vtk":
        reader.UpdateInformation()
        refuse_complaints(window)
    reader.Update()
    refuse_complaints(window)
    data = reader.GetOutputDataObject(0)
    if data is None:
        raise FileError("is not a VTK file, check its suffix")
    return data


def rename_types(path: Path, folder: Path) -> Path:
    """A copy with names of types that VTK reads, of legacy files with names that meshio writes; else the file."""
    if path.suffix.lower() != ".vtk" or path.stat().st_size == 0:
        return path
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        if not MESHIO_TYPE.search(content):
            return path
        copy = folder / "renamed.vtk"
        copy.write_bytes(MESHIO_TYPE.sub(lambda match: TYPES[match.group(1).decode()].encode() + b"\n", content))
        return copy


def make_reader(path: Path) -> Any:
    """VTK's reader for the suffix."""
    if path.suffix.lower() == ".vtk":
        from vtkmodules.vtkIOLegacy import vtkGenericDataObjectReader

        reader = vtkGenericDataObjectReader()
        for what in ("Scalars", "Vectors", "Normals", "Tensors", "ColorScalars", "TCoords", "Fields"):
            getattr(reader, f"ReadAll{what}On")()
        return reader
    from vtkmodules import vtkIOXML

    kind = {"i": "ImageData", "r": "RectilinearGrid", "s": "StructuredGrid", "u": "UnstructuredGrid"}
    parallel = "P" if path.suffix.lower().startswith(".pvt") else ""
    return getattr(vtkIOXML, f"vtkXML{parallel}{kind[path.suffix[-1].lower()]}Reader")()


def refuse_complaints(window: Any) -> None:
    """FileError with the first complaint of VTK."""
    said = window.GetOutput()
    if "ERR" in said or "rror" in said:
        lines = [line.strip() for line in said.splitlines() if line.strip()]
        words = [line.split("): ", 1)[-1] for line in lines if "rror" in line or "): " in line] or lines
        raise FileError(f"cannot be read ({words[0][:150].rstrip('.')}), check that the file is whole")


def count_points(data: Any) -> list[int]:
    """Points along each axis: some classes of VTK cannot return them as a whole."""
    extent = data.GetExtent()
    return [last - first + 1 for first, last in zip(extent[::2], extent[1::2], strict=True)]


def read_image(data: Any, folder: Path) -> dict[str, Any]:
    """Points along each axis, and the place of the first point: an extent need not begin at zero."""
    matrix = data.GetDirectionMatrix()
    direction = [[matrix.GetElement(i, j) for j in range(3)] for i in range(3)]
    first = np.array(data.GetExtent()[::2], dtype=float) * data.GetSpacing()
    origin = np.asarray(data.GetOrigin()) + np.asarray(direction) @ first
    return {
        "kind": "image",
        "points": count_points(data),
        "spacing": list(data.GetSpacing()),
        "origin": origin.tolist(),
        "direction": direction,
    }


def read_rectilinear(data: Any, folder: Path) -> dict[str, Any]:
    """The coordinates of the points along each axis, in files x, y and z."""
    points = count_points(data)
    for axis, count in zip("xyz", points, strict=True):
        values = as_numpy(getattr(data, f"Get{axis.upper()}Coordinates")())
        if values is None or len(values) != count:
            raise FileError(f"has no {count} coordinates along {axis}, export it again")
        np.save(folder / f"{axis}.npy", values.astype(np.float64))
    return {"kind": "rectilinear", "points": points}


def read_structured(data: Any, folder: Path) -> dict[str, Any]:
    """A curvilinear grid as a mesh: its points, and the corners of its cells with x fastest."""
    x, y, z = count_points(data)
    if min(x, y, z) < 2:
        raise FileError(f"holds a grid of {x} x {y} x {z} points, a specimen needs cells along three axes")
    places = save_points(data, folder)
    if len(places) != x * y * z:
        raise FileError(f"holds {len(places)} points in a grid of {x} x {y} x {z}, export it again")
    k, j, i = np.meshgrid(np.arange(z - 1), np.arange(y - 1), np.arange(x - 1), indexing="ij")
    first = (i + x * (j + y * k)).ravel()
    corners = [dx + x * (dy + y * dz) for dz in (0, 1) for dy in (0, 1) for dx in (0, 1)]
    np.save(folder / "corners.npy", first[:, None] + np.array(corners))
    np.save(folder / "kept.npy", np.arange(len(first)))
    return {"kind": "mesh", "others": []}


def read_unstructured(data: Any, folder: Path) -> dict[str, Any]:
    """Points, the eight corners of each cell that is a hexahedron or a voxel, and the types of the others."""
    places = save_points(data, folder)
    cells = data.GetCells()
    types = as_numpy(data.GetCellTypes() if hasattr(data, "GetCellTypes") else data.GetCellTypesArray())
    if cells is None or types is None or data.GetNumberOfCells() == 0:
        raise FileError("holds no cells, give a voxel mesh")
    corners, starts = as_numpy(cells.GetConnectivityArray()), as_numpy(cells.GetOffsetsArray())
    if corners is None or starts is None or len(starts) != len(types) + 1:
        raise FileError("holds cells without corners, export it again")
    kept = np.flatnonzero(np.isin(types, HEXAHEDRA))
    first = starts[:-1][kept]
    if np.any(starts[1:][kept] - first < 8) or np.any(first < 0) or np.any(first + 8 > len(corners)):
        raise FileError("holds hexahedra of fewer than eight corners, export it again")
    eight = corners[first[:, None] + np.arange(8)]
    if eight.size and (eight.min() < 0 or eight.max() >= len(places)):
        raise FileError("holds cells with corners that are no points of it, export it again")
    np.save(folder / "corners.npy", eight.astype(np.int64))
    np.save(folder / "kept.npy", kept)
    return {"kind": "mesh", "others": np.setdiff1d(types, HEXAHEDRA).tolist()}


def save_points(data: Any, folder: Path) -> np.ndarray:
    """The points, (points, 3), also in a file."""
    places = None if data.GetPoints() is None else as_numpy(data.GetPoints().GetData())
    if places is None or places.ndim != 2:
        raise FileError("holds no points, export it again")
    np.save(folder / "places.npy", places.astype(np.float64))
    return places


def save_arrays(data: Any, folder: Path, of: str) -> list[dict[str, Any]]:
    """Name, number of components and file of each array of the cells or points."""
    attributes = data.GetCellData() if of == "cells" else data.GetPointData()
    count = data.GetNumberOfCells() if of == "cells" else data.GetNumberOfPoints()
    found = []
    for number in range(attributes.GetNumberOfArrays()):
        array = attributes.GetArray(number)
        values = None if array is None else as_numpy(array)
        if array is None or values is None:
            continue
        name = array.GetName() or f"array {number}"
        if len(values) != count:
            raise FileError(f"has {len(values)} values of {name!r} for {count} {of}, export it again")
        if values.ndim == 1:
            np.save(folder / f"{of}{number}.npy", values)
        components = 1 if values.ndim == 1 else values.shape[1]
        found.append({"name": name, "of": of, "components": components, "file": f"{of}{number}.npy"})
    return found


def as_numpy(array: Any) -> np.ndarray | None:
    """The values; None where VTK's array has no counterpart in numpy. Implicit and bit arrays are written out."""
    from vtkmodules.util.numpy_support import vtk_to_numpy
    from vtkmodules.vtkCommonCore import vtkBitArray, vtkDoubleArray, vtkUnsignedCharArray

    if array is None:
        return None
    if isinstance(array, vtkBitArray) or not hasattr(array, "GetVoidPointer"):
        plain = vtkUnsignedCharArray() if isinstance(array, vtkBitArray) else vtkDoubleArray()
        plain.DeepCopy(array)
        array = plain
    values: np.ndarray = np.asarray(vtk_to_numpy(array))
    return values[:, 0] if values.ndim == 2 and values.size == len(values) else values
