"""What the headers of medical images claim, against what their files can hold."""

import math
import re
from pathlib import Path
from typing import Any

import numpy as np

from trabfem.errors import UserError
from trabfem.specimen.place import Direction, check_direction

HEADER_BYTES = 1 << 16
PACKED = 1100
"""zlib packs at most so many bytes in one."""
DATA_FILE = re.compile(rb"^(?:ElementDataFile\s*=|data ?file:)[ \t]*(.*?)\s*$", re.IGNORECASE | re.MULTILINE)
COMPRESSED = re.compile(rb"^(?:CompressedData\s*=\s*true|encoding:\s*(?!raw))", re.IGNORECASE | re.MULTILINE)
SKEWED = (
    "the axes of the voxels are not at right angles to each other (the image is sheared or skewed); resample it onto a "
    "rectangular grid, in 3-D Slicer by Resample Scalar Volume"
)
SAME = 0.05
"""Two places of a scan are the same if no corner differs by more than this part of a voxel."""


def check_data_file(path: Path) -> None:
    """UserError where a header of its own names a file of values that is not there."""
    if path.suffix.lower() not in (".mhd", ".nhdr"):
        return
    name = _data_file(path)
    if not name:
        raise UserError(f"{path}: names no file of values, export it again")
    if _is_plain(name) and not (path.parent / name).is_file():
        raise UserError(f"{path}: its values are in {name!r}, which is not there; put both files in one folder")


def _data_file(path: Path) -> str:
    with path.open("rb") as file:
        found = DATA_FILE.search(file.read(HEADER_BYTES))
    return found.group(1).decode("utf-8", "replace") if found else ""


def _is_plain(name: str) -> bool:
    """Whether it is one file, and neither a list nor a pattern of slices."""
    return not (name.upper().startswith(("LIST", "LOCAL")) or "%" in name)


def check_claim(path: Path, reader: Any) -> None:
    """UserError where the voxels of the header are more than the file can hold."""
    import SimpleITK as sitk

    size = reader.GetSize()
    claimed = math.prod(size) * reader.GetNumberOfComponents() * PIXEL_BYTES.get(_pixel(sitk, reader), 1)
    with path.open("rb") as file:
        packed = path.suffix.lower() == ".gz" or bool(COMPRESSED.search(file.read(HEADER_BYTES)))
    held = path.stat().st_size
    if path.suffix.lower() in (".mhd", ".nhdr"):
        name = _data_file(path)
        parts = [path.parent / name] if _is_plain(name) else [p for p in path.parent.iterdir() if p.is_file()]
        held = sum(part.stat().st_size for part in parts)
    if claimed > held * (PACKED if packed else 1):
        shown = " x ".join(map(str, size))
        raise UserError(f"{path}: its header tells of {shown} voxels, more than {held} bytes can hold; copy it again")


PIXEL_BYTES = {"8": 1, "16": 2, "32": 4, "64": 8, "double": 8, "float": 4}


def _pixel(sitk: Any, reader: Any) -> str:
    """The key of `PIXEL_BYTES` of the type of the values."""
    name = sitk.GetPixelIDValueAsString(reader.GetPixelID())
    bits = re.search(r"(\d+)-bit", name)
    return bits.group(1) if bits else "double" if "double" in name else "float"


def explain(path: Path, error: str) -> UserError:
    """One sentence for a long text of SimpleITK."""
    if "orthonormal" in error or "irection" in error:
        return UserError(f"{path}: {SKEWED}")
    if "emory" in error or "alloc" in error:
        return UserError(f"{path}: the voxels do not fit in memory, crop the scan before it is exported")
    lines = [line.strip() for line in error.replace("ITK ERROR:", "\n").splitlines() if line.strip()]
    reason = re.sub(r"^\w+\(0x[0-9a-f]+\):\s*", "", lines[-1]) if lines else "no reason given"
    if "determine ImageIO" in error or "Unable to determine" in error:
        reason = "SimpleITK does not know its content"
    return UserError(
        f"{path}: cannot be read ({reason[:150].rstrip('.')}), check that the file is whole and its suffix right"
    )


def read_metadata(reader: Any) -> dict[str, str]:
    """The keys and values of the header that are text."""
    found = {}
    for key in reader.GetMetaDataKeys():
        try:
            found[key] = reader.GetMetaData(key)
        except UnicodeDecodeError:
            continue
    return found


def name_file(path: Path, matrix: np.ndarray) -> Direction:
    """The axes; a UserError that names the file where they are not at right angles."""
    try:
        return check_direction(matrix)
    except UserError:
        raise UserError(f"{path}: {SKEWED}") from None


def compare_forms(reader: Any, image: Any) -> tuple[str, ...]:
    """A sentence where the sform of a NIfTI header says another place than the one that was read, which is the qform's.

    Source: the NIfTI-1 header file, methods 2 and 3 of its orientation.
    """
    metadata = read_metadata(reader)
    if metadata.get("sform_code", "0") == "0" or metadata.get("qform_code", "0") == "0":
        return ()
    try:
        rows = np.array([[float(word) for word in metadata[f"srow_{axis}"].split()] for axis in "xyz"])
        rows *= {1: 1e3, 3: 1e-3}.get(int(metadata.get("xyzt_units", "2")) & 7, 1.0)
    except (KeyError, ValueError):
        return ()
    count = image.GetDimension()
    spacing, size = np.array(image.GetSpacing()[:3]), np.array(image.GetSize()[:3])
    axes = np.reshape(image.GetDirection(), (count, count))[:3, :3]
    # NIfTI's x and y run to the right and the front, ITK's to the left and the back.
    read = np.column_stack([axes * spacing, image.GetOrigin()[:3]]) * np.array([-1, -1, 1])[:, None]
    if rows.shape != (3, 4):
        return ()
    corners = np.array([[i, j, k, 1] for i in (0, 1) for j in (0, 1) for k in (0, 1)]) * [*size, 1]
    if np.abs(corners @ (rows - read).T).max() <= SAME * spacing.min():
        return ()
    return ("The header gives two places (sform and qform) that differ; that of the qform was taken.",)
