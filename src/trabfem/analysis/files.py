"""Fields of a solution in files: images for voxel programs, meshes for finite-element ones, arrays for numpy."""

from collections.abc import Callable
from pathlib import Path

import numpy as np

from trabfem import vti
from trabfem.analysis.fields import Fields
from trabfem.errors import UserError
from trabfem.mechanics.mesh import HexMesh

VTK_CORNERS = [0, 4, 6, 2, 1, 5, 7, 3]
"""Our local nodes 4 x + 2 y + z in the order in which VTK goes around a hexahedron."""


def write_fields(fields: Fields, mesh: HexMesh, path: str | Path) -> Path:
    """Write every field to a new file by its suffix: .vti (the grid), .vtu (the bone's hexahedra), .npz (arrays).

    .npz holds the arrays as they are in memory, axes (x, y, z), and `spacing_xyz_mm` and `origin_xyz_mm`.
    """
    path = check_fields_path(path)
    if path.exists():
        raise UserError(f"{path} exists and is left as it is: give another name")
    path.parent.mkdir(parents=True, exist_ok=True)
    WRITERS[path.suffix.lower()](fields, mesh, path)
    return path


def check_fields_path(path: str | Path) -> Path:
    """`path`, or UserError where fields cannot be written to a file of that suffix."""
    path = Path(path)
    if path.suffix.lower() not in WRITERS:
        raise UserError(f"{path}: fields cannot be written to this kind of file, use {', '.join(WRITERS)}")
    return path


def _write_vti(fields: Fields, mesh: HexMesh, path: Path) -> None:
    arrays: dict[str, dict[str, np.ndarray]] = {"voxels": {}, "corners": {}}
    for name, kind in fields.kinds.items():
        arrays[kind.at][name] = fields[name].astype("<f4")
    components = {name: kind.components for name, kind in fields.kinds.items()}
    place = (mesh.shape, fields.spacing, fields.origin)
    vti.write(path, *place, cells=arrays["voxels"], corners=arrays["corners"], components=components)


def _write_vtu(fields: Fields, mesh: HexMesh, path: Path) -> None:
    import meshio

    nodes = np.asarray(mesh.nodes)[: mesh.num_nodes]
    conn = np.asarray(mesh.conn)[: mesh.num_elements, VTK_CORNERS]
    places = {"voxels": np.asarray(mesh.voxels)[: mesh.num_elements], "corners": nodes}
    # From the grid, so that every field is taken in one way whatever computes it.
    values = {name: fields[name][tuple(places[kind.at].T)].astype("<f4") for name, kind in fields.kinds.items()}
    at = {where: [name for name, kind in fields.kinds.items() if kind.at == where] for where in places}
    meshio.Mesh(
        points=nodes * np.array(fields.spacing) + np.array(fields.origin),
        cells=[("hexahedron", conn)],
        point_data={name: values[name] for name in at["corners"]},
        cell_data={name: [values[name]] for name in at["voxels"]},
    ).write(path)


def _write_npz(fields: Fields, mesh: HexMesh, path: Path) -> None:
    arrays = {name: fields[name] for name in fields}
    arrays |= {"spacing_xyz_mm": np.array(fields.spacing), "origin_xyz_mm": np.array(fields.origin)}
    np.savez_compressed(path, **arrays)  # pyright: ignore[reportArgumentType]


WRITERS: dict[str, Callable[[Fields, HexMesh, Path], None]] = {
    ".vti": _write_vti,
    ".vtu": _write_vtu,
    ".npz": _write_npz,
}
