"""The table of bench/gpu.sh from the files of its parts; what a part did not come to has a dash."""

import contextlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

Row = dict[str, Any]


def table_of(folder: Path) -> str:
    """Markdown with what was asked, its value, and what else is to be said."""
    machine = one(folder, "machine")
    about = ", ".join(f"{key} {value}" for key, value in machine.items() if value not in (None, []))
    lines = [(what, value or "-", more) for what, value, more in rows(folder)]
    widths = [max(len(line[i]) for line in lines) for i in range(3)]
    head, rule = ("what", "seconds or value", "more"), tuple("-" * width for width in widths)
    shown = [
        " | ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)) for line in (head, rule, *lines)
    ]
    return "\n".join([about, "", *(f"| {line} |" for line in shown)])


def read(folder: Path, part: str) -> list[Row]:
    """The rows of a part; none where it has not come so far."""
    found = []
    with contextlib.suppress(OSError):
        for line in (folder / f"{part}.json").read_text().splitlines():
            with contextlib.suppress(json.JSONDecodeError):
                found.append(json.loads(line))
    return [row for row in found if isinstance(row, dict)]


def one(folder: Path, part: str) -> Row:
    """The last row of a part, empty where there is none; earlier ones say how far it had come."""
    return (read(folder, part) or [{}])[-1]


def say(row: Row, *keys: str) -> str:
    """Some values of a row with their names."""
    return ", ".join(f"{key} {number(row[key])}" for key in keys if row.get(key) is not None)


def number(value: Any) -> str:
    """A number in few digits; moduli and loads are given in full elsewhere."""
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def rows(folder: Path) -> Iterator[tuple[str, str, str]]:
    """All lines in the order of the parts."""
    for part, what in (("solve-cold", "nothing compiled"), ("solve-cached", "compiled programs on disk")):
        row = one(folder, part)
        yield (
            f"solve vertebra_64, new process, {what}",
            say(row, "wall_s"),
            say(row, "setup_s", "solve_s", "iterations"),
        )
    yield from large(folder)
    yield from numbers(folder)
    row = one(folder, "pytest")
    yield "pytest -m gpu", say(row, "wall_s"), str(row.get("result", ""))
    for row in read(folder, "operator"):
        rate = f"{row['million_elements_per_s'] / 1e3:.2f} G elements/s"
        yield f"{row['form']} {row['dtype']}", f"{row['fraction']:.3f} of a copy", rate
    for part in ("arms-few", "arms"):
        row = one(folder, part)
        more = say(row, "first_month_s", "month_s", "month_of_a_run_s")
        yield row.get("case", part), say(row, "wall_s"), more
        yield f"  4 x 8 x 60 by {part}, extrapolated", say(row, "full_s"), str(row.get("trouble") or "")
    row = one(folder, "months")
    more = say(row, "wall_s", "compile_s", "iterations", "peak_MB")
    yield f"a month with six load cases, {row.get('case', '')}", say(row, "month_s"), more
    row = one(folder, "programs")
    copies = f"copies of grids a month {row.get('copies_a_month', '-')}"
    yield "programs compiled at the start, in month 1, later", _programs(row), copies


def _programs(row: Row) -> str:
    keys = ("compiled_at_the_start", "compiled_in_month_1", "compiled_later")
    return ", ".join(str(row[key]) for key in keys) if row else ""


def large(folder: Path) -> Iterator[tuple[str, str, str]]:
    """The large solves: the first call, then the warm one."""
    row = one(folder, "large")
    about = f"{row.get('case', '512^3')}, {row.get('num_dofs', 0) / 1e6:.0f} million unknowns"
    yield f"{about}, first call", say(row, "first_s"), say(row, "volume_s", "compile_s")
    yield "  warm", say(row, "setup_s", "solve_s"), say(row, "iterations", "bytes_per_dof", "relative_residual")
    giants = sorted(folder.glob("giant-*.json"), key=lambda path: path.stat().st_size)
    row = one(folder, giants[-1].stem) if giants else {}
    about = f"{row.get('case', 'the largest')}, {row.get('num_dofs', 0) / 1e6:.0f} million unknowns"
    yield f"{about}, first call", say(row, "first_s"), say(row, "volume_s", "setup_s", "solve_s", "bytes_per_dof")


def numbers(folder: Path) -> Iterator[tuple[str, str, str]]:
    """The answers beside those of a CPU."""
    ours, cpu = one(folder, "solve-cached") or one(folder, "solve-cold"), one(folder, "cpu")
    for key in ("apparent_modulus_MPa", "sed_mean_MPa", "pistoia_N"):
        off = f"off by {abs(ours[key] / cpu[key] - 1):.1e}" if key in ours and key in cpu else ""
        yield f"vertebra_64 {key}", f"{ours[key]:.9g}" if key in ours else "", f"CPU {cpu.get(key, '-')} {off}"
