"""Numbers with their units and meanings: what every result shows in a terminal, a notebook and a data frame."""

import csv
import html
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from trabfem.errors import UserError

if TYPE_CHECKING:
    import pandas


@dataclass(frozen=True)
class Column:
    """One quantity: its name as the field writes it, its unit (blank for none) and what it means in one sentence."""

    name: str
    unit: str = ""
    meaning: str = ""

    @property
    def label(self) -> str:
        """`Tb.Th (mm)`."""
        return f"{self.name} ({self.unit})" if self.unit else self.name


@dataclass(frozen=True)
class Table:
    """Rows under named columns. `table["Tb.Th"]` is a column's values in order, None where not known."""

    columns: tuple[Column, ...]
    rows: tuple[tuple[Any, ...], ...] = field(repr=False)
    title: str = ""

    def __getitem__(self, name: str) -> list[Any]:
        for number, column in enumerate(self.columns):
            if name in (column.name, column.label):
                return [row[number] for row in self.rows]
        raise KeyError(f"{name!r}; the columns are {', '.join(column.name for column in self.columns)}")

    def __len__(self) -> int:
        return len(self.rows)

    def to_pandas(self) -> "pandas.DataFrame":
        """A data frame with one column a quantity, named with its unit. UserError where pandas is not installed."""
        return frame({column.label: self[column.label] for column in self.columns})

    def save(self, path: str | Path) -> Path:
        """Write the table as CSV; UserError where the file exists."""
        return save_csv(path, [column.label for column in self.columns], self.rows)

    def __str__(self) -> str:
        return as_text([column.label for column in self.columns], self.rows, self.title)

    def _repr_html_(self) -> str:
        return as_html([column.label for column in self.columns], self.rows, self.title)


class Quantities(Mapping[str, Any]):
    """Named numbers, each with unit and meaning; a read-only mapping from the name to the number."""

    def __init__(self, values: Mapping[str, Any], columns: Sequence[Column], title: str = "") -> None:
        known = {column.name: column for column in columns}
        self._values = dict(values)
        self._columns = tuple(known.get(name, Column(name)) for name in self._values)
        self.title = title

    @property
    def columns(self) -> tuple[Column, ...]:
        """Name, unit and meaning of each number, in order."""
        return self._columns

    @property
    def units(self) -> dict[str, str]:
        """The unit of each number."""
        return {column.name: column.unit for column in self._columns}

    def __getitem__(self, name: str) -> Any:
        return self._values[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    @property
    def table(self) -> Table:
        """One row a number: name, value, unit, meaning."""
        columns = (Column("quantity"), Column("value"), Column("unit"), Column("meaning"))
        rows = tuple((c.name, self._values[c.name], c.unit, c.meaning) for c in self._columns)
        return Table(columns, rows, self.title)

    def to_pandas(self) -> "pandas.DataFrame":
        """A data frame with one row a number."""
        return self.table.to_pandas().set_index("quantity")

    def save(self, path: str | Path) -> Path:
        """Write name, value, unit and meaning as CSV; UserError where the file exists."""
        return self.table.save(path)

    def __repr__(self) -> str:
        return as_text(("", "value", "unit"), [row[:3] for row in self.table.rows], self.title)

    def _repr_html_(self) -> str:
        return self.table._repr_html_()


def frame(columns: Mapping[str, Sequence[Any]]) -> "pandas.DataFrame":
    """A pandas data frame of `columns`; UserError where pandas is not installed, which nothing else here needs."""
    try:
        import pandas
    except ImportError:
        raise UserError("to_pandas needs pandas, which is not installed: pip install pandas") from None
    return pandas.DataFrame(dict(columns))


def format_value(value: Any) -> str:
    """A cell for people: four significant digits, blank where nothing is known."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return ""
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def as_text(header: Sequence[str], rows: Sequence[Sequence[Any]], title: str = "") -> str:
    """A table in plain text, columns as wide as their widest cell, a column of numbers to the right."""
    cells = [list(header), *([format_value(value) for value in row] for row in rows)]
    widths = [max(len(row[k]) for row in cells) for k in range(len(header))]
    right = [all(isinstance(row[k], int | float | None) for row in rows) for k in range(len(header))]
    lines = [
        "  ".join(cell.rjust(w) if r else cell.ljust(w) for cell, w, r in zip(row, widths, right, strict=True)).rstrip()
        for row in cells
    ]
    return "\n".join([title, *lines] if title else lines)


def as_html(header: Sequence[str], rows: Sequence[Sequence[Any]], title: str = "") -> str:
    """The table for a notebook."""
    head = "".join(f"<th>{html.escape(name)}</th>" for name in header)
    body = "".join(
        "<tr>" + "".join(f"<td>{html.escape(format_value(value))}</td>" for value in row) + "</tr>" for row in rows
    )
    caption = f"<caption>{html.escape(title)}</caption>" if title else ""
    return f"<table>{caption}<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def save_csv(path: str | Path, header: Sequence[str], rows: Sequence[Sequence[Any]]) -> Path:
    """Write CSV to a file that does not exist yet, numbers in full."""
    path = Path(path)
    if path.exists():
        raise UserError(f"{path} exists and is left as it is: give another name")
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("x", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(header)
        writer.writerows(["" if value is None else value for value in row] for row in rows)
    return path
