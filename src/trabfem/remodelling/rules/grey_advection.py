"""Grey-level advection as in Schulte 2013: each voxel's fill changes by the velocity times the gradient of the fill.

$$x_t = v\\,|\\nabla (G * x)|, \\qquad v = v_{max}\\,\\mathrm{clip}[k(S/S_{ref} - 1) + b, -1, 1]$$

The fill itself is the state and is never sharpened, so the surface blurs over the years: kept for comparison.
Source: Schulte et al. 2013 Bone 52:485, section on the advection of bone density; the velocity is that of the default
rule.
"""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Int

from ..stimulus import blur, gaussian
from ..surface.differences import Grid, central_differences
from .common import FillRule, free_layers
from .level_set import Scalar, speed
from .protocol import Pits, Shape, Voxels

COURANT = 0.3

Count = int | Int[Array, ""]


class GreyAdvection(FillRule):
    """State: the fill. `blur_width` (voxels): width of the Gaussian applied before the gradient is taken."""

    blur_width: float = eqx.field(static=True, default=0.8)

    def begin(self, fill: Voxels) -> Voxels:
        """The state made of fill fractions: the fractions themselves."""
        return fill

    def advance(self, state: Shape, ratio: Grid, bias: float, dt: float, pits: Pits | None = None) -> Grid:
        """The fill after `dt` days; this rule has no BMUs and ignores `pits`."""
        del pits
        steps = max(1, int(np.ceil(self.fastest * dt / (COURANT * self.h))))
        return _advance(self, state, ratio, bias, dt / steps, steps)


@jax.jit
def _advance(rule: GreyAdvection, fill: Shape, ratio: Grid, bias: Scalar, dt: Scalar, steps: Count) -> Grid:
    free = free_layers(fill.shape, rule.frozen_layers)
    v = speed(ratio, jnp.zeros_like(fill), bias, rule.fastest, rule.gain, 0.0) * free
    kernel = gaussian(rule.blur_width, 1.0)
    inside = blur(jnp.ones_like(fill), kernel)  # divides out the zeros beyond the border

    def step(_: object, x: Grid) -> Grid:
        slope = jnp.sqrt(sum(part**2 for part in central_differences(blur(x, kernel) / inside))) / rule.h
        return jnp.clip(x + dt * v * slope, 0.0, 1.0)

    return jax.lax.fori_loop(0, steps, step, fill)
