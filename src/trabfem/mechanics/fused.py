r"""The operator K u as one CUDA kernel: every node gathers its own force, which needs no atomic additions.

$$f_i(n) = \sum_{d \in \{-1,0,1\}^3} \sum_j \hat K_{0,|d|}^{ij}
  \Big( \sum_{e \ni n,\,n+d} r_i r_j\, E_e \Big)\, u_j(n + d)$$

A brick is its own mirror image, so its 24 x 24 matrix follows from the three rows of its first corner: seen from corner
a, $\hat K_{ab}^{ij} = r_i r_j \hat K_{0,\,a \oplus b}^{ij}$ with $r_i = -1$ on the axes where a is the upper corner.
So a node reads each of its 27 neighbours once, instead of eight nodes of each of eight elements.

Neighbours come in nine columns along z. Nodes of a mesh are numbered in the order of the lattice, z fastest, so that
one entry of `pairs` gives a column, whose upper and lower nodes have the next and the previous number. Displacements
are stored by component, (3, nodes), so neighbouring lanes of the GPU read neighbouring numbers.

The sums are taken in a fixed order, so that the same input gives the same bits. Compiled for compute capability 9.0 in
float32 a node takes 1016 instructions (297 multiply-adds, 141 loads) and 128 registers without spilling.
"""

import functools
import importlib
import itertools
import logging
import math
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.custom_batching import custom_vmap
from jax.experimental import pallas as pl
from jaxtyping import Array, Float

from . import hexahedron
from .hexahedron import CORNERS
from .mesh import HexMesh

Field = Float[Array, "nodes 3"]

try:
    triton: Any = importlib.import_module("jax.experimental.pallas.triton")
except ImportError:
    # JAX has announced that it will remove this backend.
    triton = None

BLOCK = 128
WARPS = 4
# Offsets to the neighbours, those with the same |d| together: they share a block of the stiffness.
NEIGHBOURS = sorted(itertools.product((-1, 0, 1), repeat=3), key=lambda d: ([abs(x) for x in d], d))
COLUMNS = [(x, y) for x, y in itertools.product((-1, 0, 1), repeat=2) if (x, y) != (0, 0)]

logger = logging.getLogger(__name__)


def apply(mesh: HexMesh, stiffness: Float[Array, "24 24"], u: Field, *, interpret: bool = False) -> Field:
    """Nodal forces (N) of a displacement field (mm): `operator.apply` in one pass over memory.

    `mesh`: nodes numbered along z first, as by `HexMesh.from_voxels`. `stiffness` must have the mirror symmetry
    of a brick of one isotropic material. Under `jax.vmap` over u the cases share a kernel. `interpret`: run it as
    plain JAX, on any device and slowly, to test it.
    """
    rows = stiffness[:3].astype(u.dtype)

    @custom_vmap
    def one(u: Field) -> Field:
        return _forces(mesh, rows, u[None], interpret)[0]

    @one.def_vmap
    def _(axis_size, in_batched, u):
        return _forces(mesh, rows, u, interpret), True

    return one(u)


@functools.cache
def available() -> bool:
    """Whether JAX's default device is an NVIDIA GPU on which the kernel compiles and agrees with the plain form.

    This is tried once on a small mesh. If it fails, the plain form is used and a warning in the log gives the reason.
    """
    if jax.default_backend() != "gpu":
        return False
    if triton is None:
        logger.warning(
            "the fused GPU kernel is not used, because this JAX has no Triton backend; JAX 0.10 to 0.12 have"
        )
        return False
    try:
        # In a separate thread, because this may be called while JAX traces a program, and tracing is per thread.
        with ThreadPoolExecutor(1) as thread:
            worst = thread.submit(_disagreement).result()
    except Exception as error:  # A compiler on an unknown machine may raise anything; the plain form still works.
        reason = str(error).strip().splitlines() or [type(error).__name__]
        logger.warning("the fused GPU kernel is not used, because it does not run here: %s", reason[0])
        return False
    if not worst < 1e-5:
        logger.warning("the fused GPU kernel is not used, because its result is off by %.1e", worst)
    return worst < 1e-5


def _disagreement() -> float:
    """Largest difference from a sum over elements by numpy, on a small random block, over the largest force."""
    random = np.random.default_rng(0)
    mesh = HexMesh.from_voxels(
        (random.random((5, 6, 7)) < 0.6) * random.uniform(0.5, 2, (5, 6, 7)), (1.0, 1.2, 0.9), lists=True
    )
    matrix, u = hexahedron.stiffness(mesh.spacing, mesh.poisson), random.normal(size=mesh.nodes.shape)
    conn, exact = np.asarray(mesh.conn), np.zeros_like(u)
    local = (u[conn].reshape(-1, 24) @ matrix) * np.asarray(mesh.modulus)[:, None]
    np.add.at(exact, conn, local.reshape(-1, 8, 3))
    found = np.asarray(apply(mesh, jnp.asarray(matrix, jnp.float32), jnp.asarray(u, jnp.float32)))
    return float(abs(found - exact).max() / abs(exact).max())


def _forces(
    mesh: HexMesh, rows: Float[Array, "3 24"], u: Float[Array, "cases nodes 3"], interpret: bool
) -> Float[Array, "cases nodes 3"]:
    cases, nodes, _ = u.shape
    kernel = pl.pallas_call(
        functools.partial(_kernel, cases=cases, nodes=nodes),
        out_shape=jax.ShapeDtypeStruct((cases, 3, nodes), u.dtype),
        grid=(pl.cdiv(nodes, BLOCK),),
        compiler_params=triton.CompilerParams(num_warps=WARPS, num_stages=1),
        interpret=interpret,
        name="elastic_operator",
    )
    force = kernel(mesh.incident, mesh.pairs.reshape(-1), mesh.modulus, rows, u.transpose(0, 2, 1))
    return force.transpose(0, 2, 1)


def _kernel(incident, pairs, modulus, rows, u, force, *, cases: int, nodes: int) -> None:
    """Forces of `BLOCK` nodes; the arguments are references to whole arrays in device memory."""
    node = pl.program_id(0) * BLOCK + jnp.arange(BLOCK, dtype=jnp.int32)
    inside = node < nodes
    element, youngs = _elements(incident, modulus, node, inside)
    columns = _columns(pairs, element, youngs, node)
    youngs = {octant: value.astype(u.dtype) for octant, value in youngs.items()}

    def one(case, carry):
        total = _sum_over_neighbours(rows, u, case, youngs, columns)
        for i in range(3):
            triton.store(force.at[case, i, node], total[i], mask=inside)
        return carry

    if cases == 1:
        one(0, 0)
    else:
        jax.lax.fori_loop(0, cases, one, 0)


def _elements(incident, modulus, node, inside):
    """Number and modulus of the elements in the eight octants around a node; 0 where there is none."""
    element, youngs = {}, {}
    for corner, bits in enumerate(CORNERS):
        octant = tuple(int(1 - bit) for bit in bits)
        element[octant] = triton.load(incident.at[node, corner], mask=inside, other=0) >> 3
        youngs[octant] = triton.load(modulus.at[element[octant]], mask=inside, other=0)
    return element, youngs


def _columns(pairs, element, youngs, node):
    """Number of the node in the same layer for each of the nine columns, from any element that touches the column."""
    found = {(0, 0): node}
    for column in COLUMNS:
        place, upper, present = jnp.zeros_like(node), jnp.zeros_like(node), node < 0
        for octant in element:
            if not _touches(octant, (*column, 0)):
                continue
            own = [1 - o for o in octant]
            pair = 2 * (own[0] ^ abs(column[0])) + (own[1] ^ abs(column[1]))
            solid = youngs[octant] > 0
            place = jnp.where(solid, 4 * element[octant] + pair, place)
            upper = jnp.where(solid, own[2], upper)
            present = present | solid
        found[column] = triton.load(pairs.at[place], mask=present, other=0) + upper
    return found


def _sum_over_neighbours(rows, u, case, youngs, columns):
    """The three force components: each neighbour's displacement, times the moduli that the two nodes share."""
    shared = _SharedModuli(youngs)
    total = [jnp.zeros(BLOCK, u.dtype) for _ in range(3)]
    for kind, members in itertools.groupby(NEIGHBOURS, key=lambda d: tuple(abs(x) for x in d)):
        part = [[jnp.zeros(BLOCK, u.dtype) for _ in range(3)] for _ in range(3)]
        for offset in members:
            x, y, z = offset
            present = shared(offset) > 0
            for j in range(3):
                value = triton.load(u.at[case, j, columns[x, y] + z], mask=present, other=0)
                for i in range(3):
                    flipped = frozenset((i, j)) if i != j else frozenset()
                    sign = math.prod(offset[axis] for axis in flipped if offset[axis])
                    part[i][j] += sign * shared(offset, flipped) * value
        for i, j in itertools.product(range(3), repeat=2):
            total[i] += _entry(rows, kind, i, j) * part[i][j]
    return total


class _SharedModuli:
    """Sums of r_i r_j E over the elements that a node shares with a neighbour; each pair is added once."""

    def __init__(self, youngs):
        self.youngs, self.known = youngs, {}

    def __call__(self, offset, flipped=frozenset()):
        """The sum without the signs of those axes in `flipped` on which all its elements lie on one side."""
        free = [axis for axis in range(3) if offset[axis] == 0]
        key = offset, flipped.intersection(free)
        if not free:
            return self.youngs[tuple((1 + x) // 2 for x in offset)]
        if key not in self.known:
            axis = free[0]
            lower, upper = (self((*offset[:axis], side, *offset[axis + 1 :]), key[1]) for side in (-1, 1))
            self.known[key] = upper - lower if axis in flipped else upper + lower
        return self.known[key]


def _entry(rows, kind: tuple[int, ...], i: int, j: int):
    r"""$\hat K_{0,\text{kind}}^{ij}$ of a brick.

    Off the diagonal it is $\pm m (\lambda \pm \mu)$ by the parity of the corner in the plane of i and j, where
    m depends on the third axis: four numbers for each plane.
    """
    if i == j:
        return rows[i, 3 * (4 * kind[0] + 2 * kind[1] + kind[2]) + i]
    first, second, third = min(i, j), max(i, j), 3 - i - j
    alike = kind[first] == kind[second]
    corner = kind[third] << (2 - third) | (0 if alike else 1 << (2 - second))
    negative = bool(kind[first]) if alike else bool(kind[first]) != (i > j)
    value = rows[first, 3 * corner + second]
    return -value if negative else value


def _touches(octant: tuple[int, ...], offset: tuple[int, ...]) -> bool:
    """Whether the element in an octant around a node has the neighbour at an offset as well."""
    return all(d == 0 or (d > 0) == bool(o) for o, d in zip(octant, offset, strict=True))
