"""Conversion to a specimen from a file, the name of a shipped specimen, or an array."""

from pathlib import Path
from typing import Unpack

import numpy as np

from trabfem.errors import UserError
from trabfem.specimen import readers
from trabfem.specimen.readers import MoreReading, Raw, Reading
from trabfem.specimen.readers.reading import add_maps, cut_down
from trabfem.specimen.voxels import Specimen

Bone = Specimen | str | Path | np.ndarray
OF_SPECIMENS = ("crop", "coarsen", "roi", "labels", "moduli")


def as_specimen(
    bone: Bone,
    spacing: object = None,
    threshold: float | int | None = None,
    crop: int | None = None,
    **more: Unpack[MoreReading],
) -> Specimen:
    """The specimen that `bone` stands for.

    A file or a shipped name is read (`readers.read`). An array (x, y, z) needs `spacing` in mm; two values in it are a
    mask, more are gray values, and fractions of bone go into `Specimen(fill, spacing)`. A specimen is taken as it is,
    with a `crop`, `coarsen`, `roi`, `labels` or `moduli` that are given beside it.

    **Raises:** `UserError` for what cannot be read, and for a spacing or threshold beside a specimen.
    """
    if isinstance(bone, str | Path):
        return readers.read(bone, spacing, threshold, crop=crop, **more)
    reading = Reading(spacing=spacing, threshold=threshold, crop=crop, **more)
    if isinstance(bone, np.ndarray):
        if spacing is None:
            raise UserError("spacing = not given: an array carries no voxel size; give the edge of a voxel in mm")
        return readers.make_specimen(Raw(bone), "array", reading)
    for name, value in reading.items():
        if value is not None and name not in OF_SPECIMENS:
            raise UserError(f"{name} = {value}: {bone.name} is a specimen and has one; leave it out")
    return cut_down(add_maps(bone, reading), reading)
