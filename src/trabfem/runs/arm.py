"""An arm: a name and a schedule."""

import itertools
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from trabfem.errors import UserError
from trabfem.schedule import Schedule, parse

LONGEST_SLUG = 100
"""Bytes of a folder's name, most of the 255 that file systems allow."""
RESERVED = {"con", "prn", "aux", "nul", *(f"{port}{n}" for port in ("com", "lpt") for n in range(10))}
"""Names that Windows keeps for devices."""
TAKEN = {"figures", "paraview"}
"""Folders of a study that are no arm's."""


@dataclass(frozen=True)
class Arm:
    """A name, a schedule of drugs and changes of load, and the name of its folder, made of the name if left out."""

    name: str
    schedule: Schedule = Schedule()
    slug: str = ""

    def __post_init__(self) -> None:
        """Make the slug."""
        if not self.slug:
            object.__setattr__(self, "slug", make_slug(self.name))


def make_slug(name: str) -> str:
    """A name as a folder name: lower-case letters and digits of any script and underscores, at most 100 bytes.

    "" for a name without letters or digits.
    """
    text = unicodedata.normalize("NFKC", name).lower()
    kept = "".join(c if c.isalnum() or unicodedata.category(c)[0] == "M" else " " for c in text)
    slug = "_".join(kept.split()).encode()[:LONGEST_SLUG].decode(errors="ignore").rstrip("_")
    return f"arm_{slug}" if slug in RESERVED | TAKEN else slug


def with_own_slugs(arms: Sequence[Arm]) -> tuple[Arm, ...]:
    """The arms, each with a slug of its own: by number where the name has none, with a suffix where it is taken."""
    used: set[str] = set()
    found = []
    for number, arm in enumerate(arms, 1):
        stem = arm.slug or f"arm_{number}"
        free = (f"{stem}_{count}" for count in itertools.count(2))
        slug = stem if stem not in used else next(each for each in free if each not in used)
        used.add(slug)
        found.append(replace(arm, slug=slug))
    return tuple(found)


def parse_arm(name: str, schedule: str | Schedule, slug: str = "") -> Arm:
    """The arm with a schedule such as "denosumab 0-36; alendronate 36-60; disuse 0.5 12-18".

    **Raises:** `UserError` that names the arm.
    """
    try:
        return Arm(name, parse(schedule), slug)
    except UserError as error:
        raise UserError(f"arm {name!r}: {error}") from None


def as_arms(arms: Mapping[str, str | Schedule] | Sequence[Arm]) -> tuple[Arm, ...]:
    """Arms from a mapping of names to schedules; UserError where a name is missing or used twice."""
    found = [parse_arm(*each) for each in arms.items()] if isinstance(arms, Mapping) else list(arms)
    require_names(found)
    return with_own_slugs(found)


def require_names(arms: Iterable[Arm]) -> None:
    """UserError unless there is at least one arm, and each has a name of its own."""
    names = [arm.name for arm in arms]
    if not names:
        raise UserError("the comparison has no [[arm]]: give at least one, with a name")
    for name in names:
        if not name.strip():
            raise UserError(f"arm name {name!r} is empty: give each arm a name")
        if names.count(name) > 1:
            raise UserError(f"arm name {name!r} is used twice: each arm needs its own name")
