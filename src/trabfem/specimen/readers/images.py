"""Images: TIFF stacks and folders of slices, and the formats of medical imaging.

Image libraries are imported where they are used: they are the optional extra [images].
"""

import dataclasses
import re
from pathlib import Path
from typing import Any

import numpy as np

from trabfem.errors import UserError
from trabfem.specimen.place import point_at
from trabfem.specimen.readers import headers, layers
from trabfem.specimen.readers.raw import Raw, Triple, import_package

MM = {"mm": 1.0, "millimeter": 1.0, "um": 1e-3, "micron": 1e-3, "microns": 1e-3, "µm": 1e-3, "\\u00B5m": 1e-3, "m": 1e3}


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
    sitk = import_package("SimpleITK")
    reader = sitk.ImageFileReader()
    reader.SetFileName(str(path))
    headers.check_data_file(path)
    shown = sitk.ProcessObject.GetGlobalWarningDisplay()
    # Warnings would go to standard error past Python; what matters in them is said below.
    sitk.ProcessObject.SetGlobalWarningDisplay(False)
    try:
        reader.ReadImageInformation()
        headers.check_claim(path, reader)
        image = reader.Execute()
    except RuntimeError as error:
        raise headers.explain(path, str(error)) from None
    finally:
        sitk.ProcessObject.SetGlobalWarningDisplay(shown)
    chosen = layers.choose_layer(path, which, sitk.GetArrayViewFromImage(image), headers.read_metadata(reader), image)
    x, y, z, *_ = image.GetSpacing()
    if (x, y, z) == (1.0, 1.0, 1.0):
        return chosen
    count = image.GetDimension()
    direction = headers.name_file(path, np.reshape(image.GetDirection(), (count, count))[:3, :3])
    # These formats give the middle of the first voxel.
    origin = point_at(image.GetOrigin()[:3], direction, (x, y, z), (-0.5, -0.5, -0.5))
    notes = (*chosen.notes, *headers.compare_forms(reader, image))
    return dataclasses.replace(chosen, spacing=(x, y, z), origin=origin, direction=direction, notes=notes)
