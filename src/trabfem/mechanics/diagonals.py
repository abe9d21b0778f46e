"""Data of a level besides its operator: inverse diagonal and largest eigenvalue; a dense inverse on the coarsest."""

import functools

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from . import hexahedron, operator
from .coarse import Blocks, Matrices
from .levels import CoarseLevel, CoarsestLevel, FineLevel, Transfer
from .mesh import HexMesh
from .operator import Field

LANCZOS_STEPS = 8
# Share of the element bound that the fine operator's largest eigenvalue reaches in bone (measured: 0.80-0.85). The
# default smoother contracts up to 1.17 times the eigenvalue given to it, hence up to the bound itself.
TYPICAL = 0.86
SINGULAR = 1e-6


def fine_level(mesh: HexMesh, free: Bool[Array, "nodes 3"], transfer: Transfer) -> FineLevel:
    """The level of the mesh itself; `free` where displacements are not prescribed."""
    stiffness = hexahedron.stiffness(mesh.spacing, mesh.poisson)
    largest = jnp.float32(TYPICAL * hexahedron.largest_eigenvalue(stiffness))
    return FineLevel(mesh, free, jnp.asarray(stiffness, jnp.float32), _inverse_modulus(mesh), largest, transfer)


def coarse_level(here: Blocks | Matrices, nodes: int, transfer: Transfer) -> CoarseLevel:
    """The level of an operator on `nodes` vertices."""
    # Wait for each program: one called while another runs allocates its memory immediately.
    inverse, largest = jax.block_until_ready(_smoothing(here, nodes))
    return CoarseLevel(here, inverse, largest, transfer)


@functools.partial(jax.jit, static_argnames="nodes")
def coarsest_level(here: Blocks | Matrices, nodes: int) -> CoarsestLevel:
    """The dense pseudo-inverse of an operator on `nodes` vertices."""
    dense = here.dense(nodes)
    scale = jnp.sqrt(_inverse(jnp.diagonal(dense)))
    value, vector = jnp.linalg.eigh(scale[:, None] * dense * scale)
    kept = value > SINGULAR * value[-1]
    vector = scale[:, None] * vector
    inverse = jnp.where(kept, 1 / jnp.where(kept, value, 1), 0)
    return CoarsestLevel(((vector * inverse) @ vector.T).astype(jnp.float32))


@jax.jit
def _inverse_modulus(mesh: HexMesh) -> Float[Array, " nodes"]:
    return _inverse(operator.sum_moduli(mesh))


@functools.partial(jax.jit, static_argnames="nodes")
def _smoothing(here: Blocks | Matrices, nodes: int) -> tuple[Float[Array, "nodes 3"], Float[Array, ""]]:
    """Inverse of the diagonal and largest eigenvalue: what a level's smoother needs."""
    inverse = _inverse(here.elements.assemble(here.diagonal(), nodes))
    return inverse, _largest_eigenvalue(here.apply, inverse)


def _inverse(diagonal: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
    """Inverse of the diagonal; 0 where a vertex has no stiffness (idle, or with all nodes prescribed)."""
    positive = diagonal > 1e-6 * diagonal.max()
    return jnp.where(positive, 1 / jnp.where(positive, diagonal, 1), 0)


def _largest_eigenvalue(apply, inverse_diagonal: Field) -> Float[Array, ""]:
    r"""Largest eigenvalue of $D^{-1/2} A D^{-1/2}$ by Lanczos steps, plus 5 %; power iteration is too low."""
    scale = jnp.sqrt(inverse_diagonal)
    # A start with a part of every eigenvector, quicker to compile than a random one.
    start = jnp.cos(jnp.arange(scale.size, dtype=jnp.float32) ** 2 % 6.28).reshape(scale.shape) * (scale > 0)

    def step(carry, _):
        v, before, beta = carry
        w = scale * apply(scale * v) - beta * before
        alpha = jnp.vdot(w, v)
        w = w - alpha * v
        beta = jnp.linalg.norm(w)
        return (w / beta, v, beta), (alpha, beta)

    start = start / jnp.linalg.norm(start)
    _, (alpha, beta) = jax.lax.scan(step, (start, jnp.zeros_like(start), jnp.float32(0)), length=LANCZOS_STEPS)
    tridiagonal = jnp.diag(alpha) + jnp.diag(beta[:-1], 1) + jnp.diag(beta[:-1], -1)
    return 1.05 * jnp.linalg.eigvalsh(tridiagonal)[-1]
