"""From the cells of a cohort's table to values: how a scan is read, and who the patient is.

Cells are texts from a file, or values from Python, which may be what the reader takes already.
"""

import math
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from trabfem.biology import prescription
from trabfem.biology.patient import Patient
from trabfem.biology.trials import SEXES, STATUS
from trabfem.errors import UserError
from trabfem.specimen.presets import find_preset
from trabfem.specimen.readers.reading import as_labels, check_calibration
from trabfem.specimen.voxels import check_spacing

BLANK = ("", "na", "n/a", "nan", "none", "-")
PATIENT = ("sex", "age", "menopause_age", "hormonal_status")
SEPARATORS = re.compile(r"[\s,;x×]+")


def is_blank(cell: Any) -> bool:
    """Whether a cell says nothing."""
    if isinstance(cell, float):
        return math.isnan(cell)
    return cell is None or (isinstance(cell, str) and cell.strip().lower() in BLANK)


def number(name: str, cell: Any) -> float:
    """A finite number; UserError otherwise. A text may have a decimal comma."""
    try:
        value = float(cell.strip().replace("\u2212", "-").replace(",", ".") if isinstance(cell, str) else cell)
    except (TypeError, ValueError):
        value = math.nan
    if not math.isfinite(value):
        raise UserError(f"{name} = {cell}: it is not a number; give one, or leave the cell empty")
    return value


def whole_number(name: str, cell: Any) -> int:
    """A whole number."""
    value = number(name, cell)
    if value != int(value):
        raise UserError(f"{name} = {cell}: give a whole number")
    return int(value)


def numbers(cell: Any) -> list[str] | Any:
    """The parts of a text such as "0.03, 0.03, 0.05"; what is no text is left as it is."""
    return [part for part in SEPARATORS.split(cell.strip()) if part] if isinstance(cell, str) else cell


def read_spacing(cell: Any, base: Path) -> tuple[float, float, float]:
    """One edge or three, mm."""
    parts = numbers(cell)
    if isinstance(parts, list) and len(parts) == 2:
        # Two edges make no voxel: the comma is a decimal one.
        parts = [cell]
    return check_spacing([number("spacing", part) for part in parts] if isinstance(parts, list) else parts)


def read_count(name: str, cell: Any) -> int:
    """Voxels a side, at least one."""
    value = whole_number(name, cell)
    if value < 1:
        raise UserError(f"{name} = {cell}: give at least 1 voxel")
    return value


def read_which(cell: Any, base: Path) -> str | int:
    """The name or number of an array."""
    return int(cell) if isinstance(cell, str) and cell.strip().isdecimal() else cell


def read_label(cell: Any, base: Path) -> tuple[int, ...]:
    """One label or several."""
    return as_labels(",".join(numbers(cell)) if isinstance(cell, str) else cell)


def read_segmentation(cell: Any, base: Path) -> str:
    """The name of a preset."""
    find_preset(str(cell).strip())
    return str(cell).strip()


def read_calibration(cell: Any, base: Path) -> tuple[float, float]:
    """Slope and intercept."""
    return check_calibration(numbers(cell))


def read_region(cell: Any, base: Path) -> str | int:
    """A mask's path or a label."""
    if isinstance(cell, int) or (isinstance(cell, str) and cell.strip().isdecimal()):
        return int(cell)
    return find_file("roi", cell, base)


def read_moduli(cell: Any, base: Path) -> Any:
    """Moduli by label, from a text such as "1=17000; 2=8748" too; a map's path, or what the reader knows by name."""
    if isinstance(cell, Mapping):
        return dict(cell)
    text = str(cell).strip()
    if (base / text).exists():
        return str(base / text)
    if "=" not in text:
        return text
    pairs = [part.partition("=") for part in re.split(r"[,;]", text)]
    return {whole_number("moduli", label): number("moduli", modulus) for label, _, modulus in pairs}


def find_file(name: str, cell: Any, base: Path) -> str:
    """The full path of a file named relative to the table."""
    place = base / str(cell).strip()
    if not place.exists():
        raise UserError(f"{name} = {cell}: {place} does not exist; paths are relative to the table, check this one")
    return str(place)


READING: dict[str, Callable[[Any, Path], Any]] = {
    "spacing": read_spacing,
    "threshold": lambda cell, base: number("threshold", cell),
    "crop": lambda cell, base: read_count("crop", cell),
    "coarsen": lambda cell, base: read_count("coarsen", cell),
    "array": read_which,
    "label": read_label,
    "segmentation": read_segmentation,
    "calibration": read_calibration,
    "roi": read_region,
    "labels": lambda cell, base: find_file("labels", cell, base),
    "moduli": read_moduli,
}
"""How the cell of each column that says how a scan is read becomes its value."""


def read_patient(cells: Mapping[str, Any]) -> Patient:
    """The patient of a row; UserError where sex or age is missing or out of range."""
    for name in ("sex", "age"):
        if is_blank(cells.get(name)):
            raise UserError(f"{name} = not given: a study needs the patient's sex and age; fill in the cell")
    sex = str(cells["sex"]).strip().lower()
    status = "" if is_blank(cells.get("hormonal_status")) else str(cells["hormonal_status"]).strip().lower()
    menopause = cells.get("menopause_age")
    return Patient(
        SEXES.get(sex, sex),
        number("age", cells["age"]),
        None if is_blank(menopause) else number("menopause_age", menopause),
        STATUS.get(status, status) or None,
    )


def read_schedule(cell: Any) -> str:
    """A schedule of agents that are known, as text."""
    return "" if is_blank(cell) else str(prescription.check(str(cell)))
