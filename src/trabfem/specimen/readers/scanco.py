"""Files of Scanco Medical's scanners."""

import math
from pathlib import Path

import numpy as np

from trabfem.errors import UserError
from trabfem.specimen.readers.raw import Raw


def read_isq(path: Path, which: str | int | None) -> Raw:
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
    return Raw(values.reshape(z, y, x).T, edges if math.prod(edges) > 0 else None)


def read_aim(path: Path, which: str | int | None) -> Raw:
    """AIM is not read: its layout is not published."""
    raise UserError(f"{path}: AIM files are not read, export .mha, .nii or .isq from the scanner's software")
