"""Images: TIFF stacks and folders of slices, and the formats of medical imaging.

Image libraries are imported where they are used: they are the optional extra [images].
"""

import dataclasses
import re
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from trabfem.errors import UserError
from trabfem.specimen.place import check_direction, point_at
from trabfem.specimen.readers.isolated import extract
from trabfem.specimen.readers.layers import choose_layer
from trabfem.specimen.readers.raw import Raw, Triple, import_package

MM = {"mm": 1.0, "millimeter": 1.0, "um": 1e-3, "micron": 1e-3, "microns": 1e-3, "µm": 1e-3, "\\u00B5m": 1e-3, "m": 1e3}

SAME = 0.05
"""Two places of a scan are the same if no corner differs by more than this part of a voxel."""


def read_tiff(path: Path, which: str | int | None) -> Raw:
    """Pages are z, rows y, columns x; spacing from ImageJ's metadata."""
    tifffile = import_package("tifffile")
    with tifffile.TiffFile(path) as file:
        array = file.asarray()
        spacing = _imagej_spacing(file)
    return Raw(array.T, spacing)


def _imagej_spacing(file: Any) -> Triple | None:
    """Spacing of an ImageJ stack: pages `spacing` apart, pixels 1/resolution, both in `unit`."""
    info = file.imagej_metadata or {}
    factor = MM.get(str(info.get("unit", "")).strip())
    tags = file.pages[0].tags
    if factor is None or "spacing" not in info or "XResolution" not in tags or "YResolution" not in tags:
        return None
    x, y = (tags[tag].value[1] / tags[tag].value[0] for tag in ("XResolution", "YResolution"))
    return (x * factor, y * factor, float(info["spacing"]) * factor)


def read_slices(path: Path, which: str | int | None) -> Raw:
    """A folder of .tif slices in the order of the numbers in their names; the first is z = 0."""
    files = [p for p in path.iterdir() if p.suffix.lower() in (".tif", ".tiff")]
    if not files:
        raise UserError(f"{path}: the folder holds no .tif slices, give the folder they are in")
    files.sort(key=lambda p: [int(part) if part.isdigit() else part for part in re.split(r"(\d+)", p.name)])
    tifffile = import_package("tifffile")
    slices = [np.asarray(tifffile.imread(file)) for file in files]
    for file, image in zip(files, slices, strict=True):
        if image.ndim != 2 or image.shape != slices[0].shape:
            raise UserError(
                f"{file}: slice of shape {image.shape} among slices of {slices[0].shape}, remove or crop it"
            )
    return Raw(np.stack(slices).T)


def read_image(path: Path, which: str | int | None) -> Raw:
    """Anything SimpleITK reads as 3-D images of numbers; 1 mm cubes are the formats' word for an unknown spacing.

    `which`: of several components, layers or segments, by name or number.
    """
    import_package("SimpleITK")
    with tempfile.TemporaryDirectory(prefix="trabfem-") as place:
        found = extract("extract_itk", path, Path(place))
        values = np.load(Path(place) / "values.npy")
    chosen = choose_layer(path, which, values, found)
    x, y, z, *_ = found["spacing"]
    if (x, y, z) == (1.0, 1.0, 1.0):
        return chosen
    direction = check_direction([row[:3] for row in found["direction"][:3]])
    a, b, c, *_ = found["origin"]
    # These formats give the middle of the first voxel.
    origin = point_at((a, b, c), direction, (x, y, z), (-0.5, -0.5, -0.5))
    notes = (*chosen.notes, *compare_forms(found))
    return dataclasses.replace(chosen, spacing=(x, y, z), origin=origin, direction=direction, notes=notes)


def compare_forms(found: Mapping[str, Any]) -> tuple[str, ...]:
    """A sentence where the sform of a NIfTI header says another place than the one that was read, which is the qform's.

    Source: the NIfTI-1 header file, methods 2 and 3 of its orientation.
    """
    metadata = found["metadata"]
    if metadata.get("sform_code", "0") == "0" or metadata.get("qform_code", "0") == "0":
        return ()
    try:
        rows = np.array([[float(word) for word in metadata[f"srow_{axis}"].split()] for axis in "xyz"])
        # Units of a thousand and of a thousandth of a millimetre.
        rows = rows.reshape(3, 4) * {1: 1e3, 3: 1e-3}.get(int(metadata.get("xyzt_units", "2")) & 7, 1.0)
    except (KeyError, ValueError):
        return ()
    spacing, size = np.array(found["spacing"][:3]), np.array(found["size"][:3])
    axes = np.array(found["direction"])[:3, :3]
    # NIfTI's x and y run to the right and the front, ITK's to the left and the back.
    read = np.column_stack([axes * spacing, found["origin"][:3]]) * np.array([-1, -1, 1])[:, None]
    corners = np.array([[i, j, k, 1] for i in (0, 1) for j in (0, 1) for k in (0, 1)]) * [*size, 1]
    if np.abs(corners @ (rows - read).T).max() <= SAME * spacing.min():
        return ()
    return ("The header gives two places (sform and qform) that differ; that of the qform was taken.",)
