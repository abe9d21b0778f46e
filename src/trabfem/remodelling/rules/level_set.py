"""The default rule: a smooth surface that moves with the mechanical signal and the cells' balance."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Float32, Int32

from ..differences import Grid, central
from ..surface import advect, curvature, extend, fill_fraction, from_fill, reinitialise, substeps_for
from .common import free_voxels

Scalar = float | Float[Array, ""]


class Pits(eqx.Module):
    """Where remodelling units are at work: they move the surface along one direction, as a trench is dug.

    - `owner`: number of the unit at each voxel, from 1 on, 0 for none; `weight`: its share of the unit's pace there
    - `pace` (mm/day): velocity of surface that faces a unit, besides what load does there; surface at an angle moves by
      its cosine, the far side of a strut not at all
    - `normal`: a unit's direction, out of the bone
    """

    owner: Int32[np.ndarray | Array, "x y z"]
    weight: Float32[np.ndarray | Array, "x y z"]
    pace: Float32[np.ndarray | Array, " units"]
    normal: Float32[np.ndarray | Array, "units 3"]

    def fastest(self) -> float:
        """The fastest pace (mm/day)."""
        return float(np.abs(self.pace).max(initial=0.0))

    def speed(self, slope: tuple[Grid, Grid, Grid]) -> Grid:
        """Velocity (mm/day) of surface whose distance has the gradient `slope`."""
        normals = jnp.concatenate([jnp.zeros((1, 3), jnp.float32), self.normal])[self.owner]
        pace = jnp.concatenate([jnp.zeros(1, jnp.float32), self.pace])[self.owner] * self.weight
        size = jnp.sqrt(jnp.maximum(sum(s**2 for s in slope), 1e-12))
        facing = -sum(s * normals[..., axis] for axis, s in enumerate(slope)) / size
        return pace * jnp.clip(facing, 0.0, 1.0)


def no_pits(shape: tuple[int, ...]) -> Pits:
    """Nothing at work."""
    none = np.zeros(shape, np.float32)
    return Pits(none.astype(np.int32), none, np.zeros(0, np.float32), np.zeros((0, 3), np.float32))


def speed(ratio: Grid, kappa: Grid, bias: Scalar, fastest: Scalar, gain: Scalar, smoothing: Scalar) -> Grid:
    r"""Velocity of the surface along its outward normal, mm/day,

    $$v = v_\mathrm{max}\,\mathrm{clip}[k(S/S_\mathrm{ref} - 1) + b, -1, 1] - \gamma\kappa$$

    `ratio` = S/S_ref, `bias` = b v_max (mm/day), `kappa` 1/mm, `smoothing` mm^2/day. At rest, unsaturated and flat,
    S/S_ref = 1 - b/k.
    """
    return fastest * jnp.clip(gain * (ratio - 1.0) + bias / fastest, -1.0, 1.0) - smoothing * kappa


class LevelSet(eqx.Module):
    """phi_t = v |grad phi| with `speed` carried out from the surface along normals, then redistancing.

    - `h`: voxel edge, mm
    - `fastest`: v_max, mm/day; `gain`: k; `smoothing`: gamma, mm^2/day
    - `frozen_layers`: voxel layers at either loaded face (z) that do not move
    """

    h: float
    fastest: float
    gain: float
    smoothing: float
    frozen_layers: int = eqx.field(static=True)

    @classmethod
    def of(cls, h: float, fastest: float, gain: float, smoothing: float, frozen_layers: int) -> "LevelSet":
        """The rule with the common numbers."""
        return cls(h, fastest, gain, smoothing, frozen_layers)

    def distance(self, phi: Float32[np.ndarray, "x y z"]) -> Float32[np.ndarray, "x y z"]:
        """Signed distance (mm) from the surface: the state itself."""
        return phi

    def begin(self, fill: Float32[np.ndarray, "x y z"]) -> Float32[np.ndarray, "x y z"]:
        """The state phi (mm) of a specimen's fill fractions."""
        return from_fill(fill, self.h)

    def fill(self, phi: Float32[np.ndarray, "x y z"]) -> Float32[np.ndarray, "x y z"]:
        """Fill fractions of a state."""
        return np.asarray(fill_fraction(jnp.asarray(phi), self.h))

    def remove(
        self, phi: Float32[np.ndarray, "x y z"], voxels: Bool[np.ndarray, "x y z"]
    ) -> Float32[np.ndarray, "x y z"]:
        """The state without the given voxels."""
        return np.where(voxels, np.minimum(phi, -np.float32(self.h)), phi)

    def free(self, shape: tuple[int, ...]) -> Float[np.ndarray, "x y z"]:
        """1 where the surface may move, 0 in the layers held by the plates."""
        return free_voxels(shape, self.frozen_layers)

    def flat_speed(self, ratio: Grid, bias: float) -> Float32[np.ndarray, "x y z"]:
        """`speed` (mm/day) where the surface is flat: what load and cells do by themselves."""
        return np.asarray(speed(ratio, jnp.zeros_like(ratio), bias, self.fastest, self.gain, self.smoothing))

    def advance(
        self, phi: Float32[np.ndarray, "x y z"], ratio: Grid, bias: float, dt: float, pits: Pits | None = None
    ) -> Float32[np.ndarray, "x y z"]:
        """phi after `dt` days of the signal `ratio` = S/S_ref, the cells' velocity `bias` (mm/day), and `pits`."""
        pits = pits or no_pits(phi.shape)
        # kappa is cut off at 2/h, so this bounds the velocity before it is known.
        fastest = max(self.fastest, pits.fastest()) + 2 * self.smoothing / self.h
        substeps = substeps_for(fastest, dt, self.h)
        start = moving = jnp.asarray(phi)
        free, pits = jnp.asarray(self.free(phi.shape)), jax.device_put(pits)
        # Three programs and not one: XLA would work out the velocity anew at each of the eight voxels that `_spread`
        # reads for a point, which takes twice the time of all the rest.
        for _ in range(substeps):
            everywhere = _spread(_velocity(self, moving, ratio, bias, pits), moving, self.h, free)
            moving = _carried(moving, everywhere, self.h, dt / substeps)
        return np.asarray(jnp.where(free > 0, moving, start))


@jax.jit
def _velocity(rule: LevelSet, phi: Grid, ratio: Grid, bias: Scalar, pits: Pits) -> Grid:
    """Velocity (mm/day) of the surface, right on the surface: load, cells and pits."""
    v = speed(ratio, curvature(phi, rule.h), bias, rule.fastest, rule.gain, rule.smoothing)
    return v + pits.speed(central(phi))


@jax.jit
def _spread(velocity: Grid, phi: Grid, h: Scalar, free: Grid) -> Grid:
    """The velocity at the surface, everywhere along its normals."""
    return extend(velocity, phi, h) * free


@jax.jit
def _carried(phi: Grid, velocity: Grid, h: Scalar, dt: Scalar) -> Grid:
    """phi after `dt` days, a distance again."""
    return reinitialise(advect(phi, velocity, h, dt), h)
