"""`trabfem export`: a loaded specimen in a file for another solver."""

from pathlib import Path
from typing import Literal

from trabfem.cli.common import Common, Outcome, Scan, claim_file
from trabfem.device import use_device
from trabfem.errors import UserError


def export(
    specimen: str,
    /,
    *,
    out: Path,
    format: Literal["inp", "vtu"] | None = None,
    load: str = "platens",
    strain: float | None = None,
    displacement: float | None = None,
    youngs: float | None = None,
    poisson: float | None = None,
    profile: str | None = None,
    depth: float = 0.0,
    scan: Scan = Scan(),
    common: Common = Common(),
) -> Outcome:
    """Write mesh, materials and load of a specimen for another solver; nothing is solved.

    Example: `trabfem export scan.nii.gz --load platens --strain -0.01 --out bone.inp`

    Parameters
    ----------
    specimen
        A file (AIM, ISQ, NIfTI, MHA, NRRD, DICOM, TIFF, VTK, npz, a hexahedral mesh ...), a folder of slices, or the
        name of a shipped specimen.
    out
        The new file. Its suffix says what it is: .inp, a deck that CalculiX and Abaqus run; .vtu, hexahedra with
        modulus, material and prescribed displacements.
    format
        The same in words, for a file name without a suffix.
    load
        Any of `trabfem solve --help`.
    strain
        Apparent strain, negative in compression; -0.01 if --displacement is not given either.
    displacement
        Displacement of the top face in mm, in place of --strain.
    youngs
        Young's modulus of the tissue in MPa; 6829 if left out.
    poisson
        Poisson's ratio of the tissue; 0.3 if left out.
    profile
        xtremect1 or xtremect2: modulus and Poisson's ratio as they were calibrated together for that scanner.
    depth
        How far (mm) below the plane of a loaded face its outermost nodes may lie and still belong to it.
    """
    from trabfem.analysis.export import check_export_path
    from trabfem.analysis.export import export as export_bone
    from trabfem.mechanics import loads

    use_device(common.device)
    path = claim_file(check_export_path(name_file(out, format)))
    case = loads.by_name(load, strain=strain, displacement=displacement, depth=depth)
    written = export_bone(
        specimen,
        path,
        case,
        youngs=youngs,
        poisson=poisson,
        profile=profile,
        **scan.reading(common),
    )
    result = written.as_dict()
    shown = [(name, f"{value:.0f} {meaning}") for name, value, _, _, meaning in written.rows]
    return Outcome(written.title, [*shown, ("file", str(path))], result, common.json, written.notes)


def name_file(out: Path, format: str | None) -> Path:
    """`out`, with the suffix of `format` where it has none; UserError where the two differ."""
    if format is None:
        return out
    if out.suffix and out.suffix.lower() != f".{format}":
        raise UserError(f"--format {format}: --out {out} ends in {out.suffix}; give the two alike, or leave one out")
    return out.with_suffix(f".{format}")
