"""Raloxifene, a selective oestrogen-receptor modulator."""

from typing import ClassVar

from trabfem.biology.agents.base import ORAL_RATE, Agent, Form, Signals
from trabfem.biology.parameters import Parameters
from trabfem.biology.scalars import Scalar
from trabfem.constants import Constant


class Raloxifene(Agent):
    """Partial agonist at the oestrogen receptor; competes with E2, so it reduces the signal of premenopausal E2."""

    name: ClassVar[str] = "raloxifene"
    mechanism: ClassVar[str] = "partial agonist at bone's oestrogen receptor, in competition with oestradiol"
    route: ClassVar[str] = "by mouth"
    source: ClassVar[str] = "MORE (recalled)"
    forms: ClassVar[tuple[Form, ...]] = (Form("tablets", 60.0, "mg"),)
    onset: ClassVar[Constant] = ORAL_RATE
    occupancy: ClassVar[Constant] = Constant(
        3.0, "-", "chosen: 60 mg/d against its half-occupancy; two thirds of free receptors"
    )

    def act(self, signals: Signals, exposure: Scalar, parameters: Parameters) -> Signals:
        """Concentration over the concentration of half occupancy."""
        return signals._replace(serm=signals.serm + self.occupancy.value * exposure)


AGENTS = (Raloxifene(),)
