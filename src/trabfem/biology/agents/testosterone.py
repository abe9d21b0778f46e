"""Testosterone: gel for men, and low-dose patch for women."""

from typing import ClassVar

from trabfem.biology.agents.base import ORAL_RATE, Agent, Form, Signals
from trabfem.biology.parameters import Parameters
from trabfem.biology.scalars import Scalar
from trabfem.constants import Constant


class Testosterone(Agent):
    """Adds T to the blood; androgen receptor, aromatisation and LH follow from the level."""

    name: ClassVar[str] = "testosterone"
    mechanism: ClassVar[str] = "adds testosterone to the blood; androgen receptor, aromatisation and LH follow from it"
    route: ClassVar[str] = "through the skin"
    source: ClassVar[str] = "T-Trials: gel, 50 mg a day (recalled); rise of Kenny 2010"
    forms: ClassVar[tuple[Form, ...]] = (Form("gel", 50.0, "mg"),)
    onset: ClassVar[Constant] = ORAL_RATE
    rise: ClassVar[Constant] = Constant(
        500.0, "ng/dL", "derived: Kenny 2010, total T 583 on gel with own output suppressed"
    )

    def act(self, signals: Signals, exposure: Scalar, parameters: Parameters) -> Signals:
        """T added to the blood (ng/dL)."""
        axis = signals.axis
        added = axis.testosterone_added + self.rise.value * exposure
        return signals._replace(axis=axis._replace(testosterone_added=added))


class TestosteroneFemaleLowdose(Testosterone):
    """The low-dose patch for women."""

    name: ClassVar[str] = "testosterone_female_lowdose"
    mechanism: ClassVar[str] = "adds 40 ng/dL of testosterone to a woman's blood at the standard dose"
    source: ClassVar[str] = "patch of 300 ug a day after oophorectomy (recalled)"
    forms: ClassVar[tuple[Form, ...]] = (Form("patch", 300.0, "ug"),)
    rise: ClassVar[Constant] = Constant(40.0, "ng/dL", "300 ug/d patch: 20 to about 60 ng/dL (recalled)")


AGENTS = (Testosterone(), TestosteroneFemaleLowdose())
