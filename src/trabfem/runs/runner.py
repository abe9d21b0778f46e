"""The time loop: a batch of runs (arms × members on one bone), computed and written month by month.

Each run has its own state. All runs of a batch finish a month before any starts the next one. Shared results are
computed once: the bone of month 0 with its equilibrium for all runs, its initial pits for the arms of a member.
"""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from trabfem.device import device_name
from trabfem.errors import UserError
from trabfem.remodelling import mineral
from trabfem.remodelling.forcing import CellForcing, compute_forcing
from trabfem.remodelling.measures import measure
from trabfem.remodelling.model import Model, State, create_model
from trabfem.remodelling.saved import put_together, take_apart
from trabfem.remodelling.settings import make_turnable
from trabfem.remodelling.start import add_initial_pits, start_state
from trabfem.remodelling.step import load_for_first_step, reason_to_stop, step, step_together
from trabfem.remodelling.timing import Timing, measure_time
from trabfem.remodelling.together import pays_together
from trabfem.schedule.writing import last_month

from . import files
from .arm import Arm
from .members import Member, make_members
from .plan import Plan
from .progress import Progress
from .resuming import read_start, write_start
from .store import Key, RunFolder
from .trajectory import Moment, Moments, Trajectory, Voxels, as_columns

Rows = list[dict[str, Any]]
PATIENCE_S = 120.0
"""How long a run waits for the lock of a worker that was given up, and that ends with its month."""
AfterMonth = Callable[[Sequence["Run"]], None]
"""Called when every run of a batch has recorded a month."""


@dataclass
class Run:
    """One arm of one member, while it is computed."""

    arm: Arm
    member: Member
    model: Model
    forcing: CellForcing
    state: State
    folder: RunFolder | None = None
    rows: Rows = field(default_factory=list)
    kept: dict[float, Moment] = field(default_factory=dict)
    timing: Timing = field(default_factory=dict)
    ended: str = ""
    trouble: str = ""

    @property
    def month(self) -> float:
        """The month of the present state."""
        return float(self.forcing.months[self.state.step])

    @property
    def finished(self) -> bool:
        """Whether the run has reached its last step or stopped early."""
        return bool(self.ended or self.trouble or self.state.step >= self.forcing.steps)

    @property
    def age(self) -> Voxels | None:
        """Age of the tissue in each voxel, years; None where it is not followed."""
        kinetics = self.model.settings.mineral
        if self.state.young is None or kinetics is None:
            return None
        return mineral.tissue_age(self.state.young, self.state.fill, kinetics)

    def record(self) -> None:
        """Measure and save the present month if that was not done before; set `ended` and `trouble`."""
        self.ended, self.trouble = reason_to_stop(self.state, self.forcing)
        if len(self.rows) <= self.state.step:
            with measure_time(self.timing, "measures"):
                self.rows.append(measure(self.state, self.model, self.forcing))
            with measure_time(self.timing, "output"):
                self.save()
        if self.state.step == 0 or self.finished:
            fill, energy = np.asarray(self.state.fill), np.asarray(self.state.energy)
            self.kept[self.month] = Moment(self.month, fill, energy, self.age)

    def save(self) -> None:
        """Write the present month: its fields, then the state."""
        if self.folder is None:
            return
        state, spacing = self.state, self.model.spacing
        fill, energy = np.asarray(state.fill), np.asarray(state.energy)
        files.write_month(self.folder.path, self.month, fill, energy, spacing, self.arm.name, self.age)
        self.folder.save(*take_apart(state), self.rows, final=self.finished)

    def describe_state(self) -> str:
        """The present month and its main results, in a few words."""
        row = self.rows[-1]
        return f"month {row['month']:g}, BV/TV {row['BV/TV']:.4f}, strength {row['failure load (N)']:.4g} N"

    def trajectory(self) -> Trajectory:
        """The results so far."""
        table = as_columns(self.rows)
        moments = Moments(self.kept, None if self.folder is None else self.folder.path)
        return Trajectory(
            table["month"], table, moments, self.trouble, self.ended, self.timing, self.state, device_name()
        )


def march(
    runs: Sequence[Run],
    progress: Progress | None = None,
    after_month: AfterMonth | None = None,
    together: bool | None = None,
) -> None:
    """Compute all months of all runs, month by month; call `after_month`, then `progress`, after each month.

    `together`: solve the bones of all runs as one mesh; by default where it pays (see `remodelling.together`).
    """
    together = pays_together() if together is None else together
    for run in runs:
        run.record()
    if after_month is not None:
        after_month(runs)
    report_progress(runs, runs, progress)
    while going := [run for run in runs if not run.finished]:
        # After a resume, some runs may be behind: the others wait for them.
        month = min(run.month for run in going)
        moving = [run for run in going if run.month == month]
        if together:
            advance_together(moving)
        for run in moving:
            if not together:
                run.state = step(run.state, run.model, run.forcing, run.timing)
            run.record()
        if after_month is not None:
            after_month(runs)
        report_progress(runs, moving, progress)


def advance_together(runs: Sequence[Run]) -> None:
    """Compute the next step of runs that stand at the same month, their bones solved as one mesh."""
    states, models = [run.state for run in runs], [run.model for run in runs]
    found = step_together(states, models, [run.forcing for run in runs], [run.timing for run in runs])
    for run, state in zip(runs, found, strict=True):
        run.state = state


def report_progress(runs: Sequence[Run], moved: Sequence[Run], progress: Progress | None) -> None:
    """Call `progress` for each arm of `moved`: steps done by all its runs, and the state of the last one."""
    if progress is None:
        return
    for arm in dict.fromkeys(run.arm for run in moved):
        own = [run for run in runs if run.arm == arm]
        last = [run for run in moved if run.arm == arm][-1]
        where = (
            f"member {last.member.number}, {last.describe_state()}" if last.member.parameters else last.describe_state()
        )
        progress(arm.name, sum(run.state.step for run in own), sum(run.forcing.steps for run in own), where)


@dataclass(frozen=True)
class Bone:
    """Shared by all runs of a study: the plan, the model (with rotatable loads if needed), and month 0 without pits."""

    plan: Plan
    model: Model
    start: State

    @classmethod
    def of(cls, plan: Plan, folder: Path | None = None) -> "Bone":
        """The bone of a plan; solves the equilibrium of month 0, unless `folder` has it, where it is kept."""
        settings = make_turnable(plan.settings, [arm.schedule.loading for arm in plan.arms])
        model = create_model(plan.specimen, settings, plan.seed)
        known = None if folder is None else read_start(folder, model, plan.specimen)
        if known is not None:
            return cls(plan, model, known)
        start = start_state(plan.specimen, model)
        if folder is not None:
            write_start(folder, start, model, plan.specimen)
        return cls(plan, model, start)


Batch = Sequence[tuple[Arm, Member]]


def make_batches(plan: Plan, workers: int | None, order: Sequence[int] | None = None) -> list[Batch]:
    """The runs of a plan in batches: the arms of a member together, or single runs where a worker would be idle.

    On a device that solves all bones as one mesh, one process has all runs in one batch. `workers`
    None: their number may change, as on a cluster; single runs, so that the least is lost with one.
    """
    members = make_members(plan.seed, plan.members)
    chosen = members if order is None else [members[number] for number in order]
    together: list[Batch] = [[(arm, member) for arm in plan.arms] for member in chosen]
    if workers == 1 and pays_together():
        return [[one for batch in together for one in batch]]
    even = workers is not None and len(together) % workers == 0
    return together if even else [[one] for batch in together for one in batch]


def prepare_runs(batch: Batch, bone: Bone, folders: Mapping[Key, RunFolder], resume: bool) -> list[Run]:
    """The runs of a batch at month 0, or where their folders say that they stand."""
    months = bone.plan.months
    pits: dict[tuple[int, float, float], State] = {}
    runs = []
    for arm, member in batch:
        timing: Timing = {}
        model = dataclasses.replace(bone.model, seed=member.seed)
        forcing = compute_forcing(bone.plan.patient, arm.schedule, months, member.parameters)
        folder = folders.get((arm.slug, member.number))
        known = folder.load() if resume and folder is not None else None
        if known is not None:
            arrays, facts = known
            state, rows = put_together(arrays, facts, model), facts["rows"]
        else:
            before = (member.number, forcing.frequency_before, forcing.depth_before)
            with measure_time(timing, "start"):
                if before not in pits:
                    pits[before] = add_initial_pits(bone.start, model, forcing)
                state, rows = load_for_first_step(pits[before], model, forcing), []
        runs.append(Run(arm, member, model, forcing, state, folder, list(rows), timing=timing))
    return runs


def carry_out(
    batch: Batch,
    bone: Bone,
    folders: Mapping[Key, RunFolder],
    resume: bool = False,
    progress: Progress | None = None,
    after_month: AfterMonth | None = None,
) -> list[tuple[Arm, Member, Trajectory]]:
    """Compute every run of a batch to its end; its folders are locked so long."""
    with ExitStack() as locks:
        for key in [(arm.slug, member.number) for arm, member in batch]:
            if key in folders:
                locks.enter_context(files.lock_folder(folders[key].path, PATIENCE_S))
                files.delete_partial_files(folders[key].path)
        runs = prepare_runs(batch, bone, folders, resume)
        march(runs, progress, after_month)
        return [(run.arm, run.member, run.trajectory()) for run in runs]


def read_known_rows(plan: Plan, folders: Mapping[Key, RunFolder]) -> dict[Key, Rows]:
    """The rows of every run of a plan that has begun.

    **Raises:** `UserError` where one belongs to another plan, or stands beyond the plan's years already.
    """
    end = last_month(plan.years)
    found: dict[Key, Rows] = {}
    for key, folder in folders.items():
        known = folder.load()
        if known is None:
            continue
        facts = known[1]
        stands = facts["rows"][-1]["month"]
        if stands > end:
            raise UserError(
                f"years = {plan.years:g}: the run in {folder.path} stands at month {stands:g} already; give at least "
                f"{stands / 12:g}"
            )
        found[key] = facts["rows"]
    return found


def follow(state: State, model: Model, forcing: CellForcing, progress: Progress | None = None) -> Trajectory:
    """One run in memory from a given state under any forcing; initial pits are added first."""
    timing: Timing = {}
    with measure_time(timing, "start"):
        state = load_for_first_step(add_initial_pits(state, model, forcing), model, forcing)
    one = Run(Arm("Run"), Member(0, model.seed), model, forcing, state, timing=timing)
    march([one], progress)
    return one.trajectory()
