r"""Loads of a usual day and the strain energy that they cause.

An activity is a load that is repeated: apparent stresses on one or several load cases at the same time. Unit load cases
are solved once a month. Displacements add within an activity, energies add over activities:

$$u_a = \sum_i c_{ai} u_i, \qquad U = \sum_a \frac{n_a}{\sum n} U[u_a]$$

with n the cycles a day. Loads are forces: the coefficients c of cases that hold the same degrees of freedom follow
from their stiffness matrix, $\sum_i c_i R_{ij} = F_j$, so a plate with compression and shear stress 0 can slide
freely, and six KUBC cases give any mean stress. R comes from energies, $R_{ij} = u_i^T K u_j / \delta_j$ with $\delta$
the prescribed displacement. Source: weighted unit loads as in Christen et al. 2012 Biomech. Model. Mechanobiol. 11:483.
"""

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Float32
from scipy.spatial.transform import Rotation

from trabfem.errors import UserError
from trabfem.mechanics import fields, loads
from trabfem.mechanics.solve import Solution
from trabfem.schedule import USUAL_LOAD, Load

from ..programs import compile_in_double

UNIT_STRAIN = -0.01
TENSOR = tuple(f"kubc-{case}" for case in loads.STRAINS)
AXIAL = ("platens", "uniaxial")
PLACES = ((0, 0), (1, 1), (2, 2), (1, 2), (2, 0), (0, 1))
Energy = Float32[Array, "x y z"]
Density = Float[np.ndarray | Array, "x y z"]


@dataclass(frozen=True)
class Activity:
    """`stress`: pairs of (load case, apparent stress in MPa) that act together, compression negative; `cycles` a day.

    Load cases are those of `mechanics.loads`. For bending and torsion, the stress is that of the outermost fibre of a
    solid block.
    """

    name: str
    stress: tuple[tuple[str, float], ...]
    cycles: float = 1.0

    def __post_init__(self) -> None:
        """UserError for values that are not a load."""
        if not self.stress or not all(np.isfinite(value) for _, value in self.stress):
            raise UserError(f"activity {self.name!r}: give each of its load cases a stress in MPa")
        if not (np.isfinite(self.cycles) and self.cycles > 0):
            raise UserError(f"activity {self.name!r}: {self.cycles:g} cycles a day; give more than 0, or leave it out")
        for case, _ in self.stress:
            loads.by_name(case)
        if len({case for case, _ in self.stress}) < len(self.stress):
            raise UserError(f"activity {self.name!r}: a load case stands in it twice; add its stresses up")


def axial_compression(stress: float) -> Activity:
    """Compression of `stress` MPa between bonded plates."""
    return Activity("axial compression", (("platens", -stress),))


def tensor_activity(name: str, stress: Float[np.ndarray, "3 3"], cycles: float = 1.0) -> Activity:
    """A mean stress (MPa) of the whole block, made of the six KUBC cases; zz comes first."""
    parts = [(case, float(stress[place])) for case, place in zip(TENSOR, PLACES, strict=True)]
    return Activity(name, tuple(sorted(parts, key=lambda part: part[0] != "kubc-zz")), cycles)


def express_as_tensors(activities: Sequence[Activity]) -> tuple[Activity, ...]:
    """The activities as mean stresses, which can be rotated; UserError for one that is neither axial nor a tensor."""
    return tuple(activity if is_tensor(activity) else _from_axial(activity) for activity in activities)


def is_tensor(activity: Activity) -> bool:
    """Whether the activity consists of all six KUBC cases."""
    return {case for case, _ in activity.stress} == set(TENSOR)


def _from_axial(activity: Activity) -> Activity:
    (case, value), *others = activity.stress
    if others or case not in AXIAL:
        raise UserError(
            f"activity {activity.name!r} cannot be turned; for a schedule with 'direction' give axial compression, or "
            f"all of {', '.join(TENSOR)}"
        )
    return tensor_activity(activity.name, np.diag([0.0, 0.0, value]), activity.cycles)


def change_loads(activities: Sequence[Activity], load: Load) -> tuple[Activity, ...]:
    """The activities scaled and rotated by `load`."""
    if load == USUAL_LOAD:
        return tuple(activities)
    return tuple(_change_load(activity, load) for activity in activities)


def _change_load(activity: Activity, load: Load) -> Activity:
    stress = [(case, load.factor * value) for case, value in activity.stress]
    if not load.angle:
        return dataclasses.replace(activity, stress=tuple(stress))
    if not is_tensor(activity):
        raise UserError(
            f"activity {activity.name!r} cannot be turned: give it as a mean stress (see express_as_tensors)"
        )
    tensor = np.zeros((3, 3))
    for case, value in stress:
        i, j = PLACES[TENSOR.index(case)]
        tensor[i, j] = tensor[j, i] = value
    turn = Rotation.from_euler(load.axis, load.angle, degrees=True).as_matrix()
    return tensor_activity(activity.name, turn @ tensor @ turn.T, activity.cycles)


def unit_cases(activities: Sequence[Activity]) -> list[loads.LoadCase]:
    """The unit load cases that the activities consist of, in order of their first mention."""
    names = dict.fromkeys(case for activity in activities for case, _ in activity.stress)
    return [loads.by_name(name, UNIT_STRAIN) for name in names]


def activity_energy(solutions: Sequence[Solution], activities: Sequence[Activity]) -> Energy:
    """U (MPa per volume of element, mean over Gauss points) of the activities, from the solutions of their cases."""
    known = {solution.case.name: solution for solution in solutions}
    energies = Energies()
    parts_of_day, cycles = [], sum(activity.cycles for activity in activities)
    for activity in activities:
        parts = [(known[case], value) for case, value in activity.stress]
        shares = coefficients(parts, energies)
        density, factor = energies.of_sum([(part, c) for (part, _), c in zip(parts, shares, strict=True)])
        parts_of_day.append((density, factor * activity.cycles / cycles))
    return add_up(*zip(*parts_of_day, strict=True))


@compile_in_double()
def add_up(densities: tuple[Density, ...], factors: tuple[float | Float[Array, ""], ...]) -> Energy:
    """The sum of the densities, each times its factor, in float32."""
    total = sum(factor * jnp.asarray(density, jnp.float64) for density, factor in zip(densities, factors, strict=True))
    return jnp.asarray(total, jnp.float32)


def coefficients(parts: Sequence[tuple[Solution, float]], energies: "Energies") -> Float[np.ndarray, " parts"]:
    """Coefficients c of the parts' solutions whose sum carries the parts' stresses (MPa) together."""
    found = np.zeros(len(parts))
    holds = [frozenset(solution.case.grips) for solution, _ in parts]
    for hold in dict.fromkeys(holds):
        members = [number for number, other in enumerate(holds) if other == hold]
        solutions = [parts[number][0] for number in members]
        force = np.array([parts[number][1] * _section(parts[number][0]) for number in members])
        reaction = np.array([[energies.product(a, b) / _travel(b) for a in solutions] for b in solutions])
        found[members] = np.linalg.solve(reaction, force)
    return found


def _section(solution: Solution) -> float:
    return solution.case.section(solution.mesh.shape, solution.mesh.spacing)


def _travel(solution: Solution) -> float:
    return solution.case.travel(solution.mesh.shape, solution.mesh.spacing)


class Energies:
    """Energies of solutions and of their sums; those of single solutions and pairs are computed once."""

    def __init__(self) -> None:
        self._grids: dict[str, Density] = {}
        self._products: dict[frozenset[str], float] = {}

    def of_sum(self, shares: Sequence[tuple[Solution, float]]) -> tuple[Density, float]:
        """Energy density of a sum of solutions (MPa per volume of element) up to a factor, and this factor."""
        if len(shares) == 1:
            [(solution, share)] = shares
            return self.of_one(solution), share**2
        moved = add_motions(tuple(solution.displacement for solution, _ in shares), tuple(c for _, c in shares))
        return fields.energy_grid(dataclasses.replace(shares[0][0], displacement=moved)), 1.0

    def of_one(self, solution: Solution) -> Density:
        """Energy density of one solution."""
        name = solution.case.name
        if name not in self._grids:
            self._grids[name] = fields.energy_grid(solution)
        return self._grids[name]

    def product(self, a: Solution, b: Solution) -> float:
        """u_a^T K u_b (N mm): for a = b twice the energy, else the energy of the sum less both energies."""
        pair = frozenset((a.case.name, b.case.name))
        if pair not in self._products:
            self._products[pair] = 2 * a.energy if a is b else self._mixed_product(a, b)
        return self._products[pair]

    def _mixed_product(self, a: Solution, b: Solution) -> float:
        both = float(add_all(self.of_sum([(a, 1.0), (b, 1.0)])[0])) * float(np.prod(a.mesh.spacing))
        return both - a.energy - b.energy


@compile_in_double()
def add_motions(
    motions: tuple[Float[np.ndarray | Array, "nodes 3"], ...], factors: tuple[float | Float[Array, ""], ...]
) -> Float[Array, "nodes 3"]:
    """The sum of displacements (mm), each times its factor."""
    return jnp.asarray(sum(factor * jnp.asarray(each) for each, factor in zip(motions, factors, strict=True)))


@compile_in_double()
def add_all(density: Density) -> Float[Array, ""]:
    """The sum over all voxels, in float64."""
    return jnp.sum(density, dtype=jnp.float64)
