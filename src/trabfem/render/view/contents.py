"""What a window shows, without the window: panels beside each other, the months they go through, what colours them."""

import functools
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np

from trabfem.errors import UserError
from trabfem.render import panels, style
from trabfem.render.bones import DrawnBone, moment_of, tissue_modulus
from trabfem.render.colouring import COLOURINGS, Colouring, Key, Scale, one_colour
from trabfem.render.panels import Layer
from trabfem.render.scenes import volume_fraction
from trabfem.runs.study import ArmRuns, Study
from trabfem.runs.trajectory import Moment

KEPT_BYTES = 1.5e9
BYTES_A_VOXEL, BYTES_A_POINT = 12, 300
POINTS_A_VOXEL = 0.25


@dataclass(frozen=True)
class Choice:
    """A way to colour, as a menu offers it: `name` for options and programs, `title` for people."""

    name: str
    title: str
    keys: tuple[Key, ...] = ()


@runtime_checkable
class Contents(Protocol):
    """What a window asks of what it shows. Panels, months and choices are numbered from 0."""

    title: str
    size: tuple[float, float, float]
    names: tuple[str, ...]
    months: tuple[float, ...]
    choices: tuple[Choice, ...]

    def caption(self, panel: int, step: int) -> str:
        """The line below the name of a panel at a month."""
        ...

    def scale(self, choice: int) -> Scale | None:
        """The colour scale that all panels share at all months."""
        ...

    def layers(self, panel: int, step: int, choice: int) -> list[Layer]:
        """The coloured surfaces of a panel at a month."""
        ...

    def plain(self, panel: int, step: int) -> list[Layer]:
        """The surface of a panel at a month without what its colours say."""
        ...

    def is_ready(self, panel: int, step: int, choice: int) -> bool:
        """Whether `layers` takes no time."""
        ...


def find_choice(contents: Contents, name: str | None) -> int:
    """The number of the colouring called `name`, the first where None. **Raises:** `UserError` where there is none."""
    names = [choice.name for choice in contents.choices]
    if name is None:
        return 0
    if name not in names:
        raise UserError(f"colour = {name}: give one of {', '.join(names)}")
    return names.index(name)


def find_step(contents: Contents, month: float | None) -> int:
    """The number of a month, the last one where None. **Raises:** `UserError` where it is not kept."""
    if month is None:
        return len(contents.months) - 1
    if month not in contents.months:
        known = ", ".join(f"{each:g}" for each in contents.months)
        if len(contents.months) == 1:
            raise UserError(f"month = {month:g}: {contents.title} does not change with time; leave it out")
        raise UserError(f"month = {month:g}: no bone is kept there; give one of {known}")
    return contents.months.index(month)


class StudyContents:
    """The bones of the arms of a study. A bone is read and computed when it is first shown, and kept for a while.

    `arms`: names of those that are shown, all where empty. The scale of a colouring is that of the bones before and
    after, as in the picture, so that it stays the same at all months.
    """

    def __init__(self, study: Study, arms: Sequence[str] = ()) -> None:
        self.study = study
        self.arms = tuple(_find_arm(study, name) for name in arms) or study.arms
        self.title, self.size = study.name, study.size
        self.names = tuple(arm.name for arm in self.arms)
        self.months = tuple(sorted({month for arm in self.arms for month in arm.months}))
        offered = _offered(study)
        self.colourings = tuple(offered)
        self.choices = tuple(Choice(each.name, each.title, each.keys) for each in offered)
        self._modulus = tissue_modulus(study)
        self._bones: OrderedDict[tuple[int, int], DrawnBone] = OrderedDict()
        self._scales: dict[int, Scale | None] = {}
        self._done: set[tuple[int, int, int]] = set()
        voxels = float(np.prod(study.shape))
        each_bone = voxels * (BYTES_A_VOXEL + POINTS_A_VOXEL * BYTES_A_POINT)
        self._most = max(2 * len(self.arms), int(KEPT_BYTES / each_bone))

    @functools.cached_property
    def starts(self) -> tuple[DrawnBone, ...]:
        """The bone of month 0 of each arm, one and the same where they start alike."""
        found: list[DrawnBone] = []
        for arm in self.arms:
            moment = moment_of(self.study, arm, 0)
            same = (each for each in found if np.array_equal(each.moment.fill, moment.fill))
            found.append(next(same, None) or DrawnBone(moment, self.study.spacing, self._modulus))
        return tuple(found)

    def place(self, panel: int, step: int) -> int:
        """The place among the months of an arm that is shown: an arm that ended early stays at its last one."""
        months, wanted = self.arms[panel].months, self.months[step]
        return max((place for place, month in enumerate(months) if month <= wanted), default=0)

    def bone(self, panel: int, step: int) -> DrawnBone:
        """The bone of an arm at a month."""
        place = self.place(panel, step)
        if place == 0:
            return self.starts[panel]
        key = (panel, place)
        if key not in self._bones:
            moment = moment_of(self.study, self.arms[panel], place)
            self._bones[key] = DrawnBone(moment, self.study.spacing, self._modulus, self.starts[panel])
            while len(self._bones) > self._most:
                gone, _ = self._bones.popitem(last=False)
                self._done = {each for each in self._done if each[:2] != gone}
        self._bones.move_to_end(key)
        return self._bones[key]

    def caption(self, panel: int, step: int) -> str:
        bone = self.bone(panel, step)
        early = bone.moment.month < self.months[step] and self.place(panel, step) == len(self.arms[panel].months) - 1
        return volume_fraction(bone.moment.fill) + (f", ended in month {bone.moment.month:g}" if early else "")

    def scale(self, choice: int) -> Scale | None:
        if choice not in self._scales:
            ends = [self.bone(panel, len(self.months) - 1) for panel in range(len(self.arms))]
            firsts = list(dict.fromkeys(self.starts))
            self._scales[choice] = self.colourings[choice].scale([*firsts, *ends])
        return self._scales[choice]

    def layers(self, panel: int, step: int, choice: int) -> list[Layer]:
        drawn = self.colourings[choice].layers(self.bone(panel, step), self.scale(choice))
        self._done.add((panel, self.place(panel, step), choice))
        return drawn

    def plain(self, panel: int, step: int) -> list[Layer]:
        bone = self.bone(panel, step)
        return [Layer(bone.surface, panels.shade(one_colour(len(bone.surface.points), style.BONE), bone.light))]

    def is_ready(self, panel: int, step: int, choice: int) -> bool:
        return (panel, self.place(panel, step), choice) in self._done


def _find_arm(study: Study, name: str) -> ArmRuns:
    try:
        return study[name]
    except KeyError:
        known = ", ".join(arm.slug for arm in study)
        raise UserError(f"arm = {name}: {study.name} has no such arm; give one of {known}") from None


def _offered(study: Study) -> list[Colouring]:
    """The colourings that a study has the values for, asked of a small bone made like its own."""
    first = moment_of(study, study.arms[0], 0)
    fill = np.zeros((6, 6, 6), np.float32)
    fill[2:4, 2:4] = 1
    small = Moment(0, fill, fill, None if first.age is None else fill)
    bone = DrawnBone(small, study.spacing, tissue_modulus(study))
    return [colouring for colouring in COLOURINGS.values() if colouring.has([bone])]
