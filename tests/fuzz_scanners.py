"""Damaged files of scanners: a reader gives values or one sentence, within a time and a memory, and never dies.

As a program: `fuzz_scanners.py FAMILY FIRST COUNT FOLDER` reads so many files under a limit of memory and prints what
became of them.
"""

import collections
import io
import json
import resource
import signal
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np

from fuzzing import peak_memory
from scanner_files import (
    BITS,
    CHAR,
    FLOAT,
    RUNS,
    RUNS_OF_TWO,
    SHORT,
    aim_020,
    aim_030,
    gobj,
    isq,
    many_frames,
    save,
    write_series,
)
from trabfem.errors import UserError
from trabfem.specimen import readers

MEMORY = 4 * 1024**3
SECONDS = 20
LARGE = (0x7F, 0xFF, 0x80, 0x00, 0x01)


class Late(BaseException):
    """A file that took too long."""


def volume() -> np.ndarray:
    """Small gray values (x, y, z)."""
    return np.random.default_rng(7).integers(0, 3000, (5, 6, 4)).astype(np.int16)


def aim_seeds(folder: Path) -> list[bytes]:
    """AIM files of both versions and all types."""
    gray = volume()
    shape, count = gray.shape, gray.size
    runs = bytes([0, 127, 7, 40, 3, 60, count - 110])
    pairs = bytes([0, 100, 127, count - 100])
    seeds = []
    for make, size in ((aim_020, 4), (aim_030, 8)):
        seeds += [
            make(shape, SHORT, gray.T.astype("<i2").tobytes()),
            make(shape, CHAR, (gray > 1500).astype(np.int8).T.tobytes()),
            make(shape, FLOAT, gray.T.astype("<f4").tobytes()),
            make(shape, RUNS_OF_TWO, bytes(size) + runs),
            make(shape, RUNS, bytes(size) + pairs),
            make(shape, BITS, bytes(range(3 * 3 * 2)) + b"\x7f"),
        ]
    return seeds


def isq_seeds(folder: Path) -> list[bytes]:
    """ISQ files with and without calibration."""
    return [isq(volume()), isq(volume(), calibration=False)]


def gobj_seeds(folder: Path) -> list[bytes]:
    """Contours on some slices."""
    return [gobj([(10, 5, 6, 4, 3), (11, 5, 6, 4, 3), (13, 6, 7, 5, 4)])]


def dicom_seeds(folder: Path) -> list[bytes]:
    """A file of many frames."""
    stream = io.BytesIO()
    save(many_frames(volume()), stream)
    return [stream.getvalue()]


def series_seeds(folder: Path) -> list[bytes]:
    """The second of the slices of a DICOM series; the others are whole."""
    write_series(folder / "series", volume(), np.eye(3), (0, 0, 0))
    return [(folder / "series" / "s002.dcm").read_bytes()]


def tiff_seeds(folder: Path) -> list[bytes]:
    """Stacks of every kind."""
    import tifffile

    pages = np.ascontiguousarray(volume().T.astype(np.uint16))
    eight = (pages // 12).astype(np.uint8)
    micrometres = {"axes": "ZYX"} | {f"PhysicalSize{axis}": 34 for axis in "XYZ"}
    kinds = [
        (pages, {"photometric": "minisblack"}),
        (pages, {"imagej": True, "resolution": (29, 29), "metadata": {"unit": "mm", "spacing": 0.034, "axes": "ZYX"}}),
        (pages, {"ome": True, "metadata": micrometres}),
        (eight, {"photometric": "minisblack", "compression": "zlib"}),
        (eight, {"photometric": "minisblack", "compression": "lzw"}),
        (eight, {"photometric": "miniswhite", "compression": "packbits"}),
        (eight > 100, {"photometric": "miniswhite"}),
        (pages, {"photometric": "minisblack", "bigtiff": True, "byteorder": ">"}),
        (pages, {"photometric": "minisblack", "tile": (16, 16)}),
        (np.stack([eight] * 3, -1), {"photometric": "rgb"}),
    ]
    seeds = []
    for values, how in kinds:
        stream = io.BytesIO()
        tifffile.imwrite(stream, values, **how)
        seeds.append(stream.getvalue())
    stream = io.BytesIO()
    with tifffile.TiffWriter(stream) as file:
        for page in eight:
            file.write(page, photometric="minisblack")
    return [*seeds, stream.getvalue()]


def slice_seeds(folder: Path) -> list[bytes]:
    """The second slice of a folder of images; the others are whole."""
    from PIL import Image

    seeds = []
    for kind in ("png", "bmp", "tiff", "jpeg"):
        stream = io.BytesIO()
        Image.fromarray((volume()[:, :, 1].T // 12).astype(np.uint8)).save(stream, kind)
        seeds.append(stream.getvalue())
    return seeds


FAMILIES: dict[str, tuple[Callable[[Path], list[bytes]], str]] = {
    "aim": (aim_seeds, "f.aim"),
    "isq": (isq_seeds, "f.isq"),
    "gobj": (gobj_seeds, "f.gobj"),
    "dicom": (dicom_seeds, "f.dcm"),
    "series": (series_seeds, "series/s002.dcm"),
    "tiff": (tiff_seeds, "f.tif"),
    "slices": (slice_seeds, "slices/s2"),
}
"""What the valid files are, and where the damaged one lies."""


def mutate(data: bytes, chance: np.random.Generator) -> bytes:
    """A file with some bytes changed, numbers of its header blown up, and perhaps cut, doubled or filled."""
    out = bytearray(data)
    for _ in range(int(chance.integers(1, 6))):
        kind = chance.integers(0, 7)
        # Headers decide most.
        end = len(out) if chance.random() < 0.5 else min(len(out), 600)
        at = int(chance.integers(0, max(1, end)))
        if kind <= 1:
            out[at : at + 1] = bytes([int(chance.integers(0, 256))])
        elif kind == 2:
            out[at] ^= 1 << int(chance.integers(0, 8)) if at < len(out) else 0
        elif kind == 3:
            size = int(chance.choice([2, 4, 8]))
            out[at : at + size] = bytes(chance.choice(LARGE, size).tolist())
        elif kind == 4:
            out = out[: int(chance.integers(0, len(out) + 1))]
        elif kind == 5:
            other = int(chance.integers(0, max(1, len(out))))
            size = int(chance.integers(1, 32))
            out[at : at + size] = out[other : other + size]
        else:
            out[at:at] = bytes(int(chance.integers(1, 40)))
        if not out:
            break
    return bytes(out)


def prepare(family: str, folder: Path) -> tuple[list[bytes], Path]:
    """The valid files of a family, and the path of the damaged one."""
    make, name = FAMILIES[family]
    seeds = make(folder)
    path = folder / name
    path.parent.mkdir(exist_ok=True, parents=True)
    return seeds, path


def read_one(family: str, seeds: list[bytes], path: Path, number: int) -> str:
    """ "read" or "refused" for the damaged file of this number."""
    chance = np.random.default_rng([number, *family.encode()])
    k = int(chance.integers(0, len(seeds)))
    data = mutate(seeds[k], chance)
    source = path
    if family == "slices":
        source = path.parent
        suffix = (".png", ".bmp", ".tif", ".jpg")[k]
        for each in source.iterdir():
            each.unlink()
        for name, content in (("s1", seeds[k]), ("s2", data), ("s3", seeds[k])):
            (source / (name + suffix)).write_bytes(content)
    else:
        path.write_bytes(data)
        source = path.parent if family == "series" else path
    try:
        raw = readers.read_content(source, None)
    except UserError as error:
        if "\n" in str(error):
            raise AssertionError(f"more than one line: {error}") from None
        return "refused"
    if raw.array.ndim != 3:
        raise AssertionError(f"{raw.array.ndim} dimensions")
    try:
        readers.make_specimen(raw, path.name, {"spacing": 0.034, "array": None})
    except UserError:
        return "read, no specimen"
    return "read"


def main(family: str, first: int, count: int, folder: Path) -> None:
    """Read damaged files under limits; what is not a value or a sentence is printed with its number."""
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    limit = pages * resource.getpagesize() + MEMORY
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    seeds, path = prepare(family, folder)
    found = collections.Counter[str]()
    faults = []

    def late(*_: object) -> None:
        raise Late

    signal.signal(signal.SIGALRM, late)
    for number in range(first, first + count):
        # What a crash leaves behind says which file it was.
        (folder / "number").write_text(str(number))
        signal.alarm(SECONDS)
        try:
            found[read_one(family, seeds, path, number)] += 1
        except BaseException as error:
            faults.append(f"{number}: {type(error).__name__} {error}"[:200])
        signal.alarm(0)
    peak = peak_memory() / 1024
    print(json.dumps({"family": family, "found": found, "faults": faults, "peak_MB": round(peak)}), flush=True)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), Path(sys.argv[4]))
