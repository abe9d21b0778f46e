"""The level set: the bone surface as the zero of a signed distance, and how it moves."""

from .distance import BAND, edge, fill_fraction, from_fill, redistance, reinitialise, repair_volume
from .motion import advect, curvature, extend, substeps_for, surface_weight

__all__ = [
    "BAND",
    "advect",
    "curvature",
    "edge",
    "extend",
    "fill_fraction",
    "from_fill",
    "redistance",
    "reinitialise",
    "repair_volume",
    "substeps_for",
    "surface_weight",
]
