"""The level set: the bone surface as the zero of a signed distance, and how it moves."""

from .distance import BAND, distance_from_fill, fill_fraction, redistance, reinitialise, repair_volume, voxel_edge
from .motion import advect, count_substeps, curvature, extend, surface_weight

__all__ = [
    "BAND",
    "advect",
    "curvature",
    "voxel_edge",
    "extend",
    "fill_fraction",
    "distance_from_fill",
    "redistance",
    "reinitialise",
    "repair_volume",
    "count_substeps",
    "surface_weight",
]
