"""Values of DICOM slices: pixels, their calibration and padding."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from trabfem.errors import UserError
from trabfem.specimen.readers.gray import invert
from trabfem.specimen.readers.raw import DENSITY_UNIT, Calibration, check_memory, import_package

ENHANCED_CT = "1.2.840.10008.5.1.4.1.1.2.1"


@dataclass(frozen=True)
class Frame:
    """A slice: its file, the header of that, its number in it, and what is said of this slice alone."""

    file: Path
    header: Any
    number: int
    many: bool
    own: dict[str, np.ndarray | None]

    def get(self, name: str) -> Any:
        """An attribute of this slice, None where there is none."""
        return self.own[name] if name in self.own else getattr(self.header, name, None)

    @property
    def instance(self) -> int:
        """InstanceNumber, 0 where there is none."""
        try:
            return int(getattr(self.header, "InstanceNumber", 0) or 0)
        except (TypeError, ValueError):
            return 0

    @property
    def describe(self) -> str:
        """What to call it in a sentence."""
        return f"frame {self.number + 1}" if self.many else self.file.name


@dataclass(frozen=True)
class Values:
    """Stored values (z, y, x), the line that turns them into physical ones, and the value of padding."""

    array: np.ndarray
    calibration: Calibration | None
    outside: float | None
    notes: tuple[str, ...]


def read_frames(path: Path, frames: list[Frame]) -> Values:
    """The pixels of slices in order; in Hounsfield units at once where slope and intercept differ among them."""
    lines = [line_of(frame) for frame in frames]
    varying = len(set(lines)) > 1
    unit = unit_of(frames[0])
    array: np.ndarray | None = None
    notes: list[str] = []
    known: tuple[Path, np.ndarray] | None = None
    for k, frame in enumerate(frames):
        if known is None or known[0] != frame.file:
            known = (frame.file, read_pixels(frame, len(frames)))
        pixels = known[1][frame.number] if frame.many else known[1]
        if array is None:
            dtype = np.dtype(np.float32) if varying else pixels.dtype
            check_memory(path, len(frames) * pixels.size, dtype.itemsize)
            array = np.empty((len(frames), *pixels.shape), dtype)
        if pixels.shape != array.shape[1:]:
            raise UserError(f"{path}: {frame.describe} is of shape {pixels.shape} among {array.shape[1:]}, remove it")
        array[k] = pixels * np.float32(lines[k][0]) + np.float32(lines[k][1]) if varying else pixels
    if array is None:
        raise UserError(f"{path}: holds no slices, give the folder of the reconstructed series")
    if varying:
        notes.append("Slope and intercept differ among the slices and were applied to each.")
    slope, intercept = (1.0, 0.0) if varying else lines[0]
    outside = None if varying else padding_of(frames[0])
    calibration = Calibration(slope, intercept, unit, "the DICOM header") if unit and slope else None
    if str(getattr(frames[0].header, "PhotometricInterpretation", "")) == "MONOCHROME1":
        return turn(Values(array, calibration, outside, tuple(notes)), frames[0])
    return Values(array, calibration, outside, tuple(notes))


def turn(values: Values, frame: Frame) -> Values:
    """The negative of values that are shown dark where they are large; those in physical units stay as they are."""
    line = values.calibration
    if line is not None and (line.slope, line.intercept) != (1.0, 0.0):
        note = f"The image is shown inverted (MONOCHROME1); its values in {line.unit} were taken as they are."
        return Values(values.array, line, values.outside, (*values.notes, note))
    bits = int(getattr(frame.header, "BitsStored", 8 * values.array.dtype.itemsize))
    outside = values.outside
    if outside is not None:
        outside = float(invert(np.array([outside]).astype(values.array.dtype), bits)[0])
    note = "MONOCHROME1: the values were inverted, so that bone is bright."
    return Values(invert(values.array, bits), None, outside, (*values.notes, note))


def line_of(frame: Frame) -> tuple[float, float]:
    """Rescale slope and intercept, 1 and 0 where there are none."""
    slope, intercept = frame.get("RescaleSlope"), frame.get("RescaleIntercept")
    return (1.0 if slope is None else float(slope[0]), 0.0 if intercept is None else float(intercept[0]))


def unit_of(frame: Frame) -> str:
    """Unit after the rescale: Hounsfield units of CT, mg HA/cm³ where the file says so; empty where not known."""
    header = frame.header
    kind = str(getattr(header, "RescaleType", "") or "").upper()
    if "MG" in kind and "HA" in kind:
        return DENSITY_UNIT
    rescaled = frame.get("RescaleSlope") is not None
    is_ct = str(getattr(header, "Modality", "")) == "CT" or str(getattr(header, "SOPClassUID", "")) == ENHANCED_CT
    return "HU" if rescaled and (kind == "HU" or (is_ct and kind in ("", "US", "HU"))) else ""


def padding_of(frame: Frame) -> float | None:
    """The stored value outside the field of view, signed where the pixels are."""
    value = getattr(frame.header, "PixelPaddingValue", None)
    try:
        number = None if value is None else int(value)
    except (TypeError, ValueError):
        return None
    if number is None:
        return None
    bits = int(getattr(frame.header, "BitsAllocated", 16))
    signed = int(getattr(frame.header, "PixelRepresentation", 0)) == 1
    return float(number - 2**bits if signed and number >= 2 ** (bits - 1) else number)


def read_pixels(frame: Frame, count: int) -> np.ndarray:
    """Stored values of all frames of a file; UserError where they are cut off or need a package to decompress."""
    pydicom = import_package("pydicom")
    header = frame.header
    rows, columns = int(header.Rows), int(header.Columns)
    frames = count if frame.many else 1
    check_memory(frame.file, frames * rows * columns, 4)
    syntax: Any = None
    try:
        dataset = pydicom.dcmread(frame.file, force=True)
        syntax = dataset.file_meta.get("TransferSyntaxUID", None)
        if syntax is None:
            dataset.file_meta.TransferSyntaxUID = pydicom.uid.ImplicitVRLittleEndian
        check_length(frame, dataset, syntax, frames * rows * columns)
        pixels = np.asarray(dataset.pixel_array)
    except (UserError, MemoryError):
        raise
    except Exception as error:
        raise undecoded(frame, syntax, error) from None
    if pixels.ndim != (3 if frame.many else 2):
        raise UserError(f"{frame.file}: the pixels are of shape {pixels.shape}, not a gray slice: export it again")
    return pixels


def check_length(frame: Frame, dataset: Any, syntax: Any, count: int) -> None:
    """UserError where pixels that are not compressed are fewer than the header says."""
    data = dataset.get("PixelData", None)
    if data is None:
        raise UserError(f"{frame.file}: holds no pixels, export it again")
    bits = int(getattr(frame.header, "BitsAllocated", 16))
    if (syntax is None or not syntax.is_compressed) and len(data) * 8 < count * bits:
        raise UserError(f"{frame.file}: the pixels are fewer than its header says, copy the file again")


def undecoded(frame: Frame, syntax: Any, error: Exception) -> UserError:
    """That the pixels could not be decoded, and what helps."""
    reason = " ".join(str(error).split())[:200] or type(error).__name__
    if syntax is not None and "missing dependencies" in reason:
        kind = getattr(syntax, "name", syntax)
        return UserError(
            f"{frame.file}: the pixels are compressed ({kind}), for which no decoder is installed: pip install "
            "'pylibjpeg[all]', or export the series uncompressed"
        )
    return UserError(f"{frame.file}: the pixels cannot be decoded ({reason}), copy the file again")
