"""Small cohorts: the same struts with voxels of different size, so that right values are known and one program does.

Stiffness goes as the edge of a voxel, failure load as its square, moduli and BV/TV not at all.
"""

import csv
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

SIDE = 12
EDGES = [round(0.03 + 0.001 * k, 3) for k in range(20)]


def struts(side: int = SIDE) -> np.ndarray:
    """Rods along all three axes, BV/TV about a half."""
    inside = np.arange(side) % 6 < 3
    x, y, z = np.meshgrid(inside, inside, inside, indexing="ij")
    return (x & y) | (y & z) | (z & x)


def write_scan(path: Path, edge: float, bone: np.ndarray | None = None) -> Path:
    """A scan as npz."""
    path.parent.mkdir(parents=True, exist_ok=True)
    mask = struts() if bone is None else bone
    np.savez(path, mask=mask.astype(np.uint8).T, spacing_zyx_mm=np.full(3, edge))
    return path


def write_table(path: Path, rows: Sequence[Mapping[str, Any]]) -> Path:
    """A CSV of all cells."""
    names = list(dict.fromkeys(name for row in rows for name in row))
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, names, restval="")
        writer.writeheader()
        writer.writerows(rows)
    return path


def make_cohort(folder: Path, count: int) -> Path:
    """A table of so many scans in two groups."""
    rows = []
    for number, edge in enumerate(EDGES[:count]):
        write_scan(folder / "scans" / f"s{number:02}.npz", edge)
        rows.append({"scan": f"scans/s{number:02}.npz", "group": "ab"[number % 2], "age": 50 + number})
    return write_table(folder / "scans.csv", rows)


def records_in(folder: Path) -> dict[str, dict[str, Any]]:
    """The records of a cohort's rows by file name."""
    return {path.name: json.loads(path.read_text()) for path in sorted((folder / "rows").glob("*_measures.json"))}


def times_of(folder: Path) -> dict[str, int]:
    """When each row's record was written."""
    return {path.name: path.stat().st_mtime_ns for path in sorted((folder / "rows").glob("*_measures.json"))}
