"""Denosumab, an antibody against RANKL."""

from typing import ClassVar

from trabfem.biology.agents.base import YEAR, Antibody, Form, Signals
from trabfem.biology.parameters import Parameters
from trabfem.biology.scalars import Scalar
from trabfem.constants import Constant


class Denosumab(Antibody):
    """Binds RANKL; linear and saturable elimination (target-mediated)."""

    name: ClassVar[str] = "denosumab"
    mechanism: ClassVar[str] = (
        "antibody that binds RANKL; precursors fill up meanwhile, so resorption overshoots after it"
    )
    route: ClassVar[str] = "under the skin"
    source: ClassVar[str] = "FREEDOM; kinetics of Martinez-Reina & Pivonka 2019"
    forms: ClassVar[tuple[Form, ...]] = (Form("injection", 60.0, "mg"),)
    every: ClassVar[float] = 6.0
    onset: ClassVar[Constant] = Constant(0.17, "1/day", "Martinez-Reina & Pivonka 2019, as in bone_models 0.1.0 (MIT)")
    peak: ClassVar[Constant] = Constant(
        12837.0, "ng/mL", "60 mg / 60 kg over 77.9 mL/kg, Martinez-Reina & Pivonka 2019"
    )
    elimination: ClassVar[Constant] = Constant(0.0115, "1/day", "Martinez-Reina & Pivonka 2019")
    km: ClassVar[Constant] = Constant(411.0, "ng/mL", "Martinez-Reina & Pivonka 2019")

    def clearance(self, concentration: Scalar, parameters: Parameters) -> Scalar:
        """k_el + V_max/(K_m + x)."""
        saturable = parameters.denosumab_vmax / (self.km.value + concentration)
        return YEAR * (self.elimination.value + saturable)

    def act(self, signals: Signals, exposure: Scalar, parameters: Parameters) -> Signals:
        """RANKL bound over RANKL free."""
        return signals._replace(ligand_bound=signals.ligand_bound + exposure / parameters.denosumab_half)


AGENTS = (Denosumab(),)
