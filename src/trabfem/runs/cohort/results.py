"""A cohort as a result: one table with units and meanings, its failures, and the files in which both stand.

    cohort.json             the plan, where rows are from, counts, columns with unit and meaning, versions, device
    cohort.csv              one row a scan: id, scan, state, the cells of the table that was given, every measure
    cohort.parquet          the same where pyarrow is installed, with unit and meaning in the fields' metadata
    data_dictionary.csv     column, unit, meaning, source
    failures.csv            id, scan, analysis, reason, attempts
    rows/ID_measures.json   the record of a row (see `records`); of BIDS sub-*/ses-*/NAME_measures.json and .tsv
    rows/ID_bone.h5         the bone of a row for its page (see `previews`)

This module does not import JAX, so a cohort can be opened and drawn on machines without it.
"""

import html
import importlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from trabfem.display import COHORT_REPORTS, Drawable
from trabfem.errors import UserError
from trabfem.runs import files
from trabfem.tables import Column, Table, as_html, as_text

from . import records
from .records import Record

if TYPE_CHECKING:
    import pandas

KIND = "cohort"
DONE, FAILED, NOT_CONVERGED, LEFT = "done", "failed", "not converged", "not done"
FIRST = (
    Column("id", "", "name of the row"),
    Column("scan", "", "path of the scan, relative to the table or the data set"),
    Column("state", "", f"{DONE}; {NOT_CONVERGED}: see trouble; {FAILED}: see failures.csv; {LEFT}"),
)
TROUBLE = Column("trouble", "", "what is wrong with values of this row that are there all the same")
FAILURES = (
    Column("id", "", "name of the row"),
    Column("scan", "", "path of the scan"),
    Column("analysis", "", "what failed; worker: the process that had the row was lost"),
    Column("reason", "", "in one sentence"),
    Column("attempts", "", "how often the row was begun"),
)
SUMMARY = (
    Column("measure"),
    Column("unit"),
    Column("n", "", "rows that have a value"),
    Column("mean"),
    Column("SD", "", "standard deviation of the sample"),
    Column("median"),
    Column("min"),
    Column("max"),
)
GIVEN = "the table"


@dataclass(frozen=True)
class Cohort(Drawable):
    """Scans × measures. `table` has a row for each scan, `failures` one for each analysis that failed.

    `header` is the content of cohort.json.
    """

    header: Mapping[str, Any] = field(repr=False)
    records: tuple[Record, ...] = field(repr=False)
    """Of every row in order; empty where nothing is known of a row yet."""
    folder: Path

    @property
    def name(self) -> str:
        """Of the table or folder that it was made from."""
        return str(self.header["name"])

    @property
    def rows(self) -> list[dict[str, Any]]:
        """Id, scan, copied cells, and options of each row."""
        return list(self.header["rows"])

    @property
    def notes(self) -> list[str]:
        """Sentences on what was taken and left out."""
        return list(self.header["notes"])

    @property
    def states(self) -> list[str]:
        """The state of each row in one word or two."""
        return [state_of(record, self.header["analyses"]) for record in self.records]

    @property
    def measures(self) -> list[tuple[Column, str]]:
        """Every measured column, with the analysis that it is from."""
        return measured_columns(self.records, self.header["analyses"])

    @property
    def table(self) -> Table:
        """One row a scan: id, scan, state, the cells of the given table, the measures, and trouble."""
        measures, copied = self.measures, list(self.header["copied"])
        given = [named_apart(name, [column.label for column, _ in measures]) for name in copied]
        rows = []
        for row, record, state in zip(self.rows, self.records, self.states, strict=True):
            cells = [as_number(row["copied"].get(name), name in self.header["numeric"]) for name in copied]
            found = values_of(record)
            values = [found.get((analysis, column.name)) for column, analysis in measures]
            rows.append((row["id"], row["scan"], state, *cells, *values, trouble_of(record)))
        own = tuple(Column(name, "", f"as in {self.name}") for name in given)
        return Table((*FIRST, *own, *(column for column, _ in measures), TROUBLE), tuple(rows), self.title)

    @property
    def failures(self) -> Table:
        """One row for each analysis of a row that failed, with the reason."""
        rows = tuple(
            (row["id"], row["scan"], name, reason, record["attempts"])
            for row, record in zip(self.rows, self.records, strict=True)
            for name, reason in record.get("failures", {}).items()
        )
        return Table(FAILURES, rows, f"Failures of {self.name}")

    @property
    def dictionary(self) -> Table:
        """Unit, meaning and source of every column of `table`."""
        source = {column.label: analysis for column, analysis in self.measures}
        given = len(self.header["copied"])
        rows = []
        for number, column in enumerate(self.table.columns):
            of = GIVEN if len(FIRST) <= number < len(FIRST) + given else source.get(column.label, "cohort")
            rows.append((column.label, column.unit, column.meaning, of))
        columns = (Column("column"), Column("unit"), Column("meaning"), Column("source"))
        return Table(columns, tuple(rows), f"Columns of {self.name}")

    @property
    def summary(self) -> Table:
        """Of each measure how many rows have it, mean, standard deviation, median and range."""
        table = self.table
        rows = [spread(column, table[column.label]) for column, _ in self.measures]
        return Table(SUMMARY, tuple(row for row in rows if row[2]))

    @property
    def title(self) -> str:
        """Name and counts: `scans: 20 rows, 18 done, 2 failed`."""
        states = self.states
        counts = [f"{states.count(each)} {each}" for each in (DONE, NOT_CONVERGED, FAILED, LEFT) if each in states]
        return f"{self.name}: {len(states)} {'row' if len(states) == 1 else 'rows'}, {', '.join(counts)}"

    @property
    def trouble(self) -> str:
        """Empty where every row is done; otherwise how many are not, and the first reasons."""
        states, reasons = self.states, {}
        for id, _, _, reason, _ in self.failures.rows:
            reasons.setdefault(id, reason)
        for row, record in zip(self.rows, self.records, strict=True):
            if said := trouble_of(record):
                reasons.setdefault(row["id"], said)
        bad = len(states) - states.count(DONE)
        if not bad:
            return ""
        said = [f"{id}: {reason.rstrip('.')}" for id, reason in list(reasons.items())[:3]]
        more = f"; and {len(reasons) - 3} more" if len(reasons) > 3 else ""
        return f"{bad} of {len(states)} rows are not done: {'; '.join(said)}{more} (see {self.folder / 'failures.csv'})"

    def to_pandas(self) -> "pandas.DataFrame":
        """The table as a data frame, columns named with their units."""
        return self.table.to_pandas()

    def save(self, path: str | Path) -> Path:
        """Write the table as CSV; it stands as `cohort.csv` in `folder` too."""
        return self.table.save(path)

    def report(self, *, group: str | None = None) -> Path:
        """Write `report.html`, all rows on one page, and a page for each row; `group`: as for `plot`."""
        page = importlib.import_module(COHORT_REPORTS)
        return page.write_cohort_report(self, group=group)

    def __len__(self) -> int:
        return len(self.records)

    def __str__(self) -> str:
        parts = [self.title, as_text([c.label for c in SUMMARY], self.summary.rows)]
        return "\n\n".join([*parts, *([str(self.failures)] if len(self.failures) else [])])

    def _repr_html_(self) -> str:
        table = as_html([column.label for column in SUMMARY], self.summary.rows, self.title)
        notes = "".join(f"<p>{html.escape(note)}</p>" for note in self.notes)
        return table + (self.failures._repr_html_() if len(self.failures) else "") + notes


def state_of(record: Record, analyses: Sequence[str]) -> str:
    """A row's state in a word."""
    if record.get("failures"):
        return FAILED
    if not record or any(name not in record["analyses"] for name in analyses):
        return LEFT
    return NOT_CONVERGED if trouble_of(record) else DONE


def trouble_of(record: Record) -> str:
    """What is wrong with values that are there."""
    return "; ".join(each["trouble"] for each in record.get("analyses", {}).values() if each["trouble"])


def measured_columns(all_records: Sequence[Record], analyses: Sequence[str]) -> list[tuple[Column, str]]:
    """Every measured column with its analysis, in the order of analyses; as many as all rows together have."""
    found = {
        (name, each["name"]): Column(each["name"], each["unit"], each["meaning"])
        for name in analyses
        for record in all_records
        for each in record.get("analyses", {}).get(name, {}).get("values", [])
    }
    return [(column, name) for (name, _), column in found.items()]


def values_of(record: Record) -> dict[tuple[str, str], Any]:
    """Each value by analysis and name."""
    return {
        (name, each["name"]): each["value"]
        for name, answer in record.get("analyses", {}).items()
        for each in answer["values"]
    }


def named_apart(name: str, measured: Sequence[str]) -> str:
    """The name of a copied column; with "(given)" where a measure or a column of ours is called so."""
    return f"{name} (given)" if name in (*measured, *(column.name for column in (*FIRST, TROUBLE))) else name


def as_number(cell: Any, numeric: bool) -> Any:
    """A copied cell; of a column of numbers the number."""
    if cell is None or cell == "":
        return None
    return float(cell) if numeric else cell


def spread(column: Column, values: Sequence[Any]) -> tuple[Any, ...]:
    """A row of `SUMMARY`."""
    import numpy as np

    known = np.array([value for value in values if isinstance(value, int | float)], float)
    known = known[np.isfinite(known)]
    if not len(known):
        return (column.name, column.unit, 0, None, None, None, None, None)
    deviation = float(known.std(ddof=1)) if len(known) > 1 else None
    middle = (float(known.mean()), deviation, float(np.median(known)))
    return (column.name, column.unit, len(known), *middle, float(known.min()), float(known.max()))


def open_cohort(folder: str | Path) -> Cohort:
    """The cohort in a folder, finished or not. **Raises:** `UserError` where there is none."""
    folder = Path(folder)
    header = files.read_json(folder / "cohort.json")
    if (header.get("kind"), header.get("format")) != (KIND, records.FORMAT):
        raise UserError(f"{folder} holds no cohort.json of this version: give the folder that trabfem cohort wrote")
    return Cohort(header, tuple(read_record(folder, row) for row in header["rows"]), folder)


def read_record(folder: Path, row: Mapping[str, Any]) -> Record:
    """The record of a row in a folder, with what was asked for; empty where there is none."""
    found = files.read_json(records.path_of(folder / row["place"]))
    return found and records.only(found, row["asked"])
