"""The values and header of an image through SimpleITK, for `images`. Run by `isolated_main`; imports no trabfem."""

import gzip
import math
import re
import zlib
from pathlib import Path
from typing import Any

import numpy as np

HEADER_BYTES = 1 << 16
CHUNK = 1 << 22
PACKED = 1100
"""zlib packs at most so many bytes in one."""
DATA_FILE = re.compile(rb"^(?:ElementDataFile\s*=|data ?file:)[ \t]*(.*?)\s*$", re.IGNORECASE | re.MULTILINE)
COMPRESSED = re.compile(rb"^(?:CompressedData\s*=\s*true|encoding:\s*(?!raw))", re.IGNORECASE | re.MULTILINE)
ADVICE = "check that the file is whole and its suffix right"


class FileError(Exception):
    """What is wrong with the file, in words that follow its name."""


def extract(path: Path, folder: Path) -> dict[str, Any]:
    """The header; the values, axes (..., z, y, x) and components last, in a file."""
    import SimpleITK as sitk

    check_data_file(path)
    reader = sitk.ImageFileReader()
    reader.SetFileName(str(path))
    try:
        reader.ReadImageInformation()
        check_claim(path, reader)
        check_nifti_is_whole(path, reader)
        image = reader.Execute()
    except RuntimeError as error:
        raise FileError(explain(str(error))) from None
    np.save(folder / "values.npy", sitk.GetArrayViewFromImage(image))
    return {
        "size": image.GetSize(),
        "components": image.GetNumberOfComponentsPerPixel(),
        "spacing": image.GetSpacing(),
        "origin": image.GetOrigin(),
        "direction": np.reshape(image.GetDirection(), (image.GetDimension(),) * 2).tolist(),
        "metadata": read_metadata(reader),
    }


def check_data_file(path: Path) -> None:
    """FileError where a header of its own names a file of values that is not there."""
    if path.suffix.lower() not in (".mhd", ".nhdr"):
        return
    name = find_data_file(path)
    if not name:
        raise FileError("names no file of values, export it again")
    if is_plain(name) and not (path.parent / name).is_file():
        raise FileError(f"its values are in {name!r}, which is not there; put both files in one folder")


def find_data_file(path: Path) -> str:
    """The name of the file of values in a header of its own, blank if there is none."""
    with path.open("rb") as file:
        found = DATA_FILE.search(file.read(HEADER_BYTES))
    return found.group(1).decode("utf-8", "replace").replace("\0", "") if found else ""


def is_plain(name: str) -> bool:
    """Whether it is one file, and neither a list nor a pattern of slices."""
    return not (name.upper().startswith(("LIST", "LOCAL")) or "%" in name)


def check_claim(path: Path, reader: Any) -> None:
    """FileError where the voxels of the header are more than the file can hold."""
    size = reader.GetSize()
    claimed = math.prod(size) * reader.GetNumberOfComponents() * bytes_of_pixel(reader)
    with path.open("rb") as file:
        packed = path.suffix.lower() == ".gz" or bool(COMPRESSED.search(file.read(HEADER_BYTES)))
    held = path.stat().st_size
    if path.suffix.lower() in (".mhd", ".nhdr"):
        name = find_data_file(path)
        parts = [path.parent / name] if is_plain(name) else [p for p in path.parent.iterdir() if p.is_file()]
        held = sum(part.stat().st_size for part in parts)
    if claimed > held * (PACKED if packed else 1):
        shown = " x ".join(map(str, size))
        raise FileError(f"its header tells of {shown} voxels, more than {held} bytes can hold; copy it again")


def check_nifti_is_whole(path: Path, reader: Any) -> None:
    """FileError where a NIfTI file ends before its values do, which SimpleITK reads as zeros or whatever was there."""
    if not path.name.lower().endswith((".nii", ".nii.gz")):
        return
    header = reader.GetMetaData("vox_offset") if reader.HasMetaDataKey("vox_offset") else "352"
    values = math.prod(reader.GetSize()) * reader.GetNumberOfComponents() * bytes_of_pixel(reader)
    needed = int(float(header)) + values
    held = path.stat().st_size
    with path.open("rb") as file:
        packed = file.read(2) == b"\x1f\x8b"
    if packed:
        held = 0
        try:
            with gzip.open(path) as file:
                while part := file.read(CHUNK):
                    held += len(part)
        except (EOFError, OSError, zlib.error):
            raise FileError("ends before its values do or is damaged on the way, copy it again") from None
    if held < needed:
        raise FileError(f"ends before its values do ({held} of {needed} bytes), copy it again")


def bytes_of_pixel(reader: Any) -> int:
    """Bytes of one component in the file: those of NIfTI may be scaled to another type."""
    import SimpleITK as sitk

    stored = reader.GetMetaData("bitpix") if reader.HasMetaDataKey("bitpix") else ""
    if stored.isdecimal():
        return max(int(stored) // 8, 1)
    bits = re.search(r"(\d+)-bit", sitk.GetPixelIDValueAsString(reader.GetPixelID()))
    return int(bits.group(1)) // 8 if bits else 1


def explain(error: str) -> str:
    """One sentence for a long text of SimpleITK."""
    if "orthonormal" in error or "irection" in error:
        return (
            "the axes of the voxels are not at right angles to each other (the image is sheared or skewed); resample "
            "it onto a rectangular grid, in 3-D Slicer by Resample Scalar Volume"
        )
    if "emory" in error or "alloc" in error:
        return "asks for more memory than its bytes can fill or the machine has; copy it again or crop it"
    lines = [line.strip() for line in error.replace("ITK ERROR:", "\n").splitlines() if line.strip()]
    reason = re.sub(r"^\w+\(0x[0-9a-f]+\):\s*", "", lines[-1]) if lines else "no reason given"
    if "determine ImageIO" in error:
        reason = "its content is not what its suffix says"
    return f"cannot be read ({reason[:150].rstrip('.')}), {ADVICE}"


def read_metadata(reader: Any) -> dict[str, str]:
    """The keys and values of the header that are text."""
    found = {}
    for key in reader.GetMetaDataKeys():
        try:
            found[key] = reader.GetMetaData(key)
        except UnicodeDecodeError:
            continue
    return found
