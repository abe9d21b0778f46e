"""How bone changes in a step: signal, motion of the surface, BMUs, removal of loose bone, age of the tissue."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float

from . import bmu, mineral
from .bmu import Bmus
from .forcing import CellActivity, CellForcing
from .loading.load_path import find_load_bearing
from .model import Model, State, Voxels
from .rules import DiggingRule
from .rules.protocol import Shape
from .stimulus import SMALLEST_FILL, signal
from .surface.motion import surface_weight


def adapt(state: State, model: Model, forcing: CellForcing) -> State:
    """The state after the bone of one step has changed by its present signal and the cells; loose bone is removed."""
    k, settings = state.step, model.settings
    days = forcing.day(k + 1) - forcing.day(k)
    felt = sense(state, model)
    phi, fill, bmus = move_surface(state, model, forcing, felt / state.reference)
    resorbed = float((state.fill - fill).sum(dtype=np.float64)) * model.h**3
    phi, fill, lost, volume = remove_loose(phi, fill, model)
    young, kinetics = state.young, settings.mineral
    if young is not None and kinetics is not None:
        young = mineral.age_tissue(young, state.fill, fill, days, kinetics)
    follow = np.float32(-np.expm1(-days / settings.accommodation))
    reference = state.reference + follow * (felt - state.reference)
    return dataclasses.replace(
        state, step=k + 1, phi=phi, fill=fill, reference=reference, bmus=bmus, young=young,
        removed=state.removed + lost, disconnected=state.disconnected + volume, resorbed=state.resorbed + resorbed,
    )  # fmt: skip


def sense(state: State, model: Model) -> Float[Array, "x y z"]:
    """The signal S (MPa) in every voxel, background included."""
    return _signal(jnp.asarray(state.energy), jnp.asarray(state.fill), model.kernel) + state.background


_signal = jax.jit(signal, static_argnames="kernel")


def move_surface(
    state: State, model: Model, forcing: CellForcing, ratio: Float[Array, "x y z"]
) -> tuple[Shape, Voxels, Bmus | None]:
    """Surface, fill and BMUs after the next step, in which the signal `ratio` = S/S_ref does not change.

    BMUs are followed in parts of about a month however long the step is, since a pit is dug in six weeks.
    """
    phi, fill, bmus = state.phi, state.fill, state.bmus
    parts = forcing.activity(state.step)
    if model.settings.bmus is None:
        days = [cells.days for cells in parts]
        mean = float(np.average([flat_pace(cells, model) for cells in parts], weights=days))
        phi = model.rule.advance(phi, ratio, mean, float(sum(days)))
        return phi, np.asarray(model.rule.fill(phi)), None
    for cells in parts:
        phi, fill, bmus = dig_and_refill(phi, fill, bmus, model, ratio, cells)
    return phi, fill, bmus


def flat_pace(cells: CellActivity, model: Model) -> float:
    """Velocity (mm/day) that the cells give to all surface."""
    return model.settings.bias(cells.formation, cells.resorption, cells.modelling)


def dig_and_refill(
    phi: Shape, fill: Voxels, bmus: Bmus | None, model: Model, ratio: Float[Array, "x y z"], cells: CellActivity
) -> tuple[Shape, Voxels, Bmus]:
    """Surface, fill and BMUs after `cells` were at work. Where `bmus` is None, BMUs of all ages are placed first."""
    rule, own = model.rule, model.settings.bmus
    assert isinstance(rule, DiggingRule) and own is not None
    day, days, bias = cells.day, cells.days, flat_pace(cells, model)
    area = measure_surface(phi, model)
    sites = bmu.find_birth_sites(np.asarray(phi), area, np.asarray(ratio), model.h, own.bias)
    if bmus is None:
        bmus = bmu.initial_bmus(sites, cells.frequency, cells.depth, day, model.seed, own)
    bmus = bmu.give_birth(bmus, sites, cells.frequency, cells.depth, day, days, model.seed, own)
    pits = bmu.make_pits(bmus, bmu.compute_pace(bmus, cells.refill, day, days))
    new = rule.advance(phi, ratio, bias, days, pits)
    new_fill = np.asarray(rule.fill(new))
    # Load and cells also move the surface inside pits; only the rest of the change counts as the work of BMUs.
    besides = np.asarray(rule.flat_speed(ratio, bias)) * area * np.float32(days)
    dug = (fill - new_fill) * np.float32(model.h**3) + besides
    return new, new_fill, bmu.finish_pits(bmus, dug, np.asarray(new), cells.refill, model.h, day + days)


def measure_surface(phi: Shape, model: Model) -> Voxels:
    """Area (mm^2) of the movable surface in each voxel."""
    share = surface_weight(jnp.asarray(model.rule.distance(phi)), model.h) * model.free
    return np.asarray(share) * np.float32(model.h**2)


def remove_loose(phi: Shape, fill: Voxels | None, model: Model) -> tuple[Shape, Voxels, int, float]:
    """The surface and fill without bone that is not connected to both plates, and how much bone that was.

    The amount is given as a number of voxels (half full or more) and as a volume in mm^3. `fill` belongs to `phi`; None
    computes it.
    """
    fill = np.asarray(model.rule.fill(phi)) if fill is None else fill
    loose: Bool[np.ndarray, "x y z"] = (fill > 0) & ~find_load_bearing(fill, SMALLEST_FILL)
    if not loose.any():
        return phi, fill, 0, 0.0
    lost = int(np.count_nonzero(loose & (fill >= 0.5)))
    volume = float(fill[loose].sum(dtype=np.float64)) * model.h**3
    return model.rule.remove(phi, loose), np.where(loose, np.float32(0), fill), lost, volume
