"""One step of one run, and the reasons for which a run ends before its last step."""

from trabfem.schedule import USUAL_LOAD
from trabfem.specimen import Specimen

from .adaptation import adapt
from .equilibrium import apply_load, solve_equilibrium
from .forcing import CellForcing
from .model import Model, State
from .start import add_initial_pits, start_state
from .timing import Timing, measure_time, separate_set_up


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


def reason_to_stop(state: State, forcing: CellForcing) -> tuple[str, str]:
    """(ended, trouble): a sentence when the bone is cut through, and one when a solve did not converge; else empty."""
    month = f"{forcing.months[state.step]:g}"
    if state.solution is None:
        return f"the specimen no longer carries load at month {month}", ""
    for solution in state.solutions:
        if not solution.converged:
            return "", f"the solve at month {month} did not converge: {solution.case.name}, {solution.message}"
    return "", ""
