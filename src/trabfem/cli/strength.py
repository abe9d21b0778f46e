"""`trabfem strength`: the load at which a specimen fails."""

import dataclasses
from typing import Literal

from trabfem import constants
from trabfem.cli.common import Common, Outcome, open_specimen, use_device
from trabfem.cli.solve import numbers, rows, solve_bone, trouble
from trabfem.errors import UserError


def strength(
    specimen: str,
    /,
    *,
    method: Literal["pistoia"] = "pistoia",
    load: str = "platens",
    strain: float | None = None,
    displacement: float | None = None,
    critical_volume: float = constants.PISTOIA_VOLUME_FRACTION.value,
    critical_strain: float = constants.PISTOIA_CRITICAL_STRAIN.value,
    youngs: float = constants.TISSUE_MODULUS.value,
    poisson: float = constants.POISSON_RATIO.value,
    rtol: float = 1e-6,
    max_iterations: int = 300,
    threshold: float | None = None,
    common: Common = Common(),
) -> Outcome:
    """Failure load of a specimen by a criterion on the linear solution.

    Parameters
    ----------
    specimen
        A file (npz, npy, TIFF, NIfTI, MHA, NRRD, a hexahedral mesh) or the name of a shipped specimen.
    method
        pistoia: the load at which a given part of the bone exceeds a critical energy-equivalent strain.
    load
        uniaxial, platens, fixed-base or confined; see `trabfem solve --help`.
    strain
        Apparent strain of the linear solve; the failure load does not depend on it.
    displacement
        Displacement of the top face in mm, in place of --strain.
    critical_volume
        Part of the bone that may exceed the critical strain.
    critical_strain
        Energy-equivalent strain at which tissue is taken to fail.
    youngs
        Young's modulus of the tissue in MPa.
    poisson
        Poisson's ratio of the tissue.
    rtol
        Tolerance on the true relative residual.
    max_iterations
        Where to give up, with exit code 3.
    threshold
        Gray value from which a voxel is bone; Otsu's if left out.
    """
    from trabfem.mechanics import strength as criteria

    if not 0 < critical_volume < 1:
        raise UserError(f"--critical-volume {critical_volume:g}: give a part of the bone between 0 and 1")
    if not 0 < critical_strain < 1:
        raise UserError(f"--critical-strain {critical_strain:g}: give a strain between 0 and 1")
    device = use_device(common.device)
    bone = open_specimen(specimen, common, threshold)
    solution = solve_bone(bone, load, strain, displacement, youngs, poisson, rtol, max_iterations)
    criterion = criteria.PISTOIA_2002
    if (critical_volume, critical_strain) != (criterion.volume, criterion.strain):
        criterion = dataclasses.replace(criterion, name="Pistoia", volume=critical_volume, strain=critical_strain)
    failure = criteria.pistoia(solution, criterion)
    result = {
        "method": method,
        "failure_load_N": failure.failure_load,
        "pistoia_factor": failure.factor,
        "ees": failure.ees,
        "criterion": dataclasses.asdict(failure.criterion) | {"youngs_MPa": failure.youngs},
        "load": load,
        **numbers(bone, solution, device),
    }
    lines = [
        ("failure load", f"{failure.failure_load:.5g} N ± {100 * solution.energy_error:.1g} % (solver)"),
        (
            "criterion",
            f"{100 * critical_volume:g} % of the bone above a strain of {critical_strain:g}, E {youngs:g} MPa",
        ),
        ("energy-equivalent strain", f"{failure.ees:.5g} at that part; factor {failure.factor:.4f}"),
    ]
    title = f"Strength of {bone.name}, {load}"
    return Outcome(title, lines + rows(result), result, common.json, bone.notes, trouble(solution, rtol))
