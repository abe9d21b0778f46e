"""Fields of a solution in files: images for voxel programs, meshes for finite-element ones, arrays for numpy."""

from collections.abc import Callable
from pathlib import Path

import numpy as np

from trabfem import vti
from trabfem.analysis.fields import FIELDS, Fields
from trabfem.errors import UserError
from trabfem.mechanics.mesh import HexMesh
from trabfem.specimen.place import points_at
from trabfem.specimen.readers import write_map
from trabfem.specimen.readers.registry import suffix_of

IMAGES = (".nii", ".nii.gz", ".mha", ".mhd", ".nrrd")
VTK_CORNERS = [0, 4, 6, 2, 1, 5, 7, 3]
"""Our local nodes 4 x + 2 y + z in the order in which VTK goes around a hexahedron."""


def write_fields(fields: Fields, mesh: HexMesh, path: str | Path, field: str | None = None) -> Path:
    """Write fields to a new file by its suffix, in the place of the scan.

    .vti (the grid), .vtu (the bone's hexahedra) and .npz (arrays) hold every field. .npz has the arrays as they are in
    memory, axes (x, y, z), and `spacing_xyz_mm`, `origin_xyz_mm` and `direction_xyz`. Images (.nii .nii.gz .mha .mhd
    .nrrd) hold one, `field`, on the voxels of the whole scan: 0 outside the bone; displacement as the mean of a voxel's
    corners; components as those of a vector image.
    """
    path, field = check_fields_path(path, field)
    if path.exists():
        raise UserError(f"{path} exists and is left as it is: give another name")
    path.parent.mkdir(parents=True, exist_ok=True)
    if field is None:
        WRITERS[path.suffix.lower()](fields, mesh, path)
    else:
        write_map(fields.of_voxels(field).astype(np.float32), fields.bone, path, field)
    return path


def check_fields_path(path: str | Path, field: str | None = None) -> tuple[Path, str | None]:
    """`path`, and which field goes into it, None for all; UserError where this cannot be written."""
    path = Path(path)
    if field is not None and field not in FIELDS:
        raise UserError(f"field = {field}: give one of {', '.join(FIELDS)}")
    if suffix_of(path) in IMAGES:
        return path, field or "sed"
    if suffix_of(path) not in WRITERS:
        known = ", ".join((*WRITERS, *IMAGES))
        raise UserError(f"{path}: fields cannot be written to this kind of file, use {known}")
    if field is not None:
        raise UserError(f"field = {field}: {path} holds all fields; leave it out, or write an image ({IMAGES[1]})")
    return path, None


def _write_vti(fields: Fields, mesh: HexMesh, path: Path) -> None:
    arrays: dict[str, dict[str, np.ndarray]] = {"voxels": {}, "corners": {}}
    for name, kind in fields.kinds.items():
        arrays[kind.at][name] = fields[name].astype("<f4")
    components = {name: kind.components for name, kind in fields.kinds.items()}
    units = {name: kind.column.unit for name, kind in fields.kinds.items()}
    place = (mesh.shape, fields.spacing, fields.origin)
    vti.write(
        path,
        *place,
        direction=fields.direction,
        cells=arrays["voxels"],
        corners=arrays["corners"],
        components=components,
        units=units,
    )


def _write_vtu(fields: Fields, mesh: HexMesh, path: Path) -> None:
    import meshio

    nodes = np.asarray(mesh.nodes)[: mesh.num_nodes]
    conn = np.asarray(mesh.conn)[: mesh.num_elements, VTK_CORNERS]
    places = {"voxels": np.asarray(mesh.voxels)[: mesh.num_elements], "corners": nodes}
    # From the grid, so that every field is taken in one way whatever computes it.
    values = {name: fields[name][tuple(places[kind.at].T)].astype("<f4") for name, kind in fields.kinds.items()}
    at = {where: [name for name, kind in fields.kinds.items() if kind.at == where] for where in places}
    meshio.Mesh(
        points=points_at(fields.origin, fields.direction, fields.spacing, nodes),
        cells=[("hexahedron", conn)],
        point_data={name: values[name] for name in at["corners"]},
        cell_data={name: [values[name]] for name in at["voxels"]},
    ).write(path)


def _write_npz(fields: Fields, mesh: HexMesh, path: Path) -> None:
    arrays = {name: fields[name] for name in fields}
    arrays |= {"spacing_xyz_mm": np.array(fields.spacing), "origin_xyz_mm": np.array(fields.origin)}
    arrays |= {"direction_xyz": np.array(fields.direction)}
    np.savez_compressed(path, **arrays)  # pyright: ignore[reportArgumentType]


WRITERS: dict[str, Callable[[Fields, HexMesh, Path], None]] = {
    ".vti": _write_vti,
    ".vtu": _write_vtu,
    ".npz": _write_npz,
}
