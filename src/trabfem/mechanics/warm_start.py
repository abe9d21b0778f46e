"""A first guess for the displacements from those of an earlier solution on a slightly different voxel set."""

import functools

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from .hexahedron import CORNERS
from .loads import LoadCase
from .mesh import HexMesh
from .operator import Field
from .solution import Solution

CHUNK = 4096
"""New nodes that are filled at once: few enough to be cheap where only some nodes are new."""


def first_guess(
    start: Solution, mesh: HexMesh, case: LoadCase, *, free: Bool[Array, "nodes 3"], value: Float[Array, "nodes 3"]
) -> Float[Array, "nodes 3"]:
    """First guess of the iteration: prescribed displacements, and those of an earlier solution where they are free.

    A node that the earlier mesh lacks takes the mean over its elements of the mean of their known corners; so nodes
    are filled in layers from the known ones.
    """
    scale = case.travel(mesh.shape, mesh.spacing) / _axial_travel(start)
    before = start.mesh.nodes, start.mesh.num_nodes, start.displacement
    with jax.enable_x64(True):
        return _guess(mesh, before, scale, free, value)


def _axial_travel(solution: Solution) -> float:
    """Displacement of the loaded face in a solution, mm."""
    return solution.reaction_force / solution.stiffness


@jax.jit
def _guess(
    mesh: HexMesh,
    before: tuple[Int[Array, "earlier 3"], Int[Array, ""] | int, Float[Array, "earlier 3"]],
    scale: Float[Array, ""] | float,
    free: Bool[Array, "nodes 3"],
    value: Field,
) -> Field:
    nodes, count, displacement = before
    lattice = tuple(side + 1 for side in mesh.shape)
    place, known = _find(_keys(nodes, count, lattice), _keys(mesh.nodes, mesh.num_nodes, lattice))
    u = jnp.where(known[:, None], scale * displacement[place], 0)
    return jnp.where(free, _fill(mesh, u, known), value)


def _keys(places: Int[Array, "n 3"], count: Int[Array, ""] | int, shape: tuple[int, ...]) -> Int[Array, " n"]:
    """Numbers of places on a lattice, in the order of the list; idle places come last."""
    keys = _flat(places, shape)
    return jnp.where(jnp.arange(len(places)) < count, keys, jnp.iinfo(keys.dtype).max)


def _flat(places: Int[Array, "*n 3"], shape: tuple[int, ...]) -> Int[Array, "*n"]:
    x, y, z = jnp.moveaxis(places.astype(jnp.int64), -1, 0)
    return (x * shape[1] + y) * shape[2] + z


def _find(sorted_keys: Int[Array, " n"], wanted: Int[Array, "*m"]) -> tuple[Int[Array, "*m"], Bool[Array, "*m"]]:
    """Where keys stand in a sorted list, and whether they do; idle keys do not."""
    place = jnp.minimum(jnp.searchsorted(sorted_keys, wanted), len(sorted_keys) - 1)
    return place, (sorted_keys[place] == wanted) & (wanted < jnp.iinfo(wanted.dtype).max)


def _fill(mesh: HexMesh, u: Field, known: Bool[Array, " nodes"]) -> Field:
    """The field with nodes filled that are not `known`, as far as elements join them to known ones."""
    live = jnp.arange(len(known)) < mesh.num_nodes
    elements = _keys(mesh.voxels, mesh.num_elements, mesh.shape)

    def sweep(state: tuple) -> tuple:
        u, known, _ = state
        upto = jax.lax.cumsum((live & ~known).astype(jnp.int32))
        chunk = functools.partial(_fill_chunk, mesh, elements, upto, u, known)
        filled, now = jax.lax.fori_loop(0, -(-upto[-1] // CHUNK), chunk, (u, known))
        return filled, now, (now != known).any()

    def unfinished(state: tuple) -> Bool[Array, ""]:
        return state[2] & (live & ~state[1]).any()

    return jax.lax.while_loop(unfinished, sweep, (u, known, jnp.asarray(True)))[0]


def _fill_chunk(
    mesh: HexMesh,
    elements: Int[Array, " elements"],
    upto: Int[Array, " nodes"],
    u: Field,
    known: Bool[Array, " nodes"],
    chunk: Int[Array, ""],
    filled: tuple[Field, Bool[Array, " nodes"]],
) -> tuple[Field, Bool[Array, " nodes"]]:
    """A chunk of the unknown nodes filled from what was known before; `upto` counts unknown nodes up to each node."""
    node = jnp.searchsorted(upto, CHUNK * chunk + jnp.arange(CHUNK, dtype=jnp.int32) + 1)
    inside = node < len(known)
    # Elements in the order of their numbers, so that sums have the order of a loop over elements.
    place = mesh.nodes.astype(jnp.int32)[jnp.minimum(node, len(known) - 1), None] - CORNERS[::-1]
    held = ((place >= 0) & (place < jnp.asarray(mesh.shape))).all(-1)
    element, present = _find(elements, _flat(place, mesh.shape))
    pairs = mesh.pairs[element]
    corner = jnp.stack([pairs, pairs + 1], -1).reshape(*element.shape, 8)
    weight = known[corner].astype(u.dtype)
    share = weight.sum(-1)
    usable = held & present & inside[:, None] & (share > 0)
    mean = (weight[..., None] * u[corner]).sum(-2) / jnp.where(share > 0, share, 1)[..., None]
    count = usable.sum(-1)
    total = jnp.where(usable[..., None], mean, 0).sum(-2)
    target = jnp.where(count > 0, node, len(known))
    new = total / jnp.maximum(count, 1)[:, None]
    return filled[0].at[target].set(new, mode="drop"), filled[1].at[target].set(True, mode="drop")
