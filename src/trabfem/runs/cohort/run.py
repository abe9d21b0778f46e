"""The public function: a cohort from a table, a folder or a list."""

import dataclasses
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from trabfem.device import device_name, keep_compiled_programs
from trabfem.errors import UserError
from trabfem.runs import files, processes
from trabfem.runs.progress import Progress, open_progress
from trabfem.runs.versions import versions
from trabfem.runs.worker import open_errand
from trabfem.specimen import as_specimen

from . import records, writing
from .bids import rows_of_folder
from .carrying_out import Job, carry_out_all
from .cells import READING, is_blank
from .records import Record
from .results import KIND, Cohort
from .rows import Row, Source, rows_of_list, rows_of_table
from .tasks import ANALYSES, OF_STRENGTH, OF_STUDY, USUAL, Task

WRITE_EVERY_S = 15.0
SECONDS_PER_VOXEL, SECONDS_PER_ROW = 8e-6, 10.0
"""CPU time of morphometry, solve and strength together (measured: 2.2 s with 64 voxels a side), and what it takes to
compile the programs for a mesh of another size."""
DERIVATIVES = Path("derivatives") / "trabfem"


def cohort(
    rows: str | Path | Iterable[Any],
    out: str | Path | None = None,
    *,
    analyses: str | Iterable[str] = USUAL,
    workers: int | None = None,
    client: Any = None,
    progress: Progress | bool = True,
    **options: Any,
) -> Cohort:
    """The same analyses of many scans, in one table with units; what is done already is not done again.

    - `rows`: a CSV with a row for each scan, a folder laid out as BIDS (`sub-*/ses-*`), or a list of mappings or paths
      or a data frame. Columns: `scan`, a path relative to the table; `id`; how it is read (`spacing`, `threshold`,
      `crop`, `coarsen`, `array`, `label`, `segmentation`, `calibration`, `roi`, `labels`, `moduli`, see `read`); for a
      study the patient (`sex`, `age`, `menopause_age`, `hormonal_status`) and `schedule`; others are copied
    - `out`: folder to write, new, empty or of the same cohort; `NAME-cohort` here for NAME.csv, and
      `derivatives/trabfem` within a BIDS folder if left out
    - `analyses`: of "morphometry", "solve", "strength", "homogenize", "study"
    - `options`: for all rows: `load`, `strain`, `youngs`, `poisson`, `profile`, `rtol`, `max_iterations`, `method`,
      `critical_volume`, `critical_strain`, `bc`; `years`, `months_per_step`, `members`, `seed`, `schedule`, `arms` of a
      study; and how scans are read whose rows do not say
    - `workers`: processes of this machine; by default as many as there are cores and memory for, one on a GPU
    - `client`: a `dask.distributed.Client` or another executor, whose workers have to see scans and `out`

    A row that fails, or is lost with its worker, is done once more, then reported in `failures`; the others go on. Each
    row is written when it is done. The same call again does what is missing or has failed, and what has changed: files,
    how they are read, options of an analysis, the version of trabfem.

    **Raises:** `UserError` before anything is computed for a table or an option that cannot be used, all wrong rows of
    the table together.
    """
    if workers is not None and workers < 1:
        raise UserError(f"workers = {workers}: give at least 1")
    task = make_task(analyses, options)
    source = read_rows(rows, "study" in task.analyses)
    folder = choose_folder(rows, source, out)
    keep_compiled_programs()
    with files.lock_folder(folder):
        require_own(folder)
        return carry_out(source, task, folder, workers, client, progress)


def make_task(analyses: str | Iterable[str], options: Mapping[str, Any]) -> Task:
    """The analyses and options of all rows; UserError for options that are not known or would have no effect."""
    names = analyses.replace(",", " ").split() if isinstance(analyses, str) else list(analyses)
    known = {each.name for each in dataclasses.fields(Task)} - {"analyses", "reading"}
    given = {name: value for name, value in options.items() if value is not None}
    for name, value in given.items():
        if name not in known and name not in READING:
            raise UserError(f"{name} = {value}: it is no option of a cohort; give one of {', '.join(sorted(known))}")
        if name in OF_STUDY and "study" not in names:
            raise UserError(f"{name} = {value}: it belongs to a study; add study to the analyses, or leave it out")
        if name == "bc" and "homogenize" not in names:
            raise UserError(f"bc = {value}: it belongs to homogenize; add that to the analyses, or leave it out")
        if name in OF_STRENGTH and "strength" not in names:
            raise UserError(f"{name} = {value}: it belongs to strength; add that to the analyses, or leave it out")
    reading = {name: READING[name](value, Path.cwd()) for name, value in given.items() if name in READING}
    order = [name for name in ANALYSES if name in names] + [name for name in names if name not in ANALYSES]
    own = {name: value for name, value in given.items() if name in known}
    return Task(tuple(order), reading=reading, **own)


def read_rows(rows: Any, study: bool) -> Source:
    """The rows of whatever was given."""
    if not isinstance(rows, str | Path):
        return rows_of_list(rows, study)
    path = Path(rows)
    if path.is_dir():
        return rows_of_folder(path, study)
    if not path.exists():
        raise UserError(f"{path}: no such file; give a CSV with a column scan, or a folder laid out as BIDS")
    return rows_of_table(path, study)


def choose_folder(rows: Any, source: Source, out: str | Path | None) -> Path:
    """The folder to write."""
    if out is not None:
        return Path(out)
    if source.folder is not None:
        return source.folder / DERIVATIVES
    if not isinstance(rows, str | Path):
        raise UserError("out = not given: give the folder in which the cohort is written")
    return Path(f"{Path(rows).stem}-cohort")


def require_own(folder: Path) -> None:
    """UserError unless a folder is empty, or of a cohort."""
    if folder.is_dir() and files.read_json(folder / "cohort.json").get("kind") == KIND:
        return
    names = {each.name for each in folder.iterdir()} - {".lock"} if folder.is_dir() else set()
    if any(not name.endswith(".partial") for name in names):
        raise UserError(f"out = {folder}: it is not empty and holds no cohort; give another folder")


def carry_out(
    source: Source, task: Task, folder: Path, workers: int | None, client: Any, progress: Progress | bool
) -> Cohort:
    """The cohort, written as it grows: tables every quarter of a minute, and at the end, however it comes."""
    for place in {folder, *(folder / Path(row.place).parent for row in source.rows)}:
        files.delete_partial_files(place)
    # Workers may have another working directory.
    jobs = [Job(row, task, folder.resolve(), sources_of(row, source)) for row in source.rows]
    known = {job.row.id: job.known() for job in jobs}
    left = [job for job in jobs if records.missing(known[job.row.id], job.asked)]
    header = describe(source, task, {job.row.id: job.asked for job in jobs})
    began = {job.row.id: records.only(known[job.row.id], job.asked) for job in jobs if known[job.row.id]}
    growing = Growing(header, folder, began, source.folder)
    growing.write()
    count = choose_workers(left, workers) if client is None else 1
    try:
        with open_errand(folder) as errand, open_progress(progress) as tell:
            if tell is not None and left:
                tell("cohort", len(jobs) - len(left), len(jobs), f"{len(jobs) - len(left)} done before")
            for number, (job, record) in enumerate(carry_out_all(left, errand, count, client), 1):
                growing.add(job, record)
                if tell is not None:
                    failed = f"{growing.failed} failed, " if growing.failed else ""
                    tell("cohort", len(jobs) - len(left) + number, len(jobs), f"{failed}{job.row.id}")
    finally:
        growing.write()
    return growing.result


class Growing:
    """A cohort's files while its rows end."""

    def __init__(
        self, header: Mapping[str, Any], folder: Path, known: dict[str, Record], data_set: Path | None
    ) -> None:
        self.header, self.folder, self.known, self.data_set = header, folder, dict(known), data_set
        self.written = time.monotonic()
        if data_set is not None:
            writing.describe_data_set(folder, data_set)

    @property
    def result(self) -> Cohort:
        """The cohort as far as it has come."""
        rows = self.header["rows"]
        return Cohort(self.header, tuple(self.known.get(row["id"], {}) for row in rows), self.folder)

    @property
    def failed(self) -> int:
        """How many rows have failed."""
        return sum(bool(record.get("failures")) for record in self.known.values())

    def add(self, job: Job, record: Record) -> None:
        """Take a row that has ended."""
        self.known[job.row.id] = records.only(record, job.asked)
        if self.data_set is not None:
            writing.write_measures(records.path_of(job.place).with_suffix(".tsv"), record)
        if time.monotonic() - self.written > WRITE_EVERY_S:
            self.write()

    def write(self) -> None:
        """Write the tables."""
        writing.write_tables(self.result)
        self.written = time.monotonic()


def sources_of(row: Row, source: Source) -> tuple[str, ...]:
    """How a row's files are named in its record: BIDS URIs in a data set, else as the table says."""
    named = [
        row.source,
        *(str(row.reading[name]) for name in records.OF_FILES if isinstance(row.reading.get(name), str)),
    ]
    if source.folder is None:
        return tuple(named)
    inside = [Path(each) if not Path(each).is_absolute() else Path(each).relative_to(source.folder) for each in named]
    return tuple(f"bids:raw:{each.as_posix()}" for each in inside)


def describe(source: Source, task: Task, asked: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """The content of cohort.json before there are results."""
    copied = list(dict.fromkeys(name for row in source.rows for name in row.copied))
    cells = [row.copied for row in source.rows]
    return {
        "kind": KIND,
        "format": records.FORMAT,
        "name": source.name,
        "analyses": list(task.analyses),
        "options": files.to_json_types(dataclasses.asdict(task)),
        "rows": [
            {
                "id": row.id,
                "scan": row.source,
                "place": row.place,
                "copied": clean(row.copied),
                "asked": files.to_json_types(asked[row.id]),
            }
            for row in source.rows
        ],
        "copied": copied,
        "numeric": [name for name in copied if writing.are_numbers(cells, name, is_blank)],
        "notes": list(source.notes),
        "versions": versions(),
        "device": device_name(),
    }


def clean(cells: Mapping[str, Any]) -> dict[str, Any]:
    """Copied cells in JSON's types, None where they are blank."""
    return {name: None if is_blank(cell) else files.to_json_types(cell) for name, cell in cells.items()}


def choose_workers(jobs: list[Job], asked: int | None) -> int:
    """How many processes: as many as there are cores, rows, and memory for the largest scan; one where it is soon done.

    The largest file is read to see how many voxels it has.
    """
    if asked is not None:
        return max(1, min(asked, len(jobs)))
    if len(jobs) < 2:
        return 1
    voxels = largest(jobs)
    return processes.count_fitting(voxels, len(jobs), sum(seconds_of(job, voxels) for job in jobs))


def seconds_of(job: Job, voxels: int) -> float:
    """CPU time of a row of so many voxels, about."""
    task, compiled = job.task, 0.0 if job.task.analyses == ("morphometry",) else SECONDS_PER_ROW
    months = 12 * task.years * task.members * len(task.arms_of(job.row)) if "study" in task.analyses else 0.0
    return compiled + voxels * (SECONDS_PER_VOXEL + months * processes.SECONDS_PER_VOXEL_MONTH)


def largest(jobs: list[Job]) -> int:
    """Voxels of the scan that has the largest file, of those that can be read."""
    sizes = {job.row.id: sum(each.size for each in records.inputs_of(job.row.scan, {})) for job in jobs}
    for job in sorted(jobs, key=lambda job: -sizes[job.row.id]):
        try:
            return as_specimen(job.row.scan, **job.task.reading_of(job.row)).fill.size
        except UserError:
            continue
    return 0
