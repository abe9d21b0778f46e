"""What osteocytes sense: strain energy per volume of bone, averaged over their surroundings, at the surface."""

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from trabfem.specimen import SMALLEST_FILL

from .surface.differences import Grid
from .surface.motion import extend, surface_weight

KERNEL_WIDTHS = 3.0

Points = Float[Array | np.ndarray, "*points"]
Scalar = float | Float[Array, ""]


def gaussian(sigma: float, h: float) -> tuple[float, ...]:
    """Weights of the Gaussian G_sigma at whole voxels out to 3 sigma, with sum 1; sigma and h in mm."""
    reach = int(np.ceil(KERNEL_WIDTHS * sigma / h))
    weights = np.exp(-0.5 * (np.arange(-reach, reach + 1) * h / max(sigma, 1e-9)) ** 2)
    return tuple(float(w) for w in weights / weights.sum())


def blur(a: Grid, kernel: tuple[float, ...]) -> Grid:
    """The convolution G_sigma * a, axis by axis, with zeros beyond the borders."""
    reach = len(kernel) // 2
    for axis in range(3):
        width = [(reach, reach) if k == axis else (0, 0) for k in range(3)]
        padded = jnp.pad(a, width)
        size = a.shape[axis]
        a = sum(w * jax.lax.slice_in_dim(padded, k, k + size, axis=axis) for k, w in enumerate(kernel))  # pyright: ignore
    return a


def signal(energy: Grid, fill: Grid, kernel: tuple[float, ...]) -> Grid:
    r"""Tissue strain energy density (MPa) around each point,

    $$S = \frac{G_\sigma * (x U)}{G_\sigma * x}$$

    `energy` is x U: energy of the element per volume of the element, averaged over its Gauss points (a centroid value
    does not converge at a stepped surface, Niebur 1999); U is energy per volume of bone. S = 0 where no bone is near.
    The average over bone reduces the peaks of single surface voxels (Charras & Guldberg 2000: by 30 %).
    """
    bone = blur(fill, kernel)
    return jnp.where(bone > SMALLEST_FILL, blur(energy, kernel) / jnp.maximum(bone, SMALLEST_FILL), 0.0)


def sample_surface(values: Grid, phi: Grid, h: Scalar, free: Grid) -> tuple[Grid, Grid]:
    """`values` at the surface point nearest to each voxel, and the area (mm^2) of surface in it; 0 where `free` is."""
    return extend(values, phi, h), surface_weight(phi, h) * free * (h * h)


def weighted_mean(values: Grid, weights: Grid) -> Float[Array, ""]:
    """The mean with these weights, in float64."""
    return (values.astype(jnp.float64) * weights).sum() / weights.sum(dtype=jnp.float64)


def weighted_deviation(values: Grid, weights: Grid) -> Float[Array, ""]:
    """The standard deviation with these weights, in float64."""
    return jnp.sqrt(weighted_mean((values.astype(jnp.float64) - weighted_mean(values, weights)) ** 2, weights))


def weighted_median(values: Points, weights: Points) -> Float[Array, ""]:
    """The value with half of the weight on either side."""
    values, weights = jnp.ravel(values), jnp.ravel(weights)
    order = jnp.argsort(values)
    total = jnp.cumsum(weights[order].astype(jnp.float64))
    return values[order][jnp.searchsorted(total, 0.5 * total[-1])]


def uniform_median(values: Points, area: Points, gain: Scalar, sensed: Grid) -> Grid:
    """The same S_ref everywhere: the median over the surface. Loaded struts thicken and unloaded ones vanish."""
    del gain
    return jnp.full_like(sensed, weighted_median(values, area))


def uniform_balance(values: Points, area: Points, gain: Scalar, sensed: Grid) -> Grid:
    """The same S_ref everywhere, such that at month 0 the surface as a whole neither gains nor loses bone,

    sum over area of clip[k (S / S_ref - 1), -1, 1] = 0, by bisection (the sum falls as S_ref rises).
    """
    mean = jnp.where(jnp.asarray(area) > 0, values, 0).sum(dtype=jnp.float64) / jnp.count_nonzero(area)

    def halve(_: object, ends: tuple[Scalar, Scalar]) -> tuple[Scalar, Scalar]:
        low, high = ends
        middle = jnp.sqrt(low * high)
        net = jnp.sum(area * jnp.clip(gain * (values / middle - 1.0), -1.0, 1.0), dtype=jnp.float64)
        return jnp.where(net > 0, middle, low), jnp.where(net > 0, high, middle)

    low, high = jax.lax.fori_loop(0, 60, halve, (1e-3 * mean, 1e3 * mean))
    return jnp.full_like(sensed, jnp.sqrt(low * high))


def accommodated(values: Points, area: Points, gain: Scalar, sensed: Grid) -> Grid:
    """S_ref in each voxel is the signal there at month 0: a specimen of living bone starts in balance.

    One load case is a small part of a day; a strut that it does not load exists because another load keeps it.
    Source: cellular accommodation, Turner 1999 Calcif. Tissue Int. 65:466.
    """
    del values, area, gain
    return jnp.asarray(sensed)


SET_POINTS = {each.__name__: each for each in (uniform_median, uniform_balance, accommodated)}
"""Ways to choose S_ref, by the name that run.json records; values count by their area, 0 beside the surface."""
