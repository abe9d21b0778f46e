"""Formats of medical imaging, through SimpleITK, which is imported where it is used: the optional extra [images]."""

import dataclasses
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from trabfem.specimen.place import check_direction, point_at
from trabfem.specimen.readers.isolated import extract
from trabfem.specimen.readers.layers import choose_layer
from trabfem.specimen.readers.raw import Raw, import_package

SAME = 0.05
"""Two places of a scan are the same if no corner differs by more than this part of a voxel."""


def read_image(path: Path, which: str | int | None) -> Raw:
    """Anything SimpleITK reads as 3-D images of numbers; 1 mm cubes are the formats' word for an unknown spacing.

    `which`: of several components, layers or segments, by name or number.
    """
    import_package("SimpleITK")
    with tempfile.TemporaryDirectory(prefix="trabfem-") as place:
        found = extract("extract_itk", path, Path(place))
        values = np.load(Path(place) / "values.npy")
    chosen = choose_layer(path, which, values, found)
    x, y, z, *_ = found["spacing"]
    if (x, y, z) == (1.0, 1.0, 1.0):
        return with_edges_of_sform(path, chosen, found)
    direction = check_direction([row[:3] for row in found["direction"][:3]])
    a, b, c, *_ = found["origin"]
    # These formats give the middle of the first voxel.
    origin = point_at((a, b, c), direction, (x, y, z), (-0.5, -0.5, -0.5))
    notes = (*chosen.notes, *compare_forms(found))
    return dataclasses.replace(chosen, spacing=(x, y, z), origin=origin, direction=direction, notes=notes)


def with_edges_of_sform(path: Path, chosen: Raw, found: Mapping[str, Any]) -> Raw:
    """An image whose edges of 1 mm mean that none are known; UserError where its sform has others."""
    rows = read_sform(found["metadata"])
    if rows is not None:
        edges = np.linalg.norm(rows[:, :3], axis=0)
        if not np.allclose(edges, 1.0, rtol=1e-3):
            shown = " x ".join(f"{edge:.4g}" for edge in edges)
            said = f"{path} has voxels of 1 mm in one part of its header (pixdim) and of {shown} mm in another (sform)"
            return dataclasses.replace(chosen, no_spacing=said)
    return chosen


def read_sform(metadata: Mapping[str, str]) -> np.ndarray | None:
    """The rows of the sform of a NIfTI header, mm; None where it has none."""
    if metadata.get("sform_code", "0") == "0":
        return None
    try:
        rows = np.array([[float(word) for word in metadata[f"srow_{axis}"].split()] for axis in "xyz"])
        # Units of a thousand and of a thousandth of a millimetre.
        return rows.reshape(3, 4) * {1: 1e3, 3: 1e-3}.get(int(metadata.get("xyzt_units", "2")) & 7, 1.0)
    except (KeyError, ValueError):
        return None


def compare_forms(found: Mapping[str, Any]) -> tuple[str, ...]:
    """A sentence where the sform of a NIfTI header says another place than the one that was read, which is the qform's.

    Source: the NIfTI-1 header file, methods 2 and 3 of its orientation.
    """
    rows = read_sform(found["metadata"])
    if rows is None or found["metadata"].get("qform_code", "0") == "0":
        return ()
    spacing, size = np.array(found["spacing"][:3]), np.array(found["size"][:3])
    axes = np.array(found["direction"])[:3, :3]
    # NIfTI's x and y run to the right and the front, ITK's to the left and the back.
    read = np.column_stack([axes * spacing, found["origin"][:3]]) * np.array([-1, -1, 1])[:, None]
    corners = np.array([[i, j, k, 1] for i in (0, 1) for j in (0, 1) for k in (0, 1)]) * [*size, 1]
    if np.abs(corners @ (rows - read).T).max() <= SAME * spacing.min():
        return ()
    return ("The header gives two places (sform and qform) that differ; that of the qform was taken.",)
