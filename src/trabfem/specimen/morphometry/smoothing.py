"""Derivatives of the fill, blurred a little, by which surfaces are measured without drawing them."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from jaxtyping import Float
from scipy import ndimage

Spacing = tuple[float, float, float]

# Widths, in voxels along each axis, of the two Gaussians whose results are extrapolated to no smoothing: wide enough
# to make the estimate independent of the lattice's directions, narrow against a strut of four voxels.
SMOOTHING = (0.8, 1.2)


def derivatives(
    fill: Float[np.ndarray, "x y z"], spacing: Spacing, width: float
) -> Callable[..., Float[np.ndarray, "x y z"]]:
    """The function (axes) -> derivative along each of `axes` of the fill blurred by a Gaussian, in 1/mm^order."""

    def derivative(*axes: int) -> Float[np.ndarray, "x y z"]:
        order: Any = [axes.count(axis) for axis in range(3)]
        scale = np.float32(math.prod(spacing[axis] for axis in axes))
        return ndimage.gaussian_filter(fill, width, order=order, mode="reflect") / scale

    return derivative
