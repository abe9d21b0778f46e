"""`trabfem homogenize`: the apparent stiffness of a specimen in all directions."""

from collections.abc import Mapping
from typing import Any, Literal

import numpy as np

from trabfem.cli.common import Common, Outcome, Scan
from trabfem.cli.solve import describe_error
from trabfem.device import give_back_freed_memory, use_device

MODULI = ("Exx", "Eyy", "Ezz", "Gyz", "Gzx", "Gxy")


def homogenize(
    specimen: str,
    /,
    *,
    bc: Literal["kubc", "pmubc", "periodic", "direct"] = "kubc",
    youngs: float | None = None,
    poisson: float | None = None,
    profile: str | None = None,
    rtol: float = 1e-6,
    max_iterations: int = 300,
    scan: Scan = Scan(),
    common: Common = Common(),
) -> Outcome:
    """Apparent 6x6 stiffness, engineering constants, and the frame that comes closest to orthotropic.

    Example: `trabfem homogenize vertebra_64 --bc pmubc`

    Parameters
    ----------
    specimen
        A file (AIM, ISQ, NIfTI, MHA, NRRD, DICOM, TIFF, VTK, npz, a hexahedral mesh ...), a folder of slices, or the
        name of a shipped specimen.
    bc
        kubc: uniform displacement on all faces, an upper bound; pmubc: mixed uniform conditions; periodic: the specimen
        and its mirror images repeated; direct: the confined and symmetric shear tests of FAIM's n88directmechanics.
    youngs
        Young's modulus of the tissue in MPa; 6829 if left out.
    poisson
        Poisson's ratio of the tissue; 0.3 if left out.
    profile
        xtremect1 or xtremect2: modulus and Poisson's ratio as they were calibrated together for that scanner.
    rtol
        Tolerance on the true relative residual of each of the six load cases.
    max_iterations
        Where to give up; what there is then is printed all the same, with exit code 3.
    """
    from trabfem.analysis.homogenize import homogenize as homogenize_bone

    use_device(common.device)
    give_back_freed_memory()
    found = homogenize_bone(
        specimen,
        bc,
        youngs=youngs,
        poisson=poisson,
        profile=profile,
        rtol=rtol,
        max_iterations=max_iterations,
        **scan.reading(common),
    )
    tissue = {"youngs_MPa": found.youngs, "poisson": found.found.solutions[0].mesh.poisson}
    result = found.as_dict() | tissue | {"rtol": rtol}
    late = ", ".join(found.unconverged)
    trouble = f"not converged: {late} (--rtol {rtol:g}, --max-iterations)" if late else ""
    return Outcome(found.title, rows(result), result, common.json, found.bone.notes, trouble)


def rows(result: Mapping[str, Any]) -> list[tuple[str, str]]:
    """The same for people."""
    stiffness, best = np.asarray(result["stiffness_MPa"]), result["best_orthotropic"]
    named = _name_rows(stiffness)
    lines = [("stiffness, MPa", " ".join(f"{name:>10s}" for name, _ in named))]
    lines += [(f"  stress {name}", " ".join(f"{value:10.2f}" for value in row)) for name, row in named]
    for label, constants_ in (("specimen frame", result), ("best orthotropic frame", best)):
        moduli = constants_["engineering_constants"]
        lines.append((label, ", ".join(f"{name} {moduli[name]:.5g}" for name in MODULI) + " MPa"))
    axes = "; ".join(" ".join(f"{value:.3f}" for value in axis) for axis in np.asarray(best["axes"]))
    return [
        *lines,
        ("solver error", describe_error(max(result["energy_error"]))),
        ("best axes", f"{axes} (off-orthotropic {result['off_orthotropic']:.2g} → {best['off_orthotropic']:.2g})"),
        ("asymmetry left out", f"{100 * result['asymmetry']:.2g} %"),
        ("BV/TV", f"{result['BV/TV']:.4f}"),
        ("size", f"{result['num_elements']} elements, {result['num_dofs']} unknowns, six load cases"),
        ("solver", f"{max(result['iterations'])} iterations, residual {max(result['relative_residual']):.1e} at most"),
        ("time", f"set-up {result['setup_s']:.2f} s, solve {result['solve_s']:.2f} s on {result['device']}"),
    ]


def _name_rows(stiffness: np.ndarray) -> list[tuple[str, np.ndarray]]:
    from trabfem.mechanics.loads import STRAINS

    return list(zip(STRAINS, stiffness, strict=True))
