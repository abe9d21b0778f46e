"""From the values of a scan to bone: masks, labels, thresholds, and Otsu's threshold where nothing is given."""

import dataclasses
from collections.abc import Mapping, Sequence
from types import MappingProxyType

import numpy as np
from jaxtyping import Bool

from trabfem.errors import UserError
from trabfem.specimen.padding import find_padding
from trabfem.specimen.presets import Preset
from trabfem.specimen.voxels import Specimen, check_array, check_spacing

MOST_LABELS = 20
"""An image of whole numbers with at most so many values is a map of labels, not of gray values."""
MOSTLY_BONE = 0.6
"""Trabecular bone fills less of a block than this; more is a sign that bone is the dark side of the image."""
OUTLIER = 0.001
"""Share of the values at either end that may lie far out, such as hot pixels and metal."""


def from_mask(mask: np.ndarray, spacing: object, name: str = "specimen") -> Specimen:
    """Specimen from a two-valued array (bool, 0/1 or 0/255): the larger value is bone; of -1 and 0 it is -1."""
    mask = np.asarray(mask)
    check_array(mask, name)
    low, high = mask.min(), mask.max()
    if not np.all((mask == low) | (mask == high)):
        raise UserError(f"{name}: the mask has more than two values, read it as gray values with a threshold")
    # 255 stored as a signed byte reads as -1.
    bone = mask == (low if (low, high) == (-1, 0) else high)
    if low == high == 0:
        raise UserError(f"{name}: the mask is all void, check the file and that bone is the larger value")
    return Specimen(fill=bone.astype(np.float32), spacing=check_spacing(spacing), name=name)


def from_gray(
    gray: np.ndarray,
    spacing: object,
    threshold: float | int | None = None,
    name: str = "specimen",
    *,
    unit: str = "",
    outside: float | None = None,
) -> Specimen:
    """Specimen of the voxels with gray value >= threshold; Otsu's threshold when none is given.

    `unit`: of the values, such as "mg HA/cm³". `outside`: the value of voxels outside the field of view, which Otsu's
    threshold leaves out; found by its shape where it is not given.
    """
    gray = np.asarray(gray)
    check_array(gray, name)
    low, high = float(gray.min()), float(gray.max())
    if low == high:
        raise UserError(f"{name}: every gray value is {low:g}, there is nothing to threshold: check the file")
    notes: tuple[str, ...] = ()
    value = None if threshold is None else float(threshold)
    if value is None:
        value, notes = choose_otsu(gray, outside)
    if not low < value <= high:
        raise UserError(
            f"threshold = {value:g}: it leaves {name} {'all bone' if value <= low else 'all void'}, "
            f"give one between the gray values {low:g} and {high:g}"
        )
    bone = gray >= value
    how = "Otsu's threshold" if threshold is None else "the given threshold"
    kind, unit = ("density", f" {unit}") if unit.startswith("mg") else ("gray value", f" {unit}" if unit else "")
    note = f"Bone is {kind} >= {value:g}{unit} ({how}); values run from {low:g} to {high:g}."
    share = float(bone.mean())
    if threshold is None and share > MOSTLY_BONE:
        notes += (
            f"{100 * share:.0f} % of the voxels are bone by it: if bone is dark in this image, invert it first, and if "
            "the scan is not trabecular bone or has a border, give a threshold.",
        )
    return Specimen(bone.astype(np.float32), check_spacing(spacing), name, (note, *notes))


def from_labels(labels: np.ndarray, spacing: object, chosen: Sequence[int], name: str = "specimen") -> Specimen:
    """Specimen of the voxels with one of the `chosen` labels; the labels stay with it."""
    labels = as_whole_numbers(labels, name)
    known = np.unique(labels)
    for label in chosen:
        if label not in known:
            raise UserError(f"label = {label}: {name} has the labels {list_labels(known)}; give one of them")
    bone = np.isin(labels, list(chosen))
    note = f"Bone is label {list_labels(np.asarray(chosen))} of {list_labels(known)}."
    return Specimen(bone.astype(np.float32), check_spacing(spacing), name, (note,), labels=labels)


def from_values(
    array: np.ndarray,
    spacing: object,
    threshold: float | int | None = None,
    name: str = "specimen",
    is_fill: bool = False,
    *,
    unit: str = "",
    outside: float | None = None,
    label_names: Mapping[int, str] = MappingProxyType({}),
) -> Specimen:
    """Specimen from a mask (two values), gray values (more values) or fractions of bone (`is_fill`).

    `is_fill`: the values are the fraction of bone in each voxel, 0..1 or 0..255 in eight bits. `label_names`: what
    labels stand for. With a threshold everything is gray values. UserError where a few whole numbers look like labels
    and none is chosen.
    """
    if is_fill and threshold is None:
        fill = array / np.float32(255) if array.dtype == np.uint8 else array
        return Specimen(fill=fill, spacing=check_spacing(spacing), name=name)
    check_array(array, name)
    if threshold is None and array.dtype != bool:
        refuse_labels(array, name, label_names)
    two = bool(np.all((array == array.min()) | (array == array.max())))
    if threshold is None and (array.dtype == bool or two):
        return from_mask(array, spacing, name=name)
    return from_gray(array, spacing, threshold, name, unit=unit, outside=outside)


def apply_preset(
    values: np.ndarray, spacing: object, preset: Preset, threshold: float | int | None, name: str, unit: str
) -> Specimen:
    """Specimen of the voxels above a threshold after the preset's filter: the one given, else the preset's own."""
    if unit != preset.unit and threshold is None:
        raise UserError(
            f"segmentation = {preset.name}: {name} has no calibration to {preset.unit}; give calibration as slope and "
            "intercept, or a threshold in the file's own values"
        )
    if preset.threshold is None and threshold is None:
        raise UserError(
            f"segmentation = {preset.name}: there is no one threshold for this filter; give a threshold in "
            f"{preset.unit} as well"
        )
    value = preset.threshold if threshold is None else threshold
    filtered = preset.filter(values.astype(np.float32), check_spacing(spacing))
    found = from_gray(filtered, spacing, value, name, unit=unit)
    note = f"Segmented as {preset.name}: {preset.describe()}, bone is >= {value:g} {unit}".rstrip() + "."
    return dataclasses.replace(found, notes=(note,))


def as_whole_numbers(labels: np.ndarray, name: str) -> np.ndarray:
    """Labels as integers; UserError where a value is not a whole number."""
    labels = np.asarray(labels)
    check_array(labels, name)
    if labels.dtype == bool:
        return labels.astype(np.uint8)
    if np.issubdtype(labels.dtype, np.floating):
        if not np.all(labels == np.rint(labels)):
            raise UserError(f"{name}: the values are not whole numbers, so not labels; give a threshold")
        return labels.astype(np.int32)
    return labels


def refuse_labels(array: np.ndarray, name: str, names: Mapping[int, str] = MappingProxyType({})) -> None:
    """UserError where the values are so few whole numbers that they are labels, of which one has to be chosen."""
    sample = array.reshape(-1)[:: max(1, array.size // 100_000)]
    if len(np.unique(sample)) > MOST_LABELS:
        return
    values = np.unique(array)
    if are_labels(values):
        inner = [f"{v:g}" for v in values.tolist() if v != 0]
        raise UserError(
            f"label = not given: {name} holds only the values {list_labels(values, names)}, which look like labels; "
            f"give the label of the bone or several ({','.join(inner)} for all of them), or a threshold if they are "
            "gray values"
        )


def are_labels(values: np.ndarray) -> bool:
    """Whether these values, each once, are labels of which one has to be chosen.

    Two values are a mask, unless neither is zero and both are as small as labels are: 1 and 2.
    """
    if not 2 <= len(values) <= MOST_LABELS or not np.all(values == np.rint(values)):
        return False
    return len(values) > 2 or bool(values[0] > 0 and values[1] <= MOST_LABELS)


def list_labels(labels: np.ndarray, names: Mapping[int, str] = MappingProxyType({})) -> str:
    """ "0, 1 (bone) and 2"."""
    words = [f"{v:g} ({names[int(v)]})" if int(v) in names else f"{v:g}" for v in np.asarray(labels).tolist()]
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"


def choose_otsu(gray: np.ndarray, outside: float | None = None) -> tuple[float, tuple[str, ...]]:
    """Otsu's threshold of the values in the field of view without far outliers, and what was left out, in sentences."""
    padding = gray == outside if outside is not None else find_padding(gray)
    notes: list[str] = []
    inside: np.ndarray = gray.reshape(-1)
    if padding is not None and padding.any():
        inside = gray[~padding]
        value = float(gray[padding][0])
        notes.append(
            f"{100 * float(padding.mean()):.3g} % of the voxels hold the value {value:g} around the field of view and "
            "were left out of Otsu's threshold; they count as void in BV/TV unless a region of interest is given."
        )
    inside, clipped = clip_outliers(inside)
    if clipped:
        notes.append(f"{clipped} far outlying value{'s were' if clipped > 1 else ' was'} clipped for Otsu's threshold.")
    return otsu(inside), tuple(notes)


def clip_outliers(values: np.ndarray) -> tuple[np.ndarray, int]:
    """Values clipped to a range without hot pixels, and how many were; untouched where there are none.

    A value is far out beyond the range of the middle 99.8 % by more than the width of that range.
    """
    low, high = np.quantile(values, (OUTLIER, 1 - OUTLIER))
    width = max(float(high - low), np.finfo(np.float32).tiny)
    far: Bool[np.ndarray, " values"] = (values < low - width) | (values > high + width)
    count = int(np.count_nonzero(far))
    return (np.clip(values, low, high) if count else values), count


def otsu(gray: np.ndarray, bins: int = 256) -> float:
    """Threshold t maximising the variance between classes, w0 w1 (m0 - m1)^2, over a histogram of `bins` bins.

    Values >= t are the bright class. Source: Otsu 1979, IEEE Trans. Syst. Man Cybern. 9:62-66, eq. 14-18.
    """
    # Values that differ by little more than their rounding leave no room for bins.
    low, high = float(gray.min()), float(gray.max())
    if high - low < 1e-6 * max(abs(low), abs(high)):
        return 0.5 * (low + high)
    counts, edges = np.histogram(gray.astype(np.float64, copy=False), bins=bins)
    centres = 0.5 * (edges[1:] + edges[:-1])
    dark = np.cumsum(counts)[:-1].astype(float)
    bright = float(counts.sum()) - dark
    dark_sum = np.cumsum(counts * centres)[:-1]
    bright_sum = float(np.sum(counts * centres)) - dark_sum
    between = dark * bright * (dark_sum / np.maximum(dark, 1) - bright_sum / np.maximum(bright, 1)) ** 2
    # All empty bins between two peaks are equally good; the middle of them is taken.
    best = np.flatnonzero(between >= between.max() * (1 - 1e-12))
    return float(0.5 * (edges[best[0] + 1] + edges[best[-1] + 1]))
