"""The fit: derivatives through the ODE, the shipped optimum, and how well it predicts what it was and was not shown."""

import json
from pathlib import Path

import jax.numpy as jnp
import numpy as np
import pytest

from trabfem.biology import calibration, measures, parameters
from trabfem.biology.trials import Row, read_table, run_table


@pytest.fixture(scope="module")
def rows() -> list[Row]:
    rows, refused = read_table(parameters.shipped_table())
    assert not refused
    return rows


@pytest.fixture(scope="module")
def report():
    return run_table(parameters.shipped_table())


def tolerance(row: dict) -> float:
    """max(1.5 points, half of the row's own 95 % interval)."""
    low, high = row["ci_low"], row["ci_high"]
    return max(1.5, 0.5 * (float(high) - float(low)) if low and high else 0.0)


def density(report) -> list[dict]:
    return [row for row in report.rows if measures.kind(row["measure"]) == "density" and row["error"] is not None]


def test_shipped_parameters_are_positive_and_complete() -> None:
    fit = parameters.shipped_fit()
    assert tuple(fit["values"]) == parameters.NAMES
    assert all(value > 0.0 for value in fit["values"].values())
    factor = np.array(fit["log_cholesky"])
    assert factor.shape == (len(parameters.NAMES),) * 2
    assert np.all(np.diag(factor) > 0.0) and np.allclose(factor, np.tril(factor))


def test_logarithms_go_back_and_forth() -> None:
    theta = parameters.to_log(parameters.shipped_parameters())
    assert parameters.to_log(parameters.from_log(jnp.asarray(theta))) == pytest.approx(theta, abs=1e-5)


def test_ninety_percent_of_the_density_rows_are_met(report) -> None:
    met = [abs(row["error"]) <= tolerance(row) for row in density(report)]
    assert len(met) > 50
    assert np.mean(met) >= 0.9


def test_markers_have_the_right_sign_and_size(report) -> None:
    markers = [row for row in report.rows if measures.kind(row["measure"]) == "marker" and row["error"] is not None]
    large = [row for row in markers if abs(float(row["value"])) >= 20.0]
    assert len(large) > 10
    assert all(np.sign(row["predicted"]) == np.sign(float(row["value"])) for row in large)
    assert np.mean([abs(row["error"]) for row in markers]) < 20.0


def test_bands_hold_about_what_they_say(report) -> None:
    inside = [row["predicted_low"] <= float(row["value"]) <= row["predicted_high"] for row in density(report)]
    assert 0.75 <= np.mean(inside) <= 1.0
    assert all(row["predicted_low"] >= -100.0 for row in report.rows), "nothing falls by more than all of it"


def test_cross_validation_was_run_and_is_good_enough() -> None:
    fit = parameters.shipped_fit()
    assert fit["mean_abs_error_left_out"]["density"] <= 2.0
    assert fit["mean_abs_error_left_out"]["density"] > fit["mean_abs_error"]["density"]


@pytest.mark.slow
def test_derivatives_through_the_ode(rows: list[Row]) -> None:
    few = [row for row in rows if row.columns["trial"] in ("DEFEND", "FRAME")][:6]
    evaluate = calibration.make_evaluator(few)
    theta = parameters.to_log(parameters.shipped_parameters())
    value, jacobian = evaluate(theta)
    rng = np.random.default_rng(1)
    direction = rng.standard_normal(len(theta))
    step = 1e-5
    difference = (evaluate(theta + step * direction)[0] - evaluate(theta - step * direction)[0]) / (2 * step)
    assert jacobian @ direction == pytest.approx(difference, rel=1e-5, abs=1e-5)
    assert np.all(np.abs(jacobian).max(axis=1) > 0.1)
    assert value.shape == (len(few),)


def test_spreads(rows: list[Row]) -> None:
    by_trial = {row.columns["trial"]: calibration.spread(row) for row in rows if row.measure == "bmd_lumbar_spine"}
    weak = by_trial.pop("Pansini 1995")
    assert weak > 10.0 * by_trial["SWAN"], "its women are not the same from time to time"
    assert all(0.3 < sigma < 2.5 for sigma in by_trial.values())


@pytest.mark.slow
def test_the_command_repeats_the_shipped_fit(tmp_path: Path) -> None:
    assert calibration.main(["--out", str(tmp_path / "fit.json")]) == 0
    fit, shipped = json.loads((tmp_path / "fit.json").read_text()), parameters.shipped_fit()
    assert fit["cost"] == pytest.approx(shipped["cost"], rel=1e-3)
    for name, value in shipped["values"].items():
        assert fit["values"][name] == pytest.approx(value, rel=0.05), name


@pytest.mark.slow
def test_leave_one_trial_out(rows: list[Row]) -> None:
    evaluate = calibration.make_evaluator(rows)
    centre = calibration.fit(rows, evaluate, parameters.to_log(parameters.shipped_parameters()))
    left_out = calibration.cross_validate(rows, evaluate, centre)
    assert calibration.mean_errors(rows, left_out)["density"] <= 2.0
