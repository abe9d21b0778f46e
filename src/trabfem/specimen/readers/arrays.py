"""numpy's own files: arrays in the order (z, y, x)."""

import math
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import psutil

from trabfem.errors import UserError
from trabfem.specimen.place import IDENTITY, check_direction
from trabfem.specimen.readers.raw import Raw, Triple
from trabfem.specimen.voxels import MAPS, Specimen

PACKED = 1100
"""zlib packs at most so many bytes in one."""


def read_npz(path: Path, which: str | int | None) -> Raw:
    """`mask`, `fill` (0..1 or uint8 0..255) or `gray`, (z, y, x), `spacing_zyx_mm`, and all that `write_npz` writes.

    `which`: the name of another array to read in their place.
    """
    with zipfile.ZipFile(path) as file:
        # np.load takes "mask.npy" in the archive for "mask".
        names = {entry.filename.removesuffix(".npy"): entry for entry in file.infolist()}
        keys = [key for key in ("mask", "fill", "gray") if key in names]
        key = str(which) if which is not None else next(iter(keys), "")
        if key not in names:
            known = " ".join(", ".join(names).split()) or "nothing"
            if which is not None:
                raise UserError(f"{path}: has {known}, but no array {key!r}")
            raise UserError(
                f"{path}: has {known}, but needs an array mask, fill or gray (z, y, x); or give one's name as array"
            )

        def load(name: str) -> np.ndarray:
            return load_member(path, file, names[name])

        spacing = _reverse_axes(path, load("spacing_zyx_mm")) if "spacing_zyx_mm" in names else None
        origin = _reverse_axes(path, load("origin_zyx_mm")) if "origin_zyx_mm" in names else (0.0, 0.0, 0.0)
        direction = check_direction(load("direction_xyz")) if "direction_xyz" in names else IDENTITY
        maps = {name: load(name).T for name in MAPS if name in names and name != key}
        array, notes = drop_single_axes(path, load(key))
        if which is None and len(keys) > 1:
            notes += (f"The array {key!r} was taken, {' and '.join(map(repr, keys[1:]))} left.",)
        return Raw(array.T, spacing, key == "fill", origin, direction, maps=maps, notes=notes)


def load_member(path: Path, file: zipfile.ZipFile, entry: zipfile.ZipInfo) -> np.ndarray:
    """An array of an archive. UserError where its header claims more than its bytes can hold."""
    if entry.file_size > PACKED * max(entry.compress_size, 1):
        raise UserError(
            f"{path}: {entry.filename} claims {entry.file_size:.3g} bytes that are not there, export it again"
        )
    with file.open(entry) as stream:
        check_header(path, stream, entry.file_size, entry.filename)
    with file.open(entry) as stream:
        return np.lib.format.read_array(stream, allow_pickle=False)


def check_header(path: Path, stream: Any, size: int, name: str) -> None:
    """UserError unless the header of an array fits the `size` of its bytes, these fit in memory and are numbers."""
    version = np.lib.format.read_magic(stream)
    if version not in ((1, 0), (2, 0)):
        raise UserError(f"{path}: {name} is not a plain array of numbers, save it as one")
    read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    shape, _, dtype = read(stream)
    if dtype.hasobject:
        raise UserError(f"{path}: {name} holds Python objects, which are not read; save it as an array of numbers")
    claimed = math.prod(shape) * dtype.itemsize
    if min(shape, default=1) < 0 or claimed > size:
        shown = " x ".join(map(str, shape))
        raise UserError(f"{path}: {name} claims {shown} values of {dtype}, more than its bytes can hold; copy it again")
    free = psutil.virtual_memory().available
    if claimed > free:
        raise UserError(
            f"{path}: {name} takes {claimed / 2**30:.3g} GB and {free / 2**30:.3g} GB of memory are free; crop the scan"
        )


def drop_single_axes(path: Path, array: np.ndarray) -> tuple[np.ndarray, tuple[str, ...]]:
    """The array with three axes, and a sentence where axes of one value were left out.

    UserError where there are more than three axes and it cannot be known which are z, y and x.
    """
    if array.ndim <= 3:
        return array, ()
    shown = " x ".join(map(str, array.shape))
    if array.shape.count(1) != array.ndim - 3:
        raise UserError(
            f"{path}: which of the axes {shown} are z, y and x cannot be known; save an array of those three"
        )
    return array.squeeze(), (f"Axes of one value were left out: {shown} values were read as (z, y, x).",)


def _reverse_axes(path: Path, values: np.ndarray) -> Triple:
    """One number or three (z, y, x) as (x, y, z)."""
    if values.size not in (1, 3) or not (np.issubdtype(values.dtype, np.number) and np.all(np.isreal(values))):
        raise UserError(f"{path}: spacing and origin are one number or three (z, y, x), not {values.tolist()!r:.60}")
    z, y, x = (float(value) for value in np.real(np.broadcast_to(np.ravel(values), (3,))))
    return x, y, z


def read_npy(path: Path, which: str | int | None) -> Raw:
    """One array, (z, y, x); no spacing."""
    with path.open("rb") as file:
        check_header(path, file, path.stat().st_size, path.name)
        file.seek(0)
        array, notes = drop_single_axes(path, np.lib.format.read_array(file, allow_pickle=False))
    return Raw(array.T, notes=notes)


def write_npz(specimen: Specimen, path: Path) -> None:
    """`fill` as uint8, round(255 fill): the voxels of at least one half stay the same. Place and maps go with it."""
    fill = np.rint(255 * specimen.fill.astype(np.float64)).astype(np.uint8)
    arrays = {"fill": fill.T, "spacing_zyx_mm": np.array(specimen.spacing[::-1]), "notes": np.array(specimen.notes)}
    if any(specimen.origin):
        arrays["origin_zyx_mm"] = np.array(specimen.origin[::-1])
    if specimen.direction != IDENTITY:
        arrays["direction_xyz"] = np.array(specimen.direction)
    arrays |= {name: values.T for name, values in specimen.maps.items()}
    np.savez_compressed(path, **arrays)  # pyright: ignore[reportArgumentType]
