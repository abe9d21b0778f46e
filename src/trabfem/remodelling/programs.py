"""How programs are made of functions: with float64 where it decides, and parts that XLA must not merge."""

from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Shaped

Given = ParamSpec("Given")
Result = TypeVar("Result")


def compile_in_double(*static: str) -> Callable[[Callable[Given, Result]], Callable[Given, Result]]:
    """A decorator: one program by `jax.jit`, in which float64 stays float64; `static`: names of its constants.

    Sums over all voxels, and places of births, must not depend on rounding.

    Grids stay float32, since numbers of Python take the type of the grid that they meet.
    """

    def decorate(function: Callable[Given, Result]) -> Callable[Given, Result]:
        program = jax.jit(function, static_argnames=static)

        @wraps(function)
        def call(*args: Given.args, **kwargs: Given.kwargs) -> Result:
            with jax.enable_x64(True):
                return program(*args, **kwargs)

        return call

    return decorate


def compute_apart(compute: Callable[[], Shaped[Array, "..."]], sure: bool | Bool[Array, ""]) -> Shaped[Array, "..."]:
    """The array that `compute` returns, complete before anything reads it.

    Where a voxel reads values of several others, XLA on a CPU computes them anew for each reader, barriers or not, but
    not across a condition. `sure`: a condition that always holds, which XLA cannot know.
    """
    like = jax.eval_shape(compute)
    return jax.lax.cond(sure, compute, lambda: jnp.zeros(like.shape, like.dtype))
