"""The mid-axes of the trabeculae: how far apart they lie, and whether they are sheets (plates) or curves (rods)."""

import math

import numpy as np
from jaxtyping import Bool, Float
from scipy import ndimage

from trabfem.specimen.morphometry import local_thickness as spheres
from trabfem.specimen.morphometry.distance import distance_to, nearest
from trabfem.specimen.morphometry.regions import Region, Spacing, halve, inside, region_of
from trabfem.specimen.voxels import Specimen
from trabfem.tables import Column

COLUMNS = (
    Column("Tb.N direct", "1/mm", "trabecular number: inverse of the mean distance between the trabeculae's mid-axes"),
    Column("Tb.1/N.SD", "mm", "heterogeneity of the network: standard deviation of the distance between mid-axes"),
    Column("pBV/BV", "", "plate share: bone volume whose mid-axis is a sheet, over bone volume"),
    Column("rBV/BV", "", "rod share: bone volume whose mid-axis is a curve or a junction, over bone volume"),
)
# A voxel lies on a mid-axis where the distance to the surface has a slope below this: it is 1 away from the mid-axis, 0
# on one between two voxels, 1/2 on the two voxels either side of one.
FLAT = 0.7
# A mid-axis is a sheet where its second variance, above the third, is more than this part of the first.
SHEET = 0.25


def measure(specimen: Specimen) -> dict[str, float]:
    """The indices of `COLUMNS`; nan where there is no bone."""
    mask, spacing, region = specimen.mask, specimen.spacing, region_of(specimen)
    bone = inside(mask, region)
    if not bone.any() or np.array_equal(bone, np.ones_like(bone) if region is None else region):
        return dict.fromkeys(("Tb.N direct", "Tb.1/N.SD", "pBV/BV", "rBV/BV"), math.nan)
    axis, depth = mid_axis(mask, spacing, region)
    thick = 2 * float(depth[axis].mean(dtype=np.float64))
    if min(mask.shape) > spheres.COARSE_SIDE:
        axis, bone, region = halve(axis, 1), halve(bone, 4), None if region is None else halve(region, 4)
        axis = inside(axis, region)
        x, y, z = spacing
        spacing = (2 * x, 2 * y, 2 * z)
    apart = axis_distances(axis, spacing, region)
    share = plate_share(bone, axis, spacing, thick)
    return {
        "Tb.N direct": 1 / float(apart.mean(dtype=np.float64)),
        "Tb.1/N.SD": float(apart.std(dtype=np.float64)),
        "pBV/BV": share,
        "rBV/BV": 1 - share,
    }


def mid_axis(
    mask: Bool[np.ndarray, "x y z"], spacing: Spacing, region: Region = None
) -> tuple[Bool[np.ndarray, "x y z"], Float[np.ndarray, "x y z"]]:
    """Voxels on the mid-axes of the bone, and the depth of every bone voxel below the surface in mm.

    The mid-axis is the ridge of the depth, where its gradient (central differences) is below 0.7 in length or
    none of the six neighbours is deeper. It is one
    voxel thick in bone of an odd number of voxels, two in bone of an even one.
    """
    bone = inside(mask, region)
    depth = np.where(bone, distance_to(inside(~mask, region), spacing, bone), np.float32(0))
    outside = None if region is None else ~region
    square, top = np.zeros(depth.shape, dtype=np.float32), bone.copy()
    for direction, h in enumerate(spacing):
        lines, part = np.moveaxis(depth, direction, 0), np.moveaxis(square, direction, 0)
        ahead, behind = np.concatenate([lines[1:], lines[-1:]]), np.concatenate([lines[:1], lines[:-1]])
        if outside is not None:
            # Nothing is known of the depth outside the region: it goes on as inside.
            other = np.moveaxis(outside, direction, 0)
            ahead[:-1][other[1:]], behind[1:][other[:-1]] = lines[:-1][other[1:]], lines[1:][other[:-1]]
        part += ((ahead - behind) / np.float32(2 * h)) ** 2
        np.moveaxis(top, direction, 0)[...] &= (ahead <= lines) & (behind <= lines)
    return top | (bone & (square < FLAT**2)), depth


def axis_distances(axis: Bool[np.ndarray, "x y z"], spacing: Spacing, region: Region = None) -> Float[np.ndarray, " n"]:
    """Distance between mid-axes in mm at each voxel of region or block that lies on none: its local thickness there.

    Spheres are fitted between the mid-axes as in the marrow, bone being no obstacle. Tb.N is the inverse of the mean,
    Tb.1/N.SD the standard deviation. Source: Hildebrand & Rueegsegger 1997, J. Microsc. 185:67; Hildebrand et al.
    1999, J. Bone Miner. Res. 14:1167; Laib & Rueegsegger 1999, Bone 24:35; as HR-pQCT reports it: Whittier et al.
    2020, Osteoporos. Int. 31:1607.
    """
    return spheres.thickness_at(~axis, spacing, region)


def plate_share(
    bone: Bool[np.ndarray, "x y z"], axis: Bool[np.ndarray, "x y z"], spacing: Spacing, window: float
) -> float:
    """Part of the bone voxels whose nearest mid-axis voxel lies on a sheet.

    The inertia of the mid-axis around each of its voxels, weighted by a Gaussian of `window` mm (the mean thickness),
    has variances a >= b >= c: a curve has a >> b, a sheet a ~ b >> c. A sheet is (b - c)/a > 1/4, which a strip is
    from about twice the window's width. Junctions of rods in one plane count as plates. Classification by local
    inertia: Vasilic, Rajapakse & Wehrli 2009, Med. Phys. 36:3280, here of the mid-axis instead of the gray values.
    """
    places = np.argwhere(axis)
    variances = np.linalg.eigvalsh(_inertia(axis, spacing, window)[tuple(places.T)])
    sheet = np.zeros(axis.shape, dtype=bool)
    sheet[tuple(places.T)] = variances[:, 1] - variances[:, 0] > SHEET * variances[:, 2]
    return float(np.mean(sheet[tuple(index[bone] for index in nearest(axis, spacing))]))


def _inertia(axis: Bool[np.ndarray, "x y z"], spacing: Spacing, window: float) -> Float[np.ndarray, "x y z 3 3"]:
    """Covariance of the places of the mid-axis voxels around each voxel in mm^2, weighted by a Gaussian of `window`."""

    def along(direction: int, array: np.ndarray, power: int) -> np.ndarray:
        h = spacing[direction]
        reach = max(1, math.ceil(2.5 * window / h))
        u = h * np.arange(-reach, reach + 1)
        weights = u**power * np.exp(-0.5 * (u / window) ** 2)
        return ndimage.correlate1d(array, weights, direction, mode="constant")

    z = [along(2, axis.astype(np.float32), k) for k in range(3)]
    zy = {(j, k): along(1, z[k], j) for k in range(3) for j in range(3 - k)}
    moments: dict[tuple[int, ...], np.ndarray] = {
        (i, j, k): along(0, zy[j, k], i) for j, k in zy for i in range(3 - j - k)
    }
    mass = np.maximum(moments[0, 0, 0], np.float32(1e-6))
    first = [moments[tuple(int(a == b) for b in range(3))] / mass for a in range(3)]
    found = np.zeros((*axis.shape, 3, 3), dtype=np.float32)
    for a in range(3):
        for b in range(3):
            second = moments[tuple(int(a == c) + int(b == c) for c in range(3))] / mass
            found[..., a, b] = second - first[a] * first[b]
    return found
