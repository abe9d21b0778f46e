"""The values that every reader returns, and the import of optional packages."""

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from trabfem.errors import UserError

Triple = tuple[float, float, float]
PACKAGES = {"SimpleITK": "images", "tifffile": "images"}
"""Optional packages, and the extra of trabfem that brings each."""


@dataclass(frozen=True)
class Raw:
    """The content of a file.

    - `array`: values with axes (x, y, z): the reader turns its format's order
    - `spacing`: voxel edges in mm, None where the file has none
    - `is_fill`: whether the values are fractions of bone, 0..1 or 0..255 in eight bits
    - `origin`: where the outer corner of the first voxel lies, mm
    """

    array: np.ndarray
    spacing: Triple | None = None
    is_fill: bool = False
    origin: Triple = (0.0, 0.0, 0.0)


Reader = Callable[[Path, float | int | None], Raw]
"""From a path and the threshold that was asked for, which only formats with several fields look at."""


def import_package(module: str) -> Any:
    """An optional package, or a UserError that says how to get it."""
    try:
        return importlib.import_module(module)
    except ImportError:
        raise UserError(f"this file needs {module}: pip install 'trabfem[{PACKAGES[module]}]'") from None
