"""The fitted parameters of the model: priors, shipped values, and conversion to a vector of logarithms and back.

All parameters are positive.
"""

import dataclasses
import functools
import json
from importlib import resources
from pathlib import Path
from typing import Any

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from trabfem.biology.scalars import Scalar
from trabfem.constants import CELLS

SHIPPED = "parameters.json"
TABLE = "trials_calibration.csv"


class Parameters(eqx.Module):
    """The parameters; meaning, unit and prior of each are in `constants.CELLS`."""

    e2_half: Scalar
    serm_efficacy: Scalar
    rankl_gain: Scalar
    opg_gain: Scalar
    fsh_gain: Scalar
    lifespan_gain: Scalar
    osteoblast_gain: Scalar
    receptor_reserve: Scalar
    receptor_power: Scalar
    activation_floor: Scalar
    precursor_death: Scalar
    precursor_use: Scalar
    osteoclast_rate: Scalar
    coupling_delay: Scalar
    formation_delay: Scalar
    coupling_power: Scalar
    basal_modelling: Scalar
    ageing: Scalar
    sclerostin_power: Scalar
    wnt_half: Scalar
    wnt_formation: Scalar
    wnt_rankl: Scalar
    antagonist_power: Scalar
    antagonist_rate: Scalar
    lining_output: Scalar
    lining_use: Scalar
    lining_return: Scalar
    denosumab_vmax: Scalar
    denosumab_half: Scalar
    romosozumab_half: Scalar
    alendronate_uptake: Scalar
    zoledronate_uptake: Scalar
    bisphosphonate_kill: Scalar
    burial: Scalar
    release: Scalar
    progestin_gain: Scalar
    pth_activation: Scalar
    pth_formation: Scalar
    pth_pores: Scalar
    pth_cortex: Scalar
    androgen_gain: Scalar
    turnover_trabecular: Scalar
    turnover_cortical: Scalar
    mineral_rate: Scalar
    mineral_deficit: Scalar
    spine_trabecular: Scalar
    spine_degeneration: Scalar
    hip_trabecular: Scalar
    neck_trabecular: Scalar
    body_trabecular: Scalar
    ctx_power: Scalar
    p1np_power: Scalar
    lining_marker: Scalar


NAMES = tuple(field.name for field in dataclasses.fields(Parameters))


def from_log(theta: Float[Array, " parameters"]) -> Parameters:
    """Parameters from the vector of their logarithms, in the order of `NAMES`."""
    values = jnp.exp(theta)
    return Parameters(**{name: values[number] for number, name in enumerate(NAMES)})


def to_log(parameters: Parameters) -> Float[np.ndarray, " parameters"]:
    """Logarithms of `parameters` in the order of `NAMES`."""
    return np.log([float(getattr(parameters, name)) for name in NAMES])


def prior() -> tuple[Float[np.ndarray, " parameters"], Float[np.ndarray, " parameters"]]:
    """Prior mean and standard deviation of the logarithms."""
    return np.log([CELLS[name].value for name in NAMES]), np.array([CELLS[name].spread for name in NAMES])


def shipped_fit() -> dict[str, Any]:
    """Results of the calibration: `values` by name, `log_cholesky` of the posterior, residual scatter by measure."""
    return json.loads(resources.files("trabfem.biology").joinpath(SHIPPED).read_text())


def shipped_table() -> Path:
    """The table of published trials that the shipped parameters were fitted to."""
    return Path(str(resources.files("trabfem.biology").joinpath(TABLE)))


@functools.cache
def shipped_parameters() -> Parameters:
    """The calibrated parameters, as Python floats."""
    values = shipped_fit()["values"]
    return Parameters(**{name: values[name] for name in NAMES})


def prior_median() -> Parameters:
    """The medians of the priors, as Python floats."""
    return Parameters(**{name: CELLS[name].value for name in NAMES})


def posterior_draws(count: int, seed: int = 0) -> Float[np.ndarray, "draws parameters"]:
    """Draws of the logarithms from the Laplace posterior of the shipped fit."""
    fit = shipped_fit()
    centre = np.log([fit["values"][name] for name in NAMES])
    factor = np.array(fit["log_cholesky"])
    return centre + np.random.default_rng(seed).standard_normal((count, len(NAMES))) @ factor.T
