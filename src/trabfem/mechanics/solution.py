"""The solution of a load case: displacements, and quantities that follow from their energy."""

import dataclasses

import numpy as np
from jaxtyping import Float

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
    displacement: Float[np.ndarray, "nodes 3"]
    """mm, float64; one row for every node of the mesh, 0 for idle nodes."""
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
    energy = float(outcome.energy)
    force = 2 * energy / travel
    scale = load.force / force if isinstance(load, ForcePlate) and force else 1.0
    slenderness = case.length(mesh.shape, mesh.spacing) / case.section(mesh.shape, mesh.spacing)
    iterations, displacement = int(outcome.iterations), np.asarray(outcome.displacement)
    return Solution(
        mesh=mesh,
        load=load,
        displacement=displacement if scale == 1 else scale * displacement,
        reaction_force=scale * force,
        stiffness=force / travel,
        apparent_modulus=force / travel * slenderness,
        energy=scale**2 * energy,
        iterations=iterations,
        fine_applications=iterations * (cycle.fine_applications + 1) + int(outcome.residual_evaluations) + 1,
        relative_residual=float(outcome.relative_residual),
        energy_error=float(outcome.energy_error),
        converged=bool(outcome.converged),
        setup_s=setup_s,
        solve_s=solve_s,
        lengths=collect_lengths(levels) if levels else mesh.lengths,
        levels=levels,
    )
