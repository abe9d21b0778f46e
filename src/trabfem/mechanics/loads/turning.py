"""Loads that turn the end faces: bending and torsion."""

from .base import AXES, AXIAL, LoadCase, Turn, both


def bending(about: str, strain: float | None = None, displacement: float | None = None, depth: float = 0.0) -> LoadCase:
    """Frictionless end plates that turn against each other about x or y, half the angle each, through the middle."""
    motion = Turn(AXES.index(about), 0.5)
    return LoadCase(f"bending-{about}", both(AXIAL, "z"), motion, strain, displacement, depth)


def torsion(strain: float | None = None, displacement: float | None = None, depth: float = 0.0) -> LoadCase:
    """Bonded end plates: the bottom one stays, the top one turns about z."""
    return LoadCase("torsion", both(AXIAL, "xyz"), Turn(AXIAL, 0.0), strain, displacement, depth)
