"""Zoledronate, infused once a year."""

from typing import ClassVar

from trabfem.biology.agents.base import Agent, Form, Signals
from trabfem.biology.parameters import Parameters
from trabfem.biology.scalars import Scalar
from trabfem.constants import Constant


class Zoledronate(Agent):
    """A bisphosphonate with uptake by mineral within days of an infusion."""

    name: ClassVar[str] = "zoledronate"
    mechanism: ClassVar[str] = "taken up by mineral within days, kills the osteoclasts that resorb it, stays for years"
    route: ClassVar[str] = "into a vein"
    source: ClassVar[str] = "HORIZON: 5 mg a year (recalled)"
    forms: ClassVar[tuple[Form, ...]] = (Form("infusion", 5.0, "mg"),)
    every: ClassVar[float] = 12.0
    onset: ClassVar[Constant] = Constant(0.5, "1/day", "chosen: an infusion is on bone or in urine within days")

    def act(self, signals: Signals, exposure: Scalar, parameters: Parameters) -> Signals:
        """Uptake: `exposure` is doses per year."""
        potency = parameters.zoledronate_uptake
        return signals._replace(mineral_uptake=signals.mineral_uptake + potency * exposure)


AGENTS = (Zoledronate(),)
