"""A part of a drawn bone: the half behind a plane, or a small block of it; where it is cut its faces are flat.

The surface is that of the whole bone, cut off at planes between voxels: the same ramp is contoured at the same level
(see `shape`), and only its border is another one.
"""

import functools
from dataclasses import dataclass, field, replace

import numpy as np
from jaxtyping import Bool, Float

from trabfem.errors import UserError
from trabfem.render import panels
from trabfem.render.bones import LOST_GAP, DrawnBone
from trabfem.render.panels import View
from trabfem.render.shape import SMOOTHING_STEPS
from trabfem.render.surface import Surface, extract, outline_lost_bone

Box = tuple[slice, slice, slice]
"""Voxels from start to stop along each axis."""
AXES = "xyz"


@dataclass(frozen=True, eq=False)
class PartOfBone(DrawnBone):
    """The voxels `box` of the bone `whole`, in the whole's place; make it with `part_of`."""

    whole: DrawnBone | None = field(default=None, repr=False)
    box: Box = (slice(0), slice(0), slice(0))

    @functools.cached_property
    def surface(self) -> Surface:
        """The surface of the whole within the box, closed by flat faces where it is cut."""
        ramp, level = self.ramp if self.whole is None else self.whole.ramp
        found = extract(ramp[self.box], self.spacing, level=level, smoothing=SMOOTHING_STEPS)
        return replace(found, points=found.points + corner_of(self.box, self.spacing))

    @functools.cached_property
    def light(self) -> Float[np.ndarray, "points"]:
        """Openness of each point where nothing is but the part, 0..1."""
        kept = np.where(inside_of(self.box, self.moment.fill.shape), self.moment.fill, 0)
        return panels.openness(self.surface, kept, self.spacing)

    @functools.cached_property
    def lost(self) -> Surface | None:
        """Outline of the bone within the box that is gone since the start."""
        if self.start is None or self.whole is None:
            return None
        before = part_of(self.start, self.box).surface
        return outline_lost_bone(before, self.whole.surface, LOST_GAP * min(self.spacing))


def part_of(bone: DrawnBone, box: Box) -> PartOfBone:
    """The part of a bone within a box."""
    return PartOfBone(bone.moment, bone.spacing, bone.modulus, bone.start, whole=bone, box=box)


def inside_of(box: Box, shape: tuple[int, ...]) -> Bool[np.ndarray, "x y z"]:
    """Whether voxels are within a box."""
    found = np.zeros(shape, bool)
    found[box] = True
    return found


def corner_of(box: Box, spacing: tuple[float, float, float]) -> Float[np.ndarray, "3"]:
    """The outer corner of the box's first voxel, mm."""
    return np.array([part.start * h for part, h in zip(box, spacing, strict=True)])


def size_of(box: Box, spacing: tuple[float, float, float]) -> tuple[float, float, float]:
    """Sides of a box, mm."""
    x, y, z = ((part.stop - part.start) * h for part, h in zip(box, spacing, strict=True))
    return x, y, z


def parse_cut(text: str) -> tuple[int, float]:
    """The axis (0, 1, 2) and the place (mm) of a cut such as "x=1.1"."""
    name, _, place = text.replace(" ", "").partition("=")
    try:
        return AXES.index(name.lower() or "?"), float(place)
    except ValueError:
        raise UserError(f"cut = {text}: give an axis and a place in mm, such as x=1.1") from None


def cut_box(text: str, shape: tuple[int, int, int], spacing: tuple[float, float, float], view: View) -> Box:
    """What stays of a block behind the plane of a cut such as "x=1.1", at the nearest border between voxels."""
    axis, place = parse_cut(text)
    count, edge = shape[axis], spacing[axis]
    at = round(place / edge) if np.isfinite(place) else -1
    if not 0 < at < count:
        raise UserError(f"cut = {text}: the block goes from 0 to {count * edge:g} mm there, give a place within it")
    behind = slice(0, at) if view.towards[axis] > 0 else slice(at, count)
    x, y, z = (behind if k == axis else slice(0, n) for k, n in enumerate(shape))
    return x, y, z


def edges_of(box: Box, spacing: tuple[float, float, float], view: View) -> list[Float[np.ndarray, "2 2"]]:
    """The twelve edges of a box in a picture of the block: ends to the right and up, in half heights of the picture."""
    corners = np.array(list(np.ndindex(2, 2, 2))) * size_of(box, spacing) + corner_of(box, spacing)
    seen = [np.array(view.project(corner - np.asarray(view.size) / 2)) / view.half_height for corner in corners]
    places = list(np.ndindex(2, 2, 2))
    joined = [(i, j) for i in range(8) for j in range(i) if np.abs(np.subtract(places[i], places[j])).sum() == 1]
    return [np.stack([seen[i], seen[j]]) for i, j in joined]
