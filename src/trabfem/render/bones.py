"""A bone of a study at a month as it is drawn: its surface, and what its points can be coloured by."""

import functools
from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Float

from trabfem.errors import UserError
from trabfem.render import panels
from trabfem.render.shape import SMOOTHING_STEPS, drawn_ramp
from trabfem.render.surface import Surface, distance_outside, extract, outline_lost_bone, sample, simplify
from trabfem.runs.study import ArmRuns, Study
from trabfem.runs.trajectory import Moment
from trabfem.specimen import Specimen
from trabfem.specimen.morphometry import thickness_map

Voxels = Float[np.ndarray, "x y z"]
Points = Float[np.ndarray, "points"]

LEAST_FILL = 0.2  # below it the energy of the tissue in a voxel is a quotient of two small numbers
LOST_GAP = 0.75  # voxels; thinner losses show as the colour of what is left


def moment_of(study: Study, arm: ArmRuns, place: int) -> Moment:
    """What is drawn of an arm: its first member, at the month that stands at `place` among those that are kept.

    `UserError` where the bone has another shape than the study says.
    """
    number = min(arm.runs)
    moment = arm.moment(arm.months[place], number)
    if moment.fill.shape != study.shape:
        raise UserError(
            f"{arm.name!r}, month {moment.month:g}: its bone has {moment.fill.shape} voxels, but the study says "
            f"{study.shape}: delete that month and resume the study"
        )
    return moment


def tissue_energy(moment: Moment) -> Voxels:
    """Energy density of the bone in each voxel, MPa: U / fill, as a half-filled voxel holds half the tissue."""
    return moment.sed / np.maximum(moment.fill, LEAST_FILL)


def tissue_modulus(study: Study) -> float | None:
    """Young's modulus of the study's tissue, MPa; None where its folder does not say."""
    found = study.header.get("settings", {}).get("tissue_modulus")
    return None if found is None else float(found)


@dataclass(frozen=True, eq=False)
class DrawnBone:
    """A bone of a study at a month; what is drawn of it is computed when it is first asked for.

    `start`: the bone of month 0 of the same run, None for that one itself. `modulus`: of the tissue, MPa. `most`:
    triangles of the surface, as many as it takes where None.
    """

    moment: Moment
    spacing: tuple[float, float, float]
    modulus: float | None = None
    start: "DrawnBone | None" = field(default=None, repr=False)
    most: int | None = None

    @functools.cached_property
    def ramp(self) -> tuple[Voxels, float]:
        """What the surface is contoured from and at which level (see `shape`); parts of the bone share it."""
        return drawn_ramp(self.moment.fill, self.spacing, tissue_energy(self.moment))

    @functools.cached_property
    def surface(self) -> Surface:
        """The surface that is drawn (see `shape`)."""
        ramp, level = self.ramp
        found = extract(ramp, self.spacing, level=level, smoothing=SMOOTHING_STEPS)
        if self.most is None:
            return found
        x, y, z = (n * h for n, h in zip(self.moment.fill.shape, self.spacing, strict=True))
        return simplify(found, (x, y, z), min(self.spacing), self.most)

    @functools.cached_property
    def light(self) -> Points:
        """Openness of each point, 0..1."""
        return panels.openness(self.surface, self.moment.fill, self.spacing)

    @functools.cached_property
    def energy(self) -> Points:
        """Strain energy density of the tissue, MPa."""
        return sample(tissue_energy(self.moment), self.surface.points, self.spacing)

    @property
    def strain(self) -> Points | None:
        r"""Energy-equivalent (effective) strain of the tissue, $\\sqrt{2U/E}$, µε (Pistoia 2002 Bone 30:842)."""
        if self.modulus is None:
            return None
        return 1e6 * np.sqrt(2 * np.maximum(self.energy, 0) / self.modulus)

    @functools.cached_property
    def shift(self) -> Points:
        """How far the surface has moved since the start, µm: negative where bone was resorbed.

        Where the block's border cuts bone there is no surface: zero, or how far new bone reaches beyond the old.
        """
        if self.start is None:
            return np.zeros(len(self.surface.points))
        moved = distance_outside(self.surface.points, self.start.surface, reach=2 * min(self.spacing))
        return 1e3 * np.where(self.surface.cap_points() > 0, np.maximum(moved, 0), moved)

    @functools.cached_property
    def thickness(self) -> Points:
        """Local thickness of the bone, mm (Hildebrand & Rüegsegger 1997)."""
        found = thickness_map(Specimen(self.moment.fill, self.spacing))
        return sample(np.where(np.isfinite(found), found, 0), self.surface.points, self.spacing)

    @functools.cached_property
    def age(self) -> Points | None:
        """Age of the tissue, years; None where the study does not follow it."""
        if self.moment.age is None:
            return None
        return sample(self.moment.age, self.surface.points, self.spacing)

    def gap_of(self, points: Float[np.ndarray, "points 3"]) -> Points:
        """How far points (mm) lie outside this bone, µm."""
        return 1e3 * distance_outside(points, self.surface, reach=2 * LOST_GAP * min(self.spacing))

    @functools.cached_property
    def lost(self) -> Surface | None:
        """Outline of the bone that is gone since the start; None for the start itself."""
        if self.start is None:
            return None
        return outline_lost_bone(self.start.surface, self.surface, LOST_GAP * min(self.spacing))


def drawn_bones(study: Study, arm: ArmRuns, places: list[int], start: DrawnBone | None = None) -> list[DrawnBone]:
    """The bones of an arm at `places` among its months; `start`: its bone of month 0, where it is there already."""
    modulus = tissue_modulus(study)
    first = start or DrawnBone(moment_of(study, arm, 0), study.spacing, modulus)
    count = len(arm.months)
    return [
        first if place % count == 0 else DrawnBone(moment_of(study, arm, place), study.spacing, modulus, first)
        for place in places
    ]
