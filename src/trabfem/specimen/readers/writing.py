"""Specimens, masks and fields to files, in the place of the scan."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from trabfem import vti
from trabfem.errors import UserError
from trabfem.specimen.place import Direction, Triple, point_at
from trabfem.specimen.readers import arrays
from trabfem.specimen.readers.raw import import_package
from trabfem.specimen.readers.registry import suffix_of
from trabfem.specimen.voxels import MAPS, Specimen
from trabfem.specimen.windows import put_back, scan_origin

Grid = Literal["scan", "block"]


@dataclass(frozen=True)
class Image:
    """Values (x, y, z) or (x, y, z, component) and where they lie, as in `Specimen`."""

    values: np.ndarray
    spacing: Triple
    origin: Triple
    direction: Direction
    name: str = "values"


def write(specimen: Specimen, path: str | Path, what: str = "mask", grid: Grid = "scan") -> None:
    """Write a specimen by the suffix of the file.

    .npz keeps the fill (to 1/255) and all else that there is of the block. .nii .nii.gz .mha .mhd .nrrd .vti .tif hold
    one image: `what` is "mask" (0 and 1), "fill", "density", "labels", "region" or "modulus". `grid`: on the voxels of
    the scan, zero outside the block, or on those of the block. Either lies on the scan; .tif knows no place.
    """
    path = Path(path)
    if suffix_of(path) != ".npz" and suffix_of(path) not in WRITERS:
        known = ", ".join((".npz", *WRITERS))
        raise UserError(f"{path}: cannot write {suffix_of(path) or 'a file without suffix'}, use {known}")
    path.parent.mkdir(parents=True, exist_ok=True)
    if suffix_of(path) == ".npz":
        arrays.write_npz(specimen, path)
        return
    write_map(values_of(specimen, what), specimen, path, what, grid)


def write_map(values: np.ndarray, specimen: Specimen, path: Path, name: str = "values", grid: Grid = "scan") -> None:
    """Write values of the voxels of `specimen`, (x, y, z) or (x, y, z, component), as an image in its place."""
    if suffix_of(path) not in WRITERS:
        raise UserError(f"{path}: an image cannot be written to this kind of file, use {', '.join(WRITERS)}")
    origin = specimen.origin
    if grid == "scan":
        values, origin = put_back(specimen, values), scan_origin(specimen)
    WRITERS[suffix_of(path)](Image(values, specimen.spacing, origin, specimen.direction, name), path)


def values_of(specimen: Specimen, what: str) -> np.ndarray:
    """The array called `what`; UserError where the specimen has none."""
    if what == "mask":
        return specimen.mask.astype(np.uint8)
    if what == "fill":
        return specimen.fill
    values = specimen.maps.get(what)
    if values is None:
        known = ", ".join(("mask", "fill", *(name for name in MAPS if name in specimen.maps)))
        raise UserError(f"what = {what!r}: {specimen.name} has {known}; give one of them")
    return values.astype(np.uint8) if values.dtype == bool else values


def write_itk(image: Image, path: Path) -> None:
    """Through SimpleITK; components become those of a vector image."""
    sitk = import_package("SimpleITK")
    # ITK's order is z, y, x, then components.
    values = np.ascontiguousarray(np.moveaxis(image.values, (0, 1, 2), (2, 1, 0)))
    written = sitk.GetImageFromArray(values, isVector=values.ndim == 4)
    written.SetSpacing(image.spacing)
    written.SetDirection(np.ravel(image.direction).tolist())
    # These formats give the middle of the first voxel.
    written.SetOrigin(point_at(image.origin, image.direction, image.spacing, (0.5, 0.5, 0.5)))
    sitk.WriteImage(written, str(path), useCompression=suffix_of(path) != ".mhd")


def write_tiff(image: Image, path: Path) -> None:
    """ImageJ stack, spacing in its metadata; a mask of 0 and 1 as 0 and 255."""
    tifffile = import_package("tifffile")
    if image.values.ndim != 3:
        raise UserError(f"{path}: a stack holds one number a voxel, write a field with components to .nii.gz or .vti")
    x, y, z = image.spacing
    pages = np.ascontiguousarray(image.values.T)
    pages = pages * np.uint8(255) if image.name in ("mask", "region") else pages.astype(_tiff_type(pages.dtype))
    metadata = {"spacing": z, "unit": "mm", "axes": "ZYX"}
    tifffile.imwrite(path, pages, imagej=True, resolution=(1 / x, 1 / y), metadata=metadata)


def _tiff_type(dtype: np.dtype) -> np.dtype:
    """ImageJ knows bytes, unsigned 16-bit numbers and single precision."""
    return dtype if dtype in (np.uint8, np.uint16) else np.dtype(np.float32)


def write_vti(image: Image, path: Path) -> None:
    """VTK image data with values of cells."""
    kept = image.values if image.values.dtype.str[1:] in vti.VTK_TYPES else image.values.astype(np.float32)
    x, y, z = image.values.shape[:3]
    vti.write(path, (x, y, z), image.spacing, image.origin, direction=image.direction, cells={image.name: kept})


WRITERS: dict[str, Callable[[Image, Path], None]] = {
    ".mhd": write_itk,
    ".mha": write_itk,
    ".nrrd": write_itk,
    ".nii": write_itk,
    ".nii.gz": write_itk,
    ".vti": write_vti,
    ".tif": write_tiff,
    ".tiff": write_tiff,
}
