"""The record of a row: one JSON file, written anew after each analysis, from which it is seen what is left to do.

    GeneratedBy, Sources        as in the sidecars of BIDS derivatives
    inputs                      size, time of change and SHA-256 of every file that was read
    reading                     how the scan was read
    analyses.NAME               asked (the options), values with unit and meaning, details, trouble, seconds, finished
    failures.NAME               why an analysis failed, in one sentence
    attempts, begun, worker     how often the row was begun, when and where it was last

An analysis counts as done where its answer stands there, was asked with the same options, by the same version of
trabfem (major and minor), of the same files. A file is the same where its size is and either its time of change or its
content.
This module does not import JAX.
"""

import datetime
import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from trabfem.runs import files
from trabfem.runs.versions import versions
from trabfem.specimen.readers import find_shipped
from trabfem.specimen.readers.registry import suffix_of

FORMAT = 1
KIND = "cohort row"
LOST = "worker"
"""Under this name stands, among the failures, that the worker was lost."""
OF_FILES = ("roi", "labels", "moduli")
WITH_DATA_BESIDE = (".mhd", ".nhdr")
CHUNK = 1 << 22
Record = dict[str, Any]


@dataclass(frozen=True)
class Input:
    """A file that a row reads."""

    path: Path
    size: int
    mtime_ns: int

    def as_dict(self) -> dict[str, Any]:
        """With the hash of the content."""
        return {"path": self.path.name, "size": self.size, "mtime_ns": self.mtime_ns, "sha256": hash_of(self.path)}

    def is_the_same(self, known: Mapping[str, Any]) -> bool:
        """Whether it is what a record says; the content is read only where the time of change differs."""
        if self.size != known["size"]:
            return False
        return self.mtime_ns == known["mtime_ns"] or hash_of(self.path) == known["sha256"]


def hash_of(path: Path) -> str:
    """SHA-256 of a file."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


def inputs_of(scan: str, reading: Mapping[str, Any]) -> list[Input]:
    """Every file that is read for a row, in order: the scan's, then those of region, labels and moduli."""
    place = Path(scan)
    shipped = not place.suffix and len(place.parts) == 1 and not place.exists()
    named = [Path(reading[name]) for name in OF_FILES if isinstance(reading.get(name), str | Path)]
    paths = [path for each in (find_shipped(scan) if shipped else place, *named) for path in parts_of(each)]
    return [Input(path, stat.st_size, stat.st_mtime_ns) for path in paths for stat in [path.stat()]]


def parts_of(path: Path) -> Iterator[Path]:
    """The files of which one scan consists; none for a name that is no file, such as that of a law."""
    if path.is_dir():
        yield from sorted(each for each in path.rglob("*") if each.is_file() and not each.name.startswith("."))
    elif suffix_of(path) in WITH_DATA_BESIDE:
        yield from sorted(each for each in path.parent.glob(f"{path.stem}.*") if each.is_file())
    elif path.exists():
        yield path


def major_version() -> str:
    """Major and minor version of trabfem, on which numbers may depend."""
    return ".".join(versions()["trabfem"].split(".")[:2])


def path_of(place: Path) -> Path:
    """The record's path, from the place of the row without ending."""
    return place.with_name(f"{place.name}_measures.json")


def begin(
    place: Path,
    row_id: str,
    sources: Sequence[str],
    inputs: Sequence[Input],
    reading: Mapping[str, Any],
    worker: Mapping[str, Any],
) -> Record:
    """The record of a row that is begun, with what stands in its file already and still holds."""
    known = files.read_json(path_of(place))
    kept = known.get("analyses", {}) if still_holds(known, inputs, reading) else {}
    return {
        "kind": KIND,
        "format": FORMAT,
        "GeneratedBy": [{"Name": "trabfem", "Version": versions()["trabfem"]}],
        "Sources": list(sources),
        "id": row_id,
        "inputs": known["inputs"] if kept else [each.as_dict() for each in inputs],
        "reading": files.to_json_types(reading),
        "analyses": kept,
        "failures": {},
        "notes": known.get("notes", []) if kept else [],
        "attempts": known.get("attempts", 0) + 1,
        "begun": now(),
        "worker": dict(worker),
        "versions": versions(),
    }


def still_holds(known: Mapping[str, Any], inputs: Sequence[Input], reading: Mapping[str, Any]) -> bool:
    """Whether a record is of these files, read in this way, by this version."""
    if (known.get("kind"), known.get("format")) != (KIND, FORMAT):
        return False
    version = ".".join(known["GeneratedBy"][0]["Version"].split(".")[:2])
    same = known["reading"] == files.to_json_types(reading) and version == major_version()
    old = known["inputs"]
    return same and len(old) == len(inputs) and all(a.is_the_same(b) for a, b in zip(inputs, old, strict=True))


def missing(known: Mapping[str, Any], asked: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """The analyses, of those `asked` by name with their options, that a record that still holds has no answer to."""
    done = known.get("analyses", {})
    return [name for name, options in asked.items() if done.get(name, {}).get("asked") != files.to_json_types(options)]


def only(record: Record, asked: Mapping[str, Mapping[str, Any]]) -> Record:
    """A record without answers to other questions than those `asked`, and without failures that are mended."""
    left = missing(record, asked)
    kept = {name: each for name, each in record["analyses"].items() if name in asked and name not in left}
    failures = {name: said for name, said in record["failures"].items() if name in left or (left and name == LOST)}
    return {**record, "analyses": kept, "failures": failures}


def write(place: Path, record: Record) -> None:
    """Write the record, completely or not at all."""
    files.write_json(path_of(place), record)


def now() -> str:
    """The present moment in UTC to the second."""
    return datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
