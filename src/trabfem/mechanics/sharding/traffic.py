"""Communication of a distributed solve, counted in the traced program."""

import dataclasses
import functools
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from .. import hexahedron
from ..levels import finest_level
from ..multigrid import DEFAULT, KCycle
from .grid import ALONG, EVERYWHERE
from .solve import Distributed, local_part


@dataclasses.dataclass(frozen=True)
class Sent:
    """Bytes and number of messages of one kind of step, over all devices.

    `halo`: bytes of node layers exchanged between neighbours, padding included. `summed`: bytes of sums over all
    devices, counted once; a ring algorithm sends them 2 (devices - 1) times.
    """

    halo: int = 0
    messages: int = 0
    summed: int = 0
    sums: int = 0

    def __add__(self, other: "Sent") -> "Sent":
        return Sent(*(a + b for a, b in zip(dataclasses.astuple(self), dataclasses.astuple(other), strict=True)))

    def times(self, count: int) -> "Sent":
        """The same step `count` times."""
        return Sent(*(count * a for a in dataclasses.astuple(self)))


@dataclasses.dataclass(frozen=True)
class Traffic:
    """`application`: one product with the fine operator in float32; `residual`: one in float64; `iteration`: of CG."""

    application: Sent
    residual: Sent
    iteration: Sent

    def solve(self, iterations: int, residuals: int) -> Sent:
        """A whole solve with that many iterations and evaluations of the true residual, the load's included."""
        return self.iteration.times(iterations) + self.residual.times(residuals)


def count(problem: Distributed, cycle: KCycle = DEFAULT) -> Traffic:
    """Traffic of the steps of a solve, without running them."""
    with jax.enable_x64(True):
        stiffness = jnp.asarray(hexahedron.stiffness(problem.spacing, problem.poisson))

        def residual(levels, u):
            return finest_level(levels).forces(stiffness, u)

        def application(levels, u):
            return finest_level(levels).apply(u.astype(jnp.float32))

        def iteration(levels, u):
            return finest_level(levels).apply(cycle(levels, u.astype(jnp.float32)))

        return Traffic(*(_count_step(problem, step) for step in (application, residual, iteration)))


def _count_step(problem: Distributed, step) -> Sent:
    @functools.partial(
        jax.shard_map,
        mesh=problem.devices,
        in_specs=(ALONG, EVERYWHERE, ALONG),
        out_specs=ALONG,
        check_vma=False,
    )
    def program(slabs, common, u: Float[Array, "one owned 3"]):
        levels, u = local_part((slabs, u))
        return step((*levels, *common), u)[None]

    return _count_program(jax.make_jaxpr(program)(problem.levels, problem.common, problem.value).jaxpr)


def _count_program(program: Any) -> Sent:
    """Communication of a traced program; loops count as often as they run, branches by the one that sends most."""
    total = Sent()
    for equation in program.eqns:
        size = sum(v.aval.size * v.aval.dtype.itemsize for v in equation.invars if hasattr(v.aval, "dtype"))
        name, inner = equation.primitive.name, list(map(_count_program, _programs_of(equation.params)))
        if name == "ppermute":
            pairs = len(equation.params["perm"])
            total += Sent(halo=pairs * size, messages=pairs)
        elif name.startswith("psum"):
            total += Sent(summed=size, sums=1)
        elif name == "cond":
            total += max(inner, key=lambda sent: sent.halo)
        elif name == "scan":
            total += sum(inner, Sent()).times(equation.params["length"])
        else:
            total += sum(inner, Sent())
    return total


def _programs_of(parameters: dict) -> list:
    """The programs inside the parameters of an equation."""
    groups = [value if isinstance(value, tuple | list) else (value,) for value in parameters.values()]
    inner = [getattr(value, "jaxpr", value) for group in groups for value in group]
    return [program for program in inner if hasattr(program, "eqns")]
