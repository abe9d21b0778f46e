"""The files of a cohort as a whole: tables, dictionary, failures, and what BIDS asks of a derivative."""

import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from trabfem.runs import files
from trabfem.runs.versions import versions
from trabfem.tables import Column, Table

from .results import Cohort, values_of

BIDS_VERSION = "1.9.0"


def write_tables(cohort: Cohort) -> None:
    """Write cohort.json and every table anew, each completely or not at all."""
    folder, dictionary = cohort.folder, cohort.dictionary
    columns = [dict(zip(("column", "unit", "meaning", "source"), row, strict=True)) for row in dictionary.rows]
    states = cohort.states
    counts = {state: states.count(state) for state in dict.fromkeys(states)}
    files.write_json(folder / "cohort.json", {**cohort.header, "counts": counts, "columns": columns})
    tables = {"cohort": cohort.table, "data_dictionary": dictionary, "failures": cohort.failures}
    for name, table in tables.items():
        files.write_table(folder / f"{name}.csv", [column.label for column in table.columns], table.rows)
    write_parquet(folder / "cohort.parquet", cohort.table)


def write_parquet(path: Path, table: Table) -> bool:
    """Write a table as Parquet, unit and meaning in each field's metadata; False where pyarrow is not installed."""
    try:
        import pyarrow
        from pyarrow import parquet
    except ImportError:
        return False
    fields, arrays = [], []
    for column in table.columns:
        values = table[column.label]
        numeric = all(isinstance(value, int | float | None) for value in values)
        kind = pyarrow.float64() if numeric and any(value is not None for value in values) else pyarrow.string()
        cells = [None if value is None else value if numeric else str(value) for value in values]
        arrays.append(pyarrow.array(cells, kind))
        fields.append(pyarrow.field(column.label, kind, metadata={"unit": column.unit, "meaning": column.meaning}))
    found = pyarrow.Table.from_arrays(arrays, schema=pyarrow.schema(fields))
    files.write_atomic(path, lambda partial: parquet.write_table(found, partial))
    return True


def describe_data_set(folder: Path, source: Path) -> None:
    """Write dataset_description.json of a BIDS derivative; `raw` in its links is the data set that was read."""
    files.write_json(
        folder / "dataset_description.json",
        {
            "Name": f"trabfem: morphometry and micro-FE of {source.name}",
            "BIDSVersion": BIDS_VERSION,
            "DatasetType": "derivative",
            "GeneratedBy": [{"Name": "trabfem", "Version": versions()["trabfem"]}],
            "SourceDatasets": [{"URL": os.path.relpath(source, folder)}],
            "DatasetLinks": {"raw": os.path.relpath(source, folder)},
        },
    )


def write_measures(path: Path, record: Mapping[str, Any]) -> None:
    """Write the values of one scan as a table with tabs, beside its JSON."""
    lines = ["analysis\tmeasure\tvalue\tunit\tmeaning"]
    answers = record.get("analyses", {})
    meant = {
        (name, each["name"]): Column(each["name"], each["unit"], each["meaning"])
        for name, answer in answers.items()
        for each in answer["values"]
    }
    for (name, measure), value in values_of(dict(record)).items():
        column = meant[name, measure]
        cell = "n/a" if value is None else files.format_cell(value)
        lines.append("\t".join((name, measure, cell, column.unit or "n/a", column.meaning or "n/a")))
    files.write_text(path, "\n".join(lines) + "\n")


def are_numbers(rows: Sequence[Mapping[str, Any]], name: str, blank: Callable[[Any], bool]) -> bool:
    """Whether every cell of a copied column is a number or blank, and one is a number."""
    cells = [row.get(name) for row in rows if not blank(row.get(name))]
    return bool(cells) and all(isinstance(files.read_cell(str(cell)), float) for cell in cells)
