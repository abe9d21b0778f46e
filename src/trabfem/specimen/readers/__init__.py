"""Specimens from files and to files. Only here do axes change: a format's own order outside, (x, y, z) inside.

A new format is a file with a `Reader` in this folder and a line in `READERS`.
"""

import dataclasses
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np

from trabfem.errors import UserError
from trabfem.specimen.readers import arrays, images, meshes, scanco
from trabfem.specimen.readers.raw import Raw, Reader
from trabfem.specimen.segmentation import from_values
from trabfem.specimen.voxels import Specimen, Triple, check_spacing, crop_centre

__all__ = ["READERS", "WRITERS", "Raw", "Reader", "read", "find_shipped", "write"]

READERS: dict[str, Reader] = {
    ".npz": arrays.read_npz,
    ".npy": arrays.read_npy,
    ".tif": images.read_tiff,
    ".tiff": images.read_tiff,
    ".isq": scanco.read_isq,
    ".aim": scanco.read_aim,
    ".nii": images.read_image,
    ".nii.gz": images.read_image,
    ".mha": images.read_image,
    ".mhd": images.read_image,
    ".nrrd": images.read_image,
    ".nhdr": images.read_image,
    ".vtk": meshes.read_vtk,
}
"""By suffix; what stands here not at all is read by meshio where it knows the suffix."""

WRITERS: dict[str, Callable[[Specimen, Path], None]] = {
    ".npz": arrays.write_npz,
    ".tif": images.write_tiff,
    ".tiff": images.write_tiff,
    ".mhd": images.write_image,
    ".mha": images.write_image,
    ".nrrd": images.write_image,
    ".nii": images.write_image,
    ".nii.gz": images.write_image,
}


def read(
    source: str | Path,
    spacing: object = None,
    threshold: float | int | None = None,
    name: str | None = None,
    *,
    crop: int | None = None,
) -> Specimen:
    """The specimen in a file, by its suffix; or a shipped one by its name.

    .npz .npy (z, y, x); .tif or a folder of .tif slices (slice, row, column = z, y, x); .nii .nii.gz .mha .mhd .nrrd
    and .vtk images, voxel axes as stored (direction is not applied); Scanco .isq; every mesh of hexahedra on a voxel
    lattice that meshio reads (.vtk .vtu .inp .msh .xdmf ...), all cells bone, or those whose one cell field is >=
    `threshold`. Two values are a mask, more are gray values: Otsu's threshold unless one is given. `spacing` (x, y, z)
    in mm wins over the file's, and is needed where the file has none. `crop`: keep the cube of so many voxels a side in
    the middle. `name`: what to call the specimen, the file's name if left out.

    **Raises:** `UserError` for a file that is missing, broken or of no known kind, without bone or without spacing.
    """
    path = Path(source)
    if not path.suffix and not path.exists():
        path = find_shipped(str(path))
    if not path.exists():
        raise UserError(f"{path}: no such file, check the path")
    if path.is_file() and path.stat().st_size == 0:
        raise UserError(f"{path}: the file is empty, export it again")
    name = name or path.name.split(".")[0]
    raw = _read_content(path, threshold)
    edges, note = _choose_spacing(path, raw.spacing, spacing)
    specimen = from_values(np.asarray(raw.array), edges, threshold, name, raw.is_fill)
    # The place of a file goes with its own voxels: with another spacing it would mean something else.
    origin = (0.0, 0.0, 0.0) if note else raw.origin
    specimen = dataclasses.replace(specimen, notes=(*specimen.notes, *note), origin=origin)
    return specimen if crop is None else crop_centre(specimen, crop)


def find_shipped(name: str) -> Path:
    """Path of a specimen that comes with trabfem, in the installed package or in the source tree."""
    here = Path(__file__).resolve()
    folders = [here.parents[2] / "meshes", here.parents[4] / "meshes"]
    for folder in folders:
        if (folder / f"{name}.npz").is_file():
            return folder / f"{name}.npz"
    known = sorted({p.stem for folder in folders for p in folder.glob("*.npz")})
    raise UserError(f"{name}: neither a file nor a shipped specimen ({', '.join(known)}), check the path")


def write(specimen: Specimen, path: str | Path) -> None:
    """Write .npz with the fill (to 1/255), or .mhd .mha .nrrd .nii .nii.gz .tif with the mask; spacing goes with it."""
    path = Path(path)
    if _suffix(path) not in WRITERS:
        raise UserError(f"{path}: cannot write {_suffix(path) or 'a file without suffix'}, use {', '.join(WRITERS)}")
    path.parent.mkdir(parents=True, exist_ok=True)
    WRITERS[_suffix(path)](specimen, path)


def _read_content(path: Path, threshold: float | int | None) -> Raw:
    """What the reader of this kind of file finds in it."""
    reader = _find_reader(path)
    try:
        return reader(path, threshold)
    except UserError:
        raise
    except (Exception, SystemExit) as error:
        # Whatever a library raises on a broken file (meshio even exits) is one thing to the user.
        reason = str(error).strip().split("\n")[0] or type(error).__name__
        raise UserError(
            f"{path}: cannot be read ({reason}), check that the file is whole and its suffix right"
        ) from None


def _suffix(path: Path) -> str:
    """Lower-case suffix, `.nii.gz` in one; without the version number of VMS file names (`.ISQ;1`)."""
    name = re.sub(r";\d+$", "", path.name.lower())
    return ".nii.gz" if name.endswith(".nii.gz") else Path(name).suffix


def _find_reader(path: Path) -> Reader:
    """The function that reads this kind of file."""
    if path.is_dir():
        return images.read_slices
    suffix = _suffix(path)
    if suffix in READERS:
        return READERS[suffix]
    import meshio

    if suffix in meshio.extension_to_filetypes:
        return meshes.read_mesh
    known = ", ".join(key for key, reader in READERS.items() if reader is not scanco.read_aim)
    raise UserError(f"{path}: unknown suffix {suffix!r}, give {known}, a folder of .tif slices or a mesh such as .vtu")


def _choose_spacing(path: Path, own: Triple | None, given: object) -> tuple[Triple, tuple[str, ...]]:
    """The spacing to use, and a note where the given one replaces the file's."""
    if given is not None:
        edges = check_spacing(given)
        if own is None or np.allclose(edges, own, rtol=1e-4):
            return edges, ()
        was, now = (" x ".join(f"{h:g}" for h in s) for s in (own, edges))
        return edges, (f"Spacing {now} mm as given, in place of {was} in the file.",)
    if own is None:
        raise UserError(f"spacing = not given: {path} carries no voxel size; give the edge of a voxel in mm")
    try:
        return check_spacing(own), ()
    except UserError as error:
        raise UserError(f"{path}: {error}, as the spacing if the file is wrong") from None
