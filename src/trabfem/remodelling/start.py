"""Month 0: loose bone removed, equilibrium, reference signal, tissue age and initial pits."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from trabfem import constants
from trabfem.specimen import Specimen

from . import bmu, mineral
from .adaptation import Felt, Kernel, Scalar, begin_work, compute_signal, finish_part, read_signal, remove_loose, survey
from .bmu import DIGGING, REFILLING, no_bmus
from .programs import compile_in_double, compute_apart
from .equilibrium import solve_equilibrium
from .forcing import CellActivity, CellForcing
from .model import Model, State
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
    phi, fill, lost = remove_loose(model.rule, model.rule.begin(specimen.fill))
    none = jax.device_put(np.zeros(fill.shape, np.float32))
    state = State(0, phi, fill, none, none, 0.0, int(np.asarray(lost)[0]))
    return set_reference(solve_equilibrium(set_tissue_age(state, model), model), model)


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
    phi, fill, lost = remove_loose(model.rule, phi, fill)
    state = dataclasses.replace(state, phi=phi, fill=fill, removed=state.removed + int(np.asarray(lost)[0]))
    state = set_reference(solve_equilibrium(set_tissue_age(state, model), model), model)
    return dataclasses.replace(state, bmus=bmus and dataclasses.replace(bmus, perforation=bmus.perforation * 0))


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


def set_tissue_age(state: State, model: Model) -> State:
    """The state with the share of young tissue of balanced turnover everywhere; unchanged without mineral kinetics."""
    kinetics = model.settings.mineral
    if kinetics is None:
        return state
    usual = mineral.usual_young(usual_turnover(state, model), kinetics)
    young = jax.device_put(np.full(state.fill.shape, usual, np.float32))
    return dataclasses.replace(state, young=young, young_start=usual)


def usual_turnover(state: State, model: Model) -> float:
    """Share of bone resorbed per day at balanced turnover: v0 times surface over volume."""
    return model.settings.budget * float(measure_specific_surface(model.rule, state.phi, state.fill))


@compile_in_double()
def measure_specific_surface(rule: Rule, phi: Shape, fill: Shape) -> Float[Array, ""]:
    """Surface over bone volume, 1/mm; the surface under the plates counts."""
    area = surface_weight(jnp.asarray(rule.distance(phi)), rule.h).sum(dtype=jnp.float64)
    return area / (jnp.asarray(fill).sum(dtype=jnp.float64) * rule.h)
