"""`trabfem agents`: what a schedule may say."""

import difflib
from typing import TYPE_CHECKING, Any

from trabfem.cli.common import Common, Outcome
from trabfem.errors import UserError

if TYPE_CHECKING:
    from trabfem.biology.agents import Agent

GRAMMAR = (
    ("a schedule", "items apart by ;, such as 'denosumab 0-36; alendronate 70mg/week 36-60; disuse 0.5 12-18'"),
    ("an agent", "AGENT [DOSE[/PERIOD]] START-STOP; without a dose the standard one"),
    ("a dose", "a number with mg, ug, x (times the standard) or % of it; the period d, week, mo or y, or 6mo"),
    ("months", "from baseline; -24-0 is the two years before; doses fall at START, then every interval before STOP"),
)
LOADS = {
    "disuse": "FACTOR from 0 to 1 on every force of the day",
    "exercise": "FACTOR from 1 to 3 on every force of the day",
    "direction": "ANGLE AXIS: all loads turned by that many degrees about x, y or z, by the right-hand rule",
}


def agents(name: str | None = None, /, *, common: Common = Common()) -> Outcome:
    """The agents that a schedule may name, with doses, effect and source, and how a schedule is written.

    Example: trabfem agents denosumab

    Parameters
    ----------
    name
        One agent, with all of its numbers; every agent and the grammar of a schedule if left out.
    """
    from trabfem.biology.agents import FORMULARY
    from trabfem.schedule import loads

    if name is not None:
        agent = FORMULARY.by_name.get(name.lower())
        if agent is None:
            near = difflib.get_close_matches(name.lower(), FORMULARY.names, n=1)
            meant = f"write {near[0]}, or " if near else ""
            raise UserError(f"agent '{name}' is not known: {meant}choose one of {', '.join(FORMULARY.names)}")
        return Outcome(agent.name, rows_of(agent), answer(agent), common.json)
    rows = [(agent.name, f"{agent.mechanism} [{doses(agent)}]") for agent in FORMULARY]
    rows += [(word, f"{LOADS[word]}, such as '{loads.WRITTEN[word]}'") for word in loads.WORDS]
    grammar = dict(GRAMMAR)
    result = {
        "agents": [answer(agent) for agent in FORMULARY],
        "loads": {word: {"meaning": LOADS[word], "example": loads.WRITTEN[word]} for word in loads.WORDS},
        "grammar": grammar,
    }
    return Outcome("Agents and loads of a schedule", [*rows, *GRAMMAR], result, common.json)


def doses(agent: "Agent") -> str:
    """Every form with its standard dose, the strengths that mean it, and how often."""
    from trabfem.biology.prescription import describe_standard

    return "; ".join(describe_standard(agent, form) for form in agent.forms)


def list_notations(agent: "Agent") -> list[str]:
    """The agent as a schedule names it, in each of its forms."""
    from trabfem.biology.prescription import write_form

    return [f"{agent.name} 0-36", *(f"{agent.name} {write_form(form)} 0-36" for form in agent.forms)]


def rows_of(agent: "Agent") -> list[tuple[str, str]]:
    """Everything of one agent for people."""
    rows = [("mechanism", agent.mechanism), ("doses", doses(agent)), ("route", agent.route), ("source", agent.source)]
    rows.append(("write", ", ".join(f"'{text}'" for text in dict.fromkeys(list_notations(agent)))))
    return rows + [(key, f"{value.value:g} {value.unit} ({value.source})") for key, value in agent.constants.items()]


def answer(agent: "Agent") -> dict[str, Any]:
    """Everything of one agent for programs."""
    forms = [
        {"name": form.name, "standard": form.standard, "unit": form.unit, "strengths": form.strengths}
        | {"period_days": form.period_days}
        for form in agent.forms
    ]
    return {
        "name": agent.name,
        "mechanism": agent.mechanism,
        "forms": forms,
        "months_between_doses": agent.every,
        "route": agent.route,
        "source": agent.source,
        "write": list_notations(agent),
        "constants": {key: value._asdict() for key, value in agent.constants.items()},
    }
