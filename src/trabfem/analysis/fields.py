"""Fields of a solution on the voxel grid, each with its unit and meaning; a new one is a line in `FIELDS`."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from trabfem.mechanics import fields
from trabfem.mechanics.loads import AXES, STRAINS
from trabfem.mechanics.solution import Solution
from trabfem.specimen import Specimen
from trabfem.tables import Column, Table


@dataclass(frozen=True)
class Kind:
    """One field: what it is, where its values live, what its components are called, and how it is computed.

    `compute` returns values of all elements (`at` "voxels") or nodes (`at` "corners") of a solution's mesh.
    """

    column: Column
    at: Literal["voxels", "corners"]
    compute: Callable[[Solution], np.ndarray]
    components: tuple[str, ...] = ()


def _energy_density(solution: Solution) -> np.ndarray:
    mesh = solution.mesh
    return fields.energy_density(solution, "centroid")[tuple(np.asarray(mesh.voxels)[: mesh.num_elements].T)]


FIELDS: dict[str, Kind] = {
    kind.column.name: kind
    for kind in (
        Kind(
            Column("displacement", "mm", "of the corners of the voxels"),
            "corners",
            lambda s: np.asarray(s.displacement),
            (*AXES,),
        ),
        Kind(Column("strain", "", "at the centroid; shear is engineering strain"), "voxels", fields.strain, STRAINS),
        Kind(Column("stress", "MPa", "at the centroid, per area of the voxel"), "voxels", fields.stress, STRAINS),
        Kind(Column("von_mises", "MPa", "von Mises stress at the centroid"), "voxels", fields.von_mises),
        Kind(
            Column("sed", "MPa", "strain energy density at the centroid, per voxel volume"), "voxels", _energy_density
        ),
        Kind(Column("ees", "", "energy-equivalent strain of the tissue"), "voxels", fields.effective_strain),
        Kind(Column("modulus", "MPa", "Young's modulus of the voxel"), "voxels", lambda s: np.asarray(s.mesh.modulus)),
    )
}


class Fields(Mapping[str, np.ndarray]):
    """The fields of a solution by name, computed when they are asked for; 0 where there is no bone.

    Fields of voxels are arrays (x, y, z) or (x, y, z, component), those of corners have one more place along each axis.
    Voxel (i, j, k) of the bone has its lower corner at `origin` + `direction` ((i, j, k) `spacing`), in mm. Components
    of vectors and tensors are along the axes of the voxels.
    """

    def __init__(self, solution: Solution, bone: Specimen) -> None:
        self._solution = solution
        self.bone = bone
        self.origin = bone.origin
        self.direction = bone.direction
        self.spacing = solution.mesh.spacing

    def __getitem__(self, name: str) -> np.ndarray:
        kind, mesh = FIELDS[name], self._solution.mesh
        place = fields.to_grid if kind.at == "voxels" else fields.to_corners
        return place(mesh, kind.compute(self._solution))

    def of_voxels(self, name: str) -> np.ndarray:
        """A field with one value or vector a voxel: of what lives at corners the mean of the eight."""
        values = self[name]
        if FIELDS[name].at == "voxels":
            return values
        ends = (slice(None, -1), slice(1, None))
        return np.mean([values[a, b, c] for a in ends for b in ends for c in ends], axis=0)

    def __iter__(self) -> Iterator[str]:
        return iter(FIELDS)

    def __len__(self) -> int:
        return len(FIELDS)

    @property
    def kinds(self) -> dict[str, Kind]:
        """Where the values of each field live, what its components are called, its unit and meaning."""
        return dict(FIELDS)

    @property
    def units(self) -> dict[str, str]:
        """The unit of each field."""
        return {name: kind.column.unit for name, kind in FIELDS.items()}

    @property
    def table(self) -> Table:
        """One row a field: name, unit, where its values live, components, meaning."""
        columns = tuple(map(Column, ("field", "unit", "at", "components", "meaning")))
        rows: list[tuple[Any, ...]] = [
            (name, kind.column.unit, kind.at, " ".join(kind.components), kind.column.meaning)
            for name, kind in FIELDS.items()
        ]
        return Table(columns, tuple(rows), "Fields")

    def __repr__(self) -> str:
        return str(self.table)

    def _repr_html_(self) -> str:
        return self.table._repr_html_()
