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


def harmonic_displacement(position: np.ndarray) -> np.ndarray:
    """Gradient of the harmonic sin(3x) sin(4y) sinh(5z) / 20: in equilibrium without body force."""
    x, y, z = position.T
    return (
        np.stack(
            [
                3 * np.cos(3 * x) * np.sin(4 * y) * np.sinh(5 * z),
                4 * np.sin(3 * x) * np.cos(4 * y) * np.sinh(5 * z),
                5 * np.sin(3 * x) * np.sin(4 * y) * np.cosh(5 * z),
            ],
            -1,
        )
        / 20
    )


def harmonic_energy(size: tuple[float, float, float], youngs: float, poisson: float, points: int = 12) -> float:
    """Energy of `harmonic_displacement` in a box: mu times the integral of the squared second derivatives."""
    place, weight = np.polynomial.legendre.leggauss(points)
    grid = np.meshgrid(*((1 + place) / 2 * side for side in size), indexing="ij")
    (sx, sy, sz), (cx, cy, cz) = (
        (s(3 * grid[0]), s(4 * grid[1]), h(5 * grid[2])) for s, h in ((np.sin, np.sinh), (np.cos, np.cosh))
    )
    squares = (9 * sx * sy * sz) ** 2 + (16 * sx * sy * sz) ** 2 + (25 * sx * sy * sz) ** 2
    squares += 2 * ((12 * cx * cy * sz) ** 2 + (15 * cx * sy * cz) ** 2 + (20 * sx * cy * cz) ** 2)
    volume = np.einsum("i,j,k->ijk", weight, weight, weight) / 8 * np.prod(size)
    return youngs / (2 * (1 + poisson)) * float((volume * squares).sum()) / 400


SQUARE_TORSION = 0.140577
"""Saint-Venant torsion constant of a square over the fourth power of its side (Timoshenko & Goodier, section 109)."""


def guided_beam_stiffness(youngs: float, poisson: float, width: float, length: float) -> float:
    """Force over deflection of a square beam with both ends clamped, one of them moved sideways (Timoshenko's theory).

    Shear coefficient 10 (1 + nu) / (12 + 11 nu): Cowper, J. Appl. Mech. 33:335 (1966).
    """
    bending = length**3 / (12 * youngs * width**4 / 12)
    coefficient = 10 * (1 + poisson) / (12 + 11 * poisson)
    shear = length * 2 * (1 + poisson) / (youngs * width**2 * coefficient)
    return 1 / (bending + shear)


def rotated_tensor(stiffness: np.ndarray, rotation: np.ndarray) -> np.ndarray:
    """A 6 x 6 stiffness (xx yy zz yz zx xy) in another frame, by way of the fourth-order tensor."""
    index = np.array([[0, 5, 4], [5, 1, 3], [4, 3, 2]])
    tensor = np.einsum("ai,bj,ck,dl,ijkl->abcd", *[rotation] * 4, stiffness[index[:, :, None, None], index])
    pairs = [(0, 0), (1, 1), (2, 2), (1, 2), (2, 0), (0, 1)]
    return np.array([[tensor[i, j, k, m] for k, m in pairs] for i, j in pairs])
