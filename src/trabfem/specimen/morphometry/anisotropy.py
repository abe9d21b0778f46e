"""Anisotropy: the directions in which the bone runs."""

import math

import numpy as np
from jaxtyping import Float

from trabfem.specimen.morphometry.smoothing import SMOOTHING, Spacing, derivatives
from trabfem.specimen.voxels import Specimen
from trabfem.tables import Column

COLUMNS = (Column("DA", "", "degree of anisotropy: longest over shortest mean intercept length, 1 if isotropic"),)
DIRECTIONS = 200


def measure(specimen: Specimen) -> dict[str, float]:
    """The index of `COLUMNS`."""
    return {"DA": degree_of_anisotropy(specimen.fill, specimen.spacing)}


def degree_of_anisotropy(fill: Float[np.ndarray, "x y z"], spacing: Spacing) -> float:
    """DA = longest/shortest axis of the ellipsoid 1/MIL(n)^2 = n.A.n fitted to the mean intercept length MIL(n).

    The number of surface crossings per length of test lines along n is (1/TV) int |n.grad g| dV (Cauchy's projection
    of the surface), which replaces the drawing of lines; MIL is its inverse times a constant that drops out. 1 is
    isotropic, inf is perfect plates. Error within 3 % on ellipsoids. Source: Harrigan & Mann 1984, J. Mater.
    Sci. 19:761-767; crossings as projections: Odgaard 1997, Bone 20:315-328.
    """
    values, _ = mil_ellipsoid(fill, spacing)
    if values[0] <= 1e-6 * values[-1]:
        return math.inf if values[-1] > 0 else math.nan
    return float(math.sqrt(values[-1] / values[0]))


def mil_ellipsoid(
    fill: Float[np.ndarray, "x y z"], spacing: Spacing
) -> tuple[Float[np.ndarray, "3"], Float[np.ndarray, "3 3"]]:
    """Eigenvalues (ascending) and vectors (columns) of A in 1/MIL(n)^2 = n.A.n; the first vector is the longest MIL."""
    derivative = derivatives(fill, spacing, SMOOTHING[0])
    gradient = np.stack([derivative(axis).reshape(-1) for axis in range(3)], axis=1)
    square = np.sum(gradient**2, axis=1)
    gradient = gradient[square > (0.02 / max(spacing)) ** 2].astype(np.float64)
    n = _directions(DIRECTIONS)
    crossings = np.array([np.abs(gradient @ direction).sum() for direction in n])
    columns = np.stack([n[:, i] * n[:, j] * (1 if i == j else 2) for i, j in _UPPER], axis=1)
    entries = np.linalg.lstsq(columns, crossings**2, rcond=None)[0]
    tensor = np.zeros((3, 3))
    for (i, j), entry in zip(_UPPER, entries, strict=True):
        tensor[i, j] = tensor[j, i] = entry
    values, vectors = np.linalg.eigh(tensor)
    return values, vectors


_UPPER = ((0, 0), (0, 1), (0, 2), (1, 1), (1, 2), (2, 2))


def _directions(count: int) -> Float[np.ndarray, "n 3"]:
    """Points spread evenly over a half sphere (a Fibonacci spiral)."""
    k = np.arange(count)
    z = (k + 0.5) / count
    angle = k * math.pi * (3 - math.sqrt(5))
    ring = np.sqrt(1 - z**2)
    return np.stack([ring * np.cos(angle), ring * np.sin(angle), z], axis=1)
