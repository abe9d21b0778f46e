"""The measurements of one month, a row of the time series: structure, mechanics, bone lost, cells."""

from typing import Any

import jax.numpy as jnp
import numpy as np

from trabfem.specimen.morphometry import connectivity_density, separation, thickness

from . import mineral
from .adaptation import sense
from .forcing import CellForcing
from .model import Model, State
from .stimulus import sample_surface


def measure(state: State, model: Model, forcing: CellForcing) -> dict[str, Any]:
    """Column titles and values; None where a column is not measured in this month."""
    k = state.step
    row: dict[str, Any] = {"month": float(forcing.months[k]), "BV/TV": float(state.fill.mean(dtype=np.float64))}
    row |= measure_structure(state, model, last=k == forcing.steps) | measure_mechanics(state, model)
    row |= {"removed voxels": state.removed} | volumes_lost(state, model)
    row |= {title: float(values[k]) for title, values in forcing.columns.items()}
    density = mineral_density(state, model, row["BV/TV"], float(forcing.mineral[k]))
    return row | {"BMD (relative to solid bone at month 0)": density}


def measure_structure(state: State, model: Model, last: bool) -> dict[str, float | None]:
    """Tb.Th, Conn.D and Tb.N at their intervals (see `Settings`), and always at the first and last month."""
    ends = last or state.step == 0

    def due(every: int) -> bool:
        return ends or (every > 0 and state.step % every == 0)

    bone = state.fill >= 0.5
    found: dict[str, float | None] = {"Tb.Th (mm)": None, "Conn.D (1/mm^3)": None, "Tb.N (1/mm)": None}
    if due(model.settings.thickness_every):
        found["Tb.Th (mm)"] = float(thickness(bone, model.spacing))
        found["Conn.D (1/mm^3)"] = float(connectivity_density(bone, model.spacing))
    if due(model.settings.number_every):
        thick = found["Tb.Th (mm)"] or float(thickness(bone, model.spacing))
        found["Tb.N (1/mm)"] = 1 / (thick + float(separation(bone, model.spacing)))
    return found


def mineral_density(state: State, model: Model, bvtv: float, mean_mineral: float) -> float:
    """Mineral of the block over that of solid bone with the mineral of month 0, so it equals BV/TV at month 0."""
    if state.young is None or model.settings.mineral is None:
        return bvtv * mean_mineral
    return mineral.density(state.fill, state.young, state.young_start, model.settings.mineral)


def measure_mechanics(state: State, model: Model) -> dict[str, Any]:
    """Stiffness, strength, mean and variation of the signal over the surface, and the accuracy of the solve."""
    solution = state.solution
    if solution is None:
        return {"stiffness (N/mm)": 0.0, "failure load (N)": 0.0, "apparent modulus (MPa)": 0.0}
    values, area = sample_surface(sense(state, model), jnp.asarray(model.rule.distance(state.phi)), model.h, model.free)
    mean = float(np.average(values, weights=area))
    return {
        "stiffness (N/mm)": abs(solution.stiffness),
        "failure load (N)": state.failure_load,
        "apparent modulus (MPa)": abs(solution.apparent_modulus),
        "surface SED (MPa)": mean,
        "surface SED variation": float(np.sqrt(np.average((values - mean) ** 2, weights=area))) / mean,
        "iterations": solution.iterations,
        "residual": solution.relative_residual,
        "energy error": solution.energy_error,
    }


def volumes_lost(state: State, model: Model) -> dict[str, float]:
    """Bone lost so far, in % of the volume of the block; the three add up to the change of BV/TV since month 0.

    Disconnection: bone that lost its connection to the plates. Perforation: bone dug by BMUs that went through.
    Thinning: everything else, that is, bone resorbed from surfaces that still exist less bone laid down on them.
    """
    block = state.fill.size * model.h**3 / 100
    through = 0.0 if state.bmus is None else state.bmus.perforation
    return {
        "lost by thinning (% of TV)": (state.resorbed - through) / block,
        "lost by perforation (% of TV)": through / block,
        "lost by disconnection (% of TV)": state.disconnected / block,
    }
