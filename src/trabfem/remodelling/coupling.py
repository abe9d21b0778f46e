"""One step of the coupled model: signal → surface and cells → loose bits removed → new equilibrium."""

import dataclasses
from dataclasses import dataclass, field

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Float32

from trabfem import constants
from trabfem.errors import UserError
from trabfem.habits import USUAL, Load
from trabfem.mechanics import strength
from trabfem.mechanics.solve import Solution
from trabfem.specimen import Specimen, keep_load_path

from . import bmu, load_history, mineral, pits, surface
from .drive import Drive
from .load_path import carrying
from .loading import equilibrium, moduli
from .rules import LevelSet, Rule
from .settings import Settings
from .stimulus import SMALLEST_FILL, at_surface, gaussian, signal, weighted_median
from .surface import surface_weight

Voxels = Float32[np.ndarray, "x y z"]


@dataclass(frozen=True)
class Scene:
    """What stays the same through a run: voxels (mm), numbers, the rule made of them, where the surface is free."""

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
    """Everything that the next step depends on.

    - `step`: steps done; `phi`: the rule's own field, mm; `fill`: bone in each voxel, 0..1
    - `energy` (MPa per volume of element) under what the next step carries; `failure_load` (N)
    - `reference` (MPa): S_ref at each point; `background` (MPa): see `Settings`
    - `removed`: voxels, `disconnected`: mm^3 taken away so far because no load reached them
    - `resorbed` (mm^3): taken away so far by the motion of the surface, less what it laid down
    - `units`: the remodelling units at work, None where the surface moves as a whole
    - `young`: share of young tissue in each voxel, `young_start` at month 0 (see `mineral`); None where not followed
    - `solutions`: equilibrium under each unit load case, where the next one starts from; none once bone is cut through
    """

    step: int
    phi: Voxels
    fill: Voxels
    energy: Voxels
    reference: Voxels
    background: float
    removed: int
    disconnected: float = 0.0
    resorbed: float = 0.0
    units: bmu.Units | None = None
    young: Voxels | None = None
    young_start: float = 0.0
    failure_load: float = 0.0
    solutions: tuple[Solution, ...] = ()

    @property
    def solution(self) -> Solution | None:
        """The equilibrium that stiffness and strength are read from."""
        return self.solutions[0] if self.solutions else None


@dataclass(frozen=True)
class Work:
    """What cells do for a while: `bias` (mm/day) to all surface; `refill`, births a year and `depth` (mm) of units."""

    bias: float
    refill: float
    frequency: float
    depth: float


def scene_of(specimen: Specimen, settings: Settings, seed: int = 1) -> Scene:
    """The unchanging part of a run on `specimen`; UserError when its voxels are not cubes or too few."""
    h = surface.edge(specimen.spacing)
    if min(specimen.shape) < 4 or specimen.shape[2] < 2 * settings.frozen_layers + 3:
        raise UserError(
            f"{specimen.name}: {specimen.shape} voxels are too few to remodel, give at least 5 along each axis"
        )
    rule, kernel = settings.rule(h), gaussian(settings.signal_length, h)
    if settings.units is not None and not isinstance(rule, LevelSet):
        raise UserError(
            f"{settings.law.__name__} has no smooth surface for remodelling units to dig: use LevelSet, or no units"
        )
    return Scene(specimen.spacing, settings, rule, kernel, seed, jnp.asarray(rule.free(specimen.shape)))


def begin(specimen: Specimen, scene: Scene) -> State:
    """Month 0: the bone between the plates, its equilibrium, and S_ref from its surface."""
    phi, fill, removed, _ = connected(scene.rule.begin(specimen.fill), scene)
    none = np.zeros_like(fill)
    return referred(solved(with_tissue(State(0, phi, fill, none, none, 0.0, removed), scene), scene), scene)


def settled(state: State, scene: Scene, drive: Drive) -> State:
    """Month 0 with pits in its surface, as many and as deep as `drive` has before it; itself where there are no units.

    A generated specimen has no pits, and those of a scan are not known as such. So units work on it for one life of
    theirs, in balance and without load, before anything is counted: pits do not appear in the first months as damage.
    """
    settings = scene.settings
    if settings.units is None or state.units is not None:
        return state
    if drive.frequency_before == 0:
        return dataclasses.replace(state, units=bmu.none_yet(state.fill.shape))
    month, usual = constants.DAYS_PER_MONTH.value, jnp.ones(state.fill.shape, jnp.float32)
    balance = Work(0.0, 1.0, drive.frequency_before, drive.depth_before)
    months = int(np.ceil((bmu.DIGGING + bmu.REFILLING) / month))
    phi, units = state.phi, None
    for start in month * np.arange(-months, 0):
        phi, units = worked(phi, units, scene, usual, balance, start, month)
    phi, fill, lost, _ = connected(phi, scene)
    state = dataclasses.replace(state, phi=phi, fill=fill, removed=state.removed + lost)
    state = referred(solved(with_tissue(state, scene), scene), scene)
    return dataclasses.replace(state, units=units and dataclasses.replace(units, perforation=0.0))


def referred(state: State, scene: Scene) -> State:
    """Month 0 with S_ref and the background from what its surface feels."""
    felt = sensed(dataclasses.replace(state, background=0.0), scene)
    values, area = at_surface(felt, jnp.asarray(scene.rule.distance(state.phi)), scene.h, scene.free)
    background = scene.settings.background * weighted_median(values, area)
    reference = scene.settings.set_point(values + background, area, scene.settings.gain, np.asarray(felt) + background)
    return dataclasses.replace(state, reference=reference, background=background)


def with_tissue(state: State, scene: Scene) -> State:
    """The state with the usual share of young tissue everywhere, where mineral is followed."""
    kinetics = scene.settings.mineral
    if kinetics is None:
        return state
    usual = mineral.usual_young(turnover(state, scene), kinetics)
    return dataclasses.replace(state, young=np.full_like(state.fill, usual), young_start=usual)


def turnover(state: State, scene: Scene) -> float:
    """Bone resorbed a day in balance, as a share of bone: v0 times surface over volume."""
    weight = np.asarray(surface_weight(jnp.asarray(scene.rule.distance(state.phi)), scene.h))
    area = float(weight.sum(dtype=np.float64)) * scene.h**2
    return scene.settings.budget * area / (float(state.fill.sum(dtype=np.float64)) * scene.h**3)


def prepared(specimen: Specimen) -> Specimen:
    """The specimen cut to its bone along z and without loose pieces, with notes of what went."""
    return keep_load_path(specimen)


def connected(phi: Voxels, scene: Scene) -> tuple[Voxels, Voxels, int, float]:
    """The surface and fill without what no load reaches; how many voxels (half full or more) that was, and mm^3."""
    fill = scene.rule.fill(phi)
    loose: Bool[np.ndarray, "x y z"] = (fill > 0) & ~carrying(fill, SMALLEST_FILL)
    if not loose.any():
        return phi, fill, 0, 0.0
    lost = int(np.count_nonzero(loose & (fill >= 0.5)))
    volume = float(fill[loose].sum(dtype=np.float64)) * scene.h**3
    return scene.rule.remove(phi, loose), np.where(loose, np.float32(0), fill), lost, volume


def solved(state: State, scene: Scene, load: Load = USUAL) -> State:
    """The state with the equilibrium of its bone under `load`; without a solution where nothing joins the plates."""
    if not state.fill.any():
        return dataclasses.replace(state, solutions=(), energy=np.zeros_like(state.fill), failure_load=0.0)
    modulus = moduli(state.fill, scene.settings, state.young, state.young_start)
    solutions = equilibrium(modulus, scene.spacing, scene.settings, state.solutions)
    failure_load = abs(float(strength.pistoia(solutions[0]).failure_load))
    return loaded(dataclasses.replace(state, solutions=solutions, failure_load=failure_load), scene, load)


def loaded(state: State, scene: Scene, load: Load) -> State:
    """The state with the energy of `load` on the same equilibrium."""
    if not state.solutions:
        return state
    activities = load_history.under(scene.settings.usual, load)
    return dataclasses.replace(state, energy=load_history.energy(state.solutions, activities))


def sensed(state: State, scene: Scene) -> Float[Array, "x y z"]:
    """S (MPa) on the grid, with the background."""
    return _signal(jnp.asarray(state.energy), jnp.asarray(state.fill), scene.kernel) + state.background


_signal = jax.jit(signal, static_argnames="kernel")


def advance(state: State, scene: Scene, drive: Drive) -> State:
    """The bone after the next step of its present signal and of the cells, loose bits removed."""
    k, settings = state.step, scene.settings
    days = drive.day(k + 1) - drive.day(k)
    felt = sensed(state, scene)
    phi, units = moved(state, scene, drive, felt / state.reference)
    fill = scene.rule.fill(phi)
    resorbed = float((state.fill - fill).sum(dtype=np.float64)) * scene.h**3
    phi, fill, lost, volume = connected(phi, scene)
    young, kinetics = state.young, settings.mineral
    if young is not None and kinetics is not None:
        young = mineral.aged(young, state.fill, fill, days, kinetics)
    follow = np.float32(-np.expm1(-days / settings.accommodation))
    reference = state.reference + follow * (np.asarray(felt) - state.reference)
    return dataclasses.replace(
        state, step=k + 1, phi=phi, fill=fill, reference=reference, units=units,
        young=young,
        removed=state.removed + lost, disconnected=state.disconnected + volume, resorbed=state.resorbed + resorbed,
    )  # fmt: skip


def moved(state: State, scene: Scene, drive: Drive, ratio: Float[Array, "x y z"]) -> tuple[Voxels, bmu.Units | None]:
    """Surface and units after the next step of one signal, `ratio` = S/S_ref.

    Units are followed month by month however long the step is: a pit is dug in six weeks.
    """
    k, phi = state.step, state.phi
    day, days = drive.day(k), drive.day(k + 1) - drive.day(k)
    rates = (float(rate[k]) for rate in (drive.formation, drive.resorption, drive.modelling))
    work = Work(scene.settings.bias(*rates), *(float(each[k]) for each in (drive.refill, drive.frequency, drive.depth)))
    if scene.settings.units is None:
        return scene.rule.advance(phi, ratio, work.bias, days), None
    parts = max(1, round(days / constants.DAYS_PER_MONTH.value))
    units = state.units
    for part in range(parts):
        phi, units = worked(phi, units, scene, ratio, work, day + part * days / parts, days / parts)
    return phi, units


def worked(
    phi: Voxels, units: bmu.Units | None, scene: Scene, ratio: Float[Array, "x y z"], work: Work, day: float,
    days: float,
) -> tuple[Voxels, bmu.Units]:  # fmt: skip
    """Surface and units after [day, day + days); where there are none yet, they are under way."""
    rule, own = scene.rule, scene.settings.units
    assert isinstance(rule, LevelSet) and own is not None
    area = surface_area(phi, scene)
    where = pits.ground(phi, area, np.asarray(ratio), scene.h, own.bias)
    if units is None:
        units = bmu.underway(where, work.frequency, work.depth, day, scene.seed, own)
    units = bmu.give_birth(units, where, work.frequency, work.depth, day, days, scene.seed, own)
    new = rule.advance(phi, ratio, work.bias, days, bmu.at_work(units, bmu.pace(units, work.refill, day, days)))
    # Load and cells lay down bone in pits as elsewhere; the units answer for the rest.
    besides = rule.flat_speed(ratio, work.bias) * area * np.float32(days)
    dug = (rule.fill(phi) - rule.fill(new)) * np.float32(scene.h**3) + besides
    return new, bmu.settle(units, dug, new, work.refill, scene.h, day + days)


def surface_area(phi: Voxels, scene: Scene) -> Voxels:
    """Surface (mm^2) that may move in each voxel."""
    share = surface_weight(jnp.asarray(scene.rule.distance(phi)), scene.h) * scene.free
    return np.asarray(share) * np.float32(scene.h**2)
