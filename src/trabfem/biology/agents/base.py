"""The base classes of agents: forms and doses, kinetics of exposure, and mechanism.

A new agent is a class in a file here: the forms in which it is sold (`forms`), its kinetics (`onset`, for an antibody
also `peak` and `clearance`), its mechanism (`act`), and its numbers as `Constant`s of the class, each with a source.
Effects of several agents on the same signal are combined independently of their order.
"""

import abc
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar, NamedTuple

from trabfem import constants as c
from trabfem.biology import hormones
from trabfem.biology.parameters import Parameters
from trabfem.biology.scalars import Scalar
from trabfem.constants import Constant

YEAR = c.DAYS_PER_YEAR.value
ORAL_RATE = Constant(52.0, "1/year", "chosen: oral steroids and SERM settle within a week (half-lives of 1 to 2 days)")
PEPTIDE_RATE = Constant(104.0, "1/year", "chosen: teriparatide and gonadorelin act within days")


class Signals(NamedTuple):
    """Combined effects of all drugs, inputs of the cell model. The defaults mean no drug.

    - `axis`: effects on the hormones; `serm`, `progestin`, `pth`: signals at their receptors, in units of the
      half-occupancy (serm) or 1 at the standard dose
    - `ligand_bound`, `sclerostin_bound`: RANKL and sclerostin bound over free
    - `mineral_uptake`: bisphosphonate taken up by the bone surface, half-effects per year
    """

    axis: hormones.Axis = hormones.NO_DRUG
    serm: Scalar = 0.0
    progestin: Scalar = 0.0
    pth: Scalar = 0.0
    ligand_bound: Scalar = 0.0
    sclerostin_bound: Scalar = 0.0
    mineral_uptake: Scalar = 0.0


@dataclass(frozen=True)
class Form:
    """A form in which an agent is sold; its standard dose (relative dose 1) is `standard` in `unit`, per day.

    With `period_days`, the standard dose is per that period instead. An amount in the same unit that is one of
    `strengths` means this form; without strengths, any amount that means no other form. The unit `x` only allows
    multiples of the standard dose.
    """

    name: str
    standard: float
    unit: str
    strengths: tuple[float, ...] = ()
    period_days: float | None = None


class Agent(abc.ABC):
    """An agent; subclasses set these class attributes.

    - `name`: its name in schedules; `mechanism`: its effect in one sentence; `route`; `source` of dose and effect
    - `forms`: the first is meant where a schedule gives no amount
    - `every`: months between standard doses; 0 for agents taken daily
    - `onset`: rate (1/year or 1/day) at which exposure follows intake (daily) or a dose is absorbed (at intervals)
    """

    name: ClassVar[str]
    mechanism: ClassVar[str]
    route: ClassVar[str]
    source: ClassVar[str]
    forms: ClassVar[tuple[Form, ...]]
    every: ClassVar[float] = 0.0
    onset: ClassVar[Constant]

    @property
    def rate(self) -> float:
        """`onset` in 1/year."""
        return self.onset.value * YEAR if self.onset.unit == "1/day" else self.onset.value

    @property
    def constants(self) -> dict[str, Constant]:
        """Every number of the agent by name."""
        found: dict[str, Constant] = {}
        for kind in reversed(type(self).__mro__):
            found |= {name: value for name, value in vars(kind).items() if isinstance(value, Constant)}
        return found

    @abc.abstractmethod
    def act(self, signals: Signals, exposure: Scalar, parameters: Parameters) -> Signals:
        """`signals` with the effect of this agent added.

        `exposure` is the relative dose (daily agents), doses absorbed per year (agents at intervals), or the
        concentration (antibodies).
        """


class Antibody(Agent):
    """An agent whose concentration is a state: ẋ = peak·absorption − clearance(x)·x, `peak` for a standard dose."""

    peak: ClassVar[Constant]

    @abc.abstractmethod
    def clearance(self, concentration: Scalar, parameters: Parameters) -> Scalar:
        """Rate of elimination (1/year) at `concentration`."""


@dataclass(frozen=True)
class Formulary:
    """The agents that a schedule may name, in order; formularies with the same agents are equal.

    `FORMULARY + Formulary((Mine(),))` has one more agent, for the argument `formulary` of functions that take
    schedules. Each formulary is compiled separately.
    """

    agents: tuple[Agent, ...]

    @cached_property
    def by_name(self) -> dict[str, Agent]:
        """The agents by name."""
        return {agent.name: agent for agent in self.agents}

    @property
    def names(self) -> tuple[str, ...]:
        """All names in order."""
        return tuple(self.by_name)

    @property
    def rates(self) -> tuple[float, ...]:
        """Every agent's `rate` (1/year) in order."""
        return tuple(agent.rate for agent in self.agents)

    @property
    def antibodies(self) -> tuple[Antibody, ...]:
        """The agents whose concentration is a state."""
        return tuple(agent for agent in self.agents if isinstance(agent, Antibody))

    def number(self, name: str) -> int:
        """Index of the agent `name`."""
        return self.names.index(name)

    def __add__(self, other: "Formulary") -> "Formulary":
        return Formulary((*self.agents, *other.agents))

    def __iter__(self) -> Iterator[Agent]:
        return iter(self.agents)
