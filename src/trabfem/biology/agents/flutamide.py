"""Flutamide, an androgen-receptor antagonist."""

from typing import ClassVar

from trabfem.biology.agents.base import ORAL_RATE, Agent, Form, Signals
from trabfem.biology.parameters import Parameters
from trabfem.biology.scalars import Scalar
from trabfem.constants import Constant


class Flutamide(Agent):
    """Androgen-receptor antagonist: less androgen signal in bone and pituitary, so T and E2 rise."""

    name: ClassVar[str] = "flutamide"
    mechanism: ClassVar[str] = "blocks the androgen receptor: bone and pituitary see less androgen, T and E2 rise"
    route: ClassVar[str] = "by mouth"
    source: ClassVar[str] = "750 mg a day in three doses (recalled)"
    forms: ClassVar[tuple[Form, ...]] = (Form("capsules", 750.0, "mg"),)
    onset: ClassVar[Constant] = ORAL_RATE
    left: ClassVar[Constant] = Constant(0.15, "-", "chosen: androgen-receptor signal left at 750 mg/d")

    def act(self, signals: Signals, exposure: Scalar, parameters: Parameters) -> Signals:
        """Share of the androgen-receptor signal left."""
        axis = signals.axis
        left = axis.androgen_receptor * self.left.value**exposure
        return signals._replace(axis=axis._replace(androgen_receptor=left))


AGENTS = (Flutamide(),)
