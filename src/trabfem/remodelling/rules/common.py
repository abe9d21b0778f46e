"""Shared by the rules: the layers that the loading plates hold, and the methods of rules of fill fractions."""

from typing import ClassVar, TypeVar

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float

from .protocol import Shape, Voxels

Kind = TypeVar("Kind", bound="FillRule")


def free_voxels(shape: tuple[int, ...], layers: int) -> Voxels:
    """1 where bone may change, 0 in `layers` voxel layers at either end of z."""
    free = np.ones(shape, np.float32)
    if layers:
        free[:, :, :layers] = 0
        free[:, :, -layers:] = 0
    return free


def free_layers(shape: tuple[int, ...], layers: int) -> Float[Array, "1 1 z"]:
    """`free_voxels` along z, made where it is used: as a constant of a program it would take a grid of memory."""
    at = jnp.arange(shape[2])
    return ((at >= layers) & (at < shape[2] - layers)).astype(jnp.float32)[None, None]


class FillRule(eqx.Module):
    """A rule whose state is the fill itself. Fields as in `LevelSet`, without smoothing."""

    h: float
    fastest: float
    gain: float
    frozen_layers: int = eqx.field(static=True)
    digs: ClassVar[bool] = False

    @classmethod
    def of(cls: type[Kind], h: float, fastest: float, gain: float, smoothing: float, frozen_layers: int) -> Kind:
        """The rule with the numbers of `Settings`; `smoothing` is ignored."""
        del smoothing
        return cls(h, fastest, gain, frozen_layers)

    def distance(self, state: Shape) -> Shape:
        """Signed distance (mm) from the surface, cut off at half a voxel."""
        return (state - jnp.float32(0.5)) * self.h

    def fill(self, state: Shape) -> Shape:
        """Fill fractions of a state."""
        return state

    def remove(self, state: Shape, voxels: Bool[np.ndarray | Array, "x y z"]) -> Shape:
        """The state without the given voxels."""
        return jnp.where(voxels, jnp.float32(0), state)

    def free_voxels(self, shape: tuple[int, ...]) -> Voxels:
        """1 where bone may change, 0 in the layers held by the plates."""
        return free_voxels(shape, self.frozen_layers)
