"""Programs with float64 where it decides: sums over all voxels, and places of births, must not depend on rounding."""

from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

import jax

Given = ParamSpec("Given")
Result = TypeVar("Result")


def compile_in_double(*static: str) -> Callable[[Callable[Given, Result]], Callable[Given, Result]]:
    """A decorator: one program by `jax.jit`, in which float64 stays float64; `static`: names of its constants.

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
