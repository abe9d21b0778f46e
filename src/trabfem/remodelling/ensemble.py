"""Ensembles: the same question asked of several members, and the band that their answers make.

What a member is and how it is run is in `members`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
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
OF_START = (*COMPARED.values(), "BMD", "Tb.Th (mm)", "Tb.N (1/mm)", "Conn.D (1/mm^3)")
Table = dict[str, list[Any]]


@dataclass(frozen=True)
class Course:
    """One arm: a name of its own, its folder below each member's (the member's where blank), drugs and habits."""

    name: str
    slug: str
    schedule: Schedule
    habits: Habits = ALWAYS_USUAL

    def arm(self, member: Member) -> Arm:
        """Where this arm of a member is in the ensemble's folder."""
        text = "; ".join(part for part in (str(self.schedule), str(self.habits)) if part)
        return Arm(self.name, "/".join(filter(None, (member.folder, self.slug, "simulation"))), text)


def run(
    specimen: Specimen,
    patient: Patient,
    courses: Sequence[Course],
    count: int,
    out: Path,
    *,
    years: float = 5.0,
    months_per_step: float = 1.0,
    seed: int = 1,
    settings: Settings,
    resume: bool = False,
    progress: Progress | None = None,
    order: Sequence[int] | None = None,
    workers: int = 1,
    name: str = "Ensemble",
) -> list[list[Trajectory]]:
    """Members 0 to `count` - 1 on every course; each arm of each in a run folder of its own below `out`.

    `out` itself is a run folder whose table holds the median and the 5-95 % band of the members that are done, and
    whose bone is that of member 0. `resume` goes on with each member where it stands. `order`: in which to run them;
    `workers`: in how many processes at a time. Returns, for each course, the members in order of number.
    """
    specimen, settings = prepared(specimen), for_habits(settings, [course.habits for course in courses])
    members = [member(seed, number) for number in range(count)]
    config = {"patient": patient, "courses": courses, "months_per_step": months_per_step}
    config |= {"settings": settings, "years": years, "ensemble": count}
    arms = [course.arm(members[0]) for course in courses]
    folder = RunFolder(out, "ensemble", name, arms, specimen, seed, config)
    folder.open()
    tasks = [
        Task(each, course.name, patient, course.schedule, course.habits, years, months_per_step,
             out / each.folder / course.slug, resume)
        for each in (members[number] for number in (order if order is not None else range(count)))
        for course in courses
    ]  # fmt: skip
    done: dict[str, dict[int, Trajectory]] = {course.name: {} for course in courses}
    for task, trajectory in carried_out(tasks, specimen, settings, workers, progress):
        done[task.arm][task.member.number] = trajectory
        write(folder, members, list(done.values()))
    return [in_order(runs) for runs in done.values()]


def write(folder: RunFolder, members: Sequence[Member], done: Sequence[Mapping[int, Trajectory]]) -> None:
    """The ensemble's own table and run.json, for the members that are done in each arm."""
    known = [(arm, runs) for arm, runs in zip(folder.arms, done, strict=True) if runs]
    tables = []
    for arm, runs in known:
        table = bands(in_order(runs))
        rows = [dict(zip(table, values, strict=True)) for values in zip(*table.values(), strict=True)]
        tables.append((arm.name, arm.slug, rows))
    checkpoint.write_table(folder.path / "timeseries.csv", tables)
    ends = {each.folder: [ended(runs, each.number) for runs in done] for each in members}
    report = {
        "members": [
            {
                "folder": each.folder,
                "seed": each.seed,
                "done": all(each.number in runs for runs in done),
                "ended": "; ".join(dict.fromkeys(filter(None, ends[each.folder]))),
            }
            for each in members
        ],
        "summary": {arm.slug: summary(in_order(runs)) for arm, runs in known},
        "over_the_first_arm": {
            arm.slug: over(in_order(runs), in_order(done[0])) for arm, runs in known[1:] if set(runs) == set(done[0])
        },
        "trouble": told(members, folder.arms, done, "trouble"),
        "ended": told(members, folder.arms, done, "ended"),
    }
    checkpoint.write_json(folder.path / "run.json", folder.header() | report)


def in_order(runs: Mapping[int, Trajectory]) -> list[Trajectory]:
    """The members that are done, in order of number."""
    return [runs[number] for number in sorted(runs)]


def told(
    members: Sequence[Member], arms: Sequence[Arm], done: Sequence[Mapping[int, Trajectory]], what: str
) -> dict[str, str]:
    """What every run has to say of its "trouble" or how it "ended", by its folder; nothing of those without."""
    said = {
        arm.slug.replace(members[0].folder, members[number].folder): getattr(run, what)
        for arm, runs in zip(arms, done, strict=True)
        for number, run in sorted(runs.items())
    }
    return {folder: sentence for folder, sentence in said.items() if sentence}


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
    """Month and, for every column, its median under its own name and 5 % and 95 % as `<name> low` and `<name> high`.

    Of what is compared with its start there is also `<name>, % of start`, taken member by member: members start apart.
    """
    columns = {key: stacked(runs, key) for key in runs[0].table if key != "month"}
    columns |= {
        f"{column.split(' (')[0]}, % of start": 100 + changes(runs, column) for column in OF_START if column in columns
    }
    table: Table = {"month": max((run.months for run in runs), key=len)}
    for column, values in columns.items():
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
    return quantiles("change_%", {name: changes(runs, column)[:, -1] for name, column in COMPARED.items()})


def over(runs: Sequence[Trajectory], first: Sequence[Trajectory]) -> dict[str, float | None]:
    """Median of what the same member gained over the first arm (points of %), with its 5-95 % band."""
    return quantiles("points", {name: gains(runs, first, column)[:, -1] for name, column in COMPARED.items()})


def quantiles(what: str, values: Mapping[str, Float[np.ndarray, " runs"]]) -> dict[str, float | None]:
    """The quantiles of each of `values`, as `<name>_<what>`, `<name>_<what>_low` and `<name>_<what>_high`."""
    return {
        f"{name}_{what}{suffix.replace(' ', '_')}": quantile(each, share)
        for name, each in values.items()
        for suffix, share in QUANTILES.items()
    }


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
    return {name: in_order(runs) for name, runs in found.items()}
