"""The results of one run (an arm of a member): its table, its bones, and how it ended."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float

from trabfem.errors import UserError

from .files import month_files, read_month

Voxels = Float[np.ndarray, "x y z"]


@dataclass(frozen=True)
class Moment:
    """The bone at one month: `fill` in 0..1 and `sed`, MPa per unit volume of the element.

    `age`: years that the tissue of a voxel is old, 0 where there is none; None where ages are not followed.
    """

    month: float
    fill: Voxels
    sed: Voxels
    age: Voxels | None = None


class Moments(Mapping[float, Moment]):
    """The bones of a run by month, from memory or read from its folder when needed."""

    def __init__(self, kept: Mapping[float, Moment], folder: Path | None = None) -> None:
        self._kept, self.folder = dict(kept), folder

    def files(self) -> dict[float, Path]:
        """The file of each month that is on disk."""
        return month_files(self.folder) if self.folder is not None else {}

    def __iter__(self) -> Iterator[float]:
        return iter(sorted({*self._kept, *self.files()}))

    def __len__(self) -> int:
        return len({*self._kept, *self.files()})

    def __getitem__(self, month: float) -> Moment:
        if month in self._kept:
            return self._kept[month]
        files = self.files()
        if month not in files:
            known = ", ".join(f"{each:g}" for each in self)
            hint = "" if self.folder is not None else "; give out= a folder to keep them all"
            raise UserError(f"month = {month:g}: no bone is saved there, only at {known}{hint}")
        return Moment(month, *read_month(files[month]))


@dataclass(frozen=True)
class Trajectory:
    """A run's table (label of a column → values, None where not measured), its bones, and how it ended.

    `trouble` is a sentence if a solve did not converge, `ended` one if the bone was cut through, else empty. `timing`:
    seconds in each part. `state`: the last state, and `device`: what computed it; neither of a run that was read.
    """

    months: list[float]
    table: dict[str, list[Any]]
    moments: Moments
    trouble: str = ""
    ended: str = ""
    timing: dict[str, float] = field(default_factory=dict)
    state: Any = field(default=None, repr=False)
    device: str = ""

    @property
    def fill_first(self) -> Voxels:
        """The bone of month 0."""
        return self.moments[self.months[0]].fill

    @property
    def fill_last(self) -> Voxels:
        """The bone of the last month."""
        return self.moments[self.months[-1]].fill


def as_columns(rows: list[dict[str, Any]]) -> dict[str, list[Any]]:
    """Rows of a table as columns, None where a row has no value."""
    labels = dict.fromkeys(label for row in rows for label in row)
    return {label: [row.get(label) for row in rows] for label in labels}
