"""How bone changes in a step: signal, motion of the surface, BMUs, removal of loose bone, age of the tissue.

Grids stay on the device. A step is a few programs, and a few numbers of what they find are copied to the host.
"""

import dataclasses
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from . import bmu, mineral
from .bmu import BirthSites, Bmus
from .forcing import CellActivity, CellForcing
from .loading.load_path import find_load_bearing
from .mineral import Kinetics
from .model import Model, State
from .programs import compile_in_double
from .rules import DiggingRule, Rule
from .rules.protocol import Shape
from .stimulus import SMALLEST_FILL, signal
from .surface.differences import Grid
from .surface.motion import surface_weight

Scalar = float | Float[Array, ""]
Kernel = tuple[float, ...]
Numbers = Float[np.ndarray | Array, " numbers"]


def adapt(state: State, model: Model, forcing: CellForcing) -> State:
    """The state after the bone of one step has changed by its present signal and the cells; loose bone is removed."""
    k, settings = state.step, model.settings
    parts, days = forcing.activity(k), forcing.day(k + 1) - forcing.day(k)
    bias = 0.0 if settings.bmus is None else settings.bmus.bias
    felt, ratio, sites = look_around(model.rule, state.phi, model.free, read_signal(state), model.kernel, bias)
    numbers = np.array([days, -np.expm1(-days / settings.accommodation)])
    before = Before(state.fill, felt, state.reference, state.young, numbers)
    if settings.bmus is None:
        lengths = [cells.days for cells in parts]
        mean = float(np.average([flat_pace(cells, model) for cells in parts], weights=lengths))
        phi = model.rule.advance(state.phi, ratio, mean, float(sum(lengths)))
        bmus, settled = None, settle_smooth(model.rule, phi, before, settings.mineral)
    else:
        phi, fill, bmus = state.phi, state.fill, state.bmus
        for cells in parts[:-1]:
            work = begin_work(phi, fill, bmus, sites, model, ratio, cells)
            phi, (fill, bmus) = work.phi, finish_part(model.rule, work, bmu.count_window(model.h))
            sites = survey(model.rule, phi, model.free, ratio, bias)
        work = begin_work(phi, fill, bmus, sites, model, ratio, parts[-1])
        bmus, settled = finish_step(model.rule, work, before, bmu.count_window(model.h), settings.mineral)
    lost = jax.device_get(settled.losses)
    return dataclasses.replace(
        state, step=k + 1, phi=settled.phi, fill=settled.fill, reference=settled.reference, bmus=bmus,
        young=settled.young, removed=state.removed + int(lost[0]), disconnected=state.disconnected + float(lost[1]),
        resorbed=state.resorbed + float(lost[2]),
    )  # fmt: skip


class Felt(NamedTuple):
    """What the signal is made of: energy and fill of each voxel, S_ref there, and the background."""

    energy: Shape
    fill: Shape
    reference: Shape
    background: Scalar


def read_signal(state: State) -> Felt:
    """What the signal of a state is made of."""
    return Felt(state.energy, state.fill, state.reference, state.background)


def compute_signal(felt: Felt, kernel: Kernel) -> Grid:
    """The signal S (MPa) in every voxel, background included."""
    return signal(jnp.asarray(felt.energy), jnp.asarray(felt.fill), kernel) + felt.background


_compute_signal = jax.jit(compute_signal, static_argnames="kernel")


def sense(state: State, model: Model) -> Grid:
    """The signal S (MPa) in every voxel, background included."""
    return _compute_signal(read_signal(state), model.kernel)


@compile_in_double("kernel")
def look_around(
    rule: Rule, phi: Shape, free: Grid, felt: Felt, kernel: Kernel, bias: Scalar
) -> tuple[Grid, Grid, BirthSites]:
    """The signal S (MPa), its ratio S/S_ref, and where BMUs may be born."""
    now = compute_signal(felt, kernel)
    ratio = now / felt.reference
    return now, ratio, _find_sites(rule, phi, free, ratio, bias)


@compile_in_double()
def survey(rule: Rule, phi: Shape, free: Grid, ratio: Grid, bias: Scalar) -> BirthSites:
    """Where BMUs may be born."""
    return _find_sites(rule, phi, free, ratio, bias)


def _find_sites(rule: Rule, phi: Shape, free: Grid, ratio: Grid, bias: Scalar) -> BirthSites:
    distance = jnp.asarray(rule.distance(phi))
    area = surface_weight(distance, rule.h) * free * (rule.h * rule.h)
    return bmu.find_birth_sites(distance, area, ratio, rule.h, bias)


def flat_pace(cells: CellActivity, model: Model) -> float:
    """Velocity (mm/day) that the cells give to all surface."""
    return model.settings.bias(cells.formation, cells.resorption, cells.modelling)


class Work(NamedTuple):
    """A part of a step whose BMUs have dug: the rule's field after it, the rest before.

    - `numbers`: refill, first day, days, and the velocity (mm/day) that the cells give to all surface
    """

    phi: Shape
    fill: Shape
    bmus: Bmus
    sites: BirthSites
    ratio: Grid
    numbers: Numbers


def begin_work(
    phi: Shape, fill: Shape, bmus: Bmus | None, sites: BirthSites, model: Model, ratio: Grid, cells: CellActivity
) -> Work:
    """Births, and the motion of the surface while `cells` are at work; where `bmus` is None, BMUs of all ages first.

    BMUs are followed in parts of about a month however long a step is, since a pit is dug in six weeks. The signal
    `ratio` = S/S_ref does not change within a step.
    """
    own, bias = model.settings.bmus, flat_pace(cells, model)
    assert isinstance(model.rule, DiggingRule) and own is not None
    if bmus is None:
        bmus = bmu.initial_bmus(sites, cells.frequency, cells.depth, cells.day, model.seed, own)
    asked = (cells.frequency, cells.depth, cells.day, cells.days, model.seed, own, cells.refill)
    bmus, pits = bmu.give_birth(bmus, sites, *asked)
    moved = model.rule.advance(phi, ratio, bias, cells.days, pits)
    return Work(moved, fill, bmus, sites, ratio, np.array([cells.refill, cells.day, cells.days, bias]))


@compile_in_double("window")
def finish_part(rule: Rule, work: Work, window: int) -> tuple[Grid, Bmus]:
    """The fill and the BMUs at the end of a part; `window`: see `count_window`."""
    return _finish_part(rule, work, window)


def _finish_part(rule: Rule, work: Work, window: int) -> tuple[Grid, Bmus]:
    assert isinstance(rule, DiggingRule)
    refill, day, days, bias = work.numbers
    fill = jnp.asarray(rule.fill(work.phi))
    # Load and cells also move the surface inside pits; only the rest of the change counts as the work of BMUs.
    besides = rule.flat_speed(work.ratio, bias.astype(jnp.float32)) * work.sites.cover * days.astype(jnp.float32)
    dug = (work.fill - fill) * rule.h**3 + besides
    distance = jnp.asarray(rule.distance(work.phi))
    return fill, bmu.finish_pits(work.bmus, dug, distance, refill, rule.h, day + days, window)


class Before(NamedTuple):
    """What a step began with; `numbers`: its days, and the share of the way that S_ref follows the signal in it."""

    fill: Shape
    felt: Grid
    reference: Shape
    young: Shape | None
    numbers: Numbers


class Settled(NamedTuple):
    """The bone at the end of a step; `losses`: loose voxels (half full or more), their mm^3, and mm^3 resorbed."""

    phi: Shape
    fill: Grid
    young: Grid | None
    reference: Grid
    losses: Float[Array, "3"]


@compile_in_double("window", "kinetics")
def finish_step(rule: Rule, work: Work, before: Before, window: int, kinetics: Kinetics | None) -> tuple[Bmus, Settled]:
    """The BMUs and the bone at the end of a step."""
    fill, bmus = _finish_part(rule, work, window)
    return bmus, _settle(rule, work.phi, fill, before, kinetics)


@compile_in_double("kinetics")
def settle_smooth(rule: Rule, phi: Shape, before: Before, kinetics: Kinetics | None) -> Settled:
    """The bone at the end of a step without BMUs."""
    return _settle(rule, phi, jnp.asarray(rule.fill(phi)), before, kinetics)


def _settle(rule: Rule, phi: Shape, fill: Grid, before: Before, kinetics: Kinetics | None) -> Settled:
    days, follow = before.numbers
    resorbed = (before.fill - fill).sum(dtype=jnp.float64) * rule.h**3
    phi, fill, lost = take_loose_off(rule, phi, fill)
    young = None if before.young is None else jnp.asarray(before.young)
    if young is not None and kinetics is not None:
        young = mineral.age_tissue(young, before.fill, fill, days, kinetics)
    reference = before.reference + follow.astype(jnp.float32) * (before.felt - before.reference)
    return Settled(phi, fill, young, reference, jnp.stack([*lost, resorbed]))


def take_loose_off(rule: Rule, phi: Shape, fill: Grid) -> tuple[Shape, Grid, Float[Array, "2"]]:
    """The surface and fill without bone that is not connected to both plates, and how much bone that was.

    The amount is a number of voxels (half full or more) and a volume in mm^3.
    """
    loose = (fill > 0) & ~find_load_bearing(fill, SMALLEST_FILL)
    lost = (loose & (fill >= 0.5)).sum(dtype=jnp.float64)
    volume = jnp.where(loose, fill, 0).sum(dtype=jnp.float64) * rule.h**3
    return rule.remove(phi, loose), jnp.where(loose, jnp.float32(0), fill), jnp.stack([lost, volume])
