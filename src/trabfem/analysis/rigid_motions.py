"""Supports for the rigid motions that a load leaves free: other solvers need them, ours leaves such motions out."""

import numpy as np
import scipy.linalg
from jaxtyping import Bool, Float, Int
from scipy import ndimage

FREE = 1e-9
"""Squared motion of the prescribed places per unit of a rigid motion, below which that motion is free. The least of a
motion that is held is the square of a voxel over the width of the bone, above 1e-7."""

MOST_TRIED = 3000
"""Nodes of a piece among which supports are chosen."""


def hold_rigid_motions(
    conn: Int[np.ndarray, "elements 8"],
    voxels: Int[np.ndarray, "elements 3"],
    shape: tuple[int, int, int],
    position: Float[np.ndarray, "nodes 3"],
    fixed: Bool[np.ndarray, "nodes 3"],
) -> Bool[np.ndarray, "nodes 3"]:
    """The least number of further degrees of freedom whose support stops every rigid motion that `fixed` allows.

    A body that is pulled by its ends alone may still glide and turn; without support its equations are singular. As
    many supports as there are free motions carry no force, so that strains and reactions stay what they were.
    Voxels that share a face move as one piece; pieces that meet in an edge or a corner may hinge there.
    """
    pieces, clusters = (_label(voxels, shape, reach) for reach in (1, 3))
    held = np.zeros(fixed.shape, bool)
    of_piece = np.zeros(pieces.max() + 1, np.int32)
    of_piece[pieces] = clusters
    node, piece = _find_members(conn, pieces)
    order = np.argsort(of_piece[piece], kind="stable")
    counts = np.bincount(of_piece[piece])
    for members in np.split(order, np.cumsum(counts)[:-1]):
        places, numbers = node[members], np.unique(piece[members], return_inverse=True)[1]
        chosen = _choose_supports(position[places], places, numbers, fixed[places])
        held[places[chosen[:, 0]], chosen[:, 1]] = True
    return held


def _label(voxels: np.ndarray, shape: tuple[int, int, int], reach: int) -> np.ndarray:
    """For every voxel the number from 0 of the part it belongs to, of voxels that share a face (1) or a corner (3)."""
    solid = np.zeros(shape, bool)
    solid[tuple(voxels.T)] = True
    label = np.zeros(shape, np.int32)
    ndimage.label(solid, ndimage.generate_binary_structure(3, reach), output=label)
    return label[tuple(voxels.T)] - 1


def _find_members(conn: np.ndarray, pieces: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Every pair of a node and a piece it belongs to, sorted by node."""
    count = int(pieces.max()) + 1
    if count == 1:
        nodes = np.arange(conn.max() + 1)
        return nodes, np.zeros_like(nodes)
    keys = np.unique(conn.astype(np.int64) * count + pieces[:, None])
    return keys // count, keys % count


def _choose_supports(position: np.ndarray, node: np.ndarray, piece: np.ndarray, fixed: np.ndarray) -> np.ndarray:
    """Rows (member, component) to support in one cluster of pieces that touch."""
    centre = (position.max(0) + position.min(0)) / 2
    place = (position - centre) / max(float(np.ptp(position, axis=0).max()) / 2, 1e-12)
    free = _find_free_motions(place, node, piece, fixed)
    count = free.shape[2]
    if count == 0:
        return np.zeros((0, 2), np.int64)
    tried = np.concatenate([_spread(np.flatnonzero(piece == number)) for number in range(len(free))])
    moved = np.einsum("nij,njk->nik", _rigid_motions(place[tried]), free[piece[tried]])
    moved[fixed[tried]] = 0
    # The places that move most, one after the other, each in a direction that those before it leave free.
    pivots = np.asarray(scipy.linalg.qr(moved.reshape(-1, count).T, mode="r", pivoting=True)[-1])[:count]
    return np.stack([tried[pivots // 3], pivots % 3], 1)


def _find_free_motions(place: np.ndarray, node: np.ndarray, piece: np.ndarray, fixed: np.ndarray) -> np.ndarray:
    """Rigid motions (piece, shift or turn, number) that neither prescribed components nor shared nodes prevent."""
    pieces = int(piece.max()) + 1
    blocks = np.zeros((pieces, pieces, 6, 6))
    touched = np.flatnonzero(fixed.any(1))
    rows = _rigid_motions(place[touched]) * fixed[touched][:, :, None]
    np.add.at(blocks, (piece[touched], piece[touched]), np.einsum("nij,nik->njk", rows, rows))
    shared = np.flatnonzero(node[1:] == node[:-1])
    rows = _rigid_motions(place[shared])
    squares = np.einsum("nij,nik->njk", rows, rows)
    one, two = piece[shared], piece[shared + 1]
    for first, second, sign in ((one, one, 1), (two, two, 1), (one, two, -1), (two, one, -1)):
        np.add.at(blocks, (first, second), sign * squares)
    size, vectors = np.linalg.eigh(blocks.transpose(0, 2, 1, 3).reshape(6 * pieces, 6 * pieces))
    return vectors[:, size < FREE].reshape(pieces, 6, -1)


def _spread(members: np.ndarray) -> np.ndarray:
    """At most some thousands of them, evenly."""
    return members[:: max(1, len(members) // MOST_TRIED)]


def _rigid_motions(place: np.ndarray) -> np.ndarray:
    """Displacement of places (n, 3) by unit shifts along and turns about x, y and z: (n, component, motion)."""
    x, y, z = place.T
    motion = np.zeros((len(place), 3, 6))
    motion[:, :, :3] = np.eye(3)
    motion[:, 1, 3], motion[:, 2, 3] = -z, y
    motion[:, 0, 4], motion[:, 2, 4] = z, -x
    motion[:, 0, 5], motion[:, 1, 5] = -y, x
    return motion
