"""Whole solves against an exact three-dimensional solution: the order of convergence, fitted."""

import numpy as np
import pytest

from analytic import harmonic_displacement, harmonic_energy
from trabfem.mechanics import fields, loads, solve
from typed import triple

SIDES = (4, 8)
SIZE = (0.42, 0.36, 0.48)


class Harmonic(loads.Affine):
    """Not a uniform strain at all: an exact solution, prescribed on the faces."""

    def displacement(self, position, size):
        return harmonic_displacement(np.asarray(position))


@pytest.fixture(scope="module")
def answers():
    grips = tuple((face, "xyz") for face in loads.FACES)
    load = loads.LoadCase("harmonic", grips, Harmonic(loads.STRETCH.gradient), 1.0, plates=False)
    return [solve.solve(np.full((n, n, n), 1000.0), triple(s / n for s in SIZE), load, rtol=1e-9) for n in SIDES]


def order(errors):
    return np.log(errors[0] / errors[1]) / np.log(SIDES[1] / SIDES[0])


def test_displacements_converge_with_second_order(answers):
    errors = []
    for answer in answers:
        nodes = np.asarray(answer.mesh.nodes)
        inside = ((nodes > 0) & (nodes < answer.mesh.shape)).all(1)
        exact = harmonic_displacement(nodes[inside] * answer.mesh.spacing)
        errors.append(
            np.sqrt(((np.asarray(answer.displacement)[inside] - exact) ** 2).sum() / answer.mesh.num_elements)
        )
    assert 1.8 < order(errors) < 2.3


def test_energy_converges_with_second_order(answers):
    exact = harmonic_energy(SIZE, 1000.0, 0.3)
    errors = [abs(answer.energy / exact - 1) for answer in answers]
    assert 1.8 < order(errors) < 2.3
    assert errors[-1] < 4e-2


def test_stress_at_centroids_converges_with_second_order(answers):
    """Where the trilinear element is better than its order: mean over the elements beside the solution's own."""
    errors = []
    for answer in answers:
        mesh, h = answer.mesh, 1e-5
        centre = (np.asarray(mesh.voxels)[: mesh.num_elements] + 0.5) * mesh.spacing
        slopes = [
            (harmonic_displacement(centre + h * e) - harmonic_displacement(centre - h * e)) / (2 * h) for e in np.eye(3)
        ]
        exact = 1000 / 1.3 * slopes[2][:, 2]
        errors.append(np.linalg.norm(fields.stress(answer)[:, 2] - exact) / np.linalg.norm(exact))
    assert 1.8 < order(errors) < 2.3
