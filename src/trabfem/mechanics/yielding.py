r"""Load at which bone yields, with tissue that softens beyond its principal yield strains.

$$E_e = E_0\, s(r_e), \qquad s(r) = \begin{cases} 1 & r \le 1 \\ (1 + p\,(r - 1))/r & r > 1 \end{cases}, \qquad
  r = \max\!\left(\frac{\varepsilon_1}{\varepsilon_t}, \frac{-\varepsilon_3}{\varepsilon_c}\right)$$

with the greatest and least principal strains at the centroid and the largest r so far of the element: a bilinear secant
model with permanent loss of stiffness. The failure load is where the apparent curve meets the elastic line shifted by a
strain of 0.2 %.

Sources: yield strains of trabecular tissue, Bayraktar et al., J Biomech 37:27 (2004); bilinear tissue laws, Niebur et
al., J Biomech 33:1575 (2000); damage as lost stiffness in voxel models, Stipsitz, Zysset & Pahr, Biomech Model
Mechanobiol 19:861 (2020). Strains are small, so there is no buckling.
"""

import dataclasses
from collections.abc import Callable

import numpy as np
from jaxtyping import Float

from .. import constants
from ..errors import UserError
from . import fields
from .loads import LoadCase
from .solution import Solution
from .solve import solve

OFFSET = 0.002
FORCE_TOLERANCE = 1e-3
MOST_UPDATES = 60
Voxels = Float[np.ndarray, "x y z"]


@dataclasses.dataclass(frozen=True)
class Tissue:
    """Principal strains at which tissue yields, both positive, and its tangent modulus beyond over its modulus."""

    tension: float = constants.TISSUE_YIELD_TENSION.value
    compression: float = constants.TISSUE_YIELD_COMPRESSION.value
    hardening: float = constants.TISSUE_POST_YIELD.value

    def secant(self, ratio: Float[np.ndarray, "..."]) -> Float[np.ndarray, "..."]:
        """Modulus over the elastic one at the largest strain ratio so far."""
        beyond = np.maximum(ratio, 1.0)
        return (1 + self.hardening * (beyond - 1)) / beyond


@dataclasses.dataclass(frozen=True)
class YieldCurve:
    """Apparent strains (signed as the load), forces (N), and where the curve meets the offset line.

    - `yielded`: share of the bone beyond its yield strain at each point
    - `damage`: 1 - E/E_0 of every voxel at the last point, 0 in void
    - `solves`: linear solves in all; `converged`: whether all of them and the softening at every point converged
    """

    strain: Float[np.ndarray, " points"]
    force: Float[np.ndarray, " points"]
    yielded: Float[np.ndarray, " points"]
    failure_load: float
    failure_strain: float
    damage: Voxels
    solves: int
    converged: bool
    elastic: Solution


def strength(
    modulus: Voxels,
    spacing: tuple[float, float, float],
    load: Callable[[float], LoadCase],
    *,
    tissue: Tissue | None = None,
    step: float = 0.001,
    largest: float = 0.03,
    compressive: bool = True,
    poisson: float = 0.3,
    rtol: float = 1e-5,
    max_iterations: int = 300,
) -> YieldCurve:
    """The apparent curve of a specimen up to its 0.2 % offset yield.

    `modulus` in MPa per voxel, `load` a load case for an apparent strain, e.g. `loads.platens`; `step` and `largest`
    apparent strains. Each point repeats linear solves until softening changes the force by less than 0.1 %. Raises
    `UserError` when the curve has not met the line at `largest`.
    """
    tissue, sign = tissue or Tissue(), -1.0 if compressive else 1.0
    options = {"poisson": poisson, "rtol": rtol, "energy_tol": rtol, "max_iterations": max_iterations}
    elastic = solve(modulus, spacing, load(sign * step), **options)
    state = _State(
        np.asarray(modulus, np.float64), spacing, tissue, np.zeros(np.shape(modulus)), elastic, 1, elastic.converged
    )
    slope = abs(elastic.reaction_force) / step
    strains, forces, shares = [0.0], [0.0], [0.0]
    while forces[-1] > slope * (strains[-1] - OFFSET):
        if strains[-1] >= largest:
            raise UserError(f"the specimen has not yielded at an apparent strain of {largest:g}; allow a larger strain")
        strains.append(strains[-1] + step)
        state = _iterate_softening(state, load(sign * strains[-1]), options)
        forces.append(abs(state.solution.reaction_force))
        shares.append(state.share)
    above = [f - slope * (e - OFFSET) for e, f in zip(strains[-2:], forces[-2:], strict=True)]
    part = above[0] / (above[0] - above[1])
    return YieldCurve(
        strain=sign * np.array(strains),
        force=sign * np.array(forces),
        yielded=np.array(shares),
        failure_load=sign * _interpolate(forces, part),
        failure_strain=sign * _interpolate(strains, part),
        damage=np.where(state.modulus > 0, 1 - tissue.secant(state.ratio), 0.0),
        solves=state.solves,
        converged=state.converged,
        elastic=elastic,
    )


def _interpolate(values: list[float], part: float) -> float:
    return values[-2] + part * (values[-1] - values[-2])


@dataclasses.dataclass(frozen=True)
class _State:
    modulus: Voxels
    spacing: tuple[float, float, float]
    tissue: Tissue
    ratio: Voxels
    solution: Solution
    solves: int
    converged: bool

    @property
    def share(self) -> float:
        """Part of the bone beyond its yield strain."""
        return float(self.modulus[self.ratio > 1].sum() / self.modulus.sum())


def _iterate_softening(state: _State, load: LoadCase, options: dict) -> _State:
    """The state under a load, once softening no longer changes the force."""
    solution, ratio, before, solves, settled = state.solution, state.ratio, 0.0, state.solves, False
    converged = state.converged
    while not settled and solves - state.solves < MOST_UPDATES:
        softened = (state.modulus * state.tissue.secant(ratio)).astype(np.float32)
        solution = solve(softened, state.spacing, load, start=solution, **options)
        converged, solves = converged and solution.converged, solves + 1
        ratio = np.maximum(ratio, _ratio(solution, state.tissue))
        settled = abs(solution.reaction_force - before) < FORCE_TOLERANCE * abs(solution.reaction_force)
        before = solution.reaction_force
    return dataclasses.replace(state, ratio=ratio, solution=solution, solves=solves, converged=converged and settled)


def _ratio(solution: Solution, tissue: Tissue) -> Voxels:
    """Principal strains at the centroids over those at yield, the larger of the two; 0 in void."""
    strain = fields.strain(solution)
    tensor = strain[:, [0, 5, 4, 5, 1, 3, 4, 3, 2]].reshape(-1, 3, 3) * np.where(np.eye(3), 1.0, 0.5)
    principal = np.linalg.eigvalsh(tensor)
    ratio = np.maximum(principal[:, 2] / tissue.tension, -principal[:, 0] / tissue.compression)
    return fields.to_grid(solution.mesh, ratio)
