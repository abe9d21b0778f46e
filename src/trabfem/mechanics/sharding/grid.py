"""The devices in a row, and what their processes tell one another while each sets up its own slabs.

All messages are collective: every process calls the same function with the arrays of its own slabs, in order. They go
through the devices' own network, so that nothing but `jax.distributed` is needed.
"""

import dataclasses
import functools
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import jax
import numpy as np
from jax.sharding import Mesh, NamedSharding
from jax.sharding import PartitionSpec as P
from jaxtyping import Array, Shaped

from ...errors import UserError
from .slabs import AXIS

ALONG, EVERYWHERE = P(AXIS), P()
LONGEST_MESSAGE = 800
Answer = TypeVar("Answer")


@dataclasses.dataclass(frozen=True)
class Grid:
    """Devices in the order of their slabs; `local` are the numbers of the slabs of this process."""

    mesh: Mesh

    @classmethod
    def of(cls, devices: Sequence) -> "Grid":
        """The devices in a row."""
        return cls(Mesh(np.array(list(devices)), (AXIS,)))

    @property
    def size(self) -> int:
        """Number of devices, and of slabs."""
        return self.mesh.size

    @property
    def local(self) -> list[int]:
        """Numbers of the slabs of this process."""
        here = jax.process_index()
        return [slab for slab, device in enumerate(self.mesh.devices) if device.process_index == here]

    @property
    def alone(self) -> bool:
        """Whether this process has all slabs, so that nothing need be sent to know of all."""
        return len(self.local) == self.size

    def stack(self, parts: Sequence[Any]) -> Any:
        """Global arrays with a first axis of slabs from trees of equal arrays, one for each slab of this process."""
        sharding = NamedSharding(self.mesh, ALONG)
        devices = [self.mesh.devices[slab] for slab in self.local]

        def stack(*leaves):
            rows = [
                jax.device_put(np.asarray(leaf)[None], device) for leaf, device in zip(leaves, devices, strict=True)
            ]
            return jax.make_array_from_single_device_arrays((self.size, *rows[0].shape[1:]), sharding, rows)

        return jax.tree.map(stack, *parts)

    def replicate(self, value: Any) -> Array:
        """The same array on every device of every process."""
        whole = np.asarray(value)
        return jax.make_array_from_callback(
            whole.shape, NamedSharding(self.mesh, EVERYWHERE), lambda index: whole[index]
        )

    def unstack(self, stacked: Array) -> list[np.ndarray]:
        """The parts of this process' slabs, on the host."""
        shards = sorted(stacked.addressable_shards, key=lambda shard: shard.index[0].start or 0)
        return [np.asarray(shard.data)[0] for shard in shards]

    def collect(self, stacked: Array) -> Shaped[np.ndarray, "slabs ..."]:
        """A stacked array in the host memory of every process."""
        if self.alone:
            return np.stack(self.unstack(stacked))
        return np.asarray(_everywhere(self.mesh)(stacked).addressable_data(0))

    def gather(self, parts: Sequence[np.ndarray]) -> Shaped[np.ndarray, "slabs ..."]:
        """The arrays of all slabs, which have equal shapes, from those of this process."""
        return np.stack(parts) if self.alone else self.collect(self.stack(parts))

    def gather_lists(self, parts: Sequence[np.ndarray]) -> list[np.ndarray]:
        """The arrays of all slabs, which may differ in length."""
        counts = self.gather([np.array(len(part)) for part in parts])
        room = int(counts.max())
        rows = self.gather([lengthen(part, room) for part in parts])
        return [row[:count] for row, count in zip(rows, counts, strict=True)]

    def swap_ends(
        self, leftward: Sequence[np.ndarray], rightward: Sequence[np.ndarray]
    ) -> tuple[list[np.ndarray], list[np.ndarray]]:
        """What each slab gets from its left and its right neighbour, who send `rightward` and `leftward`.

        Rows may differ in number; the outermost slabs get no rows from outside.
        """
        counts = self.gather([np.array([len(a), len(b)]) for a, b in zip(leftward, rightward, strict=True)])
        room = max(int(counts.max()), 1)
        stacked = self.stack([(lengthen(a, room), lengthen(b, room)) for a, b in zip(leftward, rightward, strict=True)])
        right, left = map(self.unstack, _swap(self.mesh)(*stacked))
        from_left = [rows[: counts[s - 1, 1] if s > 0 else 0] for s, rows in zip(self.local, left, strict=True)]
        from_right = [
            rows[: counts[s + 1, 0] if s + 1 < self.size else 0] for s, rows in zip(self.local, right, strict=True)
        ]
        return from_left, from_right

    def agree(self, step: Callable[[], Answer]) -> Answer:
        """The answer of a step without messages; a `UserError` in one process is raised in all of them.

        Otherwise the others would wait for the process that has stopped.
        """
        answer, trouble = None, ""
        try:
            answer = step()
        except UserError as error:
            trouble = str(error)
        said = lengthen(np.frombuffer(trouble.encode()[:LONGEST_MESSAGE], np.uint8), LONGEST_MESSAGE)
        for row in self.gather([said] * len(self.local)):
            if row.any():
                raise UserError(bytes(row).rstrip(b"\0").decode(errors="ignore"))
        assert answer is not None
        return answer


def lengthen(values: np.ndarray, length: int, fill: int = 0) -> np.ndarray:
    """Values followed by `fill` up to a length."""
    room = np.full((length, *values.shape[1:]), fill, values.dtype)
    room[: len(values)] = values
    return room


@functools.cache
def _everywhere(mesh: Mesh) -> Callable[[Array], Array]:
    return jax.jit(lambda stacked: stacked, out_shardings=NamedSharding(mesh, EVERYWHERE))


@functools.cache
def _swap(mesh: Mesh) -> Callable[[Array, Array], tuple[Array, Array]]:
    """The program that hands first arguments to the left and second ones to the right."""
    up, down = [(k, k + 1) for k in range(mesh.size - 1)], [(k, k - 1) for k in range(1, mesh.size)]

    @jax.jit
    @functools.partial(jax.shard_map, mesh=mesh, in_specs=(ALONG, ALONG), out_specs=(ALONG, ALONG), check_vma=False)
    def swap(leftward, rightward):
        return jax.lax.ppermute(leftward, AXIS, down), jax.lax.ppermute(rightward, AXIS, up)

    return swap
