"""Apparent stiffness of a specimen from six load cases, and the frame in which it is closest to orthotropic."""

import dataclasses
from collections.abc import Callable, Mapping

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float
from scipy.optimize import minimize
from scipy.spatial.transform import Rotation

from ..errors import UserError
from . import hexahedron, loads, operator
from .cases import solve_cases
from .loads import STRAINS
from .solution import Solution

Matrix = Float[np.ndarray, "6 6"]
BOUNDARIES: Mapping[str, Callable[..., loads.LoadCase]] = {
    "kubc": loads.kubc,
    "pmubc": loads.pmubc,
    "periodic": loads.pmubc,
    "direct": loads.direct,
}
SHEAR = ((1, 2), (2, 0), (0, 1))
ORTHOTROPIC = np.eye(6, dtype=bool) | np.logical_and.outer(np.arange(6) < 3, np.arange(6) < 3)
STARTS = 24


@dataclasses.dataclass(frozen=True)
class Homogenized:
    """Apparent stiffness (MPa, order xx yy zz yz zx xy, engineering shear strains), symmetric.

    `asymmetry`: norm of the antisymmetric part, which is left out, over the norm of the whole. It is nearly 0 where all
    cases prescribe the same degrees of freedom (KUBC), and measures the uncertainty due to mixed conditions otherwise.
    """

    stiffness: Matrix
    asymmetry: float
    boundary: str
    solutions: tuple[Solution, ...] = dataclasses.field(repr=False)

    @property
    def converged(self) -> bool:
        """Whether all six cases converged."""
        return all(solution.converged for solution in self.solutions)


def apparent_stiffness(
    modulus: Float[np.ndarray, "x y z"],
    spacing: tuple[float, float, float],
    boundary: str = "kubc",
    *,
    poisson: float = 0.3,
    rtol: float = 1e-6,
    energy_tol: float = 1e-6,
    max_iterations: int = 300,
    together: bool | None = None,
) -> Homogenized:
    r"""Stiffness that relates mean stress to the applied mean strain,

    $$\bar\sigma_i = \frac1V \int \sigma_i \,\mathrm{d}V = \sum_j C_{ij}\,\bar\varepsilon_j$$

    `boundary`: "kubc" (uniform displacement on all faces, an upper bound), "pmubc" (mixed), "direct" (the tests of
    FAIM's direct mechanics), or "periodic": the specimen and its mirror images, repeated. By symmetry that medium is
    solved exactly by PMUBC on the specimen itself, and the coupling of shear with other strains vanishes.
    Source: van Rietbergen et al., J. Biomech. 29:1653 (1996); Pahr & Zysset, Biomech. Model. Mechanobiol. 7:463 (2008).
    """
    if boundary not in BOUNDARIES:
        raise UserError(f"unknown boundary conditions '{boundary}'; choose one of {', '.join(BOUNDARIES)}")
    cases = [BOUNDARIES[boundary](case, 1.0) for case in STRAINS]
    solutions = solve_cases(
        modulus,
        spacing,
        cases,
        poisson=poisson,
        rtol=rtol,
        energy_tol=energy_tol,
        max_iterations=max_iterations,
        together=together,
    )
    whole = mean_stresses(solutions)
    if boundary == "periodic":
        whole = np.where(ORTHOTROPIC, whole, 0.0)
    twist = np.linalg.norm(whole - whole.T) / (2 * np.linalg.norm(whole))
    return Homogenized((whole + whole.T) / 2, float(twist), boundary, tuple(solutions))


def mean_stresses(solutions: list[Solution]) -> Matrix:
    r"""Column j: mean stress (MPa) of case j over the whole volume, pores included.

    $$V \bar\sigma_i = w_i^\mathsf{T} K u_j$$

    with $w_i$ the uniform unit strain i, or, where case i holds the same degrees of freedom as case j, its solution
    $u_i$: the two differ only where the forces $K u_j$ are zero, and the error of the second is that of an energy.
    """
    mesh = solutions[0].mesh
    nodes = np.asarray(mesh.nodes)[: mesh.num_nodes]
    with jax.enable_x64(True):
        stiffness = jnp.asarray(hexahedron.stiffness(mesh.spacing, mesh.poisson))
        forces = [np.asarray(operator.apply(mesh, stiffness, jnp.asarray(s.displacement))) for s in solutions]
    cases = [solution.case for solution in solutions]
    fixed = [load.prescribe(nodes, mesh.shape, mesh.spacing)[0] for load in cases]
    uniform = [load.extend_motion(nodes, mesh.shape, mesh.spacing) for load in cases]
    volume = np.prod(mesh.shape) * np.prod(mesh.spacing)
    whole = np.empty((6, 6))
    for i in range(6):
        for j in range(6):
            same = np.array_equal(fixed[i], fixed[j])
            weight = np.asarray(solutions[i].displacement)[: mesh.num_nodes] if same else uniform[i]
            whole[i, j] = np.vdot(weight, forces[j][: mesh.num_nodes]) / volume
    return whole


def engineering_constants(stiffness: Matrix) -> dict[str, float]:
    r"""Young's moduli, shear moduli (MPa) and Poisson's ratios of the compliance $S = C^{-1}$.

    $$E_i = 1/S_{ii}, \qquad G_{ij} = 1/S_{ij,ij}, \qquad \nu_{ij} = -S_{ji}/S_{ii}$$

    nu_xy: shortening along y for stress along x.
    """
    compliance = np.linalg.inv(stiffness)
    values = {f"{'E' if n < 3 else 'G'}{name}": 1 / compliance[n, n] for n, name in enumerate(STRAINS)}
    for i, j in ((1, 0), (2, 0), (0, 1), (2, 1), (0, 2), (1, 2)):
        values[f"nu_{'xyz'[i]}{'xyz'[j]}"] = -compliance[j, i] / compliance[i, i]
    return {name: float(value) for name, value in values.items()}


def rotate(stiffness: Matrix, rotation: Float[np.ndarray, "3 3"]) -> Matrix:
    r"""Stiffness in another frame, $C' = M C M^\mathsf{T}$, whose axes are the rows of `rotation`.

    Source: Auld, Acoustic Fields and Waves in Solids (1973), section 3D (Bond's matrix).
    """
    r = rotation
    bond = np.empty((6, 6))
    bond[:3, :3] = r**2
    for n, (i, j) in enumerate(SHEAR):
        bond[:3, 3 + n] = 2 * r[:, i] * r[:, j]
        bond[3 + n, :3] = r[i] * r[j]
        for m, (p, q) in enumerate(SHEAR):
            bond[3 + n, 3 + m] = r[i, p] * r[j, q] + r[i, q] * r[j, p]
    return bond @ stiffness @ bond.T


def orthotropic_misfit(stiffness: Matrix) -> float:
    """Sum of squares of the entries that are 0 in an orthotropic stiffness, over that of the other entries."""
    return float((stiffness[~ORTHOTROPIC] ** 2).sum() / (stiffness[ORTHOTROPIC] ** 2).sum())


def find_orthotropic_frame(stiffness: Matrix) -> tuple[Float[np.ndarray, "3 3"], Matrix]:
    """The frame (axes in rows) of least `orthotropic_misfit`, stiffest axis first, and the stiffness in it."""

    def misfit(turn: np.ndarray) -> float:
        return orthotropic_misfit(rotate(stiffness, Rotation.from_rotvec(turn).as_matrix()))

    scattered = np.random.default_rng(0).normal(size=(STARTS - 1, 4))
    starts = [np.zeros(3), *Rotation.from_quat(scattered).as_rotvec()]
    found = min((minimize(misfit, start, method="BFGS") for start in starts), key=lambda result: result.fun)
    frame = Rotation.from_rotvec(found.x).as_matrix()
    frame = frame[np.argsort(-np.diag(rotate(stiffness, frame))[:3])]
    frame[2] *= np.linalg.det(frame)
    return frame, rotate(stiffness, frame)
