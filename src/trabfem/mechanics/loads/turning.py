"""Loads that rotate the end faces: bending and torsion."""

from .base import AXES, AXIAL, LoadCase, Turn, grip_both_faces


def bending(about: str, strain: float | None = None, displacement: float | None = None, depth: float = 0.0) -> LoadCase:
    """Frictionless end plates rotated in opposite directions about x or y, each by half the angle."""
    motion = Turn(AXES.index(about), 0.5)
    return LoadCase(f"bending-{about}", grip_both_faces(AXIAL, "z"), motion, strain, displacement, depth)


def torsion(strain: float | None = None, displacement: float | None = None, depth: float = 0.0) -> LoadCase:
    """Bonded end plates: the bottom plate is fixed, the top plate rotates about z."""
    return LoadCase("torsion", grip_both_faces(AXIAL, "xyz"), Turn(AXIAL, 0.0), strain, displacement, depth)
