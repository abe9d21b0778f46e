"""Protocols of a rule: how bone adapts to its signal, and what a rule needs for BMUs to dig."""

from typing import TYPE_CHECKING, ClassVar, Protocol, TypeAlias, runtime_checkable

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Float32, Int32

from ..surface.differences import Grid

Voxels = Float32[np.ndarray, "x y z"]
Shape = Float32[np.ndarray | Array, "x y z"]
"""A grid, on the host or on the device: what a rule advances in time, fill fractions, distances."""


class Pits(eqx.Module):
    """The pits of the BMUs at work. Each moves the surface along one direction.

    - `owner`: number of the BMU at each voxel, from 1 on, 0 for none; `weight`: its share of the BMU's pace there
    - `pace` (mm/day): velocity of surface whose normal is that of the BMU, in addition to load and cells; surface at an
      angle moves by its cosine, the far side of a strut not at all
    - `normal`: direction of a BMU, out of the bone
    """

    owner: Int32[np.ndarray | Array, "x y z"]
    weight: Float32[np.ndarray | Array, "x y z"]
    pace: Float32[np.ndarray | Array, " bmus"]
    normal: Float32[np.ndarray | Array, "bmus 3"]

    def fastest(self) -> Float[Array, ""]:
        """The fastest pace (mm/day)."""
        return jnp.abs(self.pace).max(initial=0.0)

    def speed(self, slope: tuple[Grid, Grid, Grid]) -> Grid:
        """Velocity (mm/day) of surface whose distance has the gradient `slope`."""
        normals = jnp.concatenate([jnp.zeros((1, 3), jnp.float32), self.normal])[self.owner]
        pace = jnp.concatenate([jnp.zeros(1, jnp.float32), self.pace])[self.owner] * self.weight
        size = jnp.sqrt(jnp.maximum(sum(s**2 for s in slope), 1e-12))
        facing = -sum(s * normals[..., axis] for axis, s in enumerate(slope)) / size
        return pace * jnp.clip(facing, 0.0, 1.0)


def no_pits(shape: tuple[int, ...]) -> Pits:
    """`Pits` without BMUs, on a grid of `shape`."""
    none = np.zeros(shape, np.float32)
    return Pits(none.astype(np.int32), none, np.zeros(0, np.float32), np.zeros((0, 3), np.float32))


@runtime_checkable
class Rule(Protocol):
    """How bone adapts. A rule is a file here, an Equinox module, and a line in `rules/__init__.py`.

    - `h`: voxel edge, mm; `digs`: whether BMUs can dig in its surface (then it is a `DiggingRule` as well)
    - its state is one grid, a distance or a fill: `begin` makes it of fill fractions, `fill` and `distance` return fill
      fractions and signed distance (mm), `remove` takes voxels away, `free_voxels` is 1 where bone may change
    - `advance`: the state after `dt` days of the signal `ratio` = S/S_ref, of the cells' velocity `bias` (mm/day)
      and of `pits`
    - `fill`, `distance` and `remove` are compiled into larger programs, so they are made of functions of JAX;
      `begin`, `free_voxels` and `advance` are called as they are
    """

    h: float
    digs: ClassVar[bool]

    @classmethod
    def of(cls, h: float, fastest: float, gain: float, smoothing: float, frozen_layers: int) -> "Rule":
        """The rule with the numbers of `Settings`: mm, mm/day, 1, mm^2/day, voxel layers held at either plate."""
        ...

    def begin(self, fill: Voxels, /) -> Shape: ...

    def fill(self, state: Shape, /) -> Shape: ...

    def distance(self, state: Shape, /) -> Shape: ...

    def remove(self, state: Shape, /, voxels: Bool[np.ndarray | Array, "x y z"]) -> Shape: ...

    def free_voxels(self, shape: tuple[int, ...], /) -> Voxels: ...

    def advance(self, state: Shape, /, ratio: Grid, bias: float, dt: float, pits: Pits | None = None) -> Shape: ...


@runtime_checkable
class DiggingRule(Rule, Protocol):
    """A rule with a surface that BMUs can dig."""

    def flat_speed(self, ratio: Grid, bias: float | Float[Array, ""]) -> Grid:
        """Velocity (mm/day) of flat surface due to load and cells alone, which is not counted as the work of BMUs."""
        ...


if TYPE_CHECKING:
    RuleClass: TypeAlias = type[Rule]
else:
    # At run time, issubclass does not support protocols with attributes.
    RuleClass = type
