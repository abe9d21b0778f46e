"""Month 0: loose bone removed, equilibrium, reference signal, tissue age and initial pits."""

import dataclasses

import jax.numpy as jnp
import numpy as np

from trabfem import constants
from trabfem.specimen import Specimen

from . import mineral
from .adaptation import dig_and_refill, remove_loose, sense
from .bmu import DIGGING, REFILLING, no_bmus
from .equilibrium import solve_equilibrium
from .forcing import CellActivity, CellForcing
from .model import Model, State
from .stimulus import sample_surface, weighted_median
from .surface.motion import surface_weight


def start_state(specimen: Specimen, model: Model) -> State:
    """The bone of `specimen` without loose bone, in equilibrium, with S_ref from its surface; no BMUs yet.

    It depends neither on the seed nor on the patient, so all runs of a study share it.
    """
    phi, fill, removed, _ = remove_loose(model.rule.begin(specimen.fill), None, model)
    none = np.zeros_like(fill)
    state = State(0, phi, fill, none, none, 0.0, removed)
    return set_reference(solve_equilibrium(set_tissue_age(state, model), model), model)


def add_initial_pits(state: State, model: Model, forcing: CellForcing) -> State:
    """Month 0 with pits in its surface, as frequent and as deep as `forcing` has them before month 0.

    The state is returned as it is where it has BMUs already or where the settings have none. A generated specimen has
    no pits, and the pits in a scan cannot be told from its shape. So BMUs work on it for the length of one BMU's life,
    in balance and without load, before losses are counted. Otherwise the first pits would appear as bone loss.
    """
    if model.settings.bmus is None or state.bmus is not None:
        return state
    if forcing.frequency_before == 0:
        return dataclasses.replace(state, bmus=no_bmus(state.fill.shape))
    month, usual = constants.DAYS_PER_MONTH.value, jnp.ones(state.fill.shape, jnp.float32)
    months = int(np.ceil((DIGGING + REFILLING) / month))
    phi, fill, bmus = state.phi, state.fill, None
    for start in month * np.arange(-months, 0):
        balance = CellActivity(start, month, 1.0, 1.0, 0.0, forcing.frequency_before, forcing.depth_before, 1.0)
        phi, fill, bmus = dig_and_refill(phi, fill, bmus, model, usual, balance)
    phi, fill, lost, _ = remove_loose(phi, fill, model)
    state = dataclasses.replace(state, phi=phi, fill=fill, removed=state.removed + lost)
    state = set_reference(solve_equilibrium(set_tissue_age(state, model), model), model)
    return dataclasses.replace(state, bmus=bmus and dataclasses.replace(bmus, perforation=0.0))


def set_reference(state: State, model: Model) -> State:
    """Month 0 with S_ref and the background computed from the signal at its surface."""
    felt = sense(dataclasses.replace(state, background=0.0), model)
    values, area = sample_surface(felt, jnp.asarray(model.rule.distance(state.phi)), model.h, model.free)
    background = model.settings.background * weighted_median(values, area)
    reference = model.settings.set_point(values + background, area, model.settings.gain, np.asarray(felt) + background)
    return dataclasses.replace(state, reference=jnp.asarray(reference), background=background)


def set_tissue_age(state: State, model: Model) -> State:
    """The state with the share of young tissue of balanced turnover everywhere; unchanged without mineral kinetics."""
    kinetics = model.settings.mineral
    if kinetics is None:
        return state
    usual = mineral.usual_young(usual_turnover(state, model), kinetics)
    return dataclasses.replace(state, young=np.full_like(state.fill, usual), young_start=usual)


def usual_turnover(state: State, model: Model) -> float:
    """Share of bone resorbed per day at balanced turnover: v0 times surface over volume."""
    weight = np.asarray(surface_weight(jnp.asarray(model.rule.distance(state.phi)), model.h))
    area = float(weight.sum(dtype=np.float64)) * model.h**2
    return model.settings.budget * area / (float(state.fill.sum(dtype=np.float64)) * model.h**3)
