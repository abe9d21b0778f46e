"""Loads that move opposite faces past each other."""

from .base import AXES, STRAINS, Affine, LoadCase, grip_both_faces, make_gradient, unit_strain


def shear(plane: str, strain: float | None = None, displacement: float | None = None, depth: float = 0.0) -> LoadCase:
    """Simple shear by bonded plates that stay parallel at a constant distance; the other four faces are free.

    `plane` "yz" or "zx": the z faces move along y or x; "xy": the y faces move along x. Strain is the engineering one.
    """
    along, normal = {"yz": (1, 2), "zx": (0, 2), "xy": (0, 1)}[plane]
    motion = Affine(make_gradient((along, normal, 1.0)), normal)
    return LoadCase(f"shear-{plane}", grip_both_faces(normal, "xyz"), motion, strain, displacement, depth)


def symmetric_shear(
    plane: str, strain: float | None = None, displacement: float | None = None, depth: float = 0.0
) -> LoadCase:
    """Shear that turns two pairs of faces against each other by half the angle each; the third pair is free."""
    motion = unit_strain(STRAINS.index(plane))
    grips = tuple(grip for axis in plane for grip in grip_both_faces(AXES.index(axis), plane))
    return LoadCase(f"symmetric-shear-{plane}", grips, motion, strain, displacement, depth, plates=False)
