"""Failure load from a linear solution."""

import dataclasses

import numpy as np
from jaxtyping import Float

from . import fields
from .solution import Solution


@dataclasses.dataclass(frozen=True)
class Criterion:
    """A failure rule: bone breaks when `volume` of its tissue is strained beyond `strain`."""

    name: str
    volume: float
    strain: float
    source: str

    def __str__(self) -> str:
        return f"{self.name}: {100 * self.volume:g} % of the tissue above an effective strain of {self.strain:g}"


PISTOIA_2002 = Criterion("Pistoia 2002", 0.02, 0.007, "Pistoia et al., Bone 30:842 (2002)")


@dataclasses.dataclass(frozen=True)
class FailureLoad:
    """Estimated failure load (N, signed as the reaction), its ratio to the applied load, and the critical `ees`."""

    failure_load: float
    factor: float
    ees: float
    criterion: Criterion
    youngs: float


def pistoia(
    solution: Solution, criterion: Criterion = PISTOIA_2002, share: Float[np.ndarray, "x y z"] | None = None
) -> FailureLoad:
    r"""Failure load by the critical-volume rule.

    $$\text{EES} = \sqrt{2U/E}, \qquad F_\text{fail} = F\,\frac{\varepsilon_c}{\text{EES}_{(1-v)}}$$

    with the energy density $U$ at the centroid, the modulus $E$ of the voxel and $\text{EES}_{(1-v)}$ the effective
    strain exceeded in a fraction $v$ of the tissue volume. A partly filled voxel counts with its share of tissue, and
    its effective strain is that of the tissue in it. `share`: how much of every voxel is tissue; if left out there is
    one tissue, and the share is the voxel's modulus over the largest.
    Source: Pistoia et al., Bone 30:842 (2002).
    """
    mesh = solution.mesh
    modulus = np.asarray(mesh.modulus, np.float64)[: mesh.num_elements]
    youngs = float(modulus.max())
    voxels = tuple(np.asarray(mesh.voxels)[: mesh.num_elements].T)
    weight = modulus / youngs if share is None else np.asarray(share, np.float64)[voxels]
    ees = _find_exceeded(fields.effective_strain(solution), weight, criterion.volume)
    factor = criterion.strain / ees
    return FailureLoad(factor * solution.reaction_force, factor, ees, criterion, youngs)


def tissue_above(weight: Float[np.ndarray, " elements"]) -> Float[np.ndarray, " elements"]:
    """Share of the tissue above each of a sorted list of voxels.

    A voxel is at the middle of its own weight, which differs by half a voxel from the ranks of FAIM and ParOSol.
    """
    return 1 - (np.cumsum(weight) - weight / 2) / weight.sum()


def _find_exceeded(values: np.ndarray, weight: np.ndarray, share: float) -> float:
    """The value that is exceeded in a given share of the total weight."""
    order = np.argsort(values)
    return float(np.interp(-share, -tissue_above(weight[order]), values[order]))
