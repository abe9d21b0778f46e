"""The agents that schedules may name. An agent is a file here and its line in `FILES`.

A file's agents stand in its `AGENTS`. The order is that in which their signals are added up.
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


def _of_file(name: str) -> tuple[Agent, ...]:
    return importlib.import_module(f"{__name__}.{name}").AGENTS


FORMULARY = Formulary(tuple(agent for name in FILES for agent in _of_file(name)))
