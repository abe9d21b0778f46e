"""What a schedule means: its treatments as relative doses of known agents, and in words.

    dose = amount/standard of the form (/period in days of what is taken daily)

`"alendronate 70mg 0-24"` is a weekly tablet, `"estrogen 0.3mg 0-24"` conjugated oestrogens, `"estrogen 25ug 0-24"` half
a patch; `describe` says what was understood.
"""

import difflib
import math
from dataclasses import dataclass

from trabfem import constants as c
from trabfem.biology.agents import FORMULARY, Agent, Form, Formulary
from trabfem.errors import UserError
from trabfem.schedule import LoadChange, Schedule, Treatment, loads, parse

HIGHEST_DOSE = 20.0
SHORTEST_INTERVAL_MONTHS = 0.5
DOSE_TOLERANCE = 1e-9
MICROGRAMS = {"mg": 1000.0, "ug": 1.0}
PERIODS = {1.0: "a day", c.DAYS_PER_WEEK.value: "once a week"}
INTERVALS = {1.0: "once a month", 12.0: "once a year"}


@dataclass(frozen=True)
class Cover:
    """Cover with one agent from `start` to `stop` (months); `dose` times the standard one, every `every` months."""

    agent: str
    start: float
    stop: float
    dose: float = 1.0
    every: float = 0.0


def prescribe(schedule: Schedule | str, formulary: Formulary = FORMULARY) -> tuple[Cover, ...]:
    """The treatments of `schedule` by their start, doses relative to the standard ones; loads are left out.

    **Raises:** `UserError` for an unknown agent, a dose beyond `HIGHEST_DOSE` times the standard one, or doses of an
    interval agent closer than half a month.
    """
    return tuple(_cover(item, formulary) for item in parse(schedule).treatments)


def check(schedule: Schedule | str, formulary: Formulary = FORMULARY) -> Schedule:
    """`schedule` itself, parsed; `UserError` as of `prescribe` where it means nothing."""
    parsed = parse(schedule)
    prescribe(parsed, formulary)
    return parsed


def describe(schedule: Schedule | str, formulary: Formulary = FORMULARY) -> tuple[str, ...]:
    """Every item of `schedule` in words: agent, form, dose, interval, how that compares with the standard, months.

    **Raises:** `UserError` as of `prescribe`.
    """
    parsed = parse(schedule)
    covers = prescribe(parsed, formulary)
    taken = [
        _treatment_in_words(item, cover, formulary.by_name[cover.agent])
        for item, cover in zip(parsed.treatments, covers, strict=True)
    ]
    return (*taken, *(_load_in_words(change) for change in parsed.loading.changes))


def form_of(agent: Agent, amount: float | None, unit: str, period_days: float | None) -> Form:
    """The form that `amount` in `unit` is of: the one with that strength, else the first of that unit, else the first.

    A form taken at a period of its own is meant only where no other period is written.
    """
    fitting = [form for form in agent.forms if form.period_days in (None, period_days or form.period_days)]
    same = [form for form in fitting if form.unit == unit]
    exact = [form for form in same if amount in form.strengths]
    return next(iter([*exact, *(form for form in same if not form.strengths)]), agent.forms[0])


def _cover(item: Treatment, formulary: Formulary) -> Cover:
    """One treatment as cover."""
    agent = formulary.by_name.get(item.agent)
    if agent is None:
        near = difflib.get_close_matches(item.agent, [*formulary.names, *loads.WORDS], n=1)
        meant = f"write {near[0]}, or " if near else ""
        raise UserError(
            f"schedule item '{item}': unknown agent '{item.agent}'; {meant}choose one of {', '.join(formulary.names)}, "
            f"or a load: {', '.join(loads.WORDS)}"
        )
    if item.amount is None:
        return Cover(item.agent, item.start, item.stop, 1.0, agent.every)
    dose = _relative_dose(item, agent, item.amount)
    if not 0.0 <= dose <= HIGHEST_DOSE:
        standard = agent.forms[0]
        remedy = f"give at most {HIGHEST_DOSE:g} times the standard {standard.standard:g} {standard.unit}"
        raise UserError(f"schedule item '{item}': that is {dose:.3g} times the standard dose; {remedy}")
    every = agent.every if item.period_days is None else item.period_days / c.DAYS_PER_MONTH.value
    if agent.every and every < SHORTEST_INTERVAL_MONTHS:
        remedy = f"its doses are {agent.every:g} months apart as a standard"
        raise UserError(f"schedule item '{item}': doses closer than half a month; {remedy}")
    return Cover(item.agent, item.start, item.stop, dose, every if agent.every else 0.0)


def _relative_dose(item: Treatment, agent: Agent, amount: float) -> float:
    """The dose as a multiple of the standard one, per day for what is taken daily."""
    if item.unit == "x":
        return amount
    if item.unit == "%":
        return amount / 100.0
    if agent.forms[0].unit not in MICROGRAMS:
        raise UserError(
            f"schedule item '{item}': {agent.name} takes a multiple of the standard dose: write for example 0.5x or 50%"
        )
    form = form_of(agent, amount, item.unit, item.period_days)
    relative = amount * MICROGRAMS[item.unit] / (form.standard * MICROGRAMS[form.unit])
    period = form.period_days if item.period_days is None else item.period_days
    return relative if agent.every or period is None else relative / period


def _treatment_in_words(item: Treatment, cover: Cover, agent: Agent) -> str:
    """`estrogen, oral estradiol 2 mg a day (2 x the standard 1 mg), months 0-24`."""
    figure = item.amount is not None and item.unit in MICROGRAMS
    form = form_of(agent, item.amount, item.unit, item.period_days) if figure else agent.forms[0]
    amount, unit = (item.amount, item.unit) if figure else (cover.dose * form.standard, form.unit)
    period = (item.period_days or form.period_days) if figure else None
    often = _interval(cover.every) if agent.every else _often(period)
    given = f"{amount:.4g} {unit} {often}" if unit in MICROGRAMS else often
    words = f"{agent.name}, {form.name} {given} ({_compared(cover.dose, form, agent)})"
    return f"{words}, months {_months(item)}{_count(cover)}"


def _compared(dose: float, form: Form, agent: Agent) -> str:
    """`the standard dose`, or how many times that."""
    if dose == 1.0:
        return "the standard dose"
    standard = f"{form.standard:g} {form.unit}" if form.unit in MICROGRAMS else "dose"
    a_day = "" if agent.every or form.period_days is None else " a day"
    return f"{dose:.3g} x the standard {standard}{a_day}"


def _often(days: float | None) -> str:
    """How often what is taken daily as a standard is taken."""
    return PERIODS.get(days or 1.0) or f"every {days:.4g} days"


def _interval(months: float) -> str:
    """How often what is given at intervals is given."""
    return INTERVALS.get(months) or f"every {months:.4g} months"


def _count(cover: Cover) -> str:
    """`: 6 doses` of what is given at intervals."""
    if not cover.every:
        return ""
    count = math.ceil((cover.stop - cover.start) / cover.every - DOSE_TOLERANCE)
    return f": {count} dose{'s' if count > 1 else ''}"


def _load_in_words(change: LoadChange) -> str:
    """`usual loads x 0.5, months 12-18`."""
    if change.kind == "direction":
        return f"loads turned by {change.angle:g} degrees about {change.axis}, months {_months(change)}"
    return f"usual loads x {change.factor:g}, months {_months(change)}"


def _months(item: Treatment | LoadChange) -> str:
    return f"{item.start:g} to {item.stop:g}" if item.start < 0 else f"{item.start:g}-{item.stop:g}"
