"""Load cases: displacements prescribed on the faces of the volume, and the relative displacement of the faces."""

import dataclasses
import math

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int

from ...errors import UserError

AXIAL = 2
AXES = "xyz"
STRAINS = ("xx", "yy", "zz", "yz", "zx", "xy")
FACES = {f"{sign}{axis}": (number, sign == "+") for number, axis in enumerate(AXES) for sign in "-+"}

Triple = tuple[float, float, float]
Gradient = tuple[Triple, Triple, Triple] | Float[np.ndarray, "3 3"] | Float[Array, "3 3"]
Positions = Float[np.ndarray, "nodes 3"] | Float[Array, "nodes 3"]
Lattice = Int[np.ndarray, "nodes 3"] | Int[Array, "nodes 3"]
Flags = Bool[np.ndarray, "*nodes"] | Bool[Array, "*nodes"]
"""Nodes in NumPy or on the device: what is computed of them is of the same kind."""
Grips = tuple[tuple[str, str], ...]
"""Pairs of a face, "-x" to "+z", and the displacement components prescribed there; the others are free."""


class Affine(eqx.Module):
    r"""A uniform displacement gradient, $u = \varepsilon\,G x$ from the corner of the volume.

    `axis`: the normal of the faces to which `LoadCase.travel` refers. The gradient is data and no part of a program, so
    that one program serves all of them.
    """

    gradient: Gradient
    axis: int = eqx.field(static=True, default=AXIAL)

    def displacement(self, position: Positions, size: Triple) -> Positions:
        """Displacement (mm) at unit strain of nodes at `position` (mm) in a volume of `size` (mm)."""
        return _multiply(_module_of(position).asarray(self.gradient), position)

    def section(self, size: Triple) -> float:
        """Area (mm^2) over which force becomes stress."""
        return math.prod(size) / size[self.axis]


class Turn(eqx.Module):
    r"""Rotation of cross-sections about an axis through their middle,

    $$u = \varepsilon\,\frac{z - p L}{r}\, e \times (x - c)$$

    with $r$ the half width across the bending axis, or the smaller half width (torsion), so that the strain is that of
    the outermost fibre of a solid prism. `about`: number of the axis e, by the right-hand rule; `pivot`: the share p of
    the height at which the rotation is 0.
    """

    about: int = eqx.field(static=True)
    pivot: float = eqx.field(static=True)

    @property
    def axis(self) -> int:
        """Normal of the faces that rotate."""
        return AXIAL

    def radius(self, size: Triple) -> float:
        """Distance r (mm) of the outermost fibre, the lever of `Solution.reaction_force`."""
        return min(size[i] for i in range(AXIAL) if i != self.about) / 2

    def displacement(self, position: Positions, size: Triple) -> Positions:
        """Displacement (mm) at unit strain of nodes at `position` (mm) in a volume of `size` (mm)."""
        angle = (position[:, AXIAL] - self.pivot * size[AXIAL]) / self.radius(size)
        # e x r as a matrix times r.
        turn = np.cross(np.eye(3)[self.about], np.eye(3)).T
        return angle[:, None] * _multiply(turn, position - np.array(size) / 2)

    def section(self, size: Triple) -> float:
        """Second moment of area about the axis (polar for torsion) over r^2, mm^2: turns force at r into stress."""
        squares = sum(size[i] ** 2 for i in range(AXIAL) if i != self.about)
        return size[0] * size[1] * squares / 12 / self.radius(size) ** 2


class LoadCase(eqx.Module):
    """Displacements prescribed on faces of the volume.

    Exactly one of `strain` and `displacement` (mm) gives the size; both are signed, compression is negative. Nodes
    within `depth` mm of a face belong to it if they are the outermost of their column, as faces of real scans are not
    plane. With `plates` they move like the plane of the face, as on a rigid plate, otherwise by the motion at their
    position. Rigid motions that are not prevented are left out of the solution.
    """

    name: str = eqx.field(static=True)
    grips: Grips = eqx.field(static=True)
    motion: Affine | Turn = eqx.field(static=True)
    strain: float | None = eqx.field(static=True, default=None)
    displacement: float | None = eqx.field(static=True, default=None)
    depth: float = eqx.field(static=True, default=0.0)
    plates: bool = eqx.field(static=True, default=True)

    def __check_init__(self) -> None:
        """Raise `UserError` unless exactly one of strain and displacement is given, and values are valid."""
        if self.strain is None and self.displacement is None:
            raise UserError(f"strain = None: say how far the {self.name} load goes, by strain or by displacement")
        if self.strain is not None and self.displacement is not None:
            raise UserError(
                f"displacement = {self.displacement:g}: the strain of {self.strain:g} says the same; give one of them"
            )
        for name, amount in (("strain", self.strain), ("displacement", self.displacement)):
            if amount is not None and not (np.isfinite(amount) and amount != 0):
                raise UserError(f"{name} = {amount:g}: give a number other than 0, negative for compression")
        if not (np.isfinite(self.depth) and self.depth >= 0):
            raise UserError(f"depth = {self.depth:g}: give the 0 or more mm that a face may lie from its nodes")

    def at(self, strain: float) -> "LoadCase":
        """The same load at another strain."""
        return dataclasses.replace(self, strain=strain, displacement=None)

    def length(self, shape: tuple[int, int, int], spacing: Triple) -> float:
        """Distance between the loaded faces, mm."""
        return shape[self.motion.axis] * spacing[self.motion.axis]

    def travel(self, shape: tuple[int, int, int], spacing: Triple) -> float:
        """Displacement (mm) of the loaded face relative to the opposite one; of the outermost fibre if faces rotate."""
        if self.displacement is not None:
            return self.displacement
        assert self.strain is not None
        return self.strain * self.length(shape, spacing)

    def section(self, shape: tuple[int, int, int], spacing: Triple) -> float:
        """Area (mm^2) for converting force over displacement to an apparent modulus."""
        return self.motion.section(volume_size(shape, spacing))

    def prescribe(self, nodes: Lattice, shape: tuple[int, int, int], spacing: Triple) -> tuple[Flags, Positions]:
        """The prescribed components and their values in mm (0 elsewhere), for nodes at lattice positions."""
        strain = self.travel(shape, spacing) / self.length(shape, spacing)
        return prescribe_motion(nodes, strain, self.motion, self.grip, shape, spacing)

    @property
    def grip(self) -> "Grip":
        """Which displacements are prescribed, apart from their values."""
        return Grip(self.grips, self.depth, self.plates)

    def extend_motion(self, nodes: Lattice, shape: tuple[int, int, int], spacing: Triple) -> Positions:
        """The motion at all nodes (mm), close to the displacement of a uniform specimen."""
        strain = self.travel(shape, spacing) / self.length(shape, spacing)
        return strain * self.motion.displacement(nodes * np.array(spacing), volume_size(shape, spacing))


@dataclasses.dataclass(frozen=True)
class Grip:
    """Where a load case prescribes displacements; see `LoadCase`."""

    grips: Grips
    depth: float
    plates: bool

    @property
    def held(self) -> tuple[frozenset[tuple[str, str]], float]:
        """Equal for load cases that prescribe the same degrees of freedom of every mesh."""
        return frozenset((face, component) for face, held in self.grips for component in held), self.depth


def prescribe_motion(
    nodes: Lattice,
    strain: float | Float[Array, ""],
    motion: Affine | Turn,
    grip: Grip,
    shape: tuple[int, int, int],
    spacing: Triple,
) -> tuple[Flags, Positions]:
    """Which components of the nodes are prescribed, and their values in mm (0 elsewhere)."""
    module, size = _module_of(nodes), volume_size(shape, spacing)
    position = nodes * np.array(spacing)
    fixed, value = position < np.zeros(3), 0 * position
    for face, components in grip.grips:
        axis, upper = FACES[face]
        touching = nodes_on_face(nodes, shape, spacing, face, grip.depth)[:, None]
        place = position
        if grip.plates:
            place = module.where(np.arange(3) == axis, size[axis] if upper else 0.0, position)
        held = touching & np.array([name in components for name in AXES])
        fixed = fixed | held
        value = module.where(held, strain * motion.displacement(place, size), value)
    return fixed, value


def _multiply(matrix: Float[np.ndarray, "3 3"] | Float[Array, "3 3"], vectors: Positions) -> Positions:
    """A matrix times each vector, as three products of columns, which need no call of a library on the device."""
    x, y, z = (vectors[:, axis, None] * matrix[:, axis] for axis in range(3))
    return x + y + z


def nodes_on_face(nodes: Lattice, shape: tuple[int, int, int], spacing: Triple, face: str, depth: float = 0.0) -> Flags:
    """Nodes of a face: those in its plane, or with `depth` (mm) the outermost of each column within that depth."""
    axis, upper = FACES[face]
    distance = shape[axis] - nodes[:, axis] if upper else nodes[:, axis]
    if depth <= 0:
        return distance == 0
    one, two = (i for i in range(3) if i != axis)
    column = nodes[:, one].astype(np.int64) * (shape[two] + 1) + nodes[:, two]
    columns = (shape[one] + 1) * (shape[two] + 1)
    if isinstance(nodes, np.ndarray):
        nearest = np.full(columns, shape[axis] + 1)
        np.minimum.at(nearest, column, distance)
    else:
        nearest = jnp.full(columns, shape[axis] + 1).at[column].min(distance)
    return (distance == nearest[column]) & (distance * spacing[axis] <= depth * (1 + 1e-9))


def _module_of(array: np.ndarray | Array):
    """The module whose functions take the array: NumPy, or JAX for an array on the device or in a program."""
    return jnp if isinstance(array, jax.Array) else np


def volume_size(shape: tuple[int, int, int], spacing: Triple) -> Triple:
    """Edges of the volume, mm."""
    return shape[0] * spacing[0], shape[1] * spacing[1], shape[2] * spacing[2]


def make_gradient(*entries: tuple[int, int, float]) -> tuple[Triple, Triple, Triple]:
    """The displacement gradient of entries (component, axis, value), 0 elsewhere."""
    matrix = [[0.0] * 3 for _ in range(3)]
    for i, j, value in entries:
        matrix[i][j] = value
    a, b, c = ((row[0], row[1], row[2]) for row in matrix)
    return a, b, c


def grip_both_faces(axis: int, components: str) -> Grips:
    """The same components prescribed on the two faces across an axis."""
    return (f"-{AXES[axis]}", components), (f"+{AXES[axis]}", components)


def unit_strain(number: int) -> Affine:
    """The symmetric gradient whose only strain is the given one, in the order of `STRAINS`, shear as engineering."""
    i, j = (AXES.index(axis) for axis in STRAINS[number])
    if i == j:
        return Affine(make_gradient((i, i, 1.0)), i)
    return Affine(make_gradient((i, j, 0.5), (j, i, 0.5)), max(i, j))
