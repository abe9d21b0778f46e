"""The hexahedra of a mesh through meshio, for `meshes`. Run by `isolated_main`; imports no trabfem."""

from pathlib import Path
from typing import Any

import numpy as np

HEXAHEDRA = ("hexahedron", "hexahedron20", "hexahedron24", "hexahedron27", "voxel")


class FileError(Exception):
    """What is wrong with the file, in words that follow its name."""


def extract(path: Path, folder: Path) -> dict[str, Any]:
    """Points, corners of the hexahedra, fields and sets of these; cells of lower dimension are ignored.

    FileError for other solids.
    """
    import meshio

    mesh = meshio.read(path)
    kinds = {block.type for block in mesh.cells}
    other = sorted(
        kind for kind in kinds if kind.startswith(("tetra", "wedge", "pyramid", "poly")) and "gon" not in kind
    )
    if other:
        raise FileError(f"holds {', '.join(other)} cells, only hexahedra on a voxel lattice can be read")
    chosen = [i for i, block in enumerate(mesh.cells) if block.type in HEXAHEDRA and len(block.data)]
    if not chosen:
        raise FileError(f"holds no hexahedra ({', '.join(sorted(kinds)) or 'no cells'}), give a voxel mesh")
    points = np.asarray(mesh.points, dtype=np.float64)
    if points.ndim != 2 or points.shape[1] < 3:
        raise FileError("has points that are not in three dimensions, give a voxel mesh")
    corners = np.concatenate([np.asarray(mesh.cells[i].data)[:, :8] for i in chosen])
    np.save(folder / "places.npy", points[:, :3])
    np.save(folder / "corners.npy", corners.astype(np.int64))
    fields = {
        name: np.concatenate([np.asarray(blocks[i]) for i in chosen])
        for name, blocks in mesh.cell_data.items()
        if all(np.ndim(blocks[i]) == 1 for i in chosen)
    }
    names = {int(np.ravel(value)[0]): name for name, value in mesh.field_data.items()}
    return {
        "fields": save(fields, folder, "field", len(corners)),
        "sets": save(read_sets(mesh, chosen), folder, "set", len(corners)),
        "names": names,
    }


def read_sets(mesh: Any, chosen: list[int]) -> dict[str, np.ndarray]:
    """Names of meshio's sets of cells, and whether each of the hexahedra is in the set."""
    sets = {}
    for name, blocks in mesh.cell_sets.items():
        if ":" in name or len(blocks) != len(mesh.cells):
            continue
        inside = [np.zeros(len(mesh.cells[i].data), dtype=bool) for i in chosen]
        for cells, number in zip(inside, chosen, strict=True):
            cells[np.asarray([] if blocks[number] is None else blocks[number], dtype=np.int64)] = True
        sets[name] = np.concatenate(inside)
    return sets


def save(arrays: dict[str, np.ndarray], folder: Path, kind: str, count: int) -> dict[str, str]:
    """Names of arrays of numbers, one a cell, and the files that they are in."""
    files = {}
    for number, (name, values) in enumerate(arrays.items()):
        if len(values) == count and (values.dtype == bool or np.issubdtype(values.dtype, np.number)):
            files[name] = f"{kind}{number}.npy"
            np.save(folder / files[name], values)
    return files
