"""Flexible conjugate gradients in float32 around a true residual in float64."""

import functools
from collections.abc import Callable

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from .hierarchy import Hierarchy, finest_level
from .levels import FineLevel
from .multigrid import DEFAULT, KCycle
from .operator import Field
from .parts.sums import PerPart, spread

Flags = Bool[Array, "*parts"]

REFRESH = 1e-2
WINDOW = 4
# Least decay assumed for the first steps: they remove the kink at prescribed displacements and decay too fast.
SLOW = 0.3


class Outcome(eqx.Module):
    """The result of the iteration; all but the displacement of every part, where the mesh has several.

    `relative_residual`: true residual in float64 over the load; `energy_error`: estimated energy of the error over the
    energy.
    """

    displacement: Float[Array, "nodes 3"]
    iterations: Int[Array, "*parts"]
    residual_evaluations: Int[Array, "*parts"]
    relative_residual: PerPart
    energy_error: PerPart
    energy: PerPart
    converged: Flags


class _State(eqx.Module):
    total: Float[Array, "nodes 3"]
    residual: Float[Array, "nodes 3"]
    direction: Float[Array, "nodes 3"]
    image: Float[Array, "nodes 3"]
    curvature: PerPart
    norm: PerPart
    reference: PerPart
    energy: PerPart
    drops: Float[Array, "*parts window"]
    iterations: Int[Array, "*parts"]
    evaluations: Int[Array, "*parts"]


class _Criterion(eqx.Module):
    """When a part, or a case, is done."""

    load_norm: PerPart
    rtol: Float[Array, ""] | float
    energy_tol: Float[Array, ""] | float
    max_iterations: int = eqx.field(static=True)

    def small(self, state: _State) -> Flags:
        return state.norm <= self.rtol * self.load_norm

    def done(self, state: _State) -> Flags:
        return self.small(state) & (_energy_error(state) <= self.energy_tol)

    def going(self, state: _State) -> Flags:
        return ~self.done(state) & (state.iterations < self.max_iterations)

    def due(self, state: _State) -> Flags:
        """Whether the true residual is to be computed: also after the last step, whose residual is the answer's."""
        last = state.iterations >= self.max_iterations
        return (state.norm <= REFRESH * state.reference) | self.small(state) | last


@functools.partial(jax.jit, static_argnames="max_iterations", donate_argnames="start")
def minimise(
    levels: Hierarchy,
    stiffness: Float[Array, "24 24"],
    start: Float[Array, "nodes 3"],
    load_norm: PerPart,
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

    Where the levels have several parts, every part has step lengths, norms and drops of its own: it stops by its own
    criterion and does not change while the others go on, so its displacement does not depend on its company.
    """
    criterion = _Criterion(load_norm, rtol, energy_tol, max_iterations)
    parted = finest_level(levels).parts is not None

    def step(state: _State) -> _State:
        # The loop goes on only while a single part is active.
        active = criterion.going(state) if parted else None
        state = _conjugate_gradient_step(levels, cycle, state, active)
        due = criterion.due(state)
        return _refresh_if(due if active is None else due & active, refresh, state)

    refresh = functools.partial(_refresh, levels, stiffness, force)
    state = _begin(finest_level(levels), start)
    state = _refresh_if(jnp.ones(state.norm.shape, bool), refresh, state)
    state = jax.lax.while_loop(lambda state: criterion.going(state).any(), step, state)
    return _outcome(state, load_norm, criterion.done(state))


@functools.partial(jax.jit, static_argnames="max_iterations", donate_argnames="starts")
def minimise_many(
    levels: Hierarchy,
    stiffness: Float[Array, "24 24"],
    starts: Float[Array, "cases nodes 3"],
    load_norms: Float[Array, "cases *parts"],
    rtol: Float[Array, ""] | float,
    energy_tol: Float[Array, ""] | float,
    max_iterations: int,
    cycle: KCycle = DEFAULT,
) -> Outcome:
    """`minimise` for several cases with the same prescribed degrees of freedom, with one operator product for all.

    Every case stops by its own criterion; of a single specimen the residuals of all cases are recomputed when one of
    them needs it. Every array of the outcome has a leading axis of cases.
    """
    refresh = jax.vmap(functools.partial(_refresh, levels, stiffness, None))
    advance = jax.vmap(functools.partial(_conjugate_gradient_step, levels, cycle))
    criterion = _Criterion(load_norms, rtol, energy_tol, max_iterations)

    def step(state: _State) -> _State:
        active = criterion.going(state)
        state = advance(state, active)
        return _refresh_if(active & criterion.due(state), refresh, state)

    state = jax.vmap(functools.partial(_begin, finest_level(levels)))(starts)
    state = _refresh_if(jnp.ones(state.norm.shape, bool), refresh, state)
    state = jax.lax.while_loop(lambda state: criterion.going(state).any(), step, state)
    return jax.vmap(_outcome)(state, load_norms, criterion.done(state))


def _true_part(state: _State) -> tuple:
    """The quantities that follow from the displacement alone."""
    return state.residual, state.norm, state.reference, state.energy, state.evaluations


def _refresh_if(
    due: Bool[Array, "*flags"], refresh: Callable[[_State, Array], tuple[Array, ...]], state: _State
) -> _State:
    """The state with its true part recomputed if one is `due`; only this part passes through the branch.

    That saves memory.
    """
    new = jax.lax.cond(due.any(), lambda state: refresh(state, due), _true_part, state)
    return eqx.tree_at(_true_part, state, new)


def _refresh(
    levels: Hierarchy, stiffness: Float[Array, "24 24"], force: Field | None, state: _State, due: Flags
) -> tuple[Array, ...]:
    """The true part of the state, where it is `due`: residual, norms and energy in float64."""
    fine, total = finest_level(levels), state.total
    inner = fine.forces(stiffness, total)
    unbalanced = -inner if force is None else force - inner
    residual = jnp.where(fine.free, unbalanced.astype(jnp.float32), 0)
    norm = jnp.sqrt(fine.sum(jnp.where(fine.free, unbalanced**2, 0)))
    energy = _dot(fine, total, inner) / 2 - (0.0 if force is None else _dot(fine, total, force))
    new = residual, norm, norm, energy, state.evaluations + 1
    return tuple(fine.choose(due, after, before) for after, before in zip(new, _true_part(state), strict=True))


def _outcome(state: _State, load_norm: PerPart, converged: Flags) -> Outcome:
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


def _begin(fine: FineLevel, start: Float[Array, "nodes 3"]) -> _State:
    zero, nothing = jnp.zeros(start.shape, jnp.float32), fine.zeros(jnp.float64)
    none, drops = fine.zeros(jnp.int32), jnp.zeros((*nothing.shape, WINDOW))
    return _State(start, zero, zero, zero, nothing, nothing, nothing, nothing, drops, none, none)


def _conjugate_gradient_step(levels: Hierarchy, cycle: KCycle, state: _State, active: Flags | None = None) -> _State:
    """One step; where parts or cases are not `active` (None: all are), length 0 and no other change."""
    fine = finest_level(levels)

    def where_active(new: Array, old: Array | float) -> Array:
        return new if active is None else jnp.where(active, new, old)

    def times(values: PerPart, field: Field) -> Field:
        return spread(values.astype(jnp.float32), field) * field

    direction = cycle(levels, state.residual)
    image = fine.apply(direction)
    # Without the part along the last direction in parts at rest too: repeated, it would be made of rounding alone.
    along = where_active(_ratio(_dot(fine, direction, state.image), state.curvature), 0)
    direction = direction - times(along, state.direction)
    image = image - times(along, state.image)
    curvature = _dot(fine, direction, image)
    slope = _dot(fine, direction, state.residual)
    length = where_active(_ratio(slope, curvature), 0)
    residual = state.residual - times(length, image)
    drops = jnp.roll(state.drops, 1, -1).at[..., 0].set(length * slope)
    return _State(
        total=state.total + spread(length, direction) * direction,
        residual=residual,
        direction=direction,
        image=image,
        curvature=curvature,
        norm=where_active(jnp.sqrt(_dot(fine, residual, residual)), state.norm),
        reference=state.reference,
        energy=state.energy,
        drops=drops if active is None else jnp.where(active[..., None], drops, state.drops),
        iterations=where_active(state.iterations + 1, state.iterations),
        evaluations=state.evaluations,
    )


def _energy_error(state: _State) -> PerPart:
    r"""Estimate of $\|u - u_k\|_K^2 / \|u_k\|_K^2$: the energy that further steps would remove."""
    known = jnp.minimum(state.iterations, WINDOW)
    last = state.drops[..., 0]
    first = jnp.take_along_axis(state.drops, known[..., None] - 1, -1)[..., 0]
    mean = _ratio(last, first) ** (1 / jnp.maximum(known - 1, 1))
    latest = _ratio(last, state.drops[..., 1])
    floor = jnp.where(state.iterations <= WINDOW + 1, SLOW, 0)
    decay = jnp.clip(jnp.maximum(mean, latest), floor, 0.95)
    ahead = _ratio(last * decay / (1 - decay), 2 * jnp.abs(state.energy))
    return jnp.where((known > 0) | (state.norm == 0), ahead, jnp.inf)


def _ratio(numerator: PerPart, denominator: PerPart) -> PerPart:
    positive = denominator > 0
    return jnp.where(positive, numerator / jnp.where(positive, denominator, 1), 0)


def _dot(fine: FineLevel, a: Field, b: Field) -> PerPart:
    """Inner product of every part in float64: a float32 sum over millions of terms loses digits that CG needs."""
    return fine.sum(a.astype(jnp.float64) * b)
