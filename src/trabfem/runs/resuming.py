"""What a study that is gone on with takes from its folder, and what it refuses before anything is written."""

import dataclasses
import hashlib
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from trabfem.errors import UserError
from trabfem.remodelling.loading.estimation import unit_stresses
from trabfem.remodelling.model import Model, State
from trabfem.remodelling.saved import put_together, take_apart
from trabfem.remodelling.settings import Settings
from trabfem.schedule.writing import last_month
from trabfem.specimen import Specimen

from . import files, store
from .plan import Plan, settings_from_table, settings_table
from .store import Key, Rows

MAY_CHANGE = ("name", "years", "stops", "members")
REMEDY = "leave it out or repeat it to go on, or give another folder"


def read_known_header(folder: Path) -> dict[str, Any]:
    """The content of run.json; empty for a folder in which no study has begun. UserError where it is no study."""
    return {} if store.is_unbegun(folder) else store.read_header(folder)


def require_same(known: Mapping[str, Any], plan: Plan, folder: Path) -> None:
    """UserError that names the first option in which `plan` differs from the study in `folder`, and both values.

    Years may grow, members too; the title may change.
    """
    if not known:
        return
    asked = files.to_json_types(plan.table())
    for name, old, new in differences(known, {key: each for key, each in asked.items() if key not in MAY_CHANGE}):
        raise UserError(f"{name} = {write(new)}: the study in {folder} has {write(old)}; {REMEDY}")
    if plan.members < known["members"]:
        raise UserError(
            f"members = {plan.members}: the study in {folder} has {known['members']}; give at least as many"
        )
    there = store.read_specimen(folder)
    if (there.spacing, there.shape) != (plan.specimen.spacing, plan.specimen.shape):
        old, new = (f"{each.shape} voxels of {each.spacing} mm" for each in (there, plan.specimen))
        raise UserError(f"specimen = {new}: the study in {folder} has {old}; {REMEDY}")
    if (there.fill != plan.specimen.fill).any():
        raise UserError(
            f"specimen = {plan.specimen.name}: its bone is not that of the study in {folder}, {there.name}; {REMEDY}"
        )


def differences(known: Any, asked: Any, name: str = "") -> Iterator[tuple[str, Any, Any]]:
    """Name, known and asked value of every plain value that differs; of an arm its schedule by the arm's name."""
    if isinstance(asked, Mapping) and isinstance(known, Mapping):
        for key, new in asked.items():
            if key == "arms":
                yield from differences_of_arms(known.get(key, []), new)
            else:
                yield from differences(known.get(key), new, key)
    elif known != asked:
        yield name, known, asked


def differences_of_arms(known: list[dict[str, Any]], asked: list[dict[str, Any]]) -> Iterator[tuple[str, Any, Any]]:
    """The names of the arms where they differ, or else the schedules."""
    old, new = ([arm["name"] for arm in arms] for arms in (known, asked))
    if old != new:
        yield "arms", ", ".join(old), ", ".join(new)
        return
    for one, other in zip(known, asked, strict=True):
        if one["schedule"] != other["schedule"]:
            yield f"schedule of arm {one['name']!r}", one["schedule"], other["schedule"]


def write(value: Any) -> str:
    """A value in a sentence."""
    return "'nothing'" if value in ("", None) else f"{value:g}" if isinstance(value, float) else str(value)


def adopt_loads(settings: Settings, known: Mapping[str, Any], folder: Path) -> Settings:
    """`settings` with the loads that were estimated for the study in `folder`: estimating them again takes minutes."""
    activities = settings_from_table(known["settings"]).activities
    if not activities or not {each.name for each in activities} <= {each.name for each in unit_stresses()}:
        raise UserError(f"load = estimated: the loads of the study in {folder} were not estimated; {REMEDY}")
    return dataclasses.replace(settings, activities=activities)


def go_on(plan: Plan, known: Mapping[str, Any], rows: Mapping[Key, Rows]) -> Plan:
    """The plan with the months of the study that it goes on with: runs that reached its end stand there."""
    if not known:
        return plan
    plan = dataclasses.replace(plan, stops=tuple(each for each in known.get("stops", ()) if each < plan.years))
    end = last_month(known["years"])
    reached = any(row["month"] == end for each in rows.values() for row in each)
    if reached and known["years"] < plan.years and end not in plan.months:
        return dataclasses.replace(plan, stops=(*plan.stops, known["years"]))
    return plan


def write_start(folder: Path, state: State, model: Model, specimen: Specimen) -> None:
    """Write `start.h5`, the bone of month 0 that all runs share, so that it is solved only once."""
    arrays, facts = take_apart(state)
    files.write_state(folder / "start.h5", arrays, {**facts, "mark": mark_start(model, specimen)}, compress=True)


def read_start(folder: Path, model: Model, specimen: Specimen) -> State | None:
    """The state that `write_start` wrote; None where there is none, or one of another bone or settings."""
    try:
        arrays, facts = files.read_state(folder / "start.h5")
    except UserError:
        return None
    return put_together(arrays, facts, model) if facts.get("mark") == mark_start(model, specimen) else None


def mark_start(model: Model, specimen: Specimen) -> str:
    """A short hash of everything that the shared start depends on."""
    digest = hashlib.sha256(specimen.fill.tobytes())
    digest.update(json.dumps([specimen.spacing, settings_table(model.settings)], sort_keys=True).encode())
    return digest.hexdigest()[:16]
