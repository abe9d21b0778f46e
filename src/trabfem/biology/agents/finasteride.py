"""Finasteride, a 5α-reductase inhibitor."""

from typing import ClassVar

from trabfem.biology.agents.base import ORAL_RATE, Agent, Form, Signals
from trabfem.biology.parameters import Parameters
from trabfem.biology.scalars import Scalar
from trabfem.constants import Constant


class Finasteride(Agent):
    """Blocks 5α-reductase, and so the part of the androgen signal that is due to DHT."""

    name: ClassVar[str] = "finasteride"
    mechanism: ClassVar[str] = "blocks 5-alpha-reductase: less of the androgen signal that goes through DHT"
    route: ClassVar[str] = "by mouth"
    source: ClassVar[str] = "5 mg a day (recalled)"
    forms: ClassVar[tuple[Form, ...]] = (Form("tablets", 5.0, "mg"),)
    onset: ClassVar[Constant] = ORAL_RATE
    left: ClassVar[Constant] = Constant(0.3, "-", "DHT falls by 70 % (recalled)")

    def act(self, signals: Signals, exposure: Scalar, parameters: Parameters) -> Signals:
        """Share of 5α-reductase left."""
        axis = signals.axis
        return signals._replace(axis=axis._replace(reductase=axis.reductase * self.left.value**exposure))


AGENTS = (Finasteride(),)
