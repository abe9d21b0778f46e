"""Month 0: loose bone removed, equilibrium, reference signal, tissue age and initial pits."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from trabfem import constants
from trabfem.specimen import Specimen

from . import bmu, mineral
from .adaptation import (
    Felt,
    Kernel,
    Scalar,
    begin_work,
    compute_signal,
    finish_part,
    read_signal,
    survey,
    take_loose_off,
)
from .bmu import DIGGING, REFILLING, forget_perforation, no_bmus
from .equilibrium import solve_equilibrium
from .forcing import CellActivity, CellForcing
from .model import Model, State
from .programs import compile_in_double, compute_apart
from .rules import Rule
from .rules.protocol import Shape
from .settings import SetPoint
from .stimulus import sample_surface, weighted_median
from .surface.differences import Grid
from .surface.motion import surface_weight


def start_state(specimen: Specimen, model: Model) -> State:
    """The bone of `specimen` without loose bone, in equilibrium, with S_ref from its surface; no BMUs yet.

    It depends neither on the seed nor on the patient, so all runs of a study share it.
    """
    phi, fill, found = remove_loose(model.rule, jax.device_put(model.rule.begin(specimen.fill)))
    none, found = jax.device_put(np.zeros(fill.shape, np.float32)), np.asarray(found)
    state = State(0, phi, fill, none, none, 0.0, int(found[0]))
    return set_reference(solve_equilibrium(set_tissue_age(state, model, found), model), model)


def add_initial_pits(state: State, model: Model, forcing: CellForcing) -> State:
    """Month 0 with pits in its surface, as frequent and as deep as `forcing` has them before month 0.

    The state is returned as it is where it has BMUs already or where the settings have none. A generated specimen has
    no pits, and the pits in a scan cannot be told from its shape. So BMUs work on it for the length of one BMU's life,
    in balance and without load, before losses are counted. Otherwise the first pits would appear as bone loss.
    """
    own = model.settings.bmus
    if own is None or state.bmus is not None:
        return state
    if forcing.frequency_before == 0:
        return dataclasses.replace(state, bmus=no_bmus(state.fill.shape))
    month, usual = constants.DAYS_PER_MONTH.value, jax.device_put(np.ones(state.fill.shape, np.float32))
    months = int(np.ceil((DIGGING + REFILLING) / month))
    phi, fill, bmus, window = state.phi, state.fill, None, bmu.count_window(model.h)
    for start in month * np.arange(-months, 0):
        balance = CellActivity(start, month, 1.0, 1.0, 0.0, forcing.frequency_before, forcing.depth_before, 1.0)
        sites = survey(model.rule, phi, model.free, usual, own.bias)
        work = begin_work(phi, fill, bmus, sites, model, usual, balance)
        phi, (fill, bmus) = work.phi, finish_part(model.rule, work, window)
    phi, fill, found = remove_loose(model.rule, phi)
    found = np.asarray(found)
    state = dataclasses.replace(state, phi=phi, fill=fill, removed=state.removed + int(found[0]))
    state = set_reference(solve_equilibrium(set_tissue_age(state, model, found), model), model)
    return dataclasses.replace(state, bmus=bmus and forget_perforation(bmus))


def set_reference(state: State, model: Model) -> State:
    """Month 0 with S_ref and the background computed from the signal at its surface."""
    felt, settings = read_signal(dataclasses.replace(state, background=0.0)), model.settings
    shares = (settings.background, settings.gain)
    found = choose_reference(model.rule, state.phi, model.free, felt, shares, model.kernel, settings.set_point)
    return dataclasses.replace(state, reference=found[0], background=float(found[1]))


@compile_in_double("kernel", "set_point")
def choose_reference(
    rule: Rule, phi: Shape, free: Grid, felt: Felt, shares: tuple[Scalar, Scalar], kernel: Kernel, set_point: SetPoint
) -> tuple[Grid, Float[Array, ""]]:
    """S_ref (MPa) by `set_point`, and the background; `shares`: of the background in the surface median, and k."""
    now = compute_apart(lambda: compute_signal(felt, kernel), rule.h > 0)
    values, area = sample_surface(now, jnp.asarray(rule.distance(phi)), rule.h, free)
    beside = jnp.where(area > 0, values, jnp.inf)
    background = shares[0] * weighted_median(beside, area).astype(jnp.float64)
    own = background.astype(jnp.float32)
    return set_point(values + own, area, shares[1], now + own), background


def set_tissue_age(state: State, model: Model, found: Float[np.ndarray, "4"]) -> State:
    """The state with the share of young tissue of balanced turnover everywhere; unchanged without mineral kinetics.

    At balanced turnover the share v0 times surface over volume of the bone is resorbed each day. `found`: as
    `remove_loose` returns it.
    """
    kinetics = model.settings.mineral
    if kinetics is None:
        return state
    usual = mineral.usual_young(model.settings.budget * float(found[2] / found[3]), kinetics)
    young = jax.device_put(np.full(state.fill.shape, usual, np.float32))
    return dataclasses.replace(state, young=young, young_start=usual)


@compile_in_double()
def remove_loose(rule: Rule, phi: Shape) -> tuple[Shape, Grid, Float[Array, "4"]]:
    """The surface and fill without bone that is not connected to both plates, and what was found.

    These are the voxels (half full or more) and the volume (mm^3) that were removed, the surface of the bone (mm^2)
    with that under the plates, and its volume (mm^3).
    """
    phi, fill, lost = take_loose_off(rule, phi, jnp.asarray(rule.fill(phi)))
    area = surface_weight(jnp.asarray(rule.distance(phi)), rule.h).sum(dtype=jnp.float64) * rule.h**2
    volume = fill.sum(dtype=jnp.float64) * rule.h**3
    return phi, fill, jnp.concatenate([lost, jnp.stack([area, volume])])
