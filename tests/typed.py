"""What the annotations of libraries leave open, read as what it is."""

from collections.abc import Iterable
from typing import Any

import h5py
import numpy as np
from matplotlib.collections import Collection
from matplotlib.lines import Line2D


def triple(values: Iterable[float]) -> tuple[float, float, float]:
    """Three numbers, one an axis; a ValueError where there are more or fewer."""
    x, y, z = values
    return x, y, z


def read_dataset(file: h5py.File, name: str) -> np.ndarray:
    """The values of an HDF5 data set, of the type and shape that they have in the file."""
    found = file[name]
    assert isinstance(found, h5py.Dataset)
    return np.asarray(found[...])


def points_of(line: Line2D) -> tuple[np.ndarray, np.ndarray]:
    """x and y of a drawn line."""
    return np.asarray(line.get_xdata()), np.asarray(line.get_ydata())


def corners_of(band: Collection) -> np.ndarray:
    """Corners (n, 2) of the first patch of a band."""
    return np.asarray(band.get_paths()[0].vertices)


def count_compilations(compiled: Any) -> int:
    """For how many kinds of arguments a function under `jax.jit` has been compiled so far."""
    return compiled._cache_size()
