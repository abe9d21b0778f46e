"""The plan of a study: bone, patient, arms and settings; conversion to plain values and back."""

import dataclasses
import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from jaxtyping import Float

from trabfem.biology import prescription
from trabfem.biology.patient import Patient
from trabfem.errors import UserError
from trabfem.remodelling import stimulus
from trabfem.remodelling.bmu import BmuSettings
from trabfem.remodelling.forcing import month_grid
from trabfem.remodelling.loading.activities import Activity
from trabfem.remodelling.mineral import Kinetics
from trabfem.remodelling.rules import name_of_rule, rule_by_name
from trabfem.remodelling.settings import Settings
from trabfem.schedule.writing import last_month
from trabfem.specimen import Specimen

from .arm import Arm, parse_arm, require_names, with_own_slugs
from .members import Member, make_members

LONGEST_YEARS = 100.0
LONGEST_STEP = 4.0
"""Months. Strength after three years, denosumab stopped at 18 months, in steps of 1, 2 and 4 months: -11.0, -10.1 and
-9.4 %, untreated -8.8, -8.2 and -6.6 %, each within the band of the others; longer steps were not tried."""


@dataclass(frozen=True)
class Plan:
    """One bone, one patient, arms × members. The specimen is the load-bearing part of the scan.

    **Raises:** `UserError` for numbers out of range, an unknown agent, or arms whose names are missing or equal.
    """

    specimen: Specimen
    patient: Patient
    arms: tuple[Arm, ...]
    years: float = 5.0
    months_per_step: float = 1.0
    members: int = 1
    seed: int = 1
    settings: Settings = field(default_factory=Settings)
    name: str = ""
    stops: tuple[float, ...] = ()
    """Years at which the study had ended before it was made longer (see `forcing.month_grid`)."""

    def __post_init__(self) -> None:
        """Check what can be checked before anything is computed."""
        require_positive("years", self.years, LONGEST_YEARS)
        require_positive("months_per_step", self.months_per_step, min(LONGEST_STEP, last_month(self.years)))
        require_positive("apparent_stress", self.settings.apparent_stress, 100)
        if self.seed < 0:
            raise UserError(f"seed = {self.seed}: give 0 or more")
        check_arms(self.arms)
        object.__setattr__(self, "arms", with_own_slugs(self.arms))
        object.__setattr__(self, "name", self.name or title_of(self.patient, self.arms))
        make_members(self.seed, self.members)

    @property
    def months(self) -> Float[np.ndarray, " months"]:
        """The start of every step and the end of the last one."""
        return month_grid(self.years, self.months_per_step, self.stops)

    def describe_schedules(self) -> dict[str, list[str]]:
        """Each arm's schedule in words, item by item: agent, dose, form and months."""
        return {arm.slug: list(prescription.describe(arm.schedule)) for arm in self.arms}

    def table(self) -> dict[str, Any]:
        """Plain values of everything except the specimen's voxels, as written to run.json."""
        return {
            "name": self.name,
            "arms": [{"name": a.name, "slug": a.slug, "schedule": str(a.schedule)} for a in self.arms],
            "patient": dataclasses.asdict(self.patient),
            "years": self.years,
            "stops": list(self.stops),
            "months_per_step": self.months_per_step,
            "members": self.members,
            "seed": self.seed,
            "settings": settings_table(self.settings),
        }

    def mark(self, arm: Arm, member: Member) -> str:
        """A short hash of everything that one run's result depends on, except its duration."""
        parts = [
            self.specimen.spacing,
            dataclasses.asdict(self.patient),
            str(arm.schedule),
            self.months_per_step,
            settings_table(self.settings),
            member.seed,
            dataclasses.asdict(member.parameters) if member.parameters is not None else None,
        ]
        digest = hashlib.sha256(self.specimen.fill.tobytes())
        digest.update(json.dumps(parts, sort_keys=True).encode())
        return digest.hexdigest()[:16]


def title_of(patient: Patient, arms: Sequence[Arm]) -> str:
    """ "Man of 70: Untreated versus Alendronate, Denosumab", or of more than four arms their number."""
    who = f"{'Woman' if patient.female else 'Man'} of {patient.age:g}"
    others = [arm.name for arm in arms[1:]]
    said = ", ".join(others) if len(others) < 4 else f"{len(others)} others"
    return f"{who}: {arms[0].name}" + (f" versus {said}" if others else "")


def plan_from_table(table: Mapping[str, Any], specimen: Specimen) -> Plan:
    """The plan made of the values of `Plan.table` and the specimen."""
    return Plan(
        specimen=specimen,
        patient=Patient(**table["patient"]),
        arms=tuple(parse_arm(arm["name"], arm["schedule"], arm["slug"]) for arm in table["arms"]),
        years=table["years"],
        months_per_step=table["months_per_step"],
        members=table["members"],
        seed=table["seed"],
        settings=settings_from_table(table["settings"]),
        name=table["name"],
        stops=tuple(table.get("stops", ())),
    )


def settings_table(settings: Settings) -> dict[str, Any]:
    """Settings as plain values: functions and rules by name, infinity as "infinite", since JSON has no infinity."""
    table = {each.name: getattr(settings, each.name) for each in dataclasses.fields(settings)}
    table |= {
        "set_point": settings.set_point.__name__,
        "rule": name_of_rule(settings.rule),
        "bmus": settings.bmus and dataclasses.asdict(settings.bmus),
        "mineral": settings.mineral and dataclasses.asdict(settings.mineral),
        "activities": [
            {"name": each.name, "stress": dict(each.stress), "cycles": each.cycles} for each in settings.activities
        ],
    }
    return {key: "infinite" if value == math.inf else value for key, value in table.items()}


def settings_from_table(table: Mapping[str, Any]) -> Settings:
    """The settings made of the values of `settings_table`."""
    values: dict[str, Any] = {key: math.inf if value == "infinite" else value for key, value in table.items()}
    values |= {
        "set_point": stimulus.SET_POINTS[table["set_point"]],
        "rule": rule_by_name(table["rule"]),
        "bmus": table["bmus"] and BmuSettings(**table["bmus"]),
        "mineral": table["mineral"] and Kinetics(**table["mineral"]),
        "activities": tuple(
            Activity(each["name"], tuple(each["stress"].items()), each["cycles"]) for each in table["activities"]
        ),
    }
    return Settings(**values)


def check_arms(arms: tuple[Arm, ...]) -> None:
    """UserError unless all arms have different names and schedules of known agents and doses."""
    require_names(arms)
    for arm in arms:
        try:
            prescription.check(arm.schedule)
        except UserError as error:
            raise UserError(f"arm {arm.name!r}: {error}") from None


def require_positive(name: str, value: float, at_most: float) -> None:
    """UserError unless the parameter `name` is a finite number above 0 and at most `at_most`."""
    if not (math.isfinite(value) and 0 < value <= at_most):
        raise UserError(f"{name} = {value:g}: give a number above 0 and at most {at_most:g}")
