"""Data of a level besides its operator: inverse diagonal and largest eigenvalue; a dense inverse on the coarsest."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float

from . import hexahedron, native, operator
from .coarse import Blocks, Matrices
from .levels import FineLevel, Transfer
from .mesh import HexMesh
from .operator import Field
from .parts.sums import PerPart, dot_parts, spread

LANCZOS_STEPS = 8
# Share of the element bound that the fine operator's largest eigenvalue reaches in bone (measured: 0.80-0.85). The
# default smoother contracts up to 1.17 times the eigenvalue given to it, hence up to the bound itself.
TYPICAL = 0.86
SINGULAR = 3e-3
"""Epsilon of the coarsest level: larger ones leave more to the iteration, and smaller ones need as many steps."""
ROUNDING = 1e-3
"""Bound of the rounding errors of a packed matrix over its largest entry: 24 entries in a row, 1.5e-5 of that each."""
SHIFTS = 512


def fine_level(
    mesh: HexMesh,
    free: Bool[Array, "nodes 3"],
    transfer: Transfer,
    inverse_modulus: Float[Array, " nodes"],
    parts: int | None = None,
) -> FineLevel:
    """The level of the mesh itself; `free` where displacements are not prescribed."""
    stiffness = hexahedron.stiffness(mesh.spacing, mesh.poisson)
    largest = TYPICAL * hexahedron.largest_eigenvalue(stiffness)
    stiffness, largest = jax.device_put((stiffness.astype(np.float32), np.float32(largest)))
    return FineLevel(mesh, free, stiffness, inverse_modulus, largest, transfer, parts=parts)


def invert(here: Blocks | Matrices, nodes: int, parts: int | None = None) -> Float[Array, "*parts dofs dofs"]:
    r"""The dense pseudo-inverse of an operator K on `nodes` vertices, of every part for itself,

    $$D^{-1/2} C^{-1} A\, C^{-1} A\, C^{-1} D^{-1/2}, \qquad A = D^{-1/2} K D^{-1/2}, \quad C = A + \epsilon + \delta$$

    with the diagonal D of K and a bound δ of the rounding errors in A, which can give A negative eigenvalues. The
    result has none. Its eigenvalues are 1/λ for those λ of A well above ε and almost 0 for rigid motions, whose λ is
    almost 0. Cholesky's factors of C are enough for that; eigenvectors take many times as long on a GPU.
    """
    count, elements = parts or 1, here.elements
    dense = here.dense(nodes, count)
    # No entry of a matrix without negative eigenvalues is above the largest on its diagonal.
    largest = jnp.where(jnp.arange(len(elements.conn)) < elements.count, here.diagonal().max(1), 0)
    largest = elements.assemble(jnp.tile(largest[:, None], 24), nodes).reshape(count, -1)
    if parts is None:
        return _filtered_inverse(dense[0], largest[0]).astype(jnp.float32)
    return jax.vmap(_filtered_inverse)(dense, largest).astype(jnp.float32)


def _filtered_inverse(dense: Float[Array, "dofs dofs"], largest: Float[Array, " dofs"]) -> Float[Array, "dofs dofs"]:
    scale = jnp.sqrt(_inverse(jnp.diagonal(dense)))
    more = jnp.where(scale > 0, SINGULAR + ROUNDING * largest * scale**2, 1)[:, None]
    factor = jnp.linalg.cholesky(scale[:, None] * dense * scale + jnp.diag(more[:, 0]), symmetrize_input=True)
    # A C^-1 x = x - (C - A) C^-1 x: triangular solves alone, as a GPU would try out forms of a matrix product at first.
    solved = jax.scipy.linalg.cho_solve((factor, True), jnp.diag(scale))
    image = jnp.diag(scale) - more * solved
    for _ in range(2):
        solved = jax.scipy.linalg.cho_solve((factor, True), image)
        image = image - more * solved
    return scale[:, None] * solved


def invert_moduli(mesh: HexMesh, parts: int | None) -> Float[Array, " nodes"]:
    """Inverse of the sum of moduli around every node, 1/MPa; 0 without elements."""
    return _inverse(operator.sum_moduli(mesh), parts)


def find_smoothing(here: Blocks | Matrices, nodes: int, parts: int | None) -> tuple[Float[Array, "nodes 3"], PerPart]:
    """Inverse of the diagonal and largest eigenvalue: what a level's smoother needs."""
    inverse = _inverse(here.elements.assemble(here.diagonal(), nodes), parts)
    return inverse, _largest_eigenvalue(here.apply, inverse, parts)


def _inverse(diagonal: Float[Array, "*shape"], parts: int | None = None) -> Float[Array, "*shape"]:
    """Inverse of the diagonal; 0 where a vertex has no stiffness (idle, or with all nodes prescribed)."""
    rows = diagonal.reshape(parts or 1, -1)
    positive = (rows > 1e-6 * rows.max(1, keepdims=True)).reshape(diagonal.shape)
    return jnp.where(positive, 1 / jnp.where(positive, diagonal, 1), 0)


def _largest_eigenvalue(apply: Callable[[Field], Field], inverse_diagonal: Field, parts: int | None) -> PerPart:
    r"""Largest eigenvalue of $D^{-1/2} A D^{-1/2}$ by Lanczos steps, plus 5 %; power iteration is too low."""
    scale = jnp.sqrt(inverse_diagonal)
    # A start with a part of every eigenvector, quicker to compile than a random one; the same for every part.
    place = jnp.arange(scale.size // (parts or 1), dtype=jnp.float32)
    start = jnp.tile(jnp.cos(place**2 % 6.28), parts or 1).reshape(scale.shape) * (scale > 0)

    def norm(v: Field) -> PerPart:
        return jnp.sqrt(dot_parts(v, v, parts))

    def divide(v: Field, length: PerPart) -> Field:
        # A part without any stiffness here has a start of 0 and stays there.
        return v / spread(jnp.where(length > 0, length, 1), v)

    def step(carry, _):
        v, before, beta = carry
        w = scale * apply(scale * v) - spread(beta, v) * before
        alpha = dot_parts(w, v, parts)
        w = w - spread(alpha, v) * v
        beta = norm(w)
        return (divide(w, beta), v, beta), (alpha, beta)

    start = divide(start, norm(start))
    none = jnp.zeros_like(norm(start))
    _, (alpha, beta) = jax.lax.scan(step, (start, jnp.zeros_like(start), none), length=LANCZOS_STEPS)
    find = _largest_compiled if native.available() else largest_of_tridiagonal
    found = find(alpha, beta[:-1])
    return 1.05 * jnp.where(found > 0, found, 1)


def _largest_compiled(diagonal: Float[Array, "steps *parts"], beside: Float[Array, "less *parts"]) -> PerPart:
    return native.call("largest", jax.ShapeDtypeStruct(diagonal.shape[1:], jnp.float32), diagonal, beside)


def largest_of_tridiagonal(
    diagonal: Float[Array, "steps *parts"], beside: Float[Array, "less *parts"]
) -> Float[Array, "*parts"]:
    r"""Largest eigenvalue of symmetric tridiagonal matrices that have no negative ones, to 1e-5 of it.

    x is above it where all pivots of the matrix less x are negative, $d_i = a_i - x - b_{i-1}^2 / d_{i-1} < 0$
    (Sturm's count). All x are tried at once, in two rounds: for a matrix this small, a library call on a GPU takes
    longer than everything else here.
    """
    padded = jnp.pad(jnp.abs(beside), [(1, 1)] + [(0, 0)] * (beside.ndim - 1))
    high = (diagonal + padded[1:] + padded[:-1]).max(0)
    low = jnp.zeros_like(high)
    for _ in range(2):
        step = (high - low) / SHIFTS
        shifts = low + step * jnp.arange(1, SHIFTS + 1, dtype=high.dtype).reshape(-1, *(1,) * high.ndim)
        pivot = diagonal[0] - shifts
        above = pivot < 0
        for a, b in zip(diagonal[1:], beside, strict=True):
            # Where a pivot is 0 or positive, x is not above; then any other value will do.
            pivot = a - shifts - b**2 / jnp.where(pivot < 0, pivot, -1)
            above &= pivot < 0
        first = SHIFTS - above.sum(0)
        low, high = low + step * first, low + step * (first + 1)
    return high
