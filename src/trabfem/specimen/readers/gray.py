"""Gray values from images that are stored as colours, palettes or negatives."""

from pathlib import Path

import numpy as np

from trabfem.errors import UserError


def as_gray(values: np.ndarray, path: Path) -> tuple[np.ndarray, tuple[str, ...]]:
    """Gray values of colours (..., sample): those that red, green and blue share; UserError where they differ."""
    samples = values.shape[-1]
    first = values[..., 0]
    if samples in (3, 4) and not all(np.array_equal(first, values[..., k]) for k in (1, 2)):
        raise UserError(f"{path}: the image is in colour, convert it to gray values or give a mask")
    if samples not in (1, 2, 3, 4):
        raise UserError(f"{path}: the image has {samples} values a pixel, convert it to gray values")
    if samples == 1:
        return first, ()
    note = "The image is stored in colour, with red, green and blue alike; one of them was taken."
    return np.ascontiguousarray(first), (note if samples > 2 else "The transparency of the image was left out.",)


def invert(values: np.ndarray, bits: int | None = None) -> np.ndarray:
    """The negative: the largest number of so many bits less the value; -1 - value of signed numbers, -value of floats.

    None of them depends on the other values, so that all slices of a stack are turned alike.
    """
    if values.dtype.kind == "f":
        return -values
    if values.dtype.kind == "u" and bits is not None and bits < 8 * values.dtype.itemsize:
        return np.bitwise_xor(values, values.dtype.type(2**bits - 1))
    return np.invert(values)
