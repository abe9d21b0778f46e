"""Blocks cut from a specimen, and values of a block put back into the grid of its scan."""

import dataclasses

import numpy as np

from trabfem.errors import UserError
from trabfem.specimen.place import ScanGrid, point_at
from trabfem.specimen.voxels import Specimen

SMALLEST_CROP = 8


def crop_centre(specimen: Specimen, crop: int) -> Specimen:
    """The cube of `crop` voxels a side in the middle; the whole of an axis that is shorter."""
    if crop < SMALLEST_CROP:
        raise UserError(f"crop = {crop}: give at least {SMALLEST_CROP} voxels, or leave it out")
    first = [max(0, (n - crop) // 2) for n in specimen.shape]
    window = tuple(slice(i, min(i + crop, n)) for i, n in zip(first, specimen.shape, strict=True))
    kept, whole = (" x ".join(map(str, s)) for s in ([w.stop - w.start for w in window], specimen.shape))
    return (
        specimen if kept == whole else cut_window(specimen, window, f"Cropped to the middle {kept} of {whole} voxels.")
    )


def coarsen(specimen: Specimen, factor: int) -> Specimen:
    """Blocks of `factor` voxels a side as one voxel, with a note: the mean of fill and density in it.

    The modulus is the mean over the bone in a block, the label that of most of its bone, and the region where most of
    its voxels are in it. A rest at the far faces that is no whole block is cut off.
    """
    if factor < 2 or factor > min(specimen.shape):
        raise UserError(f"coarsen = {factor}: give 2 or more, and at most the {min(specimen.shape)} voxels of a side")
    counts = [n // factor for n in specimen.shape]
    window = tuple(slice(0, n * factor) for n in counts)

    def mean(values: np.ndarray) -> np.ndarray:
        blocks = values[window].reshape(counts[0], factor, counts[1], factor, counts[2], factor)
        return blocks.mean(axis=(1, 3, 5), dtype=np.float32)

    fill, maps = mean(specimen.fill), specimen.maps
    if specimen.density is not None:
        maps["density"] = mean(specimen.density)
    if specimen.modulus is not None:
        maps["modulus"] = mean(specimen.modulus * specimen.fill) / np.maximum(fill, np.finfo(np.float32).tiny)
    if specimen.region is not None:
        maps["region"] = mean(specimen.region) >= 0.5
    if specimen.labels is not None:
        # Void counts a little, so that blocks without bone have the label of most of them.
        weight = specimen.fill + np.float32(1e-6)
        known = np.unique(specimen.labels)
        shares = (mean(weight * (specimen.labels == label)) for label in known)
        best, labels = np.full(fill.shape, -1, np.float32), np.zeros(fill.shape, specimen.labels.dtype)
        for label, share in zip(known, shares, strict=True):
            labels[share > best] = label
            best = np.maximum(best, share)
        maps["labels"] = labels
    rest = [n - factor * count for n, count in zip(specimen.shape, counts, strict=True)]
    cut = f" {' x '.join(map(str, rest))} slices (x, y, z) at the far faces are no whole block and were cut off."
    note = f"Coarsened: {factor} x {factor} x {factor} voxels are one, with the mean of their bone."
    notes = (*specimen.notes, note + (cut if any(rest) else ""))
    x, y, z = (factor * h for h in specimen.spacing)
    return dataclasses.replace(specimen, fill=fill, spacing=(x, y, z), notes=notes, scan=None, **maps)


def average_blocks(values: np.ndarray, factor: int) -> np.ndarray:
    """Means over blocks of `factor` voxels a side; what does not fill a block at the far end repeats the border."""
    if factor == 1:
        return values
    padded = np.pad(values, [(0, -n % factor) for n in values.shape], mode="edge")
    a, b, c = (n // factor for n in padded.shape)
    return padded.reshape(a, factor, b, factor, c, factor).mean(axis=(1, 3, 5))


def cut_window(specimen: Specimen, window: tuple[slice, ...], note: str) -> Specimen:
    """The voxels of `window` (a slice with start and stop for every axis), in their place, with a note."""
    x, y, z = (w.start for w in window)
    scan = specimen.scan or ScanGrid(specimen.shape, (0, 0, 0))
    a, b, c = scan.first
    maps = {name: values[window] for name, values in specimen.maps.items()}
    if "region" in maps and not maps["region"].any():
        raise UserError(f"{specimen.name}: no voxel of the region of interest is left ({note.rstrip('.')}), crop less")
    return dataclasses.replace(
        specimen,
        fill=specimen.fill[window],
        notes=(*specimen.notes, note),
        origin=point_at(specimen.origin, specimen.direction, specimen.spacing, (x, y, z)),
        scan=ScanGrid(scan.shape, (a + x, b + y, c + z)),
        **maps,
    )


def put_back(specimen: Specimen, values: np.ndarray, outside: float = 0) -> np.ndarray:
    """Values (x, y, z) or (x, y, z, component) of a block in an array of the whole scan, `outside` elsewhere."""
    if specimen.scan is None:
        return values
    whole = np.full((*specimen.scan.shape, *values.shape[3:]), outside, dtype=values.dtype)
    window = tuple(slice(i, i + n) for i, n in zip(specimen.scan.first, specimen.shape, strict=True))
    whole[window] = values
    return whole


def scan_origin(specimen: Specimen) -> tuple[float, float, float]:
    """The outer corner of the first voxel of the scan, mm."""
    if specimen.scan is None:
        return specimen.origin
    back = [-i for i in specimen.scan.first]
    return point_at(specimen.origin, specimen.direction, specimen.spacing, back)
