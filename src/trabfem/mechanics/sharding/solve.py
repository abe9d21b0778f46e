"""Distributing a specimen over devices, and the iteration as one program on all of them.

The mesh and the large coarse levels are cut into slabs (`partition`), and every product exchanges one layer of nodes
with each neighbour (`slabs`). All devices have the small coarse levels and solve them redundantly, which costs one sum
over the devices. Iterations, smoothers and cycles are the same code as on one device.

Set-up: every process builds the whole hierarchy on its first device, as for one device, and keeps its slabs. Time and
memory of the set-up do not decrease with the number of devices; those of the iteration do. On a cluster every process
calls `jax.distributed.initialize()` first and then the same functions with the same arguments.
"""

import dataclasses
import functools
import time
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.experimental import multihost_utils
from jax.sharding import Mesh, NamedSharding
from jax.sharding import PartitionSpec as P
from jaxtyping import Array, Float

from .. import hexahedron, hierarchy, krylov
from ..levels import CoarseLevel, Hierarchy, finest_level
from ..loads import ForcePlate, Load
from ..mesh import HexMesh
from ..multigrid import DEFAULT, KCycle
from ..solution import Solution, make_solution
from ..supports import compute_load_norm, prescribe_displacements, require_load_path
from . import partition
from .partition import Cut
from .slabs import AXIS

REPLICATED_NODES = 20_000
ALONG, EVERYWHERE = P(AXIS), P()


@dataclasses.dataclass(frozen=True)
class Distributed:
    """A specimen and a load, distributed over devices.

    `mesh`: the whole mesh, in host memory; `levels`: slabs stacked on a first axis; `common`: levels on all devices.
    """

    mesh: HexMesh
    load: Load
    devices: Mesh
    cuts: list[Cut] = dataclasses.field(repr=False)
    levels: tuple = dataclasses.field(repr=False)
    common: Hierarchy = dataclasses.field(repr=False)
    value: Float[Array, "slabs owned 3"] = dataclasses.field(repr=False)
    """Prescribed displacements, mm."""
    setup_s: float

    @property
    def slab_bytes(self) -> int:
        """Bytes of the slabs on each device, without the vectors of the iteration."""
        return sum(leaf.nbytes for leaf in jax.tree.leaves((self.levels, self.value))) // self.devices.size

    @property
    def common_bytes(self) -> int:
        """Bytes of the small levels, which every device has."""
        return sum(leaf.nbytes for leaf in jax.tree.leaves(self.common))


def distribute(
    modulus: Float[np.ndarray, "x y z"],
    spacing: tuple[float, float, float],
    load: Load,
    *,
    poisson: float = 0.3,
    devices: Sequence | None = None,
    replicated_nodes: int = REPLICATED_NODES,
) -> Distributed:
    """Mesh, hierarchy and load on `devices` (all that JAX knows, if left out).

    All devices have the coarse levels of at most `replicated_nodes` vertices, and those whose blocks are thicker than a
    slab. Raises `UserError` like `solve.solve`, and where there are more devices than layers of voxels.
    """
    devices = list(devices or jax.devices())
    with jax.enable_x64(True):
        began = time.perf_counter()
        mesh = HexMesh.from_voxels(modulus, spacing, poisson)
        case = load.case if isinstance(load, ForcePlate) else load
        require_load_path(modulus, spacing, case)
        fixed, value = prescribe_displacements(mesh, case)
        levels = hierarchy.build(mesh, jnp.asarray(~fixed))
        cuts = _cut_levels(mesh, levels, len(devices), replicated_nodes)
        grid = Mesh(np.array(devices), (AXIS,))
        parts = []
        for slab, device in enumerate(devices):
            if device.process_index == jax.process_index():
                with jax.default_device(device):
                    parts.append((partition.make_slab(levels, cuts, slab), cuts[0].owned_values(value, slab)))
        stacked, start = _stack(grid, parts)
        common = jax.tree.map(functools.partial(_replicate, grid), levels[len(cuts) :])
        jax.block_until_ready((stacked, common))
        took = time.perf_counter() - began
    return Distributed(jax.device_get(mesh), load, grid, cuts, stacked, common, start, took)


def solve(
    problem: Distributed,
    *,
    rtol: float = 1e-6,
    energy_tol: float = 1e-6,
    max_iterations: int = 300,
    cycle: KCycle = DEFAULT,
) -> Solution:
    """The solution as from `solve.solve`; every process gets the whole displacement field.

    `levels` of the solution is empty, since the hierarchy stays distributed.
    """
    with jax.enable_x64(True):
        began = time.perf_counter()
        stiffness = _replicate(problem.devices, hexahedron.stiffness(problem.mesh.spacing, problem.mesh.poisson))
        run = compile_program(problem.devices, max_iterations, cycle)
        slabs, outcome = run(problem.levels, problem.common, stiffness, problem.value, rtol, energy_tol)
        jax.block_until_ready(outcome)
        took = time.perf_counter() - began
        displacement = np.zeros((len(problem.mesh.nodes), 3))
        slabs = multihost_utils.process_allgather(slabs, tiled=True)
        for mine, u in zip(problem.cuts[0].nodes, slabs, strict=True):
            displacement[mine] = u[: len(mine)]
        outcome = dataclasses.replace(outcome, displacement=jnp.asarray(displacement))
    case = problem.load.case if isinstance(problem.load, ForcePlate) else problem.load
    return make_solution(problem.mesh, problem.load, case, (), outcome, cycle, problem.setup_s, took)


def peak_bytes(problem: Distributed, max_iterations: int = 300, cycle: KCycle = DEFAULT) -> int | None:
    """Bytes on each device during the iteration as planned by the compiler, for inputs and vectors.

    None if the compiler has no memory analysis.
    """
    with jax.enable_x64(True):
        stiffness = _replicate(problem.devices, hexahedron.stiffness(problem.mesh.spacing, problem.mesh.poisson))
        run = compile_program(problem.devices, max_iterations, cycle)
        plan = run.lower(problem.levels, problem.common, stiffness, problem.value, 1e-6, 1e-6).compile()
        memory = plan.memory_analysis()
    if memory is None:
        return None
    return memory.argument_size_in_bytes + memory.output_size_in_bytes + memory.temp_size_in_bytes


@functools.cache
def compile_program(devices: Mesh, max_iterations: int, cycle: KCycle):
    """The iteration as one program on all devices. It returns displacements by slabs, the rest on every device."""

    @jax.jit
    @functools.partial(
        jax.shard_map,
        mesh=devices,
        in_specs=(ALONG, EVERYWHERE, EVERYWHERE, ALONG, EVERYWHERE, EVERYWHERE),
        out_specs=(ALONG, EVERYWHERE),
        check_vma=False,
    )
    def run(slabs, common, stiffness, value, rtol, energy_tol):
        levels, value = local_part((slabs, value))
        levels = (*levels, *common)
        norm = compute_load_norm(finest_level(levels), stiffness, value)
        outcome = krylov.minimise(levels, stiffness, value, norm, rtol, energy_tol, max_iterations, cycle)
        return outcome.displacement[None], dataclasses.replace(outcome, displacement=jnp.zeros((0, 3)))

    return run


def local_part(stacked: Any) -> Any:
    """Inside the program: this device's part of stacked slabs."""
    return jax.tree.map(lambda leaf: leaf[0], stacked)


def _cut_levels(mesh: HexMesh, levels: Hierarchy, slabs: int, replicated_nodes: int) -> list[Cut]:
    """The mesh, and then the coarse levels that are large enough, cut at the same planes."""
    large = [level for level in levels[1:] if isinstance(level, CoarseLevel)]
    large = [level for level in large if len(level.inverse_diagonal) > replicated_nodes]
    while large and -(-mesh.shape[0] // 2 ** len(large)) < slabs:
        # A level whose blocks are thicker than a slab cannot be cut.
        large.pop()
    align = 2 ** len(large)
    conn, cell = (np.asarray(array)[: mesh.num_elements] for array in (mesh.conn, mesh.voxels))
    starts = partition.choose_planes(cell[:, 0], mesh.shape[0], slabs, align)
    cuts = [partition.cut(conn, cell, len(mesh.nodes), starts)]
    for number, level in enumerate(large, start=1):
        elements = level.operator.elements
        conn, cell = (np.asarray(array)[: int(elements.count)] for array in (elements.conn, elements.cell))
        cuts.append(partition.cut(conn, cell, len(level.inverse_diagonal), starts >> number))
    return cuts


def _stack(grid: Mesh, parts: list) -> Any:
    """Global arrays with a first axis of slabs from the slabs of this process, each already on its device."""
    sharding = NamedSharding(grid, ALONG)
    local = [device for device in grid.devices if device.process_index == jax.process_index()]

    def stack(*leaves):
        rows = [jax.device_put(np.asarray(leaf)[None], device) for leaf, device in zip(leaves, local, strict=True)]
        return jax.make_array_from_single_device_arrays((grid.size, *rows[0].shape[1:]), sharding, rows)

    return jax.tree.map(stack, *parts)


def _replicate(grid: Mesh, value: Any) -> Array:
    """The same array on every device of every process."""
    whole = np.asarray(value)
    return jax.make_array_from_callback(whole.shape, NamedSharding(grid, EVERYWHERE), lambda index: whole[index])
