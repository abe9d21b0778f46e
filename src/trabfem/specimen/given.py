"""Conversion to a specimen from a file, the name of a shipped specimen, or an array."""

from pathlib import Path

import numpy as np

from trabfem.errors import UserError
from trabfem.specimen import readers
from trabfem.specimen.segmentation import from_values
from trabfem.specimen.voxels import Specimen, crop_centre

Bone = Specimen | str | Path | np.ndarray


def as_specimen(
    bone: Bone, spacing: object = None, threshold: float | None = None, crop: int | None = None
) -> Specimen:
    """The specimen that `bone` stands for.

    A file or a shipped name is read (`readers.read`). An array (x, y, z) needs `spacing` in mm; two values in it are a
    mask, more are gray values, and fractions of bone go into `Specimen(fill, spacing)`. A specimen is taken as it is.
    `crop`: keep the cube of so many voxels a side in the middle.

    **Raises:** `UserError` for what cannot be read, and for a spacing or threshold beside a specimen.
    """
    if isinstance(bone, str | Path):
        return readers.read(bone, spacing=spacing, threshold=threshold, crop=crop)
    if isinstance(bone, np.ndarray):
        if spacing is None:
            raise UserError("spacing = not given: an array carries no voxel size; give the edge of a voxel in mm")
        specimen = from_values(bone, spacing, threshold, "array")
    else:
        for name, value in (("spacing", spacing), ("threshold", threshold)):
            if value is not None:
                raise UserError(f"{name} = {value}: {bone.name} is a specimen and has one; leave it out")
        specimen = bone
    return specimen if crop is None else crop_centre(specimen, crop)
