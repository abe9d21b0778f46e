"""What an agent is: its forms and doses, how exposure follows them, and the one thing that it does.

An agent of a new name is a class of a file here: what it is sold as (`forms`), how it spreads (`onset`, or of an
antibody `peak` and `clearance`), what it does (`act`), and the numbers of all that as `Constant`s of the class, each
with its source. What several agents do to the same signal adds up, whatever their order.
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
    """What the drugs on board do, before the cells answer. The defaults are no drug.

    - `axis`: what they do to the hormones; `serm`, `progestin`, `pth`: signals at their receptors, in units of the
      half-occupancy (serm) or 1 at the standard dose
    - `ligand_bound`, `sclerostin_bound`: RANKL and sclerostin bound over free
    - `mineral_uptake`: bisphosphonate taken up by the bone surface, half-effects a year
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
    """One thing that an agent is sold as; `standard` in `unit` is what counts as 1: a day, or a dose at intervals.

    A figure in the same unit that is one of `strengths` is of this form; without strengths, any figure that is of no
    other form. Of a form taken every `period_days` the figure is that of a whole period, where none is written. An
    agent in the unit `x` is dosed as a multiple of the standard alone.
    """

    name: str
    standard: float
    unit: str
    strengths: tuple[float, ...] = ()
    period_days: float | None = None


class Agent(abc.ABC):
    """An agent; every class attribute below is given by its class.

    - `name`: how a schedule calls it; `mechanism`: what it does in one sentence; `route`; `source` of dose and effect
    - `forms`: the first is meant where a schedule gives no figure
    - `every`: months between doses as a standard; 0 for what is taken daily
    - `onset`: rate (1/year or 1/day) at which exposure follows cover (daily) or a dose is absorbed (at intervals)
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
        """`signals` with this agent's one mechanism in them.

        `exposure` is the multiple of the standard daily dose, doses absorbed a year, or of an antibody its
        concentration.
        """


class Antibody(Agent):
    """An agent whose concentration is a state: ẋ = peak·absorption − clearance(x)·x; `peak` is of a standard dose."""

    peak: ClassVar[Constant]

    @abc.abstractmethod
    def clearance(self, concentration: Scalar, parameters: Parameters) -> Scalar:
        """Rate of elimination (1/year) at `concentration`."""


@dataclass(frozen=True)
class Formulary:
    """The agents that a schedule may name, in order; two are equal that hold the same ones.

    `FORMULARY + Formulary((Mine(),))` is one with an agent more, for the argument `formulary` of whatever reads
    schedules; it is part of what a compiled program is known by.
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
        """Those whose concentration is a state."""
        return tuple(agent for agent in self.agents if isinstance(agent, Antibody))

    def number(self, name: str) -> int:
        """Place of the agent `name`."""
        return self.names.index(name)

    def __add__(self, other: "Formulary") -> "Formulary":
        return Formulary((*self.agents, *other.agents))

    def __iter__(self) -> Iterator[Agent]:
        return iter(self.agents)
