"""Formats of medical imaging, through SimpleITK, which is imported where it is used: the optional extra [images]."""

from pathlib import Path

import numpy as np

from trabfem.errors import UserError
from trabfem.specimen.place import check_direction, point_at
from trabfem.specimen.readers.raw import Raw, import_package


def read_image(path: Path, which: str | int | None) -> Raw:
    """Anything SimpleITK reads as one 3-D image of scalars; 1 mm cubes are the formats' word for an unknown spacing."""
    sitk = import_package("SimpleITK")
    image = sitk.ReadImage(str(path))
    if image.GetNumberOfComponentsPerPixel() > 1:
        raise UserError(f"{path}: the image has colour or vector values, give gray values or a mask")
    spacing = tuple(image.GetSpacing())
    array = sitk.GetArrayFromImage(image).T
    if len(spacing) != 3 or spacing == (1.0, 1.0, 1.0):
        return Raw(array)
    direction = check_direction(np.reshape(image.GetDirection(), (3, 3)))
    # These formats give the middle of the first voxel.
    origin = point_at(image.GetOrigin(), direction, spacing, (-0.5, -0.5, -0.5))
    return Raw(array, spacing, origin=origin, direction=direction)
