"""What is computed for each row: a function for each analysis, and the options that it depends on."""

import functools
import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from trabfem.errors import UserError
from trabfem.mechanics import loads
from trabfem.runs.columns import COMPARED
from trabfem.specimen import Specimen, as_specimen
from trabfem.specimen.materials import choose_tissue
from trabfem.tables import Column

from .rows import Row

USUAL = ("morphometry", "solve", "strength")
OF_STUDY = ("years", "months_per_step", "members", "seed", "schedule", "arms")
OF_STRENGTH = ("method", "critical_volume", "critical_strain")
TREATED = "Treated"
MODULI = ("Exx", "Eyy", "Ezz", "Gyz", "Gzx", "Gxy")
Values = list[tuple[Column, Any]]

STIFFNESS = (
    Column("stiffness", "N/mm", "force over travel of the loaded face"),
    Column("apparent modulus", "MPa", "stress over strain of the whole block"),
    Column("force", "N", "on the loaded face along its travel"),
    Column("mean SED", "MPa", "mean strain energy density at the centroids of bone voxels"),
    Column("loaded BV/TV", "", "bone volume fraction of the block that was solved, without bone that bears no load"),
    Column("energy error", "", "estimated relative error of the solver in energy, force and stiffness"),
)
FAILURE = Column("failure load", "N", "force at which the bone fails, signed as the load")
FAILURE_STRAIN = Column("failure strain", "", "apparent strain at the failure load")
EES = Column("EES", "", "energy-equivalent strain that is exceeded in the critical part of the tissue")


@dataclass(frozen=True)
class Task:
    """The analyses of every row and their options, as in `solve`, `strength`, `homogenize` and `compare`.

    `reading` is how scans are read whose rows do not say; `arms` of a study by name, to which a schedule adds an arm.
    """

    analyses: tuple[str, ...] = USUAL
    load: str = "platens"
    strain: float | None = None
    youngs: float | None = None
    poisson: float | None = None
    profile: str | None = None
    critical_volume: float | None = None
    critical_strain: float | None = None
    rtol: float = 1e-6
    max_iterations: int = 300
    method: Literal["pistoia", "nonlinear"] = "pistoia"
    bc: Literal["kubc", "pmubc", "periodic", "direct"] = "kubc"
    years: float = 5.0
    months_per_step: float = 1.0
    members: int = 4
    seed: int = 1
    schedule: str = ""
    arms: Mapping[str, str] = field(default_factory=lambda: {"Untreated": ""})
    reading: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """UserError for an option that no row could use."""
        from trabfem.analysis.solve import check_solver_options, check_strain

        unknown = [name for name in self.analyses if name not in ANALYSES]
        if unknown or not self.analyses:
            said = ", ".join(unknown) or "none"
            raise UserError(f"analyses = {said}: it is not known; choose of {', '.join(ANALYSES)}")
        check_solver_options(*self.youngs_and_poisson, self.rtol, self.max_iterations)
        check_strain(self.case)
        for name in ("critical_volume", "critical_strain"):
            value = getattr(self, name)
            if value is not None and not 0 < value < 1:
                raise UserError(f"{name} = {value:g}: give a number between 0 and 1")
            if value is not None and self.method == "nonlinear":
                raise UserError(f"{name} = {value:g}: it belongs to the method pistoia; leave it out for nonlinear")
        if self.method not in ("pistoia", "nonlinear"):
            raise UserError(f"method = {self.method}: give pistoia or nonlinear")
        if self.bc not in ("kubc", "pmubc", "periodic", "direct"):
            raise UserError(f"bc = {self.bc}: give kubc, pmubc, periodic or direct")
        for name, least in (("years", 0.0), ("months_per_step", 0.0), ("members", 0)):
            if "study" in self.analyses and not getattr(self, name) > least:
                raise UserError(f"{name} = {getattr(self, name):g}: give more than {least:g}")

    @property
    def case(self) -> loads.LoadCase:
        """The load case of `solve` and `strength`."""
        return loads.by_name(self.load, strain=self.strain)

    @property
    def youngs_and_poisson(self) -> tuple[float, float]:
        """Of the tissue, as given or of the profile; moduli of the voxels go before."""
        return choose_tissue(self.profile, self.youngs, self.poisson)

    @property
    def criterion(self) -> dict[str, float]:
        """Volume and strain of Pistoia's criterion; empty for tissue that yields."""
        from trabfem.analysis.strength import choose_criterion

        given = (self.profile, self.youngs, self.poisson, self.critical_volume, self.critical_strain)
        found = choose_criterion(*given)
        return {"critical_volume": found.volume, "critical_strain": found.strain} if self.method == "pistoia" else {}

    def arms_of(self, row: Row) -> dict[str, str]:
        """The arms of a row's study: a schedule of the row, else of all, makes one more."""
        schedule = row.schedule or self.schedule
        return {**self.arms, **({TREATED: schedule} if schedule else {})}

    def asked(self, analysis: str, row: Row) -> dict[str, Any]:
        """All that the answer of an analysis depends on beside the scan and how it is read."""
        youngs, poisson = self.youngs_and_poisson
        tissue = {"youngs": youngs, "poisson": poisson, "rtol": self.rtol, "max_iterations": self.max_iterations}
        linear = {"load": self.load, "strain": self.case.strain, **tissue}
        patient = row.patient
        people = {} if patient is None else {name: getattr(patient, name) for name in patient.__dataclass_fields__}
        study = {name: getattr(self, name) for name in ("years", "months_per_step", "members", "seed")}
        options: dict[str, dict[str, Any]] = {
            "morphometry": {},
            "solve": linear,
            "strength": {**linear, "method": self.method, **self.criterion},
            "homogenize": {"bc": self.bc, **tissue},
            "study": {**study, "arms": self.arms_of(row), "patient": people},
        }
        return options[analysis]

    def reading_of(self, row: Row) -> dict[str, Any]:
        """How the scan of a row is read: as the row says, else as for all; its label or threshold replaces both."""
        common = dict(self.reading)
        if {"label", "threshold", "segmentation"} & set(row.reading):
            common = {name: value for name, value in common.items() if name not in ("label", "threshold")}
            common.pop("segmentation", None)
        return {**common, **row.reading}


@dataclass(frozen=True)
class Found:
    """The answer of an analysis: values under columns, everything else in plain values, and what is wrong with it."""

    values: Values
    details: Mapping[str, Any]
    trouble: str = ""


@dataclass
class Work:
    """A row in the making: the bone and its linear solution are made once for all analyses; `place`: of its files."""

    row: Row
    task: Task
    place: Path

    @functools.cached_property
    def bone(self) -> Specimen:
        """The scan as it is read."""
        return as_specimen(self.row.scan, **self.task.reading_of(self.row))

    @functools.cached_property
    def elastic(self) -> Any:
        """The linear solution under the load."""
        from trabfem.analysis.solve import solve

        return solve(self.bone, self.task.case, **self.tissue)

    @property
    def tissue(self) -> dict[str, Any]:
        """Options of every solve."""
        names = ("youngs", "poisson", "profile", "rtol", "max_iterations")
        return {name: getattr(self.task, name) for name in names}


def measure(work: Work) -> Found:
    """Structure indices of the scan, with bone that bears no load."""
    from trabfem.specimen.morphometry import morphometry

    found = morphometry(work.bone)
    return Found([(column, found[column.name]) for column in found.columns], {})


def solve(work: Work) -> Found:
    """Stiffness under the load."""
    found = work.elastic
    values = (found.stiffness, found.apparent_modulus, found.force, found.sed_mean, found.bone.bvtv, found.energy_error)
    return Found(list(zip(STIFFNESS, values, strict=True)), found.as_dict(), found.trouble)


def strength(work: Work) -> Found:
    """Failure load by Pistoia's criterion on the same solution, or by tissue that yields."""
    from trabfem.analysis.strength import CriterionStrength, choose_criterion
    from trabfem.analysis.strength import strength as strength_of
    from trabfem.mechanics.strength import pistoia

    task = work.task
    if task.method == "pistoia":
        given = (task.profile, task.youngs, task.poisson, task.critical_volume, task.critical_strain)
        # Where moduli differ between voxels, they do not say how much of a voxel is bone.
        share = None if work.elastic.bone.modulus is None else work.elastic.bone.fill
        failure = pistoia(work.elastic.solution, choose_criterion(*given), share)
        found = CriterionStrength(work.elastic, failure)
        values: Values = [(FAILURE, failure.failure_load), (EES, failure.ees)]
        return Found(values, found.as_dict(), found.trouble)
    found = strength_of(work.bone, "nonlinear", task.case, **work.tissue)
    details = found.as_dict()
    values = [(FAILURE, found.failure_load), (FAILURE_STRAIN, details["failure_strain"])]
    return Found(values, details, found.trouble)


def homogenize(work: Work) -> Found:
    """Young's and shear moduli in the frame that comes closest to orthotropic."""
    from trabfem.analysis.homogenize import homogenize as homogenize_bone

    found = homogenize_bone(work.bone, work.task.bc, **work.tissue)
    kinds = {"E": "Young's modulus", "G": "shear modulus"}
    columns = [Column(f"best {name}", "MPa", f"{kinds[name[0]]} in the most orthotropic frame") for name in MODULI]
    values = [found.best_constants[name] for name in MODULI]
    return Found(list(zip(columns, values, strict=True)), found.as_dict(), found.trouble)


def study(work: Work) -> Found:
    """Change over years in each arm, and the gain of each over the first, as means of the members.

    The study has a folder of its own beside the row's result; a study of the same row that was stopped goes on in it.
    """
    from trabfem.runs.arm import as_arms
    from trabfem.runs.compare import make_plan, run

    row, task = work.row, work.task
    assert row.patient is not None
    numbers = {name: getattr(task, name) for name in ("years", "months_per_step", "members", "seed")}
    plan = make_plan(work.bone, row.patient, as_arms(task.arms_of(row)), name=row.id, **numbers)
    said = json.dumps([task.asked("study", row), hashlib.sha256(plan.specimen.fill.tobytes()).hexdigest()])
    folder = work.place.with_name(f"{work.place.name}_study-{hashlib.sha256(said.encode()).hexdigest()[:8]}")
    done = run(plan, folder, resuming=True, workers=1, progress=False)
    header, values = done.header, []
    for arm in done:
        changes, gains = header["summary"].get(arm.slug, {}), header["over_the_first_arm"].get(arm.slug, {})
        for name in COMPARED:
            column = Column(f"{name} change, {arm.name}", "%", f"from month 0 to year {task.years:g}, mean of members")
            values.append((column, changes.get(f"{name}_change_%")))
        for name in COMPARED if gains else ():
            first = done.arms[0].name
            column = Column(f"{name} gain, {arm.name}", "points of %", f"over {first} in the same member, mean")
            values.append((column, gains.get(f"{name}_points")))
    trouble = "; ".join(f"{place}: {sentence}" for place, sentence in done.trouble.items())
    details = {"folder": folder.name, **{key: header[key] for key in ("summary", "over_the_first_arm")}}
    return Found(values, details, trouble)


ANALYSES: dict[str, Callable[[Work], Found]] = {
    "morphometry": measure,
    "solve": solve,
    "strength": strength,
    "homogenize": homogenize,
    "study": study,
}
"""By name, in the order in which a row goes through them."""
