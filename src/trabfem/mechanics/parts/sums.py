"""Sums over each part of a mesh, and one number per part on all its nodes.

The nodes of a level with `parts` specimens lie in as many stretches of the same length, one for each part, so a sum per
part is a sum over the rows of an array, in an order that does not depend on the other parts. With one specimen, `parts`
is None, and a number for each part is a plain number.
"""

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Shaped

Field = Float[Array, "nodes 3"]
PerPart = Float[Array, "*parts"]


def sum_parts(values: Field, parts: int | None) -> PerPart:
    """Sum of the values of every part."""
    return jnp.sum(values) if parts is None else values.reshape(parts, -1).sum(1)


def dot_parts(a: Field, b: Field, parts: int | None) -> PerPart:
    """Inner product of every part, in the precision of the fields."""
    if parts is None:
        return jnp.vdot(a, b)
    return jnp.einsum("pk,pk->p", a.reshape(parts, -1), b.reshape(parts, -1), precision="highest")


def spread(values: Shaped[Array, "*parts"], field: Shaped[Array, "nodes ..."]) -> Shaped[Array, "..."]:
    """A number for each part at the nodes of `field`, as a column; one number for all as it is."""
    return values if values.ndim == 0 else jnp.repeat(values, len(field) // len(values))[:, None]


class Parted(eqx.Module):
    """A level of `parts` specimens; None for a single one."""

    parts: int | None = eqx.field(static=True, default=None, kw_only=True)

    def sum_over_devices(self, share: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
        """Sum over all devices that have a part of the level; here a single device has all of it."""
        return share

    def sum(self, values: Field) -> PerPart:
        """Sum of the values of every part."""
        return self.sum_over_devices(sum_parts(values, self.parts))

    def dot(self, a: Field, b: Field) -> PerPart:
        """Inner product of every part, in the precision of the fields."""
        return self.sum_over_devices(dot_parts(a, b, self.parts))

    def zeros(self, dtype: jnp.dtype | type) -> Shaped[Array, "*parts"]:
        """A zero for every part."""
        return jnp.zeros(() if self.parts is None else self.parts, dtype)

    def choose(self, chosen: Bool[Array, "*parts"], new: Shaped[Array, "..."], old: Shaped[Array, "..."]) -> Array:
        """`new` in the parts that are chosen, `old` in the others; with a single part always `new`.

        Fields or numbers for each part.
        """
        if self.parts is None:
            return new
        return jnp.where(chosen if new.ndim == 1 else spread(chosen, new), new, old)
