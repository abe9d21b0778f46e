"""Loads along z that press or pull the end faces."""

from .base import AXIAL, Affine, LoadCase, grip_both_faces, make_gradient

STRETCH = Affine(make_gradient((AXIAL, AXIAL, 1.0)))


def uniaxial(strain: float | None = None, displacement: float | None = None, depth: float = 0.0) -> LoadCase:
    """Both end faces free to slide sideways (frictionless plates), sides free."""
    return LoadCase("uniaxial", grip_both_faces(AXIAL, "z"), STRETCH, strain, displacement, depth)


def platens(strain: float | None = None, displacement: float | None = None, depth: float = 0.0) -> LoadCase:
    """Both end faces held sideways (bonded plates), sides free."""
    return LoadCase("platens", grip_both_faces(AXIAL, "xyz"), STRETCH, strain, displacement, depth)


def fixed_base(strain: float | None = None, displacement: float | None = None, depth: float = 0.0) -> LoadCase:
    """Bottom face held, top face free to slide sideways."""
    return LoadCase("fixed-base", (("-z", "xyz"), ("+z", "z")), STRETCH, strain, displacement, depth)


def confined(strain: float | None = None, displacement: float | None = None, depth: float = 0.0) -> LoadCase:
    """Frictionless plates on the end faces and frictionless walls on the four sides."""
    grips = grip_both_faces(AXIAL, "z") + grip_both_faces(0, "x") + grip_both_faces(1, "y")
    return LoadCase("confined", grips, STRETCH, strain, displacement, depth)
