"""What every result of an analysis has in common: a table of its numbers with their errors, and notes."""

import html
from pathlib import Path
from typing import TYPE_CHECKING

from trabfem.display import Drawable
from trabfem.specimen import Specimen
from trabfem.tables import Column, Table

if TYPE_CHECKING:
    import pandas

COLUMNS = (
    Column("quantity"),
    Column("value"),
    Column("error", meaning="estimated error of the solver, in the unit of the value; blank where none is known"),
    Column("unit"),
    Column("meaning"),
)
PRECISION = "float32 preconditioner, float64 residual and solution"
Row = tuple[str, float, float | None, str, str]
"""Name, value, error of the solver in the same unit, unit, meaning."""

ERROR_NOTE = "± is the error of the solver alone; it says nothing of scan, voxels, tissue or criterion."


class Report(Drawable):
    """A result that shows itself as a table of `rows` with a title and notes; subclasses are frozen dataclasses."""

    bone: Specimen
    """The bone as it was analysed."""

    @property
    def title(self) -> str:
        """One line: what was asked of which bone."""
        raise NotImplementedError

    @property
    def rows(self) -> tuple[Row, ...]:
        """The numbers."""
        raise NotImplementedError

    @property
    def trouble(self) -> str:
        """Empty for a converged answer, otherwise what is wrong with it and the remedy."""
        raise NotImplementedError

    @property
    def notes(self) -> tuple[str, ...]:
        """What was read and done, and what to be careful with, in sentences."""
        return (*self.bone.notes, *([f"{self.trouble[0].upper()}{self.trouble[1:]}."] if self.trouble else []))

    @property
    def table(self) -> Table:
        """One row a number: value, error, unit, meaning."""
        return Table(COLUMNS, self.rows, self.title)

    def to_pandas(self) -> "pandas.DataFrame":
        """A data frame with one row a number. UserError where pandas is not installed."""
        return self.table.to_pandas().set_index("quantity")

    def save(self, path: str | Path) -> Path:
        """Write the table as CSV; UserError where the file exists."""
        return self.table.save(path)

    def __repr__(self) -> str:
        return "\n".join([as_lines(self.title, self.rows), *(f"Note: {note}" for note in self.notes)])

    def _repr_html_(self) -> str:
        notes = [ERROR_NOTE, *(f"Note: {note}" for note in self.notes)]
        return self.table._repr_html_() + "".join(f"<p>{html.escape(note)}</p>" for note in notes)


def as_lines(title: str, rows: tuple[Row, ...]) -> str:
    """The numbers for a terminal: `force  -10.1902 ± 4e-07 N  on the loaded face along its travel`."""
    values = [f"{format_with_error(value, error)} {unit}".rstrip() for _, value, error, unit, _ in rows]
    names, wide = max(len(row[0]) for row in rows), max(map(len, values))
    lines = [f"  {row[0]:{names}}  {value:{wide}}  {row[4]}" for row, value in zip(rows, values, strict=True)]
    return "\n".join([title, *lines, *([f"  {ERROR_NOTE}"] if any(row[2] is not None for row in rows) else [])])


def format_with_error(value: float, error: float | None) -> str:
    """`6829 ± 0.002`: six digits, and one of the error."""
    return f"{value:.6g}" + ("" if error is None else f" ± {error:.1g}")
