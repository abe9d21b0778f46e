"""A depot of a GnRH agonist."""

from typing import ClassVar

from trabfem import constants as c
from trabfem.biology.agents.base import Agent, Form, Signals
from trabfem.biology.parameters import Parameters
from trabfem.biology.scalars import Scalar
from trabfem.constants import Constant


class GnrhAgonist(Agent):
    """Desensitises the pituitary: testis and ovary stop, and pulses of gonadorelin have no effect."""

    name: ClassVar[str] = "gnrh_agonist"
    mechanism: ClassVar[str] = "desensitises the pituitary: testis and ovary fall silent"
    route: ClassVar[str] = "under the skin"
    source: ClassVar[str] = "leuprolide depot (recalled)"
    # A depot releases steadily, so monthly doses count as daily intake.
    forms: ClassVar[tuple[Form, ...]] = (Form("depot", 3.75, "mg", period_days=c.DAYS_PER_MONTH.value),)
    onset: ClassVar[Constant] = Constant(
        15.0, "1/year", "castrate levels within 3 to 4 weeks of a GnRH-agonist depot (recalled)"
    )
    left: ClassVar[Constant] = Constant(0.04, "-", "chosen: castrate T, below 20 ng/dL, from 400 to 500 (recalled)")

    def act(self, signals: Signals, exposure: Scalar, parameters: Parameters) -> Signals:
        """Shares of pituitary and ovarian function left."""
        left = self.left.value**exposure
        axis = signals.axis
        return signals._replace(axis=axis._replace(pituitary=axis.pituitary * left, ovary=axis.ovary * left))


AGENTS = (GnrhAgonist(),)
