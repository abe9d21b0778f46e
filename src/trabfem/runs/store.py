"""The folder of a study, format 3: its writer and its reader.

    run.json                    the plan (from which the study is resumed), schedules in words, columns with unit and
                                meaning, versions, device; at the end changes, gains, time spent, failures
    timeseries.csv              one row for each arm, member and month
    bands.csv                   mean and band (see `statistics`) for each arm and month, if there are several members
    specimen.h5                 the bone with which the study was computed
    start.h5                    the bone of month 0 in equilibrium, which all runs share
    ARM/MEMBER/month_0012.h5    fill, energy density and tissue age of a month (`files.write_month`)
    ARM/MEMBER/state.h5         the rows so far and everything that the next step depends on; written last in a month,
                                so a month counts as done only when this file has been written

Every file is written completely or not at all. A folder is locked against a second process while a study runs.
This module does not import JAX, so runs can be read and drawn on machines without it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from trabfem.errors import UserError
from trabfem.specimen import Specimen
from trabfem.specimen.place import place_from_dict
from trabfem.specimen.voxels import MAPS

from . import files, statistics
from .columns import COLUMNS
from .trajectory import Moments, Trajectory, as_columns

KIND = "study"
REMEDY = "give the folder that trabfem compare or simulate wrote"
RESULTS = ("summary", "over_the_first_arm", "members_done")
Rows = list[dict[str, Any]]
Key = tuple[str, int]
"""An arm's slug and a member's number."""


@dataclass(frozen=True)
class RunFolder:
    """The folder of one arm of one member; `mark` is the hash of the run that it belongs to (see `Plan.mark`)."""

    path: Path
    mark: str

    def save(self, arrays: Mapping[str, np.ndarray], facts: Mapping[str, Any], rows: Rows, final: bool = False) -> None:
        """Write the state with the rows up to it; `final`: the last state of the run, written compressed."""
        facts = {**facts, "rows": rows, "mark": self.mark}
        files.write_state(self.path / "state.h5", arrays, facts, compress=final)

    def load(self) -> tuple[dict[str, np.ndarray], dict[str, Any]] | None:
        """Arrays and facts (with "rows") that `save` wrote; None without file. UserError for another run."""
        path = self.path / "state.h5"
        if not path.exists():
            return None
        arrays, facts = files.read_state(path)
        if facts["mark"] != self.mark:
            raise UserError(
                f"{path} belongs to a run with another specimen, patient, schedule, seed or settings: "
                "repeat what it was started with, or give another folder"
            )
        return arrays, facts


def is_unbegun(folder: Path) -> bool:
    """Whether a folder is missing, or empty but for what a study leaves that was stopped before its run.json."""
    if not folder.is_dir():
        return not folder.exists()
    names = {each.name for each in folder.iterdir() if each.suffix != ".partial"}
    return not names or (".lock" in names and names <= {".lock", "specimen.h5"})


class Store:
    """The writer of a study's folder."""

    def __init__(self, path: Path, header: Mapping[str, Any]) -> None:
        self.path, self.header = path, dict(header)
        self.rows: dict[Key, Rows] = {}

    def begin(self, specimen: Specimen, resume: bool) -> None:
        """Write run.json without results, so that an unfinished study can be read; delete incomplete files.

        UserError where the folder is not empty and `resume` is false, or is no study.
        """
        known = files.read_json(self.path / "run.json")
        if self.path.exists() and not self.path.is_dir():
            raise UserError(f"{self.path} is a file: give a folder")
        unbegun = is_unbegun(self.path)
        if not resume and not unbegun:
            raise UserError(f"{self.path} is not empty and is left as it is: give another folder")
        if known and (known.get("kind"), known.get("format")) != (KIND, files.FORMAT):
            raise UserError(
                f"{self.path} was written by another version of trabfem: start the run anew in another folder"
            )
        for partial in (self.path, *self.path.rglob("member_*")):
            files.delete_partial_files(partial)
        if unbegun:
            (self.path / "specimen.h5").unlink(missing_ok=True)
        write_specimen(self.path / "specimen.h5", specimen)
        if known.get("years") != self.header["years"] or known.get("members") != self.header["members"]:
            # What was found belongs to another duration or number of members; the rows in the tables stay.
            known = {key: value for key, value in known.items() if key not in RESULTS}
        self.header = {**known, **self.header}
        files.write_json(self.path / "run.json", self.header)

    def record(self, rows: Mapping[Key, Rows]) -> None:
        """Write `timeseries.csv` with what these runs have come to; rows of others stay."""
        self.rows |= rows
        names = {arm["slug"]: arm["name"] for arm in self.header["arms"]}
        labels = list(dict.fromkeys(label for each in self.rows.values() for row in each for label in row))
        lines = [
            [names[slug], slug, member, *(row.get(label) for label in labels)]
            for slug in names
            for (other, member), each in sorted(self.rows.items())
            if other == slug
            for row in each
        ]
        files.write_table(self.path / "timeseries.csv", ["arm", "slug", "member", *labels], lines)

    def finish(self, runs: Mapping[str, Mapping[int, Trajectory]], report: Mapping[str, Any]) -> None:
        """Write tables and run.json with what the runs that are done say, by arm's slug and member's number."""
        self.record({(slug, number): as_rows(t.table) for slug, each in runs.items() for number, t in each.items()})
        done = {slug: sort_members(each) for slug, each in runs.items() if each}
        if self.header["members"] > 1:
            self._write_bands(done)
        self.header |= {**report} | summaries(self.header["arms"], runs)
        files.write_json(self.path / "run.json", self.header)

    def _write_bands(self, done: Mapping[str, Sequence[Trajectory]]) -> None:
        names = {arm["slug"]: arm["name"] for arm in self.header["arms"]}
        tables = {slug: statistics.bands(runs) for slug, runs in done.items()}
        labels = list(dict.fromkeys(label for table in tables.values() for label in table))
        lines = [
            [names[slug], slug, *(row.get(label) for label in labels)]
            for slug, table in tables.items()
            for row in as_rows(table)
        ]
        files.write_table(self.path / "bands.csv", ["arm", "slug", *labels], lines)


def summaries(arms: Sequence[Mapping[str, Any]], runs: Mapping[str, Mapping[int, Trajectory]]) -> dict[str, Any]:
    """Changes of each arm, gains over the first one, and how runs ended, for the finished runs."""
    done = {slug: sort_members(each) for slug, each in runs.items() if each}
    first = arms[0]["slug"]
    paired = [slug for slug in done if slug != first and set(runs[slug]) == set(runs.get(first, {}))]
    every = [(slug, number, run) for slug, each in runs.items() for number, run in sorted(each.items())]

    def place(slug: str, number: int) -> str:
        return slug if max((n for _, n, _ in every), default=0) == 0 else f"{slug}/member_{number:04d}"

    return {
        "summary": {slug: statistics.summarise(each) for slug, each in done.items()},
        "over_the_first_arm": {slug: statistics.summarise_gains(done[slug], done[first]) for slug in paired},
        "trouble": {place(slug, number): run.trouble for slug, number, run in every if run.trouble},
        "ended": {place(slug, number): run.ended for slug, number, run in every if run.ended},
    }


def sort_members(runs: Mapping[int, Trajectory]) -> list[Trajectory]:
    """The finished members in order of number."""
    return [runs[number] for number in sorted(runs)]


def as_rows(table: Mapping[str, Sequence[Any]]) -> Rows:
    """A table's columns as rows."""
    return [dict(zip(table, values, strict=True)) for values in zip(*table.values(), strict=True)]


def write_specimen(path: Path, specimen: Specimen) -> None:
    """Write the bone exactly; nothing where the file exists already."""
    if path.exists():
        return
    options: dict[str, Any] = {"compression": "gzip", "compression_opts": 1, "shuffle": True}
    place = {key: value for key, value in specimen.place.as_dict().items() if value is not None and key != "scan_grid"}
    if specimen.scan is not None:
        place |= {"scan_shape": specimen.scan.shape, "scan_first": specimen.scan.first}
    attributes = {**place, "name": specimen.name, "notes": list(specimen.notes)}
    files.write_hdf5(path, {"fill": specimen.fill, **specimen.maps}, attributes, options)


def read_specimen(folder: Path) -> Specimen:
    """The bone that a study started from."""
    import h5py

    path = folder / "specimen.h5"
    try:
        with h5py.File(path, "r") as file:
            fill, attributes = np.asarray(file["fill"]), {str(k): np.asarray(v) for k, v in file.attrs.items()}
            maps = {name: np.asarray(file[name]) for name in MAPS if name in file}
    except (OSError, KeyError) as error:
        raise UserError(f"{path} cannot be read ({error}): {REMEDY}") from error
    cut = "scan_shape" in attributes
    grid = {"shape": attributes["scan_shape"], "first": attributes["scan_first"]} if cut else None
    where = place_from_dict({**attributes, "scan_grid": grid})
    notes = tuple(str(note) for note in attributes["notes"])
    name = str(attributes["name"].item())
    return Specimen(fill, where.spacing, name, notes, where.origin, where.direction, scan=where.scan, **maps)


def read_header(folder: Path) -> dict[str, Any]:
    """The content of run.json; UserError where it is missing or of another format."""
    path = folder / "run.json"
    if not folder.is_dir():
        raise UserError(f"{folder} is not a folder: {REMEDY}")
    if not path.is_file():
        raise UserError(f"{folder} holds no run.json: {REMEDY}")
    header = files.read_json(path)
    if not header:
        raise UserError(f"{path} is not readable as JSON: {REMEDY}")
    if (header.get("kind"), header.get("format")) != (KIND, files.FORMAT):
        raise UserError(f"{path} is no study of format {files.FORMAT}: it was written by another version of trabfem")
    missing = [key for key in ("arms", "members", "spacing_mm", "shape") if key not in header]
    if missing:
        raise UserError(f"{path} lacks {', '.join(missing)}: {REMEDY}")
    return header


def read_trajectories(folder: Path, header: Mapping[str, Any]) -> dict[str, dict[int, Trajectory]]:
    """Every run of a study that has begun, by arm's slug and member's number; UserError where none has."""
    rows = read_rows(folder, header)
    if not rows:
        raise UserError(f"{folder} holds no timeseries.csv and no month of any run: resume the run first")
    found: dict[str, dict[int, Trajectory]] = {arm["slug"]: {} for arm in header["arms"]}
    for (slug, number), each in rows.items():
        place = slug if header["members"] == 1 else f"{slug}/member_{number:04d}"
        each.sort(key=lambda row: row["month"])
        table = as_columns(each)
        ends = {what: header.get(what, {}).get(place, "") for what in ("trouble", "ended")}
        moments = Moments({}, folder / slug / f"member_{number:04d}")
        if len(moments):
            found[slug][number] = Trajectory(table["month"], table, moments, **ends)
    return found


def read_rows(folder: Path, header: Mapping[str, Any]) -> dict[Key, Rows]:
    """The rows of every run: those of the table, and of runs that have come further since it was written."""
    path, rows = folder / "timeseries.csv", {}
    for row in files.read_table(path) if path.is_file() else ():
        key = (str(row.pop("slug")), int(row.pop("member")))
        row.pop("arm")
        rows.setdefault(key, []).append(row)
    done = header.get("members_done", [])
    if rows and len(done) == header["members"] and all(each["done"] for each in done):
        return rows
    # Workers write their own folders; the table follows when a batch has ended.
    for arm in header["arms"]:
        for number in range(header["members"]):
            key = (arm["slug"], number)
            newer = files.read_facts(folder / arm["slug"] / f"member_{number:04d}" / "state.h5").get("rows", [])
            if len(newer) > len(rows.get(key, [])):
                rows[key] = newer
    return rows


def column_table() -> list[dict[str, str]]:
    """Name, unit and meaning of every column, for run.json."""
    return [{"label": each.label, "unit": each.unit, "meaning": each.meaning} for each in COLUMNS]
