"""`trabfem generate` and `trabfem morphometry`."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from trabfem.cli.common import Common, Outcome, Scan, claim_file, claim_folder, open_specimen

if TYPE_CHECKING:
    from trabfem.specimen import Specimen


def morphometry(
    specimen: str,
    /,
    *,
    clean: bool = False,
    maps: Path | None = None,
    scan: Scan = Scan(),
    common: Common = Common(),
) -> Outcome:
    """Structure indices of a specimen, or of a region of it: BV/TV, Tb.Th, Tb.Sp, Tb.N, Conn.D, SMI, DA, vBMD and more.

    It measures the scan as it is, with bone that bears no load, which `solve` and `compare` leave out; see --clean.

    Example: `trabfem morphometry slices_folder --spacing 0.034 --threshold 120`

    Parameters
    ----------
    specimen
        A file (AIM, ISQ, NIfTI, MHA, NRRD, DICOM, TIFF, VTK, npz, a hexahedral mesh ...), a folder of slices, or the
        name of a shipped specimen.
    clean
        First drop bone that does not run from the bottom face to the top one.
    maps
        Also write Tb.Th and Tb.Sp of every voxel as NIfTI images on the scan, into this new folder.
    """
    from trabfem.specimen.morphometry import morphometry as measure
    from trabfem.specimen.morphometry.bias import bias_note

    if maps is not None:
        claim_folder(maps, option="--maps")
    bone = open_specimen(specimen, common, scan, clean=clean)
    values = measure(bone)
    units = {name: unit or "-" for name, unit in values.units.items()}
    shown = [name for name in values if not name.startswith("MIL")]
    rows = [(name, f"{values[name]:.4g} {values.units[name]}") for name in shown]
    rows += [(f"MIL {n}", describe_axis(values, f"MIL{n}")) for n in (1, 2, 3) if f"MIL{n}" in values]
    files = [] if maps is None else write_maps(bone, maps)
    rows += [("map", str(file)) for file in files]
    result = {"specimen": bone.name, **values, "units": units, "shape": bone.shape, "spacing_mm": bone.spacing}
    note = bias_note(values, bone.spacing) if bone.mask.any() else "There is no bone: check the threshold."
    notes = [*bone.notes, *([note] if note else [])]
    return Outcome(values.title, rows, result | {"notes": notes, "maps": files}, common.json, notes)


def write_maps(bone: "Specimen", folder: Path) -> list[Path]:
    """Write local thickness of bone and of marrow (mm) to Tb.Th.nii.gz and Tb.Sp.nii.gz, on the voxels of the scan."""
    from trabfem.specimen import readers
    from trabfem.specimen.morphometry.local_thickness import separation_map, thickness_map

    folder.mkdir(parents=True, exist_ok=True)
    made = {"Tb.Th": thickness_map, "Tb.Sp": separation_map}
    for name, measure_map in made.items():
        readers.write_map(measure_map(bone), bone, folder / f"{name}.nii.gz", name)
    return [folder / f"{name}.nii.gz" for name in made]


def describe_axis(values: Mapping[str, float], name: str) -> str:
    """A mean intercept length with its direction: `1.03 mm along (-0.02, 0.06, 1.00)`."""
    along = ", ".join(f"{values[f'{name} {axis}']:.2f}" for axis in "xyz")
    return f"{values[name]:.3g} mm along ({along})"


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
