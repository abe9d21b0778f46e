"""Drugs in a schedule: an agent's name, a dose, and the months of treatment.

Grammar of an item: `AGENT [DOSE[/PERIOD]] START-STOP` with months from month 0, negative for treatment before it;
`estrogen 2mg 0-24`, `alendronate 70mg/week -60-0`, `zoledronate 5mg/24mo 0-48`, `alendronate 60% 0-12` (adherence).
The meaning of names and amounts is defined in `trabfem.biology.prescription`.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from trabfem import constants
from trabfem.errors import UserError
from trabfem.schedule.writing import LONGEST_MONTHS, SPAN, format_number, parse_span

ITEM = re.compile(
    r"(?P<agent>[a-z][a-z0-9_]*)"
    r"(?:\s+(?P<dose>\d*\.?\d+)\s*(?P<unit>mg|ug|µg|μg|mcg|%|x)"
    r"(?:\s*(?:/|every\s+)\s*(?P<count>\d*\.?\d+)?\s*(?P<period>d|day|days|wk|week|weeks|mo|month|months|y|yr|year|years))?)?"
    + SPAN,
    re.IGNORECASE,
)
DAYS = {
    "d": 1.0,
    "w": constants.DAYS_PER_WEEK.value,
    "m": constants.DAYS_PER_MONTH.value,
    "y": constants.DAYS_PER_YEAR.value,
}
WORDS = {"w": "week", "m": "mo", "d": "d"}
EXAMPLE = "alendronate 70mg/week 0-36"


@dataclass(frozen=True)
class Treatment:
    """One agent from `start` to `stop` (months); `amount` in `unit` (mg, ug, %, x) every `period_days` (or None).

    Doses of an agent given at intervals are at START, START + interval, ... before STOP.
    """

    agent: str
    start: float
    stop: float
    amount: float | None = None
    unit: str = ""
    period_days: float | None = None

    def __str__(self) -> str:
        """The item in the notation that `parse` reads."""
        dose = "" if self.amount is None else f" {format_number(self.amount)}{self.unit}{_period(self.period_days)}"
        return f"{self.agent}{dose} {format_number(self.start)}-{format_number(self.stop)}"


def read(text: str) -> Treatment:
    """The treatment written in one item.

    **Raises:** `UserError` for a malformed item or months that are reversed or out of range.
    """
    match = ITEM.fullmatch(text)
    if match is None:
        raise UserError(
            f"schedule item '{text}': write AGENT [DOSE] START-STOP in months, such as '{EXAMPLE}', items apart by ;, "
            "nothing for no treatment"
        )
    remedy = f"months beyond ±{LONGEST_MONTHS:g}; give months from baseline"
    start, stop = parse_span(text, match["start"], match["stop"], -LONGEST_MONTHS, remedy)
    agent = match["agent"].lower()
    if match["dose"] is None:
        return Treatment(agent, start, stop)
    unit = match["unit"].lower().replace("µ", "u").replace("μ", "u").replace("mcg", "ug")
    days = None if match["period"] is None else float(match["count"] or 1.0) * DAYS[match["period"][0].lower()]
    if days == 0.0:
        raise UserError(f"schedule item '{text}': a dose every 0 days; give a longer period, such as /week")
    return Treatment(agent, start, stop, float(match["dose"]), unit, days)


def sort_treatments(treatments: Iterable[Treatment]) -> tuple[Treatment, ...]:
    """`treatments` sorted by start.

    **Raises:** `UserError` where treatments with one agent overlap.
    """
    ordered = sorted(treatments, key=lambda item: (item.start, item.stop, item.agent))
    last: dict[str, Treatment] = {}
    for after in ordered:
        before = last.get(after.agent)
        if before is not None and after.start < before.stop:
            raise UserError(
                f"schedule: '{before}' and '{after}' overlap; "
                f"give {after.agent} once at a time and change its dose from one interval to the next"
            )
        last[after.agent] = after
    return tuple(ordered)


def _period(days: float | None) -> str:
    """`/week`, `/6mo`, `/3d`: the longest of these units that `days` is a whole number of."""
    if days is None:
        return ""
    unit = next((unit for unit in ("m", "w") if days % DAYS[unit] == 0.0), "d")
    count = days / DAYS[unit]
    return f"/{'' if count == 1.0 else format_number(count)}{WORDS[unit]}"
