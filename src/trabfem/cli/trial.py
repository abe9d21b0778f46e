"""`trabfem trial`: predictions beside published trial results."""

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from trabfem.cli.common import Common, Outcome, claim_file
from trabfem.device import use_device
from trabfem.errors import UserError


def trial(table: Path, /, *, out: Path | None = None, common: Common = Common()) -> Outcome:
    """Predict every row of a table of trial results, and print it beside what was published.

    Example: `trabfem trial published.csv --out predicted.csv`

    Parameters
    ----------
    table
        CSV with at least the columns sex, age, schedule, measure, month; value, where known, is the published change in
        %.
    out
        CSV file to write with every column and the predictions; left out, nothing is written.
    """
    from trabfem.biology.trials import run_table

    if out is not None:
        claim_file(out)
    use_device(common.device)
    report = run_table(table)
    if not report.rows:
        reason = report.refused[0]["reason"] if report.refused else "it has a header only"
        raise UserError(f"{table}: no row can be predicted ({reason})")
    if out is not None:
        write_rows(out, report.rows)
    return Outcome(f"Trials of {table}", lines(report), dataclasses.asdict(report), common.json, remarks(report))


def lines(report: Any) -> list[tuple[str, str]]:
    """One line per row: trial and measure, then predicted [90 % band], published, error; the mean errors last."""
    shown = [(describe_row(row), compare_row(row)) for row in report.rows]
    means = [(f"mean absolute error, {measure}", f"{value:.2f} %") for measure, value in report.mean_abs_error.items()]
    right = report.direction_right
    return shown + means + ([] if right is None else [("direction right", f"{100 * right:.0f} % of rows")])


def describe_row(row: Mapping[str, Any]) -> str:
    """Trial, arm, measure and month in a few words."""
    who = " ".join(str(row[key]) for key in ("trial", "arm") if row.get(key)) or row.get("schedule") or "untreated"
    return f"{who}, {row['measure']} at {row['month']} months"


def compare_row(row: Mapping[str, Any]) -> str:
    """Predicted, its band, and the published value with the error where there is one."""
    text = f"{row['predicted']:+.1f} [{row['predicted_low']:+.1f}, {row['predicted_high']:+.1f}] %"
    return text if row["error"] is None else f"{text}, published {row['value']}, error {row['error']:+.1f}"


def remarks(report: Any) -> list[str]:
    """The refused rows with reasons, then the report's own notes."""
    return [f"row {row['line']} is left out: {row['reason']}" for row in report.refused] + list(report.notes)


def write_rows(path: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    """The rows as CSV; a header alone when there are none."""
    import csv

    names = list(dict.fromkeys(key for row in rows for key in row))
    with open(path, "x", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, names)
        writer.writeheader()
        writer.writerows(rows)
