"""Exact solutions and independent references that the mechanics tests compare with."""

import itertools

import numpy as np
import scipy.sparse as sparse


def reference_stiffness(spacing: tuple[float, float, float], poisson: float, points: int = 4) -> np.ndarray:
    """Trilinear brick for unit modulus by tensor-product Gauss quadrature, in index notation instead of Voigt's."""
    lam = poisson / ((1 + poisson) * (1 - 2 * poisson))
    mu = 1 / (2 * (1 + poisson))
    place, weight = np.polynomial.legendre.leggauss(points)
    corners = np.array(list(itertools.product((0, 1), repeat=3)))
    matrix = np.zeros((8, 3, 8, 3))
    for i, j, k in itertools.product(range(points), repeat=3):
        x = (1 + place[[i, j, k]]) / 2
        value = np.where(corners == 1, x, 1 - x)
        slope = np.where(corners == 1, 1.0, -1.0) / np.array(spacing)
        g = np.stack([slope[:, a] * np.delete(value, a, 1).prod(1) for a in range(3)], 1)
        w = weight[i] * weight[j] * weight[k] / 8 * np.prod(spacing)
        matrix += w * lam * np.einsum("ai,bj->aibj", g, g)
        matrix += w * mu * (np.einsum("aj,bi->aibj", g, g) + np.einsum("ak,bk,ij->aibj", g, g, np.eye(3)))
    return matrix.reshape(24, 24)


def assembled(conn: np.ndarray, modulus: np.ndarray, stiffness: np.ndarray, nodes: int) -> sparse.csr_matrix:
    """Global stiffness matrix of an element list."""
    dofs = (3 * conn[:, :, None] + np.arange(3)).reshape(len(conn), 24)
    rows = np.repeat(dofs, 24, axis=1).ravel()
    columns = np.tile(dofs, (1, 24)).ravel()
    values = (modulus[:, None, None] * stiffness).ravel()
    return sparse.csr_matrix((values, (rows, columns)), shape=(3 * nodes, 3 * nodes))


def rigid_motions(position: np.ndarray) -> np.ndarray:
    """Three translations and three rotations of points (n, 3); (6, n, 3)."""
    turn = np.array(
        [[[0, 0, 0], [0, 0, -1], [0, 1, 0]], [[0, 0, 1], [0, 0, 0], [-1, 0, 0]], [[0, -1, 0], [1, 0, 0], [0, 0, 0]]]
    )
    shift = np.broadcast_to(np.eye(3)[:, None, :], (3, len(position), 3))
    return np.concatenate([shift, np.einsum("kij,nj->kni", turn, position)])


def constrained_modulus(youngs: float, poisson: float) -> float:
    """Axial stress over axial strain without lateral strain."""
    return youngs * (1 - poisson) / ((1 + poisson) * (1 - 2 * poisson))


def lattice_bone(size: int, pitch: int = 8, width: int = 3) -> np.ndarray:
    """Rods along the three axes on a square lattice: a bone that can be made at any size."""
    on = (np.arange(size) - pitch // 2) % pitch < width
    return (on[:, None, None] & on[None, :, None]) | (on[:, None, None] & on) | (on[None, :, None] & on)
