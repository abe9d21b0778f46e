"""The settings of a remodelling run, with units and sources."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from typing import Any

from trabfem import constants
from trabfem.schedule import Loading

from . import stimulus
from .bmu import BmuSettings
from .loading.activities import Activity, axial_compression, express_as_tensors
from .mineral import Kinetics, kinetics_of_cell_model
from .rules import LevelSet, Rule
from .rules.protocol import RuleClass

YEAR = constants.DAYS_PER_YEAR.value
MONTH = constants.DAYS_PER_MONTH.value

SetPoint = Callable[[Any, Any, Any, Any], Any]
"""S_ref in each voxel, from values of the signal, the area of surface of each, the gain k, and the whole signal."""


@dataclass(frozen=True)
class Settings:
    """How bone answers load and cells. Lengths in mm, times in days.

    - `fastest`: v_max, the velocity at which the response to load saturates. The default is the surface turnover after
      menopause, 12 um/year (Recker 2004 x Lips 1978): load can at most stop or double what cells turn over.
    - `gain`: k, velocity over v_max per relative excess of the signal; linear without a lazy zone (Christen 2014).
    - `budget`: v0, thickness that cells resorb and form per time at balanced turnover: 6.5 um/year (Recker, Lips).
    - `smoothing`: gamma (mm^2/day); removes roughness of a voxel's size within a decade, and thins a 0.13 mm strut by
      0.05 um/year, less than 1 % of the bone in a decade.
    - `signal_length`: sigma of the osteocytes' average, below their decay length of 0.1 mm (Mullender, Ruimerman).
    - `set_point`: S_ref of the starting specimen, one of `uniform_median`, `uniform_balance` and `accommodated`.
    - `accommodation` (days): time tau in which S_ref follows the signal, dS_ref/dt = (S - S_ref)/tau (Turner 1999);
      infinite keeps S_ref constant. With a year, the response to disuse ends after a loss of about a tenth (bed rest),
      and load does not compensate a second time what the cells' course, fitted to people who walk, already contains.
    - `background`: signal of all loads that are not modelled, as a share of the surface median; added to S and S_ref.
    - `rule`: how the surface moves; the others in `rules` serve for comparison.
    - `bmus`: settings of single BMUs; None moves the whole surface by formation less resorption.
    - `mineral`: mineralisation by tissue age (see `mineral`); None takes the cell model's mean mineral.
    - `apparent_stress` (MPa): force over the whole cross-section; the force stays constant as bone changes.
    - `activities`: what a usual day consists of (see `loading.activities`); empty means compression by
      `apparent_stress`. Stiffness and strength are reported for the first load case of the first activity.
    - `frozen_layers`: voxel layers under each plate that do not remodel.
    - `thickness_every`: steps between measurements of Tb.Th and Conn.D; `number_every`: of Tb.N, which takes as long as
      ten solves; 0 measures at the first and last month only.
    - `rtol`, `max_iterations`: of the solves for equilibrium. With 1e-3 the failure load of a month would still be
      within 0.11 %; but chance builds on that, and bones of the same seed would be less alike on other devices.
    """

    fastest: float = constants.SURFACE_VELOCITY_POSTMENOPAUSE.value / MONTH
    gain: float = 0.5
    budget: float = constants.SURFACE_VELOCITY_PREMENOPAUSE.value / MONTH
    smoothing: float = 3e-6 / YEAR
    signal_length: float = 0.03
    set_point: SetPoint = stimulus.accommodated
    accommodation: float = 1.0 * YEAR
    background: float = 0.25
    rule: RuleClass = LevelSet
    bmus: BmuSettings | None = field(default_factory=BmuSettings)
    mineral: Kinetics | None = field(default_factory=kinetics_of_cell_model)
    apparent_stress: float = constants.APPARENT_STRESS_VERTEBRA.value
    activities: tuple[Activity, ...] = ()
    tissue_modulus: float = constants.TISSUE_MODULUS.value
    poisson: float = constants.POISSON_RATIO.value
    frozen_layers: int = 1
    thickness_every: int = 3
    number_every: int = 0
    rtol: float = 1e-5
    max_iterations: int = 200

    @property
    def usual_day(self) -> tuple[Activity, ...]:
        """The activities of a usual day."""
        return self.activities or (axial_compression(self.apparent_stress),)

    def make_rule(self, h: float) -> Rule:
        """The rule that these numbers make on voxels of edge `h` mm."""
        return self.rule.of(h, self.fastest, self.gain, self.smoothing, self.frozen_layers)

    def bias(self, formation: float, resorption: float, modelling: float) -> float:
        """b v_max (mm/day) from the cells' relative rates (1 = young and balanced): v0 (formation - resorption).

        With BMUs, v0 `modelling`: what is formed outside of pits.
        """
        return self.budget * (formation - resorption if self.bmus is None else modelling)


def smooth_settings(**changes: Any) -> Settings:
    """Settings without BMUs: the whole surface moves by formation less resorption, mineral is the cell model's mean.

    Nothing is random, and too few struts are lost; kept for comparison.
    """
    return replace(Settings(bmus=None, mineral=None), **changes)


def make_turnable(settings: Settings, loadings: Iterable[Loading]) -> Settings:
    """`settings` with activities that can be rotated (six load cases), if any of `loadings` rotates the load."""
    if not any(each.turns for each in loadings):
        return settings
    return replace(settings, activities=express_as_tensors(settings.usual_day))
