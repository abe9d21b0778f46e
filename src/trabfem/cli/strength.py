"""`trabfem strength`: the load at which a specimen fails."""

from typing import TYPE_CHECKING, Literal

from trabfem.cli.common import Common, Outcome, Scan
from trabfem.cli.solve import rows, trouble
from trabfem.device import give_back_freed_memory, use_device
from trabfem.errors import UserError

if TYPE_CHECKING:
    from trabfem.analysis.strength import CriterionStrength, YieldStrength


def strength(
    specimen: str,
    /,
    *,
    method: Literal["pistoia", "nonlinear"] = "pistoia",
    load: str = "platens",
    strain: float | None = None,
    displacement: float | None = None,
    critical_volume: float | None = None,
    critical_strain: float | None = None,
    youngs: float | None = None,
    poisson: float | None = None,
    profile: str | None = None,
    rtol: float = 1e-6,
    max_iterations: int = 300,
    scan: Scan = Scan(),
    common: Common = Common(),
) -> Outcome:
    """Failure load of a specimen: a criterion on the linear solution, or tissue that yields.

    Example: `trabfem strength vertebra_64 --method nonlinear --load platens`

    Parameters
    ----------
    specimen
        A file (AIM, ISQ, NIfTI, MHA, NRRD, DICOM, TIFF, VTK, npz, a hexahedral mesh ...), a folder of slices, or the
        name of a shipped specimen.
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
        Pistoia: part of the bone that may exceed the critical strain; 0.02 if left out.
    critical_strain
        Pistoia: energy-equivalent strain at which tissue is taken to fail; 0.007 if left out.
    youngs
        Young's modulus of the tissue in MPa; 6829 if left out.
    poisson
        Poisson's ratio of the tissue; 0.3 if left out.
    profile
        xtremect1 or xtremect2: modulus, Poisson's ratio, volume and strain as they were calibrated together for that
        scanner; none of these goes beside it.
    rtol
        Tolerance on the true relative residual.
    max_iterations
        Where to give up, with exit code 3.
    """
    from trabfem.analysis.strength import CriterionStrength
    from trabfem.analysis.strength import strength as strength_of
    from trabfem.mechanics import loads

    if method == "nonlinear" and displacement is not None:
        raise UserError("--displacement: the nonlinear method finds its own; leave it out, or give --method pistoia")
    use_device(common.device)
    give_back_freed_memory()
    found = strength_of(
        specimen,
        method,
        loads.by_name(load, strain=strain, displacement=displacement),
        critical_volume=critical_volume,
        critical_strain=critical_strain,
        youngs=youngs,
        poisson=poisson,
        profile=profile,
        rtol=rtol,
        max_iterations=max_iterations,
        **scan.reading(common),
    )
    result = found.as_dict()
    if isinstance(found, CriterionStrength):
        lines, stopped = _by_criterion(found), trouble(found.elastic, rtol)
        shown = lines + rows(result)
    else:
        lines, stopped = _by_yielding(found), f"{found.trouble} with --max-iterations" if found.trouble else ""
        # The force is that of the first, elastic point, which nobody asked for.
        shown = lines + [row for row in rows(result) if row[0] not in ("force", "mean energy density")]
    return Outcome(found.title, shown, result, common.json, found.bone.notes, stopped)


def _by_criterion(found: "CriterionStrength") -> list[tuple[str, str]]:
    failure, criterion = found.failure, found.failure.criterion
    part = f"{100 * criterion.volume:g} % of the bone above a strain of {criterion.strain:g}"
    return [
        ("failure load", f"{failure.failure_load:.5g} N"),
        ("criterion", f"{part}, {describe_moduli(found)}"),
        ("energy-equivalent strain", f"{failure.ees:.5g} at that part; factor {failure.factor:.4f}"),
    ]


def describe_moduli(found: "CriterionStrength") -> str:
    """The modulus of the tissue, or the range of those of the voxels."""
    bone = found.bone
    if bone.modulus is None:
        return f"E {found.elastic.youngs:g} MPa"
    own = bone.modulus[(bone.fill > 0) & (bone.modulus > 0)]
    return f"E of each voxel, {own.min():g} to {own.max():g} MPa"


def _by_yielding(found: "YieldStrength") -> list[tuple[str, str]]:
    curve, tissue = found.curve, found.tissue
    return [
        ("failure load", f"{curve.failure_load:.5g} N at an apparent strain of {100 * curve.failure_strain:.3g} %"),
        ("criterion", f"0.2 % offset; tissue yields at {tissue.tension:g} pulled, {tissue.compression:g} pressed"),
        ("yielded", f"{100 * found.yielded_share:.2g} % of the bone by then; {curve.solves} linear solves"),
    ]
