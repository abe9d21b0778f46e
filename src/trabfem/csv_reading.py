"""Tables of text (.csv) as spreadsheets in any language write them: rows of named columns, and the numbers in them."""

import csv
import io
import re
from pathlib import Path

from trabfem.errors import UserError

SEPARATORS = (";", "\t", ",", "|")
WORKBOOKS = {b"PK\x03\x04": "an Excel or OpenDocument workbook", b"\xd0\xcf\x11\xe0": "an Excel workbook"}
MINUS = str.maketrans({"\u2212": "-", "\u2013": "-", "\u00a0": " ", "\u202f": " "})
NUMBER = re.compile(r"[-+]?(\d+([.,]\d*)*|[.,]\d+)([eE][-+]?\d{1,3})?")


def read_csv_rows(
    path: str | Path, needed: tuple[str, ...] = (), remedy: str = "check the header"
) -> list[dict[str, str]]:
    """The rows of `read_csv_table` alone."""
    return read_csv_table(path, needed, remedy)[1]


def read_csv_table(
    path: str | Path, needed: tuple[str, ...] = (), remedy: str = "check the header"
) -> tuple[list[str], list[dict[str, str]]]:
    """The header, and the rows below it by the names of the columns, without blank rows; all texts, stripped.

    Fields are separated by comma, semicolon, tab or bar, whichever parts the header most; the text is UTF-8, UTF-16 or
    Windows' Western European. A row that is too short is filled with blanks.

    **Raises:** `UserError` for what is not such a table, has a row with too many fields, or lacks a `needed` column;
    `remedy` ends that sentence.
    """
    text = read_text(path)
    hint = re.match(r"sep=(.)\r?\n", text)
    text = text[hint.end() :] if hint else text
    separator = hint.group(1) if hint else find_separator(text)
    try:
        lines = list(csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True))
    except csv.Error as error:
        raise UserError(
            f"{path}: not a table of text ({error}); check its quotation marks and save it as CSV"
        ) from None
    lines = [[field.strip() for field in line] for line in lines]
    lines = [line for line in lines if any(line)]
    header = lines[0] if lines else []
    check_header(path, header, needed, remedy)
    rows = [make_row(path, header, line, number, separator) for number, line in enumerate(lines[1:], start=1)]
    return header, rows


def read_text(path: str | Path) -> str:
    """The text of a file by its byte order mark, else as UTF-8 or UTF-16, else as Windows-1252."""
    try:
        content = Path(path).read_bytes()
    except OSError as error:
        raise UserError(f"{path}: {error.strerror or error}; give a table saved as CSV") from None
    for start, what in WORKBOOKS.items():
        if content.startswith(start):
            raise UserError(f"{path}: is {what}, not a table of text; save the sheet as CSV")
    encodings = ["utf-8-sig", "cp1252", "latin-1"]
    zeros = content[:2000].count(0)
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        encodings = ["utf-16"]
    elif zeros > len(content[:2000]) / 4:
        encodings = ["utf-16-le" if content[1::2][:1000].count(0) > zeros / 2 else "utf-16-be"]
    for encoding in encodings:
        try:
            text = content.decode(encoding)
        except UnicodeDecodeError:
            continue
        if "\0" in text:
            break
        return text
    raise UserError(f"{path}: is not a table of text, save it as CSV in UTF-8")


def find_separator(text: str) -> str:
    """The separator that parts the first line with content into the most fields, outside quotation marks."""
    first = next((line for line in text.splitlines() if line.strip(" \t;,|")), "")
    plain = re.sub(r'"[^"]*"', "", first)
    return max(SEPARATORS, key=plain.count) if any(s in plain for s in SEPARATORS) else ","


def check_header(path: str | Path, header: list[str], needed: tuple[str, ...], remedy: str) -> None:
    """UserError where a needed column is missing or a name stands twice."""
    missing = [name for name in needed if name not in header]
    if missing or not header:
        raise UserError(f"{path}: no column {', '.join(missing) or 'at all'}; {remedy}")
    twice = sorted({name for name in header if name and header.count(name) > 1})
    if twice:
        raise UserError(f"{path}: the column {twice[0]!r} stands twice in the header, rename or remove one")


def make_row(path: str | Path, header: list[str], line: list[str], number: int, separator: str) -> dict[str, str]:
    """A row by column; UserError where it has more fields than the header."""
    if any(line[len(header) :]):
        raise UserError(
            f"{path}: row {number} below the header has {len(line)} fields and the header {len(header)}; put fields "
            f"that hold {separator!r}, such as numbers with a decimal comma, in quotation marks"
        )
    fields = [*line, *[""] * (len(header) - len(line))]
    return {name: field for name, field in zip(header, fields, strict=False) if name}


def as_number(text: str) -> float:
    """A number with decimal point or comma; of both kinds of mark the last one is the decimal one.

    **Raises:** `ValueError` where it is no number, or where a comma may be a decimal or a thousands separator (1,234).
    """
    text = text.translate(MINUS).strip()
    if not NUMBER.fullmatch(text):
        raise ValueError(f"{text!r} is not a number")
    marks = re.findall(r"[.,]", text)
    if marks in ([], ["."]):
        return float(text)
    whole, _, rest = text.rpartition(marks[-1])
    if len(marks) == 1:
        # "12,345" is twelve to one reader and twelve thousand to another; no thousands begin with a zero.
        if re.fullmatch(r"[-+]?[1-9]\d{0,2}", whole) and re.fullmatch(r"\d{3}", rest):
            raise ValueError(f"{text!r} may be {whole}.{rest} or {whole}{rest}")
        return float(f"{whole}.{rest}")
    other = marks[0]
    # Thousands of one kind, then at most one decimal mark of the other kind.
    groups = whole if other != marks[-1] else text
    if not re.fullmatch(rf"[-+]?\d{{1,3}}(\{other}\d{{3}})+", groups):
        raise ValueError(f"{text!r} is not a number")
    digits = groups.replace(other, "")
    return float(f"{digits}.{rest}") if other != marks[-1] else float(digits)
