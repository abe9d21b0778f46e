"""`trabfem solve`: one linear elastic solve of a specimen."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from trabfem import constants
from trabfem.cli.common import Common, Outcome, open_specimen
from trabfem.device import give_back_freed_memory, use_device
from trabfem.errors import UserError

if TYPE_CHECKING:
    from trabfem.mechanics.solve import Solution
    from trabfem.specimen import Specimen

SMALLEST_FILL = 1e-3


def solve(
    specimen: str,
    /,
    *,
    load: str = "platens",
    strain: float | None = None,
    displacement: float | None = None,
    youngs: float = constants.TISSUE_MODULUS.value,
    poisson: float = constants.POISSON_RATIO.value,
    rtol: float = 1e-6,
    max_iterations: int = 300,
    depth: float = 0.0,
    threshold: float | None = None,
    common: Common = Common(),
) -> Outcome:
    """Solve one load case and print the stiffness with its error.

    Parameters
    ----------
    specimen
        A file (npz, npy, TIFF, NIfTI, MHA, NRRD, a hexahedral mesh) or the name of a shipped specimen.
    load
        uniaxial: both faces free sideways; platens: both held; fixed-base: bottom held, top free sideways; confined;
        shear-yz, -zx or -xy (bonded plates); symmetric-shear-yz, ...; bending-x, bending-y, torsion;
        kubc-xx, ... and pmubc-xx, ... of `trabfem homogenize`.
    strain
        Apparent strain, negative in compression; engineering strain in shear, that of the outermost fibre in bending
        and torsion; -0.01 if --displacement is not given either.
    displacement
        Displacement of the top face (of its outermost fibre where it turns) in mm, in place of --strain.
    youngs
        Young's modulus of the tissue in MPa.
    poisson
        Poisson's ratio of the tissue.
    rtol
        Tolerance on the true relative residual.
    max_iterations
        Where to give up; what there is then is printed all the same, with exit code 3.
    depth
        How far (mm) below the plane of a loaded face its outermost nodes may lie and still belong to it.
    threshold
        Gray value from which a voxel is bone; Otsu's if left out.
    """
    device = use_device(common.device)
    give_back_freed_memory()
    bone = open_specimen(specimen, common, threshold)
    solution = solve_bone(bone, load, strain, displacement, youngs, poisson, rtol, max_iterations, depth)
    result = numbers(bone, solution, device) | {"load": load, "youngs_MPa": youngs, "poisson": poisson, "rtol": rtol}
    return Outcome(f"{bone.name}, {load}", rows(result), result, common.json, bone.notes, trouble(solution, rtol))


def solve_bone(
    bone: "Specimen",
    load: str,
    strain: float | None,
    displacement: float | None,
    youngs: float,
    poisson: float,
    rtol: float,
    max_iterations: int,
    depth: float = 0.0,
) -> "Solution":
    """One solve of `bone` with options as they come from the command line."""
    from trabfem.mechanics import loads
    from trabfem.mechanics.solve import solve as solve_mechanics

    if strain is not None and displacement is not None:
        raise UserError("--strain and --displacement say the same thing twice: give one of them")
    check_solver_options(youngs, poisson, rtol, max_iterations)
    for name, value in (("--strain", strain), ("--displacement", displacement)):
        if value is not None and not (np.isfinite(value) and value != 0):
            raise UserError(f"{name} {value:g}: give a number other than 0, negative for compression")
    strain = -0.01 if strain is None and displacement is None else strain
    case = loads.by_name(load, strain=strain, displacement=displacement, depth=depth)
    modulus = tissue_moduli(bone, youngs)
    return solve_mechanics(modulus, bone.spacing, case, poisson=poisson, rtol=rtol, max_iterations=max_iterations)


def check_solver_options(youngs: float, poisson: float, rtol: float, max_iterations: int) -> None:
    """Raise `UserError` for values that no solve can use."""
    if not (np.isfinite(youngs) and youngs > 0):
        raise UserError(f"--youngs {youngs:g}: give a positive modulus in MPa")
    if not -1 < poisson < 0.5:
        raise UserError(f"--poisson {poisson:g}: give a value above -1 and below 0.5")
    if not 0 < rtol < 1:
        raise UserError(f"--rtol {rtol:g}: give a value between 0 and 1, such as 1e-6")
    if max_iterations < 1:
        raise UserError(f"--max-iterations {max_iterations}: give at least 1")


def tissue_moduli(bone: "Specimen", youngs: float) -> np.ndarray:
    """Young's modulus of every voxel, MPa: in proportion to its fill."""
    return youngs * np.where(bone.fill < SMALLEST_FILL, 0.0, bone.fill)


def numbers(bone: "Specimen", solution: "Solution", device: str) -> dict[str, Any]:
    """Size, cost, error and results of a solve, as the JSON contract names them.

    `sed_mean_MPa` is the mean of the centroid values, the convention of FAIM and ParOSol; the mean over Gauss points
    is the energy over the bone's volume.
    """
    from trabfem.mechanics import fields

    energy_density = fields.energy_density(solution, where="centroid")
    bone_volume = float(np.count_nonzero(energy_density)) * float(np.prod(bone.spacing))
    return moment(solution) | {
        "specimen": bone.name,
        "shape": bone.shape,
        "spacing_mm": bone.spacing,
        "BV/TV": bone.bvtv,
        "num_elements": solution.mesh.num_elements,
        "num_nodes": solution.mesh.num_nodes,
        "num_dofs": 3 * solution.mesh.num_nodes,
        "converged": bool(solution.converged),
        "iterations": solution.iterations,
        "fine_applications": solution.fine_applications,
        "relative_residual": solution.relative_residual,
        "energy_error": solution.energy_error,
        "setup_s": solution.setup_s,
        "solve_s": solution.solve_s,
        "device": device,
        "precision": "float32 preconditioner, float64 residual and solution",
        "reaction_force_N": solution.reaction_force,
        "stiffness_N_per_mm": solution.stiffness,
        "apparent_modulus_MPa": solution.apparent_modulus,
        "energy_N_mm": solution.energy,
        "sed_mean_MPa": float(energy_density.sum()) / max(np.count_nonzero(energy_density), 1),
        "sed_mean_gauss_MPa": solution.energy / bone_volume,
        "notes": bone.notes,
    }


def moment(solution: "Solution") -> dict[str, float]:
    """The moment where the loaded face turns, otherwise nothing."""
    from trabfem.mechanics.loads import Turn

    mesh, motion = solution.mesh, solution.case.motion
    if not isinstance(motion, Turn):
        return {}
    width, breadth, height = (n * h for n, h in zip(mesh.shape, mesh.spacing, strict=True))
    return {"moment_N_mm": solution.reaction_force * motion.radius((width, breadth, height))}


def rows(result: Mapping[str, Any]) -> list[tuple[str, str]]:
    """The same for people: each mechanical number with its error beside it."""
    error = f"± {100 * result['energy_error']:.1g} % (solver)"
    turned = [("moment", f"{result['moment_N_mm']:.6g} N mm {error}")] if "moment_N_mm" in result else []
    return [
        *turned,
        ("force", f"{result['reaction_force_N']:.6g} N {error}"),
        ("stiffness", f"{result['stiffness_N_per_mm']:.6g} N/mm {error}"),
        ("apparent modulus", f"{result['apparent_modulus_MPa']:.6g} MPa {error}"),
        ("mean energy density", f"{result['sed_mean_MPa']:.4g} MPa at centroids"),
        ("BV/TV", f"{result['BV/TV']:.4f}"),
        ("size", f"{result['num_elements']} elements, {result['num_dofs']} unknowns"),
        ("solver", f"{result['iterations']} iterations, true relative residual {result['relative_residual']:.1e}"),
        ("time", f"set-up {result['setup_s']:.2f} s, solve {result['solve_s']:.2f} s on {result['device']}"),
    ]


def trouble(solution: "Solution", rtol: float) -> str:
    """Empty for a converged solve, otherwise the sentence that goes with exit code 3."""
    return "" if solution.converged else f"the solve has {solution.message} (--rtol {rtol:g}, --max-iterations)"
