"""Meshes of hexahedra on a voxel lattice, in whatever format meshio reads."""

from pathlib import Path

import numpy as np

from trabfem.errors import UserError
from trabfem.specimen.readers.images import read_image
from trabfem.specimen.readers.lattice import grid_of_voxels, voxels_of_cells
from trabfem.specimen.readers.raw import Raw, choose

HEXAHEDRA = ("hexahedron", "hexahedron20", "hexahedron24", "hexahedron27", "voxel")


def read_vtk(path: Path, which: str | int | None) -> Raw:
    """A legacy VTK file, which may hold an image or a mesh."""
    image = b"STRUCTURED_POINTS" in path.read_bytes()[:1000]
    return read_image(path, which) if image else read_mesh(path, which)


def read_mesh(path: Path, which: str | int | None) -> Raw:
    """Hexahedra of a meshio mesh on their lattice; cells of lower dimension are ignored, other solids refused."""
    import meshio

    mesh = meshio.read(path)
    kinds = {block.type for block in mesh.cells}
    other = sorted(
        kind for kind in kinds if kind.startswith(("tetra", "wedge", "pyramid", "poly")) and "gon" not in kind
    )
    if other:
        raise UserError(f"{path}: holds {', '.join(other)} cells, only hexahedra on a voxel lattice can be read")
    chosen = [i for i, block in enumerate(mesh.cells) if block.type in HEXAHEDRA and len(block.data)]
    if not chosen:
        raise UserError(f"{path}: holds no hexahedra ({', '.join(sorted(kinds)) or 'no cells'}), give a voxel mesh")
    cells = np.concatenate([np.asarray(mesh.cells[i].data)[:, :8] for i in chosen])
    points = np.asarray(mesh.points, dtype=np.float64)[:, :3]
    index, edges = voxels_of_cells(points, cells.astype(np.int64), path.name)
    values = np.ones(len(cells), dtype=np.uint8)
    fields = [key for key, data in mesh.cell_data.items() if np.ndim(data[chosen[0]]) == 1]
    if fields:
        name = fields[choose(path, which, fields, "cell fields")]
        values = np.concatenate([np.asarray(mesh.cell_data[name][i]) for i in chosen])
    x, y, z = points[cells].reshape(-1, 3).min(axis=0).tolist()
    return Raw(grid_of_voxels(index, values), edges, origin=(x, y, z))
