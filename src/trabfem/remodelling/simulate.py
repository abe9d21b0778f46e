"""One arm: the coupled model over the months, its table, and its folder on disk."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import jax.numpy as jnp
import numpy as np

from trabfem.biology.parameters import Parameters
from trabfem.biology.patient import Patient
from trabfem.biology.schedule import Schedule
from trabfem.habits import USUAL, Habits
from trabfem.specimen import Specimen
from trabfem.specimen.morphometry import thickness

from . import mineral
from .checkpoint import Rows
from .coupling import Scene, State, Voxels, advance, begin, loaded, prepared, scene_of, sensed, solved
from .drive import Drive, month_grid, of_patient
from .run_folder import Arm, RunFolder, fingerprint
from .settings import Settings, for_habits
from .stimulus import at_surface

Progress = Callable[[str, int, int, str], None]
"""Called with what is run, steps done, steps in all, and where it stands in words."""
Save = Callable[[State, Rows], None]
Timing = dict[str, float]
DEFAULTS, ALWAYS_USUAL = Settings(), Habits()


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
    rows, first = list(rows or []), state.fill
    timing: Timing = {}
    if state.step == 0 and drive.load(0) != USUAL:
        state = loaded(state, scene, drive.load(0))
    while True:
        if len(rows) <= state.step:
            rows.append(row_of(state, scene, drive, timing))
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
        return solved(state, scene, drive.load(state.step))


def reason_to_stop(state: State, drive: Drive) -> tuple[str, str]:
    """(ended, trouble): a sentence when the bone is cut through or its equilibrium was not reached, else blank."""
    month = f"{drive.months[state.step]:g}"
    if state.solution is None:
        return f"the specimen no longer carries load at month {month}", ""
    for solution in state.solutions:
        if not solution.converged:
            return "", f"the solve at month {month} did not converge: {solution.faces.name}, {solution.message}"
    return "", ""


def row_of(state: State, scene: Scene, drive: Drive, timing: Timing) -> dict[str, Any]:
    """The table's row of one month; None where a column is not measured."""
    k = state.step
    thick = k == drive.steps or k % scene.settings.thickness_every == 0
    with timed(timing, "measure"):
        row: dict[str, Any] = {
            "month": float(drive.months[k]),
            "BV/TV": float(state.fill.mean(dtype=np.float64)),
            "Tb.Th (mm)": float(thickness(state.fill >= 0.5, scene.spacing)) if thick else None,
        }
        row |= mechanical(state, scene) | {"removed voxels": state.removed} | losses(state, scene)
        row |= {title: float(values[k]) for title, values in drive.columns.items()}
        return row | {"BMD": mineral_density(state, scene, row["BV/TV"], float(drive.mineral[k]))}


def mineral_density(state: State, scene: Scene, bvtv: float, mean_mineral: float) -> float:
    """Mineral of the block, over that of solid bone with the mineral of month 0; BV/TV at month 0."""
    if state.young is None or scene.settings.mineral is None:
        return bvtv * mean_mineral
    return mineral.density(state.fill, state.young, state.young_start, scene.settings.mineral)


def mechanical(state: State, scene: Scene) -> dict[str, Any]:
    """Stiffness, strength, the spread of the signal over the surface, and how well the equilibrium was solved."""
    solution = state.solution
    if solution is None:
        return {"stiffness (N/mm)": 0.0, "failure load (N)": 0.0, "apparent modulus (MPa)": 0.0}
    values, area = at_surface(sensed(state, scene), jnp.asarray(scene.rule.distance(state.phi)), scene.h, scene.free)
    mean = float(np.average(values, weights=area))
    return {
        "stiffness (N/mm)": abs(solution.stiffness),
        "failure load (N)": state.failure_load,
        "apparent modulus (MPa)": abs(solution.apparent_modulus),
        "surface SED (MPa)": mean,
        "surface SED variation": float(np.sqrt(np.average((values - mean) ** 2, weights=area))) / mean,
        "iterations": solution.iterations,
        "residual": solution.relative_residual,
        "energy error": solution.energy_error,
    }


def losses(state: State, scene: Scene) -> dict[str, float]:
    """Bone lost so far, in % of the volume of the block; the three add up to the change of BV/TV since month 0.

    Cut loose from the load path; dug by units that went through; and thinned: all that left from surfaces that still
    are there, less what was laid down on them.
    """
    block = state.fill.size * scene.h**3 / 100
    through = 0.0 if state.units is None else state.units.perforation
    return {
        "lost by thinning (% of TV)": (state.resorbed - through) / block,
        "lost by perforation (% of TV)": through / block,
        "lost by disconnection (% of TV)": state.disconnected / block,
    }


@contextmanager
def timed(timing: Timing, part: str) -> Iterator[None]:
    """Add the seconds spent inside to `timing[part]`."""
    start = time.perf_counter()
    try:
        yield
    finally:
        timing[part] = timing.get(part, 0.0) + time.perf_counter() - start
