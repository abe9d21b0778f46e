"""The model, which stays the same through a run, and the state, which every step replaces.

A step is signal → motion of the surface → removal of loose bone → new equilibrium. `step.step` does it for one run;
`trabfem.runs.runner` takes the runs of a batch through it month by month.
"""

from dataclasses import dataclass, field

import jax
from jaxtyping import Array, Float

from trabfem.errors import UserError
from trabfem.mechanics.solve import Solution
from trabfem.specimen import Specimen

from . import surface
from .bmu import Bmus
from .rules import Rule, name_of_rule
from .rules.protocol import Shape
from .settings import Settings
from .stimulus import gaussian


@dataclass(frozen=True)
class Model:
    """What stays the same through a run.

    - `spacing`: voxel edges, mm; `rule`: made of `settings` for these voxels; `kernel`: weights of the signal's average
    - `seed`: of the births of BMUs; `free`: 1 where the surface may move, 0 in the layers that the plates hold
    """

    spacing: tuple[float, float, float]
    settings: Settings
    rule: Rule
    kernel: tuple[float, ...]
    seed: int
    free: Float[Array, "x y z"] = field(repr=False)

    @property
    def h(self) -> float:
        """Voxel edge, mm."""
        return self.rule.h


@dataclass(frozen=True)
class State:
    """Everything that the next step depends on. Grids are on the device: who saves or draws one copies it.

    - `step`: steps done; `phi`: the rule's own field (mm); `fill`: bone in each voxel, 0..1
    - `energy` (MPa, per volume of element) under the load of the next step; `failure_load` (N)
    - `reference` (MPa): S_ref in each voxel; `background` (MPa): see `Settings`
    - `removed` (voxels), `disconnected` (mm^3): bone removed so far because it was not connected to both plates
    - `resorbed` (mm^3): bone resorbed so far by the motion of the surface, less bone formed
    - `bmus`: the BMUs at work, None where the surface moves as a whole
    - `young`: share of young tissue in each voxel, `young_start` at month 0 (see `mineral`); None where not followed
    - `solutions`: equilibrium under each unit load case, first guesses of the next step; none once bone is cut through
    """

    step: int
    phi: Shape
    fill: Shape
    energy: Shape
    reference: Shape
    background: float
    removed: int
    disconnected: float = 0.0
    resorbed: float = 0.0
    bmus: Bmus | None = None
    young: Shape | None = None
    young_start: float = 0.0
    failure_load: float = 0.0
    solutions: tuple[Solution, ...] = ()

    @property
    def solution(self) -> Solution | None:
        """The equilibrium that stiffness and strength are read from."""
        return self.solutions[0] if self.solutions else None


def create_model(specimen: Specimen, settings: Settings, seed: int = 1) -> Model:
    """The model of a run on `specimen`; UserError when its voxels are not cubes or too few."""
    h = surface.voxel_edge(specimen.spacing)
    if min(specimen.shape) < 4 or specimen.shape[2] < 2 * settings.frozen_layers + 3:
        raise UserError(
            f"{specimen.name}: {specimen.shape} voxels are too few to remodel, give at least 5 along each axis"
        )
    rule, kernel = settings.make_rule(h), gaussian(settings.signal_length, h)
    if settings.bmus is not None and not rule.digs:
        raise UserError(
            f"rule = {name_of_rule(settings.rule)}: it has no smooth surface for BMUs to dig; "
            "take level-set, or leave the BMUs out"
        )
    return Model(specimen.spacing, settings, rule, kernel, seed, jax.device_put(rule.free_voxels(specimen.shape)))
