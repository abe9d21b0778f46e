"""The specimen of a configuration: which file, and how to read it."""

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from trabfem.specimen import Reading, Specimen

SHIPPED_DEFAULT = "vertebra_64"


@dataclass(frozen=True)
class SpecimenConfig:
    """The specimen: a file or a shipped name, and how to read it (see `specimen.Reading`).

    `spacing` in mm; `crop`: voxels of a centred cube; `label`: one or several; `calibration`: slope and intercept;
    `roi` and `labels`: files, relative to the configuration first.
    """

    path: str = SHIPPED_DEFAULT
    spacing: float | tuple[float, ...] | None = None
    threshold: float | None = None
    crop: int | None = None
    coarsen: int | None = None
    label: int | tuple[int, ...] | None = None
    segmentation: str | None = None
    calibration: tuple[float, ...] | None = None
    array: str | None = None
    roi: str | None = None
    labels: str | None = None

    def reading(self, folder: Path | None = None) -> "Reading":
        """The options as the library takes them, files found beside the configuration."""
        values = {each.name: getattr(self, each.name) for each in dataclasses.fields(self) if each.name != "path"}
        for name in ("roi", "labels"):
            if values[name] is not None and not values[name].isdecimal():
                values[name] = str(find_beside(values[name], folder))
        return cast("Reading", values)


def read_specimen(config: SpecimenConfig, folder: Path | None = None) -> "Specimen":
    """The bone that `config` names, relative to `folder` first."""
    from trabfem.specimen import readers

    return readers.read(find_beside(config.path, folder), **config.reading(folder))


def find_beside(path: str, folder: Path | None) -> Path:
    """A path relative to `folder` where there is such a file, else as it is."""
    beside = folder / path if folder else Path(path)
    return beside if beside.exists() else Path(path)
