r"""Walsh-Hadamard modes of a hexahedron: sums and differences of its nodal values along the three axes.

$$t_m = \sum_a (-1)^{|m \cdot a|} u_a, \qquad K_e = H^\mathsf{T} A_e H, \qquad A_e = H K_e H / 64$$

for every component of the displacement, with corners a and modes m as three bits. Mode 0 is a translation, the three
modes with one bit are mean gradients, the others bending and twist. Reflections of a brick turn modes into plus or
minus themselves, so `A_e` couples only modes of equal `PARITY`: 45 numbers where `K_e` has 576.

The modes of a coarse element determine those of its child in octant o by $t_o = S_o t$, with one 2 x 2 factor per axis,
 $\eta = (\eta' \pm 1)/2$. Changing the octant changes only signs, so the
Galerkin matrix of eight children of unit-modulus matrix D, with moduli $E_o$, is

$$A_{ij} = \hat E_{p_i \oplus p_j} C_{ij}, \qquad C = S_0^\mathsf{T} D S_0, \qquad
  \hat E_k = \sum_o (-1)^{|o \cdot k|} E_o$$

with the parities p: eight numbers per element and one matrix for all elements.
"""

import functools

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from . import hexahedron
from .hexahedron import CORNERS

WALSH = (-1.0) ** (CORNERS @ CORNERS.T)
"""(8, 8): mode from corner, symmetric; its square is eight times the identity."""
TRANSFORM = np.kron(WALSH, np.eye(3))
"""(24, 24): the same for three components."""
PARITY = (np.arange(8)[:, None] ^ np.array([4, 2, 1])).reshape(24)
"""(24,): signs of a mode under the three reflections, as bits."""
SAME = PARITY[:, None] ^ PARITY
"""(24, 24): index k of the sum of moduli of each coarse entry."""
FIRST, SECOND = np.triu_indices(24)
PACKED = np.empty((24, 24), np.int32)
PACKED[FIRST, SECOND] = PACKED[SECOND, FIRST] = np.arange(300)
"""(24, 24): index of an entry among the 300 of a symmetric matrix."""
MOST = np.iinfo(np.int16).max
LANES = 16
"""Number of elements whose packed matrices are interleaved, entry by entry."""


def to_modes(matrix: Float[np.ndarray, "... 24 24"]) -> Float[np.ndarray, "... 24 24"]:
    """A = H K H / 64 of nodal matrices."""
    return TRANSFORM @ matrix @ TRANSFORM / 64


def _children() -> Float[np.ndarray, "8 24 24"]:
    halves = [np.array([[1, sign / 2], [0, 0.5]]) for sign in (1, -1)]
    scalar = [np.kron(np.kron(halves[x], halves[y]), halves[z]) for x, y, z in CORNERS]
    return np.stack([np.kron(s, np.eye(3)) for s in scalar])


CHILDREN = _children()
"""(8, 24, 24): S_o, the modes of the child in octant o from those of its parent."""


def walsh(values: Float[Array, "elements 8"]) -> Float[Array, "elements 8"]:
    """Sums and differences of eight values along three axes, which takes no matrix product: values @ WALSH."""
    cube = values.reshape(-1, 2, 2, 2)
    for axis in (1, 2, 3):
        low, high = jnp.split(cube, 2, axis)
        cube = jnp.concatenate([low + high, low - high], axis)
    return cube.reshape(-1, 8)


def block_matrices(moduli: Float[Array, "blocks 8"], form: Float[Array, "24 24"]) -> Float[Array, "blocks 24 24"]:
    """Matrices of blocks of eight voxels, in modes."""
    return walsh(moduli)[:, SAME] * form


@functools.cache
def coarse_forms(
    spacing: tuple[float, float, float], poisson: float
) -> tuple[Float[np.ndarray, "24 24"], Float[np.ndarray, "8 24"]]:
    """C of the module's docstring, and the nodal diagonal of a coarse element per modulus of each child, in mm."""
    fine = to_modes(hexahedron.stiffness(spacing, poisson))
    modal = CHILDREN.transpose(0, 2, 1) @ fine @ CHILDREN
    return CHILDREN[0].T @ fine @ CHILDREN[0], np.diagonal(TRANSFORM @ modal @ TRANSFORM, axis1=1, axis2=2)


PACKED_DIAGONAL = (np.where(FIRST == SECOND, 1, 2) * TRANSFORM[:, FIRST] * TRANSFORM[:, SECOND]).T
"""(300, 24): nodal diagonal of a packed modal matrix."""


def pack(matrix: Float[Array, "elements 24 24"]) -> Float[Array, "blocks 300 lanes"]:
    """Symmetric modal matrices in blocks of `LANES` elements; their number must be a multiple of it."""
    return matrix[:, FIRST, SECOND].reshape(-1, LANES, 300).swapaxes(1, 2)


class Packed(eqx.Module):
    """Symmetric modal matrices (N/mm) with 16 bits per entry: integer multiples of a `unit` for each matrix.

    Floating-point numbers of 16 bits would have 16 times larger rounding errors of the large entries, which matters for
    rotations of an element: their small forces are differences of large ones.
    """

    entries: Int[Array, "blocks 300 lanes"]
    unit: Float[Array, "blocks lanes"]

    @classmethod
    def of(cls, packed: Float[Array, "blocks 300 lanes"]) -> "Packed":
        """The rounded form of matrices from `pack`."""
        unit = jnp.abs(packed).max(1) / MOST
        entries = jnp.round(packed / jnp.where(unit > 0, unit, 1)[:, None])
        return cls(entries.astype(jnp.int16), unit)

    def floats(self) -> Float[Array, "blocks 300 lanes"]:
        """The matrices in the layout of `pack`."""
        return self.entries * self.unit[:, None]

    def matrices(self) -> Float[Array, "elements 24 24"]:
        """The full matrix of every element."""
        return self.floats().swapaxes(1, 2).reshape(-1, 300)[:, PACKED]

    def of_elements(self, k: Int[Array, " some"]) -> Float[Array, "some 24 24"]:
        """The full matrices of the elements `k`."""
        block, lane = k // LANES, k % LANES
        return (self.entries[block, :, lane] * self.unit[block, lane][:, None])[:, PACKED]
