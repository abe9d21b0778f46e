"""The same solve over several devices and hosts: slabs of voxels along x, one for each device of `jax.distributed`."""

from .solve import Distributed, distribute, most_bytes, solve

__all__ = ["Distributed", "distribute", "most_bytes", "solve"]
