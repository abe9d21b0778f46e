"""Alendronate, daily or weekly, and half its dose."""

from typing import ClassVar

from trabfem import constants as c
from trabfem.biology.agents.base import ORAL_RATE, Agent, Form, Signals
from trabfem.biology.parameters import Parameters
from trabfem.biology.scalars import Scalar
from trabfem.constants import Constant

WEEK = c.DAYS_PER_WEEK.value


class Alendronate(Agent):
    """A bisphosphonate with daily uptake by mineral."""

    name: ClassVar[str] = "alendronate"
    mechanism: ClassVar[str] = "taken up by mineral, kills the osteoclasts that resorb it, and stays buried for years"
    route: ClassVar[str] = "by mouth"
    source: ClassVar[str] = "product label: 10 mg a day or 70 mg once a week (recalled)"
    # Without a period, an amount that exists only as a weekly tablet is weekly.
    forms: ClassVar[tuple[Form, ...]] = (
        Form("tablets", 10.0, "mg"),
        Form("tablets", 70.0, "mg", strengths=(35.0, 70.0), period_days=WEEK),
    )
    onset: ClassVar[Constant] = ORAL_RATE
    share: ClassVar[float] = 1.0  # of the standard dose of alendronate

    def act(self, signals: Signals, exposure: Scalar, parameters: Parameters) -> Signals:
        """Uptake by the bone surface (half-effects per year)."""
        potency = parameters.alendronate_uptake
        return signals._replace(mineral_uptake=signals.mineral_uptake + potency * (self.share * exposure))


class AlendronateLow(Alendronate):
    """Half the daily dose."""

    name: ClassVar[str] = "alendronate_low"
    source: ClassVar[str] = "product label: 5 mg a day or 35 mg once a week, to prevent bone loss (recalled)"
    forms: ClassVar[tuple[Form, ...]] = (
        Form("tablets", 5.0, "mg"),
        Form("tablets", 35.0, "mg", strengths=(35.0,), period_days=WEEK),
    )
    share: ClassVar[float] = 0.5


AGENTS = (Alendronate(), AlendronateLow())
