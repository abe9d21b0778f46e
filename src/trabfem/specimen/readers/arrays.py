"""numpy's own files: arrays in the order (z, y, x)."""

from pathlib import Path

import numpy as np

from trabfem.errors import UserError
from trabfem.specimen.readers.raw import Raw, Triple
from trabfem.specimen.voxels import Specimen


def read_npz(path: Path, threshold: float | int | None) -> Raw:
    """`mask`, `fill` (0..1 or uint8 0..255) or `gray`, (z, y, x), with `spacing_zyx_mm` and `origin_zyx_mm`."""
    with np.load(path, allow_pickle=False) as data:
        keys = [key for key in ("mask", "fill", "gray") if key in data]
        if not keys:
            raise UserError(
                f"{path}: has {', '.join(data) or 'nothing'}, but needs an array mask, fill or gray (z, y, x)"
            )
        array = data[keys[0]].T
        spacing = _reverse_axes(data["spacing_zyx_mm"]) if "spacing_zyx_mm" in data else None
        origin = _reverse_axes(data["origin_zyx_mm"]) if "origin_zyx_mm" in data else (0.0, 0.0, 0.0)
    return Raw(array, spacing, keys[0] == "fill", origin)


def _reverse_axes(values: np.ndarray) -> Triple:
    """One number or three (z, y, x) as (x, y, z)."""
    z, y, x = np.broadcast_to(np.ravel(values), (3,)).tolist()
    return x, y, z


def read_npy(path: Path, threshold: float | int | None) -> Raw:
    """One array, (z, y, x); no spacing."""
    return Raw(np.load(path, allow_pickle=False).T)


def write_npz(specimen: Specimen, path: Path) -> None:
    """`fill` as uint8, round(255 fill): the voxels of at least one half stay the same."""
    fill = np.rint(255 * specimen.fill.astype(np.float64)).astype(np.uint8)
    arrays = {"fill": fill.T, "spacing_zyx_mm": np.array(specimen.spacing[::-1]), "notes": np.array(specimen.notes)}
    if any(specimen.origin):
        arrays["origin_zyx_mm"] = np.array(specimen.origin[::-1])
    np.savez_compressed(path, **arrays)  # pyright: ignore[reportArgumentType]
