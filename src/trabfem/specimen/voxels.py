"""A specimen on a voxel lattice, made from a mask or from gray values, and cleaned of what carries no load."""

import dataclasses
import math
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool
from scipy import ndimage

from trabfem.errors import UserError

# Trabeculae are about 0.1 mm thick: a voxel outside this range is a slip of the unit, not a scan of bone.
SMALLEST_VOXEL_MM = 0.001
LARGEST_VOXEL_MM = 1.0
AXES = "xyz"


def check_spacing(spacing: object) -> tuple[float, float, float]:
    """Voxel edges (x, y, z) in mm from one number or three; UserError unless finite, positive and of bone's size."""
    try:
        values = np.atleast_1d(np.asarray(spacing, dtype=float))
    except (TypeError, ValueError):
        raise UserError(f"spacing {spacing!r} is not a number: give the voxel edges in mm, e.g. 0.034") from None
    if values.shape == (1,):
        values = np.repeat(values, 3)
    if values.shape != (3,):
        raise UserError(f"spacing {spacing!r} must be one number or three (x, y, z) in mm")
    for value in values.tolist():
        if not math.isfinite(value) or value <= 0:
            raise UserError(f"spacing {value:g} mm is not a positive length: give the voxel edge in mm, e.g. 0.034")
        if value > LARGEST_VOXEL_MM:
            raise UserError(f"spacing {value:g} mm looks like micrometres: give {value / 1000:g} (the unit is mm)")
        if value < SMALLEST_VOXEL_MM:
            raise UserError(f"spacing {value:g} mm looks like metres: give {value * 1000:g} (the unit is mm)")
    return (float(values[0]), float(values[1]), float(values[2]))


def check_array(array: np.ndarray, name: str) -> None:
    """Raise UserError unless `array` is a three-dimensional, non-empty array of finite numbers."""
    if array.ndim != 3:
        raise UserError(f"{name}: the array has {array.ndim} dimensions, a specimen needs three (x, y, z)")
    if array.size == 0:
        raise UserError(f"{name}: the array of shape {array.shape} is empty, give at least one voxel along each axis")
    if array.dtype != bool and not np.issubdtype(array.dtype, np.number):
        raise UserError(f"{name}: values of type {array.dtype} are not numbers, give a mask or gray values")
    if np.issubdtype(array.dtype, np.complexfloating):
        raise UserError(f"{name}: complex values are not gray values, give a real array")
    if np.issubdtype(array.dtype, np.floating):
        bad = int(array.size - np.count_nonzero(np.isfinite(array)))
        if bad:
            raise UserError(f"{name}: {bad} of {array.size} values are NaN or infinite, replace or crop them first")


@dataclass(frozen=True)
class Specimen:
    """A block of bone: the fraction of bone in each voxel, 0..1, axes (x, y, z), load along z, spacing in mm.

    `fill` is float32 once inside, whatever kind of numbers was given.
    """

    fill: np.ndarray
    spacing: tuple[float, float, float]
    name: str = "specimen"
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Coerce and check, so that a Specimen in hand is a valid one."""
        fill = np.asarray(self.fill)
        check_array(fill, self.name)
        fill = np.ascontiguousarray(fill, dtype=np.float32)
        low, high = float(fill.min()), float(fill.max())
        if low < 0 or high > 1:
            raise UserError(
                f"{self.name}: fill fractions run from {low:g} to {high:g} but must lie in 0..1, "
                "give gray values to from_gray"
            )
        object.__setattr__(self, "fill", fill)
        object.__setattr__(self, "spacing", check_spacing(self.spacing))
        object.__setattr__(self, "notes", tuple(self.notes))

    @property
    def mask(self) -> Bool[np.ndarray, "x y z"]:
        """Voxels that are at least half bone."""
        return self.fill >= 0.5

    @property
    def bvtv(self) -> float:
        """BV/TV as the mean fill fraction."""
        return float(self.fill.mean(dtype=np.float64))

    @property
    def shape(self) -> tuple[int, int, int]:
        """Voxels along (x, y, z)."""
        x, y, z = self.fill.shape
        return (x, y, z)

    @property
    def size_mm(self) -> tuple[float, float, float]:
        """Edges of the block in mm."""
        x, y, z = (n * h for n, h in zip(self.shape, self.spacing, strict=True))
        return (x, y, z)


def from_mask(mask: np.ndarray, spacing: object, name: str = "specimen") -> Specimen:
    """Specimen from a two-valued array (bool, 0/1 or 0/255): the larger value is bone."""
    mask = np.asarray(mask)
    check_array(mask, name)
    low, high = mask.min(), mask.max()
    if not np.all((mask == low) | (mask == high)):
        raise UserError(f"{name}: the mask has more than two values, read it as gray values with a threshold")
    if high == 0:
        raise UserError(f"{name}: the mask is all void, check the file and that bone is the larger value")
    bone = mask == high
    return Specimen(fill=bone.astype(np.float32), spacing=check_spacing(spacing), name=name)


def from_gray(
    gray: np.ndarray, spacing: object, threshold: float | int | None = None, name: str = "specimen"
) -> Specimen:
    """Specimen of the voxels with gray value >= threshold; Otsu's threshold when none is given."""
    gray = np.asarray(gray)
    check_array(gray, name)
    low, high = float(gray.min()), float(gray.max())
    if low == high:
        raise UserError(f"{name}: every gray value is {low:g}, there is nothing to threshold: check the file")
    value = otsu(gray) if threshold is None else float(threshold)
    if not low < value <= high:
        raise UserError(
            f"{name}: threshold {value:g} leaves {'all bone' if value <= low else 'all void'}, "
            f"give one between the gray values {low:g} and {high:g}"
        )
    bone = gray >= value
    how = "Otsu's threshold" if threshold is None else "the given threshold"
    note = f"Bone is gray value >= {value:g} ({how}); gray values run from {low:g} to {high:g}."
    return Specimen(fill=bone.astype(np.float32), spacing=check_spacing(spacing), name=name, notes=(note,))


def otsu(gray: np.ndarray, bins: int = 256) -> float:
    """Threshold t maximising the variance between classes, w0 w1 (m0 - m1)^2, over a histogram of `bins` bins.

    Values >= t are the bright class. Source: Otsu 1979, IEEE Trans. Syst. Man Cybern. 9:62-66, eq. 14-18.
    """
    counts, edges = np.histogram(gray, bins=bins)
    centres = 0.5 * (edges[1:] + edges[:-1])
    dark = np.cumsum(counts)[:-1].astype(float)
    bright = float(counts.sum()) - dark
    dark_sum = np.cumsum(counts * centres)[:-1]
    bright_sum = float(np.sum(counts * centres)) - dark_sum
    between = dark * bright * (dark_sum / np.maximum(dark, 1) - bright_sum / np.maximum(bright, 1)) ** 2
    # Empty bins between two peaks tie: the middle of the tie is the natural threshold.
    best = np.flatnonzero(between >= between.max() * (1 - 1e-12))
    return float(0.5 * (edges[best[0] + 1] + edges[best[-1] + 1]))


def keep_load_path(specimen: Specimen, axis: int = 2) -> Specimen:
    """Keep the face-connected pieces of bone that touch both end faces along `axis`; a note says what went.

    Void slices at either end are cut off first, so that the end faces are where the bone ends. A partly filled voxel
    below one half stays where a face of it touches a kept voxel: it is the smooth skin of that piece.
    """
    specimen = _cut_void_ends(specimen, axis)
    mask = specimen.mask
    labels, count = _label(mask)
    faces = np.moveaxis(labels, axis, 0)
    through = np.setdiff1d(np.intersect1d(faces[0], faces[-1]), [0])
    if through.size == 0:
        raise UserError(
            f"{specimen.name}: no face-connected bone runs from one end face to the other along {AXES[axis]}, "
            "lower the threshold, crop the block to the bone, or turn it so that the load axis is z"
        )
    keep = np.isin(labels, through)
    lost = int(np.count_nonzero(mask) - np.count_nonzero(keep))
    partial = (specimen.fill > 0) & ~mask
    skin = np.logical_and(partial, ndimage.binary_dilation(keep))
    if lost == 0 and np.array_equal(skin, partial):
        return specimen
    fill = np.where(keep | skin, specimen.fill, np.float32(0))
    if lost == 0:
        return dataclasses.replace(specimen, fill=fill)
    note = (
        f"Removed {lost} voxels ({100 * lost / np.count_nonzero(mask):.2f} % of the bone) "
        f"in {count - through.size} pieces that do not join both end faces along {AXES[axis]}."
    )
    return dataclasses.replace(specimen, fill=fill, notes=(*specimen.notes, note))


def _label(mask: Bool[np.ndarray, "x y z"]) -> tuple[np.ndarray, int]:
    """Numbers of the face-connected pieces (0 is void), and how many there are."""
    labels = np.zeros(mask.shape, dtype=np.int32)
    return labels, int(ndimage.label(mask, output=labels))  # type: ignore[arg-type]


def _cut_void_ends(specimen: Specimen, axis: int) -> Specimen:
    """Drop the slices at both ends of `axis` that hold no bone."""
    others = tuple(i for i in range(3) if i != axis)
    solid = np.flatnonzero(specimen.mask.any(axis=others))
    if solid.size == 0:
        raise UserError(f"{specimen.name}: the specimen is all void, check the threshold")
    first, last = int(solid[0]), int(solid[-1]) + 1
    cut = specimen.shape[axis] - (last - first)
    if cut == 0:
        return specimen
    window = tuple(slice(first, last) if i == axis else slice(None) for i in range(3))
    note = f"Cut {cut} void slices off the ends along {AXES[axis]}."
    return dataclasses.replace(specimen, fill=specimen.fill[window], notes=(*specimen.notes, note))
