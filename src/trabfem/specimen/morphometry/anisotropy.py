"""Anisotropy: the directions in which the bone runs."""

import math

import numpy as np
from jaxtyping import Bool, Float
from scipy import ndimage

from trabfem.specimen.morphometry.regions import Region, Spacing, region_of
from trabfem.specimen.morphometry.smoothing import SMOOTHING, blurred, slabs
from trabfem.specimen.voxels import Specimen
from trabfem.tables import Column

AXES = tuple(
    column
    for k, which in ((1, "longest"), (2, "middle"), (3, "shortest"))
    for column in (
        Column(f"MIL{k}", "mm", f"{which} axis of the mean-intercept-length ellipsoid, a line's length per crossing"),
        *(Column(f"MIL{k} {axis}", "", f"{axis} component of the {which} axis's unit vector") for axis in "xyz"),
    )
)
COLUMNS = (
    Column("DA", "", "degree of anisotropy: longest over shortest mean intercept length, 1 if isotropic"),
    Column("DA lines", "", "degree of anisotropy by mean intercept length, crossings counted on test lines"),
    *AXES,
)
DIRECTIONS = 200
# Test lines are counted in fewer directions, about so many samples each, one a voxel, of the fill blurred by a Gaussian
# of so many voxels: on the voxels themselves a line crosses the steps of an oblique surface, at any resolution.
LINE_DIRECTIONS = 30
LINE_SAMPLES = 60_000
LINE_BLUR = 0.6
# Directions that the gradients are gathered in: the unit vector's components in steps of 1/24.
STEPS = 24


def measure(specimen: Specimen) -> dict[str, float]:
    """The indices of `COLUMNS`; nan without a surface."""
    fill, spacing, region = specimen.fill, specimen.spacing, region_of(specimen)
    values, vectors = mil_ellipsoid(fill, spacing, region)
    lengths = [1 / math.sqrt(value) if value > 0 else math.inf if values[-1] > 0 else math.nan for value in values]
    found = {"DA": _ratio(values), "DA lines": degree_by_lines(fill, spacing, region)}
    for k, length in enumerate(lengths):
        # Of the two unit vectors the one that points up, so that the same bone gives the same numbers.
        axis = vectors[:, k] * (1 if vectors[np.argmax(np.abs(vectors[:, k])), k] > 0 else -1)
        found |= {f"MIL{k + 1}": length} | {f"MIL{k + 1} {name}": float(axis[i]) for i, name in enumerate("xyz")}
    return found


def degree_of_anisotropy(fill: Float[np.ndarray, "x y z"], spacing: Spacing, region: Region = None) -> float:
    """DA = longest/shortest axis of the ellipsoid 1/MIL(n)^2 = n.A.n fitted to the mean intercept length MIL(n).

    The number of surface crossings per length of test lines along n is (1/TV) int |n.grad g| dV (Cauchy's projection
    of the surface), which replaces the drawing of lines; MIL is its inverse. 1 is isotropic, inf is perfect plates.
    Error within 3 % on ellipsoids. Source: Harrigan & Mann 1984, J. Mater. Sci. 19:761-767; crossings as projections:
    Odgaard 1997, Bone 20:315-328.
    """
    return _ratio(mil_ellipsoid(fill, spacing, region)[0])


def degree_by_lines(fill: Float[np.ndarray, "x y z"], spacing: Spacing, region: Region = None) -> float:
    """DA as the field counts it: crossings of bone and marrow along parallel test lines in 30 directions.

    A line is sampled once a voxel in the slightly blurred fill, interpolated linearly and cut at one half; a crossing
    counts where both samples lie in the region. Chance, of some 1 %, is more than that of `degree_of_anisotropy`; see
    `known_bias`. Source: Whitehouse 1974, J. Microsc. 101:153-168; Harrigan & Mann 1984 (ellipsoid).
    """
    smooth = _blur_within(fill, region)
    n = _directions(LINE_DIRECTIONS)
    crossings = np.array([_crossings_per_mm(smooth, spacing, region, direction) for direction in n])
    return math.nan if np.isnan(crossings).any() or not crossings.any() else _ratio(_fit_ellipsoid(n, crossings)[0])


def mil_ellipsoid(
    fill: Float[np.ndarray, "x y z"], spacing: Spacing, region: Region = None
) -> tuple[Float[np.ndarray, "3"], Float[np.ndarray, "3 3"]]:
    """Eigenvalues (1/mm^2, ascending) and vectors (columns) of A in 1/MIL(n)^2 = n.A.n, the longest MIL first."""
    count = fill.size if region is None else max(int(np.count_nonzero(region)), 1)
    gradient = _gathered_gradient(fill, spacing, region) / count
    n = _directions(DIRECTIONS)
    return _fit_ellipsoid(n, np.abs(gradient @ n.T).sum(axis=0))


def _gathered_gradient(fill: Float[np.ndarray, "x y z"], spacing: Spacing, region: Region) -> Float[np.ndarray, "n 3"]:
    """Sums of the gradient vectors (1/mm) of nearly equal direction, a vector and its opposite being one direction.

    In a cell of 1/24 along each axis a vector's direction is within 2 degrees of the sum's, which only lengths see.
    """
    side = 2 * STEPS + 1
    sums = np.zeros((3, side**3))
    for slab in slabs(fill, spacing, SMOOTHING[0], region):
        parts = [slab.trim(part) for part in slab.gradient]
        square = np.sum([part**2 for part in parts], axis=0)
        large = square > (0.02 / max(spacing)) ** 2
        if slab.kept is not None:
            large &= slab.kept
        parts, scale = [part[large] for part in parts], STEPS / np.sqrt(square[large])
        x, y, z = ((part * scale + (STEPS + 0.5)).astype(np.int32) for part in parts)
        sums += [np.bincount((x * side + y) * side + z, weights=part, minlength=side**3) for part in parts]
    return sums.T[np.any(sums != 0, axis=0)]


def _blur_within(fill: Float[np.ndarray, "x y z"], region: Region) -> Float[np.ndarray, "x y z"]:
    """The fill blurred by a Gaussian, of the region's voxels alone where there is one."""
    if region is None:
        return blurred(fill, LINE_BLUR)
    inner = region.astype(np.float32)
    return blurred(fill * inner, LINE_BLUR) / np.maximum(blurred(inner, LINE_BLUR), np.float32(1e-6))


def _crossings_per_mm(fill: Float[np.ndarray, "x y z"], spacing: Spacing, region: Region, n: np.ndarray) -> float:
    """Changes between bone and marrow per mm of test lines along n, nan where no line runs in the region."""
    size, step = np.multiply(fill.shape, spacing), min(spacing)
    reach = math.dist((0, 0, 0), size) / 2
    # Lines on a square grid across n, as close as the number of samples allows, never closer than a voxel.
    apart = max(step, math.sqrt(float(np.prod(size)) / step / LINE_SAMPLES))
    across = np.linalg.svd(n[None])[2][1:]
    grid = np.arange(-reach, reach, apart) + apart / 2
    starts = (grid[:, None, None] * across[0] + grid[None, :, None] * across[1]).reshape(-1, 3)
    starts = starts[_touches_box(starts, n, size / 2)]
    along = np.arange(-reach, reach, step)[:, None] * n
    places = (starts[:, None] + along[None] + size / 2) / np.asarray(spacing) - 0.5
    nearest = np.rint(places).astype(np.int64)
    valid = np.all((nearest >= 0) & (nearest < fill.shape), axis=2)
    if region is not None:
        valid[valid] = region[tuple(nearest[valid].T)]
    bone = np.zeros(valid.shape, dtype=bool)
    bone[valid] = ndimage.map_coordinates(fill, places[valid].T, order=1, mode="nearest") >= 0.5
    pairs = valid[:, 1:] & valid[:, :-1]
    length = step * int(np.count_nonzero(pairs))
    return int(np.count_nonzero((bone[:, 1:] != bone[:, :-1]) & pairs)) / length if length else math.nan


def _touches_box(starts: Float[np.ndarray, "n 3"], n: np.ndarray, half: np.ndarray) -> Bool[np.ndarray, " n"]:
    """Which of the lines through `starts` along n enter the box |x| < half."""
    with np.errstate(divide="ignore", invalid="ignore"):
        ends = (np.stack([-half, half])[:, None] - starts[None]) / n
    return np.nanmax(ends.min(axis=0), axis=1) < np.nanmin(ends.max(axis=0), axis=1)


def _fit_ellipsoid(n: Float[np.ndarray, "n 3"], crossings: Float[np.ndarray, " n"]) -> tuple[np.ndarray, np.ndarray]:
    """Eigenvalues (ascending) and vectors (columns) of the A that fits crossings^2 = n.A.n best."""
    columns = np.stack([n[:, i] * n[:, j] * (1 if i == j else 2) for i, j in _UPPER], axis=1)
    entries = np.linalg.lstsq(columns, crossings**2, rcond=None)[0]
    tensor = np.zeros((3, 3))
    for (i, j), entry in zip(_UPPER, entries, strict=True):
        tensor[i, j] = tensor[j, i] = entry
    values, vectors = np.linalg.eigh(tensor)
    return values, vectors


def _ratio(values: Float[np.ndarray, "3"]) -> float:
    """Longest over shortest axis from the eigenvalues; inf where the longest has no end, nan without a surface."""
    if values[0] <= 1e-6 * values[-1]:
        return math.inf if values[-1] > 0 else math.nan
    return float(math.sqrt(values[-1] / values[0]))


_UPPER = ((0, 0), (0, 1), (0, 2), (1, 1), (1, 2), (2, 2))


def _directions(count: int) -> Float[np.ndarray, "n 3"]:
    """Points spread evenly over a half sphere (a Fibonacci spiral)."""
    k = np.arange(count)
    z = (k + 0.5) / count
    angle = k * math.pi * (3 - math.sqrt(5))
    ring = np.sqrt(1 - z**2)
    return np.stack([ring * np.cos(angle), ring * np.sin(angle), z], axis=1)
