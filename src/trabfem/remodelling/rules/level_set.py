"""The default rule: a smooth surface that moves by the mechanical signal and the balance of the cells."""

from typing import ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float

from ..surface.differences import Grid, central_differences
from ..surface.distance import distance_from_fill, fill_fraction, reinitialise
from ..surface.motion import advect, count_substeps, curvature, extend
from .common import free_on_device, free_voxels
from .protocol import Pits, Shape, Voxels, no_pits

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

    def begin(self, fill: Voxels) -> Voxels:
        """The state phi (mm) made of fill fractions."""
        return distance_from_fill(fill, self.h)

    def fill(self, phi: Shape) -> Voxels:
        """Fill fractions of a state."""
        return np.asarray(fill_fraction(jnp.asarray(phi), self.h))

    def remove(self, phi: Shape, voxels: Bool[np.ndarray, "x y z"]) -> Shape:
        """The state without the given voxels."""
        return jnp.where(voxels, jnp.minimum(phi, -np.float32(self.h)), phi)

    def free_voxels(self, shape: tuple[int, ...]) -> Voxels:
        """1 where the surface may move, 0 in the layers held by the plates."""
        return free_voxels(shape, self.frozen_layers)

    def flat_speed(self, ratio: Grid, bias: float) -> Voxels:
        """`speed` (mm/day) of a flat surface: the effect of load and cells without BMUs."""
        return np.asarray(speed(ratio, jnp.zeros_like(ratio), bias, self.fastest, self.gain, self.smoothing))

    def advance(self, phi: Shape, ratio: Grid, bias: float, dt: float, pits: Pits | None = None) -> Shape:
        """phi after `dt` days of the signal `ratio` = S/S_ref, the cells' velocity `bias` (mm/day), and `pits`."""
        pits = pits or no_pits(phi.shape)
        # kappa is at most 2/h, so this is an upper bound of the velocity.
        fastest = max(self.fastest, pits.fastest()) + 2 * self.smoothing / self.h
        substeps = count_substeps(fastest, dt, self.h)
        start = moving = jnp.asarray(phi)
        free, pits = free_on_device(phi.shape, self.frozen_layers), jax.device_put(pits)
        # Compiled as three programs: in one, XLA would recompute the velocity at each of the eight voxels that
        # `_spread` reads for a point, which takes twice as long as everything else.
        for _ in range(substeps):
            everywhere = _spread(_velocity(self, moving, ratio, bias, pits), moving, self.h, free)
            moving = _move(moving, everywhere, self.h, dt / substeps)
        return jnp.where(free > 0, moving, start)


@jax.jit
def _velocity(rule: LevelSet, phi: Grid, ratio: Grid, bias: Scalar, pits: Pits) -> Grid:
    """Velocity (mm/day) due to load, cells and pits, valid at the surface."""
    v = speed(ratio, curvature(phi, rule.h), bias, rule.fastest, rule.gain, rule.smoothing)
    return v + pits.speed(central_differences(phi))


@jax.jit
def _spread(velocity: Grid, phi: Grid, h: Scalar, free: Grid) -> Grid:
    """The velocity at the surface, extended along its normals."""
    return extend(velocity, phi, h) * free


@jax.jit
def _move(phi: Grid, velocity: Grid, h: Scalar, dt: Scalar) -> Grid:
    """phi after `dt` days, made a distance again."""
    return reinitialise(advect(phi, velocity, h, dt), h)
