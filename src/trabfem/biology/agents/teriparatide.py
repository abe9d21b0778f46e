"""Teriparatide, PTH(1-34) once a day."""

from typing import ClassVar

from trabfem.biology.agents.base import PEPTIDE_RATE, Agent, Form, Signals
from trabfem.biology.parameters import Parameters
from trabfem.biology.scalars import Scalar
from trabfem.constants import Constant


class Teriparatide(Agent):
    """Daily pulses of PTH, which raise the activation of remodelling and the output of osteoblasts."""

    name: ClassVar[str] = "teriparatide"
    mechanism: ClassVar[str] = "daily pulse of PTH: more remodelling, and more bone formed than resorbed in each BMU"
    route: ClassVar[str] = "under the skin"
    source: ClassVar[str] = "McClung 2005; Neer 2001 (recalled)"
    forms: ClassVar[tuple[Form, ...]] = (Form("injection", 20.0, "ug"),)
    onset: ClassVar[Constant] = PEPTIDE_RATE
    half_dose: ClassVar[Constant] = Constant(
        1.0, "-", "chosen: the anabolic effect saturates about the standard dose (40 against 20 ug)"
    )

    def act(self, signals: Signals, exposure: Scalar, parameters: Parameters) -> Signals:
        """PTH signal, 1 at the standard dose."""
        half = self.half_dose.value
        return signals._replace(pth=signals.pth + (1.0 + half) * exposure / (half + exposure))


AGENTS = (Teriparatide(),)
