"""`trabfem generate` and `trabfem morphometry`."""

from pathlib import Path

from trabfem.cli.common import Common, Outcome, Scan, claim_file, open_specimen


def morphometry(
    specimen: str,
    /,
    *,
    clean: bool = False,
    scan: Scan = Scan(),
    common: Common = Common(),
) -> Outcome:
    """Structure indices of a specimen: BV/TV, BS/BV, Tb.Th, Tb.Sp, Tb.N, Conn.D, SMI, DA.

    It measures the scan as it is, with bone that bears no load, which `solve` and `compare` leave out; see --clean.

    Example: `trabfem morphometry slices_folder --spacing 0.034 --threshold 120`

    Parameters
    ----------
    specimen
        A file (AIM, ISQ, NIfTI, MHA, NRRD, DICOM, TIFF, VTK, npz, a hexahedral mesh ...), a folder of slices, or the
        name of a shipped specimen.
    clean
        First drop bone that does not run from the bottom face to the top one.
    """
    from trabfem.specimen.morphometry import morphometry as measure

    bone = open_specimen(specimen, common, scan, clean=clean)
    values = measure(bone)
    units = {name: unit or "-" for name, unit in values.units.items()}
    rows = [(name, f"{value:.4g} {units[name]}") for name, value in values.items()]
    result = {"specimen": bone.name, **values, "units": units, "shape": bone.shape, "spacing_mm": bone.spacing}
    return Outcome(values.title, rows, result | {"notes": bone.notes}, common.json, bone.notes)


def generate(
    *, site: str = "vertebra", seed: int = 1, size: int = 64, out: Path | None = None, common: Common = Common()
) -> Outcome:
    """Write a synthetic specimen with the structure of a named skeletal site.

    Example: `trabfem generate --site femoral-head --size 96 --seed 3 --out head.npz`

    Parameters
    ----------
    site
        Which bone's BV/TV, Tb.Th, Tb.Sp and DA to match.
    seed
        The same seed gives the same bone.
    size
        Voxels along each edge.
    out
        File to write (npz, mhd or nii); SITE_SIZE_SEED.npz here if left out.
    """
    from trabfem.specimen import readers, synthetic

    file = claim_file(out or Path(f"{site}_{size}_{seed}.npz"))
    bone = synthetic.generate(site, seed, size, common.spacing_mm())
    readers.write(bone, file)
    rows = [
        ("file", str(file)),
        ("BV/TV", f"{bone.bvtv:.4f}"),
        ("voxel (mm)", ", ".join(f"{h:g}" for h in bone.spacing)),
    ]
    result = {"file": file, "site": site, "seed": seed, "shape": bone.shape, "spacing_mm": bone.spacing}
    return Outcome(
        f"Synthetic {site}", rows, result | {"BV/TV": bone.bvtv, "notes": bone.notes}, common.json, bone.notes
    )
