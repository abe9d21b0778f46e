"""A specimen on cubes, which remodelling needs, from one on bricks."""

import dataclasses

import numpy as np

from trabfem.specimen.materials import SMALLEST_FILL
from trabfem.specimen.voxels import MAPS, Specimen

UNEQUAL = 1.01
"""Edges that differ by less count as equal."""
ROUNDING = 1e-6
AVERAGED = ("density", "modulus")


def resample_to_cubes(specimen: Specimen) -> Specimen:
    """The specimen on cubes with its smallest voxel edge, with a note; unchanged where its voxels are cubes.

    A cube holds the mean of the bone in it, so that bone volume is kept, and the mean modulus of that bone; labels and
    region are those at its centre. A rest at the far faces that is no whole cube is cut off.
    """
    edge = min(specimen.spacing)
    if max(specimen.spacing) <= UNEQUAL * edge:
        return specimen
    counts = [int(np.floor(length / edge + 1e-6)) for length in specimen.size_mm]
    fill, maps = specimen.fill, specimen.maps
    if specimen.modulus is not None:
        # Void has no modulus that could count in a mean.
        maps["modulus"] = specimen.modulus * fill
    for axis, (count, spacing) in enumerate(zip(counts, specimen.spacing, strict=True)):
        edges = np.arange(count + 1) * edge / spacing
        fill = mean_between(fill, edges, axis)
        centre = np.minimum((0.5 * (edges[1:] + edges[:-1])).astype(int), specimen.shape[axis] - 1)
        maps = {
            name: mean_between(values, edges, axis) if name in AVERAGED else values.take(centre, axis=axis)
            for name, values in maps.items()
        }
    # Differences of sums leave traces of bone where there is none.
    fill = np.where(fill < ROUNDING, np.float32(0), fill)
    if specimen.modulus is not None:
        maps["modulus"] = np.where(fill > SMALLEST_FILL, maps["modulus"] / np.maximum(fill, SMALLEST_FILL), 0)
    was = " x ".join(f"{h:g}" for h in specimen.spacing)
    note = f"Resampled from voxels of {was} mm to cubes of {edge:g} mm, which remodelling needs; bone volume is kept."
    place = {name: maps.get(name) for name in MAPS}
    return dataclasses.replace(
        specimen,
        fill=np.clip(fill, 0, 1),
        spacing=(edge, edge, edge),
        notes=(*specimen.notes, note),
        # The scan's own voxels are others.
        scan=None,
        **place,
    )


def mean_between(values: np.ndarray, edges: np.ndarray, axis: int) -> np.ndarray:
    """Means of piecewise constant values between successive `edges`, in voxels along `axis`."""
    along = np.moveaxis(values, axis, -1).astype(np.float64)
    integral = np.concatenate([np.zeros((*along.shape[:-1], 1)), np.cumsum(along, axis=-1)], axis=-1)
    whole = np.minimum(edges.astype(int), along.shape[-1] - 1)
    at_edges = integral[..., whole] + (edges - whole) * along[..., whole]
    means = np.diff(at_edges, axis=-1) / np.diff(edges)
    return np.moveaxis(means, -1, axis).astype(np.float32)
