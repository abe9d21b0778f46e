"""From a file and how to read it to a specimen: values, calibration, segmentation, place, region, labels, moduli."""

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypedDict

import numpy as np

from trabfem.errors import UserError
from trabfem.specimen import materials, segmentation
from trabfem.specimen.place import index_transform
from trabfem.specimen.presets import find_preset
from trabfem.specimen.readers.raw import DENSITY_UNIT, Calibration, Raw, Triple
from trabfem.specimen.readers.registry import read_content
from trabfem.specimen.voxels import Specimen, check_spacing
from trabfem.specimen.windows import coarsen, crop_centre

OUTSIDE = 0.02
"""From this part on it is said that a mask or map goes beyond the scan; less may be the rounding of another grid."""


class MoreReading(TypedDict, total=False):
    """How a scan is read, beside spacing, threshold and crop; all of it may be left out.

    - `coarsen`: make so many voxels a side one, with the mean of their bone
    - `array`: which of several arrays, fields, layers or series of a file, by name or number (from 0)
    - `label`: which label of a label map is bone, or several
    - `segmentation`: a preset with filter and threshold, see `presets.PRESETS`
    - `calibration`: slope and intercept that turn the file's values into mg HA/cm³, in place of its own
    - `roi`: where morphometry and density are measured: a mask as file or array, or a label
    - `labels`: a map of labels, as file or array
    - `moduli`: Young's moduli: MPa by label, the name of a law of density, or a map in MPa as file or array
    """

    coarsen: int | None
    array: str | int | None
    label: int | tuple[int, ...] | None
    segmentation: str | None
    calibration: tuple[float, float] | None
    roi: Any
    labels: Any
    moduli: Any


class Reading(MoreReading, total=False):
    """How a scan is read.

    - `spacing`: voxel edges in mm, one number or three (x, y, z); wins over the file's
    - `threshold`: value from which a voxel is bone, in mg HA/cm³ where there is a calibration to it
    - `crop`: keep the cube of so many voxels a side in the middle
    """

    spacing: Any
    threshold: float | int | None
    crop: int | None


def make_specimen(raw: Raw, name: str, reading: Reading) -> Specimen:
    """The specimen of what a file (or an array) holds, read as `reading` says."""
    edges, replaced = choose_spacing(name, raw.spacing, reading.get("spacing"), raw.no_spacing)
    # The place of a file goes with its own voxels: with another spacing it would mean something else.
    raw = dataclasses.replace(raw, spacing=edges, origin=(0.0, 0.0, 0.0) if replaced else raw.origin)
    specimen = segment(raw, name, reading)
    specimen = dataclasses.replace(
        specimen,
        notes=(*raw.notes, *specimen.notes, *replaced),
        origin=raw.origin,
        direction=raw.direction,
        **{key: values for key, values in raw.maps.items() if key not in specimen.maps},
    )
    return cut_down(add_maps(specimen, reading), reading)


def cut_down(specimen: Specimen, reading: Reading) -> Specimen:
    """The specimen cropped, then coarsened, as `reading` says."""
    crop, factor = reading.get("crop"), reading.get("coarsen")
    specimen = specimen if crop is None else crop_centre(specimen, crop)
    return specimen if factor is None else coarsen(specimen, factor)


def segment(raw: Raw, name: str, reading: Reading) -> Specimen:
    """Bone from the values, with their density where there is a calibration to it."""
    threshold, label, preset = (reading.get(key) for key in ("threshold", "label", "segmentation"))
    array = np.asarray(raw.array)
    if label is not None and (threshold is not None or preset is not None):
        other = "threshold" if preset is None else "segmentation"
        raise UserError(f"label and {other} are both given: each says what is bone, leave one out")
    if label is not None:
        return segmentation.from_labels(array, raw.spacing, as_labels(label), name)
    if raw.is_mask and threshold is None and preset is None:
        return segmentation.from_mask(array != 0, raw.spacing, name)
    values, unit, said = calibrate(raw, reading.get("calibration"))
    outside = None if raw.outside is None or unit else raw.outside
    if preset is not None:
        found = segmentation.apply_preset(values, raw.spacing, find_preset(preset), threshold, name, unit)
    else:
        found = segmentation.from_values(
            values,
            raw.spacing,
            threshold,
            name,
            raw.is_fill,
            unit=unit,
            outside=outside,
            label_names=raw.label_names,
        )
    density = values if unit == DENSITY_UNIT else None
    return dataclasses.replace(found, notes=(*found.notes, *said), density=density)


def calibrate(raw: Raw, given: Any) -> tuple[np.ndarray, str, tuple[str, ...]]:
    """The values in physical units where a calibration is known, their unit, and a sentence on it."""
    own, array = raw.calibration, np.asarray(raw.array)
    if given is not None:
        slope, intercept = check_calibration(given)
        # A phantom's line refers to what a file shows: Hounsfield units where it has them, else stored values.
        shown, of = (own(array), own.unit) if own is not None and own.unit == "HU" else (array, "stored value")
        line = Calibration(slope, intercept, source="the calibration given")
        note = f"Density (mg HA/cm³) is {slope:g} × {of} {intercept:+g}, as given."
        return line(shown), DENSITY_UNIT, (note,)
    if own is None:
        return array, "", ()
    note = f"Values in {own.unit} are {own.slope:g} × stored value {own.intercept:+g}, by {own.source}."
    return own(array), own.unit, (note,)


def check_calibration(given: Any) -> tuple[float, float]:
    """Slope and intercept; UserError unless both are finite and the slope is not zero."""
    try:
        slope, intercept = (float(value) for value in given)
    except (TypeError, ValueError):
        raise UserError(f"calibration = {given!r}: give slope and intercept, two numbers") from None
    if not (np.isfinite(slope) and np.isfinite(intercept) and slope != 0):
        raise UserError(f"calibration = {slope:g}, {intercept:g}: give finite numbers and a slope that is not 0")
    return slope, intercept


def as_labels(given: Any) -> tuple[int, ...]:
    """One label or several as whole numbers, also from a text such as "1,2"."""
    items = given.split(",") if isinstance(given, str) else np.ravel(given).tolist()
    try:
        return tuple(int(item) for item in items)
    except (TypeError, ValueError):
        raise UserError(f"label = {given!r}: give a whole number, or several as 1,2") from None


def add_maps(specimen: Specimen, reading: Reading) -> Specimen:
    """The specimen with labels, region of interest and moduli as `reading` gives them."""
    labels, roi, moduli = (reading.get(key) for key in ("labels", "roi", "moduli"))
    if labels is not None:
        values, note = on_grid(labels, specimen, "labels")
        whole = segmentation.as_whole_numbers(values, "labels")
        specimen = dataclasses.replace(specimen, labels=whole, notes=(*specimen.notes, *note))
    if roi is not None:
        specimen = add_region(specimen, roi)
    return specimen if moduli is None else add_moduli(specimen, moduli)


def add_region(specimen: Specimen, roi: Any) -> Specimen:
    """The specimen with a region of interest: a mask as file or array, or a label of the specimen's labels."""
    if isinstance(roi, int | np.integer) or (isinstance(roi, str) and roi.isdecimal()):
        if specimen.labels is None:
            raise UserError(f"roi = {roi}: {specimen.name} has no labels; give a mask, or labels as well")
        region, note, said = specimen.labels == int(roi), (), f"label {roi}"
        if not region.any():
            known = segmentation.list_labels(np.unique(specimen.labels))
            raise UserError(f"roi = {roi}: {specimen.name} has the labels {known}; give one of them")
    else:
        values, note = on_grid(roi, specimen, "roi")
        region, said = values != 0, Path(roi).name if isinstance(roi, str | Path) else "an array"
    note = (*note, f"Region of interest: {100 * float(region.mean()):.3g} % of the voxels, from {said}.")
    return dataclasses.replace(specimen, region=region, notes=(*specimen.notes, *note))


def add_moduli(specimen: Specimen, moduli: Any) -> Specimen:
    """The specimen with Young's moduli by label, by a law of density, or from a map in MPa."""
    if isinstance(moduli, Mapping):
        return materials.assign_moduli(specimen, by_label=moduli)
    if isinstance(moduli, str) and moduli in materials.DENSITY_LAWS:
        return materials.assign_moduli(specimen, law=moduli)
    if isinstance(moduli, str) and not Path(moduli).exists():
        raise UserError(f"moduli = {moduli}: neither a file nor a law of density ({', '.join(materials.DENSITY_LAWS)})")
    values, note = on_grid(moduli, specimen, "moduli")
    specimen = dataclasses.replace(specimen, notes=(*specimen.notes, *note))
    return materials.assign_moduli(specimen, moduli=values)


def on_grid(given: Any, specimen: Specimen, name: str) -> tuple[np.ndarray, tuple[str, ...]]:
    """Values of an array or a file at the voxels of a specimen, 0 where the file has none; and what was done."""
    if isinstance(given, np.ndarray):
        return given, ()
    raw = read_content(Path(given))
    values = np.asarray(raw.array)
    # A file without a place, such as a stack of slices, fits if it has the same voxels.
    placed = raw.spacing is not None and (any(raw.origin) or raw.direction != specimen.direction)
    if values.shape == specimen.shape and (not placed or is_at(raw, specimen)):
        return values, ()
    if raw.spacing is None or values.ndim != 3:
        raise UserError(
            f"{name} = {given}: {values.shape} voxels without a place in space do not fit the {specimen.shape} of "
            f"{specimen.name}; give it on the same grid"
        )
    return resample(values, raw, specimen, f"{name} = {given}")


def is_at(raw: Raw, specimen: Specimen) -> bool:
    """Whether the voxels of a file are those of a specimen."""
    spacing = check_spacing(raw.spacing)
    matrix, shift = index_transform(
        (raw.origin, raw.direction, spacing), (specimen.origin, specimen.direction, specimen.spacing)
    )
    far = np.abs((matrix - np.eye(3)) @ np.asarray(specimen.shape)) + np.abs(shift)
    return bool(far.max() < 0.1)


def resample(values: np.ndarray, raw: Raw, specimen: Specimen, name: str) -> tuple[np.ndarray, tuple[str, ...]]:
    """The value of the nearest voxel of a file at each voxel of a specimen, 0 outside of the file."""
    matrix, shift = index_transform(
        (specimen.origin, specimen.direction, specimen.spacing), (raw.origin, raw.direction, check_spacing(raw.spacing))
    )
    found = np.zeros(specimen.shape, values.dtype)
    _, y, z = np.indices((1, *specimen.shape[1:]), sparse=True)
    pairs = list(zip(matrix, shift, strict=True))
    for x in range(specimen.shape[0]):
        place = [np.rint(row[0] * x + row[1] * y[0] + row[2] * z[0] + b).astype(int) for row, b in pairs]
        inside = np.logical_and.reduce([(at >= 0) & (at < n) for at, n in zip(place, values.shape, strict=True)])
        found[x][inside] = values[tuple(at[inside] for at in place)]
    if not found.any():
        raise UserError(f"{name}: it does not overlap with {specimen.name}, check that both have the same origin")
    inside, whole = np.count_nonzero(found), np.count_nonzero(values) * np.prod(check_spacing(raw.spacing))
    lost = 1 - inside * float(np.prod(specimen.spacing)) / float(whole)
    outside = f"; {100 * lost:.0f} % of it lies outside of the scan" if lost > OUTSIDE else ""
    exact = np.allclose(matrix, np.eye(3), atol=1e-3) and np.allclose(shift, np.rint(shift), atol=0.05)
    how = "shifted by whole voxels" if exact else "by the nearest voxel"
    return found, (f"{Path(name).name if '/' in name else name} was laid onto the grid of the scan, {how}{outside}.",)


def choose_spacing(name: str, own: Triple | None, given: object, why: str = "") -> tuple[Triple, tuple[str, ...]]:
    """The spacing to use, and a note where the given one replaces the file's."""
    if given is not None:
        edges = check_spacing(given)
        if own is None or np.allclose(edges, own, rtol=1e-4):
            return edges, ()
        was, now = (" x ".join(f"{h:g}" for h in s) for s in (own, edges))
        return edges, (f"Spacing {now} mm as given, in place of {was} in the file.",)
    if own is None:
        said = why or f"{name} carries no voxel size"
        raise UserError(f"spacing = not given: {said}; give the edge of a voxel in mm")
    try:
        return check_spacing(own), ()
    except UserError as error:
        raise UserError(f"{name}: {error}, as the spacing if the file is wrong") from None
