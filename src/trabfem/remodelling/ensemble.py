"""Ensembles: the same question asked of several members, and the band that their answers make.

What a member is and how it is run is in `members`.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float

from trabfem import habits as everyday
from trabfem.biology import schedule as drugs
from trabfem.biology.patient import Patient
from trabfem.biology.schedule import Schedule
from trabfem.habits import Habits
from trabfem.specimen import Specimen
from trabfem.specimen.morphometry import morphometry

from . import checkpoint
from .coupling import prepared
from .members import Member, Task, carried_out, member
from .run_folder import COMPARED, Arm, RunFolder
from .settings import Settings, for_habits
from .simulate import ALWAYS_USUAL, Progress, Trajectory

QUANTILES = {" low": 0.05, "": 0.5, " high": 0.95}
Table = dict[str, list[Any]]


def run(
    specimen: Specimen,
    patient: Patient,
    schedule: Schedule,
    count: int,
    out: Path,
    *,
    years: float = 5.0,
    months_per_step: float = 1.0,
    seed: int = 1,
    settings: Settings,
    habits: Habits = ALWAYS_USUAL,
    resume: bool = False,
    progress: Progress | None = None,
    order: Sequence[int] | None = None,
    workers: int = 1,
    name: str = "Ensemble",
) -> list[Trajectory]:
    """Members 0 to `count` - 1 on one schedule, each in a run folder of its own below `out`; in order of number.

    `out` itself is a run folder whose table holds the median and the 5-95 % band of the members that are done, and
    whose bone is that of member 0. `resume` goes on with each member where it stands. `order`: in which to run them;
    `workers`: in how many processes at a time.
    """
    specimen, settings = prepared(specimen), for_habits(settings, [habits])
    members = [member(seed, number) for number in range(count)]
    text = "; ".join(part for part in (str(schedule), str(habits)) if part)
    arm = Arm(name, f"{members[0].folder}/simulation", text)
    config = {"patient": patient, "schedule": schedule, "habits": habits, "months_per_step": months_per_step}
    config |= {"settings": settings, "years": years, "ensemble": count}
    folder = RunFolder(out, "ensemble", name, [arm], specimen, seed, config)
    tasks = [
        Task(each, name, patient, schedule, habits, years, months_per_step, out / each.folder, resume)
        for each in (members[number] for number in (order if order is not None else range(count)))
    ]
    done: dict[int, Trajectory] = {}
    for task, trajectory in carried_out(tasks, specimen, settings, workers, progress):
        done[task.member.number] = trajectory
        write(folder, arm, members, done)
    return [done[number] for number in sorted(done)]


def write(folder: RunFolder, arm: Arm, members: Sequence[Member], done: Mapping[int, Trajectory]) -> None:
    """The ensemble's own table and run.json, for the members that are done."""
    runs = [done[number] for number in sorted(done)]
    table = bands(runs)
    rows = [dict(zip(table, values, strict=True)) for values in zip(*table.values(), strict=True)]
    checkpoint.write_table(folder.path / "timeseries.csv", [(arm.name, arm.slug, rows)])
    report = {
        "members": [
            {"folder": each.folder, "seed": each.seed, "done": each.number in done, "ended": ended(done, each.number)}
            for each in members
        ],
        "summary": {arm.slug: summary(runs)},
        "trouble": {members[number].folder: run.trouble for number, run in sorted(done.items()) if run.trouble},
        "ended": {members[number].folder: run.ended for number, run in sorted(done.items()) if run.ended},
    }
    checkpoint.write_json(folder.path / "run.json", folder.header() | report)


def ended(done: Mapping[int, Trajectory], number: int) -> str:
    """Why a member ended early, blank where it did not."""
    return done[number].ended or done[number].trouble if number in done else ""


def stacked(runs: Sequence[Trajectory], column: str) -> Float[np.ndarray, "runs months"]:
    """A column of every run, NaN where not measured. Bone that was cut through stays as it ended."""
    longest = max(len(run.months) for run in runs)
    out = np.full((len(runs), longest), np.nan)
    for row, run in zip(out, runs, strict=True):
        values = [np.nan if value is None else float(value) for value in run.table.get(column, [])]
        row[: len(values)] = values
        if run.ended and values:
            row[len(values) :] = values[-1]
    return out


def bands(runs: Sequence[Trajectory]) -> Table:
    """Month and, for every column, its median under its own name and 5 % and 95 % as `<name> low` and `<name> high`."""
    columns = [key for key in runs[0].table if key != "month"]
    table: Table = {"month": max((run.months for run in runs), key=len)}
    for column in columns:
        values = stacked(runs, column)
        for suffix, share in QUANTILES.items():
            table[column + suffix] = [quantile(month, share) for month in values.T]
    return table


def quantile(values: Float[np.ndarray, " runs"], share: float) -> float | None:
    """The quantile of the values that are there; None where there is none."""
    known = values[np.isfinite(values)]
    return float(np.quantile(known, share)) if known.size else None


def changes(runs: Sequence[Trajectory], column: str) -> Float[np.ndarray, "runs months"]:
    """Change of a column since month 0 in each run, %."""
    values = stacked(runs, column)
    return 100 * (values / values[:, :1] - 1)


def gains(runs: Sequence[Trajectory], others: Sequence[Trajectory], column: str) -> Float[np.ndarray, "runs months"]:
    """What each member's `changes` in one arm are over those of the same member in another, points of %."""
    return changes(runs, column) - changes(others, column)


def around(
    values: Float[np.ndarray, "runs months"], months: Float[np.ndarray, " months"], year: float
) -> Float[np.ndarray, " runs"]:
    """Mean over the year before and the year after, in each run: strength jumps with every pit."""
    return values[:, np.abs(months - 12 * year) <= 12].mean(axis=1)


def structure_changes(
    runs: Sequence[Trajectory], spacing: tuple[float, float, float], indices: Sequence[str]
) -> Float[np.ndarray, "runs indices"]:
    """Change (%) of structure indices, named as by `morphometry`, from the first to the last bone of each run."""
    ends = [[morphometry(Specimen(fill, spacing)) for fill in (run.fill_first, run.fill_last)] for run in runs]
    return np.array([[100 * (last[key] / first[key] - 1) for key in indices] for first, last in ends])


def standard_error(values: Float[np.ndarray, " runs"]) -> float:
    """Standard error of the mean; NaN of a single value."""
    return float(values.std(ddof=1) / np.sqrt(len(values))) if len(values) > 1 else np.nan


def banded(values: Float[np.ndarray, " runs"]) -> str:
    """Median and 5-95 % over the members, as tables show them."""
    low, middle, high = np.quantile(values, list(QUANTILES.values()))
    return f"{middle:+.1f} [{low:+.1f}, {high:+.1f}]"


def summary(runs: Sequence[Trajectory]) -> dict[str, float | None]:
    """Median change (%) of bone volume, stiffness and strength over the members, with its 5-95 % band."""
    found = {}
    for name, column in COMPARED.items():
        for suffix, share in QUANTILES.items():
            found[f"{name}_change_%{suffix.replace(' ', '_')}"] = quantile(changes(runs, column)[:, -1], share)
    return found


def follow(
    specimen: Specimen,
    patient: Patient,
    arms: Mapping[str, str],
    count: int,
    *,
    years: float,
    months_per_step: float = 1.0,
    seed: int = 1,
    settings: Settings,
    workers: int = 1,
    progress: Progress | None = None,
) -> dict[str, list[Trajectory]]:
    """Every arm (name → schedule with drugs and habits) for the same members, so that arms can be compared in pairs."""
    courses = {name: everyday.split(text) for name, text in arms.items()}
    settings = for_habits(settings, [habits for _, habits in courses.values()])
    tasks = [
        Task(member(seed, number), name, patient, drugs.parse(text), habits, years, months_per_step)
        for number in range(count)
        for name, (text, habits) in courses.items()
    ]
    found: dict[str, dict[int, Trajectory]] = {name: {} for name in arms}
    for task, trajectory in carried_out(tasks, prepared(specimen), settings, workers, progress):
        found[task.arm][task.member.number] = trajectory
    return {name: [runs[number] for number in sorted(runs)] for name, runs in found.items()}
