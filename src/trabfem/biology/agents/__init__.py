"""The agents that schedules may name. Each agent has a file here, listed in `FILES`, with its agents in `AGENTS`.

Signals are summed in the order of `FILES`.
"""

import importlib

from trabfem.biology.agents.base import Agent, Antibody, Form, Formulary, Signals

__all__ = ["FORMULARY", "Agent", "Antibody", "Form", "Formulary", "Signals"]

FILES = (
    "estrogen",
    "progestin",
    "testosterone",
    "anastrozole",
    "gonadorelin",
    "raloxifene",
    "alendronate",
    "zoledronate",
    "denosumab",
    "romosozumab",
    "teriparatide",
    "gnrh_agonist",
    "flutamide",
    "finasteride",
)


def _load_agents(name: str) -> tuple[Agent, ...]:
    return importlib.import_module(f"{__name__}.{name}").AGENTS


FORMULARY = Formulary(tuple(agent for name in FILES for agent in _load_agents(name)))
