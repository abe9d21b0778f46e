r"""The loads of a usual day, estimated from the bone.

The assumption is that living bone has adapted until its tissue is loaded evenly. For candidate activities of unit
stress, whose energies at the surface are $S_i$, the weights are found that make the sum most even:

$$\min_{a \ge 0} \int \Big(\sum_i a_i S_i - 1\Big)^2 \mathrm{d}A$$

by non-negative least squares. Up to a factor this is the sum with the least coefficient of variation. The factor keeps
the mean under the settings' usual loads, since a scan tells the mixture of loads but not their magnitude. Stresses are
proportional to the square root of a.
Source: Christen et al. 2012 Biomech. Model. Mechanobiol. 11:483; Christen et al. 2014 Nat. Commun. 5:4855.
"""

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Literal

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float
from scipy.optimize import nnls

from trabfem.errors import UserError
from trabfem.mechanics.loads import STRAINS
from trabfem.specimen import Specimen

from ..equilibrium import solve_activities, tissue_moduli
from ..model import Model, create_model
from ..programs import compute_apart
from ..rules import Rule
from ..rules.protocol import Shape
from ..settings import Settings
from ..stimulus import sample_surface, signal
from ..surface.differences import Grid
from . import activities
from .activities import PLACES, Activity

Where = Literal["surface", "volume"]
SMALLEST_SHARE = 1e-6
"""An activity that adds less than this share of the energy is left out."""


@dataclass(frozen=True)
class Estimate:
    """`activities` of a usual day, estimated from a scan.

    `before`, `after`: coefficient of variation of the tissue loading under the settings' loads and under these.
    """

    activities: tuple[Activity, ...]
    before: float
    after: float

    def __str__(self) -> str:
        """The estimate in a sentence."""
        named = ", ".join(f"{each.name} {abs(_largest_stress(each)):.3g} MPa" for each in self.activities)
        return (
            f"loads estimated from the scan: {named}; coefficient of variation of the tissue loading "
            f"{self.before:.3f} under the assumed load, {self.after:.3f} under these"
        )


def _largest_stress(activity: Activity) -> float:
    return max((value for _, value in activity.stress), key=abs)


def unit_stresses() -> tuple[Activity, ...]:
    """Six activities, each one component of the mean stress at -1 MPa."""
    found = []
    for name, (i, j) in zip(STRAINS, PLACES, strict=True):
        tensor = np.zeros((3, 3))
        tensor[i, j] = tensor[j, i] = -1.0
        kind = "compression" if i == j else "shear"
        found.append(activities.tensor_activity(f"{kind} {name[0] if i == j else name}", tensor))
    return tuple(found)


def estimate_loads(
    specimen: Specimen,
    settings: Settings,
    candidates: Sequence[Activity] = (),
    where: Where = "surface",
) -> Estimate:
    """The mixture of `candidates` that loads the tissue most evenly.

    `candidates`: by default the six components of mean stress. `where`: evenly over the surface or over the volume.
    UserError where a solve fails.
    """
    usual = settings.usual_day if candidates else activities.express_as_tensors(settings.usual_day)
    candidates = candidates or unit_stresses()
    model = create_model(specimen, dataclasses.replace(settings, activities=(*usual, *candidates)))
    phi = model.rule.begin(specimen.fill)
    fill = model.rule.fill(phi)
    solutions = solve_activities(tissue_moduli(fill, settings, None, 0.0), model.spacing, model.settings)
    for solution in solutions:
        if not solution.converged:
            raise UserError(f"loads could not be estimated, {solution.case.name} {solution.message}")

    def felt(day: Sequence[Activity]) -> tuple[np.ndarray, np.ndarray]:
        return sample_loading(activities.activity_energy(solutions, day), phi, fill, model, where)

    before, area = felt(usual)
    each = np.stack([felt([candidate])[0] for candidate in candidates], axis=1)
    weights = find_most_even(each, area)
    weights *= np.average(before, weights=area) / np.average(each @ weights, weights=area)
    share = weights * np.average(each, axis=0, weights=area)
    kept = [int(n) for n in np.flatnonzero(share > SMALLEST_SHARE * share.sum())]
    # The energy of a day is the mean over its activities, so the energy of each is multiplied by their number.
    scaled = [_scale(candidates[n], np.sqrt(weights[n] * len(kept))) for n in kept]
    return Estimate(tuple(scaled), variation(before, area), variation(each @ weights, area))


def find_most_even(each: Float[np.ndarray, "points loads"], area: Float[np.ndarray, " points"]) -> np.ndarray:
    """Weights a >= 0 with the least integral of (sum a_i S_i - 1)^2 over the area."""
    scale = each.mean(axis=0)
    root = np.sqrt(area, dtype=np.float64)
    found, _ = nnls(root[:, None] * (each / scale), root)
    return found / scale


def variation(values: Float[np.ndarray, " points"], area: Float[np.ndarray, " points"]) -> float:
    """Coefficient of variation over the area."""
    mean = np.average(values, weights=area)
    return float(np.sqrt(np.average((values - mean) ** 2, weights=area)) / mean)


def sample_loading(energy: Shape, phi: Shape, fill: Shape, model: Model, where: Where) -> tuple[np.ndarray, np.ndarray]:
    """Tissue loading (MPa) at points of the surface or volume that may remodel, and the area or volume of each."""
    felt, values, area = _sample_loading(model.rule, energy, phi, fill, model.free, model.kernel)
    if where == "surface":
        weight = np.asarray(area, np.float64)
        return np.asarray(values, np.float64)[weight > 0], weight[weight > 0]
    inside = (np.asarray(fill) >= 0.5) & (np.asarray(model.free) > 0)
    return np.asarray(felt, np.float64)[inside], np.asarray(fill, np.float64)[inside]


@partial(jax.jit, static_argnames="kernel")
def _sample_loading(
    rule: Rule, energy: Shape, phi: Shape, fill: Shape, free: Grid, kernel: tuple[float, ...]
) -> tuple[Grid, Grid, Grid]:
    """The signal, its values at the surface, and the area of each."""
    felt = compute_apart(lambda: signal(jnp.asarray(energy), jnp.asarray(fill), kernel), rule.h > 0)
    return felt, *sample_surface(felt, jnp.asarray(rule.distance(phi)), rule.h, free)


def _scale(activity: Activity, factor: float) -> Activity:
    stress = tuple((case, float(factor * value)) for case, value in activity.stress)
    return dataclasses.replace(activity, stress=stress, cycles=1.0)


def adopt_estimated_loads(specimen: Specimen, settings: Settings) -> tuple[Specimen, Settings]:
    """The specimen with a note of the loads estimated from it, and the settings with these loads."""
    found = estimate_loads(specimen, settings)
    noted = dataclasses.replace(specimen, notes=(*specimen.notes, str(found)))
    return noted, dataclasses.replace(settings, activities=found.activities)
