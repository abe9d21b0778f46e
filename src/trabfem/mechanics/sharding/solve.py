"""Distributing a specimen over devices, and the iteration as one program on all of them.

The mesh and the large coarse levels are cut into slabs, each made by its own process (`setup`), and every product
exchanges one layer of nodes with each neighbour (`slabs`). All devices have the small coarse levels and solve them
redundantly, which costs one sum over the devices. Iterations, smoothers and cycles are the same code as on one device.

On a cluster every process calls `jax.distributed.initialize()` first and then the same functions with the same
arguments.
"""

import dataclasses
import functools
import time
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh
from jaxtyping import Array, Float

from .. import hexahedron, krylov
from ..levels import Hierarchy, finest_level
from ..loads import ForcePlate, Load
from ..multigrid import DEFAULT, KCycle
from ..solution import Solution, make_solution
from ..supports import compute_load_norm
from . import result, setup
from .grid import ALONG, EVERYWHERE, Grid
from .layers import Layers, Plan, make_plan
from .load_path import require_load_path
from .numbering import Numbering

REPLICATED_NODES = 20_000


@dataclasses.dataclass(frozen=True)
class Distributed:
    """A specimen and a load, distributed over devices.

    `levels`: slabs stacked on a first axis; `common`: levels on all devices; `numberings`: of the cut levels.
    """

    plan: Plan = dataclasses.field(repr=False)
    spacing: tuple[float, float, float]
    poisson: float
    load: Load
    grid: Grid
    numberings: list[Numbering] = dataclasses.field(repr=False)
    levels: tuple = dataclasses.field(repr=False)
    common: Hierarchy = dataclasses.field(repr=False)
    value: Float[Array, "slabs owned 3"] = dataclasses.field(repr=False)
    """Prescribed displacements, mm."""
    setup_s: float

    @property
    def devices(self) -> Mesh:
        """The devices in the order of their slabs."""
        return self.grid.mesh

    @property
    def num_elements(self) -> int:
        """Voxels of the whole specimen."""
        return self.numberings[0].num_elements

    @property
    def num_nodes(self) -> int:
        """Nodes of the whole mesh."""
        return self.numberings[0].num_nodes

    @property
    def slab_bytes(self) -> int:
        """Bytes of the slabs on each device, without the vectors of the iteration."""
        return sum(leaf.nbytes for leaf in jax.tree.leaves((self.levels, self.value))) // self.devices.size

    @property
    def common_bytes(self) -> int:
        """Bytes of the small levels, which every device has."""
        return sum(leaf.nbytes for leaf in jax.tree.leaves(self.common))


def distribute(
    modulus: Float[np.ndarray, "x y z"] | Layers,
    spacing: tuple[float, float, float],
    load: Load,
    *,
    poisson: float = 0.3,
    devices: Sequence | None = None,
    replicated_nodes: int = REPLICATED_NODES,
) -> Distributed:
    """Mesh, hierarchy and load on `devices` (all that JAX knows, if left out).

    `modulus` in MPa per voxel (0 = void), `spacing` in mm. Every process takes only the layers along x that its slabs
    need from `modulus`, so it may be a `numpy.memmap` or `Layers` that are read when they are asked for. The devices of
    a process should be neighbours.

    All devices have the coarse levels of at most `replicated_nodes` vertices, and those whose blocks are too thick for
    a slab. Raises `UserError` like `solve.solve`, and where there are too many devices for the layers of voxels, or too
    few for the numbers of a slab; in every process if in one.
    """
    with jax.enable_x64(True):
        began = time.perf_counter()
        grid, layers = Grid.of(devices or jax.devices()), Layers.of(modulus)
        case = load.case if isinstance(load, ForcePlate) else load
        size = float(spacing[0]), float(spacing[1]), float(spacing[2])
        plan = make_plan(grid, layers, case, size, replicated_nodes)
        require_load_path(grid, layers, plan, case, size)
        built = setup.build(grid, layers, plan, case, size, poisson, replicated_nodes)
        jax.block_until_ready((built.levels, built.common))
        took = time.perf_counter() - began
    parts = (built.numberings, built.levels, built.common, built.value)
    return Distributed(plan, size, float(poisson), load, grid, *parts, took)


def solve(
    problem: Distributed,
    *,
    rtol: float = 1e-6,
    energy_tol: float = 1e-6,
    max_iterations: int = 300,
    cycle: KCycle = DEFAULT,
    whole: bool = True,
) -> Solution:
    """The solution as from `solve.solve`.

    `whole`: every process gets the mesh and displacements of the whole specimen, in host memory; otherwise those of its
    own slabs and of the plane at their end. Force, stiffness and energy are always those of the whole. `levels` of the
    solution is empty, since the hierarchy stays distributed.
    """
    with jax.enable_x64(True):
        began = time.perf_counter()
        stiffness = problem.grid.replicate(hexahedron.stiffness(problem.spacing, problem.poisson))
        run = compile_program(problem.devices, max_iterations, cycle)
        slabs, outcome = run(problem.levels, problem.common, stiffness, problem.value, rtol, energy_tol)
        jax.block_until_ready(outcome)
        took = time.perf_counter() - began
        places = problem.grid, problem.plan, problem.numberings[0], problem.levels[0].mesh
        mesh, displacement = result.collect(*places, slabs, whole)
        case = problem.load.case if isinstance(problem.load, ForcePlate) else problem.load
        found = make_solution(mesh, problem.load, case, (), outcome, cycle, problem.setup_s, took)
    if isinstance(problem.load, ForcePlate) and found.stiffness:
        # On the host, as a device need not have room for the whole.
        displacement *= found.reaction_force / (found.stiffness * case.travel(mesh.shape, mesh.spacing))
    return dataclasses.replace(found, displacement=displacement)


def peak_bytes(problem: Distributed, max_iterations: int = 300, cycle: KCycle = DEFAULT) -> int | None:
    """Bytes on each device during the iteration as planned by the compiler, for inputs and vectors.

    None if the compiler has no memory analysis.
    """
    with jax.enable_x64(True):
        stiffness = problem.grid.replicate(hexahedron.stiffness(problem.spacing, problem.poisson))
        run = compile_program(problem.devices, max_iterations, cycle)
        plan = run.lower(problem.levels, problem.common, stiffness, problem.value, 1e-6, 1e-6).compile()
        memory = plan.memory_analysis()
    if memory is None:
        return None
    return memory.argument_size_in_bytes + memory.output_size_in_bytes + memory.temp_size_in_bytes


@functools.cache
def compile_program(devices: Mesh, max_iterations: int, cycle: KCycle):
    """The iteration as one program on all devices.

    It returns displacements by slabs, at own nodes and ghosts, and the rest on every device.
    """

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
        known = levels[0].halo.extend(outcome.displacement)
        return known[None], dataclasses.replace(outcome, displacement=jnp.zeros((0, 3)))

    return run


def local_part(stacked: Any) -> Any:
    """Inside the program: this device's part of stacked slabs."""
    return jax.tree.map(lambda leaf: leaf[0], stacked)
