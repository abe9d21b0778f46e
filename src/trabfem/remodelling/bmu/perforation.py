"""Whether a pit went through the bone, by cutting a strut or making a hole in a plate."""

from itertools import product

import numpy as np
from jaxtyping import Bool, Int32

from .pits import HALF_AXES, vectors_from, window_around
from .sites import Grid, sample_along_axis


def perforates(
    phi: Grid,
    owner: Int32[np.ndarray, "x y z"],
    bmu: int,
    centre: np.ndarray,
    normal: np.ndarray,
    depth: float,
    h: float,
) -> bool:
    """Whether the pit in the voxels that `bmu` owns has cut a strut or made a hole, not just thinned the bone.

    True if no bone is left on the axis of the pit and filling the pit changes the Euler characteristic of the bone
    around it.
    """
    steps = np.arange(0.0, depth + 1.5 * h, h / 4)
    if (sample_along_axis(phi, centre, normal, steps, h) >= 0).any():
        return False
    reach = HALF_AXES[0] + 2 * h
    window = window_around(centre - reach, centre + reach, h, phi.shape)
    after = phi[window] > 0
    filled = after | ((owner[window] == bmu) & (vectors_from(window, centre, h) @ normal < 0))
    return euler_characteristic(filled) != euler_characteristic(after)


def euler_characteristic(bone: Bool[np.ndarray, "x y z"]) -> int:
    """Euler characteristic of closed voxels (pieces - tunnels + cavities), as corners - edges + faces - cubes."""
    total = 0
    padded = np.pad(bone, 1)
    for over in product((False, True), repeat=3):
        cells = padded
        for axis in (axis for axis in range(3) if over[axis]):
            low, high = [slice(None)] * 3, [slice(None)] * 3
            low[axis], high[axis] = slice(None, -1), slice(1, None)
            cells = cells[tuple(low)] | cells[tuple(high)]
        total += (-1) ** (3 - sum(over)) * int(np.count_nonzero(cells))
    return total
