"""Surfaces as few bytes: `assets/decode.js` unpacks them in the browser.

    n, m                        uint32: points and triangles
    x, y, z                     n places of the block's side in 4096ths, as differences from point to point
    corners                     3 m, as how far each lies below the first point that is not used yet
    values                      n bytes for each attribute, as differences from point to point

Differences of both signs are folded to numbers from 0 (0, -1, 1, -2, ...), numbers of several bytes stand byte by byte
(all lowest ones first), and all of it is compressed as zlib does. Triangles go from neighbour to neighbour along a
curve through space (Morton order) and points in the order in which triangles use them, so that differences are small.
"""

import base64
import zlib
from collections.abc import Sequence

import numpy as np
from jaxtyping import Float, Int, UInt8

STEPS = 4096
CELLS = 6
"""Bits of a place along each axis in the order of triangles."""


def pack(
    points: Float[np.ndarray, "points 3"],
    triangles: Int[np.ndarray, "triangles 3"],
    size: tuple[float, float, float],
    attributes: Sequence[UInt8[np.ndarray, "points"]],
) -> tuple[str, Int[np.ndarray, "used"]]:
    """The surface of a block with sides `size` (mm) as text, and in which order it has the points."""
    triangles = triangles[np.argsort(morton(points[triangles].mean(axis=1), size), kind="stable")]
    order = first_uses(triangles)
    place = np.empty(len(points), np.int64)
    place[order] = np.arange(len(order))
    corners = place[triangles].ravel()
    unused = np.maximum.accumulate(np.concatenate([[-1], corners[:-1]])) + 1 if len(corners) else corners
    steps = np.round(points[order] / np.asarray(size) * (STEPS - 1)).clip(0, STEPS - 1).astype(np.int64)
    parts = [np.array([len(order), len(triangles)], "<u4").tobytes()]
    parts += [by_bytes(fold(np.diff(steps[:, axis], prepend=0)), 2) for axis in range(3)]
    parts.append(by_bytes(unused - corners, 3))
    parts += [differences(each[order]) for each in attributes]
    return encode(b"".join(parts)), order


def pack_values(values: UInt8[np.ndarray, "points"]) -> str:
    """Values of the points of a surface that is packed already, in its order."""
    return encode(differences(values))


def encode(content: bytes) -> str:
    """Compressed, as text."""
    return base64.b64encode(zlib.compress(content, 9)).decode()


def differences(values: UInt8[np.ndarray, "points"]) -> bytes:
    """From one to the next, modulo 256."""
    return np.diff(values, prepend=values[:1] * 0).astype(np.uint8).tobytes()


def fold(numbers: Int[np.ndarray, "n"]) -> Int[np.ndarray, "n"]:
    """0, -1, 1, -2, ... as 0, 1, 2, 3, ..."""
    return np.where(numbers < 0, -2 * numbers - 1, 2 * numbers)


def by_bytes(numbers: Int[np.ndarray, "n"], count: int) -> bytes:
    """Numbers from 0 byte by byte, the lowest ones of all first."""
    return b"".join(((numbers >> (8 * byte)) & 255).astype(np.uint8).tobytes() for byte in range(count))


def first_uses(triangles: Int[np.ndarray, "triangles 3"]) -> Int[np.ndarray, "used"]:
    """The points that triangles use, in the order in which they do so first."""
    used, first = np.unique(triangles.ravel(), return_index=True)
    return used[np.argsort(first)]


def morton(points: Float[np.ndarray, "n 3"], size: tuple[float, float, float]) -> Int[np.ndarray, "n"]:
    """Number of the cell of each point on the curve that goes through all cells of a block."""
    cells = np.clip(points / np.asarray(size) * 2**CELLS, 0, 2**CELLS - 1).astype(np.int64)
    code = np.zeros(len(points), np.int64)
    for bit in range(CELLS):
        for axis in range(3):
            code |= ((cells[:, axis] >> bit) & 1) << (3 * bit + axis)
    return code
