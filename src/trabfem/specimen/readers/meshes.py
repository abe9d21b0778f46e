"""Meshes of hexahedra on a voxel lattice, in whatever format meshio reads."""

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from trabfem.errors import UserError
from trabfem.specimen.readers.fields import SOFT, Choice, choose_field
from trabfem.specimen.readers.isolated import extract
from trabfem.specimen.readers.lattice import grid_of_voxels, voxels_of_cells
from trabfem.specimen.readers.raw import Raw, choose

NUMBERS = ("id", "ids", "index", "cellid", "cell_id", "elementid", "element_id", "globalelementid", "globalids")
"""Names of fields that only number the cells."""


@dataclass(frozen=True)
class Mesh:
    """Points (points, 3), the corners (cells, 8) of hexahedra, and what there is of each.

    - `fields`: values of the cells by name
    - `sets`: names of sets of cells, and whether each cell is in the set
    - `tags`: whole numbers that name parts, in place of sets, and `tag_names` what they stand for
    - `modulus_of`: Young's modulus (MPa) of the sets that have a material
    """

    points: np.ndarray
    corners: np.ndarray
    fields: Mapping[str, np.ndarray] = field(default_factory=dict)
    sets: Mapping[str, np.ndarray] = field(default_factory=dict)
    tags: np.ndarray | None = None
    tag_names: Mapping[int, str] = field(default_factory=dict)
    modulus_of: Mapping[str, float] = field(default_factory=dict)


def from_mesh(path: Path, which: str | int | None, mesh: Mesh) -> Raw:
    """The voxels of a mesh: bone by its field, else by its sets or tags, else all of its cells."""
    index, edges = voxels_of_cells(mesh.points, mesh.corners, path.name)
    chosen = choose_bone(path, which, mesh, bool(len(index) == np.prod(index.max(axis=0) + 1)))
    x, y, z = mesh.points[mesh.corners].reshape(-1, 3).min(axis=0).tolist()
    maps = {name: grid_of_voxels(index, values) for name, values in chosen.maps.items()}
    values = grid_of_voxels(index, chosen.values)
    notes = chosen.notes
    if not mesh.fields and chosen.is_mask and values.size > 1 and np.all(values):
        notes += ("The mesh fills its whole block and has no field that tells bone from marrow: all of it is bone.",)
    return Raw(
        values, edges, origin=(x, y, z), is_mask=chosen.is_mask, maps=maps, notes=notes, label_names=chosen.label_names
    )


def choose_bone(path: Path, which: str | int | None, mesh: Mesh, is_block: bool) -> Choice:
    """What says which cells are bone; `is_block`: the cells fill their whole block."""
    count = len(mesh.corners)
    fields = {name: values for name, values in mesh.fields.items() if not is_numbering(name, values)}
    sets = {name: cells for name, cells in mesh.sets.items() if cells.any()}
    parts = {name: cells for name, cells in sets.items() if not cells.all()}
    if fields and (which is None or str(which) not in sets):
        return choose_field(path, which, list(fields), fields.__getitem__, "cell fields")
    if which is not None and (sets or not fields):
        names = list(sets)
        taken = names[choose(path, which, names, "element sets")]
        return Choice(sets[taken].astype(np.uint8), True, notes=(f"Bone is the element set {taken!r}.",))
    if mesh.tags is not None and len(np.unique(mesh.tags)) > 1:
        return Choice(mesh.tags, label_names=mesh.tag_names)
    if parts:
        return from_sets(path, parts, mesh.modulus_of, is_block)
    modulus = [mesh.modulus_of[name] for name in sets if name in mesh.modulus_of]
    maps = {"modulus": np.full(count, modulus[0], np.float32)} if len(set(modulus)) == 1 else {}
    return Choice(np.ones(count, dtype=np.uint8), True, maps)


def is_numbering(name: str, values: np.ndarray) -> bool:
    """Whether a field only numbers the cells."""
    numbered = np.issubdtype(values.dtype, np.integer) and len(values) > 2 and bool(np.all(np.diff(values) == 1))
    return numbered or name.lower().replace(" ", "") in NUMBERS


def from_sets(path: Path, sets: Mapping[str, np.ndarray], modulus_of: Mapping[str, float], is_block: bool) -> Choice:
    """Labels 1, 2, ... of sets that share no cell, with their moduli; the only set is the bone.

    A mesh that leaves void out, all of its cells with moduli, is bone alone; in a whole block some of it is marrow, and
    a label has to be chosen. UserError where sets overlap.
    """
    names = list(sets)
    stacked = np.stack([sets[name] for name in names])
    if len(names) == 1:
        left = int(np.count_nonzero(~stacked[0]))
        note = f"Bone is the only element set, {names[0]!r}; {left} cells outside it are void."
        return Choice(stacked[0].astype(np.uint8), True, notes=(note,))
    if np.any(stacked.sum(axis=0) > 1):
        listed = ", ".join(repr(name) for name in names)
        raise UserError(f"array = not given: {path} holds element sets that share cells, {listed}; give the bone's")
    labels = (stacked * np.arange(1, len(names) + 1)[:, None]).sum(axis=0).astype(np.int32)
    known = [modulus_of.get(name, np.nan) for name in names]
    described = [f"{name}, {e:g} MPa" if np.isfinite(e) else name for name, e in zip(names, known, strict=True)]
    with_modulus = dict(enumerate(described, start=1))
    note = f"Labels are the element sets: {', '.join(f'{k} is {name}' for k, name in with_modulus.items())}."
    maps: dict[str, np.ndarray] = {"labels": labels}
    if np.all(np.isfinite(known)):
        maps["modulus"] = np.array([0.0, *known], dtype=np.float32)[labels]
        if not is_block and labels.all() and min(known) >= SOFT * max(known) > 0:
            return Choice(np.ones_like(labels), True, maps, (note, "All cells have a bone's modulus: all are bone."))
    return Choice(labels, maps=maps, notes=(note,), label_names=with_modulus)


def read_mesh(path: Path, which: str | int | None) -> Raw:
    """Hexahedra of a meshio mesh on their lattice; cells of lower dimension are ignored, other solids refused."""
    with tempfile.TemporaryDirectory(prefix="trabfem-") as place:
        folder = Path(place)
        found = extract("extract_meshio", path, folder)
        points, corners = np.load(folder / "places.npy"), np.load(folder / "corners.npy")
        data, sets = ({name: np.load(folder / file) for name, file in found[key].items()} for key in ("fields", "sets"))
    tags = {name: values for name, values in data.items() if is_tag(name)}
    fields = {name: values for name, values in data.items() if name not in tags}
    # Gmsh's physical groups are those that a user names; its geometrical ones number the pieces of the geometry.
    chosen = tags.get("gmsh:physical", next(iter(tags.values()), None))
    names = {int(label): name for label, name in found["names"].items()}
    return from_mesh(path, which, Mesh(points, corners, fields, sets, chosen, names))


def is_tag(name: str) -> bool:
    """Whether a field is a format's own number of a part, such as "gmsh:physical" or "medit:ref"."""
    return ":" in name or name == "cell_tags"
