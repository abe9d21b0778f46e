"""A study as a result: arms × members, from memory or from a folder, in numbers, tables and bones.

No JAX here: a study is opened, and drawn, on machines that have none.
"""

import functools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from trabfem.display import Drawable
from trabfem.errors import UserError
from trabfem.specimen import Specimen
from trabfem.tables import Column, Table, frame

from . import statistics, store
from .columns import COMPARED, column_of
from .statistics import OF_START
from .trajectory import Moment, Trajectory

if TYPE_CHECKING:
    import pandas

CHANGES = (
    Column("arm"),
    Column("quantity"),
    Column("change", "%", "from month 0 to the last month, median over the members"),
    Column("change low", "%", "5 % of the members are below"),
    Column("change high", "%", "5 % of the members are above"),
    Column("over the first arm", "points of %", "what the same member gained over the first arm, median"),
    Column("over the first arm low", "points of %", "5 % of the members are below"),
    Column("over the first arm high", "points of %", "5 % of the members are above"),
)


@dataclass(frozen=True)
class ArmRuns(Drawable):
    """One arm of a study: its name, its schedule as text, and what each member made of it, by number."""

    name: str
    slug: str
    schedule: str
    runs: Mapping[int, Trajectory] = field(repr=False)
    spacing: tuple[float, float, float] = field(repr=False, default=(1.0, 1.0, 1.0))
    origin: tuple[float, float, float] = field(repr=False, default=(0.0, 0.0, 0.0))

    @property
    def members(self) -> list[Trajectory]:
        """The members in order of number."""
        return [self.runs[number] for number in sorted(self.runs)]

    @property
    def months(self) -> tuple[float, ...]:
        """Months at which the bone of the first member is kept."""
        return tuple(self.members[0].moments)

    @functools.cached_property
    def table(self) -> dict[str, np.ndarray]:
        """Label of each column → values by month, NaN where not measured.

        Of several members the median, with 5 % and 95 % as `<label> low` and `<label> high`.
        """
        runs = self.members
        columns = runs[0].table if len(runs) == 1 else statistics.bands(runs)
        return {label: _numbers(values) for label, values in columns.items()}

    def column(self, name: str) -> np.ndarray | None:
        """Values of the column called `name`, whatever its unit in parentheses and its case; None where absent."""
        wanted = bare(name)
        return next((values for label, values in self.table.items() if bare(label) == wanted), None)

    def change(self, name: str) -> float | None:
        """100 (last / first - 1) of a column, %; of several members the median of it."""
        of_start = self.column(name + OF_START)
        values = of_start if of_start is not None else self.column(name)
        known = values[np.isfinite(values)] if values is not None else np.zeros(0)
        if len(known) < 2 or not known[0]:
            return None
        return float(100.0 * (known[-1] / known[0] - 1.0))

    def moment(self, month: float | None = None, member: int = 0) -> Moment:
        """Fill and energy density of a member at a month, the last where None; UserError where it is not kept."""
        if member not in self.runs:
            raise UserError(
                f"member = {member}: arm {self.name!r} has members {', '.join(map(str, sorted(self.runs)))}"
            )
        moments = self.runs[member].moments
        return moments[max(moments) if month is None else float(month)]

    def bone(self, month: float | None = None, member: int = 0) -> Specimen:
        """The bone of a member at a month, the last where None."""
        moment = self.moment(month, member)
        note = f"Month {moment.month:g} of arm {self.name!r}, member {member}."
        name = f"{self.slug}, month {moment.month:g}"
        return Specimen(np.clip(moment.fill, 0, 1), self.spacing, name, (note,), self.origin)

    def to_pandas(self) -> "pandas.DataFrame":
        """Every member's table below each other, with the member's number."""
        return frame(_long({self: self.runs}, arm=False))

    def __hash__(self) -> int:
        return hash(self.slug)

    def _repr_html_(self) -> str:
        table = self.table
        columns = tuple(column_of(label) for label in table)
        return Table(columns, tuple(zip(*table.values(), strict=True)), self.name)._repr_html_()


@dataclass(frozen=True)
class Study(Drawable):
    """Arms × members on one bone. `study["Denosumab"]` is an arm; `folder` is None where nothing was written.

    `header` is what run.json says: what was asked and understood, versions, device, notes, changes, time spent.
    """

    arms: tuple[ArmRuns, ...]
    header: Mapping[str, Any] = field(repr=False)
    folder: Path | None = None

    @property
    def name(self) -> str:
        """What the study is called."""
        return str(self.header["name"])

    @property
    def spacing(self) -> tuple[float, float, float]:
        """Voxel edges, mm."""
        return _triple(self.header["spacing_mm"])

    @property
    def origin(self) -> tuple[float, float, float]:
        """Where the outer corner of the first voxel lies in the frame of the scan, mm."""
        return _triple(self.header.get("origin_mm", (0, 0, 0)))

    @property
    def shape(self) -> tuple[int, int, int]:
        """Voxels along (x, y, z)."""
        x, y, z = (int(n) for n in self.header["shape"])
        return (x, y, z)

    @property
    def size(self) -> tuple[float, float, float]:
        """Sides of the volume, mm."""
        x, y, z = (n * h for n, h in zip(self.shape, self.spacing, strict=True))
        return (x, y, z)

    @property
    def notes(self) -> list[str]:
        """What was done to the scan, what month 0 is, and where the time went."""
        return list(self.header.get("notes", []))

    @property
    def trouble(self) -> dict[str, str]:
        """Why runs stopped at a solve that did not converge, by arm and member; empty where none did."""
        return dict(self.header.get("trouble", {}))

    @property
    def ended(self) -> dict[str, str]:
        """Why runs ended early because the bone no longer carries load, by arm and member."""
        return dict(self.header.get("ended", {}))

    def __getitem__(self, name: str) -> ArmRuns:
        for arm in self.arms:
            if name in (arm.name, arm.slug):
                return arm
        raise KeyError(f"{name!r}; the arms are {', '.join(repr(arm.name) for arm in self.arms)}")

    def __iter__(self) -> Iterator[ArmRuns]:
        return iter(self.arms)

    def __len__(self) -> int:
        return len(self.arms)

    @property
    def table(self) -> Table:
        """Change of bone volume, stiffness and strength in each arm and its gain over the first one, with bands."""
        changed, gained = self.header.get("summary", {}), self.header.get("over_the_first_arm", {})
        rows = []
        for arm in self.arms:
            change, gain = changed.get(arm.slug, {}), gained.get(arm.slug, {})
            for name in COMPARED:
                ends = [f"{name}_change_%{end}" for end in ("", "_low", "_high")]
                over = [f"{name}_points{end}" for end in ("", "_low", "_high")]
                rows.append((arm.name, name, *(change.get(key) for key in ends), *(gain.get(key) for key in over)))
        return Table(CHANGES, tuple(rows), f"{self.name}: change over {self.header['years']:g} years")

    def to_pandas(self) -> "pandas.DataFrame":
        """Every arm, member and month below each other."""
        return frame(_long({arm: arm.runs for arm in self.arms}))

    def save(self, path: str | Path) -> Path:
        """Write the table of changes and gains as CSV; the whole study is in its folder where it was given one."""
        return self.table.save(path)

    def __str__(self) -> str:
        return str(self.table)

    def _repr_html_(self) -> str:
        return self.table._repr_html_()


def study_of(
    header: Mapping[str, Any], runs: Mapping[str, Mapping[int, Trajectory]], folder: Path | None = None
) -> Study:
    """A study from run.json and the runs that have begun, by arm's slug and member's number."""
    place = _triple(header["spacing_mm"]), _triple(header.get("origin_mm", (0, 0, 0)))
    arms = [
        ArmRuns(arm["name"], arm["slug"], arm["schedule"], runs[arm["slug"]], *place)
        for arm in header["arms"]
        if runs.get(arm["slug"])
    ]
    return Study(tuple(arms), header, folder)


def open_study(folder: "Path | str | Study") -> Study:
    """The study in a folder, finished or under way; a `Study` is returned as it is.

    **Raises:** `UserError` where the folder is no study, or nothing is saved in it yet.
    """
    if isinstance(folder, Study):
        return folder
    folder = Path(folder)
    header = store.read_header(folder)
    study = study_of(header, store.read_trajectories(folder, header), folder)
    if not study.arms:
        raise UserError(f"{folder} holds no saved month of any arm: run the study first")
    return study


def bare(label: str) -> str:
    """`label` in lower case without its unit: "Tb.Th (mm)" → "tb.th"."""
    kept = [part.split(")")[-1] if number else part for number, part in enumerate(label.split("("))]
    return " ".join(" ".join(kept).split()).lower()


def _triple(values: Sequence[float]) -> tuple[float, float, float]:
    x, y, z = (float(value) for value in values)
    return (x, y, z)


def _numbers(values: Sequence[Any]) -> np.ndarray:
    return np.array([float(v) if isinstance(v, int | float) else np.nan for v in values])


def _long(arms: Mapping[ArmRuns, Mapping[int, Trajectory]], arm: bool = True) -> dict[str, list[Any]]:
    """Tables of several runs below each other, as columns."""
    every = [(each.name, number, run) for each, runs in arms.items() for number, run in sorted(runs.items())]
    labels = dict.fromkeys(label for _, _, run in every for label in run.table)
    columns: dict[str, list[Any]] = {"arm": [name for name, _, run in every for _ in run.months]} if arm else {}
    columns["member"] = [number for _, number, run in every for _ in run.months]
    for label in labels:
        columns[label] = [v for _, _, run in every for v in run.table.get(label, [None] * len(run.months))]
    return columns
