"""What a scalar of the model may be: a JAX scalar or a Python float."""

from typing import TypeAlias

from jax import Array

Scalar: TypeAlias = Array | float
