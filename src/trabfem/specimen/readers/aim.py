"""AIM images of Scanco Medical's scanners, versions 020 and 030.

The layout is that of two open readers, AimIO (Numerics88) and ITKIOScanco (Kitware). A file begins with a list of the
sizes of its blocks: the list itself, a record of fixed layout, the processing log as text, the voxels, and associated
data. Version 020 has numbers of 32 bits and floats of VMS; 030 begins with its name and has numbers of 64 bits. Every
size is checked against the length of the file before anything is allocated.
"""

import math
import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from trabfem.errors import UserError
from trabfem.specimen.place import IDENTITY, Triple, point_at
from trabfem.specimen.readers.raw import DENSITY_UNIT, Calibration, Raw, check_memory
from trabfem.specimen.segmentation import MOST_LABELS

MAGIC = b"AIMDATA_V030   \0"
LIST_020, LIST_030 = 20, 40
"""Bytes of the list of blocks, which has five numbers."""
_TRIPLES = ("position", "shape", "border", "_supdim", "_suppos", "_subdim", "_testoff")
RECORD_020 = np.dtype([("_head", "<i4", 5), ("type", "<i4"), *((name, "<i4", 3) for name in _TRIPLES), ("edge", "V12")])
RECORD_030 = np.dtype(
    [("_head", "<i4", 3), ("type", "<i4"), *((name, "<i8", 3) for name in _TRIPLES), ("nm", "<i8", 3)]
)
VMS_FLOAT, RUNS_OF_TWO, RUNS, BITS = 0x40004, 0x150001, 0x80002, 0x60001
PLAIN = {0x10001: "i1", 0xD0001: "u1", 0x160001: "u1", 0x20002: "<i2", 0x170002: "<u2", 0x30004: "<i4", 0x1A0004: "<f4"}
"""Types whose voxels are stored as they are."""
LONGEST_RUN = 255
LEAST_SLOPE = 1e-6
"""A line from stored values to density beyond this, or its inverse, is that of a damaged header."""
NUMBER = r"([-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?)"


@dataclass(frozen=True)
class Header:
    """What stands before the voxels: shape, position and border in voxels (x, y, z), edges in mm."""

    shape: tuple[int, int, int]
    position: Triple
    border: tuple[int, int, int]
    edges: Triple
    type: int
    is_030: bool
    log: str


def read_aim(path: Path, which: str | int | None) -> Raw:
    """An AIM image with its place, and the calibration in its processing log.

    The file counts voxels of the whole scan from 0; the middle of voxel (i, j, k) is taken to lie at (i, j, k) times
    its edges, as ITKIOScanco and 3-D Slicer do. Eight-bit images are masks and labels, which have no density.
    """
    header, data = read_blocks(path)
    array = decode(header, data, path)
    notes: tuple[str, ...] = ()
    if any(header.border):
        notes += (f"The outer {header.border} voxels (x, y, z) of each side are the border of the AIM, without image.",)
    calibration = calibration_of(header.log)
    is_mask = False
    if array.dtype.itemsize == 1:
        values = values_of_bytes(array)
        is_mask, calibration = len(values) == 2 and 0 in values, None
    elif calibration is not None and are_labels(array):
        notes += (
            "The few whole numbers in the file are a mask or labels: the density calibration in its log was left out.",
        )
        calibration = None
    edges = header.edges if min(header.edges) > 0 else None
    origin = (0.0, 0.0, 0.0)
    if edges is not None:
        first = np.asarray(header.position) - 0.5
        origin = point_at(origin, IDENTITY, edges, first)
    return Raw(array.T, edges, origin=origin, is_mask=is_mask, calibration=calibration, notes=notes)


def read_blocks(path: Path) -> tuple[Header, bytes]:
    """The header and the bytes of the voxels; UserError where the file is not a whole AIM."""
    length = path.stat().st_size
    with path.open("rb") as file:
        begin = file.read(16 + LIST_030)
        is_030 = begin.startswith(MAGIC)
        start = 16 if is_030 else 0
        count, kind = (LIST_030, "<i8") if is_030 else (LIST_020, "<i4")
        record_type = RECORD_030 if is_030 else RECORD_020
        if len(begin) < start + count:
            raise UserError(f"{path}: the file ends within the header of an AIM, copy it again")
        sizes = [int(n) for n in np.frombuffer(begin[start : start + count], kind)]
        if sizes[0] != count or sizes[1] < record_type.itemsize:
            older = sizes[0] == 16 or (sizes[0] == count and 80 < sizes[1] < record_type.itemsize)
            known = "an AIM before version 020" if older else "not an AIM of version 020 or 030"
            raise UserError(f"{path}: the file is {known}, export it again from the scanner's software as AIM or ISQ")
        if min(sizes[1:4]) < 0 or start + sum(sizes[:4]) > length:
            raise UserError(f"{path}: the file is shorter than its header says, copy it again (FTP in binary mode)")
        file.seek(start + count)
        record = np.frombuffer(file.read(sizes[1])[: record_type.itemsize], record_type)[0]
        log = file.read(sizes[2]).split(b"\0")[0].decode("latin-1")
        header = as_header(record, log, is_030, path)
        return header, file.read(sizes[3])


def as_header(record: np.void, log: str, is_030: bool, path: Path) -> Header:
    """The header from the record of fixed layout, checked."""
    shape, position, border = ([int(n) for n in record[name]] for name in ("shape", "position", "border"))
    if is_030:
        edges = [int(n) / 1e6 for n in record["nm"]]
    else:
        edges = from_vms(bytes(record["edge"])).astype(float).round(7).tolist()
    if min(shape) <= 0 or any(b < 0 or 2 * b >= n for b, n in zip(border, shape, strict=True)):
        raise UserError(
            f"{path}: the header says {shape[0]} x {shape[1]} x {shape[2]} voxels with a border of {border}, it is "
            "damaged: copy the file again"
        )
    if not np.all(np.isfinite(edges)) or max(map(abs, position)) > 2**31:
        raise UserError(f"{path}: the place and size of the voxels in the header are no numbers, copy the file again")
    (x, y, z), (p, q, r), (b, c, d), (e, f, g) = shape, position, border, edges
    return Header((x, y, z), (float(p), float(q), float(r)), (b, c, d), (e, f, g), int(record["type"]), is_030, log)


def decode(header: Header, data: bytes, path: Path) -> np.ndarray:
    """Voxels (z, y, x) from the block of data."""
    shape = header.shape[::-1]
    compressed = header.type in (RUNS_OF_TWO, RUNS)
    inner = tuple(n - 2 * b if compressed else n for n, b in zip(shape, header.border[::-1], strict=True))
    count = math.prod(inner)
    if header.type in PLAIN or header.type == VMS_FLOAT:
        dtype = np.dtype(PLAIN.get(header.type, "<f4"))
        if len(data) < count * dtype.itemsize:
            raise too_short(path, header)
        raw = data[: count * dtype.itemsize]
        return (from_vms(raw) if header.type == VMS_FLOAT else np.frombuffer(raw, dtype)).reshape(shape)
    # The number of bytes of runs comes first, in four or eight bytes.
    body = np.frombuffer(data, np.uint8)[8 if header.is_030 else 4 :]
    if compressed and count > LONGEST_RUN * len(body):
        raise too_short(path, header)
    check_memory(path, math.prod(shape), 1)
    if header.type == RUNS_OF_TWO:
        values = decode_two(body, count)
    elif header.type == RUNS:
        pairs = body[: len(body) // 2 * 2].reshape(-1, 2)
        values = repeat(pairs[:, 0], pairs[:, 1], count)
    elif header.type == BITS:
        return decode_bits(np.frombuffer(data, np.uint8), shape, path, header)
    else:
        raise UserError(
            f"{path}: voxels of type {header.type:#x} are not read, convert them in the scanner's software to char, "
            "short or float"
        )
    if values is None:
        raise too_short(path, header)
    border = [(b, b) for b in header.border[::-1]]
    block = values.view(np.int8).reshape(inner)
    return np.pad(block, border) if any(header.border) else block


def too_short(path: Path, header: Header) -> UserError:
    """That the data do not make the voxels of the header."""
    x, y, z = header.shape
    return UserError(f"{path}: the data do not make the {x} x {y} x {z} voxels of the header, copy the file again")


def repeat(values: np.ndarray, lengths: np.ndarray, count: int) -> np.ndarray | None:
    """Each value as often as its length says; None unless that makes `count` of them."""
    return np.repeat(values, lengths) if int(lengths.sum(dtype=np.int64)) == count else None


def decode_two(body: np.ndarray, count: int) -> np.ndarray | None:
    """Runs of two values in turn: the two values, then lengths. 255 is a run of 254 that the next one goes on with."""
    if len(body) < 3:
        return None
    lengths = body[2:]
    goes_on = lengths == 255
    turns = np.concatenate([[0], np.cumsum(~goes_on[:-1]) & 1])
    return repeat(body[:2][turns], np.where(goes_on, 254, lengths), count)


def decode_bits(body: np.ndarray, shape: tuple[int, ...], path: Path, header: Header) -> np.ndarray:
    """One bit a voxel: a byte has 2 × 2 × 2 voxels, x first; the last byte is the value of those that are set."""
    blocks = tuple((n + 1) // 2 for n in shape)
    count = math.prod(blocks)
    if len(body) < count + 1:
        raise too_short(path, header)
    bits = np.unpackbits(body[:count, None], axis=1, bitorder="little").reshape(*blocks, 2, 2, 2)
    voxels = bits.transpose(0, 3, 1, 4, 2, 5).reshape([2 * n for n in blocks])
    z, y, x = shape
    return (voxels[:z, :y, :x] * (body[count] or np.uint8(127))).view(np.int8)


def from_vms(raw: bytes) -> np.ndarray:
    """VMS F-floats: the halves are swapped, and the exponent is larger by two."""
    halves = np.frombuffer(raw[: len(raw) // 4 * 4], "<u2").reshape(-1, 2)[:, ::-1]
    with np.errstate(invalid="ignore"):
        return np.ascontiguousarray(halves).view("<f4")[:, 0] / np.float32(4)


def values_of_bytes(array: np.ndarray) -> list[int]:
    """The different values of an image of eight bits, slice by slice: there may be 10⁹ voxels."""
    seen = np.zeros(256, bool)
    for each in array:
        seen[each.view(np.uint8)] = True
    return np.flatnonzero(seen).tolist()


def are_labels(array: np.ndarray) -> bool:
    """Whether there are so few whole numbers that they name parts of the bone."""
    if (
        array.dtype.kind not in "iu"
        or len(np.unique(array.reshape(-1)[:: max(1, array.size // 100_000)])) > MOST_LABELS
    ):
        return False
    return len(np.unique(array)) <= MOST_LABELS


def calibration_of(log: str) -> Calibration | None:
    """From stored values to mg HA/cm³ by the processing log, or to Hounsfield units where it has no density.

    ρ = slope μ + intercept and HU = 1000 (μ / μ_water - 1), with μ in 1/cm = stored value / Mu_Scaling.
    """
    keys = ("Mu_Scaling", "Density: slope", "Density: intercept", "HU: mu water")
    found = [re.search(rf"^\s*{re.escape(key)}\s+{NUMBER}\s*$", log, re.MULTILINE) for key in keys]
    scaling, slope, intercept, water = (None if match is None else float(match[1]) for match in found)
    unit = re.search(r"^\s*Density: unit\s+(\S.*?)\s*$", log, re.MULTILINE)
    source = "the processing log of the AIM file"
    return calibration_from(scaling, slope, intercept, "mg HA" if unit is None else unit[1], water, source)


def calibration_from(
    scaling: float | None, slope: float | None, intercept: float | None, unit: str, water: float | None, source: str
) -> Calibration | None:
    """The line from stored values to mg HA/cm³, or else to HU; None where the constants are missing or void."""
    if scaling is None or not scaling > 0:
        return None
    if slope is not None and intercept is not None and slope > 0 and "HA" in unit:
        line = slope / scaling, intercept, DENSITY_UNIT
    elif water is not None and water > 0:
        line = 1000 / (scaling * water), -1000.0, "HU"
    else:
        return None
    sane = LEAST_SLOPE < line[0] < 1 / LEAST_SLOPE and abs(line[1]) < 1 / LEAST_SLOPE
    return Calibration(*line, source) if sane else None
