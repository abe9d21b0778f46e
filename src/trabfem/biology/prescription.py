"""The meaning of a schedule: its treatments as relative doses of known agents, and in words.

    dose = amount/standard of the form; for agents taken daily (amount/period)/(standard/period of the form)

`"alendronate 70mg 0-24"` is a weekly tablet, `"estrogen 0.3mg 0-24"` conjugated oestrogens, `"estrogen 25ug 0-24"` half
a patch; `describe` returns how a schedule was understood.
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
PERIODS = {1.0: "a day", c.DAYS_PER_WEEK.value: "once a week", c.DAYS_PER_MONTH.value: "once a month"}
INTERVALS = {1.0: "once a month", 12.0: "once a year"}


@dataclass(frozen=True)
class Cover:
    """Treatment with one agent from `start` to `stop` (months): `dose` times the standard, every `every` months."""

    agent: str
    start: float
    stop: float
    dose: float = 1.0
    every: float = 0.0


def prescribe(schedule: Schedule | str, formulary: Formulary = FORMULARY) -> tuple[Cover, ...]:
    """The treatments of `schedule` in order of start, with doses relative to the standard; loads are left out.

    **Raises:** `UserError` for an unknown agent, a dose beyond `HIGHEST_DOSE` times the standard one, or doses of an
    interval agent closer than half a month.
    """
    return tuple(_make_cover(item, formulary) for item in parse(schedule).treatments)


def check(schedule: Schedule | str, formulary: Formulary = FORMULARY) -> Schedule:
    """`schedule` itself, parsed; `UserError` as in `prescribe` where it is not valid."""
    parsed = parse(schedule)
    prescribe(parsed, formulary)
    return parsed


def describe(schedule: Schedule | str, formulary: Formulary = FORMULARY) -> tuple[str, ...]:
    """Every item of `schedule` in words: agent, form, dose, interval, comparison with the standard dose, months.

    **Raises:** `UserError` as in `prescribe`.
    """
    parsed = parse(schedule)
    covers = prescribe(parsed, formulary)
    taken = [
        _describe_treatment(item, cover, formulary.by_name[cover.agent])
        for item, cover in zip(parsed.treatments, covers, strict=True)
    ]
    return (*taken, *(_describe_load(change) for change in parsed.loading.changes))


def find_form(agent: Agent, amount: float | None, unit: str, period_days: float | None) -> Form:
    """The form that `amount` and `unit` mean: the one with that strength, else the first of that unit, else the first.

    A form with a period of its own is meant only if the schedule has no other period.
    """
    fitting = [form for form in agent.forms if form.period_days in (None, period_days or form.period_days)]
    same = [form for form in fitting if form.unit == unit]
    exact = [form for form in same if amount in form.strengths]
    return next(iter([*exact, *(form for form in same if not form.strengths)]), agent.forms[0])


def describe_standard(agent: Agent, form: Form) -> str:
    """The standard dose of a form: `tablets 70 mg once a week, also as 35 mg`."""
    if form.unit not in MICROGRAMS:
        return f"{form.name} as a multiple of the standard dose"
    often = _describe_interval(agent.every) if agent.every else _describe_period(form.period_days)
    others = [f"{strength:g}" for strength in form.strengths if strength != form.standard]
    also = f" (also {', '.join(others)})" if others else ""
    return f"{form.name} {form.standard:g} {form.unit} {often}{also}"


def write_form(form: Form) -> str:
    """A form's standard dose in the notation of schedules: `70mg/week`."""
    return str(Treatment("", 0.0, 1.0, form.standard, form.unit, form.period_days)).split()[0]


def _make_cover(item: Treatment, formulary: Formulary) -> Cover:
    """One treatment with its relative dose."""
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
    """The dose as a multiple of the standard dose; for agents taken daily, the daily dose."""
    if item.unit == "x":
        return amount
    if item.unit == "%":
        return amount / 100.0
    if agent.forms[0].unit not in MICROGRAMS:
        raise UserError(
            f"schedule item '{item}': {agent.name} takes a multiple of the standard dose: write for example 0.5x or 50%"
        )
    form = find_form(agent, amount, item.unit, item.period_days)
    relative = amount * MICROGRAMS[item.unit] / (form.standard * MICROGRAMS[form.unit])
    if agent.every or item.period_days is None:
        return relative
    return relative / (item.period_days / (form.period_days or 1.0))


def _describe_treatment(item: Treatment, cover: Cover, agent: Agent) -> str:
    """`estrogen, oral estradiol 2 mg a day (2 x the standard 1 mg), months 0-24`."""
    figure = item.amount is not None and item.unit in MICROGRAMS
    form = find_form(agent, item.amount, item.unit, item.period_days) if figure else agent.forms[0]
    amount, unit = (item.amount, item.unit) if figure else (cover.dose * form.standard, form.unit)
    period = item.period_days if figure and item.period_days else form.period_days
    often = _describe_interval(cover.every) if agent.every else _describe_period(period)
    given = f" {amount:.4g} {unit} {often}" if unit in MICROGRAMS else ""
    other = "" if agent.every or period == form.period_days else f" {_describe_period(form.period_days)}"
    words = f"{agent.name}, {form.name}{given} ({_compare_dose(cover.dose, form)}{other})"
    return f"{words}, months {_describe_months(item)}{_describe_count(cover)}"


def _compare_dose(dose: float, form: Form) -> str:
    """`the standard dose`, or its multiple."""
    if dose == 1.0:
        return "the standard dose"
    return f"{dose:.3g} x the standard {f'{form.standard:g} {form.unit}' if form.unit in MICROGRAMS else 'dose'}"


def _describe_period(days: float | None) -> str:
    """The period of an agent whose standard dose is daily, in words."""
    return PERIODS.get(days or 1.0) or f"every {days:.4g} days"


def _describe_interval(months: float) -> str:
    """The interval of an agent given at intervals, in words."""
    return INTERVALS.get(months) or f"every {months:.4g} months"


def _describe_count(cover: Cover) -> str:
    """`: 6 doses` for an agent given at intervals, else nothing."""
    if not cover.every:
        return ""
    count = math.ceil((cover.stop - cover.start) / cover.every - DOSE_TOLERANCE)
    return f": {count} dose{'s' if count > 1 else ''}"


def _describe_load(change: LoadChange) -> str:
    """`usual loads x 0.5, months 12-18`."""
    if change.kind == "direction":
        return f"loads turned by {change.angle:g} degrees about {change.axis}, months {_describe_months(change)}"
    return f"usual loads x {change.factor:g}, months {_describe_months(change)}"


def _describe_months(item: Treatment | LoadChange) -> str:
    return f"{item.start:g} to {item.stop:g}" if item.start < 0 else f"{item.start:g}-{item.stop:g}"
