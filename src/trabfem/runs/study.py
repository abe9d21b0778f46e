"""A study as a result: tables and bones of arms × members, in memory or read from a folder.

This module does not import JAX, so a study can be opened and drawn on machines without it.
"""

import functools
import html
import importlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from trabfem.display import FILMS, REPORTS, Drawable
from trabfem.errors import UserError
from trabfem.specimen import Specimen
from trabfem.specimen.place import Place, place_from_dict
from trabfem.tables import Column, Table, frame

from . import statistics, store, summary
from .columns import COMPARED, find_column
from .statistics import OF_START
from .trajectory import Moment, Trajectory

if TYPE_CHECKING:
    import pandas

MEANINGS = {
    "": "mean over the members",
    " low": "nine in ten further members would fall between low and high",
    " high": "nine in ten further members would fall between low and high",
    " mean low": "95 % confidence interval of the mean",
    " mean high": "95 % confidence interval of the mean",
}
CHANGES = tuple(Column(f"change{end}", "%", f"from month 0 to the last one: {said}") for end, said in MEANINGS.items())
GAINS = tuple(
    Column(f"over the first arm{end}", "points of %", f"gain in the same member: {said}")
    for end, said in MEANINGS.items()
)
VERDICT = Column("gain", "", "beyond chance where the interval of its mean excludes zero, else within chance")


@dataclass(frozen=True)
class ArmRuns(Drawable):
    """One arm of a study: its name, its schedule as text, and the trajectory of each member by number."""

    name: str
    slug: str
    schedule: str
    runs: Mapping[int, Trajectory] = field(repr=False)
    place: Place = field(repr=False, default_factory=Place)

    @property
    def spacing(self) -> tuple[float, float, float]:
        """Voxel edges, mm."""
        return self.place.spacing

    @property
    def members(self) -> list[Trajectory]:
        """The members in order of number."""
        return [self.runs[number] for number in sorted(self.runs)]

    @property
    def months(self) -> tuple[float, ...]:
        """Months at which the bone of the first member is saved."""
        return tuple(self.members[0].moments)

    @functools.cached_property
    def table(self) -> dict[str, np.ndarray]:
        """Label of each column → values by month, NaN where not measured.

        For several members, their mean, with their band as `<label> low` and `<label> high` (see `statistics`).
        """
        runs = self.members
        columns = runs[0].table if len(runs) == 1 else statistics.bands(runs)
        return {label: _numbers(values) for label, values in columns.items()}

    def column(self, name: str) -> np.ndarray | None:
        """Values of the column called `name`, without regard to unit and case; None where absent."""
        wanted = strip_unit(name)
        return next((values for label, values in self.table.items() if strip_unit(label) == wanted), None)

    def change(self, name: str) -> float | None:
        """Change of a column from the first to the last month, %; for several members, the mean."""
        of_start = self.column(name + OF_START)
        values = of_start if of_start is not None else self.column(name)
        known = values[np.isfinite(values)] if values is not None else np.zeros(0)
        if len(known) < 2 or not known[0]:
            return None
        return float(100.0 * (known[-1] / known[0] - 1.0))

    def moment(self, month: float | None = None, member: int = 0) -> Moment:
        """Fill and energy density of a member at a month (None: the last one); UserError where it is not saved."""
        if member not in self.runs:
            raise UserError(
                f"member = {member}: arm {self.name!r} has members {', '.join(map(str, sorted(self.runs)))}"
            )
        moments = self.runs[member].moments
        return moments[max(moments) if month is None else float(month)]

    def bone(self, month: float | None = None, member: int = 0) -> Specimen:
        """The bone of a member at a month (None: the last one)."""
        moment = self.moment(month, member)
        note = f"Month {moment.month:g} of arm {self.name!r}, member {member}."
        name = f"{self.slug}, month {moment.month:g}"
        fill = np.clip(moment.fill, 0, 1)
        where = self.place
        return Specimen(fill, where.spacing, name, (note,), where.origin, where.direction, scan=where.scan)

    def to_pandas(self) -> "pandas.DataFrame":
        """The tables of all members in one, with a column of the member's number."""
        return frame(_stack_tables({self: self.runs}, arm=False))

    def __hash__(self) -> int:
        return hash(self.slug)

    def _repr_html_(self) -> str:
        table = self.table
        columns = tuple(find_column(label) for label in table)
        return Table(columns, tuple(zip(*table.values(), strict=True)), self.name)._repr_html_()


@dataclass(frozen=True)
class Study(Drawable):
    """Arms × members on one bone. `study["Denosumab"]` is an arm; `folder` is None where nothing was written.

    `header` is the content of run.json: plan, schedules in words, versions, device, notes, changes, time spent.
    """

    arms: tuple[ArmRuns, ...]
    header: Mapping[str, Any] = field(repr=False)
    folder: Path | None = None

    @property
    def name(self) -> str:
        """The name of the study."""
        return str(self.header["name"])

    @property
    def place(self) -> Place:
        """Where the bone lies in the frame of the scan."""
        return place_from_dict(self.header)

    @property
    def spacing(self) -> tuple[float, float, float]:
        """Voxel edges, mm."""
        return self.place.spacing

    @property
    def origin(self) -> tuple[float, float, float]:
        """Outer corner of the first voxel in the frame of the scan, mm."""
        return self.place.origin

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
        """Sentences on the preparation of the scan, on month 0, and on the time spent."""
        return list(self.header.get("notes", []))

    @property
    def trouble(self) -> dict[str, str]:
        """Messages of runs that stopped at a solve that did not converge, by arm and member."""
        return dict(self.header.get("trouble", {}))

    @property
    def ended(self) -> dict[str, str]:
        """Messages of runs that ended early because the bone was cut through, by arm and member."""
        return dict(self.header.get("ended", {}))

    def __getitem__(self, name: str) -> ArmRuns:
        known = {arm.slug: arm for arm in self.arms} | {arm.name: arm for arm in self.arms}
        if name in known:
            return known[name]
        raise KeyError(f"{name!r}; the arms are {', '.join(repr(arm.name) for arm in self.arms)}")

    def __iter__(self) -> Iterator[ArmRuns]:
        return iter(self.arms)

    def __len__(self) -> int:
        return len(self.arms)

    @property
    def table(self) -> Table:
        """Change of bone volume, stiffness and strength in each arm and its gain over the first one, in numbers.

        Of several members with band, interval of the mean and verdict (see `statistics`); `print(study)` shows less.
        """
        changed, gained = self.header.get("summary", {}), self.header.get("over_the_first_arm", {})
        ends = list(MEANINGS) if self.header.get("members", 1) > 1 else [""]
        rows = []
        for arm in self.arms:
            change, gain = changed.get(arm.slug, {}), gained.get(arm.slug, {})
            for name in COMPARED:
                found = [change.get(f"{name}_change_%{end.replace(' ', '_')}") for end in ends]
                over = [gain.get(f"{name}_points{end.replace(' ', '_')}") for end in ends]
                word = [statistics.word_for(*over[-2:])] if len(ends) > 1 else []
                rows.append((arm.name, name, *found, *over, *word))
        columns = (Column("arm"), Column("quantity"), *CHANGES[: len(ends)], *GAINS[: len(ends)])
        columns += (VERDICT,) if len(ends) > 1 else ()
        return Table(columns, tuple(rows), summary.title_of(self.header))

    def to_pandas(self) -> "pandas.DataFrame":
        """One row for each arm, member and month."""
        return frame(_stack_tables({arm: arm.runs for arm in self.arms}))

    def view(self, **options: Any) -> Any:
        """A window with the bones of all arms side by side and a slider of time; in a notebook its widget.

        `month`, `colour`, `arm`: where it begins, what colours the bones, and which arms are shown. `screenshot`: a new
        file for what the window would show; then none is opened.
        """
        return super().view(**options)

    def save(self, path: str | Path) -> Path:
        """Write the table of changes and gains as CSV; the whole study is in `folder`, if it has one."""
        return self.table.save(path)

    def report(self, path: str | Path | None = None, *, quick: bool = False) -> Path:
        """Write the report page: bones in 3-D through time, curves, tables, method and sources in one HTML file.

        `path`: default `report.html` in `folder`. `quick`: the bones of three months only.
        """
        page = importlib.import_module(REPORTS)
        return page.write_report(self, path, quick=quick)

    def film(self, path: str | Path, *, kind: str = "time-lapse", **options: Any) -> Path:
        """Write a film of the arms side by side into the new file `path`, MP4 or GIF by its suffix; returns its path.

        `kind`: "time-lapse" through the months, "orbit" once around the bones of one month, or "both" at once.
        `options` are those of `trabfem.render.film.film`: `frames`, `colour`, `month`, `arms`, `width`.
        """
        if Path(path).exists():
            raise UserError(f"{path} exists and is left as it is: give another name")
        return importlib.import_module(FILMS).film(self, path, kind=kind, **options)

    def __str__(self) -> str:
        tables = [str(table) for table in summary.tables_of(self.header)]
        return "\n\n".join([summary.title_of(self.header), *tables, "\n".join(summary.footnotes(self.header))]).rstrip()

    def _repr_html_(self) -> str:
        tables = "".join(table._repr_html_() for table in summary.tables_of(self.header))
        title, notes = summary.title_of(self.header), " ".join(summary.footnotes(self.header))
        return f"<p>{html.escape(title)}</p>{tables}<p>{html.escape(notes)}</p>"


def make_study(
    header: Mapping[str, Any], runs: Mapping[str, Mapping[int, Trajectory]], folder: Path | None = None
) -> Study:
    """A study from the content of run.json and the trajectories, by arm's slug and member's number."""
    place = place_from_dict(header)
    arms = [
        ArmRuns(arm["name"], arm["slug"], arm["schedule"], runs[arm["slug"]], place)
        for arm in header["arms"]
        if runs.get(arm["slug"])
    ]
    return Study(tuple(arms), header, folder)


def open_study(folder: "Path | str | Study") -> Study:
    """The study in a folder, finished or not; a `Study` is returned as it is.

    **Raises:** `UserError` where the folder is no study, or no month is saved in it yet.
    """
    if isinstance(folder, Study):
        return folder
    folder = Path(folder)
    header = store.read_header(folder)
    study = make_study(header, store.read_trajectories(folder, header), folder)
    if not study.arms:
        raise UserError(f"{folder} holds no saved month of any arm: run the study first")
    return study


def strip_unit(label: str) -> str:
    """`label` in lower case without its unit: "Tb.Th (mm)" → "tb.th"."""
    kept = [part.split(")")[-1] if number else part for number, part in enumerate(label.split("("))]
    return " ".join(" ".join(kept).split()).lower()


def _numbers(values: Sequence[Any]) -> np.ndarray:
    return np.array([float(v) if isinstance(v, int | float) else np.nan for v in values])


def _stack_tables(arms: Mapping[ArmRuns, Mapping[int, Trajectory]], arm: bool = True) -> dict[str, list[Any]]:
    """The tables of several runs in one, as columns."""
    every = [(each.name, number, run) for each, runs in arms.items() for number, run in sorted(runs.items())]
    labels = dict.fromkeys(label for _, _, run in every for label in run.table)
    columns: dict[str, list[Any]] = {"arm": [name for name, _, run in every for _ in run.months]} if arm else {}
    columns["member"] = [number for _, number, run in every for _ in run.months]
    for label in labels:
        columns[label] = [v for _, _, run in every for v in run.table.get(label, [None] * len(run.months))]
    return columns
