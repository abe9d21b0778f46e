"""Several arms on one specimen: the same bone, the same start, different years."""

import time
from pathlib import Path

from trabfem import config as configuration
from trabfem import habits as everyday
from trabfem.biology import schedule
from trabfem.config import CompareConfig

from . import load_estimation
from .coupling import begin, prepared, scene_of
from .drive import month_grid, of_patient
from .load_history import Activity
from .run_folder import Arm, RunFolder, fingerprint
from .settings import Settings, for_habits, living
from .simulate import Progress, Trajectory
from .simulate import run as run_arm


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
    config = config.quick() if quick else config
    courses = [everyday.split(arm.schedule) for arm in config.arms]
    settings = settings or settings_of(config)
    specimen = prepared(configuration.read_specimen(config.specimen, config.folder))
    if config.load == "estimated":
        specimen, settings = load_estimation.adopt(specimen, settings)
    settings = for_habits(settings, [habits for _, habits in courses])
    patient = config.patient.patient()
    months = month_grid(config.years, config.months_per_step)
    drives = [of_patient(patient, schedule.parse(drugs), months, habits) for drugs, habits in courses]
    scene = scene_of(specimen, settings, config.seed)
    arms = [Arm(arm.name, arm.slug, arm.schedule) for arm in config.arms]
    folder = RunFolder(
        out, "compare", config.name, arms, specimen, config.seed, config.as_dict() | {"remodelling": settings}
    )
    asked = {"patient": patient, "settings": settings, "months_per_step": config.months_per_step}
    marks = [fingerprint(specimen, config.seed, asked | {"arm": arm}) for arm in arms]
    started = time.perf_counter()
    folder.open()
    first = begin(specimen, scene)
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


def settings_of(config: CompareConfig) -> Settings:
    """The settings that a configuration asks for; loads that are to be estimated still wait for the specimen."""
    activities = tuple(Activity(each.name, tuple(each.stress.items()), each.cycles) for each in config.activity)
    kind = living if config.units else Settings
    return kind(apparent_stress=config.apparent_stress, activities=activities)
