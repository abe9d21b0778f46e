"""Romosozumab, an antibody against sclerostin."""

from typing import ClassVar

import jax.numpy as jnp

from trabfem.biology.agents.base import YEAR, Antibody, Form, Signals
from trabfem.biology.parameters import Parameters
from trabfem.biology.scalars import Scalar
from trabfem.constants import Constant


class Romosozumab(Antibody):
    """Binds sclerostin; linear elimination."""

    name: ClassVar[str] = "romosozumab"
    mechanism: ClassVar[str] = "antibody that binds sclerostin: formation rises early and wanes, resorption falls"
    route: ClassVar[str] = "under the skin"
    source: ClassVar[str] = "FRAME; Evenity product information"
    forms: ClassVar[tuple[Form, ...]] = (Form("injection", 210.0, "mg"),)
    every: ClassVar[float] = 1.0
    onset: ClassVar[Constant] = Constant(0.4, "1/day", "Evenity product information: peak after 5 d (2 to 7)")
    peak: ClassVar[Constant] = Constant(28.0, "ug/mL", "derived: so that one 210 mg dose peaks near 22 ug/mL (Evenity)")
    elimination: ClassVar[Constant] = Constant(0.0542, "1/day", "Evenity product information: half-life 12.8 d")

    def clearance(self, concentration: Scalar, parameters: Parameters) -> Scalar:
        """A constant rate."""
        return jnp.full_like(concentration, YEAR * self.elimination.value)

    def act(self, signals: Signals, exposure: Scalar, parameters: Parameters) -> Signals:
        """Sclerostin bound over sclerostin free."""
        return signals._replace(sclerostin_bound=signals.sclerostin_bound + exposure / parameters.romosozumab_half)


AGENTS = (Romosozumab(),)
