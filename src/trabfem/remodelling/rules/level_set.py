"""The default rule: a smooth surface that moves by the mechanical signal and the balance of the cells."""

from typing import ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float

from ..programs import compute_apart
from ..surface.differences import Grid, central_differences
from ..surface.distance import distance_from_fill, fill_fraction, reinitialise
from ..surface.motion import advect, count_substeps, curvature, extend
from .common import free_layers, free_voxels
from .protocol import Pits, Shape, Voxels

Scalar = float | Float[Array, ""]


def speed(ratio: Grid, kappa: Grid, bias: Scalar, fastest: Scalar, gain: Scalar, smoothing: Scalar) -> Grid:
    r"""Velocity of the surface along its outward normal, mm/day,

    $$v = v_\mathrm{max}\,\mathrm{clip}[k(S/S_\mathrm{ref} - 1) + b, -1, 1] - \gamma\kappa$$

    `ratio` = S/S_ref, `bias` = b v_max (mm/day), `kappa` 1/mm, `smoothing` mm^2/day. A flat, unsaturated
    surface is at rest where S/S_ref = 1 - b/k.
    """
    return fastest * jnp.clip(gain * (ratio - 1.0) + bias / fastest, -1.0, 1.0) - smoothing * kappa


class LevelSet(eqx.Module):
    """phi_t = v |grad phi| with `speed` extended from the surface along its normals, then redistancing.

    - `h`: voxel edge, mm
    - `fastest`: v_max, mm/day; `gain`: k; `smoothing`: gamma, mm^2/day
    - `frozen_layers`: voxel layers at either loaded face (z) that do not move
    """

    h: float
    fastest: float
    gain: float
    smoothing: float
    frozen_layers: int = eqx.field(static=True)
    digs: ClassVar[bool] = True

    @classmethod
    def of(cls, h: float, fastest: float, gain: float, smoothing: float, frozen_layers: int) -> "LevelSet":
        """The rule with the numbers of `Settings`."""
        return cls(h, fastest, gain, smoothing, frozen_layers)

    def distance(self, phi: Shape) -> Shape:
        """Signed distance (mm) from the surface: the state itself."""
        return phi

    def begin(self, fill: Voxels) -> Grid:
        """The state phi (mm) made of fill fractions."""
        return distance_from_fill(fill, self.h)

    def fill(self, phi: Shape) -> Grid:
        """Fill fractions of a state."""
        return fill_fraction(phi, self.h)

    def remove(self, phi: Shape, voxels: Bool[np.ndarray | Array, "x y z"]) -> Grid:
        """The state without the given voxels."""
        return jnp.where(voxels, jnp.minimum(phi, -self.h), phi)

    def free_voxels(self, shape: tuple[int, ...]) -> Voxels:
        """1 where the surface may move, 0 in the layers held by the plates."""
        return free_voxels(shape, self.frozen_layers)

    def flat_speed(self, ratio: Grid, bias: Scalar) -> Grid:
        """`speed` (mm/day) of a flat surface: the effect of load and cells without BMUs."""
        return speed(ratio, jnp.zeros_like(ratio), bias, self.fastest, self.gain, self.smoothing)

    def advance(self, phi: Shape, ratio: Grid, bias: float, dt: float, pits: Pits | None = None) -> Grid:
        """phi after `dt` days of the signal `ratio` = S/S_ref, the cells' velocity `bias` (mm/day), and `pits`."""
        return _advance(self, phi, ratio, bias, dt, pits)


@jax.jit
def _advance(rule: LevelSet, phi: Shape, ratio: Grid, bias: Scalar, dt: Scalar, pits: Pits | None) -> Grid:
    # kappa is at most 2/h, so this is an upper bound of the velocity.
    fastest = rule.fastest if pits is None else jnp.maximum(rule.fastest, pits.fastest())
    substeps = count_substeps(fastest + 2 * rule.smoothing / rule.h, dt, rule.h)
    start, free = jnp.asarray(phi), free_layers(phi.shape, rule.frozen_layers)
    part, sure = dt / substeps, jnp.asarray(rule.h) > 0

    def move(_: object, phi: Grid) -> Grid:
        # `extend` reads eight voxels for a point: computed anew at each of them, the velocity would take twice as long
        # as everything else.
        velocity = compute_apart(lambda: _velocity(rule, phi, ratio, bias, pits), sure)
        everywhere = compute_apart(lambda: extend(velocity, phi, rule.h) * free, sure)
        return reinitialise(advect(phi, everywhere, rule.h, part), rule.h)

    return jnp.where(free > 0, jax.lax.fori_loop(0, substeps, move, start), start)


def _velocity(rule: LevelSet, phi: Grid, ratio: Grid, bias: Scalar, pits: Pits | None) -> Grid:
    """Velocity (mm/day) due to load, cells and pits, valid at the surface."""
    v = speed(ratio, curvature(phi, rule.h), bias, rule.fastest, rule.gain, rule.smoothing)
    return v if pits is None else v + pits.speed(central_differences(phi))
