"""The type of scalars in the model: a JAX scalar or a Python float."""

from typing import TypeAlias

from jax import Array

Scalar: TypeAlias = Array | float
