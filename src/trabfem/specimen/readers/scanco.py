"""Files of Scanco Medical's scanners with CTDATA-HEADER_V1: images (ISQ), contours (GOBJ), projections (RSQ).

The header is 512 bytes of little-endian int32. Source: the layout Scanco Medical publishes for importing .isq into
other programs; the blocks of calibration after it as ITKIOScanco (Kitware) reads them.
"""

import math
from pathlib import Path

import numpy as np

from trabfem.errors import UserError
from trabfem.specimen.place import IDENTITY, Triple, point_at
from trabfem.specimen.readers.aim import calibration_from
from trabfem.specimen.readers.raw import Calibration, Raw, check_memory, import_package

MAGIC = b"CTDATA-HEADER_V1"
BLOCK = 512
KINDS = {6: "contours (GOBJ)", 9: "a radiograph (RAD)"}
"""Types of data, in word 4, that are no image of voxels."""
LONGEST_HEADER = 64 * 1024 * 1024
LARGEST_SIDE = 65536


def read_isq(path: Path, which: str | int | None) -> Raw:
    """Scanco ISQ: int16 values, x fastest.

    Bytes 44, 56 and 508 hold the voxels (x, y, z), the extent in micrometres and the data's offset in blocks of 512
    less one. The middle of the first voxel is the origin of the scan's frame, as in AIM files cut from it.
    """
    words, offset = read_header(path)
    x, y, z = (int(n) for n in words[11:14])
    extent = words[14:17] / 1000
    if int(words[4]) in KINDS:
        raise UserError(f"{path}: holds {KINDS[int(words[4])]}, no image of voxels; give the ISQ or AIM of the scan")
    if min(x, y, z) <= 0 or path.stat().st_size < offset + 2 * x * y * z:
        raise UserError(f"{path}: the file is shorter than the {x} x {y} x {z} voxels of its header, copy it again")
    values = np.fromfile(path, dtype="<i2", count=x * y * z, offset=offset)
    edges = (float(extent[0]) / x, float(extent[1]) / y, float(extent[2]) / z)
    if min(edges) <= 0:
        return Raw(values.reshape(z, y, x).T)
    calibration = find_calibration(path, offset, int(words[22]))
    return Raw(values.reshape(z, y, x).T, edges, origin=corner((0, 0, 0), edges), calibration=calibration)


def read_header(path: Path) -> tuple[np.ndarray, int]:
    """The 128 words of the header, and the offset of the data in bytes."""
    with path.open("rb") as file:
        head = file.read(BLOCK)
    if len(head) < BLOCK or not head.startswith(MAGIC):
        raise UserError(
            f"{path}: does not begin like an {path.suffix[1:4].upper()} file, check that it is one and whole"
        )
    words = np.frombuffer(head, dtype="<i4")
    offset = (int(words[127]) + 1) * BLOCK
    if not BLOCK <= offset <= path.stat().st_size:
        raise UserError(f"{path}: the header says that the data begin beyond the end of the file, copy it again")
    return words, offset


def corner(first: tuple[int, int, int], edges: Triple) -> Triple:
    """Outer corner of the first voxel, whose middle is at its number in the scan times the edges."""
    return point_at((0.0, 0.0, 0.0), IDENTITY, edges, np.asarray(first) - 0.5)


def find_calibration(path: Path, offset: int, scaling: int) -> Calibration | None:
    """From stored values to mg HA/cm³ by the block "Calibration" of the longer header; None where there is none.

    A block of names, of 128 bytes each, is followed by what they name in order; bytes 24 of each is its blocks of 512.
    """
    with path.open("rb") as file:
        head = file.read(min(offset, LONGEST_HEADER))
    names = 2 * BLOCK if head[BLOCK + 8 :].startswith(b"MultiHeader     ") else BLOCK
    at = names + BLOCK
    for entry in (head[names + 128 * k : names + 128 * (k + 1)] for k in range(4)):
        size = int.from_bytes(entry[24:28], "little", signed=True) * BLOCK
        if size < 0 or at + size > len(head):
            return None
        if entry[8:24] == b"Calibration     " and size >= 2 * BLOCK:
            block = head[at : at + size]
            slope, intercept, water = (from_vms_double(block[k : k + 8]) for k in (664, 672, 688))
            unit = block[648:664].split(b"\0")[0].decode("latin-1")
            return calibration_from(float(scaling), slope, intercept, unit, water, "the header of the ISQ file")
        at += size
    return None


def from_vms_double(raw: bytes) -> float:
    """A VMS G-float: the four halves are in reverse order, and the exponent is larger by two."""
    return float(np.frombuffer(raw, "<u2")[::-1].copy().view("<f8")[0]) / 4


def read_rsq(path: Path, which: str | int | None) -> Raw:
    """RSQ and RAD files are refused: what they hold is no image of voxels."""
    raise UserError(f"{path}: holds raw projections of the scanner, give the ISQ or AIM reconstructed from them")


def read_gobj(path: Path, which: str | int | None) -> Raw:
    """Contours as the mask that they enclose, in the place of the scan."""
    words, _ = read_header(path)
    if int(words[4]) != 6:
        raise UserError(f"{path}: holds data of type {words[4]} where contours have 6, check that it is a GOBJ file")
    gobj = import_package("py_aimio")
    info = gobj.gobj_info(path)
    sides = [int(n) for n in info["dimensions"]]
    if min(sides) <= 0 or max(sides) > LARGEST_SIDE or any(abs(int(n)) > LARGEST_SIDE for n in info["position"]):
        raise UserError(f"{path}: the contours span {sides} voxels, which no scan has: export them again")
    # The contours of a slice are drawn on planes of numbers of 8 bytes.
    check_memory(path, math.prod(sides) + 16 * sides[0] * sides[1], 1)
    mask, _ = gobj.read_gobj(path, value=1)
    edges = tuple(float(h) for h in info["spacing"])
    empty = int(np.count_nonzero(~mask.any(axis=(1, 2))))
    notes = ("The mask is what the contours enclose.",)
    if empty:
        notes += (f"{empty} of the {len(mask)} slices between the first and the last contour have none and are void.",)
    x, y, z = info["position"]
    known = len(edges) == 3 and min(edges) > 0
    spacing = (edges[0], edges[1], edges[2]) if known else None
    origin = corner((x, y, z), spacing) if spacing is not None else (0.0, 0.0, 0.0)
    return Raw(mask.T, spacing, origin=origin, is_mask=True, notes=notes)
