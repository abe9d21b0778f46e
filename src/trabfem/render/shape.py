"""The bone as it is drawn: a smooth surface that holds the bone's own volume, without specks that carry no load.

The fill of a voxel says how much bone is in it and not where, and it is cut off at 0 and 1. Contoured as it is, it
shows the voxels wherever the surface has torn. A blur of less than a voxel turns it into the smooth ramp across the
surface that a signed distance is; the contour is then drawn at the level that encloses the volume of the bone, so that
what is seen is as much bone as the numbers say, and thin struts neither swell nor break.
"""

import numpy as np
from jaxtyping import Bool, Float
from scipy import ndimage

from trabfem.render.surface import Surface, contour, extract, to_length, triangle_normals

Voxels = Float[np.ndarray, "x y z"]

BLUR = 0.75  # voxels
SMOOTHING_STEPS = 6
SPECK = 1e-3  # of the bone's volume
IDLE = 0.02  # of the mean energy density of the bone
LEVELS = (0.15, 0.85)
BISECTIONS = 14
CORRECTIONS = 6
CLOSE = 0.001


def drawn_surface(
    fill: Voxels, spacing: tuple[float, float, float], energy: Voxels | None = None, smoothing: int = SMOOTHING_STEPS
) -> Surface:
    """The closed surface of a bone for a picture, mm from the outer corner of its first voxel.

    `fill`: 0..1. `energy`: energy density per volume of the tissue, with which pieces that carry nothing are known;
    without it only specks are left out. `smoothing`: Taubin steps.
    """
    ramp, level = drawn_ramp(fill, spacing, energy)
    return extract(ramp, spacing, level=level, smoothing=smoothing)


def drawn_ramp(fill: Voxels, spacing: tuple[float, float, float], energy: Voxels | None = None) -> tuple[Voxels, float]:
    """The smooth ramp across the surface, and the level at which it is drawn: what a part of the bone is cut from."""
    ramp = ndimage.gaussian_filter(np.asarray(fill, np.float32), BLUR, mode="nearest")
    share = float(fill.mean(dtype=np.float64))
    level = level_of(ramp, share)
    gone = idle_pieces(ramp >= level, energy)
    if gone.any():
        # The ramp around a piece falls below the level as well, or a shell of it would stay.
        around = np.asarray(ndimage.binary_dilation(gone, iterations=2), bool)
        kept = np.asarray(ndimage.binary_dilation((ramp >= level) & ~gone), bool)
        near = around & ~kept
        ramp = np.where(near, np.float32(0), ramp)
    return ramp, correct_level(ramp, spacing, level, share)


def correct_level(ramp: Voxels, spacing: tuple[float, float, float], level: float, share: float) -> float:
    """The level whose contour holds the share of the block to `CLOSE`, from an estimate: false position."""
    block = float(np.prod([n * h for n, h in zip(ramp.shape, spacing, strict=True)]))
    low, high = LEVELS  # of level: at the lower one the contour holds most
    more, less = 1.0, 0.0
    for _ in range(CORRECTIONS):
        found = enclosed_volume(ramp, spacing, level) / block
        if abs(found - share) <= CLOSE * share:
            break
        if found > share:
            low, more = level, found
        else:
            high, less = level, found
        weight = (more - share) / max(more - less, 1e-12)
        level = low + (high - low) * min(max(weight, 0.1), 0.9)
    return level


def level_of(ramp: Voxels, target: float) -> float:
    """The level whose contour encloses the share `target` of the block.

    A voxel whose ramp g is (g − level)/|∇g| voxel edges inside the contour is filled by a half more than that.
    """
    gradient = np.sqrt(sum(each**2 for each in np.gradient(ramp))) if min(ramp.shape) > 1 else np.ones_like(ramp)
    steep = np.maximum(gradient, 1e-3)
    low, high = LEVELS
    for _ in range(BISECTIONS):
        middle = (low + high) / 2
        enclosed = float(np.clip(0.5 + (ramp - middle) / steep, 0, 1).mean(dtype=np.float64))
        low, high = (middle, high) if enclosed > target else (low, middle)
    return (low + high) / 2


def enclosed_volume(ramp: Voxels, spacing: tuple[float, float, float], level: float) -> float:
    """Volume (mm³) inside the closed contour of a ramp: that of `extract` without smoothing, which costs more."""
    indices, triangles = contour(np.pad(np.pad(ramp, 1, mode="edge"), 1), level)
    axes = zip(range(3), ramp.shape, spacing, strict=True)
    points = np.stack([to_length(indices[:, axis], count, edge) for axis, count, edge in axes], axis=1)
    return float(np.einsum("ij,ij->", points[triangles[:, 0]], triangle_normals(points, triangles)) / 6)


def idle_pieces(bone: Bool[np.ndarray, "x y z"], energy: Voxels | None) -> Bool[np.ndarray, "x y z"]:
    """Voxels of pieces that do not run from one loaded face to the other, and are specks or carry no load.

    The largest piece always stays, for bone that is cut through.
    """
    labels, count = ndimage.label(bone)  # type: ignore[misc]
    if count < 2:
        return np.zeros_like(bone)
    sizes = np.bincount(labels.ravel(), minlength=count + 1)
    faces = [np.bincount(labels[:, :, end].ravel(), minlength=count + 1) > 0 for end in (0, -1)]
    gone = ~(faces[0] & faces[1])
    idle = sizes < SPECK * sizes[1:].sum()
    if energy is not None:
        sums = np.bincount(labels.ravel(), np.asarray(energy, np.float64).ravel(), count + 1)
        idle |= sums / np.maximum(sizes, 1) < IDLE * sums[1:].sum() / sizes[1:].sum()
    gone &= idle
    gone[[0, 1 + int(np.argmax(sizes[1:]))]] = False
    return gone[labels]
