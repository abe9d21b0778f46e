"""Several arms on one specimen: the same bone, the same start, different years."""

import time
from dataclasses import dataclass
from pathlib import Path

from trabfem import config as configuration
from trabfem import habits as everyday
from trabfem.biology import schedule
from trabfem.config import CompareConfig
from trabfem.specimen import Specimen

from . import ensemble, load_estimation
from .coupling import begin, prepared, scene_of, settled
from .drive import month_grid, of_patient
from .load_history import Activity
from .run_folder import Arm, RunFolder, fingerprint
from .settings import Settings, for_habits, living
from .simulate import Progress, Trajectory
from .simulate import run as run_arm


@dataclass(frozen=True)
class Question:
    """What a configuration asks: the prepared bone, the settings, and the arms with their drugs and habits."""

    config: CompareConfig
    specimen: Specimen
    settings: Settings
    courses: list[ensemble.Course]

    @classmethod
    def of(cls, config: CompareConfig, settings: Settings | None = None) -> "Question":
        """Specimen read, schedules parsed and, where asked for, loads estimated."""
        split = [(arm, *everyday.split(arm.schedule)) for arm in config.arms]
        courses = [ensemble.Course(arm.name, arm.slug, schedule.parse(drugs), habits) for arm, drugs, habits in split]
        settings = settings or settings_of(config)
        specimen = prepared(configuration.read_specimen(config.specimen, config.folder))
        if config.load == "estimated":
            specimen, settings = load_estimation.adopt(specimen, settings)
        return cls(config, specimen, for_habits(settings, [course.habits for course in courses]), courses)


def run(
    config: CompareConfig,
    out: Path,
    quick: bool = False,
    progress: Progress | None = None,
    settings: Settings | None = None,
    resume: bool = False,
) -> list[Trajectory]:
    """Every arm of `config` in turn, written to `out` as it goes (see `run_folder`); their trajectories in order.

    The bone of month 0, its equilibrium and S_ref are found once and shared, and so is all compiled code.
    """
    question = Question.of(config.quick() if quick else config, settings)
    config, specimen, settings = question.config, question.specimen, question.settings
    patient, months = config.patient.patient(), month_grid(config.years, config.months_per_step)
    drives = [of_patient(patient, course.schedule, months, course.habits) for course in question.courses]
    scene = scene_of(specimen, settings, config.seed)
    arms = [Arm(arm.name, arm.slug, arm.schedule) for arm in config.arms]
    folder = RunFolder(
        out, "compare", config.name, arms, specimen, config.seed, config.as_dict() | {"remodelling": settings}
    )
    asked = {"patient": patient, "settings": settings, "months_per_step": config.months_per_step}
    marks = [fingerprint(specimen, config.seed, asked | {"arm": arm}) for arm in arms]
    started = time.perf_counter()
    folder.open()
    first = settled(begin(specimen, scene), scene, drives[0])  # before month 0 all arms are one
    shared = time.perf_counter() - started
    done = []
    for arm, mark, drive in zip(arms, marks, drives, strict=True):
        state, rows = folder.load(arm, scene, mark) if resume else (None, [])

        def save(state, rows, arm=arm, mark=mark) -> None:
            folder.save(arm, state, rows, scene, mark)

        done.append(run_arm(state or first, scene, drive, rows, save, progress, arm.name))
    done[0].timing["start"] = done[0].timing.get("start", 0.0) + shared
    folder.close(done)
    return done


def run_members(
    config: CompareConfig,
    out: Path,
    count: int,
    *,
    workers: int = 1,
    quick: bool = False,
    progress: Progress | None = None,
    resume: bool = False,
) -> list[list[Trajectory]]:
    """Every arm of `config` for the same `count` members, so that arms differ in their course alone (see `ensemble`).

    Returns, for each arm, the members in order of number; `out` holds their median and 5-95 % band.
    """
    question = Question.of(config.quick() if quick else config)
    config = question.config
    return ensemble.run(
        question.specimen, config.patient.patient(), question.courses, count, out,
        years=config.years, months_per_step=config.months_per_step, seed=config.seed, settings=question.settings,
        resume=resume, progress=progress, workers=workers, name=config.name,
    )  # fmt: skip


def settings_of(config: CompareConfig) -> Settings:
    """The settings that a configuration asks for; loads that are to be estimated still wait for the specimen."""
    activities = tuple(Activity(each.name, tuple(each.stress.items()), each.cycles) for each in config.activity)
    kind = living if config.units else Settings
    return kind(apparent_stress=config.apparent_stress, activities=activities)
