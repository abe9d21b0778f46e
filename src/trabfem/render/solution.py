"""A bone under load: its surface coloured by a field of the solution.

Fields are per volume or area of the voxel. A voxel that is half bone holds half the tissue, so that energy density and
stress are divided by its fill: otherwise every surface would look unloaded.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float
from matplotlib.figure import Figure

from trabfem.errors import UserError
from trabfem.render import bone
from trabfem.render.bones import LEAST_FILL
from trabfem.render.colouring import Scale, energy_scale, linear_scale, signed_scale

Voxels = Float[np.ndarray, "x y z"]


@dataclass(frozen=True)
class Shown:
    """How a field is drawn: its label with the unit, the factor into that unit, its colour scale; `per_tissue`: over
    the fill of the voxel."""

    label: str
    factor: float = 1.0
    scale: Callable[[list[np.ndarray], str], Scale] | None = None
    per_tissue: bool = False


SHOWN = {
    "sed": Shown("Tissue strain energy density (MPa)", 1.0, energy_scale, per_tissue=True),
    "von_mises": Shown("Tissue von Mises stress (MPa)", 1.0, energy_scale, per_tissue=True),
    "ees": Shown("Energy-equivalent strain (µε)", 1e6, energy_scale),
    "displacement": Shown("Displacement{component} (µm)", 1e3, linear_scale),
    "stress": Shown("Tissue stress{component} (MPa)", 1.0, signed_scale, per_tissue=True),
    "strain": Shown("Strain{component} (µε)", 1e6, signed_scale),
    "modulus": Shown("Young's modulus (MPa)", 1.0, linear_scale),
}


def draw(
    solution: Any, *, field: str = "sed", component: str | None = None, title: str | None = None, **options: Any
) -> Figure:
    """The bone of a `BoneSolution` coloured by a field of it.

    `field`: a name of `solution.fields()`. `component`: of a vector ("x") or a tensor ("zz"); a vector is drawn as its
    length where none is given. `options`: as for `bone.draw`. `UserError` for a field or component that is not there.
    """
    fields = solution.fields()
    if field not in fields.kinds:
        raise UserError(f"field = {field!r}: give one of {', '.join(fields.kinds)}")
    kind = fields.kinds[field]
    shown = SHOWN.get(field, Shown(f"{kind.column.name}{{component}} ({kind.column.unit or 1})"))
    values = _value_per_voxel(fields.of_voxels(field), kind, component, field)
    if shown.per_tissue:
        values = values / np.maximum(solution.bone.fill, LEAST_FILL)
    values = np.where(solution.bone.fill > 0, shown.factor * values, 0.0)
    scale = signed_scale if component is not None else shown.scale
    label = shown.label.format(component="" if component is None else f" {component}")
    title = solution.title if title is None else title
    return bone.draw(solution.bone, values=values, label=label, title=title, scale=scale, **options)


def _value_per_voxel(values: np.ndarray, kind: Any, component: str | None, field: str) -> Voxels:
    """One number a voxel: one component, or the length of a vector."""
    if kind.components and component is not None and component not in kind.components:
        raise UserError(f"component = {component!r}: {field} has {', '.join(kind.components)}")
    if not kind.components and component is not None:
        raise UserError(f"component = {component!r}: {field} has none, leave it out")
    if len(kind.components) > 3 and component is None:
        raise UserError(f"component: {field} has {', '.join(kind.components)}; give one of them")
    if component is not None:
        return values[..., kind.components.index(component)]
    return np.linalg.norm(values, axis=-1) if kind.components else values
