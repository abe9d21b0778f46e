"""The one loop: a batch of runs (arms × members on one bone) marched month by month, written as it goes.

Each run has its own state; the batch is looped over inside a month, so that all its runs are at the same month at any
time. What the runs share is found once: the bone of month 0 with its equilibrium by all of them, its first pits by the
arms of a member.
"""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from trabfem.errors import UserError
from trabfem.remodelling.forcing import CellForcing, compute_forcing, month_grid
from trabfem.remodelling.measures import measure
from trabfem.remodelling.model import Model, State, create_model
from trabfem.remodelling.saved import put_together, take_apart
from trabfem.remodelling.settings import make_turnable
from trabfem.remodelling.start import add_initial_pits, start_state
from trabfem.remodelling.step import load_for_first_step, reason_to_stop, step
from trabfem.remodelling.timing import Timing, measure_time

from . import files
from .arm import Arm
from .members import Member, members_of
from .plan import Plan
from .progress import Progress
from .store import RunFolder
from .trajectory import Moment, Moments, Trajectory, as_columns

Rows = list[dict[str, Any]]
Recorded = Callable[[Sequence["Run"]], None]
"""Called when every run of a batch has recorded a month."""


@dataclass
class Run:
    """One arm of one member under way."""

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
        """The month that the state is at."""
        return float(self.forcing.months[self.state.step])

    @property
    def over(self) -> bool:
        """Whether nothing is left to do."""
        return bool(self.ended or self.trouble or self.state.step >= self.forcing.steps)

    def record(self) -> None:
        """Measure and save the month, unless that was done before; see whether the run ends here."""
        self.ended, self.trouble = reason_to_stop(self.state, self.forcing)
        if len(self.rows) <= self.state.step:
            with measure_time(self.timing, "measures"):
                self.rows.append(measure(self.state, self.model, self.forcing))
            with measure_time(self.timing, "output"):
                self.save()
        if self.state.step == 0 or self.over:
            self.kept[self.month] = Moment(self.month, self.state.fill, self.state.energy)

    def save(self) -> None:
        """One month: its fields, and last the state that makes it count."""
        if self.folder is None:
            return
        state, spacing = self.state, self.model.spacing
        files.write_month(self.folder.path, self.month, state.fill, state.energy, spacing, self.arm.name)
        self.folder.save(*take_apart(state), self.rows, final=self.over)

    def advance(self) -> None:
        """The next month."""
        self.state = step(self.state, self.model, self.forcing, self.timing)

    def standing(self) -> str:
        """Where the run stands, in a few words."""
        row = self.rows[-1]
        return f"month {row['month']:g}, BV/TV {row['BV/TV']:.4f}, strength {row['failure load (N)']:.4g} N"

    def trajectory(self) -> Trajectory:
        """What the run says so far."""
        table = as_columns(self.rows)
        moments = Moments(self.kept, None if self.folder is None else self.folder.path)
        return Trajectory(table["month"], table, moments, self.trouble, self.ended, self.timing, self.state)


def march(runs: Sequence[Run], progress: Progress | None = None, recorded: Recorded | None = None) -> None:
    """Every month of every run, all of them at the same month at any time; `recorded` after each month."""
    for run in runs:
        run.record()
    tell(runs, runs, progress)
    while going := [run for run in runs if not run.over]:
        # A run that is resumed may stand behind the others: those wait for it.
        month = min(run.month for run in going)
        moving = [run for run in going if run.month == month]
        for run in moving:
            run.advance()
            run.record()
        tell(runs, moving, progress)
        if recorded is not None:
            recorded(runs)


def tell(runs: Sequence[Run], moved: Sequence[Run], progress: Progress | None) -> None:
    """Report each arm that has moved: steps done of all its runs in the batch, and where the last of them stands."""
    if progress is None:
        return
    for arm in dict.fromkeys(run.arm for run in moved):
        own = [run for run in runs if run.arm == arm]
        last = [run for run in moved if run.arm == arm][-1]
        where = f"member {last.member.number}, {last.standing()}" if last.member.parameters else last.standing()
        progress(arm.name, sum(run.state.step for run in own), sum(run.forcing.steps for run in own), where)


@dataclass(frozen=True)
class Bone:
    """What all runs of a study share: the plan, the model with loads that can be turned, and month 0 without pits."""

    plan: Plan
    model: Model
    start: State

    @classmethod
    def of(cls, plan: Plan) -> "Bone":
        """Month 0 of a plan; its equilibrium is solved here."""
        settings = make_turnable(plan.settings, [arm.schedule.loading for arm in plan.arms])
        model = create_model(plan.specimen, settings, plan.seed)
        return cls(plan, model, start_state(plan.specimen, model))


Batch = Sequence[tuple[Arm, Member]]


def batches(plan: Plan, workers: int, order: Sequence[int] | None = None) -> list[Batch]:
    """The runs of a plan as what is marched together: the arms of a member, or single runs where workers would idle."""
    members = members_of(plan.seed, plan.members)
    chosen = members if order is None else [members[number] for number in order]
    together: list[Batch] = [[(arm, member) for arm in plan.arms] for member in chosen]
    return together if len(together) >= workers else [[one] for batch in together for one in batch]


def prepare_runs(batch: Batch, bone: Bone, folders: Mapping[tuple[str, int], RunFolder], resume: bool) -> list[Run]:
    """The runs of a batch at month 0, or where their folders say that they stand."""
    months = month_grid(bone.plan.years, bone.plan.months_per_step)
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
    folders: Mapping[tuple[str, int], RunFolder],
    resume: bool = False,
    progress: Progress | None = None,
    recorded: Recorded | None = None,
) -> list[tuple[Arm, Member, Trajectory]]:
    """Every run of a batch to its end."""
    runs = prepare_runs(batch, bone, folders, resume)
    march(runs, progress, recorded)
    return [(run.arm, run.member, run.trajectory()) for run in runs]


def require_years(plan: Plan, folders: Mapping[tuple[str, int], RunFolder]) -> None:
    """UserError where a run to be resumed is another one, or stands beyond the plan's years already."""
    months = month_grid(plan.years, plan.months_per_step)
    for folder in folders.values():
        known = folder.load()
        if known is not None and known[1]["step"] >= len(months):
            stands = known[1]["rows"][-1]["month"]
            raise UserError(
                f"years = {plan.years:g}: the run in {folder.path} stands at month {stands:g} already; give at least "
                f"{stands / 12:g}"
            )


def follow(state: State, model: Model, forcing: CellForcing, progress: Progress | None = None) -> Trajectory:
    """One run of a model from a state of one's own under any forcing, in memory; month 0 gets its pits first."""
    timing: Timing = {}
    with measure_time(timing, "start"):
        state = load_for_first_step(add_initial_pits(state, model, forcing), model, forcing)
    one = Run(Arm("Run"), Member(0, model.seed), model, forcing, state, timing=timing)
    march([one], progress)
    return one.trajectory()
