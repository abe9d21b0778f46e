"""`trabfem strength`: the load at which a specimen fails."""

import dataclasses
from typing import TYPE_CHECKING, Literal

from trabfem import constants
from trabfem.cli.common import Common, Outcome, open_specimen
from trabfem.cli.solve import check_solver_options, numbers, rows, solve_bone, tissue_moduli, trouble
from trabfem.device import give_back_freed_memory, use_device
from trabfem.errors import UserError

if TYPE_CHECKING:
    from trabfem.specimen import Specimen


def strength(
    specimen: str,
    /,
    *,
    method: Literal["pistoia", "nonlinear"] = "pistoia",
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
    """Failure load of a specimen: a criterion on the linear solution, or tissue that yields.

    Parameters
    ----------
    specimen
        A file (npz, npy, TIFF, NIfTI, MHA, NRRD, a hexahedral mesh) or the name of a shipped specimen.
    method
        pistoia: the load at which a given part of the bone exceeds a critical energy-equivalent strain.
        nonlinear: the 0.2 % offset yield of the whole, with tissue that softens beyond its yield strains; some tens of
        linear solves.
    load
        uniaxial, platens, fixed-base or confined; see `trabfem solve --help`.
    strain
        Apparent strain of the linear solve; the failure load does not depend on it. Nonlinear: its sign alone counts,
        pulled if positive.
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
    give_back_freed_memory()
    bone = open_specimen(specimen, common, threshold)
    if method == "nonlinear":
        if displacement is not None:
            raise UserError(
                "--displacement: the nonlinear method finds its own; leave it out, or give --method pistoia"
            )
        tension = strain is not None and strain > 0
        return _nonlinear(bone, load, tension, youngs, poisson, rtol, max_iterations, device, common)
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


def _nonlinear(
    bone: "Specimen",
    load: str,
    tension: bool,
    youngs: float,
    poisson: float,
    rtol: float,
    max_iterations: int,
    device: str,
    common: Common,
) -> Outcome:
    import numpy as np

    from trabfem.mechanics import loads, yielding

    check_solver_options(youngs, poisson, rtol, max_iterations)
    tissue = yielding.Tissue()
    curve = yielding.strength(
        tissue_moduli(bone, youngs),
        bone.spacing,
        lambda strain: loads.by_name(load, strain=strain),
        tissue=tissue,
        compressive=not tension,
        poisson=poisson,
        rtol=rtol,
        max_iterations=max_iterations,
    )
    result = {
        "method": "nonlinear",
        "failure_load_N": curve.failure_load,
        "failure_strain": curve.failure_strain,
        "yielded_share": float(np.interp(abs(curve.failure_strain), abs(curve.strain), curve.yielded)),
        "curve": {"strain": curve.strain, "force_N": curve.force, "yielded_share": curve.yielded},
        "linear_solves": curve.solves,
        "tissue": dataclasses.asdict(tissue) | {"youngs_MPa": youngs, "poisson": poisson},
        "load": load,
        **numbers(bone, curve.elastic, device),
    }
    lines = [
        ("failure load", f"{curve.failure_load:.5g} N at an apparent strain of {100 * curve.failure_strain:.3g} %"),
        ("criterion", f"0.2 % offset; tissue yields at {tissue.tension:g} pulled, {tissue.compression:g} pressed"),
        ("yielded", f"{100 * result['yielded_share']:.2g} % of the bone by then; {curve.solves} linear solves"),
    ]
    stopped = "" if curve.converged else "a solve on the way did not converge: allow more with --max-iterations"
    # The force is that of the first, elastic point, which nobody asked for.
    shown = lines + [row for row in rows(result) if row[0] not in ("force", "mean energy density")]
    return Outcome(f"Strength of {bone.name}, {load}", shown, result, common.json, bone.notes, stopped)
