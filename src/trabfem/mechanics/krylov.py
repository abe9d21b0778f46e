"""Flexible conjugate gradients in float32 around a true residual in float64."""

import functools
from collections.abc import Callable

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from .hierarchy import Hierarchy, finest_level
from .multigrid import DEFAULT, KCycle
from .operator import Field

REFRESH = 1e-2
WINDOW = 4
# Least decay assumed for the first steps: they remove the kink at prescribed displacements and decay too fast.
SLOW = 0.3


class Outcome(eqx.Module):
    """The result of the iteration.

    `relative_residual`: true residual in float64 over the load; `energy_error`: estimated energy of the error over the
    energy.
    """

    displacement: Float[Array, "nodes 3"]
    iterations: Int[Array, ""]
    residual_evaluations: Int[Array, ""]
    relative_residual: Float[Array, ""]
    energy_error: Float[Array, ""]
    energy: Float[Array, ""]
    converged: Bool[Array, ""]


class _State(eqx.Module):
    total: Float[Array, "nodes 3"]
    residual: Float[Array, "nodes 3"]
    direction: Float[Array, "nodes 3"]
    image: Float[Array, "nodes 3"]
    curvature: Float[Array, ""]
    norm: Float[Array, ""]
    reference: Float[Array, ""]
    energy: Float[Array, ""]
    drops: Float[Array, " window"]
    iterations: Int[Array, ""]
    evaluations: Int[Array, ""]
    stale: Bool[Array, ""]


@functools.partial(jax.jit, static_argnames="max_iterations", donate_argnames="start")
def minimise(
    levels: Hierarchy,
    stiffness: Float[Array, "24 24"],
    start: Float[Array, "nodes 3"],
    load_norm: Float[Array, ""],
    rtol: Float[Array, ""] | float,
    energy_tol: Float[Array, ""] | float,
    max_iterations: int,
    cycle: KCycle = DEFAULT,
    force: Field | None = None,
) -> Outcome:
    r"""Equilibrium of a mesh with prescribed displacements, by minimising the elastic energy from `start`.

    $$\min_u \tfrac12 u^\mathsf{T} K u - f^\mathsf{T} u, \qquad u = \bar u \text{ where prescribed}$$

    with the nodal `force` f in N (float64), 0 if None. Vectors are float32 except the displacement (float64, mm), from
    which the residual is recomputed in float64 whenever it has fallen by the factor `REFRESH` (van der Vorst &
    Ye, SIAM J. Sci. Comput. 22:835, 2000). `start` is overwritten. Each step lowers the energy by exactly
    $(r, p)^2 / 2(p, Kp)$; the remaining error is extrapolated from the last `WINDOW` drops as a geometric series, in
    the spirit of Meurant & Tichy, Numer. Algorithms 82:937 (2019). Stops when residual and energy error are below
    their tolerances; the outcome has the true residual.
    """

    def done(state: _State) -> Bool[Array, ""]:
        return (state.norm <= rtol * load_norm) & (_energy_error(state) <= energy_tol)

    def step(state: _State) -> _State:
        state = _conjugate_gradient_step(levels, cycle, state)
        due = (state.norm <= REFRESH * state.reference) | (state.norm <= rtol * load_norm)
        return _refresh_if(due, refresh, state)

    refresh = functools.partial(_refresh, levels, stiffness, force)
    state = _refresh_if(True, refresh, _begin(start))
    state = jax.lax.while_loop(lambda s: ~done(s) & (s.iterations < max_iterations), step, state)
    state = _refresh_if(state.stale, refresh, state)
    return _outcome(state, load_norm, done(state))


@functools.partial(jax.jit, static_argnames="max_iterations", donate_argnames="starts")
def minimise_many(
    levels: Hierarchy,
    stiffness: Float[Array, "24 24"],
    starts: Float[Array, "cases nodes 3"],
    load_norms: Float[Array, " cases"],
    rtol: Float[Array, ""] | float,
    energy_tol: Float[Array, ""] | float,
    max_iterations: int,
    cycle: KCycle = DEFAULT,
) -> Outcome:
    """`minimise` for several cases with the same prescribed degrees of freedom, with one operator product for all.

    Every case stops by its own criterion; the residuals of all are recomputed when one case needs it. Every array of
    the outcome has a leading axis of cases.
    """
    refresh = jax.vmap(functools.partial(_refresh, levels, stiffness, None))
    advance = jax.vmap(functools.partial(_conjugate_gradient_step, levels, cycle))

    def small(state: _State) -> Bool[Array, " cases"]:
        return state.norm <= rtol * load_norms

    def done(state: _State) -> Bool[Array, " cases"]:
        return small(state) & (jax.vmap(_energy_error)(state) <= energy_tol)

    def step(state: _State) -> _State:
        finished = done(state)
        moved = advance(state)
        moved = jax.tree.map(lambda new, old: jnp.where(_broadcast_flags(finished, new), old, new), moved, state)
        due = ~finished & ((moved.norm <= REFRESH * moved.reference) | small(moved))
        return _refresh_if(due.any(), refresh, moved)

    state = _refresh_if(True, refresh, jax.vmap(_begin)(starts))
    state = jax.lax.while_loop(lambda s: (~done(s) & (s.iterations < max_iterations)).any(), step, state)
    state = _refresh_if(state.stale.any(), refresh, state)
    return jax.vmap(_outcome)(state, load_norms, done(state))


def _broadcast_flags(cases: Bool[Array, " cases"], like: Array) -> Bool[Array, "cases ..."]:
    """A flag per case in the rank of an array whose first axis is the cases."""
    return cases.reshape(-1, *(1,) * (like.ndim - 1))


def _true_part(state: _State) -> tuple:
    """The quantities that follow from the displacement alone."""
    return state.residual, state.norm, state.reference, state.energy, state.evaluations, state.stale


def _refresh_if(due: Bool[Array, ""] | bool, refresh: Callable[[_State], tuple[Array, ...]], state: _State) -> _State:
    """The state with its true part recomputed if `due`; only this part passes through the branch, to save memory."""
    return eqx.tree_at(_true_part, state, jax.lax.cond(due, refresh, _true_part, state))


def _refresh(
    levels: Hierarchy, stiffness: Float[Array, "24 24"], force: Field | None, state: _State
) -> tuple[Array, ...]:
    """The true part of the state: residual, norms and energy in float64."""
    fine, total = finest_level(levels), state.total
    inner = fine.forces(stiffness, total)
    unbalanced = -inner if force is None else force - inner
    residual = jnp.where(fine.free, unbalanced.astype(jnp.float32), 0)
    norm = jnp.sqrt(fine.sum_over_devices(jnp.sum(jnp.where(fine.free, unbalanced**2, 0))))
    energy = fine.sum_over_devices(_dot(total, inner) / 2 - (0.0 if force is None else _dot(total, force)))
    return residual, norm, norm, energy, state.evaluations + 1, jnp.zeros((), bool)


def _outcome(state: _State, load_norm: Float[Array, ""], converged: Bool[Array, ""]) -> Outcome:
    # Where every node is prescribed, as in one layer between plates, no force is left over and none is to be balanced.
    residual = jnp.where(state.norm == 0, 0, state.norm / load_norm)
    return Outcome(
        displacement=state.total,
        iterations=state.iterations,
        residual_evaluations=state.evaluations,
        relative_residual=residual,
        energy_error=_energy_error(state),
        energy=state.energy,
        converged=converged & jnp.isfinite(residual + load_norm),
    )


def _begin(start: Float[Array, "nodes 3"]) -> _State:
    zero, nothing = jnp.zeros(start.shape, jnp.float32), jnp.zeros((), jnp.float64)
    none = jnp.zeros((), jnp.int32)
    stale = jnp.zeros((), bool)
    return _State(start, zero, zero, zero, nothing, nothing, nothing, nothing, jnp.zeros(WINDOW), none, none, stale)


def _conjugate_gradient_step(levels: Hierarchy, cycle: KCycle, state: _State) -> _State:
    fine = finest_level(levels)
    direction = cycle(levels, state.residual)
    image = fine.apply(direction)
    along = _ratio(fine.sum_over_devices(_dot(direction, state.image)), state.curvature).astype(jnp.float32)
    direction = direction - along * state.direction
    image = image - along * state.image
    curvature = fine.sum_over_devices(_dot(direction, image))
    slope = fine.sum_over_devices(_dot(direction, state.residual))
    length = _ratio(slope, curvature)
    residual = state.residual - length.astype(jnp.float32) * image
    return _State(
        total=state.total + length * direction,
        residual=residual,
        direction=direction,
        image=image,
        curvature=curvature,
        norm=jnp.sqrt(fine.sum_over_devices(_dot(residual, residual))),
        reference=state.reference,
        energy=state.energy,
        drops=jnp.roll(state.drops, 1).at[0].set(length * slope),
        iterations=state.iterations + 1,
        evaluations=state.evaluations,
        stale=jnp.ones((), bool),
    )


def _energy_error(state: _State) -> Float[Array, ""]:
    r"""Estimate of $\|u - u_k\|_K^2 / \|u_k\|_K^2$: the energy that further steps would remove."""
    known = jnp.minimum(state.iterations, WINDOW)
    last, first = state.drops[0], state.drops[known - 1]
    mean = _ratio(last, first) ** (1 / jnp.maximum(known - 1, 1))
    latest = _ratio(last, state.drops[1])
    floor = jnp.where(state.iterations <= WINDOW + 1, SLOW, 0)
    decay = jnp.clip(jnp.maximum(mean, latest), floor, 0.95)
    ahead = _ratio(last * decay / (1 - decay), 2 * jnp.abs(state.energy))
    return jnp.where((known > 0) | (state.norm == 0), ahead, jnp.inf)


def _ratio(numerator: Float[Array, ""], denominator: Float[Array, ""]) -> Float[Array, ""]:
    positive = denominator > 0
    return jnp.where(positive, numerator / jnp.where(positive, denominator, 1), 0)


def _dot(a: Field, b: Field) -> Float[Array, ""]:
    """Inner product in float64: a float32 sum over millions of terms loses digits that CG needs."""
    return jnp.sum(a.astype(jnp.float64) * b)
