"""Load cases: which nodal displacements are prescribed, and how far the loaded face travels."""

import equinox as eqx
import numpy as np
from jaxtyping import Bool, Float, Int

from ..errors import UserError

AXIAL = 2


class Faces(eqx.Module):
    """Displacements prescribed on the two end faces of the load axis z.

    The bottom face (lattice plane 0) stays at z displacement 0, the top face moves by `travel` mm. Sideways motion is
    held where `bottom_held`, `top_held` or, on the four side faces, `sides_held` (normal motion only) says so;
    otherwise it is free, and rigid motions that nothing prevents are left out of the answer.
    """

    name: str = eqx.field(static=True)
    strain: float | None = eqx.field(static=True, default=None)
    displacement: float | None = eqx.field(static=True, default=None)
    bottom_held: bool = eqx.field(static=True, default=False)
    top_held: bool = eqx.field(static=True, default=False)
    sides_held: bool = eqx.field(static=True, default=False)

    def travel(self, shape: tuple[int, int, int], spacing: tuple[float, float, float]) -> float:
        """Axial displacement of the top face, mm; negative is compression."""
        if self.displacement is not None:
            return self.displacement
        return (self.strain or 0.0) * shape[AXIAL] * spacing[AXIAL]

    def prescribe(
        self, nodes: Int[np.ndarray, "nodes 3"], shape: tuple[int, int, int], spacing: tuple[float, float, float]
    ) -> tuple[Bool[np.ndarray, "nodes 3"], Float[np.ndarray, "nodes 3"]]:
        """Which components are prescribed, and their values in mm (0 elsewhere)."""
        bottom, top = nodes[:, AXIAL] == 0, nodes[:, AXIAL] == shape[AXIAL]
        fixed = np.zeros((len(nodes), 3), bool)
        fixed[:, AXIAL] = bottom | top
        for axis in (0, 1):
            side = (nodes[:, axis] == 0) | (nodes[:, axis] == shape[axis])
            fixed[:, axis] = (bottom & self.bottom_held) | (top & self.top_held) | (side & self.sides_held)
        value = np.zeros((len(nodes), 3))
        value[top, AXIAL] = self.travel(shape, spacing)
        return fixed, value


def uniaxial(strain: float | None = None, displacement: float | None = None) -> Faces:
    """Both end faces free to slide sideways (frictionless plates), sides free."""
    return Faces("uniaxial", strain, displacement)


def platens(strain: float | None = None, displacement: float | None = None) -> Faces:
    """Both end faces held sideways (bonded plates), sides free."""
    return Faces("platens", strain, displacement, bottom_held=True, top_held=True)


def fixed_base(strain: float | None = None, displacement: float | None = None) -> Faces:
    """Bottom face held, top face free to slide sideways."""
    return Faces("fixed-base", strain, displacement, bottom_held=True)


def confined(strain: float | None = None, displacement: float | None = None) -> Faces:
    """Frictionless plates on the end faces and frictionless walls on the four sides."""
    return Faces("confined", strain, displacement, sides_held=True)


BY_NAME = {"uniaxial": uniaxial, "platens": platens, "fixed-base": fixed_base, "confined": confined}


class ForcePlate(eqx.Module):
    """A rigid plate that presses on the top face with a given force (N, negative is compression).

    The plate cannot tilt, so the answer is the displacement-controlled one scaled until its reaction is the force.
    Remodelling needs it: under displacement control a weakening bone unloads itself.
    """

    force: float = eqx.field(static=True)
    faces: Faces = eqx.field(static=True, default=Faces("platens", -0.01, None, True, True))


Load = Faces | ForcePlate


def by_name(name: str, strain: float | None = None, displacement: float | None = None) -> Faces:
    """The load case of the command line; at most one of strain and displacement (mm), default strain -0.01."""
    if name not in BY_NAME:
        raise UserError(f"unknown load '{name}'; choose one of {', '.join(BY_NAME)}")
    if strain is not None and displacement is not None:
        raise UserError("give the load as --strain or as --displacement, not as both")
    if strain is None and displacement is None:
        strain = -0.01
    amount = displacement if strain is None else strain
    if not amount or not np.isfinite(amount):
        raise UserError(f"the {name} load of {amount} moves nothing; give a non-zero strain or displacement")
    return BY_NAME[name](strain, displacement)
