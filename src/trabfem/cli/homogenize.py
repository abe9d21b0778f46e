"""`trabfem homogenize`: the apparent stiffness of a specimen in all directions."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from trabfem import constants
from trabfem.cli.common import Common, Outcome, open_specimen
from trabfem.cli.solve import check_solver_options, tissue_moduli
from trabfem.device import give_back_freed_memory, use_device

if TYPE_CHECKING:
    from trabfem.mechanics.homogenize import Homogenized

MODULI = ("Exx", "Eyy", "Ezz", "Gyz", "Gzx", "Gxy")


def homogenize(
    specimen: str,
    /,
    *,
    bc: Literal["kubc", "pmubc", "periodic", "direct"] = "kubc",
    youngs: float = constants.TISSUE_MODULUS.value,
    poisson: float = constants.POISSON_RATIO.value,
    rtol: float = 1e-6,
    max_iterations: int = 300,
    threshold: float | None = None,
    common: Common = Common(),
) -> Outcome:
    """Apparent 6x6 stiffness, engineering constants, and the frame that comes closest to orthotropic.

    Parameters
    ----------
    specimen
        A file (npz, npy, TIFF, NIfTI, MHA, NRRD, a hexahedral mesh) or the name of a shipped specimen.
    bc
        kubc: uniform displacement on all faces, an upper bound; pmubc: mixed uniform conditions; periodic: the specimen
        and its mirror images repeated; direct: the confined and symmetric shear tests of FAIM's n88directmechanics.
    youngs
        Young's modulus of the tissue in MPa.
    poisson
        Poisson's ratio of the tissue.
    rtol
        Tolerance on the true relative residual of each of the six load cases.
    max_iterations
        Where to give up; what there is then is printed all the same, with exit code 3.
    threshold
        Gray value from which a voxel is bone; Otsu's if left out.
    """
    from trabfem.mechanics.homogenize import apparent_stiffness

    check_solver_options(youngs, poisson, rtol, max_iterations)
    device = use_device(common.device)
    give_back_freed_memory()
    bone = open_specimen(specimen, common, threshold)
    settings: dict[str, Any] = {"poisson": poisson, "rtol": rtol, "max_iterations": max_iterations}
    found = apparent_stiffness(tissue_moduli(bone, youngs), bone.spacing, bc, **settings)
    result = {
        "specimen": bone.name,
        "shape": bone.shape,
        "spacing_mm": bone.spacing,
        "BV/TV": bone.bvtv,
        "bc": bc,
        "youngs_MPa": youngs,
        "poisson": poisson,
        "rtol": rtol,
        "device": device,
        "precision": "float32 preconditioner, float64 residual and solution",
        **numbers(found),
        "notes": bone.notes,
    }
    late = [s.case.name for s in found.solutions if not s.converged]
    trouble = f"not converged: {', '.join(late)} (--rtol {rtol:g}, --max-iterations)" if late else ""
    title = f"Apparent stiffness of {bone.name}, {bc}"
    return Outcome(title, rows(result), result, common.json, bone.notes, trouble)


def numbers(found: "Homogenized") -> dict[str, Any]:
    """Stiffness, what follows from it, and the cost and error of the six cases, as the JSON contract names them."""
    from trabfem.mechanics.homogenize import STRAINS, best_orthotropic, engineering_constants, off_orthotropic

    frame, turned = best_orthotropic(found.stiffness)
    cases = found.solutions
    mesh = cases[0].mesh
    return {
        "order": STRAINS,
        "stiffness_MPa": found.stiffness,
        "asymmetry": found.asymmetry,
        "engineering_constants": engineering_constants(found.stiffness),
        "off_orthotropic": off_orthotropic(found.stiffness),
        "best_orthotropic": {
            "axes": frame,
            "stiffness_MPa": turned,
            "off_orthotropic": off_orthotropic(turned),
            "engineering_constants": engineering_constants(turned),
        },
        "num_elements": mesh.num_elements,
        "num_nodes": mesh.num_nodes,
        "num_dofs": 3 * mesh.num_nodes,
        "converged": found.converged,
        "iterations": [case.iterations for case in cases],
        "fine_applications": [case.fine_applications for case in cases],
        "relative_residual": [case.relative_residual for case in cases],
        "energy_error": [case.energy_error for case in cases],
        "setup_s": sum(case.setup_s for case in cases),
        "solve_s": sum(case.solve_s for case in cases),
    }


def rows(result: Mapping[str, Any]) -> list[tuple[str, str]]:
    """The same for people."""
    stiffness, best = np.asarray(result["stiffness_MPa"]), result["best_orthotropic"]
    lines = [(f"stiffness {name}", " ".join(f"{value:10.2f}" for value in row)) for name, row in _named(stiffness)]
    error = f"± {100 * max(result['energy_error']):.1g} % (solver)"
    for label, constants_ in (("specimen frame", result), ("best orthotropic frame", best)):
        moduli = constants_["engineering_constants"]
        lines.append((label, ", ".join(f"{name} {moduli[name]:.5g}" for name in MODULI) + f" MPa {error}"))
    axes = "; ".join(" ".join(f"{value:.3f}" for value in axis) for axis in np.asarray(best["axes"]))
    return [
        *lines,
        ("best axes", f"{axes} (off-orthotropic {result['off_orthotropic']:.2g} → {best['off_orthotropic']:.2g})"),
        ("asymmetry left out", f"{100 * result['asymmetry']:.2g} %"),
        ("BV/TV", f"{result['BV/TV']:.4f}"),
        ("size", f"{result['num_elements']} elements, {result['num_dofs']} unknowns, six load cases"),
        ("solver", f"{max(result['iterations'])} iterations, residual {max(result['relative_residual']):.1e} at most"),
        ("time", f"set-up {result['setup_s']:.2f} s, solve {result['solve_s']:.2f} s on {result['device']}"),
    ]


def _named(stiffness: np.ndarray) -> list[tuple[str, np.ndarray]]:
    from trabfem.mechanics.homogenize import STRAINS

    return list(zip(STRAINS, stiffness, strict=True))
