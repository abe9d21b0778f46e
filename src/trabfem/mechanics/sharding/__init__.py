"""The solve on several devices and hosts: slabs of voxels along x, one for each device of `jax.distributed`."""

from .layers import Layers
from .solve import Distributed, distribute, peak_bytes, solve

__all__ = ["Distributed", "Layers", "distribute", "peak_bytes", "solve"]
