"""Tables of text as spreadsheets in several languages write them."""

from pathlib import Path

import pytest

from trabfem.biology.trials import read_table
from trabfem.csv_reading import as_number, read_csv_rows
from trabfem.errors import UserError

HEAD = ["trial", "arm", "sex", "age", "schedule", "measure", "month", "value"]
ROW = ["Östlund", "A; b", "female", "65.5", "alendronate 0-24", "bmd_lumbar_spine", "24", "-6.5"]


def text(separator: str = ",", decimal: str = ".", end: str = "\n", quote: bool = False) -> str:
    cells = [cell.replace(".", decimal) for cell in ROW]
    cells = [f'"{cell}"' if quote or separator in cell else cell for cell in cells]
    return separator.join(HEAD) + end + separator.join(cells) + end


@pytest.mark.parametrize(
    ("content", "decimal"),
    [
        (text().encode(), "."),
        (text(end="\r\n").encode("utf-8-sig"), "."),
        (text(end="\r").encode(), "."),
        (text(";").encode(), "."),
        (text(";", ",", "\r\n").encode("utf-8-sig"), ","),
        (text("\t", ",").encode(), ","),
        (text("|").encode(), "."),
        (text(decimal=",", quote=True).encode(), ","),
        (("sep=;\n" + text(";", ",")).encode(), ","),
        (("\n\n" + text() + "\n,,,,,,,\n  \n").encode(), "."),
        (text(";", ",").encode("latin-1"), ","),
        (text().encode("utf-16"), "."),
        (text("\t", ",").encode("utf-16-le"), ","),
        (text().encode("utf-16-be"), "."),
    ],
)
def test_every_way_of_writing_gives_the_same_rows(tmp_path, content, decimal) -> None:
    (tmp_path / "t.csv").write_bytes(content)
    (row,) = read_csv_rows(tmp_path / "t.csv", ("trial", "age"))
    assert row == dict(zip(HEAD, [cell.replace(".", decimal) for cell in ROW], strict=True))
    assert (as_number(row["age"]), as_number(row["value"])) == (65.5, -6.5)
    rows, refused = read_table(tmp_path / "t.csv")
    assert refused == []
    assert (rows[0].history.patient.age, rows[0].value, rows[0].month) == (65.5, -6.5, 24.0)


def test_a_short_row_is_filled_and_blank_columns_are_left(tmp_path) -> None:
    (tmp_path / "t.csv").write_text(" a ,b,,\n1,2,,\n3\n")
    assert read_csv_rows(tmp_path / "t.csv") == [{"a": "1", "b": "2"}, {"a": "3", "b": ""}]


@pytest.mark.parametrize(
    ("content", "match"),
    [
        (b"", "no column b; check the header"),
        (b"a,c\n1,2\n", "no column b; check the header"),
        (b"a,b\n1,2\n65,5,2\n", "row 2 below the header has 3 fields and the header 2; put fields that hold ','"),
        (b"a,b,a\n1,2,3\n", "the column 'a' stands twice"),
        (b'a,b\n"1,2\n', "check its quotation marks"),
        (b"PK\x03\x04rest of a workbook", "an Excel or OpenDocument workbook.*save the sheet as CSV"),
        (b"\xd0\xcf\x11\xe0rest of a workbook", "an Excel workbook"),
        (b"a,b\n1,\0\n", "not a table of text"),
        (bytes(range(256)) * 4, "t.csv"),
    ],
)
def test_what_is_no_table_is_one_sentence(tmp_path: Path, content: bytes, match: str) -> None:
    (tmp_path / "t.csv").write_bytes(content)
    with pytest.raises(UserError, match=match) as caught:
        read_csv_rows(tmp_path / "t.csv", ("b",))
    assert "t.csv" in str(caught.value)


@pytest.mark.parametrize(
    ("written", "number"),
    [
        ("65", 65.0),
        ("65,5", 65.5),
        ("0,034", 0.034),
        (",5", 0.5),
        ("-6,25e-1", -0.625),
        ("\u22122.5", -2.5),
        ("1.234", 1.234),
        ("1.234,5", 1234.5),
        ("1,234.5", 1234.5),
        ("1,234,567", 1234567.0),
        ("1.234.567", 1234567.0),
        ("1.234.567,25", 1234567.25),
        ("12345,678", 12345.678),
    ],
)
def test_numbers(written: str, number: float) -> None:
    assert as_number(written) == pytest.approx(number, rel=1e-15)


@pytest.mark.parametrize(
    "written", ["1,234", "12,345", "1.2.3", "1,2,3", "1,23,456.5", "1_000", "nan", "inf", "", "--1"]
)
def test_what_is_no_number_or_may_be_two(written: str) -> None:
    with pytest.raises(ValueError, match="is not a number|may be"):
        as_number(written)
