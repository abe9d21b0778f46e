"""`trabfem solve`: one linear elastic solve of a specimen."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from trabfem.cli.common import Common, Outcome, Scan, claim_file
from trabfem.device import give_back_freed_memory, use_device
from trabfem.errors import UserError

if TYPE_CHECKING:
    from trabfem.analysis.solve import BoneSolution


def solve(
    specimen: str,
    /,
    *,
    load: str = "platens",
    strain: float | None = None,
    displacement: float | None = None,
    youngs: float | None = None,
    poisson: float | None = None,
    profile: str | None = None,
    rtol: float = 1e-6,
    max_iterations: int = 300,
    depth: float = 0.0,
    out: Path | None = None,
    field: str | None = None,
    scan: Scan = Scan(),
    common: Common = Common(),
) -> Outcome:
    """Solve one load case and print the stiffness with its error.

    Example: `trabfem solve scan.nii.gz --load uniaxial --strain -0.01 --out fields.vti`

    Parameters
    ----------
    specimen
        A file (AIM, ISQ, NIfTI, MHA, NRRD, DICOM, TIFF, VTK, npz, a hexahedral mesh ...), a folder of slices, or the
        name of a shipped specimen.
    load
        uniaxial: both faces free sideways; platens: both held; fixed-base: bottom held, top free sideways; confined:
        walls on the four sides; shear-yz, shear-zx, shear-xy: bonded plates; symmetric-shear-yz, symmetric-shear-zx,
        symmetric-shear-xy: two pairs of faces turned by half the angle each; bending-x, bending-y, torsion: end faces
        turned; kubc-, pmubc- or direct- followed by xx, yy, zz, yz, zx or xy: the cases of `trabfem homogenize`.
    strain
        Apparent strain, negative in compression; engineering strain in shear, that of the outermost fibre in bending
        and torsion; -0.01 if --displacement is not given either.
    displacement
        Displacement of the top face (of its outermost fibre where it turns) in mm, in place of --strain.
    youngs
        Young's modulus of the tissue in MPa; 6829 if left out.
    poisson
        Poisson's ratio of the tissue; 0.3 if left out.
    profile
        xtremect1 or xtremect2: modulus and Poisson's ratio as they were calibrated together for that scanner.
    rtol
        Tolerance on the true relative residual.
    max_iterations
        Where to give up; what there is then is printed all the same, with exit code 3.
    depth
        How far (mm) below the plane of a loaded face its outermost nodes may lie and still belong to it.
    out
        Also write displacement, strain, stress, von Mises stress, energy density and effective strain to this new file:
        .vti (the voxel grid), .vtu (the hexahedra of bone) or .npz hold all, .nii.gz .mha .nrrd one --field on the
        voxels of the scan.
    field
        Which field an image file holds: sed (if left out), displacement, strain, stress, von_mises, ees or modulus.
    """
    from trabfem.analysis.files import check_fields_path
    from trabfem.analysis.solve import solve as solve_bone
    from trabfem.mechanics import loads

    device = use_device(common.device)
    give_back_freed_memory()
    if out is not None:
        claim_file(check_fields_path(out, field)[0])
    elif field is not None:
        raise UserError(f"--field {field}: no fields are written; give --out as well, or leave it out")
    case = loads.by_name(load, strain=strain, displacement=displacement, depth=depth)
    found = solve_bone(
        specimen,
        case,
        youngs=youngs,
        poisson=poisson,
        profile=profile,
        rtol=rtol,
        max_iterations=max_iterations,
        **scan.reading(common),
    )
    tissue = {"youngs_MPa": found.youngs, "poisson": found.solution.mesh.poisson}
    result = found.as_dict() | tissue | {"load": load, "rtol": rtol, "device": device}
    if out is not None:
        result |= {"fields": found.save(out, field)}
    return Outcome(found.title, rows(result), result, common.json, found.bone.notes, trouble(found, rtol))


def rows(result: Mapping[str, Any]) -> list[tuple[str, str]]:
    """The same for people."""
    turned = [("moment", f"{result['moment_N_mm']:.6g} N mm")] if "moment_N_mm" in result else []
    return [
        *turned,
        ("force", f"{result['reaction_force_N']:.6g} N"),
        ("stiffness", f"{result['stiffness_N_per_mm']:.6g} N/mm"),
        ("apparent modulus", f"{result['apparent_modulus_MPa']:.6g} MPa"),
        ("solver error", describe_error(result["energy_error"])),
        ("mean energy density", f"{result['sed_mean_MPa']:.4g} MPa at centroids"),
        ("BV/TV", f"{result['BV/TV']:.4f}"),
        ("size", f"{result['num_elements']} elements, {result['num_dofs']} unknowns"),
        ("solver", f"{result['iterations']} iterations, true relative residual {result['relative_residual']:.1e}"),
        ("time", f"set-up {result['setup_s']:.2f} s, solve {result['solve_s']:.2f} s on {result['device']}"),
        *([("fields", str(result["fields"]))] if "fields" in result else []),
    ]


def describe_error(energy_error: float) -> str:
    """How far the solver is from the exact solution of its equations, and what that leaves out."""
    return f"{100 * energy_error:.1g} % of these; it says nothing of scan, voxels, tissue or criterion"


def trouble(found: "BoneSolution", rtol: float) -> str:
    """Empty for a converged solve, otherwise the sentence that goes with exit code 3."""
    return f"{found.trouble} (--rtol {rtol:g}, --max-iterations)" if found.trouble else ""
