"""A run folder read back into plain numpy: `run.json`, `timeseries.csv` and the HDF5 file of each step."""

import csv
import json
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float

from trabfem.errors import UserError

STEP_FILES = "month_*.h5"
MONTHS_PER_YEAR = 12.0
OF_START = ", % of start"
"""Ends the name of a column in which every member of an ensemble is taken relative to its own start."""


@dataclass(frozen=True)
class Step:
    """One saved moment of an arm: `fill` in 0..1 and `sed`, MPa per unit volume of the element."""

    month: float
    fill: Float[np.ndarray, "x y z"]
    sed: Float[np.ndarray, "x y z"]


@dataclass(frozen=True)
class Arm:
    """One arm of a run: its step files in order of time, and its rows of the table as columns."""

    name: str
    slug: str
    schedule: str
    files: tuple[Path, ...]
    months: tuple[float, ...]
    table: dict[str, np.ndarray] = field(repr=False)

    def column(self, name: str) -> np.ndarray | None:
        """Values of the column called `name`, whatever its unit in parentheses and its case; None where absent."""
        wanted = bare(name)
        return next((values for key, values in self.table.items() if bare(key) == wanted), None)

    def change(self, name: str) -> float | None:
        """100 (last / first - 1) of a column, %; of members the median of it."""
        of_start = self.column(name + OF_START)
        values = of_start if of_start is not None else self.column(name)
        known = values[np.isfinite(values)] if values is not None else np.zeros(0)
        if len(known) < 2 or not known[0]:
            return None
        return float(100.0 * (known[-1] / known[0] - 1.0))


@dataclass(frozen=True)
class Run:
    """A run folder: what `run.json` says and the arms that have at least one saved step."""

    folder: Path
    name: str
    spacing: tuple[float, float, float]
    shape: tuple[int, int, int]
    arms: tuple[Arm, ...]
    meta: dict[str, Any] = field(repr=False)

    @property
    def size(self) -> tuple[float, float, float]:
        """Sides of the volume, mm."""
        x, y, z = (n * h for n, h in zip(self.shape, self.spacing, strict=True))
        return (x, y, z)


def bare(column: str) -> str:
    """`column` in lower case without its unit: "Tb.Th (mm)" → "tb.th"."""
    return " ".join(re.sub(r"\([^)]*\)", " ", column).split()).lower()


def load_json(path: Path) -> dict[str, Any]:
    """The JSON object in `path`; `UserError` where it is missing or is no run description."""
    remedy = "give the folder that `trabfem compare` or `trabfem simulate` wrote"
    if not path.parent.is_dir():
        raise UserError(f"{path.parent} is not a folder: {remedy}")
    if not path.is_file():
        raise UserError(f"{path.parent} holds no run.json: {remedy}")
    try:
        meta = json.loads(path.read_text())
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise UserError(f"{path} is not readable as JSON ({error}): {remedy}") from error
    missing = [key for key in ("arms", "spacing_mm", "shape") if not isinstance(meta, dict) or key not in meta]
    if missing:
        raise UserError(f"{path} lacks {', '.join(missing)}: {remedy}")
    return meta


def load_tables(path: Path) -> dict[str, dict[str, np.ndarray]]:
    """Columns of `timeseries.csv` for each arm's slug, in order of month; text and empty cells become NaN."""
    if not path.is_file():
        raise UserError(f"{path.parent} holds no timeseries.csv: finish the run (`--resume`) before drawing it")
    with path.open(newline="") as lines:
        rows = list(csv.DictReader(lines))
    slugs = dict.fromkeys(row.get("slug", "") for row in rows)
    return {slug: columns([row for row in rows if row.get("slug", "") == slug]) for slug in slugs}


def columns(rows: list[dict[str, str]]) -> dict[str, np.ndarray]:
    """The numeric columns of CSV `rows`, sorted by month."""
    names = [name for name in rows[0] if name and name not in ("arm", "slug")]
    table = {name: np.array([number(row[name]) for row in rows]) for name in names}
    if "month" in table:
        order = np.argsort(table["month"], kind="stable")
        table = {name: values[order] for name, values in table.items()}
    return table


def number(text: str | None) -> float:
    """`text` as a float, NaN where it is none."""
    try:
        return float(text or "nan")
    except ValueError:
        return float("nan")


def find_steps(folder: Path) -> tuple[tuple[Path, ...], tuple[float, ...]]:
    """The step files of an arm and their months, in order of month."""
    import h5py

    found: list[tuple[float, Path]] = []
    for path in folder.glob(STEP_FILES):
        try:
            with h5py.File(path, "r") as file:
                found.append((float(np.asarray(file.attrs["month"]).item()), path))
        except (OSError, KeyError) as error:
            raise UserError(f"{path} is not a step of a run ({error}): delete it and go on with `--resume`") from error
    found.sort()
    return tuple(path for _, path in found), tuple(month for month, _ in found)


def read_run(folder: "Path | str | Run") -> Run:
    """The run in `folder`; arms without a saved step are left out. `UserError` where it is no run.

    A `Run` is returned as it is, so that several pictures can share one reading.
    """
    if isinstance(folder, Run):
        return folder
    folder = Path(folder)
    meta = load_json(folder / "run.json")
    tables = load_tables(folder / "timeseries.csv")
    arms = []
    for entry in meta["arms"]:
        slug = entry["slug"]
        files, months = find_steps(folder / slug)
        if files:
            arms.append(
                Arm(entry.get("name", slug), slug, entry.get("schedule", ""), files, months, tables.get(slug, {}))
            )
    if not arms:
        raise UserError(f"{folder} holds no saved step of any arm: run `trabfem compare` into it first")
    x, y, z = (int(n) for n in meta["shape"])
    dx, dy, dz = (float(h) for h in meta["spacing_mm"])
    name = str(meta.get("name", folder.name))
    return Run(folder, name, (dx, dy, dz), (x, y, z), tuple(arms), meta)


def read_step(path: Path, shape: tuple[int, int, int] | None = None) -> Step:
    """The step saved in `path`; `UserError` where a dataset is missing or its shape is not `shape`."""
    import h5py

    try:
        with h5py.File(path, "r") as file:
            fill = np.asarray(file["fill"], dtype=np.float32) / np.float32(255.0)
            sed = np.asarray(file["sed"], dtype=np.float32)
            month = float(np.asarray(file.attrs["month"]).item())
    except (OSError, KeyError) as error:
        raise UserError(f"{path} is not a step of a run ({error}): delete it and go on with `--resume`") from error
    if fill.shape != sed.shape or (shape is not None and fill.shape != tuple(shape)):
        raise UserError(f"{path} holds fill {fill.shape} and sed {sed.shape}, but run.json says {shape}")
    return Step(month, fill, sed)
