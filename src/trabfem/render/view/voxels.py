"""One bone with the fields on its voxels, as a window shows it: a scan with its maps, a solution, a file of fields."""

import html
import mmap
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float

from trabfem.errors import UserError
from trabfem.render import panels, style
from trabfem.render.bones import LEAST_FILL
from trabfem.render.colouring import Scale, energy_scale, linear_scale, one_colour, signed_scale
from trabfem.render.panels import Layer
from trabfem.render.scenes import volume_fraction
from trabfem.render.shape import drawn_surface
from trabfem.render.solution import SHOWN
from trabfem.render.surface import sample
from trabfem.render.view.contents import Choice
from trabfem.specimen import Specimen, as_specimen
from trabfem.specimen.morphometry import thickness_map

Voxels = Float[np.ndarray, "x y z"]
VECTOR, TENSOR = ("x", "y", "z"), ("xx", "yy", "zz", "yz", "zx", "xy")
"""Names of components by their number, as this package writes them."""
FIELD_FILES = (".vti", ".vtu")
OF_BONE = ("fill", "modulus")
"""Arrays from which the bone itself is known."""
SECTION = {of: re.compile(f"<{of}(?:[^>]*[^/])?>(.*?)</{of}>".encode(), re.DOTALL) for of in ("CellData", "PointData")}
ARRAY = re.compile(rb"""<DataArray[^>]*?\sName=["']([^"']*)""")
MAP_TITLES = {
    "density": ("Density", "Density (mg HA/cm³)"),
    "labels": ("Labels", "Label"),
    "region": ("Region of measurement", "Region of measurement (1: inside)"),
    "modulus": ("Young's modulus", "Young's modulus of full bone (MPa)"),
}


@dataclass(frozen=True)
class Field:
    """Values of voxels that colour a bone, computed when they are first asked for."""

    name: str
    title: str
    label: str
    values: Callable[[], Voxels]
    make_scale: Callable[[list[np.ndarray], str], Scale] | None = None


class VoxelContents:
    """A bone and its fields; the first choice is plain bone where `plain`."""

    names: tuple[str, ...]
    months = (0.0,)

    def __init__(self, bone: Specimen, fields: tuple[Field, ...], *, title: str, plain: bool) -> None:
        self.bone, self.fields, self.title, self.begins_plain = bone, fields, title, plain
        self.names, self.size = (bone.name,), bone.size_mm
        first = (Choice("bone", "Bone"),) if plain else ()
        self.choices = (*first, *(Choice(field.name, field.title) for field in fields))
        self._surface: tuple[Any, np.ndarray] | None = None
        self._found: dict[int, tuple[np.ndarray, Scale]] = {}

    @property
    def surface(self) -> tuple[Any, np.ndarray]:
        """The surface that is drawn, and the openness of its points."""
        if self._surface is None:
            surface = drawn_surface(self.bone.fill, self.bone.spacing)
            self._surface = surface, panels.openness(surface, self.bone.fill, self.bone.spacing)
        return self._surface

    def caption(self, panel: int, step: int) -> str:
        del panel, step
        return volume_fraction(self.bone.fill)

    def coloured(self, choice: int) -> tuple[np.ndarray, Scale] | None:
        """The values of the points of the surface and their scale; None for plain bone."""
        if self.begins_plain and choice == 0:
            return None
        if choice not in self._found:
            field = self.fields[choice - self.begins_plain]
            values = sample(np.nan_to_num(field.values()), self.surface[0].points, self.bone.spacing)
            make = field.make_scale or (signed_scale if (values < 0).any() else energy_scale)
            self._found[choice] = values, make([values], field.label)
        return self._found[choice]

    def scale(self, choice: int) -> Scale | None:
        found = self.coloured(choice)
        return None if found is None else found[1]

    def layers(self, panel: int, step: int, choice: int) -> list[Layer]:
        surface, light = self.surface
        found = self.coloured(choice)
        if found is None:
            return self.plain(panel, step)
        return [Layer(surface, panels.shade(found[1].rgb(found[0]), light))]

    def plain(self, panel: int, step: int) -> list[Layer]:
        del panel, step
        surface, light = self.surface
        return [Layer(surface, panels.shade(one_colour(len(surface.points), style.BONE), light))]

    def is_ready(self, panel: int, step: int, choice: int) -> bool:
        del panel, step
        return self._surface is not None and (choice in self._found or (self.begins_plain and choice == 0))


def of_specimen(bone: Specimen) -> VoxelContents:
    """A scan: plain, by its maps, by its local thickness."""

    def of_map(name: str) -> Field:
        title, label = MAP_TITLES[name]
        return Field(name, title, label, lambda: np.asarray(bone.maps[name], float), linear_scale)

    def thickness() -> Voxels:
        found = thickness_map(bone)
        return np.where(np.isfinite(found), found, 0)

    fields = (*map(of_map, bone.maps), Field("thickness", "Local thickness", "Local thickness (mm)", thickness))
    return VoxelContents(bone, fields, title=bone.name, plain=True)


def of_solution(solution: Any) -> VoxelContents:
    """A solved bone: by every field of it, the energy density first; of tensors by every component."""
    fields = solution.fields()
    parts = {name: tuple(kind.components) for name, kind in fields.kinds.items()}
    return VoxelContents(
        solution.bone, fields_of(parts, fields.of_voxels, solution.bone.fill), title=solution.title, plain=False
    )


def fields_of(
    parts: Mapping[str, tuple[str, ...]], of_voxels: Callable[[str], np.ndarray], fill: Voxels
) -> tuple[Field, ...]:
    """Fields from arrays by name with their components: known scalars first, components beyond z and zz last."""

    def make(name: str, component: str | None) -> Field:
        shown = SHOWN.get(name)
        tail = "" if component is None else f" {component}"
        label = shown.label.format(component=tail) if shown else f"{name}{tail}"
        scale = signed_scale if component is not None else shown.scale if shown else None
        return Field(f"{name}{tail}", label.split(" (")[0], label, lambda: values(name, component), scale)

    def values(name: str, component: str | None) -> Voxels:
        shown, found = SHOWN.get(name), np.asarray(of_voxels(name), float)
        if component is not None:
            found = found[..., parts[name].index(component)]
        elif parts[name]:
            found = np.linalg.norm(found, axis=-1)
        if shown is not None and shown.per_tissue:
            found = found / np.maximum(fill, LEAST_FILL)
        return np.where(fill > 0, found * (shown.factor if shown else 1.0), 0.0)

    wanted = [(name, None) for name in parts if len(parts[name]) <= 3]
    wanted += [(name, each) for name in parts for each in parts[name]]
    known = list(SHOWN)

    def order(field: tuple[str, str | None]) -> tuple[int, int]:
        name, component = field
        place = known.index(name) if name in known else len(known)
        return (0 if component is None else 1 if component == "zz" else 2), place

    return tuple(make(*each) for each in sorted(wanted, key=order))


def is_field_file(path: Path) -> bool:
    """Whether a file is one of fields, as solves and studies write them, and not a scan."""
    if path.suffix.lower() not in FIELD_FILES or not path.is_file():
        return False
    return bool({*array_names(path, "CellData"), *array_names(path, "PointData")} & (set(SHOWN) - {"modulus"}))


def array_names(path: Path, of: str) -> list[str]:
    """Names of the arrays that VTK's XML lists under "CellData" or "PointData"; none where it is no such file.

    Read without VTK, which prints many lines on what is damaged, or ends the program.
    """
    if path.stat().st_size == 0:
        return []
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        end = content.find(b"<AppendedData")
        head = memoryview(content)[: end if end >= 0 else len(content)]
        found = [name for part in SECTION[of].finditer(head) for name in ARRAY.findall(part.group(1))]
        head.release()
    return list(dict.fromkeys(html.unescape(name.decode(errors="replace")) for name in found))


def of_file(path: Path) -> VoxelContents:
    """A file of fields: by every one of its arrays."""
    import pyvista

    held = [name for name in OF_BONE if name in array_names(path, "CellData")]
    if not held:
        raise UserError(f"{path}: no array says where its bone is; give one with {' or '.join(OF_BONE)} of its voxels")
    # First, as it finds out in a process of its own whether VTK can read the file.
    bone = as_specimen(path, array=held[0])
    data: Any = pyvista.read(path)
    arrays: dict[str, np.ndarray] = {}
    for name in [*data.cell_data, *data.point_data]:
        if name in data.cell_data:
            arrays[name] = np.asarray(data.cell_data[name])
        else:
            arrays[name] = np.asarray(data.point_data_to_cell_data()[name])
    arrays = {name: values for name, values in arrays.items() if np.issubdtype(values.dtype, np.number)}
    if not arrays:
        raise UserError(f"{path}: the file holds no field, give one that trabfem solve --out wrote")
    index, index_shape = _voxels_of_cells(bone, data), bone.shape
    counts = {name: 1 if values.ndim == 1 else values.shape[1] for name, values in arrays.items()}
    parts = {name: {3: VECTOR, 6: TENSOR}.get(count, ()) for name, count in counts.items() if count in (1, 3, 6)}

    def of_voxels(name: str) -> np.ndarray:
        values = arrays[name]
        found = np.zeros((*index_shape, *values.shape[1:]))
        found[tuple(index.T)] = values
        return found

    if held[0] == "fill":
        # The reader of scans makes a mask of it.
        bone = replace(bone, fill=np.clip(of_voxels("fill"), 0, 1))
    return VoxelContents(bone, fields_of(parts, of_voxels, bone.fill), title=path.name, plain=False)


def _voxels_of_cells(bone: Specimen, data: Any) -> np.ndarray:
    """The voxel in which each cell of a data set lies, (cells, 3)."""
    centres = (np.asarray(data.cell_centers().points) - np.asarray(bone.origin)) @ np.asarray(bone.direction)
    found = np.floor(centres / np.asarray(bone.spacing)).astype(int)
    return np.clip(found, 0, np.asarray(bone.shape) - 1)
