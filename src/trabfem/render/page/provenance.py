"""Where the numbers of a study are from: versions, device, seeds, settings, and the hashes of its files."""

from collections.abc import Mapping
from typing import Any

from trabfem.render.page.method_mechanics import TIME, settings_of_header
from trabfem.render.page.method_study import NAMES, NOT_INSTALLED
from trabfem.render.page.wording import duration, listing, months, number
from trabfem.runs.cohort.records import hash_of
from trabfem.runs.study import Study

FILES = ("specimen.h5", "run.json", "timeseries.csv", "bands.csv")
PLANNED = ("years", "stops", "months_per_step", "members", "seed", "patient")
"""Keys of the header that are asked for beside the settings."""
NOT_WRITTEN = "not written to a folder"
NONE = "none"


def provenance_of(study: Study) -> list[list[str]]:
    """Pairs of label and value; a label without a value is left out."""
    header = study.header
    versions = {name: text for name, text in (header.get("versions") or {}).items() if text != NOT_INSTALLED}
    step, members = header.get("months_per_step"), header["members"]
    pairs = {
        "Study": study.name,
        "Specimen": header.get("specimen"),
        "Duration": duration(header.get("years")),
        "Step": None if step is None else months(step),
        "Members": number(members),
        "Seed": None if header.get("seed") is None else str(header["seed"]),
        "Settings other than the defaults": differences(header),
        "Versions": listing(f"{NAMES.get(name, name)} {text}" for name, text in versions.items()),
        "Device": header.get("device"),
        "Precision": header.get("precision"),
        "Time": next((note.removeprefix(TIME) for note in study.notes if note.startswith(TIME)), None),
        "Format of the folder": None if header.get("format") is None else str(header["format"]),
    }
    return [[label, str(value)] for label, value in pairs.items() if value] + hashes_of(study)


def hashes_of(study: Study) -> list[list[str]]:
    """SHA-256 of every file from which the study can be checked."""
    if study.folder is None:
        return [["Files", NOT_WRITTEN]]
    found = [study.folder / name for name in FILES]
    return [[f"SHA-256 of {path.name}", hash_of(path)] for path in found if path.is_file()]


def differences(header: Mapping[str, Any]) -> str | None:
    """The settings that are not the defaults, in one line; None where either is not known."""
    asked, usual = flatten(settings_of_header(header)), flatten(default_settings())
    if not asked or not usual:
        return None
    changed = [f"{name} = {show(value)}" for name, value in asked.items() if name not in usual or value != usual[name]]
    return ", ".join(changed) or NONE


def settings_of(study: Study) -> dict[str, Any]:
    """Every setting of the study with the default beside it, as a table like those of `numbers.tables_of`."""
    asked, usual = flatten(settings_of_header(study.header)), flatten(default_settings())
    planned = {name: study.header[name] for name in PLANNED if study.header.get(name) is not None}
    rows = [[name, show(value), ""] for name, value in flatten(planned).items() if value is not None]
    rows += [[name, show(value), show(usual[name]) if name in usual else ""] for name, value in asked.items()]
    columns = [
        {"label": "Setting", "meaning": "as in a configuration; lengths in mm, times in days, stresses in MPa"},
        {"label": "Value", "meaning": "in this study"},
        {"label": "Default", "meaning": "what this version of the software takes if it is not told otherwise"},
    ]
    return {"title": "Settings", "columns": columns, "rows": rows, "notes": []}


def default_settings() -> Mapping[str, Any]:
    """The defaults of this version; empty where JAX is not installed, without which settings are not known."""
    try:
        from trabfem.runs.plan import Settings, settings_table
    except ImportError:
        return {}
    return settings_table(Settings())


def flatten(settings: Mapping[str, Any], before: str = "") -> dict[str, Any]:
    """Settings of settings under one name: `bmus.bias`."""
    found: dict[str, Any] = {}
    for name, value in settings.items():
        if isinstance(value, Mapping):
            found |= flatten(value, f"{before}{name}.")
        else:
            found[before + name] = value
    return found


def show(value: Any) -> str:
    """A value for people."""
    if value is None or value == [] or value == ():
        return NONE
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int | float):
        return number(value)
    if isinstance(value, list | tuple):
        return "; ".join(show(each) for each in value)
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {show(each)}" for name, each in value.items())
    return str(value)
