"""A diffrax solver for production–loss systems that cannot make a state negative.

    ẏ = p(t, y) − l(t, y) y,   p ≥ 0, l ≥ 0
    y_{n+1} = y_n e^{−l h} + p h φ(l h),   φ(z) = (1 − e^{−z})/z,   p and l at the middle of the step

The exponential midpoint rule (Hochbruck & Ostermann 2010, Acta Numerica 19:209, section 2) with the loss as the linear
part: second order, exact for constant p and l, positive and stable for every step size. Forcings enter averaged over
the step and are never read at its ends, so that a dose on a grid point costs no accuracy.
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
        """The step's length, and the forcing over it."""
        return t1 - t0, self.forcing(t0, t1, self.source)

    def vf(self, t: Scalar, y: PyTree, args: tuple[Any, Any]) -> tuple[Any, Any]:
        """Production and loss at `t`; `args` is the system's own arguments and a forcing."""
        return self.rates(t, y, *args)

    def prod(self, vf: tuple[Any, Any], control: tuple[Scalar, Any]) -> PyTree:
        """Nothing: a production and a loss are not a slope to be multiplied by a step."""
        raise NotImplementedError("use ExponentialMidpoint")


class ExponentialMidpoint(diffrax.AbstractSolver):
    """See the module; two evaluations of the rates a step, no error estimate."""

    term_structure: ClassVar = ProductionLoss
    interpolation_cls: ClassVar = diffrax.LocalLinearInterpolation

    def order(self, terms: PyTree) -> int:
        """Two."""
        return 2

    def init(self, terms: PyTree, t0: Scalar, t1: Scalar, y0: PyTree, args: PyTree) -> None:
        """No state of its own."""

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
        """Nothing: no step-size controller that asks for slopes is of use here."""
        raise NotImplementedError("use a controller with given steps")


def _advance(y: PyTree, production: PyTree, loss: PyTree, step: Scalar) -> PyTree:
    """Every component over `step` with constant production and loss."""
    return jax.tree.map(lambda x, p, rate: x * jnp.exp(-rate * step) + p * _covered(rate, step), y, production, loss)


def _covered(rate: Scalar, step: Scalar) -> Scalar:
    """h φ(rate·h), smooth through rate = 0."""
    z = rate * step
    small = jnp.abs(z) < 1e-5
    safe = jnp.where(small, 1.0, z)
    return step * jnp.where(small, 1.0 - 0.5 * z, -jnp.expm1(-safe) / safe)
