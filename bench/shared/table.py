"""Rows for people, as a table that Markdown understands, or for programs, one JSON object a line."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from bench.shared.measure import machine

# Key of a row: heading and format.
Columns = Mapping[str, tuple[str, str]]


def headed(
    rows: Sequence[Mapping[str, Any]], columns: Columns, about: str = "{case}: {num_elements} elements on {device}"
) -> str:
    """What the rows are about (in the words of the first), the machine, and the table."""
    return f"{about.format_map(rows[0])}; {machine()}\n\n{show(rows, columns)}"


def show(rows: Sequence[Mapping[str, Any]], columns: Columns) -> str:
    """The table; text to the left, numbers to the right, a dash where a row lacks the value."""
    head = [heading for heading, _ in columns.values()]
    body = [[_cell(row.get(key), form) for key, (_, form) in columns.items()] for row in rows]
    widths = [max(len(line[i]) for line in [head, *body]) for i in range(len(head))]
    left = [form == "s" for _, form in columns.values()]
    rule = [("-" * width if text else "-" * (width - 1) + ":") for width, text in zip(widths, left, strict=True)]
    lines = [head, rule, *body]
    return "\n".join("| " + " | ".join(_padded(line, widths, left)) + " |" for line in lines)


def json_line(row: Mapping[str, Any]) -> str:
    """One row as a JSON object."""
    return json.dumps(row, allow_nan=False)


def _cell(value: Any, form: str) -> str:
    return "-" if value is None else format(value, form)


def _padded(line: Sequence[str], widths: Sequence[int], left: Sequence[bool]) -> list[str]:
    cells = zip(line, widths, left, strict=True)
    return [cell.ljust(width) if text else cell.rjust(width) for cell, width, text in cells]
