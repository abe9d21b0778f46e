"""The measurements of one month, a row of the time series: structure, mechanics, bone lost, cells."""

from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from trabfem.specimen.morphometry import connectivity_density, separation, thickness

from . import mineral
from .adaptation import Felt, Kernel, Scalar, compute_signal, read_signal
from .forcing import CellForcing
from .model import Model, State
from .programs import compile_in_double, compute_apart
from .rules import Rule
from .rules.protocol import Shape
from .stimulus import sample_surface, weighted_deviation, weighted_mean
from .surface.differences import Grid


def measure(state: State, model: Model, forcing: CellForcing) -> dict[str, Any]:
    """Column titles and values; None where a column is not measured in this month."""
    k, found = state.step, measure_fields(state, model)
    row: dict[str, Any] = {"month": float(forcing.months[k]), "BV/TV": found.volume}
    row |= measure_structure(state, model, last=k == forcing.steps) | describe_mechanics(state, found)
    row |= {"removed voxels": state.removed} | volumes_lost(state, model, found)
    row |= {title: float(values[k]) for title, values in forcing.columns.items()}
    density = found.volume * float(forcing.mineral[k]) if np.isnan(found.mineral) else found.mineral
    return row | {"BMD (relative to solid bone at month 0)": density}


class Found(NamedTuple):
    """Measurements of whole grids, which come from the device together.

    - `volume`: BV/TV; `mineral`: of the block over that of solid bone with the mineral of month 0, nan where it is not
      followed; `through` (mm^3): bone dug by BMUs that went through
    - `mean` (MPa) and `deviation`: of the signal over the surface
    """

    volume: float
    mineral: float
    through: float
    mean: float
    deviation: float


def measure_fields(state: State, model: Model) -> Found:
    """What is measured on whole grids in every month."""
    through = 0.0 if state.bmus is None else state.bmus.perforation
    kinetics = model.settings.mineral
    more = (state.young, state.young_start, through)
    found = _measure_fields(model.rule, state.phi, model.free, read_signal(state), more, model.kernel, kinetics)
    return Found(*np.asarray(found).tolist())


@compile_in_double("kernel", "kinetics")
def _measure_fields(
    rule: Rule, phi: Shape, free: Grid, felt: Felt, more: tuple[Shape | None, Scalar, Scalar], kernel: Kernel,
    kinetics: mineral.Kinetics | None,
) -> Float[Array, "5"]:  # fmt: skip
    fill, (young, start, through) = jnp.asarray(felt.fill), more
    now = compute_apart(lambda: compute_signal(felt, kernel), rule.h > 0)
    values, area = sample_surface(now, jnp.asarray(rule.distance(phi)), rule.h, free)
    density = jnp.nan
    if young is not None and kinetics is not None:
        density = mineral.density(fill, young, start, kinetics)
    found = (fill.mean(dtype=jnp.float64), density, through, weighted_mean(values, area))
    return jnp.stack([jnp.asarray(each, jnp.float64) for each in (*found, weighted_deviation(values, area))])


def measure_structure(state: State, model: Model, last: bool) -> dict[str, float | None]:
    """Tb.Th, Conn.D and Tb.N at their intervals (see `Settings`), and always at the first and last month."""
    ends = last or state.step == 0

    def due(every: int) -> bool:
        return ends or (every > 0 and state.step % every == 0)

    found: dict[str, float | None] = {"Tb.Th (mm)": None, "Conn.D (1/mm^3)": None, "Tb.N (1/mm)": None}
    thick_due, number_due = due(model.settings.thickness_every), due(model.settings.number_every)
    if not (thick_due or number_due):
        return found
    bone = np.asarray(state.fill) >= 0.5
    if thick_due:
        found["Tb.Th (mm)"] = float(thickness(bone, model.spacing))
        found["Conn.D (1/mm^3)"] = float(connectivity_density(bone, model.spacing))
    if number_due:
        thick = found["Tb.Th (mm)"] or float(thickness(bone, model.spacing))
        found["Tb.N (1/mm)"] = 1 / (thick + float(separation(bone, model.spacing)))
    return found


def measure_mechanics(state: State, model: Model) -> dict[str, Any]:
    """Stiffness, strength, mean and variation of the signal over the surface, and the accuracy of the solve."""
    return describe_mechanics(state, measure_fields(state, model))


def describe_mechanics(state: State, found: Found) -> dict[str, Any]:
    """The columns of `measure_mechanics`."""
    solution = state.solution
    if solution is None:
        return {"stiffness (N/mm)": 0.0, "failure load (N)": 0.0, "apparent modulus (MPa)": 0.0}
    return {
        "stiffness (N/mm)": abs(solution.stiffness),
        "failure load (N)": state.failure_load,
        "apparent modulus (MPa)": abs(solution.apparent_modulus),
        "surface SED (MPa)": found.mean,
        "surface SED variation": found.deviation / found.mean,
        "iterations": solution.iterations,
        "residual": solution.relative_residual,
        "energy error": solution.energy_error,
    }


def volumes_lost(state: State, model: Model, found: Found) -> dict[str, float]:
    """Bone lost so far, in % of the volume of the block; the three add up to the change of BV/TV since month 0.

    Disconnection: bone that lost its connection to the plates. Perforation: bone dug by BMUs that went through.
    Thinning: everything else, that is, bone resorbed from surfaces that still exist less bone laid down on them.
    """
    block = state.fill.size * model.h**3 / 100
    through = found.through
    return {
        "lost by thinning (% of TV)": (state.resorbed - through) / block,
        "lost by perforation (% of TV)": through / block,
        "lost by disconnection (% of TV)": state.disconnected / block,
    }
