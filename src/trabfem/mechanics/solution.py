"""The solution of a load case: displacements, and quantities that follow from their energy."""

import dataclasses

import jax
import numpy as np
from jaxtyping import Array, Float

from .levels import Hierarchy, collect_lengths
from .loads import ForcePlate, Load, LoadCase
from .mesh import HexMesh, Lengths


@dataclasses.dataclass(frozen=True)
class Solution:
    """The solution of one load case.

    Force and stiffness come from the energy, $F = 2U/\\delta$, which is far more accurate than summed reactions at the
    same residual. Signs: compression is negative.
    """

    mesh: HexMesh
    load: Load
    displacement: Float[Array, "nodes 3"] | Float[np.ndarray, "nodes 3"]
    """mm, float64; one row for every node of the mesh, 0 for idle nodes.

    An array of JAX, which stays on the device until `numpy.asarray` reads it; an array of NumPy will do as well. JAX
    computes with it in single precision unless `jax.enable_x64` is on.
    """
    reaction_force: float
    """Force on the loaded face along its displacement, N: axial, or lateral in shear, or moment over radius."""
    stiffness: float
    """N/mm."""
    apparent_modulus: float
    """MPa, over the full cross-section of the volume; a shear modulus for shear and torsion."""
    energy: float
    """Elastic energy, N mm."""
    iterations: int
    fine_applications: int
    relative_residual: float
    """True residual in float64 over the forces that the prescribed displacements cause at the free nodes."""
    energy_error: float
    """Estimated relative error of energy, force and modulus."""
    converged: bool
    setup_s: float
    solve_s: float
    lengths: Lengths = dataclasses.field(repr=False)
    """Array lengths of the mesh and the hierarchy, for a later solve that starts from this solution."""
    levels: Hierarchy = dataclasses.field(repr=False)
    """The hierarchy, for further load cases of the same mesh."""

    @property
    def case(self) -> LoadCase:
        """The load case whose displacements are prescribed, also for a load given by its force."""
        return self.load.case if isinstance(self.load, ForcePlate) else self.load

    @property
    def message(self) -> str:
        """A sentence on convergence, with a remedy if it failed."""
        if self.converged:
            return f"converged in {self.iterations} iterations"
        return (
            f"not converged after {self.iterations} iterations: relative residual {self.relative_residual:.1e}, "
            f"energy error {self.energy_error:.1e}; allow more iterations or check for pieces that hang by an edge"
        )


def make_solution(mesh, load, case, levels, outcome, cycle, setup_s, solve_s) -> Solution:
    """The solution made of the outcome of the iteration and its load case."""
    travel = case.travel(mesh.shape, mesh.spacing)
    # In one transfer, because each one waits for the device.
    facts = jax.device_get({name: value for name, value in vars(outcome).items() if name != "displacement"})
    energy = float(facts["energy"])
    force = 2 * energy / travel
    scale = load.force / force if isinstance(load, ForcePlate) and force else 1.0
    slenderness = case.length(mesh.shape, mesh.spacing) / case.section(mesh.shape, mesh.spacing)
    iterations = int(facts["iterations"])
    return Solution(
        mesh=mesh,
        load=load,
        displacement=outcome.displacement if scale == 1 else _scale(outcome.displacement, scale),
        reaction_force=scale * force,
        stiffness=force / travel,
        apparent_modulus=force / travel * slenderness,
        energy=scale**2 * energy,
        iterations=iterations,
        fine_applications=iterations * (cycle.fine_applications + 1) + int(facts["residual_evaluations"]) + 1,
        relative_residual=float(facts["relative_residual"]),
        energy_error=float(facts["energy_error"]),
        converged=bool(facts["converged"]),
        setup_s=setup_s,
        solve_s=solve_s,
        lengths=collect_lengths(levels) if levels else mesh.lengths,
        levels=levels,
    )


@jax.jit
def _scale(field: Float[Array, "nodes 3"], factor: float | Float[Array, ""]) -> Float[Array, "nodes 3"]:
    return factor * field
