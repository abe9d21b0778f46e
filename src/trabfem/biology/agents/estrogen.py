"""Oestrogen as oral oestradiol, conjugated oestrogens or patch, and the ultra-low-dose patch."""

from typing import ClassVar

from trabfem.biology.agents.base import ORAL_RATE, Agent, Form, Signals
from trabfem.biology.parameters import Parameters
from trabfem.biology.scalars import Scalar
from trabfem.constants import Constant

CONJUGATED_MG = (0.3, 0.45, 0.625, 0.9, 1.25)


class Estrogen(Agent):
    """Adds E2 equivalents to the blood, in proportion to the dose."""

    name: ClassVar[str] = "estrogen"
    mechanism: ClassVar[str] = "adds oestradiol to the blood, 35 pg/mL at the standard dose; so less RANKL and FSH"
    route: ClassVar[str] = "by mouth or through the skin"
    source: ClassVar[str] = "product labels: 1 mg oestradiol, 0.625 mg conjugated and 50 ug patch as equals (recalled)"
    # An amount in mg means oestradiol, unless it is a strength of conjugated oestrogens.
    forms: ClassVar[tuple[Form, ...]] = (
        Form("oral estradiol", 1.0, "mg"),
        Form("conjugated estrogens", 0.625, "mg", strengths=CONJUGATED_MG),
        Form("patch", 50.0, "ug"),
    )
    onset: ClassVar[Constant] = ORAL_RATE
    rise: ClassVar[Constant] = Constant(
        35.0, "pg/mL", "oral E2 1 mg, patch 0.05, CEE 0.625 mg equivalent; PK and label (recalled)"
    )

    def act(self, signals: Signals, exposure: Scalar, parameters: Parameters) -> Signals:
        """E2 added to the blood (pg/mL)."""
        axis = signals.axis
        return signals._replace(axis=axis._replace(estradiol_added=axis.estradiol_added + self.rise.value * exposure))


class EstrogenLow(Estrogen):
    """The ultra-low-dose patch."""

    name: ClassVar[str] = "estrogen_low"
    mechanism: ClassVar[str] = "adds 3.8 pg/mL of oestradiol to the blood at the standard dose"
    route: ClassVar[str] = "through the skin"
    source: ClassVar[str] = "Ettinger 2004 (ULTRA)"
    forms: ClassVar[tuple[Form, ...]] = (Form("ultra-low-dose patch", 14.0, "ug"),)
    rise: ClassVar[Constant] = Constant(3.8, "pg/mL", "Ettinger 2004: patch 0.014 raised 4.8 to 8.6 pg/mL")


AGENTS = (Estrogen(), EstrogenLow())
