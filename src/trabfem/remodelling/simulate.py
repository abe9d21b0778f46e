"""One arm: the coupled model over the months, its table, and its folder on disk."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from trabfem.biology.parameters import Parameters
from trabfem.biology.patient import Patient
from trabfem.biology.schedule import Schedule
from trabfem.habits import USUAL, Habits
from trabfem.specimen import Specimen

from .checkpoint import Rows
from .cost import Timing, set_up_apart, timed
from .coupling import Scene, State, Voxels, advance, begin, loaded, prepared, scene_of, settled, solved
from .drive import Drive, month_grid, of_patient
from .measures import row_of
from .run_folder import Arm, RunFolder, fingerprint
from .settings import Settings, for_habits, living

Progress = Callable[[str, int, int, str], None]
"""Called with what is run, steps done, steps in all, and where it stands in words."""
Save = Callable[[State, Rows], None]
DEFAULTS, ALWAYS_USUAL = living(), Habits()


@dataclass(frozen=True)
class Trajectory:
    """A run's table (column → values, None where not measured), its first and last bone, and how it ended.

    `trouble` is a sentence when a solve did not converge; `ended` one when the bone no longer carries load.
    `timing`: seconds in each part.
    """

    months: list[float]
    table: dict[str, list[Any]]
    fill_first: Voxels
    fill_last: Voxels
    state: State
    trouble: str = ""
    ended: str = ""
    timing: Timing = field(default_factory=dict)


def simulate(
    specimen: Specimen,
    patient: Patient,
    schedule: Schedule,
    *,
    years: float = 5.0,
    months_per_step: float = 1.0,
    seed: int = 1,
    settings: Settings = DEFAULTS,
    out: Path | None = None,
    resume: bool = False,
    progress: Progress | None = None,
    name: str = "Simulation",
    habits: Habits = ALWAYS_USUAL,
    parameters: Parameters | None = None,
    first: State | None = None,
) -> Trajectory:
    """One patient on one schedule: the bone over `years`, written to `out` as it goes (see `run_folder`).

    `resume` goes on from the last step in `out`; same specimen, patient, schedule, step and settings, else `UserError`.
    `habits`: when the load differs from the usual; `parameters` of the cell model, the calibrated ones where not given;
    `first`: the bone of month 0 with its equilibrium, where it is known already (it depends on no seed).
    """
    specimen, settings = prepared(specimen), for_habits(settings, [habits])
    drive = of_patient(patient, schedule, month_grid(years, months_per_step), habits, parameters)
    scene = scene_of(specimen, settings, seed)
    if out is None:
        return run(first or begin(specimen, scene), scene, drive, progress=progress, name=name)
    config = {"patient": patient, "schedule": schedule, "months_per_step": months_per_step, "settings": settings}
    config |= {"habits": habits, "parameters": parameters}
    arm = Arm(name, "simulation", "; ".join(text for text in (str(schedule), str(habits)) if text))
    folder = RunFolder(out, "simulate", name, [arm], specimen, seed, config | {"years": years})
    mark = fingerprint(specimen, seed, config)
    state, rows = folder.load(arm, scene, mark) if resume else (None, [])
    folder.open()

    def save(state: State, rows: Rows) -> None:
        folder.save(arm, state, rows, scene, mark)

    done = run(state or first or begin(specimen, scene), scene, drive, rows, save, progress, name)
    folder.close([done])
    return done


def run(
    state: State,
    scene: Scene,
    drive: Drive,
    rows: Rows | None = None,
    save: Save | None = None,
    progress: Progress | None = None,
    name: str = "Simulation",
) -> Trajectory:
    """Every step of `drive` after `state`; `rows` of the table up to `state` on a resume; `save` at each month."""
    rows = list(rows or [])
    timing: Timing = {}
    with timed(timing, "start"):
        state = settled(state, scene, drive)
    first = state.fill
    if state.step == 0 and drive.load(0) != USUAL:
        state = loaded(state, scene, drive.load(0))
    while True:
        if len(rows) <= state.step:
            with timed(timing, "measures"):
                rows.append(row_of(state, scene, drive))
            with timed(timing, "output"):
                if save is not None:
                    save(state, rows)
        if progress is not None:
            progress(name, state.step, drive.steps, standing(rows[-1]))
        ended, trouble = reason_to_stop(state, drive)
        if ended or trouble or state.step >= drive.steps:
            break
        state = step(state, scene, drive, timing)
    table = {key: [row.get(key) for row in rows] for key in dict.fromkeys(key for row in rows for key in row)}
    return Trajectory([row["month"] for row in rows], table, first, state.fill, state, trouble, ended, timing)


def standing(row: dict[str, Any]) -> str:
    """Where a run stands, in a few words."""
    return f"month {row['month']:g}, BV/TV {row['BV/TV']:.4f}, strength {row['failure load (N)']:.4g} N"


def step(state: State, scene: Scene, drive: Drive, timing: Timing) -> State:
    """One step: the bone changes, then finds its new equilibrium."""
    with timed(timing, "surface"):
        state = advance(state, scene, drive)
    with timed(timing, "solve"):
        state = solved(state, scene, drive.load(state.step))
    set_up_apart(timing, state.solutions)
    return state


def reason_to_stop(state: State, drive: Drive) -> tuple[str, str]:
    """(ended, trouble): a sentence when the bone is cut through or its equilibrium was not reached, else blank."""
    month = f"{drive.months[state.step]:g}"
    if state.solution is None:
        return f"the specimen no longer carries load at month {month}", ""
    for solution in state.solutions:
        if not solution.converged:
            return "", f"the solve at month {month} did not converge: {solution.case.name}, {solution.message}"
    return "", ""
