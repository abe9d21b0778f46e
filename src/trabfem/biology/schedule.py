"""Schedules of treatment: `"alendronate 0-36; denosumab 36-60"` to a checked list of items.

Grammar of an item: `AGENT [DOSE[/PERIOD]] START-STOP` with months from baseline, negative ones for what came before;
`estrogen 2mg 0-24`, `alendronate 70mg/week -60-0`, `zoledronate 5mg/24mo 0-48`, `alendronate 60% 0-12` (adherence).
START-STOP is dosing cover: doses of an interval agent fall at START, START + interval, ... before STOP.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from trabfem import constants
from trabfem.biology import formulary
from trabfem.errors import UserError

ITEM = re.compile(
    r"(?P<agent>[a-z][a-z0-9_]*)"
    r"(?:\s+(?P<dose>\d*\.?\d+)\s*(?P<unit>mg|ug|µg|μg|mcg|%|x)"
    r"(?:\s*(?:/|every\s+)\s*(?P<count>\d*\.?\d+)?\s*(?P<period>d|day|days|wk|week|weeks|mo|month|months|y|yr|year|years))?)?"
    r"\s+(?P<start>-?\d+(?:\.\d+)?)\s*[-–]\s*(?P<stop>-?\d+(?:\.\d+)?)(?:\s*mo)?",
    re.IGNORECASE,
)
DAYS = {
    "d": 1.0,
    "w": constants.DAYS_PER_WEEK.value,
    "m": constants.DAYS_PER_MONTH.value,
    "y": constants.DAYS_PER_YEAR.value,
}
LONGEST_MONTHS = 1200.0
HIGHEST_DOSE = 20.0
SHORTEST_INTERVAL_MONTHS = 0.5


@dataclass(frozen=True)
class Item:
    """Cover with one agent from `start` to `stop` (months); `dose` times the standard one, every `every` months."""

    agent: str
    start: float
    stop: float
    dose: float = 1.0
    every: float = 0.0


@dataclass(frozen=True)
class Schedule:
    """What a patient takes and when; months from baseline."""

    items: tuple[Item, ...] = ()

    @property
    def first_month(self) -> float:
        """Start of the earliest item, 0 if none lies before baseline."""
        return min([0.0, *(item.start for item in self.items)])

    @property
    def last_month(self) -> float:
        """End of the last item, 0 if none lies after baseline."""
        return max([0.0, *(item.stop for item in self.items)])

    def __add__(self, other: "Schedule") -> "Schedule":
        """Both schedules together; cover that overlaps in one agent is refused."""
        return Schedule(_checked([*self.items, *other.items]))

    def __str__(self) -> str:
        """The items in the notation that `parse` reads."""
        return "; ".join(_written(item) for item in self.items)


def parse(text: "str | Schedule") -> Schedule:
    """The schedule that `text` says; `""` is no treatment.

    **Raises:** `UserError` for an unknown agent, a malformed or reversed interval, or one agent taken twice at once.
    """
    if isinstance(text, Schedule):
        return text
    return Schedule(_checked([_item(part.strip()) for part in text.split(";") if part.strip()]))


def _item(text: str) -> Item:
    """One item from its text."""
    match = ITEM.fullmatch(text)
    name = re.split(r"\s", text)[0].lower()
    if name not in formulary.BY_NAME:
        raise UserError(f"schedule item '{text}': unknown agent '{name}'; choose one of {', '.join(formulary.NAMES)}")
    if match is None:
        raise UserError(
            f"schedule item '{text}': write AGENT [DOSE] START-STOP in months, such as '{name} 0-36', items apart by ;"
        )
    start, stop = float(match["start"]), float(match["stop"])
    if stop <= start:
        raise UserError(f"schedule item '{text}': it ends before it starts; give the earlier month first")
    if max(abs(start), abs(stop)) > LONGEST_MONTHS:
        raise UserError(f"schedule item '{text}': months beyond ±{LONGEST_MONTHS:g}; give months from baseline")
    product = formulary.BY_NAME[name]
    dose, every = _dose(text, product, match)
    return Item(name, start, stop, dose, every)


def _dose(text: str, product: formulary.Product, match: re.Match[str]) -> tuple[float, float]:
    """Dose relative to the standard one and months between doses, from a matched item."""
    if match["dose"] is None:
        return 1.0, product.every
    unit = match["unit"].lower().replace("µ", "u").replace("μ", "u").replace("mcg", "ug")
    days = None if match["period"] is None else float(match["count"] or 1.0) * DAYS[match["period"][0].lower()]
    try:
        dose = formulary.relative_dose(product, float(match["dose"]), unit, days)
    except ValueError as error:
        raise UserError(f"schedule item '{text}': {error}") from None
    if not 0.0 <= dose <= HIGHEST_DOSE:
        remedy = f"give at most {HIGHEST_DOSE:g} times the standard {product.dose:g} {product.unit}"
        raise UserError(f"schedule item '{text}': that is {dose:.3g} times the standard dose; {remedy}")
    every = product.every if days is None else days / constants.DAYS_PER_MONTH.value
    if product.every and every < SHORTEST_INTERVAL_MONTHS:
        remedy = f"its doses are {product.every:g} months apart as a standard"
        raise UserError(f"schedule item '{text}': doses closer than half a month; {remedy}")
    return dose, every if product.every else 0.0


def _checked(items: list[Item]) -> tuple[Item, ...]:
    """`items` in order of start, each agent at most once at any time."""
    ordered = sorted(items, key=lambda item: (item.start, item.stop, item.agent))
    for agent, group in _by_agent(ordered):
        for before, after in zip(group, group[1:], strict=False):
            if after.start < before.stop:
                raise UserError(
                    f"schedule: '{_written(before)}' and '{_written(after)}' overlap; "
                    f"give {agent} once at a time and change its dose from one interval to the next"
                )
    return tuple(ordered)


def _by_agent(items: Iterable[Item]) -> list[tuple[str, list[Item]]]:
    """`items` grouped by agent, each group in the given order."""
    groups: dict[str, list[Item]] = {}
    for item in items:
        groups.setdefault(item.agent, []).append(item)
    return list(groups.items())


def _written(item: Item) -> str:
    """`item` in the notation of `parse`."""
    product = formulary.BY_NAME[item.agent]
    dose = "" if item.dose == 1.0 and item.every == product.every else f" {item.dose:.4g}x"
    period = "" if item.every == product.every else f"/{item.every:.4g}mo"
    return f"{item.agent}{dose}{period} {item.start:g}-{item.stop:g}"
