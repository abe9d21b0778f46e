"""The exponential midpoint rule: exact where it should be, second order, never negative."""

import diffrax
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from trabfem.biology.solver import ExponentialMidpoint, ProductionLoss


def solve(rates, y0: float, end: float, steps: int) -> np.ndarray:
    """ẏ = p − l y from 0 to `end`; the forcing is the mean of cos over the step."""

    def forcing(t0, t1, source):
        return (jnp.sin(t1) - jnp.sin(t0)) / (t1 - t0)

    with jax.enable_x64(True):
        solution = diffrax.diffeqsolve(
            ProductionLoss(rates, forcing, None),
            ExponentialMidpoint(),
            0.0,
            end,
            None,
            jnp.asarray(y0),
            args=(None, jnp.zeros(())),
            stepsize_controller=diffrax.StepTo(jnp.linspace(0.0, end, steps + 1)),
            max_steps=steps,
            adjoint=diffrax.ForwardMode(),
        )
        assert solution.ys is not None
        return np.asarray(solution.ys[-1])


def test_exact_for_constant_rates() -> None:
    value = solve(lambda t, y, args, forced: (3.0, 50.0), 2.0, 1.0, 3)
    assert value == pytest.approx(0.06 + (2.0 - 0.06) * np.exp(-50.0), rel=1e-12)


def test_loss_of_zero() -> None:
    assert solve(lambda t, y, args, forced: (1.0, 0.0 * y), 0.0, 2.0, 2) == pytest.approx(2.0, rel=1e-12)


def test_second_order_on_a_forced_nonlinear_problem() -> None:
    rates = lambda t, y, args, forced: (1.5 + forced, y)  # noqa: E731
    fine = solve(rates, 0.3, 3.0, 4096)
    steps = np.array([16, 32, 64, 128])
    errors = [abs(solve(rates, 0.3, 3.0, count) - fine) for count in steps.tolist()]
    order = -np.polyfit(np.log(steps), np.log(errors), 1)[0]
    assert order == pytest.approx(2.0, abs=0.1)


@pytest.mark.parametrize("steps", [1, 2, 7])
def test_positive_for_any_step(steps: int) -> None:
    value = solve(lambda t, y, args, forced: (jnp.maximum(forced, 0.0), 1e3 * (1.0 + y)), 5.0, 9.0, steps)
    assert value >= 0.0
