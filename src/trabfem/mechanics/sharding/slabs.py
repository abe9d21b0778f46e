"""Multigrid levels of which every device has a slab, with a halo exchange before and after each product.

Every node belongs to one device, so vector updates and inner products are local except for a sum. The nodes of a slab's
first plane come first in its arrays. Its elements also touch the first plane of the next slab; before a product the
values of these ghost nodes are fetched from their owner, and after it the forces on them are returned to the owner:

    owned nodes (first plane, then the others, then padding) | ghosts: first plane of the next slab | idle

All this runs inside `jax.shard_map` over the axis `AXIS`.
"""

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from .. import diagonals
from .. import operator as products
from ..coarse import Blocks, Matrices
from ..levels import CoarseLevel, FineLevel, Transfer
from ..mesh import HexMesh

Owned = Float[Array, "owned 3"]
Known = Float[Array, "known 3"]

AXIS = "slab"
# Lanczos steps. Their start depends on how vertices are numbered, so on the cuts: after 8 steps some starts are 12 %
# below the largest eigenvalue in the worst meshes, after 12 steps 1 %.
STEPS = 12


class Halo(eqx.Module):
    """Lengths of a level's arrays on each device: owned nodes, nodes of the first plane, and all nodes of elements."""

    owned: int = eqx.field(static=True)
    plane: int = eqx.field(static=True)
    length: int = eqx.field(static=True)

    def extend(self, u: Owned) -> Known:
        """Values at the owned nodes and the ghosts, and 0 at idle nodes."""
        devices = jax.lax.axis_size(AXIS)
        ghosts = jax.lax.ppermute(u[: self.plane], AXIS, [(k, k - 1) for k in range(1, devices)])
        rest = jnp.zeros((self.length - self.owned - self.plane, u.shape[1]), u.dtype)
        return jnp.concatenate([u, ghosts, rest])

    def return_forces(self, force: Known) -> Owned:
        """Forces on the owned nodes, including those that the previous slab computed for its ghosts."""
        devices = jax.lax.axis_size(AXIS)
        ghosts = force[self.owned : self.owned + self.plane]
        received = jax.lax.ppermute(ghosts, AXIS, [(k, k + 1) for k in range(devices - 1)])
        return force[: self.owned].at[: self.plane].add(received)


class SlabTransfer(Transfer):
    """Interpolation onto the owned nodes of a slab. `below`: None if every device has the whole coarser level."""

    below: Halo | None = None

    def prolong(self, coarse: Float[Array, "vertices 3"]) -> Owned:
        """P u_c at the owned nodes."""
        return super().prolong(coarse if self.below is None else self.below.extend(coarse))

    def restrict(self, fine: Owned, mesh: HexMesh | None = None) -> Float[Array, "vertices 3"]:
        """P^T f on the owned coarse vertices, or on all. `mesh` is ignored: it has more nodes than are owned."""
        coarse = super().restrict(fine)
        return jax.lax.psum(coarse, AXIS) if self.below is None else self.below.return_forces(coarse)


class SlabFine(FineLevel):
    """A slab of the mesh; `free` and `inverse_modulus` are those of the owned nodes.

    Positions of nodes and voxels, and the shape of the mesh, are those of the slab by itself: its first layer is 0.
    """

    halo: Halo

    def forces(self, stiffness: Float[Array, "24 24"], u: Owned) -> Owned:
        """K u at the owned nodes."""
        return self.halo.return_forces(products.apply(self.mesh, stiffness, self.halo.extend(u)))

    def sum_over_devices(self, share: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
        """Sum over the slabs."""
        return jax.lax.psum(share, AXIS)


class SlabCoarse(CoarseLevel):
    """A slab of a coarse level."""

    halo: Halo

    def apply(self, u: Owned) -> Owned:
        """A u at the owned nodes."""
        return self.halo.return_forces(self.operator.apply(self.halo.extend(u)))

    def sum_over_devices(self, share: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
        """Sum over the slabs."""
        return jax.lax.psum(share, AXIS)


def smoothing(operator: Blocks | Matrices, halo: Halo) -> tuple[Owned, Float[Array, ""]]:
    r"""Inverse diagonal of a slab's operator at its own nodes, and the largest eigenvalue of the whole level.

    As in `diagonals`: that of $D^{-1/2} A D^{-1/2}$ by Lanczos steps, plus 5 %, with sums over the slabs.
    """
    diagonal = halo.return_forces(operator.elements.assemble(operator.diagonal(), halo.length))
    positive = diagonal > 1e-6 * jax.lax.pmax(diagonal.max(), AXIS)
    inverse = jnp.where(positive, 1 / jnp.where(positive, diagonal, 1), 0)
    scale = jnp.sqrt(inverse)

    def total(a: Owned, b: Owned) -> Float[Array, ""]:
        return jax.lax.psum(jnp.vdot(a, b), AXIS)

    def step(carry, _):
        v, before, beta = carry
        w = scale * halo.return_forces(operator.apply(halo.extend(scale * v))) - beta * before
        alpha = total(w, v)
        w = w - alpha * v
        beta = jnp.sqrt(total(w, w))
        return (w / beta, v, beta), (alpha, beta)

    # A start with a part of every eigenvector, another one in every slab.
    place = jnp.arange(scale.size, dtype=jnp.float32) + jax.lax.axis_index(AXIS)
    start = jnp.cos(place**2 % 6.28).reshape(scale.shape) * (scale > 0)
    start = start / jnp.sqrt(total(start, start))
    _, (alpha, beta) = jax.lax.scan(step, (start, jnp.zeros_like(start), jnp.float32(0)), length=STEPS)
    return inverse, 1.05 * diagonals.largest_of_tridiagonal(alpha, beta[:-1])
