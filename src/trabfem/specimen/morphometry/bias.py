"""How far each index is from the truth at the resolution that it is measured at."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

Range = tuple[float, float]


@dataclass(frozen=True)
class Bias:
    """Lowest and highest error by thickness in voxels, in a unit: voxels, % of the value, or that of the index."""

    unit: str
    ranges: Mapping[float, Range]

    def at(self, voxels: float) -> Range:
        """The range that holds those of the next thinner and the next thicker size measured."""
        sizes = sorted(self.ranges)
        thinner = max((size for size in sizes if size <= voxels), default=sizes[0])
        thicker = min((size for size in sizes if size >= voxels), default=sizes[-1])
        low, high = zip(self.ranges[thinner], self.ranges[thicker], strict=True)
        return min(low), max(high)

    def describe(self, voxels: float) -> str:
        """`-0.4 to +1.0 voxels`."""
        digits = 0 if self.unit == "%" else 1
        low, high = (0.0 if abs(value) < 0.5 * 10**-digits else value for value in self.at(voxels))
        return f"{low:+.{digits}f} to {high:+.{digits}f} {self.unit}".rstrip()


# Slabs, rods and spheres at eight places and orientations inside a cylinder 34 voxels wide, together
# (`bench/morphometry.py errors`); ellipsoids twice as long as thick (`bench/morphometry.py anisotropy`).
THICKNESS = Bias(
    "voxels",
    {
        1: (-1.0, 1.0),
        2: (0.0, 0.8),
        3: (-1.0, 1.0),
        4: (-1.5, 0.9),
        5: (-1.3, 1.0),
        6: (-1.4, 0.8),
        8: (-1.3, 0.9),
        10: (-1.4, 1.1),
        12: (-1.5, 1.7),
    },
)
SURFACE = Bias(
    "%",
    {
        1: (-100, -23),
        2: (-47, 4),
        3: (-21, 7),
        4: (-10, 8),
        5: (-4, 6),
        6: (-2, 4),
        8: (-2, 3),
        10: (-1, 3),
        12: (-1, 3),
    },
)
MODEL = Bias(
    "",
    {
        1: (-0.47, 0.89),
        2: (-0.53, 0.18),
        3: (-0.31, 0.19),
        4: (-0.05, 0.29),
        5: (-0.07, 0.20),
        6: (-0.09, 0.09),
        8: (-0.11, 0.06),
        10: (-0.13, 0.11),
        12: (-0.10, 0.16),
    },
)
ANISOTROPY = Bias(
    "%",
    {2: (-36, -22), 3: (-23, -16), 4: (-22, -8), 5: (-12, -7), 6: (-10, -4), 8: (-6, -4), 10: (-6, -3), 12: (-5, -2)},
)
LINES = Bias("%", {4: (-21, 7), 5: (-12, 0), 6: (-13, -3), 8: (-8, -2), 10: (-5, -2), 12: (-6, -2)})
BIASES = {
    "Tb.Th": THICKNESS,
    "Tb.Sp": THICKNESS,
    "BS": SURFACE,
    "BS/TV": SURFACE,
    "BS/BV": SURFACE,
    "SMI": MODEL,
    "DA": ANISOTROPY,
    "DA lines": LINES,
}


def known_bias(name: str, thickness_in_voxels: float) -> str:
    """Lowest and highest error measured of an index on shapes so many voxels thick, such as "-0.4 to +1.0 voxels".

    For Tb.Sp give the separation in voxels of the lattice that it is measured on: twice the scan's voxels on blocks of
    more than 80 a side. Blank for an index without a thickness (BV/TV, Conn.D) or whose error is not known.
    """
    bias = BIASES.get(name)
    return bias.describe(thickness_in_voxels) if bias and math.isfinite(thickness_in_voxels) else ""


def bias_note(found: Mapping[str, float], spacing: Sequence[float]) -> str:
    """One sentence on the known bias of the indices at the measured Tb.Th, blank without bone."""
    voxels = found.get("Tb.Th", 0.0) / max(spacing)
    if not 0 < voxels < math.inf:
        return ""
    parts = [f"{name} {known_bias(name, voxels)}" for name in ("Tb.Th", "BS/BV", "SMI", "DA") if name in found]
    return f"Tb.Th is {voxels:.1f} voxels; on shapes that thick the error measured is {', '.join(parts)}."
