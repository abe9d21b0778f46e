"""One step of one run or of several together, and the reasons for which a run ends before its last step."""

import time
from collections.abc import Sequence

from trabfem.schedule import USUAL_LOAD
from trabfem.specimen import Specimen

from .adaptation import adapt
from .equilibrium import apply_load, solve_equilibrium
from .forcing import CellForcing
from .model import Model, State
from .start import add_initial_pits, start_state
from .timing import Timing, measure_time, separate_set_up
from .together import solve_together


def start(specimen: Specimen, model: Model, forcing: CellForcing) -> State:
    """Month 0 of a run: the bone with its pits, under the load of the first step."""
    return load_for_first_step(add_initial_pits(start_state(specimen, model), model, forcing), model, forcing)


def load_for_first_step(state: State, model: Model, forcing: CellForcing) -> State:
    """Month 0 under the load of the first step, where that is not the usual load."""
    load = forcing.load(0)
    return state if load == USUAL_LOAD or state.step else apply_load(state, model, load)


def step(state: State, model: Model, forcing: CellForcing, timing: Timing) -> State:
    """The bone after the next step, in its new equilibrium; seconds spent are added to `timing`."""
    with measure_time(timing, "surface"):
        state = adapt(state, model, forcing)
    with measure_time(timing, "solve"):
        state = solve_equilibrium(state, model, forcing.load(state.step))
    separate_set_up(timing, state.solutions)
    return state


def step_together(
    states: Sequence[State], models: Sequence[Model], forcings: Sequence[CellForcing], timings: Sequence[Timing]
) -> list[State]:
    """`step` for several runs, whose bones are solved as one mesh. Each run is charged an equal share of that time."""
    adapted = []
    for state, model, forcing, timing in zip(states, models, forcings, timings, strict=True):
        with measure_time(timing, "surface"):
            adapted.append(adapt(state, model, forcing))
    began = time.perf_counter()
    loads = [forcing.load(state.step) for state, forcing in zip(adapted, forcings, strict=True)]
    solved = solve_together(adapted, models, loads)
    share = (time.perf_counter() - began) / len(solved)
    for state, timing in zip(solved, timings, strict=True):
        timing["solve"] = timing.get("solve", 0.0) + share
        separate_set_up(timing, state.solutions)
    return solved


def reason_to_stop(state: State, forcing: CellForcing) -> tuple[str, str]:
    """(ended, trouble): a sentence when the bone is cut through, and one when a solve did not converge; else empty."""
    month = f"{forcing.months[state.step]:g}"
    if state.solution is None:
        return f"the specimen no longer carries load at month {month}", ""
    for solution in state.solutions:
        if not solution.converged:
            return "", f"the solve at month {month} did not converge: {solution.case.name}, {solution.message}"
    return "", ""
