"""A first guess for the displacements from those of an earlier solution on a slightly different voxel set."""

import numpy as np

from .loads import LoadCase
from .mesh import HexMesh
from .solution import Solution


def first_guess(start: Solution, mesh: HexMesh, case: LoadCase, fixed: np.ndarray, value: np.ndarray) -> np.ndarray:
    """First guess of the iteration: prescribed displacements, and those of an earlier solution elsewhere."""
    return np.where(fixed, value, _carry_over(start, mesh, case))


def _carry_over(start: Solution, mesh: HexMesh, case: LoadCase) -> np.ndarray:
    """Displacements of an earlier solution at the nodes of a mesh; a new node takes the mean of its neighbours."""
    old = start.mesh
    scale = case.travel(mesh.shape, mesh.spacing) / _axial_travel(start)
    lattice = np.array([(mesh.shape[1] + 1) * (mesh.shape[2] + 1), mesh.shape[2] + 1, 1])
    before = np.asarray(old.nodes)[: old.num_nodes] @ lattice
    now = np.asarray(mesh.nodes)[: mesh.num_nodes] @ lattice
    place = np.minimum(np.searchsorted(before, now), len(before) - 1)
    known = np.zeros(len(mesh.nodes), bool)
    known[: len(now)] = before[place] == now
    u = np.zeros((len(mesh.nodes), 3))
    u[: len(now)] = np.where(known[: len(now), None], scale * start.displacement[place], 0)
    conn = np.asarray(mesh.conn)[: mesh.num_elements]
    while (lost := np.flatnonzero(~known[: len(now)])).size:
        element = conn[(~known[conn]).any(1) & known[conn].any(1)]
        if not element.size:
            break
        weight = known[element].astype(float)
        mean = np.einsum("ea,eac->ec", weight, u[element]) / weight.sum(1, keepdims=True)
        total, count = np.zeros_like(u), np.zeros(len(u))
        np.add.at(total, element, mean[:, None, :])
        np.add.at(count, element, 1)
        filled = lost[count[lost] > 0]
        u[filled] = total[filled] / count[filled, None]
        known[filled] = True
    return u


def _axial_travel(solution: Solution) -> float:
    """Displacement of the loaded face in a solution, mm."""
    return solution.reaction_force / solution.stiffness
