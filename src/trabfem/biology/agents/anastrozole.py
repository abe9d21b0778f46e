"""Anastrozole, an aromatase inhibitor."""

from typing import ClassVar

from trabfem.biology.agents.base import ORAL_RATE, Agent, Form, Signals
from trabfem.biology.parameters import Parameters
from trabfem.biology.scalars import Scalar
from trabfem.constants import Constant


class Anastrozole(Agent):
    """Blocks aromatase: nearly all of it in fat, part of it in the testis and in a working ovary."""

    name: ClassVar[str] = "anastrozole"
    mechanism: ClassVar[str] = "blocks aromatase: testosterone rises and oestradiol falls"
    route: ClassVar[str] = "by mouth"
    source: ClassVar[str] = "Burnett-Bowie 2009; Leder 2005; Geisler 1996"
    forms: ClassVar[tuple[Form, ...]] = (Form("tablets", 1.0, "mg"),)
    onset: ClassVar[Constant] = ORAL_RATE
    left_men: ClassVar[Constant] = Constant(
        0.45, "-", "Burnett-Bowie 2009, Leder 2005: aromatisation slope left, 0.3 to 0.8"
    )
    left_women: ClassVar[Constant] = Constant(0.12, "-", "Geisler 1996 (PMID 8883419): E2 falls by at least 83.5 %")
    left_ovary: ClassVar[Constant] = Constant(0.8, "-", "chosen: a working ovary overcomes it")

    def act(self, signals: Signals, exposure: Scalar, parameters: Parameters) -> Signals:
        """Aromatase left in men, in women's fat, and in the ovary: (1 − blocked)^dose."""
        axis = signals.axis
        return signals._replace(
            axis=axis._replace(
                aromatase=axis.aromatase * self.left_men.value**exposure,
                aromatase_women=axis.aromatase_women * self.left_women.value**exposure,
                ovary=axis.ovary * self.left_ovary.value**exposure,
            )
        )


AGENTS = (Anastrozole(),)
