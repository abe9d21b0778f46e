"""Specimens from files and to files. Only here do axes change: a format's own order outside, (x, y, z) inside.

Image libraries are imported where they are used: they are the optional extra [images].
"""

import dataclasses
import importlib
import math
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from trabfem.errors import UserError
from trabfem.specimen.lattice import grid_of_voxels, voxels_of_cells
from trabfem.specimen.voxels import Specimen, check_spacing, from_gray, from_mask

Spacing = tuple[float, float, float]
# What a reader returns: array (x, y, z), spacing in mm if the file has one, and whether the values are fill fractions.
Raw = tuple[np.ndarray, Spacing | None, bool]

PACKAGES = {"SimpleITK": "images", "tifffile": "images"}
HEXAHEDRA = ("hexahedron", "hexahedron20", "hexahedron24", "hexahedron27", "voxel")
MM = {"mm": 1.0, "millimeter": 1.0, "um": 1e-3, "micron": 1e-3, "microns": 1e-3, "µm": 1e-3, "\\u00B5m": 1e-3, "m": 1e3}


def read(
    path: str | Path,
    spacing: object = None,
    threshold: float | int | None = None,
    name: str | None = None,
) -> Specimen:
    """The specimen in a file, by its suffix; or a shipped one by its name.

    .npz .npy (z, y, x); .tif or a folder of .tif slices (slice, row, column = z, y, x); .nii .nii.gz .mha .mhd .nrrd
    and .vtk images, voxel axes as stored (origin and direction are not applied); Scanco .isq; every mesh of
    hexahedra on a voxel lattice that meshio reads (.vtk .vtu .inp .msh .xdmf ...), all cells bone, or those whose one
    cell field is >= `threshold`. Two values are a mask, more are gray values: Otsu's threshold unless one is given.
    `spacing` (x, y, z) in mm wins over the file's, and is needed where the file has none.
    """
    path = Path(path)
    if not path.suffix and not path.exists():
        path = shipped(str(path))
    if not path.exists():
        raise UserError(f"{path}: no such file, check the path")
    if path.is_file() and path.stat().st_size == 0:
        raise UserError(f"{path}: the file is empty, export it again")
    name = name or path.name.split(".")[0]
    reader = _reader(path)
    try:
        array, own, is_fill = reader(path, threshold)
    except UserError:
        raise
    except (Exception, SystemExit) as error:
        # Whatever a library raises on a broken file (meshio even exits) is one thing to the user.
        reason = str(error).strip().split("\n")[0] or type(error).__name__
        raise UserError(
            f"{path}: cannot be read ({reason}), check that the file is whole and its suffix right"
        ) from None
    array = np.asarray(array)
    edges, note = _spacing(path, own, spacing)
    specimen = _interpret(array, edges, threshold, is_fill, name)
    return dataclasses.replace(specimen, notes=(*specimen.notes, *note))


def shipped(name: str) -> Path:
    """Path of a specimen that comes with trabfem, in the installed package or in the source tree."""
    here = Path(__file__).resolve()
    folders = [here.parents[1] / "meshes", here.parents[3] / "meshes"]
    for folder in folders:
        if (folder / f"{name}.npz").is_file():
            return folder / f"{name}.npz"
    known = sorted({p.stem for folder in folders for p in folder.glob("*.npz")})
    raise UserError(f"{name}: neither a file nor a shipped specimen ({', '.join(known)}), check the path")


def write(specimen: Specimen, path: str | Path) -> None:
    """Write .npz with the fill (to 1/255), or .mhd .mha .nrrd .nii .nii.gz .tif with the mask; spacing goes with it."""
    path = Path(path)
    writers = {".npz": _write_npz, ".tif": _write_tiff, ".tiff": _write_tiff}
    writers |= dict.fromkeys((".mhd", ".mha", ".nrrd", ".nii", ".nii.gz"), _write_image)
    if _suffix(path) not in writers:
        raise UserError(f"{path}: cannot write {_suffix(path) or 'a file without suffix'}, use {', '.join(writers)}")
    path.parent.mkdir(parents=True, exist_ok=True)
    writers[_suffix(path)](specimen, path)


def _suffix(path: Path) -> str:
    """Lower-case suffix, `.nii.gz` in one; without the version number of VMS file names (`.ISQ;1`)."""
    name = re.sub(r";\d+$", "", path.name.lower())
    return ".nii.gz" if name.endswith(".nii.gz") else Path(name).suffix


def _reader(path: Path) -> Callable[[Path, float | int | None], Raw]:
    """The function that reads this kind of file."""
    if path.is_dir():
        return _read_slices
    suffix = _suffix(path)
    readers = {".npz": _read_npz, ".npy": _read_npy, ".tif": _read_tiff, ".tiff": _read_tiff, ".isq": _read_isq}
    readers |= dict.fromkeys((".nii", ".nii.gz", ".mha", ".mhd", ".nrrd", ".nhdr"), _read_image)
    if suffix == ".vtk" and b"STRUCTURED_POINTS" in path.read_bytes()[:1000]:
        return _read_image
    if suffix == ".aim":
        raise UserError(f"{path}: AIM files are not read, export .mha, .nii or .isq from the scanner's software")
    if suffix in readers:
        return readers[suffix]
    import meshio

    if suffix in meshio.extension_to_filetypes:
        return _read_mesh
    known = ", ".join(readers)
    raise UserError(f"{path}: unknown suffix {suffix!r}, give {known}, a folder of .tif slices or a mesh such as .vtu")


def _spacing(path: Path, own: Spacing | None, given: object) -> tuple[Spacing, tuple[str, ...]]:
    """The spacing to use, and a note where the given one replaces the file's."""
    if given is not None:
        edges = check_spacing(given)
        if own is None or np.allclose(edges, own, rtol=1e-4):
            return edges, ()
        was, now = (" x ".join(f"{h:g}" for h in s) for s in (own, edges))
        return edges, (f"Spacing {now} mm as given, in place of {was} in the file.",)
    if own is None:
        raise UserError(f"{path}: the file carries no voxel size, give the spacing in mm, e.g. --spacing 0.034")
    try:
        return check_spacing(own), ()
    except UserError as error:
        raise UserError(f"{path}: {error}, with --spacing if the file is wrong") from None


def _interpret(
    array: np.ndarray, spacing: Spacing, threshold: float | int | None, is_fill: bool, name: str
) -> Specimen:
    """Fill fractions, mask or gray values to a specimen."""
    if is_fill and threshold is None:
        fill = array / np.float32(255) if array.dtype == np.uint8 else array
        return Specimen(fill=fill, spacing=spacing, name=name)
    two = array.ndim == 3 and array.size > 0 and bool(np.all((array == array.min()) | (array == array.max())))
    if threshold is None and (array.dtype == bool or two):
        return from_mask(array, spacing, name=name)
    return from_gray(array, spacing, threshold=threshold, name=name)


def _package(module: str) -> Any:
    """An optional package, or a UserError that says how to get it."""
    try:
        return importlib.import_module(module)
    except ImportError:
        raise UserError(f"this file needs {module}: pip install 'trabfem[{PACKAGES[module]}]'") from None


# numpy ----------------------------------------------------------------------------------------------------------------


def _read_npz(path: Path, threshold: float | int | None) -> Raw:
    """`mask`, `fill` or `gray`, (z, y, x), with `spacing_zyx_mm`; fill as 0..1 or as uint8 0..255."""
    with np.load(path, allow_pickle=False) as data:
        keys = [key for key in ("mask", "fill", "gray") if key in data]
        if not keys:
            raise UserError(
                f"{path}: has {', '.join(data) or 'nothing'}, but needs an array mask, fill or gray (z, y, x)"
            )
        array = data[keys[0]].T
        spacing = np.ravel(data["spacing_zyx_mm"]) if "spacing_zyx_mm" in data else None
    if spacing is None:
        return array, None, keys[0] == "fill"
    z, y, x = np.broadcast_to(spacing, (3,)).tolist()
    return array, (x, y, z), keys[0] == "fill"


def _read_npy(path: Path, threshold: float | int | None) -> Raw:
    """One array, (z, y, x); no spacing."""
    return np.load(path, allow_pickle=False).T, None, False


def _write_npz(specimen: Specimen, path: Path) -> None:
    """`fill` as uint8, round(255 fill): the voxels of at least one half stay the same."""
    fill = np.rint(255 * specimen.fill.astype(np.float64)).astype(np.uint8)
    np.savez_compressed(path, fill=fill.T, spacing_zyx_mm=np.array(specimen.spacing[::-1]), notes=list(specimen.notes))


# TIFF -----------------------------------------------------------------------------------------------------------------


def _read_tiff(path: Path, threshold: float | int | None) -> Raw:
    """Pages are z, rows y, columns x; spacing from ImageJ's metadata."""
    tifffile = _package("tifffile")
    with tifffile.TiffFile(path) as file:
        array = file.asarray()
        spacing = _imagej_spacing(file)
    return array.T, spacing, False


def _imagej_spacing(file: Any) -> Spacing | None:
    """Spacing of an ImageJ stack: pages `spacing` apart, pixels 1/resolution, both in `unit`."""
    info = file.imagej_metadata or {}
    factor = MM.get(str(info.get("unit", "")).strip())
    tags = file.pages[0].tags
    if factor is None or "spacing" not in info or "XResolution" not in tags or "YResolution" not in tags:
        return None
    x, y = (tags[tag].value[1] / tags[tag].value[0] for tag in ("XResolution", "YResolution"))
    return (x * factor, y * factor, float(info["spacing"]) * factor)


def _read_slices(path: Path, threshold: float | int | None) -> Raw:
    """A folder of .tif slices in the order of the numbers in their names; the first is z = 0."""
    files = [p for p in path.iterdir() if p.suffix.lower() in (".tif", ".tiff")]
    if not files:
        raise UserError(f"{path}: the folder holds no .tif slices, give the folder they are in")
    files.sort(key=lambda p: [int(part) if part.isdigit() else part for part in re.split(r"(\d+)", p.name)])
    tifffile = _package("tifffile")
    slices = [np.asarray(tifffile.imread(file)) for file in files]
    for file, image in zip(files, slices, strict=True):
        if image.ndim != 2 or image.shape != slices[0].shape:
            raise UserError(
                f"{file}: slice of shape {image.shape} among slices of {slices[0].shape}, remove or crop it"
            )
    return np.stack(slices).T, None, False


def _write_tiff(specimen: Specimen, path: Path) -> None:
    """ImageJ stack of 0 and 255, spacing in its metadata."""
    tifffile = _package("tifffile")
    x, y, z = specimen.spacing
    pages = (specimen.mask.T * np.uint8(255)).astype(np.uint8)
    metadata = {"spacing": z, "unit": "mm", "axes": "ZYX"}
    tifffile.imwrite(path, pages, imagej=True, resolution=(1 / x, 1 / y), metadata=metadata)


# Medical images -------------------------------------------------------------------------------------------------------


def _read_image(path: Path, threshold: float | int | None) -> Raw:
    """Anything SimpleITK reads as one 3-D image of scalars; 1 mm cubes are the formats' word for an unknown spacing."""
    sitk = _package("SimpleITK")
    image = sitk.ReadImage(str(path))
    if image.GetNumberOfComponentsPerPixel() > 1:
        raise UserError(f"{path}: the image has colour or vector values, give gray values or a mask")
    spacing = tuple(image.GetSpacing())
    known = len(spacing) == 3 and spacing != (1.0, 1.0, 1.0)
    return sitk.GetArrayFromImage(image).T, spacing if known else None, False


def _write_image(specimen: Specimen, path: Path) -> None:
    """Mask of 0 and 1 through SimpleITK."""
    sitk = _package("SimpleITK")
    image = sitk.GetImageFromArray(np.ascontiguousarray(specimen.mask.T.astype(np.uint8)))
    image.SetSpacing(specimen.spacing)
    sitk.WriteImage(image, str(path), useCompression=_suffix(path) != ".mhd")


def _read_isq(path: Path, threshold: float | int | None) -> Raw:
    """Scanco ISQ: header of little-endian int32, then int16 values, x fastest.

    Bytes 44, 56 and 508 hold the voxels (x, y, z), the extent in micrometres and the data's offset in blocks of 512
    less one. Source: the layout Scanco Medical publishes for importing .isq into other programs.
    """
    head = path.read_bytes()[:512]
    if len(head) < 512 or not head.startswith(b"CTDATA-HEADER_V1"):
        raise UserError(f"{path}: does not begin like an ISQ file, check that it is one and whole")
    words = np.frombuffer(head, dtype="<i4")
    x, y, z = (int(n) for n in words[11:14])
    extent = words[14:17] / 1000
    offset = (int(words[127]) + 1) * 512
    if min(x, y, z) <= 0 or path.stat().st_size < offset + 2 * x * y * z:
        raise UserError(f"{path}: the file is shorter than the {x} x {y} x {z} voxels of its header, copy it again")
    values = np.fromfile(path, dtype="<i2", count=x * y * z, offset=offset)
    edges = (float(extent[0]) / x, float(extent[1]) / y, float(extent[2]) / z)
    return values.reshape(z, y, x).T, edges if math.prod(edges) > 0 else None, False


# Meshes ---------------------------------------------------------------------------------------------------------------


def _read_mesh(path: Path, threshold: float | int | None) -> Raw:
    """Hexahedra of a meshio mesh on their lattice; cells of lower dimension are ignored, other solids refused."""
    import meshio

    mesh = meshio.read(path)
    kinds = {block.type for block in mesh.cells}
    other = sorted(
        kind for kind in kinds if kind.startswith(("tetra", "wedge", "pyramid", "poly")) and "gon" not in kind
    )
    if other:
        raise UserError(f"{path}: holds {', '.join(other)} cells, only hexahedra on a voxel lattice can be read")
    chosen = [i for i, block in enumerate(mesh.cells) if block.type in HEXAHEDRA and len(block.data)]
    if not chosen:
        raise UserError(f"{path}: holds no hexahedra ({', '.join(sorted(kinds)) or 'no cells'}), give a voxel mesh")
    cells = np.concatenate([np.asarray(mesh.cells[i].data)[:, :8] for i in chosen])
    index, edges = voxels_of_cells(np.asarray(mesh.points, dtype=np.float64)[:, :3], cells.astype(np.int64), path.name)
    values = np.ones(len(cells), dtype=np.uint8)
    if threshold is not None:
        fields = [key for key, data in mesh.cell_data.items() if np.ndim(data[chosen[0]]) == 1]
        if len(fields) != 1:
            raise UserError(f"{path}: a threshold needs one scalar cell field, the mesh has {len(fields)}")
        values = np.concatenate([np.asarray(mesh.cell_data[fields[0]][i]) for i in chosen])
    return grid_of_voxels(index, values), edges, False
