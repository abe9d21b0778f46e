"""A state as plain arrays and numbers, from which a run is resumed with bitwise equal results."""

import dataclasses
from collections.abc import Mapping
from typing import Any

import jax
import numpy as np

from trabfem.mechanics.mesh import HexMesh, Lengths
from trabfem.mechanics.solve import Solution

from .bmu import NUMBERS as BMU_NUMBERS
from .bmu import place_on_device
from .equilibrium import tissue_moduli
from .loading.activities import unit_cases
from .model import Model, State

ARRAYS = ("phi", "reference", "fill", "energy")
NUMBERS = ("step", "background", "removed", "disconnected", "resorbed", "young_start", "failure_load")
BMU = "bmu_"
DISPLACEMENT = "displacement_"
SOLUTION_FACTS = (
    "reaction_force stiffness apparent_modulus energy iterations fine_applications relative_residual energy_error "
    "converged setup_s solve_s"
).split()


def take_apart(state: State) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """The state's arrays on the host, and its numbers with those of its solutions."""
    arrays = {name: np.asarray(getattr(state, name)) for name in ARRAYS}
    arrays |= {f"{DISPLACEMENT}{n}": np.asarray(each.displacement) for n, each in enumerate(state.solutions)}
    facts: dict[str, Any] = {name: getattr(state, name) for name in NUMBERS}
    if state.young is not None:
        arrays["young"] = np.asarray(state.young)
    if state.bmus is not None:
        own = {name: np.asarray(value) for name, value in vars(state.bmus).items()}
        facts["bmus"] = {name: own.pop(name).item() for name in BMU_NUMBERS}
        arrays |= {BMU + name: value for name, value in own.items()}
    facts["solutions"] = [{name: getattr(each, name) for name in SOLUTION_FACTS} for each in state.solutions]
    facts["lengths"] = [dataclasses.asdict(each.lengths) for each in state.solutions]
    return arrays, facts


def put_together(arrays: Mapping[str, np.ndarray], facts: Mapping[str, Any], model: Model) -> State:
    """The state that `take_apart` took apart."""
    fields: dict[str, Any] = {name: arrays[name] for name in ARRAYS} | {name: facts[name] for name in NUMBERS}
    fields |= jax.device_put({name: fields[name] for name in ARRAYS})
    fields["young"] = None if "young" not in arrays else jax.device_put(arrays["young"])
    if "bmus" in facts:
        own = {name.removeprefix(BMU): value for name, value in arrays.items() if name.startswith(BMU)}
        numbers = {
            name: np.asarray(facts["bmus"][name], np.int64 if name == "born" else np.float64) for name in BMU_NUMBERS
        }
        fields["bmus"] = place_on_device(own | numbers)
    if facts["solutions"]:
        modulus = tissue_moduli(fields["fill"], model.settings, fields["young"], facts["young_start"])
        # Padded array lengths depend on earlier steps and change the rounding of sums, so a resumed run keeps them.
        lengths = [Lengths(**each | {"levels": tuple(map(tuple, each["levels"]))}) for each in facts["lengths"]]
        mesh = HexMesh.from_voxels(modulus, model.spacing, model.settings.poisson, like=lengths[0])
        parts = zip(unit_cases(model.settings.usual_day), lengths, facts["solutions"], strict=True)
        fields["solutions"] = tuple(
            Solution(mesh, case, arrays[f"{DISPLACEMENT}{n}"], lengths=sizes, levels=(), **known)
            for n, (case, sizes, known) in enumerate(parts)
        )
    return State(**fields)
