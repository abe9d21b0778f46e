"""From the values of a scan to bone: masks, thresholds, and Otsu's where none is given."""

import numpy as np

from trabfem.errors import UserError
from trabfem.specimen.voxels import Specimen, check_array, check_spacing


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
            f"threshold = {value:g}: it leaves {name} {'all bone' if value <= low else 'all void'}, "
            f"give one between the gray values {low:g} and {high:g}"
        )
    bone = gray >= value
    how = "Otsu's threshold" if threshold is None else "the given threshold"
    note = f"Bone is gray value >= {value:g} ({how}); gray values run from {low:g} to {high:g}."
    return Specimen(fill=bone.astype(np.float32), spacing=check_spacing(spacing), name=name, notes=(note,))


def from_values(
    array: np.ndarray,
    spacing: object,
    threshold: float | int | None = None,
    name: str = "specimen",
    is_fill: bool = False,
) -> Specimen:
    """Specimen from a mask (two values), gray values (more values) or fractions of bone (`is_fill`).

    `is_fill`: the values are the fraction of bone in each voxel, 0..1 or 0..255 in eight bits. With a threshold
    everything is gray values.
    """
    if is_fill and threshold is None:
        fill = array / np.float32(255) if array.dtype == np.uint8 else array
        return Specimen(fill=fill, spacing=check_spacing(spacing), name=name)
    two = array.ndim == 3 and array.size > 0 and bool(np.all((array == array.min()) | (array == array.max())))
    if threshold is None and (array.dtype == bool or two):
        return from_mask(array, spacing, name=name)
    return from_gray(array, spacing, threshold=threshold, name=name)


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
    # All empty bins between two peaks are equally good; the middle of them is taken.
    best = np.flatnonzero(between >= between.max() * (1 - 1e-12))
    return float(0.5 * (edges[best[0] + 1] + edges[best[-1] + 1]))
