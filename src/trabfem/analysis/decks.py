"""Files of a loaded bone for other solvers: a deck of Abaqus and CalculiX, a mesh of VTK."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

import numpy as np
from jaxtyping import Bool, Float, Int

from trabfem.mechanics.loads import AXES
from trabfem.mechanics.loads.base import FACES

ROWS_AT_ONCE = 100_000
PER_LINE = 10
TURNED = (
    "The voxels are turned in the scan's frame: U and RF of a node are along the axes of the voxels (*TRANSFORM), "
    "totals along those of the frame."
)


@dataclass(frozen=True)
class Model:
    """A loaded bone in plain arrays. Nodes and elements are numbered from 0 here and from 1 in a deck."""

    title: str
    load: str
    """Name and size of the load case, in words."""
    notes: tuple[str, ...]
    axis: int
    """Normal of the loaded face."""
    poisson: float
    nodes: Float[np.ndarray, "nodes 3"]
    """mm, in the frame of the scan."""
    axes: Float[np.ndarray, "3 3"]
    """Unit vectors of the voxels in that frame, in columns; components of displacements are along them."""
    conn: Int[np.ndarray, "elements 8"]
    """Nodes of every hexahedron in the order of VTK and Abaqus, which goes around its lower face, then its upper."""
    modulus: Float[np.ndarray, " elements"]
    """Young's modulus, MPa."""
    material: Int[np.ndarray, " elements"]
    """Number of its material from 0."""
    moduli: Float[np.ndarray, " materials"]
    """Young's modulus of every material, MPa."""
    labels: Int[np.ndarray, " elements"] | None
    """The label of the scan, where it has labels."""
    faces: dict[str, Int[np.ndarray, " n"]]
    """Nodes of the faces that the load grips, by "-x" to "+z"."""
    prescribed: Bool[np.ndarray, "nodes 3"]
    """Components of displacement that the load prescribes."""
    displacement: Float[np.ndarray, "nodes 3"]
    """Their values, mm; 0 elsewhere."""
    supported: Bool[np.ndarray, "nodes 3"]
    """Further components held at 0, so that no rigid motion is left; see `rigid_motions`."""


def write_inp(model: Model, path: Path) -> None:
    """A deck in the keywords that Abaqus and CalculiX share: mesh, materials, load, and what to print."""
    with path.open("w", encoding="ascii", errors="replace", newline="\n") as file:
        file.write(_head(model))
        file.write("*NODE, NSET=ALL_NODES\n")
        number = np.arange(1, len(model.nodes) + 1)
        write_rows(file, "%d, %.12g, %.12g, %.12g\n", (number, *model.nodes.T))
        _write_materials(file, model)
        _write_sets(file, model)
        file.write(_turn_axes(model.axes))
        _write_step(file, model)


def _head(model: Model) -> str:
    lines = [
        model.title,
        "Units: mm, N, MPa.",
        f"Load: {model.load}",
        "Elements: C3D8, as CalculiX integrates it: trilinear with 2 x 2 x 2 points, the voxel element of trabfem.",
        "Abaqus gives C3D8 a constant volume strain (B-bar), so its bone is somewhat softer.",
        "Node sets: LOADED, face that the travel refers to; FACE_..., other gripped faces; PRESCRIBED; SUPPORTS.",
        "Force: RF of LOADED, summed; or the sum of U RF over PRESCRIBED over the travel, for every kind of load.",
        *([] if is_straight(model.axes) else [TURNED]),
        *model.notes,
    ]
    title = " ".join(model.title.split())[:70]
    return f"*HEADING\n{title}\n" + "".join(f"** {' '.join(line.split())}\n" for line in lines)


def _write_materials(file: TextIO, model: Model) -> None:
    order = np.argsort(model.material, kind="stable")
    bounds = np.cumsum(np.bincount(model.material, minlength=len(model.moduli)))[:-1]
    form = ", ".join(["%d"] * 9) + "\n"
    for number, members in enumerate(np.split(order, bounds), start=1):
        file.write(f"*ELEMENT, TYPE=C3D8, ELSET=TISSUE_{number}\n")
        write_rows(file, form, (members + 1, *(model.conn[members] + 1).T))
    for number, youngs in enumerate(model.moduli.tolist(), start=1):
        file.write(f"*MATERIAL, NAME=TISSUE_{number}\n*ELASTIC\n{youngs:.9g}, {model.poisson:.9g}\n")
        file.write(f"*SOLID SECTION, ELSET=TISSUE_{number}, MATERIAL=TISSUE_{number}\n")


def _write_sets(file: TextIO, model: Model) -> None:
    for face, nodes in model.faces.items():
        write_set(file, name_set(face, model.axis), nodes)
    write_set(file, "PRESCRIBED", np.flatnonzero(model.prescribed.any(1)))
    if model.supported.any():
        write_set(file, "SUPPORTS", np.flatnonzero(model.supported.any(1)))


def name_set(face: str, axis: int) -> str:
    """LOADED for the upper face across `axis`; FACE_X_MIN, FACE_X_MAX ... for every other."""
    normal, upper = FACES[face]
    return "LOADED" if upper and normal == axis else f"FACE_{AXES[normal].upper()}_{'MAX' if upper else 'MIN'}"


def is_straight(axes: Float[np.ndarray, "3 3"]) -> bool:
    """Whether the voxels lie along the axes of the frame."""
    return np.array_equal(axes, np.eye(3))


def _turn_axes(axes: np.ndarray) -> str:
    """Nothing for voxels along x, y and z, otherwise the system in which displacements and forces of nodes are."""
    if is_straight(axes):
        return ""
    points = ", ".join(f"{value:.12g}" for value in axes[:, :2].T.ravel())
    return f"*TRANSFORM, NSET=ALL_NODES, TYPE=R\n{points}\n"


def _write_step(file: TextIO, model: Model) -> None:
    # Abaqus and CalculiX have right-handed systems only: in a left-handed scan their third axis is the opposite one.
    sign = np.array([1, 1, np.sign(np.linalg.det(model.axes))])
    node, component = np.nonzero(model.prescribed)
    values = (sign * model.displacement)[node, component] + 0.0
    file.write("*STEP\n*STATIC\n*BOUNDARY\n")
    write_rows(file, "%d, %d, %d, %.12g\n", (node + 1, component + 1, component + 1, values))
    node, component = np.nonzero(model.supported)
    write_rows(file, "%d, %d, %d, 0\n", (node + 1, component + 1, component + 1))
    file.write("*NODE PRINT, NSET=LOADED, TOTALS=YES\nRF\n*NODE PRINT, NSET=PRESCRIBED\nU, RF\n")
    file.write("*NODE FILE\nU, RF\n*EL FILE\nS, E\n*END STEP\n")


def write_rows(file: TextIO, form: str, columns: Iterable[np.ndarray]) -> None:
    """Lines of `form`, filled from columns of equal length."""
    columns = tuple(columns)
    for start in range(0, len(columns[0]), ROWS_AT_ONCE):
        part = (column[start : start + ROWS_AT_ONCE].tolist() for column in columns)
        file.write("".join(map(form.__mod__, zip(*part, strict=True))))


def write_set(file: TextIO, name: str, nodes: np.ndarray) -> None:
    """A node set, ten numbers a line."""
    numbers = [str(node + 1) for node in nodes.tolist()]
    lines = (", ".join(numbers[start : start + PER_LINE]) for start in range(0, len(numbers), PER_LINE))
    file.write(f"*NSET, NSET={name}\n" + "".join(f"{line}\n" for line in lines))


def write_vtu(model: Model, path: Path) -> None:
    """Hexahedra with modulus and material in their cells, and at the nodes what is held and moved, in scan axes."""
    import meshio

    cells = {"modulus": [model.modulus.astype("<f4")], "material": [model.material.astype("<i4") + 1]}
    if model.labels is not None:
        cells["label"] = [model.labels.astype("<i4")]
    meshio.Mesh(
        points=model.nodes,
        cells=[("hexahedron", model.conn)],
        point_data={
            # Vectors in the frame of the points, as programs of VTK take them to be.
            "prescribed_displacement": (model.displacement @ model.axes.T).astype("<f4"),
            "prescribed": model.prescribed.astype("u1"),
            "supported": model.supported.astype("u1"),
        },
        cell_data=cells,  # pyright: ignore[reportArgumentType]
    ).write(path, file_format="vtu")


WRITERS: dict[str, Callable[[Model, Path], None]] = {".inp": write_inp, ".vtu": write_vtu}
