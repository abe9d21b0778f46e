"""A diffrax solver for production–loss systems that cannot make a state negative.

    ẏ = p(t, y) − l(t, y) y,   p ≥ 0, l ≥ 0
    y_{n+1} = y_n e^{−l h} + p h φ(l h),   φ(z) = (1 − e^{−z})/z,   p and l at the middle of the step

The exponential midpoint rule (Hochbruck & Ostermann 2010, Acta Numerica 19:209, section 2) with the loss as the linear
part: second order, exact for constant p and l, positive and stable for every step size. Forcings are averaged over
the step and not evaluated at its ends, so a dose at a grid point does not reduce the accuracy.
"""

from collections.abc import Callable
from typing import Any, ClassVar

import diffrax
import jax
import jax.numpy as jnp
from jaxtyping import PyTree

from trabfem.biology.scalars import Scalar


class ProductionLoss(diffrax.AbstractTerm):
    """The system: `rates(t, y, args, forcing) → (p, l)`, and `forcing(t0, t1, source)` averaged over a step."""

    rates: Callable[[Any, Any, Any, Any], tuple[Any, Any]]
    forcing: Callable[[Any, Any, Any], Any]
    source: Any

    def contr(self, t0: Scalar, t1: Scalar, **kwargs: Any) -> tuple[Scalar, Any]:
        """The step's length, and the mean forcing over it."""
        return t1 - t0, self.forcing(t0, t1, self.source)

    def vf(self, t: Scalar, y: PyTree, args: tuple[Any, Any]) -> tuple[Any, Any]:
        """Production and loss at `t`; `args` are the arguments of the system and a forcing."""
        return self.rates(t, y, *args)

    def prod(self, vf: tuple[Any, Any], control: tuple[Scalar, Any]) -> PyTree:
        """Not defined: production and loss are not a slope that is multiplied by a step."""
        raise NotImplementedError("use ExponentialMidpoint")


class ExponentialMidpoint(diffrax.AbstractSolver):
    """The method of this module: two evaluations of the rates per step, no error estimate."""

    term_structure: ClassVar = ProductionLoss
    interpolation_cls: ClassVar = diffrax.LocalLinearInterpolation

    def order(self, terms: PyTree) -> int:
        """The order of the method, 2."""
        return 2

    def init(self, terms: PyTree, t0: Scalar, t1: Scalar, y0: PyTree, args: PyTree) -> None:
        """The solver has no state."""

    def step(
        self, terms: PyTree, t0: Scalar, t1: Scalar, y0: PyTree, args: PyTree, solver_state: None, made_jump: Any
    ) -> tuple[PyTree, None, dict[str, PyTree], None, Any]:
        """One step from `t0` to `t1`."""
        middle = 0.5 * (t0 + t1)
        length, forcing = terms.contr(t0, t1)
        production, loss = terms.vf(middle, y0, (args[0], forcing))
        halfway = _advance(y0, production, loss, 0.5 * length)
        production, loss = terms.vf(middle, halfway, (args[0], forcing))
        y1 = _advance(y0, production, loss, length)
        return y1, None, {"y0": y0, "y1": y1}, None, diffrax.RESULTS.successful

    def func(self, terms: PyTree, t0: Scalar, y0: PyTree, args: PyTree) -> PyTree:
        """Not defined: step-size controllers that need slopes are not supported."""
        raise NotImplementedError("use a controller with given steps")


def _advance(y: PyTree, production: PyTree, loss: PyTree, step: Scalar) -> PyTree:
    """Every component over `step` with constant production and loss."""
    return jax.tree.map(
        lambda x, p, rate: x * jnp.exp(-rate * step) + p * _integrated_decay(rate, step), y, production, loss
    )


def _integrated_decay(rate: Scalar, step: Scalar) -> Scalar:
    """h φ(rate·h), smooth at rate = 0."""
    z = rate * step
    small = jnp.abs(z) < 1e-5
    safe = jnp.where(small, 1.0, z)
    return step * jnp.where(small, 1.0 - 0.5 * z, -jnp.expm1(-safe) / safe)
