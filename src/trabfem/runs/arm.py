"""An arm: a name and a schedule."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from trabfem.errors import UserError
from trabfem.schedule import Schedule, parse


@dataclass(frozen=True)
class Arm:
    """A name, and a schedule of drugs and changes of load."""

    name: str
    schedule: Schedule = Schedule()

    @property
    def slug(self) -> str:
        """The name as a folder name: lower-case letters, digits and underscores."""
        return re.sub(r"[^a-z0-9]+", "_", self.name.lower()).strip("_")


def parse_arm(name: str, schedule: str | Schedule) -> Arm:
    """The arm with a schedule such as "denosumab 0-36; alendronate 36-60; disuse 0.5 12-18".

    **Raises:** `UserError` that names the arm.
    """
    try:
        return Arm(name, parse(schedule))
    except UserError as error:
        raise UserError(f"arm {name!r}: {error}") from None


def as_arms(arms: Mapping[str, str | Schedule] | Sequence[Arm]) -> tuple[Arm, ...]:
    """Arms from a mapping of names to schedules; UserError where a name is missing or used twice."""
    found = tuple(parse_arm(*each) for each in arms.items()) if isinstance(arms, Mapping) else tuple(arms)
    require_names(found)
    return found


def require_names(arms: Iterable[Arm]) -> None:
    """UserError unless there is at least one arm and all names differ."""
    slugs = [arm.slug for arm in arms]
    if not slugs:
        raise UserError("the comparison has no [[arm]]: give at least one, with a name")
    for arm in arms:
        if not arm.slug or slugs.count(arm.slug) > 1:
            raise UserError(f"arm name {arm.name!r} is empty or used twice: each arm needs its own name")
