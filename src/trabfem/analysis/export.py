"""A bone under a load for other solvers, so that anyone can check ours or go on where it ends."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Unpack

import numpy as np
from jaxtyping import Float

from trabfem.analysis.decks import WRITERS, Model
from trabfem.analysis.files import VTK_CORNERS
from trabfem.analysis.report import Report, Row
from trabfem.analysis.rigid_motions import hold_rigid_motions
from trabfem.analysis.solve import (
    COMPRESSION,
    check_displacement,
    check_one_modulus,
    check_solver_options,
    check_strain,
    prepare,
)
from trabfem.errors import UserError
from trabfem.mechanics.loads import Load, LoadCase, nodes_on_face
from trabfem.mechanics.mesh import HexMesh
from trabfem.mechanics.supports import prescribe_displacements, require_load_path
from trabfem.specimen import Bone, MoreReading, Specimen, tissue_moduli
from trabfem.specimen.materials import Profile, choose_tissue
from trabfem.specimen.place import points_at

MOST_MATERIALS = 10_000
"""More distinct moduli than that share materials, because every one of them is a section of its own to the solver."""
MIRRORED_CORNERS = [*VTK_CORNERS[4:], *VTK_CORNERS[:4]]
"""The same hexahedron where the axes of the voxels are left-handed in space, so that its volume stays positive."""


@dataclass(frozen=True, repr=False)
class Exported(Report):
    """A file for another solver: what is in it."""

    bone: Specimen
    path: Path
    model: Model

    @property
    def title(self) -> str:
        return f"{self.model.title}, in {self.path}"

    @property
    def trouble(self) -> str:
        return ""

    @property
    def notes(self) -> tuple[str, ...]:
        return self.model.notes

    @property
    def rows(self) -> tuple[Row, ...]:
        model = self.model
        counts = (
            ("elements", len(model.conn), "hexahedra, one a voxel of bone"),
            ("nodes", len(model.nodes), "with three displacements each"),
            ("materials", len(model.moduli), "of one Young's modulus each"),
            ("prescribed", np.count_nonzero(model.prescribed), "displacements that the load prescribes"),
            ("supported", np.count_nonzero(model.supported), "further ones, held against rigid motion"),
        )
        return tuple((name, float(count), None, "", meaning) for name, count, meaning in counts)

    def as_dict(self) -> dict[str, Any]:
        """Plain values by the names of the command line's JSON."""
        bone, model = self.bone, self.model
        return {
            "specimen": bone.name,
            "file": self.path,
            "load": model.load,
            "shape": bone.shape,
            "spacing_mm": bone.spacing,
            "origin_mm": bone.origin,
            "direction": bone.direction,
            "poisson": model.poisson,
            "moduli_MPa": [float(model.moduli.min()), float(model.moduli.max())],
            **{f"num_{name}": int(count) for name, count, *_ in self.rows},
            "notes": self.notes,
        }


def export(
    bone: Bone,
    path: str | Path,
    load: Load = COMPRESSION,
    *,
    youngs: float | None = None,
    poisson: float | None = None,
    profile: Profile | str | None = None,
    spacing: object = None,
    threshold: float | None = None,
    crop: int | None = None,
    clean: bool = True,
    **more: Unpack[MoreReading],
) -> Exported:
    """Write a bone, its tissue and a load to a new file for another solver; nothing is solved.

    - `path`: `.inp`, a deck that CalculiX and Abaqus run; `.vtu`, hexahedra with modulus, material and what is
      prescribed, for programs that read VTK
    - `load`: of prescribed displacements, such as `platens(strain=-0.01)`
    - all else as for `solve.solve`

    A voxel of bone is one C3D8 in mm in the frame of the scan; distinct moduli are materials, up to 10 000 of them
    exactly. CalculiX then gives the force of `solve.solve`. The file is there as a whole or not at all.

    **Raises:** `UserError` for a bone or a value that no solve can use, a load given by its force, a file that exists
    and a suffix that is not one of these.
    """
    path = check_export_path(path)
    if path.exists():
        raise UserError(f"{path} exists and is left as it is: give another name")
    tissue, poisson = choose_tissue(profile, youngs, poisson)
    check_solver_options(tissue, poisson, rtol=0.5, max_iterations=1)
    check_strain(load)
    if not isinstance(load, LoadCase):
        raise UserError(f"load = {load.force:g} N: a file for a solver prescribes displacements; give a strain instead")
    specimen = prepare(bone, clean, spacing=spacing, threshold=threshold, crop=crop, **more)
    check_one_modulus(specimen, youngs, profile)
    check_displacement(load, specimen)
    model = make_model(specimen, load, tissue, poisson)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(model, path)
    return Exported(specimen, path, model)


def check_export_path(path: str | Path) -> Path:
    """`path`, or UserError where its suffix is not one that other solvers are served with."""
    path = Path(path)
    if path.suffix.lower() not in WRITERS:
        raise UserError(f"{path}: solvers are not served with this kind of file, use {', '.join(WRITERS)}")
    return path


def write_whole(model: Model, path: Path) -> None:
    """Write `path` under another name first, so that nobody finds a part of it."""
    part = path.with_name(f"{path.name}.{os.getpid()}.part")
    try:
        WRITERS[path.suffix.lower()](model, part)
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)


def make_model(bone: Specimen, load: LoadCase, youngs: float, poisson: float) -> Model:
    """The mesh, materials and prescribed displacements that `solve.solve` would use, in plain arrays."""
    moduli = tissue_moduli(bone, youngs)
    require_load_path(moduli, bone.spacing, load)
    mesh = HexMesh.from_voxels(moduli, bone.spacing, poisson, lists=False)
    live, elements = slice(mesh.num_nodes), slice(mesh.num_elements)
    prescribed, displacement = (np.asarray(part)[live] for part in prescribe_displacements(mesh, load))
    lattice, voxels = np.asarray(mesh.nodes)[live], np.asarray(mesh.voxels)[elements]
    pairs = np.asarray(mesh.pairs)[elements]
    conn = (pairs[:, :, None] + np.arange(2, dtype=np.int32)).reshape(-1, 8)
    modulus = np.asarray(mesh.modulus)[elements]
    supported = hold_rigid_motions(conn, voxels, mesh.shape, lattice * np.array(bone.spacing), prescribed)
    values, material, remarks = share_materials(modulus)
    axes = np.array(bone.direction)
    if supported.any():
        held = np.count_nonzero(supported)
        remarks += (f"Held {held} displacements against the rigid motions that the load leaves free; they carry none.",)
    return Model(
        title=f"{bone.name}, {load.name}",
        load=describe_load(load, bone),
        notes=(*bone.notes, *remarks),
        axis=load.motion.axis,
        poisson=poisson,
        nodes=points_at(bone.origin, bone.direction, bone.spacing, lattice.astype(float)),
        axes=axes,
        conn=conn[:, VTK_CORNERS if np.linalg.det(axes) > 0 else MIRRORED_CORNERS],
        modulus=modulus.astype(np.float64),
        material=material,
        moduli=values,
        labels=None if bone.labels is None else bone.labels[tuple(voxels.T)],
        faces={
            face: np.flatnonzero(nodes_on_face(lattice, mesh.shape, mesh.spacing, face, load.depth))
            for face in dict(load.grips)
        },
        prescribed=prescribed,
        displacement=displacement,
        supported=supported,
    )


def describe_load(load: LoadCase, bone: Specimen) -> str:
    """Name, strain and travel of a load on a bone."""
    travel = load.travel(bone.shape, bone.spacing)
    strain = travel / load.length(bone.shape, bone.spacing)
    return f"{load.name}, strain {strain:.9g}, travel {travel:.12g} mm along or about the faces of {bone.name}"


def share_materials(
    modulus: Float[np.ndarray, " elements"], most: int = MOST_MATERIALS
) -> tuple[Float[np.ndarray, " materials"], np.ndarray, tuple[str, ...]]:
    """Modulus of every material, number of the material of every element, and a remark where they are not exact.

    Up to `most` distinct moduli are materials as they are. More of them are sorted into classes of one relative width,
    and an element gets the mean modulus of its class.
    """
    values, number = np.unique(modulus, return_inverse=True)
    if len(values) <= most:
        return values.astype(np.float64), number.astype(np.int32), ()
    low, high = np.log(float(values[0])), np.log(float(values[-1]))
    classes = np.minimum(((np.log(values.astype(np.float64)) - low) / (high - low) * most).astype(np.int64), most - 1)
    found, number = np.unique(classes[number], return_inverse=True)
    means = np.bincount(number, modulus.astype(np.float64)) / np.bincount(number)
    width = 100 * np.expm1((high - low) / most)
    remark = (
        f"The {len(values)} distinct moduli from {values[0]:.4g} to {values[-1]:.4g} MPa share {len(found)} materials "
        f"in classes {width:.2g} % wide, each of the mean modulus of its voxels."
    )
    return means, number.astype(np.int32), (remark,)
