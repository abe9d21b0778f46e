"""Grey-level advection as in Schulte 2013: each voxel's fill changes by the velocity times the gradient of the fill.

$$x_t = v\\,|\\nabla (G * x)|, \\qquad v = v_{max}\\,\\mathrm{clip}[k(S/S_{ref} - 1) + b, -1, 1]$$

The fill itself is the state and is never made sharp again, so the surface smears over the years: kept for comparison.
Source: Schulte et al. 2013 Bone 52:485, section on the advection of bone density; the velocity is this program's.
"""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Int

from ..stimulus import blur, gaussian
from ..surface.differences import Grid, central
from .common import FillRule, Voxels
from .level_set import Scalar, speed
from .protocol import Pits

COURANT = 0.3

Count = int | Int[Array, ""]


class GreyAdvection(FillRule):
    """State: the fill. `blur_width` (voxels) of the fill's gradient."""

    blur_width: float = eqx.field(static=True, default=0.8)

    def begin(self, fill: Voxels) -> Voxels:
        """The state of a specimen's fill fractions: themselves."""
        return fill

    def advance(self, state: Voxels, ratio: Grid, bias: float, dt: float, pits: Pits | None = None) -> Voxels:
        """The fill after `dt` days; BMUs have no place in this rule."""
        del pits
        steps = max(1, int(np.ceil(self.fastest * dt / (COURANT * self.h))))
        return np.asarray(_advance(self, jnp.asarray(state), ratio, bias, dt / steps, steps))


@jax.jit
def _advance(rule: GreyAdvection, fill: Grid, ratio: Grid, bias: Scalar, dt: Scalar, steps: Count) -> Grid:
    free = jnp.asarray(rule.free(fill.shape))
    v = speed(ratio, jnp.zeros_like(fill), bias, rule.fastest, rule.gain, 0.0) * free
    kernel = gaussian(rule.blur_width, 1.0)
    inside = blur(jnp.ones_like(fill), kernel)  # the border is a cut, not a surface

    def step(_: object, x: Grid) -> Grid:
        slope = jnp.sqrt(sum(part**2 for part in central(blur(x, kernel) / inside))) / rule.h
        return jnp.clip(x + dt * v * slope, 0.0, 1.0)

    return jax.lax.fori_loop(0, steps, step, fill)
