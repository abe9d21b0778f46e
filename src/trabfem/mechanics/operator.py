"""The elastic operator K u without a matrix: gather, one product per element, sum over the elements of a node."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, Shaped

from . import native
from .mesh import HexMesh

Field = Float[Array, "nodes 3"]


HIGHEST = jax.lax.Precision.HIGHEST
"""Of a product on which a number depends: float32 products on a GPU would otherwise take shorter factors (TF32)."""


def apply(mesh: HexMesh, stiffness: Float[Array, "24 24"], u: Field) -> Field:
    r"""Nodal forces of a displacement field,

    $$f = \sum_e G_e^\mathsf{T}\, E_e \hat K\, G_e u$$

    `stiffness` is $\hat K$ of a brick of unit modulus (mm); u in mm, E in MPa, f in N. The arithmetic follows the
    dtype of `u`. The compiled form is used if there is one for the device; `apply_plain` is differentiable.
    """
    return native.call_compiled_or_plain(apply_compiled, apply_plain, mesh, stiffness, u)


def apply_plain(mesh: HexMesh, stiffness: Float[Array, "24 24"], u: Field) -> Field:
    """The operator in plain JAX: the reference, differentiable, for any device."""
    force = jnp.matmul(gather(u, mesh.conn), stiffness.astype(u.dtype), precision=HIGHEST)
    force *= mesh.modulus[:, None].astype(u.dtype)
    return assemble(force, mesh.conn, mesh.incident, len(mesh.nodes))


def apply_compiled(mesh: HexMesh, stiffness: Float[Array, "24 24"], u: Field) -> Field:
    """The operator by a kernel. On a GPU every node gathers its own force."""
    given = (mesh.pairs, mesh.voxels, _count(mesh), mesh.modulus, stiffness.astype(u.dtype), u)
    gpu = lattice_arrays(mesh) if native.on_gpu() else ()
    return native.call("voxels", jax.ShapeDtypeStruct(u.shape, u.dtype), *given, gpu=gpu)


def _count(mesh: HexMesh) -> Int[Array, ""]:
    """The number of elements, which kernels of a GPU do not ask for: to convert it takes one of its own."""
    return jnp.asarray(0 if native.on_gpu() else mesh.num_elements, jnp.int32)


def lattice_arrays(mesh: HexMesh) -> tuple[Array, Array, Array]:
    """Positions of the nodes, voxels around them, and the ranks, whose axes are x, y and words along z."""
    assert mesh.around is not None and mesh.ranks is not None
    x, y, _ = mesh.shape
    return mesh.nodes, mesh.around, mesh.ranks.reshape(x + 1, y + 1, -1, 4)


def gather(u: Shaped[Array, "nodes 3"], conn: Int[Array, "elements 8"]) -> Shaped[Array, "elements 24"]:
    """The 24 nodal values of every element."""
    return u.at[conn].get(mode="promise_in_bounds").reshape(-1, 24)


def assemble(
    values: Float[Array, "elements 24"],
    conn: Int[Array, "elements 8"],
    incident: Int[Array, "nodes width"] | None,
    nodes: int,
) -> Field:
    """Sum over the element corners of every node: the transpose of `gather`. `incident` None uses a scatter."""
    if incident is None:
        return jnp.zeros((nodes, 3), values.dtype).at[conn.reshape(-1)].add(values.reshape(-1, 3))
    return gather_sum(values.reshape(-1, 3), incident)


def gather_sum(values: Float[Array, "corners 3"], incident: Int[Array, "nodes width"]) -> Field:
    """Sum over the element corners of every node, `8 e + a` in `incident`.

    A scatter has the same result, but runs on one core of a CPU and adds in no fixed order on a GPU. Terms that are
    added one by one fuse with their gathers, which is a quarter faster on large levels, whose lists are eight wide.
    Small levels have wider lists and use the form that compiles faster.
    """
    if incident.shape[1] > 8:
        return values.at[incident].get(mode="promise_in_bounds").sum(1)
    total = values.at[incident[:, 0]].get(mode="promise_in_bounds")
    for k in range(1, incident.shape[1]):
        total += values.at[incident[:, k]].get(mode="promise_in_bounds")
    return total


def sum_moduli(mesh: HexMesh) -> Float[Array, " nodes"]:
    """Sum of the moduli of the elements around every node, MPa."""

    def compiled(mesh: HexMesh) -> Float[Array, " nodes"]:
        given = (mesh.pairs, mesh.voxels, _count(mesh), mesh.modulus)
        gpu = lattice_arrays(mesh) if native.on_gpu() else ()
        return native.call("sum_moduli", jax.ShapeDtypeStruct((len(mesh.nodes),), jnp.float32), *given, gpu=gpu)

    def plain(mesh: HexMesh) -> Float[Array, " nodes"]:
        if mesh.incident is not None:
            return mesh.modulus[mesh.incident >> 3].sum(1)
        around = jnp.zeros(len(mesh.nodes), mesh.modulus.dtype)
        for a in range(8):
            around = around.at[mesh.conn[:, a]].add(mesh.modulus)
        return around

    return native.call_compiled_or_plain(compiled, plain, mesh)
