"""Whether bone connects the loaded faces, found by slabs: pieces within slabs, tied where slabs meet."""

import numpy as np
from jaxtyping import Int
from scipy import ndimage, sparse
from scipy.sparse import csgraph

from ...errors import UserError
from ..loads import LoadCase
from .grid import Grid
from .layers import Layers, Plan


def require_load_path(grid: Grid, layers: Layers, plan: Plan, case: LoadCase, spacing) -> None:
    """Raise `UserError` in every process unless a piece of bone (voxels sharing a face) joins the loaded faces.

    Every slab labels its voxels and the first layer of the next slab, in which both number the pieces of that layer
    alike, so that they need only tell which of them belong to one piece of the slab.
    """
    if not case.plates:
        return
    axis = case.motion.axis
    depth = min(1 + int(case.depth / spacing[axis] + 1e-9), plan.shape[axis])
    found = grid.agree(lambda: [_label_slab(layers, plan, slab, axis, depth) for slab in grid.local])
    counts = grid.gather([np.array(count, np.int64) for count, *_ in found])
    offsets = np.concatenate([[0], np.cumsum(counts)])
    mine = offsets[grid.local]
    low, high, first, last = (
        grid.gather_lists([answer[k] + start for answer, start in zip(found, mine, strict=True)]) for k in range(1, 5)
    )
    ties = np.concatenate([np.zeros((0, 2), np.int64), *map(_tie, last, first[1:])])
    total = int(offsets[-1])
    graph = sparse.coo_matrix((np.ones(len(ties), bool), ties.T), (total, total))
    _, piece = csgraph.connected_components(graph, directed=False)
    if not np.intersect1d(piece[np.concatenate(low)], piece[np.concatenate(high)]).size:
        raise UserError(
            f"no bone connects the two loaded faces ({'xyz'[axis]} = first and last layer); crop the volume to the "
            "bone, lower the threshold, or check the load axis"
        )


def _tie(one: Int[np.ndarray, " places"], other: Int[np.ndarray, " places"]) -> Int[np.ndarray, "places 2"]:
    return np.stack([one, other], 1)


def _label_slab(layers: Layers, plan: Plan, slab: int, axis: int, depth: int) -> tuple:
    """Number of pieces in a slab, and the numbers of four kinds of them, from 0.

    Those that reach the lower and the upper loaded face, and those to which the pieces of the slab's first layer and of
    the next slab's first layer belong, in the order in which these are met in the layer.
    """
    start, stop = plan.bounds(slab)
    end = min(stop, plan.shape[0])
    solid = layers.take(start, min(end + 1, plan.shape[0])) > 0
    label = np.empty(solid.shape, np.int32)
    count = ndimage.label(solid, output=label)
    own = label[: end - start]
    faces = []
    for inside in (range(depth), range(plan.shape[axis] - depth, plan.shape[axis])):
        # Along x a face lies in some of the slabs, along y and z in all.
        begin = start if axis == 0 else 0
        places = [k - begin for k in inside if 0 <= k - begin < own.shape[axis]]
        faces.append(_distinct(np.take(own, places, axis)))
    return count, *faces, _of_pieces(label[:1]), _of_pieces(label[end - start :])


def _distinct(label: np.ndarray) -> Int[np.ndarray, " some"]:
    found = np.unique(label).astype(np.int64)
    return found[found > 0] - 1


def _of_pieces(layer: Int[np.ndarray, "one y z"]) -> Int[np.ndarray, " places"]:
    """The label of every piece within one layer, pieces in the order of their first voxels."""
    piece = np.zeros(layer.shape, np.int32)
    ndimage.label(layer > 0, output=piece)
    number, first = np.unique(piece, return_index=True)
    return layer.reshape(-1)[first[number > 0]].astype(np.int64) - 1
