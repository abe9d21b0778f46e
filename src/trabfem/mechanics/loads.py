"""Load cases: which nodal displacements are prescribed on the faces of the volume, and how far the faces travel."""

import math
from functools import partial

import equinox as eqx
import numpy as np
from jaxtyping import Bool, Float, Int

from ..errors import UserError

AXIAL = 2
AXES = "xyz"
STRAINS = ("xx", "yy", "zz", "yz", "zx", "xy")
FACES = {f"{sign}{axis}": (number, sign == "+") for number, axis in enumerate(AXES) for sign in "-+"}

Triple = tuple[float, float, float]
Grips = tuple[tuple[str, str], ...]
"""Pairs of a face, "-x" to "+z", and the displacement components prescribed there; the others are free."""


class Affine(eqx.Module):
    r"""A uniform displacement gradient, $u = \varepsilon\,G x$ from the corner of the volume.

    `axis`: the normal of the faces whose travel is meant by `LoadCase.travel`.
    """

    gradient: tuple[Triple, Triple, Triple] = eqx.field(static=True)
    axis: int = eqx.field(static=True, default=AXIAL)

    def displacement(self, position: Float[np.ndarray, "nodes 3"], size: Triple) -> Float[np.ndarray, "nodes 3"]:
        """Displacement (mm) at unit strain of nodes at `position` (mm) in a volume of `size` (mm)."""
        return position @ np.array(self.gradient).T

    def section(self, size: Triple) -> float:
        """Area (mm^2) over which force becomes stress."""
        return math.prod(size) / size[self.axis]


class Turn(eqx.Module):
    r"""Cross-sections that turn about an axis through their middle,

    $$u = \varepsilon\,\frac{z - p L}{r}\, e \times (x - c)$$

    with $r$ the half width of the volume that moves most (bending) or the smaller half width (torsion), so that the
    strain is that of the outermost fibre of a solid prism. `about`: number of the axis e, by the right-hand rule;
    `pivot`: the share p of the height at which nothing turns.
    """

    about: int = eqx.field(static=True)
    pivot: float = eqx.field(static=True)

    @property
    def axis(self) -> int:
        """Normal of the faces that turn."""
        return AXIAL

    def radius(self, size: Triple) -> float:
        """Distance r (mm) of the outermost fibre, the lever of `Solution.reaction_force`."""
        return min(size[i] for i in range(AXIAL) if i != self.about) / 2

    def displacement(self, position: Float[np.ndarray, "nodes 3"], size: Triple) -> Float[np.ndarray, "nodes 3"]:
        """Displacement (mm) at unit strain of nodes at `position` (mm) in a volume of `size` (mm)."""
        angle = (position[:, AXIAL] - self.pivot * size[AXIAL]) / self.radius(size)
        return angle[:, None] * np.cross(np.eye(3)[self.about], position - np.array(size) / 2)

    def section(self, size: Triple) -> float:
        """Second moment of the area about the axis (polar for torsion) over r^2, mm^2: force at r becomes modulus."""
        squares = sum(size[i] ** 2 for i in range(AXIAL) if i != self.about)
        return size[0] * size[1] * squares / 12 / self.radius(size) ** 2


class LoadCase(eqx.Module):
    """Displacements prescribed on faces of the volume.

    Exactly one of `strain` and `displacement` (mm) says how much; both are signed, compression is negative. Nodes
    within `depth` mm of a face belong to it if they are the outermost of their column: faces of real scans are not
    plane. With `plates` they move with the plane of the face, as a rigid plate makes them, otherwise as the motion
    says for where they are. Rigid motions that nothing prevents are left out of the answer.
    """

    name: str = eqx.field(static=True)
    grips: Grips = eqx.field(static=True)
    motion: Affine | Turn = eqx.field(static=True)
    strain: float | None = eqx.field(static=True, default=None)
    displacement: float | None = eqx.field(static=True, default=None)
    depth: float = eqx.field(static=True, default=0.0)
    plates: bool = eqx.field(static=True, default=True)

    def length(self, shape: tuple[int, int, int], spacing: Triple) -> float:
        """Distance of the loaded faces, mm."""
        return shape[self.motion.axis] * spacing[self.motion.axis]

    def travel(self, shape: tuple[int, int, int], spacing: Triple) -> float:
        """How far the loaded face moves against the opposite one, mm; the outermost fibre, where faces turn."""
        if self.displacement is not None:
            return self.displacement
        assert self.strain is not None
        return self.strain * self.length(shape, spacing)

    def section(self, shape: tuple[int, int, int], spacing: Triple) -> float:
        """Area (mm^2) that turns force over travel into an apparent modulus."""
        return self.motion.section(_size(shape, spacing))

    def prescribe(
        self, nodes: Int[np.ndarray, "nodes 3"], shape: tuple[int, int, int], spacing: Triple
    ) -> tuple[Bool[np.ndarray, "nodes 3"], Float[np.ndarray, "nodes 3"]]:
        """Which components are prescribed, and their values in mm (0 elsewhere), for nodes at lattice positions."""
        strain = self.travel(shape, spacing) / self.length(shape, spacing)
        fixed, value = np.zeros((len(nodes), 3), bool), np.zeros((len(nodes), 3))
        for face, components in self.grips:
            axis, upper = FACES[face]
            touching = on_face(nodes, shape, spacing, face, self.depth)
            place = nodes[touching] * np.array(spacing)
            if self.plates:
                place[:, axis] = shape[axis] * spacing[axis] if upper else 0
            moved = strain * self.motion.displacement(place, _size(shape, spacing))
            for component in map(AXES.index, components):
                fixed[touching, component] = True
                value[touching, component] = moved[:, component]
        return fixed, value

    def extended(
        self, nodes: Int[np.ndarray, "nodes 3"], shape: tuple[int, int, int], spacing: Triple
    ) -> Float[np.ndarray, "nodes 3"]:
        """The motion at all nodes, mm: the displacement of a uniform specimen, or near it."""
        strain = self.travel(shape, spacing) / self.length(shape, spacing)
        return strain * self.motion.displacement(nodes * np.array(spacing), _size(shape, spacing))


def on_face(
    nodes: Int[np.ndarray, "nodes 3"], shape: tuple[int, int, int], spacing: Triple, face: str, depth: float = 0.0
) -> Bool[np.ndarray, " nodes"]:
    """Nodes of a face: those in its plane, or with a `depth` (mm) the outermost of each column within it."""
    axis, upper = FACES[face]
    distance = shape[axis] - nodes[:, axis] if upper else nodes[:, axis]
    if depth <= 0:
        return distance == 0
    one, two = (i for i in range(3) if i != axis)
    column = nodes[:, one].astype(np.int64) * (shape[two] + 1) + nodes[:, two]
    nearest = np.full((shape[one] + 1) * (shape[two] + 1), shape[axis] + 1)
    np.minimum.at(nearest, column, distance)
    return (distance == nearest[column]) & (distance * spacing[axis] <= depth * (1 + 1e-9))


def _size(shape: tuple[int, int, int], spacing: Triple) -> Triple:
    return shape[0] * spacing[0], shape[1] * spacing[1], shape[2] * spacing[2]


def _gradient(*entries: tuple[int, int, float]) -> tuple[Triple, Triple, Triple]:
    matrix = [[0.0] * 3 for _ in range(3)]
    for i, j, value in entries:
        matrix[i][j] = value
    a, b, c = ((row[0], row[1], row[2]) for row in matrix)
    return a, b, c


def _both(axis: int, components: str) -> Grips:
    return (f"-{AXES[axis]}", components), (f"+{AXES[axis]}", components)


STRETCH = Affine(_gradient((AXIAL, AXIAL, 1.0)))


def uniaxial(strain: float | None = None, displacement: float | None = None, depth: float = 0.0) -> LoadCase:
    """Both end faces free to slide sideways (frictionless plates), sides free."""
    return LoadCase("uniaxial", _both(AXIAL, "z"), STRETCH, strain, displacement, depth)


def platens(strain: float | None = None, displacement: float | None = None, depth: float = 0.0) -> LoadCase:
    """Both end faces held sideways (bonded plates), sides free."""
    return LoadCase("platens", _both(AXIAL, "xyz"), STRETCH, strain, displacement, depth)


def fixed_base(strain: float | None = None, displacement: float | None = None, depth: float = 0.0) -> LoadCase:
    """Bottom face held, top face free to slide sideways."""
    return LoadCase("fixed-base", (("-z", "xyz"), ("+z", "z")), STRETCH, strain, displacement, depth)


def confined(strain: float | None = None, displacement: float | None = None, depth: float = 0.0) -> LoadCase:
    """Frictionless plates on the end faces and frictionless walls on the four sides."""
    grips = _both(AXIAL, "z") + _both(0, "x") + _both(1, "y")
    return LoadCase("confined", grips, STRETCH, strain, displacement, depth)


def shear(plane: str, strain: float | None = None, displacement: float | None = None, depth: float = 0.0) -> LoadCase:
    """Simple shear by bonded plates that stay parallel at their distance; the other four faces are free.

    `plane` "yz" or "zx": the z faces move along y or x; "xy": the y faces move along x. Strain is the engineering one.
    """
    along, normal = {"yz": (1, 2), "zx": (0, 2), "xy": (0, 1)}[plane]
    motion = Affine(_gradient((along, normal, 1.0)), normal)
    return LoadCase(f"shear-{plane}", _both(normal, "xyz"), motion, strain, displacement, depth)


def symmetric_shear(
    plane: str, strain: float | None = None, displacement: float | None = None, depth: float = 0.0
) -> LoadCase:
    """Shear that turns two pairs of faces against each other by half the angle each; the third pair is free."""
    motion = unit_strain(STRAINS.index(plane))
    grips = tuple(grip for axis in plane for grip in _both(AXES.index(axis), plane))
    return LoadCase(f"symmetric-shear-{plane}", grips, motion, strain, displacement, depth, plates=False)


def bending(about: str, strain: float | None = None, displacement: float | None = None, depth: float = 0.0) -> LoadCase:
    """Frictionless end plates that turn against each other about x or y, half the angle each, through the middle."""
    motion = Turn(AXES.index(about), 0.5)
    return LoadCase(f"bending-{about}", _both(AXIAL, "z"), motion, strain, displacement, depth)


def torsion(strain: float | None = None, displacement: float | None = None, depth: float = 0.0) -> LoadCase:
    """Bonded end plates: the bottom one stays, the top one turns about z."""
    return LoadCase("torsion", _both(AXIAL, "xyz"), Turn(AXIAL, 0.0), strain, displacement, depth)


def kubc(case: str, strain: float | None = None, displacement: float | None = None, depth: float = 0.0) -> LoadCase:
    """Kinematic uniform boundary conditions: a uniform strain prescribed on all six faces. An upper bound.

    `case`: xx, yy, zz, yz, zx or xy; shear strains are engineering ones.
    """
    grips = _both(0, "xyz") + _both(1, "xyz") + _both(2, "xyz")
    return LoadCase(f"kubc-{case}", grips, unit_strain(STRAINS.index(case)), strain, displacement, depth, plates=False)


def pmubc(case: str, strain: float | None = None, displacement: float | None = None, depth: float = 0.0) -> LoadCase:
    """Periodicity-compatible mixed uniform boundary conditions: what symmetry leaves of a periodic, mirrored specimen.

    Normal strains: normal displacement on all faces, free to slide. Shear in a plane: on its two pairs of faces the
    displacement along the other normal, and the one out of plane held; on the third pair the normal one held.
    Source: Pahr & Zysset, Biomech. Model. Mechanobiol. 7:463 (2008).
    """
    number = STRAINS.index(case)
    across = dict(zip(case, reversed(case), strict=True))
    third = "".join(axis for axis in AXES if axis not in case)
    held = [axis if number < 3 or axis not in across else across[axis] + third for axis in AXES]
    grips = tuple(grip for axis in range(3) for grip in _both(axis, held[axis]))
    return LoadCase(f"pmubc-{case}", grips, unit_strain(number), strain, displacement, depth, plates=False)


def direct(case: str, strain: float | None = None, displacement: float | None = None, depth: float = 0.0) -> LoadCase:
    """The six tests of direct mechanics as FAIM makes them.

    Normal strains as in `pmubc`; shear as in `symmetric_shear`, with frictionless walls on the third pair of faces.
    Source: van Rietbergen, Odgaard, Kabel & Huiskes, J. Biomech. 29:1653 (1996); n88directmechanics.
    """
    number = STRAINS.index(case)
    held = [axis if number < 3 or axis not in case else case for axis in AXES]
    grips = tuple(grip for axis in range(3) for grip in _both(axis, held[axis]))
    return LoadCase(f"direct-{case}", grips, unit_strain(number), strain, displacement, depth, plates=False)


def unit_strain(number: int) -> Affine:
    """The symmetric gradient whose only strain is the given one, in the order of `STRAINS`, shear as engineering."""
    i, j = (AXES.index(axis) for axis in STRAINS[number])
    if i == j:
        return Affine(_gradient((i, i, 1.0)), i)
    return Affine(_gradient((i, j, 0.5), (j, i, 0.5)), max(i, j))


class ForcePlate(eqx.Module):
    """A rigid plate that presses on the top face with a given force (N, negative is compression).

    The plate cannot tilt, so the answer is the displacement-controlled one scaled until its reaction is the force.
    Remodelling needs it: under displacement control a weakening bone unloads itself.
    """

    force: float = eqx.field(static=True)
    case: LoadCase = eqx.field(static=True, default=platens(-0.01))


Load = LoadCase | ForcePlate

BY_NAME = {"uniaxial": uniaxial, "platens": platens, "fixed-base": fixed_base, "confined": confined}
BY_NAME |= {f"shear-{plane}": partial(shear, plane) for plane in STRAINS[3:]}
BY_NAME |= {f"symmetric-shear-{plane}": partial(symmetric_shear, plane) for plane in STRAINS[3:]}
BY_NAME |= {"bending-x": partial(bending, "x"), "bending-y": partial(bending, "y"), "torsion": torsion}
BY_NAME |= {f"{kind.__name__}-{case}": partial(kind, case) for kind in (kubc, pmubc, direct) for case in STRAINS}


def by_name(name: str, strain: float | None = None, displacement: float | None = None, depth: float = 0.0) -> LoadCase:
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
    if not (np.isfinite(depth) and depth >= 0):
        raise UserError(f"the depth of {depth} mm is not a distance; give 0 or more mm from a face to its nodes")
    return BY_NAME[name](strain, displacement, depth)
