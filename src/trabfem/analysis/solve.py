"""One linear elastic solve of a bone: how stiff it is under a load, and the fields inside."""

import functools
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Unpack

import numpy as np

from trabfem.analysis.fields import Fields
from trabfem.analysis.files import write_fields
from trabfem.analysis.report import PRECISION, Report, Row
from trabfem.device import device_name
from trabfem.errors import UserError
from trabfem.mechanics import fields
from trabfem.mechanics.loads import ForcePlate, Load, LoadCase, Turn, platens
from trabfem.mechanics.mesh import count_unknowns
from trabfem.mechanics.solution import Solution
from trabfem.mechanics.solve import solve as solve_mechanics
from trabfem.memory import need_of_solve, require_memory
from trabfem.specimen import Bone, MoreReading, Reading, Specimen, as_specimen, keep_load_path, tissue_moduli
from trabfem.specimen.materials import SMALLEST_FILL, Profile, choose_tissue

COMPRESSION = platens(-0.01)
"""One per cent between bonded plates."""
LARGEST_STRAIN = 0.1
"""Of the whole. Beyond it a strain is most likely meant in per cent, and linear elasticity means nothing anyway."""


@dataclass(frozen=True, repr=False)
class BoneSolution(Report):
    """A bone under a load. Compression is negative; errors are the solver's, not those of the scan or the tissue."""

    bone: Specimen
    solution: Solution
    """Displacements, mesh and hierarchy, for what is not here."""
    youngs: float
    """Young's modulus of the tissue, MPa; the largest where voxels have their own."""
    device: str

    @property
    def force(self) -> float:
        """On the loaded face along its travel, N."""
        return self.solution.reaction_force

    @property
    def stiffness(self) -> float:
        """Force over travel, N/mm."""
        return self.solution.stiffness

    @property
    def apparent_modulus(self) -> float:
        """Stress over strain of the whole block, MPa; a shear modulus where the load is shear or torsion."""
        return self.solution.apparent_modulus

    @property
    def energy(self) -> float:
        """Elastic energy, N mm."""
        return self.solution.energy

    @property
    def moment(self) -> float | None:
        """Moment on the loaded face where it turns, N mm, otherwise None."""
        mesh, motion = self.solution.mesh, self.solution.case.motion
        if not isinstance(motion, Turn):
            return None
        width, breadth, height = (n * h for n, h in zip(mesh.shape, mesh.spacing, strict=True))
        return self.force * motion.radius((width, breadth, height))

    @property
    def energy_error(self) -> float:
        """Estimated relative error of energy, force, stiffness and modulus."""
        return self.solution.energy_error

    @property
    def relative_residual(self) -> float:
        """True residual in float64 over the load."""
        return self.solution.relative_residual

    @property
    def converged(self) -> bool:
        """Whether residual and energy error are under their tolerances."""
        return bool(self.solution.converged)

    @functools.cached_property
    def _centroid_energies(self) -> tuple[float, int]:
        """Sum of the centroid energy densities, and over how many voxels."""
        density = fields.energy_density(self.solution, where="centroid")
        return float(density.sum()), int(np.count_nonzero(density))

    @property
    def sed_mean(self) -> float:
        """Mean energy density at the centroids, MPa: the convention of FAIM and ParOSol."""
        total, count = self._centroid_energies
        return total / max(count, 1)

    @property
    def sed_mean_gauss(self) -> float:
        """Mean energy density over the Gauss points, MPa: the energy over the bone's volume."""
        return self.energy / (float(self._centroid_energies[1]) * float(np.prod(self.bone.spacing)))

    def fields(self) -> Fields:
        """Displacement, strain, stress, von Mises stress, energy density and effective strain on the voxel grid."""
        return Fields(self.solution, self.bone)

    def save(self, path: str | Path, field: str | None = None) -> Path:
        """Write fields to a new file in the place of the scan; .csv has the table.

        .vti (the grid), .vtu (the bone's hexahedra) and .npz hold all fields. .nii.gz, .mha and .nrrd hold one `field`
        on the voxels of the whole scan, the strain energy density if left out.
        """
        if Path(path).suffix.lower() == ".csv":
            return super().save(path)
        return write_fields(self.fields(), self.solution.mesh, path, field)

    @property
    def title(self) -> str:
        return f"{self.bone.name}, {self.solution.case.name}"

    @property
    def trouble(self) -> str:
        return "" if self.converged else f"the solve has {self.solution.message}"

    @property
    def rows(self) -> tuple[Row, ...]:
        def row(name: str, value: float, unit: str, meaning: str) -> Row:
            return (name, value, abs(value) * self.energy_error, unit, meaning)

        turned = [] if self.moment is None else [row("moment", self.moment, "N mm", "on the face that turns")]
        return (
            *turned,
            row("force", self.force, "N", "on the loaded face along its travel"),
            row("stiffness", self.stiffness, "N/mm", "force over travel"),
            row("apparent modulus", self.apparent_modulus, "MPa", "stress over strain of the whole block"),
            row("energy", self.energy, "N mm", "elastic energy"),
            ("mean SED", self.sed_mean, None, "MPa", "mean strain energy density at the centroids of bone voxels"),
            ("BV/TV", self.bone.bvtv, None, "", "bone volume fraction of the analysed block"),
            ("residual", self.relative_residual, None, "", "true relative residual of the equations"),
        )

    def as_dict(self) -> dict[str, Any]:
        """Size, cost, error and results in plain values, by the names of the command line's JSON."""
        solution, bone = self.solution, self.bone
        return ({} if self.moment is None else {"moment_N_mm": self.moment}) | {
            "specimen": bone.name,
            "shape": bone.shape,
            "spacing_mm": bone.spacing,
            "BV/TV": bone.bvtv,
            "num_elements": solution.mesh.num_elements,
            "num_nodes": solution.mesh.num_nodes,
            "num_dofs": 3 * solution.mesh.num_nodes,
            "converged": self.converged,
            "iterations": solution.iterations,
            "fine_applications": solution.fine_applications,
            "relative_residual": solution.relative_residual,
            "energy_error": solution.energy_error,
            "setup_s": solution.setup_s,
            "solve_s": solution.solve_s,
            "device": self.device,
            "precision": PRECISION,
            "reaction_force_N": solution.reaction_force,
            "stiffness_N_per_mm": solution.stiffness,
            "apparent_modulus_MPa": solution.apparent_modulus,
            "energy_N_mm": solution.energy,
            "sed_mean_MPa": self.sed_mean,
            "sed_mean_gauss_MPa": self.sed_mean_gauss,
            "notes": bone.notes,
        }


def solve(
    bone: Bone,
    load: Load = COMPRESSION,
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
) -> BoneSolution:
    r"""Displacements of a bone under a load, from $\nabla\cdot\sigma = 0$ on trilinear voxels of isotropic tissue.

    - `bone`: a specimen, a file or shipped name, or an array (x, y, z) with `spacing` in mm
    - `load`: such as `platens(strain=-0.01)` or `ForcePlate(-100)`
    - `youngs`: of the tissue, MPa, 6829 if left out; a partly filled voxel has its share of it. A specimen with a
      `modulus` of its own in every voxel has that instead
    - `poisson`: Poisson's ratio of the tissue, 0.3 if left out
    - `profile`: the two as calibrated for a scanner, "xtremect1" or "xtremect2"
    - `rtol`: tolerance on the true relative residual; the energy error stays under 1e-6
    - `spacing`, `threshold`, `crop`, `more`: how to read the bone, see `specimen.Reading`; mechanics take all of the
      bone, with Young's modulus of each voxel where it has `moduli`, and with `youngs` for all where not
    - `clean`: first remove bone that does not join both end faces along z; a note says how much

    A solve that stops at `max_iterations` returns what it has, and `converged` and the notes say so.

    **Raises:** `UserError` for a bone or a value that no solve can use, and for a load that strains the whole by more
    than 10 %.
    """
    tissue, poisson = choose_tissue(profile, youngs, poisson)
    check_solver_options(tissue, poisson, rtol, max_iterations)
    check_strain(load)
    specimen = prepare(bone, clean, spacing=spacing, threshold=threshold, crop=crop, **more)
    check_one_modulus(specimen, youngs, profile)
    check_displacement(load, specimen)
    require_memory_for(specimen)
    modulus = tissue_moduli(specimen, tissue)
    options: dict[str, Any] = {"poisson": poisson, "rtol": rtol, "max_iterations": max_iterations}
    found = solve_mechanics(modulus, specimen.spacing, load, **options)
    check_force(load, found, specimen)
    return BoneSolution(specimen, found, largest_modulus(specimen, tissue), device_name())


def require_memory_for(specimen: Specimen, solutions: int = 1) -> None:
    """Raise `UserError` where the solve of a specimen, with so many solutions kept, does not fit in memory."""
    unknowns = count_unknowns(specimen.fill >= SMALLEST_FILL)
    require_memory(need_of_solve(unknowns, specimen.fill.size, solutions=solutions))


def prepare(bone: Bone, clean: bool, **reading: Unpack[Reading]) -> Specimen:
    """The specimen that `bone` stands for, with `clean` only what can carry load along z."""
    specimen = as_specimen(bone, **reading)
    return keep_load_path(specimen) if clean else specimen


def check_strain(load: Load) -> None:
    """Raise `UserError` for a strain beyond what linear elasticity can mean, most likely a percentage."""
    if isinstance(load, LoadCase) and load.strain is not None and abs(load.strain) > LARGEST_STRAIN:
        raise UserError(
            f"strain = {load.strain:g}: strain is a fraction, 0.01 for 1 %, and elasticity linear; give at most "
            f"{LARGEST_STRAIN:g} either way"
        )


def check_displacement(load: Load, bone: Specimen) -> None:
    """The same for a displacement, over the height of the bone."""
    if not isinstance(load, LoadCase) or load.displacement is None:
        return
    height = load.length(bone.shape, bone.spacing)
    if abs(load.displacement) > LARGEST_STRAIN * height:
        raise UserError(
            f"displacement = {load.displacement:g}: in mm, that is a strain of {load.displacement / height:.3g} over "
            f"{height:.4g} mm, and elasticity is linear; give at most {LARGEST_STRAIN * height:.3g} either way"
        )


def check_force(load: Load, found: Solution, bone: Specimen) -> None:
    """The same for a force, once the stiffness is known."""
    if not isinstance(load, ForcePlate) or not found.stiffness:
        return
    height = load.case.length(bone.shape, bone.spacing)
    strain = load.force / (found.stiffness * height)
    if found.converged and abs(strain) > LARGEST_STRAIN:
        most = LARGEST_STRAIN * abs(found.stiffness) * height
        raise UserError(
            f"force = {load.force:g}: in N, that is a strain of {strain:.3g} of this bone, and elasticity is linear; "
            f"give at most {most:.3g} either way"
        )


def check_one_modulus(bone: Specimen, youngs: float | None, profile: Any = None) -> None:
    """Raise `UserError` for a modulus or a profile beside a bone whose voxels have their own."""
    if bone.modulus is not None and profile is not None:
        name = getattr(profile, "name", profile)
        raise UserError(
            f"profile = {name}: its criterion belongs to its modulus, and every voxel of {bone.name} has a modulus of "
            "its own; leave one of them out"
        )
    if bone.modulus is not None and youngs is not None:
        raise UserError(f"youngs = {youngs:g}: every voxel of {bone.name} has a modulus of its own; leave it out")


def largest_modulus(bone: Specimen, youngs: float) -> float:
    """Young's modulus of the stiffest bone, MPa: `youngs` where there is one tissue."""
    return youngs if bone.modulus is None else float(bone.modulus[bone.fill >= SMALLEST_FILL].max())


def check_solver_options(youngs: float, poisson: float, rtol: float, max_iterations: int) -> None:
    """Raise `UserError` for values that no solve can use."""
    if not (math.isfinite(youngs) and youngs > 0):
        raise UserError(f"youngs = {youngs:g}: give a positive modulus in MPa")
    if not -1 < poisson < 0.5:
        raise UserError(f"poisson = {poisson:g}: give a value above -1 and below 0.5")
    if not 0 < rtol < 1:
        raise UserError(f"rtol = {rtol:g}: give a value between 0 and 1, such as 1e-6")
    if max_iterations < 1:
        raise UserError(f"max_iterations = {max_iterations}: give at least 1")
