"""The apparent stiffness of a bone in all directions."""

import functools
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, Unpack

import numpy as np
from jaxtyping import Float

from trabfem import tables
from trabfem.analysis.report import PRECISION, Report, Row
from trabfem.analysis.solve import (
    check_one_modulus,
    check_solver_options,
    largest_modulus,
    prepare,
    require_memory_for,
)
from trabfem.device import device_name
from trabfem.mechanics.homogenize import (
    STRAINS,
    Homogenized,
    apparent_stiffness,
    engineering_constants,
    find_orthotropic_frame,
    orthotropic_misfit,
)
from trabfem.specimen import Bone, MoreReading, Specimen, tissue_moduli
from trabfem.specimen.materials import Profile, choose_tissue

if TYPE_CHECKING:
    import pandas

Boundary = Literal["kubc", "pmubc", "periodic", "direct"]
Matrix = Float[np.ndarray, "6 6"]


@dataclass(frozen=True, repr=False)
class ApparentStiffness(Report):
    """Stiffness that relates mean stress to mean strain, order xx yy zz yz zx xy, engineering shear strains."""

    bone: Specimen
    found: Homogenized
    """With the solutions of the six load cases."""
    youngs: float
    """Young's modulus of the tissue, MPa; the largest where voxels have their own."""
    device: str

    @property
    def stiffness(self) -> Matrix:
        """MPa, symmetric."""
        return self.found.stiffness

    @property
    def engineering_constants(self) -> dict[str, float]:
        """Young's and shear moduli (MPa) and Poisson's ratios along the axes of the scan."""
        return engineering_constants(self.stiffness)

    @functools.cached_property
    def _best(self) -> tuple[Float[np.ndarray, "3 3"], Matrix]:
        return find_orthotropic_frame(self.stiffness)

    @property
    def best_axes(self) -> Float[np.ndarray, "3 3"]:
        """The frame, axes in rows, in which the stiffness comes closest to orthotropic, stiffest axis first."""
        return self._best[0]

    @property
    def best_stiffness(self) -> Matrix:
        """The stiffness in that frame, MPa."""
        return self._best[1]

    @property
    def best_constants(self) -> dict[str, float]:
        """Engineering constants in that frame."""
        return engineering_constants(self.best_stiffness)

    @property
    def energy_error(self) -> float:
        """Largest estimated relative error of the six energies."""
        return max(case.energy_error for case in self.found.solutions)

    @property
    def converged(self) -> bool:
        """Whether all six cases converged."""
        return self.found.converged

    @property
    def unconverged(self) -> tuple[str, ...]:
        """The load cases that did not converge."""
        return tuple(case.case.name for case in self.found.solutions if not case.converged)

    @property
    def title(self) -> str:
        return f"Apparent stiffness of {self.bone.name}, {self.found.boundary}"

    @property
    def trouble(self) -> str:
        return "" if self.converged else f"not converged: {', '.join(self.unconverged)}; allow more iterations"

    @property
    def rows(self) -> tuple[Row, ...]:
        frames = (("in the frame of the scan", self.engineering_constants), ("in the best frame", self.best_constants))
        moduli = tuple(
            (name, value, abs(value) * self.energy_error, "MPa", f"{'shear' if name[0] == 'G' else 'Young'} {frame}")
            for frame, constants_ in frames
            for name, value in constants_.items()
            if not name.startswith("nu")
        )
        return (
            *moduli,
            ("off-orthotropic", orthotropic_misfit(self.best_stiffness), None, "", "left over in the best frame"),
            ("asymmetry", self.found.asymmetry, None, "", "antisymmetric part that was left out, relative"),
            ("BV/TV", self.bone.bvtv, None, "", "bone volume fraction of the analysed block"),
        )

    def to_pandas(self) -> "pandas.DataFrame":
        """The stiffness in MPa as a data frame with strains as columns and stresses as rows."""
        data = tables.frame({name: self.stiffness[:, n].tolist() for n, name in enumerate(STRAINS)})
        return data.set_axis(list(STRAINS), axis=0)

    def as_dict(self) -> dict[str, Any]:
        """Stiffness, what follows from it, and the cost and error of the six cases, by the command line's names."""
        cases, bone = self.found.solutions, self.bone
        mesh = cases[0].mesh
        return {
            "specimen": bone.name,
            "shape": bone.shape,
            "spacing_mm": bone.spacing,
            "BV/TV": bone.bvtv,
            "bc": self.found.boundary,
            "device": self.device,
            "precision": PRECISION,
            "order": STRAINS,
            "stiffness_MPa": self.stiffness,
            "asymmetry": self.found.asymmetry,
            "engineering_constants": self.engineering_constants,
            "off_orthotropic": orthotropic_misfit(self.stiffness),
            "best_orthotropic": {
                "axes": self.best_axes,
                "stiffness_MPa": self.best_stiffness,
                "off_orthotropic": orthotropic_misfit(self.best_stiffness),
                "engineering_constants": self.best_constants,
            },
            "num_elements": mesh.num_elements,
            "num_nodes": mesh.num_nodes,
            "num_dofs": 3 * mesh.num_nodes,
            "converged": self.converged,
            "iterations": [case.iterations for case in cases],
            "fine_applications": [case.fine_applications for case in cases],
            "relative_residual": [case.relative_residual for case in cases],
            "energy_error": [case.energy_error for case in cases],
            "setup_s": sum(case.setup_s for case in cases),
            "solve_s": sum(case.solve_s for case in cases),
            "notes": bone.notes,
        }


def homogenize(
    bone: Bone,
    bc: Boundary = "kubc",
    *,
    youngs: float | None = None,
    poisson: float | None = None,
    profile: Profile | str | None = None,
    rtol: float = 1e-6,
    max_iterations: int = 300,
    spacing: object = None,
    threshold: float | None = None,
    crop: int | None = None,
    clean: bool = True,
    **more: Unpack[MoreReading],
) -> ApparentStiffness:
    """Apparent 6x6 stiffness of a bone by six load cases, its engineering constants, and its best frame.

    `bc` "kubc": uniform displacement on all faces, an upper bound; "pmubc": mixed uniform conditions; "periodic": the
    specimen and its mirror images repeated; "direct": the tests of FAIM's direct mechanics. All else as for
    `solve.solve`; equations and sources stand with `mechanics.homogenize.apparent_stiffness`.

    **Raises:** `UserError` for a bone or a value that cannot be used.
    """
    tissue, poisson = choose_tissue(profile, youngs, poisson)
    check_solver_options(tissue, poisson, rtol, max_iterations)
    specimen = prepare(bone, clean, spacing=spacing, threshold=threshold, crop=crop, **more)
    check_one_modulus(specimen, youngs, profile)
    options: dict[str, Any] = {"poisson": poisson, "rtol": rtol, "max_iterations": max_iterations}
    require_memory_for(specimen, solutions=6)
    found = apparent_stiffness(tissue_moduli(specimen, tissue), specimen.spacing, bc, **options)
    return ApparentStiffness(specimen, found, largest_modulus(specimen, tissue), device_name())
