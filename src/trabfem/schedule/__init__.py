"""Schedules: drugs and changes of load over the months, in one grammar.

`"denosumab 0-36; alendronate 70mg/week 36-60; disuse 0.5 12-18"`: items are separated by `;` and end with their months,
counted from month 0. Drugs are `AGENT [DOSE[/PERIOD]] START-STOP` (see `treatments`), loads one of `disuse`,
`exercise`, `direction` (see `loads`). Known agents and the meaning of doses are
defined in `trabfem.biology.prescription`.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from trabfem.schedule import loads, treatments
from trabfem.schedule.loads import USUAL_LOAD, Load, LoadChange, Loading
from trabfem.schedule.treatments import Treatment

__all__ = ["USUAL_LOAD", "Load", "LoadChange", "Loading", "Schedule", "Treatment", "parse"]


@dataclass(frozen=True)
class Schedule:
    """Treatments and changes of load; months are counted from month 0.

    **Raises:** `UserError` where intervals of one agent, or of one kind of change of load, overlap.
    """

    treatments: tuple[Treatment, ...] = ()
    loading: Loading = Loading()

    def __post_init__(self) -> None:
        """Sort treatments by their start."""
        object.__setattr__(self, "treatments", treatments.sort_treatments(self.treatments))

    @property
    def first_month(self) -> float:
        """Start of the earliest treatment, 0 if none starts before month 0."""
        return min([0.0, *(item.start for item in self.treatments)])

    @property
    def last_month(self) -> float:
        """End of the last treatment, 0 if none ends after month 0."""
        return max([0.0, *(item.stop for item in self.treatments)])

    def __add__(self, other: "Schedule") -> "Schedule":
        """Both schedules together."""
        changes = (*self.loading.changes, *other.loading.changes)
        return Schedule((*self.treatments, *other.treatments), Loading(changes))

    def __str__(self) -> str:
        """The items in the notation that `parse` reads, doses as they were written."""
        return "; ".join(map(str, self._items()))

    def _items(self) -> Iterable[Treatment | LoadChange]:
        return (*self.treatments, *self.loading.changes)


def parse(text: str | Schedule) -> Schedule:
    """The schedule written in `text`; `""` means no treatment and the usual load.

    **Raises:** `UserError` for a malformed item, months or loads out of range, or overlapping items of one kind.
    """
    if isinstance(text, Schedule):
        return text
    taken: list[Treatment] = []
    changed: list[LoadChange] = []
    for item in (part.strip() for part in text.split(";") if part.strip()):
        if loads.is_load(item):
            changed.append(loads.read(item))
        else:
            taken.append(treatments.read(item))
    return Schedule(tuple(taken), Loading(tuple(changed)))
