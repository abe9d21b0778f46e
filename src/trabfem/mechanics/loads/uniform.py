"""Loads of a uniform mean strain, six of which give the apparent stiffness."""

from .base import AXES, STRAINS, LoadCase, grip_both_faces, unit_strain


def kubc(case: str, strain: float | None = None, displacement: float | None = None, depth: float = 0.0) -> LoadCase:
    """Kinematic uniform boundary conditions: a uniform strain prescribed on all six faces. An upper bound.

    `case`: xx, yy, zz, yz, zx or xy; shear strains are engineering ones.
    """
    grips = grip_both_faces(0, "xyz") + grip_both_faces(1, "xyz") + grip_both_faces(2, "xyz")
    return LoadCase(f"kubc-{case}", grips, unit_strain(STRAINS.index(case)), strain, displacement, depth, plates=False)


def pmubc(case: str, strain: float | None = None, displacement: float | None = None, depth: float = 0.0) -> LoadCase:
    """Periodicity-compatible mixed uniform boundary conditions, for a specimen repeated with its mirror images.

    Normal strains: normal displacement on all faces, free to slide. Shear in a plane: on its two pairs of faces the
    displacement along the other normal, and the one out of plane held; on the third pair the normal one held.
    Source: Pahr & Zysset, Biomech. Model. Mechanobiol. 7:463 (2008).
    """
    number = STRAINS.index(case)
    across = dict(zip(case, reversed(case), strict=True))
    third = "".join(axis for axis in AXES if axis not in case)
    held = [axis if number < 3 or axis not in across else across[axis] + third for axis in AXES]
    grips = tuple(grip for axis in range(3) for grip in grip_both_faces(axis, held[axis]))
    return LoadCase(f"pmubc-{case}", grips, unit_strain(number), strain, displacement, depth, plates=False)


def direct(case: str, strain: float | None = None, displacement: float | None = None, depth: float = 0.0) -> LoadCase:
    """The six tests of direct mechanics as FAIM makes them.

    Normal strains as in `pmubc`; shear as in `symmetric_shear`, with frictionless walls on the third pair of faces.
    Source: van Rietbergen, Odgaard, Kabel & Huiskes, J. Biomech. 29:1653 (1996); n88directmechanics.
    """
    number = STRAINS.index(case)
    held = [axis if number < 3 or axis not in case else case for axis in AXES]
    grips = tuple(grip for axis in range(3) for grip in grip_both_faces(axis, held[axis]))
    return LoadCase(f"direct-{case}", grips, unit_strain(number), strain, displacement, depth, plates=False)
