"""One boundary value problem, stated once for all solvers: voxel moduli and the load on the end faces."""

import dataclasses
import functools
from pathlib import Path

import numpy as np
from jaxtyping import Bool, Float, Int

from trabfem.errors import UserError
from trabfem.mechanics import loads
from trabfem.mechanics.hexahedron import CORNERS
from trabfem.specimen import Specimen, keep_load_path, readers, tissue_moduli

STRAIN = -0.01


@dataclasses.dataclass(frozen=True)
class Problem:
    """Voxel moduli (MPa, 0 = void), spacing (mm) and a load on the end faces of z."""

    name: str
    modulus: Float[np.ndarray, "x y z"]
    spacing: tuple[float, float, float]
    load: loads.LoadCase
    poisson: float

    @functools.cached_property
    def voxels(self) -> Int[np.ndarray, "elements 3"]:
        return np.argwhere(self.modulus > 0)

    @functools.cached_property
    def nodes(self) -> Int[np.ndarray, "nodes 3"]:
        """Lattice positions of the nodes that some bone voxel touches, in the order of the lattice."""
        touched = np.zeros(np.array(self.modulus.shape) + 1, bool)
        for corner in CORNERS:
            touched[tuple((self.voxels + corner).T)] = True
        return np.argwhere(touched)

    @property
    def num_dofs(self) -> int:
        return 3 * len(self.nodes)

    def prescribed(self) -> tuple[Bool[np.ndarray, "nodes 3"], Float[np.ndarray, "nodes 3"]]:
        """Which displacements are prescribed, and their values in mm (0 elsewhere)."""
        fixed, value = self.load.prescribe(self.nodes, self.modulus.shape, self.spacing)
        return np.asarray(fixed), np.asarray(value)

    def apparent_modulus(self, energy: float) -> float:
        r"""$E = 2 U L / (\delta^2 A)$ in MPa from the elastic energy in N mm."""
        travel = self.load.travel(self.modulus.shape, self.spacing)
        x, y, z = (n * h for n, h in zip(self.modulus.shape, self.spacing, strict=True))
        return 2 * energy * z / (travel**2 * x * y)


def bone(volume: str | Path, threshold: float | None = None) -> Specimen:
    """The bone in a file, or of a shipped name, that runs from end face to end face."""
    return keep_load_path(readers.read(volume, threshold=threshold))


def bone_or_block(volume: str | None, site: str, seed: int, size: int) -> Specimen:
    """The bone in `volume`, or a block made of `size` voxels a side where there is none."""
    from trabfem.specimen import synthetic

    return synthetic.generate(site, seed, size) if volume is None else bone(volume)


def of(specimen: Specimen, load: str, youngs: float, poisson: float, refine: int = 1) -> Problem:
    """The problem that `trabfem solve` would solve on this bone, each voxel cut into `refine`^3."""
    if refine < 1:
        raise UserError(f"--refine {refine}: give a whole number of at least 1")
    fill = specimen.fill
    for axis in range(3):
        fill = np.repeat(fill, refine, axis)
    modulus = tissue_moduli(fill, youngs)
    x, y, z = (h / refine for h in specimen.spacing)
    name = specimen.name if refine == 1 else f"{specimen.name} refined x{refine}"
    return Problem(name, modulus, (x, y, z), loads.by_name(load, strain=STRAIN), poisson)


def relative_residual(problem: Problem, displacement: Float[np.ndarray, "nodes 3"]) -> float:
    r"""True residual of anybody's answer in float64, $\|K u\| / \|K \bar u\|$ over the free degrees of freedom.

    `displacement` in mm for `problem.nodes`; $\bar u$ are the prescribed displacements with 0 elsewhere.
    """
    import jax
    import jax.numpy as jnp

    from trabfem.mechanics import hexahedron, operator
    from trabfem.mechanics.mesh import HexMesh

    with jax.enable_x64(True):
        mesh = HexMesh.from_voxels(problem.modulus, problem.spacing, problem.poisson)
        stiffness = jnp.asarray(hexahedron.stiffness(problem.spacing, problem.poisson))
        fixed, value = problem.prescribed()
        # Both number the same lattice nodes, each in its own order; idle nodes of the mesh go with any other.
        x, y, z = np.array(problem.modulus.shape) + 1
        ours = np.searchsorted(problem.nodes @ (y * z, z, 1), np.asarray(mesh.nodes) @ (y * z, z, 1))

        def norm(u: Float[np.ndarray, "nodes 3"]) -> float:
            force = np.asarray(operator.apply(mesh, stiffness, jnp.asarray(u[ours])))
            return float(np.linalg.norm(np.where(fixed[ours], 0, force)[: mesh.num_nodes]))

        return norm(displacement) / norm(value)
