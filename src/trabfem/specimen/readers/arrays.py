"""numpy's own files: arrays in the order (z, y, x)."""

from pathlib import Path

import numpy as np

from trabfem.errors import UserError
from trabfem.specimen.place import IDENTITY, check_direction
from trabfem.specimen.readers.raw import Raw, Triple
from trabfem.specimen.voxels import MAPS, Specimen


def read_npz(path: Path, which: str | int | None) -> Raw:
    """`mask`, `fill` (0..1 or uint8 0..255) or `gray`, (z, y, x), `spacing_zyx_mm`, and all that `write_npz` writes.

    `which`: the name of another array to read in their place.
    """
    with np.load(path, allow_pickle=False) as data:
        keys = [key for key in ("mask", "fill", "gray") if key in data]
        key = str(which) if which is not None else next(iter(keys), "")
        if key not in data:
            known = ", ".join(data) or "nothing"
            wanted = "an array mask, fill or gray (z, y, x)" if which is None else f"no array {key!r}"
            raise UserError(f"{path}: has {known}, but {'needs ' if which is None else ''}{wanted}")
        spacing = _reverse_axes(data["spacing_zyx_mm"]) if "spacing_zyx_mm" in data else None
        origin = _reverse_axes(data["origin_zyx_mm"]) if "origin_zyx_mm" in data else (0.0, 0.0, 0.0)
        direction = check_direction(data["direction_xyz"]) if "direction_xyz" in data else IDENTITY
        maps = {name: data[name].T for name in MAPS if name in data and name != key}
        return Raw(data[key].T, spacing, key == "fill", origin, direction, maps=maps)


def _reverse_axes(values: np.ndarray) -> Triple:
    """One number or three (z, y, x) as (x, y, z)."""
    z, y, x = np.broadcast_to(np.ravel(values), (3,)).tolist()
    return x, y, z


def read_npy(path: Path, which: str | int | None) -> Raw:
    """One array, (z, y, x); no spacing."""
    return Raw(np.load(path, allow_pickle=False).T)


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
