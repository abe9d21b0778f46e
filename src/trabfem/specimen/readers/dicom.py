"""DICOM: series of slices in a folder, and files of many frames.

Attributes are those of DICOM PS3.3, C.7.6 (image plane, image pixel), C.8.2 (CT) and C.7.6.16 (functional groups).
pydicom is imported where it is used: it is in the optional extra [images].
"""

import math
import warnings
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from trabfem.errors import UserError
from trabfem.specimen.place import IDENTITY, Direction, Triple, check_direction, point_at
from trabfem.specimen.readers.dicom_values import Frame, read_frames
from trabfem.specimen.readers.raw import Raw, choose, import_package

SUFFIXES = (".dcm", ".dicom", ".ima")
SEGMENTATION = "1.2.840.10008.5.1.4.1.1.66.4"
SCREEN = "1.2.840.10008.5.1.4.1.1.7"
"""Class of secondary captures, such as pictures of the screen and dose reports."""
MOST_FRAMES = 65_536
"""More frames without a description of each are those of a damaged header."""
UNEVEN = 0.1
"""Distances between slices may differ by this part; more is a gap or a change of the protocol."""
ROUNDING = 0.011
"""Positions of slices are often written in hundredths of a millimetre, which is this much of a distance."""
SLANTED = 0.02
"""Slices may be shifted within their plane by this part of the distance between them; more is a tilted gantry."""


@dataclass(frozen=True)
class Place:
    """Where the slices of a series lie, in their order: spacing, direction and outer corner of the first voxel."""

    frames: list[Frame]
    spacing: Triple | None
    direction: Direction
    origin: Triple
    notes: tuple[str, ...]


def is_dicom(path: Path) -> bool:
    """Whether a file says that it is DICOM, by its content or its suffix."""
    with path.open("rb") as file:
        return file.read(132)[128:] == b"DICM" or path.suffix.lower() in SUFFIXES


def read_dicom(path: Path, which: str | int | None) -> Raw:
    """One file with all slices of a scan; UserError for a file with one slice."""
    return read_series(path, [path], which)


def read_series(path: Path, files: list[Path], which: str | int | None) -> Raw:
    """The slices of one series among the files, in the order of their place, in the frame of DICOM.

    Stored values become Hounsfield units by the rescale slope and intercept of CT. UserError where there are several
    series and none is chosen, where slices are missing or double, and where the pixels are colours or labels.
    """
    with warnings.catch_warnings():
        # pydicom warns of values that are not quite right, and what is wrong is said here in one sentence.
        warnings.simplefilter("ignore")
        return read_one_series(path, files, which)


def read_one_series(path: Path, files: list[Path], which: str | int | None) -> Raw:
    """The same, with the words of pydicom."""
    series, notes = group_series(path, files)
    names = name_series(series)
    asked = which
    if which is not None and str(which) in series:
        asked = list(series).index(str(which))
    chosen = list(series.values())[choose(path, asked, names, "series")]
    check_kind(path, chosen[0])
    if len(series) > 1:
        taken = names[list(series.values()).index(chosen)]
        notes = (*notes, f"Of {len(series)} series, {taken!r} was taken.")
    if len(chosen) == 1:
        folder = "the folder of the slices" if path.is_file() else "all slices of the series"
        raise UserError(f"{path}: holds one slice, a specimen needs many: give {folder}")
    place = find_place(path, chosen)
    values = read_frames(path, place.frames)
    return Raw(
        values.array.T,
        place.spacing,
        origin=place.origin,
        direction=place.direction,
        calibration=values.calibration,
        outside=values.outside,
        notes=(*notes, *place.notes, *values.notes),
    )


def group_series(path: Path, files: list[Path]) -> tuple[dict[str, list[Frame]], tuple[str, ...]]:
    """The frames of every series with images, by SeriesInstanceUID, and what was left out in sentences."""
    series: dict[str, list[Frame]] = defaultdict(list)
    left: dict[str, int] = defaultdict(int)
    for file in files:
        header = read_header(file)
        reason = why_left(header)
        if reason and len(files) > 1:
            left[reason] += 1
            continue
        series[str(getattr(header, "SeriesInstanceUID", ""))] += frames_of(file, header)
    if not series:
        raise UserError(f"{path}: holds no DICOM images of slices, give the folder of the reconstructed series")
    notes = tuple(f"Left out of the folder: {count} {reason}." for reason, count in left.items())
    return dict(series), notes


def read_header(file: Path) -> Any:
    """All of a file but its pixels; UserError where it is not DICOM."""
    pydicom = import_package("pydicom")
    try:
        return pydicom.dcmread(file, stop_before_pixels=True, force=file.suffix.lower() in SUFFIXES)
    except RecursionError:
        raise UserError(f"{file}: is damaged, copy it again") from None
    except Exception as error:
        reason = str(error).strip().split("\n")[0] or type(error).__name__
        raise UserError(f"{file}: is not DICOM or damaged ({reason}), copy it again or remove it") from None


def why_left(header: Any) -> str:
    """Why a file among others is no slice of a scan; empty for a slice."""
    kind = str(getattr(header, "SOPClassUID", ""))
    if "LOCALIZER" in [str(word).upper() for word in as_list(getattr(header, "ImageType", None))]:
        return "localizers (scout views)"
    if kind == SEGMENTATION:
        return "DICOM segmentations"
    if "Rows" not in header or "Columns" not in header:
        return "files without an image"
    if kind == SCREEN and "ImagePositionPatient" not in header:
        return "pictures of a screen"
    return ""


def as_list(value: Any) -> list[Any]:
    """The values of an attribute that may have none, one or many."""
    if value is None or isinstance(value, str):
        return [] if value is None else [value]
    return list(value) if hasattr(value, "__iter__") else [value]


def numbers(header: Any, name: str, count: int) -> np.ndarray | None:
    """An attribute of so many finite numbers; None where it is missing or has other values."""
    try:
        values = np.array([float(v) for v in as_list(getattr(header, name, None))])
    except (TypeError, ValueError, OverflowError):
        return None
    return values if len(values) == count and bool(np.all(np.isfinite(values))) else None


def frames_of(file: Path, header: Any) -> list[Frame]:
    """The slices in a file: one, or those that the functional groups describe."""
    count = as_list(getattr(header, "NumberOfFrames", None))
    if not count or int(count[0]) <= 1:
        return [as_frame(file, header, 0, [header])]
    shared = first_of(header, "SharedFunctionalGroupsSequence")
    each = as_list(getattr(header, "PerFrameFunctionalGroupsSequence", None))
    if each and len(each) != int(count[0]):
        raise UserError(f"{file}: says {int(count[0])} frames and describes {len(each)}, export it again")
    if not each and int(count[0]) > MOST_FRAMES:
        raise UserError(f"{file}: says {int(count[0])} frames, it is damaged: copy it again")
    return [
        as_frame(file, header, k, [header, shared, each[k] if each else None], many=True) for k in range(int(count[0]))
    ]


def first_of(header: Any, name: str) -> Any:
    """The first item of a sequence, None where there is none."""
    items = as_list(getattr(header, name, None))
    return items[0] if items else None


def as_frame(file: Path, header: Any, number: int, groups: list[Any], many: bool = False) -> Frame:
    """A slice with what the header, the shared groups and its own groups say of it; the later wins."""
    found: dict[str, np.ndarray | None] = {}
    asked = {
        "ImagePositionPatient": ("PlanePositionSequence", 3),
        "ImageOrientationPatient": ("PlaneOrientationSequence", 6),
        "PixelSpacing": ("PixelMeasuresSequence", 2),
        "SliceThickness": ("PixelMeasuresSequence", 1),
        "SpacingBetweenSlices": ("PixelMeasuresSequence", 1),
        "RescaleSlope": ("PixelValueTransformationSequence", 1),
        "RescaleIntercept": ("PixelValueTransformationSequence", 1),
    }
    for name, (sequence, count) in asked.items():
        places = [item for group in groups if group is not None for item in (group, first_of(group, sequence))]
        values = [numbers(place, name, count) for place in places if place is not None and name in place]
        found[name] = next((value for value in reversed(values) if value is not None), None)
    return Frame(file, header, number, many, found)


def name_series(series: dict[str, list[Frame]]) -> list[str]:
    """SeriesDescription where it tells a series from the others, else SeriesInstanceUID."""
    described = [str(getattr(frames[0].header, "SeriesDescription", "") or "").strip() for frames in series.values()]
    return [text if text and described.count(text) == 1 else uid for text, uid in zip(described, series, strict=True)]


def check_kind(path: Path, frame: Frame) -> None:
    """UserError for objects that are no gray images."""
    header = frame.header
    if str(getattr(header, "SOPClassUID", "")) == SEGMENTATION:
        raise UserError(f"{path}: is a DICOM segmentation, export it as NIfTI or NRRD, in 3-D Slicer by Save")
    if "Rows" not in header or "Columns" not in header:
        raise UserError(f"{path}: holds no image, give the folder of the reconstructed series")
    kind = str(getattr(header, "PhotometricInterpretation", "MONOCHROME2"))
    if kind not in ("MONOCHROME1", "MONOCHROME2"):
        raise UserError(f"{path}: the pixels are {kind}, not gray values: export the series in gray")


def find_place(path: Path, frames: list[Frame]) -> Place:
    """The frames in the order of their place along the normal of the slices."""
    first = frames[0]
    for frame in frames:
        for name in ("Rows", "Columns", "PixelSpacing", "ImageOrientationPatient"):
            if not alike(first.get(name), frame.get(name)):
                raise UserError(
                    f"{path}: the slices differ in {name} ({first.describe} and {frame.describe}), give one series of "
                    "one geometry"
                )
    pixel = first.get("PixelSpacing")
    placed = all(frame.get("ImagePositionPatient") is not None for frame in frames)
    orientation = first.get("ImageOrientationPatient")
    if not placed or orientation is None:
        return by_number(frames, pixel)
    x, y = orientation[:3], orientation[3:]
    direction = check_direction(np.stack([x, y, np.cross(x, y)], axis=1))
    places = np.array([frame.get("ImagePositionPatient") for frame in frames])
    along = places @ np.cross(x, y)
    order = np.argsort(along, kind="stable")
    frames, places, along = [frames[k] for k in order], places[order], along[order]
    distance = check_distances(path, frames, places, along)
    if pixel is None or min(pixel) <= 0:
        return Place(frames, None, direction, (0.0, 0.0, 0.0), ())
    spacing = (float(pixel[1]), float(pixel[0]), distance)
    a, b, c = places[0].tolist()
    # The position is that of the middle of the first pixel.
    origin = point_at((a, b, c), direction, spacing, (-0.5, -0.5, -0.5))
    return Place(frames, spacing, direction, origin, ())


def alike(one: Any, other: Any) -> bool:
    """Whether two attributes are the same but for rounding."""
    if one is None or other is None:
        return one is None and other is None
    return bool(np.allclose(one, other, rtol=1e-3, atol=1e-4))


def check_distances(path: Path, frames: list[Frame], places: np.ndarray, along: np.ndarray) -> float:
    """Distance between slices; UserError where slices are double, missing or shifted sideways."""
    steps = np.diff(along)
    step = float(np.median(steps))
    slack = min(max(UNEVEN * step, ROUNDING), 0.6 * step)
    same = int(np.argmin(steps))
    if step <= 0 or steps[same] < 0.4 * step:
        raise UserError(
            f"{path}: {frames[same].describe} and {frames[same + 1].describe} lie at the same place "
            f"({along[same]:g} and {along[same + 1]:g} mm), remove the double or give one time or reconstruction"
        )
    widest = int(np.argmax(np.abs(steps - step)))
    if abs(steps[widest] - step) > slack:
        missing = round(float(steps[widest]) / step) - 1
        what = f"{missing} slices are missing" if missing > 1 else "a slice is missing"
        if missing < 1 or abs(steps[widest] / step - missing - 1) > 0.3:
            what = "the distance changes"
        raise UserError(
            f"{path}: {what} between {frames[widest].describe} and {frames[widest + 1].describe} "
            f"({along[widest]:g} and {along[widest + 1]:g} mm where the step is {step:g} mm), give the whole series"
        )
    mean = float(along[-1] - along[0]) / len(steps)
    normal = (places[-1] - places[0]) / len(steps)
    sideways = math.sqrt(max(float(normal @ normal) - mean**2, 0.0))
    if sideways > SLANTED * mean:
        raise UserError(
            f"{path}: each slice is shifted by {sideways:.3g} mm within its plane (tilted gantry), resample the series "
            "onto a rectangular grid, in 3-D Slicer by Acquisition geometry regularization"
        )
    return mean


def by_number(frames: list[Frame], pixel: np.ndarray | None) -> Place:
    """The frames in the order of their InstanceNumber where they have no place in space."""
    ordered = sorted(frames, key=lambda frame: (frame.instance, frame.number))
    between, thick = frames[0].get("SpacingBetweenSlices"), frames[0].get("SliceThickness")
    notes = ["The slices have no place in space, so they are in the order of their numbers."]
    distance = between if between is not None else thick
    if between is None and thick is not None:
        notes.append("The distance between slices is taken to be the slice thickness.")
    spacing = None
    if pixel is not None and distance is not None and min(*pixel, float(distance[0])) > 0:
        spacing = (float(pixel[1]), float(pixel[0]), float(distance[0]))
    return Place(ordered, spacing, IDENTITY, (0.0, 0.0, 0.0), tuple(notes))
