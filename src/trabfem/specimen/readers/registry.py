"""Which function reads a kind of file, by its suffix."""

import re
from pathlib import Path

from trabfem.errors import UserError
from trabfem.specimen.readers import abaqus, aim, arrays, dicom, images, meshes, scanco, slices, tiff, vtk
from trabfem.specimen.readers.raw import Raw, Reader

READERS: dict[str, Reader] = {
    ".npz": arrays.read_npz,
    ".npy": arrays.read_npy,
    ".tif": tiff.read_tiff,
    ".tiff": tiff.read_tiff,
    ".isq": scanco.read_isq,
    ".rsq": scanco.read_rsq,
    ".rad": scanco.read_rsq,
    ".aim": aim.read_aim,
    ".gobj": scanco.read_gobj,
    **dict.fromkeys(dicom.SUFFIXES, dicom.read_dicom),
    ".nii": images.read_image,
    ".nii.gz": images.read_image,
    ".mha": images.read_image,
    ".mhd": images.read_image,
    ".nrrd": images.read_image,
    ".nhdr": images.read_image,
    ".vtk": vtk.read_vtk,
    ".vti": vtk.read_vtk,
    ".vtr": vtk.read_vtk,
    ".vts": vtk.read_vtk,
    ".vtu": vtk.read_vtk,
    ".pvti": vtk.read_vtk,
    ".pvtr": vtk.read_vtk,
    ".pvts": vtk.read_vtk,
    ".pvtu": vtk.read_vtk,
    ".inp": abaqus.read_inp,
}
"""By suffix; what stands here not at all is read by meshio where it knows the suffix."""


def read_content(path: Path, which: str | int | None = None) -> Raw:
    """What the reader of this kind of file finds in it. UserError for whatever is wrong with the file."""
    if not path.exists():
        raise UserError(f"{path}: no such file, check the path")
    if path.is_file() and path.stat().st_size == 0:
        raise UserError(f"{path}: the file is empty, export it again")
    reader = find_reader(path)
    try:
        return reader(path, which)
    except UserError as error:
        said = one_line(str(error))
        # What is shared by several readers, such as the check of directions, does not know the file.
        raise UserError(said if path.name in said else f"{path}: {said}") from None
    except MemoryError:
        raise UserError(f"{path}: the voxels do not fit in memory, crop the scan before it is exported") from None
    except (Exception, SystemExit) as error:
        # Whatever a library raises on a broken file (meshio even exits) is one thing to the user.
        reason = one_line(str(error).strip().split("\n")[0]) or type(error).__name__
        raise UserError(
            f"{path}: cannot be read ({reason}), check that the file is whole and its suffix right"
        ) from None


def one_line(text: str) -> str:
    """A sentence without line breaks and control characters, which names in a damaged file may have."""
    return "".join(letter if letter.isprintable() else " " for letter in text)


def suffix_of(path: Path) -> str:
    """Lower-case suffix, `.nii.gz` in one; without the version number of VMS file names (`.ISQ;1`)."""
    name = re.sub(r";\d+$", "", path.name.lower())
    return ".nii.gz" if name.endswith(".nii.gz") else Path(name).suffix


def find_reader(path: Path) -> Reader:
    """The function that reads this kind of file."""
    if path.is_dir():
        return slices.read_folder
    suffix = suffix_of(path)
    if suffix in READERS:
        return READERS[suffix]
    if path.is_file() and dicom.is_dicom(path):
        return dicom.read_dicom
    import meshio

    if suffix in meshio.extension_to_filetypes:
        return meshes.read_mesh
    raise UserError(
        f"{path}: unknown suffix {suffix!r}, give {', '.join(READERS)}, a folder of slices or a mesh such as .msh"
    )
