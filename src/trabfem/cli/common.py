"""What the commands share: common options, opening a specimen, output folders, progress, and the answer's form."""

import math
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from trabfem.device import Device
from trabfem.errors import UserError

if TYPE_CHECKING:
    from trabfem.specimen import Reading, Specimen
    from trabfem.tables import Table

PIPED_WIDTH = 200
LINE_EVERY_S = 15.0


@Parameter(name="*")
@dataclass(frozen=True)
class Common:
    """Options that every command takes."""

    spacing: str | None = None
    """Voxel edge in mm, where the file carries none: one number, or three as x,y,z."""
    device: Device = "auto"
    """Where to compute."""
    json: Annotated[bool, Parameter(negative="")] = False
    """Print one JSON object on standard output and nothing else there."""

    def spacing_mm(self) -> float | tuple[float, ...] | None:
        """The spacing as numbers."""
        if self.spacing is None:
            return None
        try:
            values = tuple(float(part) for part in self.spacing.split(","))
        except ValueError:
            values = ()
        if len(values) not in (1, 3):
            raise UserError(f"--spacing {self.spacing}: give one number in mm, or three as x,y,z")
        return values[0] if len(values) == 1 else values


@Parameter(name="*")
@dataclass(frozen=True)
class Scan:
    """How the scan is read."""

    threshold: float | None = None
    """Value from which a voxel is bone, in mg HA/cm³ where the file has a calibration; Otsu's if left out."""
    crop: int | None = None
    """Keep the cube of so many voxels a side in the middle of the scan."""
    coarsen: int | None = None
    """Make so many voxels a side one, with the mean of their bone, for a scan that does not fit in memory."""
    label: str | None = None
    """Which label of a label map is bone, or several as 1,2."""
    segmentation: str | None = None
    """A filter and a threshold in mg HA/cm³ as the field uses them: xtremect2, xtremect2-cortical, xtremect1, uct."""
    calibration: str | None = None
    """Slope and intercept that turn the file's values into mg HA/cm³, as 1.6,-350."""
    array: str | None = None
    """Which of several arrays, fields, layers or series of the file, by name or by number from 0."""
    roi: str | None = None
    """Where morphometry and density are measured: a mask file on the scan, or a label of --labels."""
    labels: Path | None = None
    """A file with a map of labels on the scan."""
    moduli: str | None = None
    """Young's moduli in MPa: of labels as 1=17000,2=8748, the name of a law of density, or a file with a map."""

    def reading(self, common: Common) -> "Reading":
        """The options as the library takes them."""
        return {
            "spacing": common.spacing_mm(),
            "threshold": self.threshold,
            "crop": self.crop,
            "coarsen": self.coarsen,
            "label": None if self.label is None else parse_label(self.label),
            "segmentation": self.segmentation,
            "calibration": None if self.calibration is None else parse_pair(self.calibration),
            "array": self.array,
            "roi": self.roi,
            "labels": self.labels,
            "moduli": None if self.moduli is None else parse_moduli(self.moduli),
        }

    @property
    def given(self) -> dict[str, Any]:
        """The options that were given."""
        return {each.name: getattr(self, each.name) for each in fields(self) if getattr(self, each.name) is not None}


def parse_label(text: str) -> tuple[int, ...]:
    """Labels from a text such as 1,2."""
    from trabfem.specimen.readers.reading import as_labels

    return as_labels(text)


def parse_pair(text: str) -> tuple[float, float]:
    """Slope and intercept from a text such as 1.6,-350."""
    from trabfem.specimen.readers.reading import check_calibration

    return check_calibration(text.split(","))


def parse_moduli(text: str) -> Any:
    """Moduli by label from a text such as 1=17000,2=8748; any other text is a law or a file."""
    if "=" not in text or Path(text).exists():
        return text
    try:
        pairs = [part.split("=") for part in text.split(",")]
        return {int(label): float(modulus) for label, modulus in pairs}
    except ValueError:
        raise UserError(f"moduli = {text}: give them in MPa as LABEL=MODULUS, such as 1=17000,2=8748") from None


@dataclass(frozen=True)
class Outcome:
    """A command's answer: `result` for programs, `rows` and `tables` for people; `trouble`: why the exit code is 3."""

    title: str
    rows: Sequence[tuple[str, str]]
    result: Mapping[str, Any]
    json: bool = False
    notes: Sequence[str] = field(default_factory=tuple)
    trouble: str = ""
    tables: Sequence["Table"] = ()

    def __post_init__(self) -> None:
        """Convert `result` to types of JSON, which has neither NaN nor numpy's numbers."""
        object.__setattr__(self, "result", to_json_types(self.result))

    def print_for_people(self) -> None:
        """A small table on standard output, further tables and notes below it."""
        from rich.console import Console
        from rich.table import Table
        from rich.text import Text

        console = Console(soft_wrap=True, highlight=False, width=None if sys.stdout.isatty() else PIPED_WIDTH)
        table = Table(title=self.title, title_justify="left", show_header=False, box=None, padding=(0, 2, 0, 0))
        for label, value in self.rows:
            table.add_row(Text(label), Text(value))
        console.print(table)
        for each in self.tables:
            console.print(f"\n{each}", markup=False)
        if self.tables:
            console.print()
        for note in self.notes:
            console.print(f"Note: {note}", markup=False)


def to_json_types(value: Any) -> Any:
    """`value` in JSON's own types; what is not finite becomes null."""
    if hasattr(value, "tolist"):
        value = value.tolist()
    if isinstance(value, Mapping):
        return {str(key): to_json_types(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [to_json_types(item) for item in value]
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return str(value) if isinstance(value, Path) else value


def open_specimen(path: str, common: Common, scan: Scan, *, clean: bool = True) -> "Specimen":
    """The specimen at `path` or of that shipped name; `clean` keeps only bone that runs from plate to plate."""
    from trabfem.specimen import as_specimen, keep_load_path

    specimen = as_specimen(path, **scan.reading(common))
    return keep_load_path(specimen) if clean else specimen


def claim_folder(path: Path, resume: bool = False, option: str = "--out") -> Path:
    """A folder that a run may write: new or empty, unless it goes on with an earlier one. The run itself makes it."""
    if path.exists() and not path.is_dir():
        raise UserError(f"{path} is a file: give a folder to {option}")
    from trabfem.runs.store import is_unbegun

    if not resume and not is_unbegun(path):
        raise UserError(f"{path} is not empty and is left as it is: give {option} another folder")
    return path


def claim_file(path: Path) -> Path:
    """A file that does not exist yet, in a folder that does."""
    if path.exists():
        raise UserError(f"{path} exists and is left as it is: give --out another name")
    if not path.parent.is_dir():
        raise UserError(f"{path.parent} is not a folder: make it first, or give --out another name")
    return path


def find_free_folder(stem: str) -> Path:
    """`stem`, or the first of stem-2, stem-3, ... that is not taken."""
    number, path = 1, Path(stem)
    while path.exists():
        number += 1
        path = Path(f"{stem}-{number}")
    return path
