"""Lists that only kernels need: items by group, made on the host as `splitting.split_compiled` makes them."""

import jax
import numpy as np
from jaxtyping import Array, Int

from .. import native, splitting
from ..coarse import Groups
from ..mesh import LATTICE


def list_items(groups_of: Int[np.ndarray, " items"], groups: int, room: int) -> Groups:
    """The items of every group, of arrays for `room` of them; those of group -1 are in none."""
    starts, items = np.empty(groups + 2, np.int32), np.zeros(room, np.int32)
    # The items of none make a group of their own after the others.
    keys = np.ascontiguousarray(np.where(groups_of < 0, groups, groups_of), np.int32)
    native.call_split("children", keys, len(keys), groups + 1, starts, items)
    return Groups(jax.device_put(starts[:-1].copy()), jax.device_put(items))


def list_children(parent: Int[np.ndarray, " elements"], parents: int, room: int) -> Groups | None:
    """The elements of every parent, where kernels need them."""
    return list_items(parent, parents, room) if native.available() else None


def list_nodes(slot: Int[np.ndarray, " nodes"], parents: int, room: int) -> Groups | None:
    """The nodes whose slot is in every parent, for kernels of a GPU."""
    return list_items(slot // 27, parents, room) if native.on_gpu() else None


def list_corners(conn: Int[np.ndarray, "elements 8"], vertices: int, room: int) -> Groups | None:
    """The corners 8 e + a of every vertex, of arrays for `room` elements, for kernels of a GPU; none at vertex -1."""
    return list_items(conn.reshape(-1), vertices, 8 * room) if native.on_gpu() else None


def incidence(conn: Int[Array, "room 8"], vertices: int, count: int, width: int) -> Array | None:
    """The same for the plain forms, `width` corners a vertex; None for a width of 0."""
    return splitting.incidence(conn, jax.device_put(np.zeros((vertices, 3), LATTICE)), count, width) if width else None
