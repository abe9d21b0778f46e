"""The rows of a cohort: from a table, a list or a folder, checked as a whole before anything is computed."""

import difflib
import hashlib
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from trabfem.biology.patient import Patient
from trabfem.csv_reading import read_csv_table
from trabfem.errors import UserError
from trabfem.specimen.readers import find_shipped
from trabfem.specimen.readers.registry import find_reader

from . import cells
from .cells import PATIENT, READING, is_blank

KNOWN = ("scan", "id", *PATIENT, *READING, "schedule")
FOR_SCAN = ("file", "path", "image", "filename", "file_name", "scan_path", "image_path")
"""Names that tables give to what is `scan` here."""
NEAR = 0.8
LONGEST_STEM = 100


class Problems(UserError):
    """Everything that is wrong with a table, a sentence each."""

    def __init__(self, source: str, sentences: Sequence[str]) -> None:
        self.source, self.sentences = source, tuple(sentences)
        super().__init__("\n".join(f"{source}: {sentence}" for sentence in sentences))


@dataclass(frozen=True)
class Row:
    """A scan with how it is read, its patient, and the cells that are copied to the results.

    - `number`: of the line in the table, of which the header is the first
    - `scan`: full path, or the name of a shipped specimen; `source`: the same as the table says it
    - `place`: path of its result in the cohort's folder, without ending
    """

    number: int
    id: str
    scan: str
    source: str
    place: str
    reading: Mapping[str, Any] = field(default_factory=dict)
    patient: Patient | None = None
    schedule: str = ""
    copied: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Source:
    """What a cohort is made from: its rows, where they are from, and sentences on what was taken and left out.

    `folder`: that of a data set laid out as BIDS, None for a table.
    """

    name: str
    rows: tuple[Row, ...]
    notes: tuple[str, ...] = ()
    folder: Path | None = None


def read_cells(path: Path) -> tuple[list[str], list[dict[str, Any]]]:
    """Header and rows of a table of text. UserError where it is missing, empty or not text."""
    header, lines = read_csv_table(path, remedy="give a CSV with a column scan, a row each")
    return header, [dict(line) for line in lines]


def rows_of_table(path: Path, study: bool = False) -> Source:
    """The rows of a CSV; `study`: whether each needs a patient. **Raises:** `Problems`."""
    header, lines = read_cells(path)
    return Source(path.name, make_rows(header, lines, path.resolve().parent, str(path), study, first=2))


def rows_of_list(rows: Iterable[Any], study: bool = False) -> Source:
    """The rows of a list of mappings, or of paths, relative to the working directory; also of a data frame."""
    if hasattr(rows, "to_dict"):
        rows = rows.to_dict("records")  # type: ignore[attr-defined]
    lines = [dict(row) if isinstance(row, Mapping) else {"scan": row} for row in rows]
    header = list(dict.fromkeys(str(name) for line in lines for name in line))
    lines = [{str(name): cell for name, cell in line.items()} for line in lines]
    return Source("rows", make_rows(header, lines, Path.cwd(), "rows", study, first=1))


def make_rows(
    header: Sequence[str], lines: Sequence[Mapping[str, Any]], base: Path, source: str, study: bool, first: int
) -> tuple[Row, ...]:
    """Rows of named cells, the first with the number `first`. **Raises:** `Problems` with all that is wrong."""
    names, wrong = name_columns(header)
    if all(is_blank(cell) for line in lines for cell in line.values()):
        wrong.append("there is no row below the header; give one a scan" if header else "it is empty; give a table")
    if wrong:
        raise Problems(source, wrong)
    lines = [{names.get(name, name): cell for name, cell in line.items()} for line in lines]
    found: list[Row] = []
    for number, line in enumerate(lines, first):
        if all(map(is_blank, line.values())):
            continue
        row, sentences = make_row(number, line, base, study)
        wrong += [f"row {number}: {sentence}" for sentence in sentences]
        found += [] if row is None else [row]
    rows = with_names(found, base)
    wrong += doubles(rows)
    if wrong:
        raise Problems(source, wrong)
    return tuple(rows)


def name_columns(header: Sequence[str]) -> tuple[dict[str, str], list[str]]:
    """Known names by the header's, which may differ in case and spaces; and what is wrong with the header."""
    plain = {name: re.sub(r"[\s-]+", "_", name.strip().lower()) for name in header}
    names = {name: word for name, word in plain.items() if word in KNOWN}
    words = Counter(plain[name] for name in header)
    wrong = [f"column {name!r} is there twice; rename one" for name, count in words.items() if count > 1]
    for name, word in plain.items():
        near = difflib.get_close_matches(word, KNOWN, 1, NEAR)
        if word not in KNOWN and near and near[0] not in names.values():
            wrong.append(f"column {name!r} is not known; if it is {near[0]!r}, call it so, otherwise call it else")
    if header and "scan" not in names.values() and not any("'scan'" in sentence for sentence in wrong):
        taken = next((name for name, word in plain.items() if word in FOR_SCAN), "")
        wrong.append(f"there is no column scan; {f'rename {taken!r} to scan' if taken else 'give the paths of scans'}")
    return names, wrong


def make_row(number: int, line: Mapping[str, Any], base: Path, study: bool) -> tuple[Row | None, list[str]]:
    """The row of a line, None where it cannot be made, and everything that is wrong with it."""
    wrong: list[str] = []
    found: dict[str, Any] = {}

    def attempt(name: str, read: Any, *arguments: Any) -> None:
        try:
            found[name] = read(*arguments)
        except UserError as error:
            wrong.append(str(error))

    attempt("scan", find_scan, line.get("scan"), base)
    for name, read in READING.items():
        if not is_blank(line.get(name)):
            attempt(name, read, line[name], base)
    if study:
        attempt("patient", cells.read_patient, line)
        attempt("schedule", cells.read_schedule, line.get("schedule"))
    if wrong:
        return None, wrong
    reading = {name: found[name] for name in READING if name in found}
    copied = {name: cell for name, cell in line.items() if name not in ("scan", "id", *READING)}
    source = str(line["scan"]).strip()
    own = "" if is_blank(line.get("id")) else str(line["id"]).strip()
    row = Row(number, own, found["scan"], source, "", reading, found.get("patient"), found.get("schedule", ""), copied)
    return row, []


def find_scan(cell: Any, base: Path) -> str:
    """The full path of a scan, or the name of a shipped one; UserError for none, and for no known kind of file."""
    if is_blank(cell):
        raise UserError("scan = not given: give the path of a scan")
    text = str(cell).strip()
    place = base / text
    if not place.exists():
        if not Path(text).suffix and len(Path(text).parts) == 1:
            find_shipped(text)
            return text
        raise UserError(f"scan = {text}: {place} does not exist; paths are relative to the table, check this one")
    find_reader(place)
    return str(place)


def with_names(rows: Sequence[Row], base: Path) -> list[Row]:
    """The rows with their ids: those given, else the names of the files, with their folders where it takes them."""
    short = [row.id or Path(row.source).name.split(".")[0] for row in rows]
    often = Counter(name.casefold() for name in short)
    names = []
    for row, name in zip(rows, short, strict=True):
        if not row.id and often[name.casefold()] > 1:
            folders = [part for part in Path(row.source).parts[:-1] if part not in ("/", ".", "..")]
            name = "_".join([*folders, name])
        names.append(name)
    return [
        replace(row, id=name, place=row.place or f"rows/{stem_of(name)}") for row, name in zip(rows, names, strict=True)
    ]


def stem_of(name: str) -> str:
    """A name of a file for an id; ids that differ have names that differ."""
    kept = re.sub(r"[^A-Za-z0-9_+.-]", "_", name)[:LONGEST_STEM].strip(".")
    return kept if kept == name else f"{kept}-{hashlib.sha256(name.encode()).hexdigest()[:6]}"


def doubles(rows: Sequence[Row]) -> list[str]:
    """A sentence for each id that several rows have."""
    numbers: dict[str, list[Row]] = {}
    for row in rows:
        numbers.setdefault(row.id.casefold(), []).append(row)
    return [
        f"rows {' and '.join(str(row.number) for row in each)}: id = {each[0].id}: each row needs an id of its own"
        for each in numbers.values()
        if len(each) > 1
    ]
