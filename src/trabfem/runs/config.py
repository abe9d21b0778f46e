"""The configuration of a comparison, read from TOML; an unknown key is an error.

```toml
years = 5
months_per_step = 1
members = 4                 # each with its own random BMUs and cell model; several give bands
[specimen]
path = "scan.nii.gz"        # beside this file, or the name of a shipped specimen
spacing = 0.034             # mm; only where the file has none
crop = 64                   # voxels of a centred cube; if left out, the whole scan
[patient]
sex = "female"
age = 50
menopause_age = 51
hormonal_status = "natural" # women natural, surgical_menopause; men eugonadal; either hypogonadal
[[arm]]
name = "Alendronate, then bed rest"
schedule = "alendronate 0-60; disuse 0.5 36-42"
[[activity]]                # part of a usual day; if left out, axial compression
name = "walking"
cycles = 5000
stress = { platens = -0.5, shear-yz = 0.05 }
```
"""

import dataclasses
import difflib
import tomllib
import types
import typing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, TypeVar

from trabfem import constants
from trabfem.errors import UserError
from trabfem.schedule.writing import last_month

from .arm import Arm, parse_arm
from .defaults import MEMBERS
from .specimen_config import SpecimenConfig, read_specimen

if typing.TYPE_CHECKING:
    from trabfem.biology.patient import Patient
    from trabfem.remodelling.settings import Settings

    from .progress import Progress
    from .study import Study

T = TypeVar("T")

QUICK_CROP = 40
QUICK_MONTHS = 4.0


@dataclass(frozen=True)
class PatientConfig:
    """The patient; ages in years."""

    sex: Literal["female", "male"] = "female"
    age: float = 50.0
    menopause_age: float | None = 51.0
    hormonal_status: str | None = None

    def patient(self) -> "Patient":
        """The `Patient` of these values; UserError where they are not valid."""
        from trabfem.biology.patient import Patient

        return Patient(self.sex, self.age, self.menopause_age, self.hormonal_status)


@dataclass(frozen=True)
class ActivityConfig:
    """A part of a usual day: apparent stress (MPa) by load case, all at the same time, and cycles a day."""

    name: str
    stress: dict[str, float]
    cycles: float = 1.0


@dataclass(frozen=True)
class ArmConfig:
    """One arm: a name and a schedule such as "denosumab 0-36; alendronate 36-60; disuse 0.5 12-18"."""

    name: str
    schedule: str = ""


DEFAULT_ARMS = (
    ArmConfig("Untreated menopause", ""),
    ArmConfig("Oestrogen therapy", "estrogen 0-60"),
    ArmConfig("Alendronate", "alendronate 0-60"),
    ArmConfig("Denosumab", "denosumab 0-60"),
)
MEN_ARMS = (ArmConfig("Untreated"), *DEFAULT_ARMS[2:])


@dataclass(frozen=True)
class StudyConfig:
    """One specimen, one patient, several arms. The default: a woman of 50, menopause at 51, five years, four arms;
    a man has three. `name`: title, of the patient and the arms if empty.

    `apparent_stress` (MPa) is the compression between the plates; the force stays constant while the bone changes.
    `load` "estimated" estimates the loads from the scan, as those that load its surface most evenly; alternatively
    `activity` lists the activities of a usual day. `rule`: how the surface moves (see `remodelling.rules`). `smooth`:
    no BMUs; the whole surface moves by formation less resorption.
    """

    name: str = ""
    specimen: SpecimenConfig = field(default_factory=SpecimenConfig)
    patient: PatientConfig = field(default_factory=PatientConfig)
    years: float = 5.0
    months_per_step: float = 1.0
    members: int = MEMBERS
    apparent_stress: float = constants.APPARENT_STRESS_VERTEBRA.value
    load: Literal["axial", "estimated"] = "axial"
    activity: tuple[ActivityConfig, ...] = ()
    rule: str = "level-set"
    smooth: bool = False
    seed: int = 1
    arm: tuple[ArmConfig, ...] = DEFAULT_ARMS
    folder: Path = field(default_factory=Path)

    @property
    def arms(self) -> tuple[Arm, ...]:
        """The arms in order; the others are compared with the first."""
        arms = MEN_ARMS if self.arm is DEFAULT_ARMS and self.patient.sex == "male" else self.arm
        return tuple(parse_arm(each.name, each.schedule) for each in arms)

    def make_quick(self) -> "StudyConfig":
        """The same study on a smaller piece of the bone with longer steps."""
        crop = min(self.specimen.crop or QUICK_CROP, QUICK_CROP)
        steps = min(max(self.months_per_step, QUICK_MONTHS), last_month(self.years))
        return dataclasses.replace(self, specimen=dataclasses.replace(self.specimen, crop=crop), months_per_step=steps)

    def as_dict(self) -> dict[str, Any]:
        """Plain values for run.json, in the layout of the TOML file."""
        table = dataclasses.asdict(self)
        del table["folder"]
        return table | {"arm": [dataclasses.asdict(arm) for arm in self.arm]}


def load(path: Path | str | None, spacing: float | tuple[float, ...] | None = None) -> StudyConfig:
    """The checked configuration in the TOML file at `path`, or the default one; `spacing` (mm) overrides the file's."""
    config = _read(Path(path)) if path is not None else StudyConfig()
    if spacing is not None:
        config = dataclasses.replace(config, specimen=dataclasses.replace(config.specimen, spacing=spacing))
    return check(config)


def _read(path: Path) -> StudyConfig:
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UserError(f"{path}: no such configuration file") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UserError(f"{path} is not a TOML file: {error}") from None
    for key, remedy in RENAMED.items():
        if key in table:
            raise UserError(f"{path}: {key!r} is no key any more: {remedy}")
    check_idle_keys(table, str(path))
    return dataclasses.replace(_build(StudyConfig, table, str(path)), folder=path.parent)


def check_idle_keys(table: dict[str, Any], where: str) -> None:
    """UserError for a key that would have no effect beside the others."""
    patient = table.get("patient", {})
    if isinstance(patient, dict) and patient.get("sex") == "male" and "menopause_age" in patient:
        raise UserError(f"{where}: patient.menopause_age = {patient['menopause_age']}: a man has none; leave it out")
    if table.get("activity") and "apparent_stress" in table:
        raise UserError(
            f"{where}: apparent_stress = {table['apparent_stress']}: [[activity]] says its own stress; leave one out"
        )


def check(config: StudyConfig) -> StudyConfig:
    """`config` itself if its values are valid together; otherwise UserError for the first that is not."""
    from .plan import LONGEST_STEP, LONGEST_YEARS, check_arms, require_positive

    require_positive("years", config.years, LONGEST_YEARS)
    require_positive("months_per_step", config.months_per_step, min(LONGEST_STEP, last_month(config.years)))
    require_positive("apparent_stress", config.apparent_stress, 100)
    config.patient.patient()
    make_settings(config)
    if config.activity and config.load == "estimated":
        raise UserError('load = "estimated" and [[activity]] exclude each other: leave one of them out')
    check_arms(config.arms)
    if config.members < 1:
        raise UserError(f"members = {config.members}: give at least 1")
    if config.specimen.crop is not None and config.specimen.crop < 8:
        raise UserError(f"specimen.crop = {config.specimen.crop}: give at least 8 voxels, or leave it out")
    return config


def make_settings(config: StudyConfig) -> "Settings":
    """The remodelling settings of a configuration, without loads that have to be estimated from the specimen."""
    from trabfem.remodelling.loading.activities import Activity
    from trabfem.remodelling.rules import rule_by_name
    from trabfem.remodelling.settings import Settings, smooth_settings

    activities = tuple(Activity(each.name, tuple(each.stress.items()), each.cycles) for each in config.activity)
    rule = rule_by_name(config.rule)
    make = smooth_settings if config.smooth or not rule.digs else Settings
    return make(apparent_stress=config.apparent_stress, activities=activities, rule=rule)


def run_config(
    config: StudyConfig,
    out: Path | None = None,
    *,
    resuming: bool = False,
    workers: int | None = None,
    client: Any = None,
    progress: "Progress | bool" = True,
) -> "Study":
    """Run the study of a configuration; `resuming`: continue the one in `out`."""
    from .compare import make_plan, run
    from .resuming import adopt_loads, read_known_header

    settings, loads = make_settings(config), config.load
    if resuming and out is not None and loads == "estimated" and (known := read_known_header(out)):
        settings, loads = adopt_loads(settings, known, out), "axial"
    plan = make_plan(
        read_specimen(config.specimen, config.folder), config.patient.patient(), config.arms, years=config.years,
        months_per_step=config.months_per_step, members=config.members, seed=config.seed,
        settings=settings, load=loads, name=config.name,
    )  # fmt: skip
    return run(plan, out, resuming=resuming, workers=workers, client=client, progress=progress)


def _build(cls: type[T], table: dict[str, Any], where: str) -> T:
    """A dataclass from a TOML table; errors on unknown keys and wrong types begin with `where`."""
    hints = typing.get_type_hints(cls)
    known = [f.name for f in dataclasses.fields(cls) if f.name != "folder"]  # pyright: ignore[reportArgumentType]
    for key in table:
        if key not in known:
            near = difflib.get_close_matches(key, known, n=1, cutoff=0.0)[0]
            raise UserError(f"{where}: unknown key {key!r}; nearest is {near!r} (known: {', '.join(known)})")
    values = {key: _convert(hints[key], value, f"{where}: {key}") for key, value in table.items()}
    missing = [
        f.name
        for f in dataclasses.fields(cls)  # pyright: ignore[reportArgumentType]
        if f.name not in values and f.default is dataclasses.MISSING and f.default_factory is dataclasses.MISSING
    ]
    if missing:
        raise UserError(f"{where}: {missing[0]!r} is missing")
    return cls(**values)


def _option(options: tuple[Any, ...], value: Any) -> Any:
    """The member of a union that `value` should be read as: a list as the tuple, anything else as the other type."""
    given = [option for option in options if option is not type(None)]
    lists = [option for option in given if typing.get_origin(option) is tuple]
    plain = [option for option in given if option not in lists]
    return lists[0] if lists and isinstance(value, list) else plain[0]


def _convert(hint: Any, value: Any, where: str) -> Any:
    """`value` as the annotated type `hint`; accepts integers for floats and tables for dataclasses."""
    if dataclasses.is_dataclass(hint) and isinstance(hint, type):
        if not isinstance(value, dict):
            raise UserError(f"{where} must be a table")
        return _build(hint, value, where)
    origin, options = typing.get_origin(hint), typing.get_args(hint)
    if origin is tuple:
        if not isinstance(value, list):
            raise UserError(f"{where} = {value!r}: must be a list, tables written as [[{where.split()[-1]}]]")
        return tuple(_convert(options[0], item, f"{where}[{number}]") for number, item in enumerate(value, 1))
    if origin is dict:
        if not isinstance(value, dict):
            raise UserError(f"{where} = {value!r}: must be a table such as {{ platens = -0.5 }}")
        return {key: _convert(options[1], item, f"{where}.{key}") for key, item in value.items()}
    if origin is Literal:
        if value not in options:
            raise UserError(f"{where} = {value!r}: give one of {', '.join(map(repr, options))}")
        return value
    if origin is types.UnionType:
        return _convert(_option(options, value), value, where)
    kind: Any = (int, float) if hint is float else hint
    if isinstance(value, bool) != (hint is bool) or not isinstance(value, kind):
        raise UserError(f"{where} = {value!r}: must be {NOUN[hint]}")
    return float(value) if hint is float else value


RENAMED = {"units": "write smooth = true for units = false, or leave it out", "law": "write rule"}
NOUN = {float: "a number", int: "a whole number", str: "a text in quotes", bool: "true or false"}
