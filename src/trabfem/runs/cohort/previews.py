"""The bone of a row, coarse enough to be shown on its page: the scan itself need not be at hand then.

rows/ID_bone.h5    fill as round(255 x), energy density (MPa per volume of voxel) if the row was solved, spacing
"""

from pathlib import Path
from typing import Any

import numpy as np

from trabfem.errors import UserError
from trabfem.runs import files
from trabfem.runs.trajectory import Moment
from trabfem.specimen import Specimen
from trabfem.specimen.windows import average_blocks

MOST_VOXELS = 96
"""Along a side; of larger bones blocks of voxels are averaged."""


def path_of(place: Path) -> Path:
    """The file's path, from the place of the row without ending."""
    return place.with_name(f"{place.name}_bone.h5")


def write_preview(place: Path, bone: Specimen, elastic: Any = None) -> Path:
    """Write the bone, with the energy density of a `BoneSolution` of it."""
    factor = -(-max(bone.shape) // MOST_VOXELS)
    sed = None if elastic is None else np.asarray(elastic.fields().of_voxels("sed"), np.float32)
    arrays: dict[str, np.ndarray] = {"fill": np.round(255 * average_blocks(bone.fill, factor)).astype(np.uint8)}
    if sed is not None and sed.shape == bone.shape:
        arrays["sed"] = average_blocks(sed, factor).astype(np.float32)
    attributes = {"spacing_mm": [factor * edge for edge in bone.spacing]}
    options = {"compression": "gzip", "compression_opts": 1, "shuffle": True}
    files.write_hdf5(path_of(place), arrays, attributes, options)
    return path_of(place)


def read_preview(place: Path) -> tuple[Moment, tuple[float, float, float], bool] | None:
    """The bone, its spacing, and whether its energy is known; None where no file was written."""
    import h5py

    path = path_of(place)
    if not path.exists():
        return None
    try:
        with h5py.File(path, "r") as file:
            fill = np.asarray(file["fill"], np.float32) / np.float32(255)
            sed = np.asarray(file["sed"], np.float32) if "sed" in file else None
            x, y, z = (float(edge) for edge in np.asarray(file.attrs["spacing_mm"]))
    except (OSError, KeyError) as error:
        raise UserError(f"{path} cannot be read ({error}): delete it and give the command again") from error
    return Moment(0.0, fill, np.zeros_like(fill) if sed is None else sed), (x, y, z), sed is not None
