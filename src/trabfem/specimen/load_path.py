"""The load-bearing bone: bone that does not connect both end faces is removed, with a note."""

import dataclasses

import numpy as np
from jaxtyping import Bool
from scipy import ndimage

from trabfem.errors import UserError
from trabfem.specimen.voxels import AXES, Specimen
from trabfem.specimen.windows import cut_window


def keep_load_path(specimen: Specimen, axis: int = 2) -> Specimen:
    """Keep the face-connected pieces of bone that touch both end faces along `axis`; a note says what was removed.

    Void slices at either end are cut off first, so that the end faces are where the bone ends. A partly filled voxel
    below one half is kept where it shares a face with a kept voxel, as part of the smooth surface of that piece.
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
    pieces = count - through.size
    whole = "1 piece that does" if pieces == 1 else f"{pieces} pieces that do"
    note = (
        f"Removed {lost} voxel{'s' if lost > 1 else ''} ({100 * lost / np.count_nonzero(mask):.2f} % of the bone) "
        f"in {whole} not join both end faces along {AXES[axis]}."
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
    void = specimen.shape[axis] - (last - first)
    if void == 0:
        return specimen
    window = tuple(slice(first, last) if i == axis else slice(0, n) for i, n in enumerate(specimen.shape))
    return cut_window(specimen, window, f"Cut {void} void slices off the ends along {AXES[axis]}.")
