"""Fit of the parameters to a table of trials, with uncertainty, and cross-validation that leaves out whole trials.

Levenberg–Marquardt on  Σ ψ((y_i − ŷ_i(θ))/σ_i) + Σ ((θ_j − μ_j)/s_j)²,  θ the parameters' logarithms, Jacobian by
forward mode through the ODE (diffrax `ForwardMode`). ψ is Huber's function: a trial that contradicts the others
pulls with a bounded force. The posterior is Laplace's: covariance (JᵀWJ + S⁻¹)⁻¹ at the optimum.

    python -m trabfem.biology.calibration [TABLE.csv] --out parameters.json --cross-validate
"""

import argparse
import json
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import jax
import numpy as np

from trabfem.biology import measures, parameters
from trabfem.biology.batch import predict
from trabfem.biology.trials import Row, plan_rows, read_table

# Spread of a single participant's change, and of trials about any one model, in points of %.
PERSON = {"density": 4.5, "strength": 15.0, "marker": 45.0, "other": 60.0}
TRIAL = {"density": 0.5, "strength": 4.0, "marker": 7.0, "other": 20.0}
TRIAL_RELATIVE = {"density": 0.0, "strength": 0.0, "marker": 0.07, "other": 0.15}
CONFIDENCE = {"found": 1.0, "derived": 1.2, "recalled": 1.4}
USUAL_N = 100.0
HUBER = 4.0
# Factors on the spread of trials that are weak by their own description: the women of Pansini are not the same at all
# times, and the loss at two years is twice that in a cohort followed throughout (Jiang 2020 Osteoporos Int, -5.8 %).
DOUBTED = {"Pansini 1995": 10.0}
CI_WIDTH = 3.92


@dataclass(frozen=True)
class Fit:
    """The optimum: parameters' logarithms, their covariance, predictions, cost and iterations."""

    theta: np.ndarray
    covariance: np.ndarray
    predicted: np.ndarray
    cost: float
    iterations: int


def spread(row: Row) -> float:
    """σ of a row (points of %), from its interval or n, the spread of trials, and the reliability of the source."""
    kind, columns = measures.kind(row.measure), row.columns
    low, high, n = (columns.get(name, "") for name in ("ci_low", "ci_high", "n"))
    own = (float(high) - float(low)) / CI_WIDTH if low and high else PERSON[kind] / np.sqrt(float(n or USUAL_N))
    between = TRIAL[kind] + TRIAL_RELATIVE[kind] * abs(row.value or 0.0)
    sure = CONFIDENCE.get(columns.get("confidence", "found"), 1.0)
    return sure * DOUBTED.get(columns.get("trial", ""), 1.0) * float(np.hypot(own, between))


def make_evaluator(rows: Sequence[Row]) -> Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]:
    """A function of θ that returns predictions (rows) and their Jacobian (rows, parameters)."""
    with jax.enable_x64(True):
        made = plan_rows(rows)

        def both(theta: jax.Array) -> tuple[jax.Array, jax.Array]:
            value = lambda t: (predict(t, made),) * 2  # noqa: E731
            jacobian, predicted = jax.jacfwd(value, has_aux=True)(theta)
            return predicted, jacobian

        compiled = jax.jit(both)

    def evaluate(theta: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        with jax.enable_x64(True):
            predicted, jacobian = compiled(np.asarray(theta))
            return np.asarray(predicted), np.asarray(jacobian)

    return evaluate


def fit(
    rows: Sequence[Row],
    evaluate: Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]],
    start: np.ndarray | None = None,
    keep: np.ndarray | None = None,
    iterations: int = 40,
) -> Fit:
    """Levenberg–Marquardt from `start` (the priors' medians) on the rows in `keep` (by default, those with a value)."""
    mean, width = parameters.prior()
    used = np.array([row.value is not None for row in rows]) if keep is None else keep
    target = np.array([row.value or 0.0 for row in rows])[used]
    sigma = np.array([spread(row) for row in rows])[used]
    theta, damping = np.array(mean if start is None else start, float), 1e-2
    predicted, jacobian = evaluate(theta)
    cost = _cost(target, predicted[used], sigma, theta, mean, width)
    count = 0
    for count in range(1, iterations + 1):  # noqa: B007
        hessian, gradient = _normal_equations(target, predicted[used], jacobian[used], sigma, theta, mean, width)
        step = -np.linalg.solve(hessian + damping * np.diag(np.diag(hessian)), gradient)
        step *= min(1.0, 1.0 / np.abs(step).max())
        tried, tried_jacobian = evaluate(theta + step)
        new = _cost(target, tried[used], sigma, theta + step, mean, width)
        if np.isfinite(new) and new < cost:
            done = cost - new < 1e-4 * cost
            theta, predicted, jacobian, cost = theta + step, tried, tried_jacobian, new
            damping = max(damping / 5.0, 1e-6)
            if done:
                break
        else:
            damping *= 8.0
            if damping > 1e4:
                break
    hessian, _ = _normal_equations(target, predicted[used], jacobian[used], sigma, theta, mean, width)
    return Fit(theta, np.linalg.inv(hessian), predicted, float(cost), count)


def _cost(
    target: np.ndarray, predicted: np.ndarray, sigma: np.ndarray, theta: np.ndarray, mean: np.ndarray, width: np.ndarray
) -> float:
    """Half the sum of the module's equation."""
    size = np.abs((predicted - target) / sigma)
    data = np.where(size < HUBER, 0.5 * size**2, HUBER * (size - 0.5 * HUBER))
    return float(data.sum() + 0.5 * (((theta - mean) / width) ** 2).sum())


def _normal_equations(
    target: np.ndarray,
    predicted: np.ndarray,
    jacobian: np.ndarray,
    sigma: np.ndarray,
    theta: np.ndarray,
    mean: np.ndarray,
    width: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:
    """Gauss–Newton matrix and gradient of the cost, with Huber's weights of outliers."""
    residual = (predicted - target) / sigma
    weight = np.minimum(1.0, HUBER / np.maximum(np.abs(residual), 1e-12))
    scaled = jacobian / sigma[:, None]
    hessian = scaled.T @ (weight[:, None] * scaled) + np.diag(width**-2)
    return hessian, scaled.T @ (weight * residual) + (theta - mean) / width**2


def cross_validate(
    rows: Sequence[Row], evaluate: Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]], centre: Fit, steps: int = 6
) -> np.ndarray:
    """Predictions of every row from a fit without its trial; each fit starts at the full fit."""
    trials = [row.columns.get("trial", "") for row in rows]
    out = np.full(len(rows), np.nan)
    valued = np.array([row.value is not None for row in rows])
    for trial in dict.fromkeys(trials):
        mine = np.array([name == trial for name in trials])
        left = fit(rows, evaluate, centre.theta, valued & ~mine, steps)
        out[mine] = left.predicted[mine]
        print(f"left out {trial}: cost {left.cost:.1f}", file=sys.stderr)
    return out


def mean_errors(rows: Sequence[Row], predicted: np.ndarray) -> dict[str, float]:
    """Mean absolute error by class of measure and by measure, over rows that have a value."""
    groups: dict[str, list[float]] = {}
    for row, value in zip(rows, predicted.tolist(), strict=True):
        if row.value is not None:
            for name in (measures.kind(row.measure), row.measure):
                groups.setdefault(name, []).append(abs(value - row.value))
    return {name: float(np.mean(errors)) for name, errors in groups.items()}


def scatter(rows: Sequence[Row], predicted: np.ndarray) -> dict[str, float]:
    """Spread of trials about the model by class of measure: robust (median) deviation of the residuals."""
    groups: dict[str, list[float]] = {}
    for row, value in zip(rows, predicted.tolist(), strict=True):
        if row.value is not None:
            groups.setdefault(measures.kind(row.measure), []).append(abs(value - row.value))
    return {name: float(1.4826 * np.median(errors)) for name, errors in groups.items()}


def main(argv: Sequence[str] | None = None) -> int:
    """The command line of the calibration; returns the exit code."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("table", type=Path, nargs="?", default=parameters.shipped_table())
    parser.add_argument("--out", type=Path, default=Path("parameters.json"))
    parser.add_argument("--cross-validate", action="store_true", help="also refit without each trial")
    options = parser.parse_args(argv)
    began = time.perf_counter()
    rows, refused = read_table(options.table)
    evaluate = make_evaluator(rows)
    result = fit(rows, evaluate)
    print(f"fitted in {time.perf_counter() - began:.0f} s, {result.iterations} iterations", file=sys.stderr)
    answer = {
        "values": dict(zip(parameters.NAMES, np.exp(result.theta).tolist(), strict=True)),
        "log_cholesky": np.linalg.cholesky(result.covariance).tolist(),
        "scatter": scatter(rows, result.predicted),
        "cost": result.cost,
        "mean_abs_error": mean_errors(rows, result.predicted),
        "refused": [item.reason for item in refused],
    }
    if options.cross_validate:
        left_out = cross_validate(rows, evaluate, result)
        answer["mean_abs_error_left_out"] = mean_errors(rows, left_out)
        answer["scatter"] = scatter(rows, left_out)
    options.out.write_text(json.dumps(answer, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
