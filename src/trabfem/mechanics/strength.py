"""Failure load from a linear solution."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Shaped

from . import fields
from .mesh import HexMesh
from .operator import Field
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


Weights = Float[np.ndarray, " elements"] | Float[Array, " elements"]
Grid = Shaped[np.ndarray, "x y z"] | Shaped[Array, "x y z"]
PISTOIA_2002 = Criterion("Pistoia 2002", 0.02, 0.007, "Pistoia et al., Bone 30:842 (2002)")


@dataclasses.dataclass(frozen=True)
class FailureLoad:
    """Estimated failure load (N, signed as the reaction), its ratio to the applied load, and the critical `ees`."""

    failure_load: float
    factor: float
    ees: float
    criterion: Criterion
    youngs: float


def pistoia(solution: Solution, criterion: Criterion = PISTOIA_2002, share: Grid | None = None) -> FailureLoad:
    r"""Failure load by the critical-volume rule.

    $$\text{EES} = \sqrt{2U/E}, \qquad F_\text{fail} = F\,\frac{\varepsilon_c}{\text{EES}_{(1-v)}}$$

    with the energy density $U$ at the centroid, the modulus $E$ of the voxel and $\text{EES}_{(1-v)}$ the effective
    strain exceeded in a fraction $v$ of the tissue volume. A partly filled voxel counts with its share of tissue, and
    its effective strain is that of the tissue in it. `share`: how much of every voxel is tissue; if left out there is
    one tissue, and the share is the voxel's modulus over the largest.
    Source: Pistoia et al., Bone 30:842 (2002).
    """
    mesh = solution.mesh
    with jax.enable_x64(True):
        found = _find_critical(
            mesh, fields.energy_form(mesh, "centroid"), solution.displacement, share, criterion.volume
        )
        ees, youngs = (float(value) for value in jax.device_get(found))
    factor = criterion.strain / ees
    return FailureLoad(factor * solution.reaction_force, factor, ees, criterion, youngs)


def tissue_above(weight: Weights) -> Weights:
    """Share of the tissue above each of a sorted list of voxels.

    A voxel is at the middle of its own weight, which differs by half a voxel from the ranks of FAIM and ParOSol.
    """
    return 1 - (weight.cumsum() - weight / 2) / weight.sum()


@jax.jit
def _find_critical(
    mesh: HexMesh, form: Float[Array, "24 24"], u: Field, share: Grid | None, volume: float | Float[Array, ""]
) -> tuple[Float[Array, ""], Float[Array, ""]]:
    """The effective strain that is exceeded in a share `volume` of the tissue, and the largest modulus (MPa)."""
    live = jnp.arange(len(mesh.modulus)) < mesh.num_elements
    modulus = jnp.where(live, mesh.modulus, 1).astype(jnp.float64)
    youngs = jnp.where(live, modulus, 0).max()
    strain = jnp.sqrt(2 * fields.element_energy(mesh, form, u) / modulus)
    weight = modulus / youngs
    if share is not None:
        x, y, z = mesh.voxels.astype(jnp.int32).T
        weight = jnp.asarray(share)[x, y, z].astype(jnp.float64)
    # Idle elements come last, with no weight and the largest value, beyond which nothing is interpolated.
    strain = jnp.where(live, strain, jnp.where(live, strain, 0).max())
    strain, weight = jax.lax.sort((strain, jnp.where(live, weight, 0)), num_keys=1)
    return _interpolate(strain, -jnp.asarray(tissue_above(weight)), -volume), youngs


def _interpolate(
    values: Float[Array, " n"], places: Float[Array, " n"], at: Float[Array, ""] | float
) -> Float[Array, ""]:
    """`numpy.interp` of one number among places in ascending order: the first or last value outside."""
    below = jnp.clip((places <= at).sum() - 1, 0, max(len(places) - 2, 0))
    above = jnp.minimum(below + 1, len(places) - 1)
    width = places[above] - places[below]
    part = jnp.clip(jnp.where(width > 0, (at - places[below]) / jnp.where(width > 0, width, 1), 0), 0, 1)
    return values[below] + part * (values[above] - values[below])
