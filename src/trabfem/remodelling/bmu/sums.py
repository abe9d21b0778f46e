"""Sums over the voxels of each BMU that do not depend on the order in which a device adds."""

import jax.numpy as jnp
from jaxtyping import Array, Float, Int32

FINEST = 2.0**40


def sum_by_bmu(
    owner: Int32[Array, "x y z"], values: Float[Array, "x y z"], bmus: int, unit: float | Float[Array, ""]
) -> Float[Array, " bmus"]:
    """Sum of `values` over the voxels of each BMU.

    A GPU adds in any order, which changes the last digits of a sum of floats. So the values are added as integers, in
    steps of 2^-40 of `unit`, which is about the largest of them: a million voxels of one BMU stay far below 2^63.
    """
    steps = jnp.round(values.astype(jnp.float64) * (FINEST / unit)).astype(jnp.int64).ravel()
    # Voxels of no BMU have a number of their own, which is dropped: all of them would wait for one sum.
    number = jnp.where(owner > 0, owner - 1, bmus).ravel()
    total = jnp.zeros(bmus, jnp.int64).at[number].add(steps, mode="drop")
    return total.astype(jnp.float64) * (unit / FINEST)
