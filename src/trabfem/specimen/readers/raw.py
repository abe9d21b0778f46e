"""The values that every reader returns, and the import of optional packages."""

import importlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from trabfem.errors import UserError
from trabfem.memory import free_memory
from trabfem.specimen.place import IDENTITY, Direction
from trabfem.specimen.presets import DENSITY_UNIT

Triple = tuple[float, float, float]
PACKAGES = {
    "SimpleITK": "images",
    "tifffile": "images",
    "imagecodecs": "images",
    "py_aimio": "images",
    "pydicom": "images",
    "PIL": "images",
}
"""Optional packages, and the extra of trabfem that brings each."""


@dataclass(frozen=True)
class Calibration:
    """From stored values to physical ones: slope × value + intercept, in `unit`; `source`: who says so."""

    slope: float
    intercept: float
    unit: str = DENSITY_UNIT
    source: str = "the file"

    def __call__(self, values: np.ndarray) -> np.ndarray:
        """The physical values, float32."""
        return (np.float32(self.slope) * values.astype(np.float32) + np.float32(self.intercept)).astype(np.float32)


@dataclass(frozen=True)
class Raw:
    """The content of a file.

    - `array`: values with axes (x, y, z): the reader turns its format's order
    - `spacing`: voxel edges in mm, None where the file has none
    - `is_fill`: whether the values are fractions of bone, 0..1 or 0..255 in eight bits
    - `origin`, `direction`: where the outer corner of the first voxel lies, mm, and the axes of the voxels in columns
    - `is_mask`: whether every value but zero is bone, whatever the values are
    - `calibration`: what turns stored values into mg HA/cm³ or HU, None where the file does not say
    - `outside`: the stored value of voxels outside the field of view, None where the file does not say
    - `maps`: what the file has of each voxel beside `array`, by the names of `Specimen.maps`: labels, modulus (MPa) ...
    - `no_spacing`: why there is no spacing, where that can be said better than that the file has none
    - `notes`: what was taken and what was left, in sentences
    - `label_names`: what the labels in `array` stand for, where the file says so
    """

    array: np.ndarray
    spacing: Triple | None = None
    is_fill: bool = False
    origin: Triple = (0.0, 0.0, 0.0)
    direction: Direction = IDENTITY
    is_mask: bool = False
    calibration: Calibration | None = None
    outside: float | None = None
    maps: Mapping[str, np.ndarray] = field(default_factory=dict)
    no_spacing: str = ""
    notes: tuple[str, ...] = ()
    label_names: Mapping[int, str] = field(default_factory=dict)


Reader = Callable[[Path, str | int | None], Raw]
"""From a path and which of several arrays, fields, layers or series was asked for, by name or number (from 0)."""


def import_package(module: str) -> Any:
    """An optional package, or a UserError that says how to get it."""
    try:
        return importlib.import_module(module)
    except ImportError:
        package = module.split(".")[0]
        raise UserError(f"this file needs {package}: pip install 'trabfem[{PACKAGES[package]}]'") from None


def check_memory(path: Path, count: int, itemsize: int) -> None:
    """UserError where so many voxels of so many bytes are more than the free memory: a damaged header says anything."""
    needed, free = count * itemsize, free_memory()
    if needed > free:
        raise UserError(
            f"{path}: its {count:.3g} voxels take {needed / 1e9:.3g} GB and {free / 1e9:.3g} GB are free, crop the "
            "scan before it is exported, or copy the file again if it is not that large"
        )


def choose(path: Path, which: str | int | None, names: list[str], what: str) -> int:
    """The number of the array called `which`, or with that number; the only one if None.

    UserError that lists the `names` where there are several, or where none is called so. `what` says what they are in
    the plural, such as "cell fields".
    """
    listed = ", ".join(f"{name!r}" for name in names)
    if which is None:
        if len(names) == 1:
            return 0
        raise UserError(f"array = not given: {path} holds {len(names)} {what}, {listed}; give one of them")
    if str(which) in names:
        return names.index(str(which))
    if str(which).isdecimal() and int(which) < len(names):
        return int(which)
    raise UserError(f"array = {which!r}: {path} holds the {what} {listed}; give one of them")
