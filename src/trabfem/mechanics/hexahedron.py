"""The trilinear voxel: one brick-shaped finite element, integrated exactly."""

import itertools

import numpy as np
from jaxtyping import Float

# Local node a = 4 a_x + 2 a_y + a_z; local degree of freedom 3 a + component.
CORNERS = np.array(list(itertools.product((0, 1), repeat=3)), np.int32)
GAUSS_POINTS = np.array(list(itertools.product((-1, 1), repeat=3))) / np.sqrt(3)
CENTROID = np.zeros((1, 3))


def elasticity(poisson: float) -> Float[np.ndarray, "6 6"]:
    r"""Isotropic elasticity matrix for unit Young's modulus, engineering shear strains.

    $$C_{ij} = \lambda + 2\mu\,\delta_{ij} \;(i, j \le 3), \qquad C_{ii} = \mu \;(i > 3)$$

    Order xx, yy, zz, yz, zx, xy. Multiply by Young's modulus in MPa for MPa.
    """
    lam = poisson / ((1 + poisson) * (1 - 2 * poisson))
    mu = 1 / (2 * (1 + poisson))
    matrix = np.zeros((6, 6))
    matrix[:3, :3] = lam
    matrix[np.arange(3), np.arange(3)] += 2 * mu
    matrix[np.arange(3, 6), np.arange(3, 6)] = mu
    return matrix


def strain_matrix(
    points: Float[np.ndarray, "points 3"], spacing: tuple[float, float, float]
) -> Float[np.ndarray, "points 6 24"]:
    r"""Strain-displacement matrices $B$ with $\varepsilon = B u_e$ at points of $[-1, 1]^3$.

    $$N_a(\xi) = \tfrac18 \prod_i (1 + s_{ai}\,\xi_i), \qquad
      \partial_j N_a = \frac{2}{h_j}\,\frac{\partial N_a}{\partial \xi_j}, \qquad s_{ai} = \pm 1$$

    Engineering shear strains, order xx, yy, zz, yz, zx, xy; unit 1/mm.
    Source: any finite-element text, e.g. Hughes, The Finite Element Method (2000), section 3.5.
    """
    signs = 2 * CORNERS - 1
    factors = 1 + signs[None] * points[:, None]
    gradient = np.empty((len(points), 8, 3))
    for axis in range(3):
        others = [i for i in range(3) if i != axis]
        gradient[:, :, axis] = signs[:, axis] * factors[:, :, others].prod(-1) / (4 * spacing[axis])
    matrix = np.zeros((len(points), 6, 8, 3))
    for axis in range(3):
        matrix[:, axis, :, axis] = gradient[:, :, axis]
    for row, (i, j) in enumerate(((1, 2), (2, 0), (0, 1)), start=3):
        matrix[:, row, :, i] = gradient[:, :, j]
        matrix[:, row, :, j] = gradient[:, :, i]
    return matrix.reshape(len(points), 6, 24)


def stiffness(spacing: tuple[float, float, float], poisson: float) -> Float[np.ndarray, "24 24"]:
    r"""Element stiffness for unit Young's modulus, in mm (so that E in MPa gives N/mm).

    $$\hat K = \int_{\text{voxel}} B^\mathsf{T} C B \,\mathrm{d}V$$

    The 2x2x2 Gauss rule integrates it exactly on a brick.
    """
    strain = strain_matrix(GAUSS_POINTS, spacing)
    weight = np.prod(spacing) / len(GAUSS_POINTS)
    return weight * np.einsum("psi,st,ptj->ij", strain, elasticity(poisson), strain)


def largest_eigenvalue(matrix: Float[np.ndarray, "24 24"]) -> float:
    r"""Largest eigenvalue of $\operatorname{diag}(\hat K)^{-1} \hat K$ of an element `stiffness`.

    It is an upper bound for every mesh, since energies and diagonals of the elements add up for any displacement.
    """
    scale = 1 / np.sqrt(np.diag(matrix))
    return float(np.linalg.eigvalsh(scale[:, None] * matrix * scale)[-1])
