"""Images of several layers or components, and segmentations of 3-D Slicer: which of them is read."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from trabfem.errors import UserError
from trabfem.specimen.readers.raw import Raw, choose

Segment = tuple[str, int, int]
"""Name, layer and label."""


def choose_layer(path: Path, which: str | int | None, array: np.ndarray, found: Mapping[str, Any]) -> Raw:
    """One 3-D image of the values of `extract_itk`, axes (..., z, y, x) and components last; no place yet.

    UserError where it is flat, or has several layers and none is chosen.
    """
    size, components = list(found["size"]), found["components"]
    shown = " x ".join(map(str, size))
    if len(size) < 3 or min(size) < 1:
        raise UserError(f"{path}: holds one slice of {shown} pixels, a specimen needs three axes")
    if len(size) > 3 and 1 in size[:3] and max(size[3:]) > 1:
        raise UserError(
            f"{path}: has the axes {shown}, of which one of the first three has a single voxel: whether the others are "
            "places or times cannot be known; save the image with three axes"
        )
    # Layers first, then z, y, x: components are the last axis of the array, other axes the first.
    stack = np.moveaxis(array, -1, 0) if components > 1 else array[None]
    stack = stack.reshape(-1, *stack.shape[-3:])
    word = "component" if components > 1 and len(size) == 3 and ".seg." not in path.name.lower() else "layer"
    segments = read_segments(found["metadata"], len(stack))
    notes: list[str] = []
    if len(size) > 3 and len(stack) == 1:
        notes.append(f"Axes of one voxel were left out: {shown} voxels were read as three axes.")
    if segments:
        return choose_segment(path, which, stack, segments, notes)
    if len(stack) == 1 and which is None:
        return Raw(np.array(stack[0].T), notes=tuple(notes))
    names = [f"{word} {k}" for k in range(len(stack))]
    taken = choose(path, which, names, f"{word}s" if word == "layer" else "components (colours or vectors)")
    return Raw(np.array(stack[taken].T), notes=(*notes, f"Of {len(stack)} {word}s, {word} {taken} was taken."))


def read_segments(metadata: Mapping[str, str], count: int) -> list[Segment]:
    """The segments that 3-D Slicer lists in the metadata of a .seg.nrrd."""
    segments = []
    for number in range(len(metadata)):
        name = metadata.get(f"Segment{number}_Name", metadata.get(f"Segment{number}_ID"))
        if name is None:
            break
        layer = metadata.get(f"Segment{number}_Layer", str(number if count > 1 else 0))
        label = metadata.get(f"Segment{number}_LabelValue", "1" if count > 1 else str(number + 1))
        if re.fullmatch(r"\d{1,9}", layer) and re.fullmatch(r"-?\d{1,9}", label) and int(layer) < count:
            segments.append((name, int(layer), int(label)))
    return segments


def choose_segment(
    path: Path, which: str | int | None, stack: np.ndarray, segments: list[Segment], notes: list[str]
) -> Raw:
    """A layer with the names of its labels, or the mask of the segment called `which`."""
    listed = ", ".join(f"{name!r} is label {label} of layer {layer}" for name, layer, label in segments)
    if which is None and len(stack) == 1:
        names = {label: name for name, _, label in segments}
        return Raw(np.array(stack[0].T), notes=(*notes, f"Segments: {listed}."), label_names=names)
    known = [*(name for name, *_ in segments), *(f"layer {k}" for k in range(len(stack)))]
    taken = choose(path, which, known, f"segments ({listed}) and layers")
    if taken >= len(segments):
        layer = taken - len(segments)
        names = {label: name for name, of, label in segments if of == layer}
        return Raw(np.array(stack[layer].T), notes=(*notes, f"Layer {layer} was taken."), label_names=names)
    name, layer, label = segments[taken]
    mask = np.array((stack[layer] == label).T, dtype=np.uint8)
    return Raw(mask, is_mask=True, notes=(*notes, f"Bone is the segment {name!r}, label {label} of layer {layer}."))
