"""Specimens from files and to files. Only here do axes change: a format's own order outside, (x, y, z) inside.

A new format is a file with a `Reader` in this folder and a line in `READERS`.
"""

import dataclasses
from pathlib import Path
from typing import Unpack

from trabfem.errors import UserError
from trabfem.specimen.readers.raw import Calibration, Raw, Reader
from trabfem.specimen.readers.reading import MoreReading, Reading, make_specimen
from trabfem.specimen.readers.registry import READERS, read_content
from trabfem.specimen.readers.writing import WRITERS, write, write_map
from trabfem.specimen.voxels import Specimen

__all__ = [
    "MoreReading",
    "READERS",
    "WRITERS",
    "Calibration",
    "Raw",
    "Reader",
    "Reading",
    "find_shipped",
    "make_specimen",
    "read",
    "read_content",
    "write",
    "write_map",
]


def read(
    source: str | Path,
    spacing: object = None,
    threshold: float | int | None = None,
    name: str | None = None,
    *,
    crop: int | None = None,
    **more: Unpack[MoreReading],
) -> Specimen:
    """The specimen in a file, by its suffix; or a shipped one by its name.

    Scanco .aim and .isq; DICOM; .nii .nii.gz .mha .mhd .nrrd .vti .vtk images with their place in space; .tif stacks
    and folders of slices; .npz .npy (z, y, x); every mesh of hexahedra on a voxel lattice that meshio reads (.vtk .vtu
    .inp .msh .xdmf ...). Two values are a mask, a few whole numbers are labels, of which `label` chooses, more are gray
    values: Otsu's threshold unless `threshold` or `segmentation` is given. `name`: what to call the specimen, the
    file's name if left out. `spacing`, `threshold`, `crop` and `more`: see `Reading`.

    **Raises:** `UserError` for a file that is missing, broken or of no known kind, that could be read in several ways,
    without bone or without spacing.
    """
    path = Path(source)
    if not path.suffix and not path.exists():
        path = find_shipped(str(path))
    reading = Reading(spacing=spacing, threshold=threshold, crop=crop, **more)
    # Complaints name the file, whatever the specimen is called.
    specimen = make_specimen(read_content(path, reading.get("array")), str(path), reading)
    return dataclasses.replace(specimen, name=name or path.name.split(".")[0])


def find_shipped(name: str) -> Path:
    """Path of a specimen that comes with trabfem, in the installed package or in the source tree."""
    here = Path(__file__).resolve()
    folders = [here.parents[2] / "meshes", here.parents[4] / "meshes"]
    for folder in folders:
        if (folder / f"{name}.npz").is_file():
            return folder / f"{name}.npz"
    known = sorted({p.stem for folder in folders for p in folder.glob("*.npz")})
    raise UserError(f"{name}: neither a file nor a shipped specimen ({', '.join(known)}), check the path")
