"""Progestin, taken together with oestrogen."""

from typing import ClassVar

from trabfem.biology.agents.base import ORAL_RATE, Agent, Form, Signals
from trabfem.biology.parameters import Parameters
from trabfem.biology.scalars import Scalar
from trabfem.constants import Constant


class Progestin(Agent):
    """Stimulates osteoblasts through their progestin receptor."""

    name: ClassVar[str] = "progestin"
    mechanism: ClassVar[str] = "drives osteoblasts through their own receptor"
    route: ClassVar[str] = "by mouth"
    source: ClassVar[str] = "medroxyprogesterone acetate beside oestrogen, WHI and PEPI (recalled)"
    forms: ClassVar[tuple[Form, ...]] = (Form("medroxyprogesterone acetate", 2.5, "mg"),)
    onset: ClassVar[Constant] = ORAL_RATE

    def act(self, signals: Signals, exposure: Scalar, parameters: Parameters) -> Signals:
        """Progestin signal at the osteoblast, saturating above the standard dose."""
        return signals._replace(progestin=signals.progestin + 2.0 * exposure / (1.0 + exposure))


AGENTS = (Progestin(),)
