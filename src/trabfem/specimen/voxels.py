"""A specimen on a voxel lattice, with its place in space and what was done to it."""

import html
import importlib
import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Bool

from trabfem.display import Drawable
from trabfem.errors import UserError
from trabfem.specimen.place import IDENTITY, Direction, Place, ScanGrid, check_direction

# Trabeculae are about 0.1 mm thick: a voxel outside this range is an error of the unit, not a scan of bone.
SMALLEST_VOXEL_MM = 0.001
LARGEST_VOXEL_MM = 1.0
AXES = "xyz"
MAPS = ("density", "labels", "region", "modulus")
"""The arrays that a specimen may have beside its fill, of the same shape."""
Triple = tuple[float, float, float]


def check_spacing(spacing: object) -> tuple[float, float, float]:
    """Voxel edges (x, y, z) in mm from one number or three; UserError unless finite, positive and of bone's size."""
    try:
        values = np.atleast_1d(np.asarray(spacing, dtype=float))
    except (TypeError, ValueError):
        raise UserError(f"spacing = {spacing!r}: it is not a number; give the voxel edges in mm, e.g. 0.034") from None
    if values.shape == (1,):
        values = np.repeat(values, 3)
    if values.shape != (3,):
        raise UserError(f"spacing = {spacing!r}: give one number or three (x, y, z) in mm")
    for value in values.tolist():
        if not math.isfinite(value) or value <= 0:
            raise UserError(f"spacing = {value:g} mm: not a positive length; give the voxel edge in mm, e.g. 0.034")
        if value > LARGEST_VOXEL_MM:
            raise UserError(f"spacing = {value:g} mm: this looks like micrometres; give {value / 1000:g} mm")
        if value < SMALLEST_VOXEL_MM:
            raise UserError(f"spacing = {value:g} mm: this looks like metres; give {value * 1000:g} (the unit is mm)")
    return (float(values[0]), float(values[1]), float(values[2]))


def check_array(array: np.ndarray, name: str) -> None:
    """Raise UserError unless `array` is a three-dimensional, non-empty array of finite numbers."""
    if array.ndim != 3:
        raise UserError(f"{name}: the array has {array.ndim} dimensions, a specimen needs three (x, y, z)")
    if array.size == 0:
        raise UserError(f"{name}: the array of shape {array.shape} is empty, give at least one voxel along each axis")
    if array.dtype != bool and not np.issubdtype(array.dtype, np.number):
        raise UserError(f"{name}: values of type {array.dtype} are not numbers, give a mask or gray values")
    if np.issubdtype(array.dtype, np.complexfloating):
        raise UserError(f"{name}: complex values are not gray values, give a real array")
    if np.issubdtype(array.dtype, np.floating):
        bad = int(array.size - np.count_nonzero(np.isfinite(array)))
        if bad:
            raise UserError(f"{name}: {bad} of {array.size} values are NaN or infinite, replace or crop them first")


@dataclass(frozen=True, repr=False)
class Specimen(Drawable):
    """A block of bone: the fraction of bone in each voxel, 0..1, axes (x, y, z), load along z, spacing in mm.

    - `fill`: float32 once inside, whatever kind of numbers was given
    - `notes`: what was read and done, in sentences
    - `origin`, `direction`: where the block lies in the frame of what was read. The outer corner of the first voxel is
      at `origin` (mm), and the columns of `direction` are the axes of the voxels; of images of medical formats the
      frame is that of DICOM (left, posterior, superior)
    - `density`: mg HA/cm³ of each voxel; `labels`: whole numbers that name parts of the scan; `region`: where
      morphometry and density are measured, everywhere if None; `modulus`: Young's modulus of each voxel where it is
      full of bone, MPa. All of the shape of `fill`, or None
    - `scan`: the grid of the scan that this block was cut from; None for the whole of it
    """

    fill: np.ndarray
    spacing: Triple
    name: str = "specimen"
    notes: tuple[str, ...] = ()
    origin: Triple = (0.0, 0.0, 0.0)
    direction: Direction = IDENTITY
    density: np.ndarray | None = None
    labels: np.ndarray | None = None
    region: np.ndarray | None = None
    modulus: np.ndarray | None = None
    scan: ScanGrid | None = None

    def __post_init__(self) -> None:
        """Coerce and check, so that a Specimen in hand is a valid one."""
        fill = np.asarray(self.fill)
        check_array(fill, self.name)
        fill = np.ascontiguousarray(fill, dtype=np.float32)
        low, high = float(fill.min()), float(fill.max())
        if low < 0 or high > 1:
            raise UserError(
                f"{self.name}: fill fractions run from {low:g} to {high:g} but must lie in 0..1, "
                "give gray values to from_gray"
            )
        object.__setattr__(self, "fill", fill)
        object.__setattr__(self, "spacing", check_spacing(self.spacing))
        object.__setattr__(self, "notes", tuple(self.notes))
        x, y, z = self.origin
        object.__setattr__(self, "origin", (float(x), float(y), float(z)))
        object.__setattr__(self, "direction", check_direction(self.direction))
        for name in MAPS:
            object.__setattr__(self, name, check_map(getattr(self, name), name, fill.shape, self.name))

    @property
    def mask(self) -> Bool[np.ndarray, "x y z"]:
        """Voxels that are at least half bone."""
        return self.fill >= 0.5

    @property
    def bvtv(self) -> float:
        """BV/TV as the mean fill fraction."""
        return float(self.fill.mean(dtype=np.float64))

    @property
    def place(self) -> Place:
        """Where the block lies."""
        return Place(self.spacing, self.origin, self.direction, self.scan)

    @property
    def maps(self) -> dict[str, np.ndarray]:
        """The arrays that there are beside `fill`, by name."""
        return {name: getattr(self, name) for name in MAPS if getattr(self, name) is not None}

    @property
    def shape(self) -> tuple[int, int, int]:
        """Voxels along (x, y, z)."""
        x, y, z = self.fill.shape
        return (x, y, z)

    @property
    def size_mm(self) -> Triple:
        """Edges of the block in mm."""
        x, y, z = (n * h for n, h in zip(self.shape, self.spacing, strict=True))
        return (x, y, z)

    @property
    def facts(self) -> tuple[tuple[str, str], ...]:
        """Size, spacing and BV/TV of the specimen, as pairs of label and value."""
        voxels, edges, size = ((" x ".join(f"{n:.4g}" for n in v)) for v in (self.shape, self.spacing, self.size_mm))
        return (
            ("voxels", f"{voxels} (x, y, z)"),
            ("spacing", f"{edges} mm"),
            ("size", f"{size} mm"),
            ("BV/TV", f"{self.bvtv:.4f}"),
            *((name, describe_map(name, values)) for name, values in self.maps.items()),
        )

    def save(self, path: str | Path, what: str = "mask") -> Path:
        """Write the specimen to a new file by its suffix: .npz keeps all of it, image formats hold one array.

        `what`: mask, fill, density, labels, region or modulus, in the place of the scan and on its voxels. UserError
        where the file exists or its suffix is not one that is written.
        """
        path = Path(path)
        if path.exists():
            raise UserError(f"{path} exists and is left as it is: give another name")
        # By name, since the readers and writers stand above what they make.
        importlib.import_module("trabfem.specimen.readers").write(self, path, what)
        return path

    def __repr__(self) -> str:
        lines = [f"Specimen {self.name}", *(f"  {label:8}{value}" for label, value in self.facts)]
        return "\n".join([*lines, *(f"  Note: {note}" for note in self.notes)])

    def _repr_html_(self) -> str:
        rows = "".join(f"<tr><th>{label}</th><td>{html.escape(value)}</td></tr>" for label, value in self.facts)
        notes = "".join(f"<p>Note: {html.escape(note)}</p>" for note in self.notes)
        return f"<table><caption>{html.escape(self.name)}</caption>{rows}</table>{notes}"


def check_map(values: np.ndarray | None, name: str, shape: tuple[int, ...], specimen: str) -> np.ndarray | None:
    """The array `name` of a specimen in its own type of numbers; UserError for another shape or kind."""
    if values is None:
        return None
    values = np.asarray(values)
    if values.shape != shape:
        raise UserError(
            f"{specimen}: {name} has the shape {values.shape} and the bone {shape}, give it on the same grid"
        )
    if name == "region":
        if not values.any():
            raise UserError(f"{specimen}: the region of interest is empty, check that it lies on the scan")
        return np.ascontiguousarray(values, dtype=bool)
    if name == "labels":
        if not np.issubdtype(values.dtype, np.integer):
            raise UserError(f"{specimen}: labels of type {values.dtype} are not whole numbers, give integers")
        return np.ascontiguousarray(values)
    values = np.ascontiguousarray(values, dtype=np.float32)
    if not np.all(np.isfinite(values)) or (name == "modulus" and float(values.min()) < 0):
        wanted = "finite and not negative" if name == "modulus" else "finite"
        raise UserError(f"{specimen}: {name} has values that are not {wanted}, check the map")
    return values


def describe_map(name: str, values: np.ndarray) -> str:
    """One line on an array of a specimen: its unit and its range."""
    if name == "region":
        return f"{np.count_nonzero(values)} of {values.size} voxels"
    if name == "labels":
        return ", ".join(str(label) for label in np.unique(values).tolist()[:12])
    return f"{values.min():.4g} to {values.max():.4g} {'mg HA/cm³' if name == 'density' else 'MPa'}"
