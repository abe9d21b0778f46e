"""The bones of a study for its report page: which months, how many triangles, and what they are coloured by."""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import UInt8
from matplotlib.colors import LogNorm, to_hex

from trabfem.render import style
from trabfem.render.bones import LOST_GAP, DrawnBone, moment_of, tissue_modulus
from trabfem.render.colouring import COLOURINGS, Colouring, Scale
from trabfem.runs.study import Study

from .packing import pack, pack_values

TRIANGLES = 1_000_000
MOST_TRIANGLES, FEWEST_TRIANGLES = 36_000, 4_000
"""Of the whole page, and of one bone."""
BONES = 28
MOST_MONTHS, FEWEST_MONTHS, QUICK_MONTHS = 7, 3, 3
GAP_RANGE = 4.0
"""Voxels that the largest value of a gap stands for."""
COLOURS = 64


@dataclass(frozen=True)
class PageModel:
    """What the page needs of the bones: `header` goes into its JSON, `blobs` are packed arrays by name."""

    header: dict[str, Any]
    blobs: dict[str, str]


def make_model(study: Study, quick: bool = False) -> PageModel:
    """The bones of every arm at some of its months, each surface once."""
    places = choose_places(study, quick)
    count = sum(map(len, places))
    most = int(np.clip(TRIANGLES // max(1, count), FEWEST_TRIANGLES, MOST_TRIANGLES))
    return model_of(make_bones(study, places, most))


def model_of(bones: Sequence[Sequence[DrawnBone]], colourings: Iterable[Colouring] = COLOURINGS.values()) -> PageModel:
    """Bones of one block, those of each arm by month, with those of the colourings that they have."""
    known = list({id(bone): bone for arm in bones for bone in arm}.values())
    spacing, shape = known[0].spacing, known[0].moment.fill.shape
    size = (shape[0] * spacing[0], shape[1] * spacing[1], shape[2] * spacing[2])
    chosen = [each for each in colourings if each.make_scale is not None and each.has(known)]
    scales = {each.name: scale for each in chosen if (scale := each.scale(known)) is not None}
    blobs, names = pack_bones(known, size, chosen, scales)
    shown = [
        [{"month": bone.moment.month, **names[id(bone)], "bvtv": float(bone.moment.fill.mean())} for bone in arm]
        for arm in bones
    ]
    header = {
        "size": list(size),
        "fields": [describe_field(each, scales[each.name]) for each in chosen],
        "attributes": ["light", *(each.name for each in chosen)],
        "changes": any("gap" in bone for arm in shown for bone in arm),
        "gap": LOST_GAP * 1e3 * min(spacing),
        "gap_range": GAP_RANGE * 1e3 * min(spacing),
        "shift_limit": float(scales["shift"].norm.vmax or 1.0) if "shift" in scales else 1.0,
        "colours": {"bone": to_hex(style.BONE), "lost": to_hex(style.LOST), "gained": to_hex(style.GAINED)},
        "bones": shown,
        "triangles": sum(len(bone.surface.triangles) for bone in known),
    }
    return PageModel(header, blobs)


def choose_places(study: Study, quick: bool) -> list[list[int]]:
    """For each arm the places of the months that are shown, evenly spaced, the first and the last among them."""
    most = QUICK_MONTHS if quick else int(np.clip(BONES // len(study.arms), FEWEST_MONTHS, MOST_MONTHS))
    return [
        sorted({round(place) for place in np.linspace(0, len(arm.months) - 1, min(most, len(arm.months)))})
        for arm in study
    ]


def make_bones(study: Study, places: Sequence[Sequence[int]], most: int) -> list[list[DrawnBone]]:
    """The bones at these places; arms that start from the same bone share it."""
    modulus, starts, bones = tissue_modulus(study), {}, []
    for arm, own in zip(study.arms, places, strict=True):
        moment = moment_of(study, arm, 0)
        mark = hashlib.sha256(moment.fill.tobytes() + moment.sed.tobytes()).digest()
        start = starts.setdefault(mark, DrawnBone(moment, study.spacing, modulus, most=most))
        later = [DrawnBone(moment_of(study, arm, place), study.spacing, modulus, start, most) for place in own[1:]]
        bones.append([start, *later])
    return bones


def pack_bones(
    bones: Sequence[DrawnBone],
    size: tuple[float, float, float],
    colourings: Sequence[Colouring],
    scales: Mapping[str, Scale],
) -> tuple[dict[str, str], dict[int, dict[str, str]]]:
    """The packed arrays by name, and for each bone the names of its own and of what it has lost since the start."""
    blobs: dict[str, str] = {}
    names: dict[int, dict[str, str]] = {}
    orders: dict[int, np.ndarray] = {}
    for number, bone in enumerate(bones):
        attributes = [to_bytes(bone.light)]
        attributes += [to_bytes(place_on(scales[each.name], each.values(bone))) for each in colourings]
        name = f"bone-{number}"
        blobs[name], orders[id(bone)] = pack(bone.surface.points, bone.surface.triangles, size, attributes)
        names[id(bone)] = {"surface": name}
        if bone.start is not None:
            reach = GAP_RANGE * 1e3 * min(bone.spacing)
            gap = bone.gap_of(bone.start.surface.points[orders[id(bone.start)]])
            blobs[f"gap-{number}"] = pack_values(to_bytes(np.nan_to_num(gap / reach, posinf=1.0)))
            names[id(bone)] |= {"gap": f"gap-{number}", "start": names[id(bone.start)]["surface"]}
    return blobs, names


def to_bytes(values: np.ndarray) -> UInt8[np.ndarray, "points"]:
    """0..1 as 0..255."""
    return np.round(255 * np.clip(values, 0, 1)).astype(np.uint8)


def place_on(scale: Scale, values: np.ndarray | None) -> np.ndarray:
    """Where values stand on a scale, 0..1."""
    assert values is not None
    return np.asarray(scale.norm(np.clip(values, scale.norm.vmin, scale.norm.vmax)), float)


def describe_field(colouring: Colouring, scale: Scale) -> dict[str, Any]:
    """Name, label, colours and ticks of a scale."""
    stops = scale.colours(np.linspace(0, 1, COLOURS))
    return {
        "name": colouring.name,
        "title": colouring.title,
        "label": scale.label,
        "colours": [to_hex(colour) for colour in stops],
        "ticks": [{"at": float(scale.norm(tick)), "label": write_tick(tick)} for tick in ticks_of(scale)],
        "lost": colouring.shows_lost,
    }


def ticks_of(scale: Scale) -> list[float]:
    """Round values on a scale: powers of ten, or a quarter of it each."""
    if isinstance(scale.norm, LogNorm):
        return style.decades(scale.norm)
    low, high = float(scale.norm.vmin or 0.0), float(scale.norm.vmax or 1.0)
    return [low + (high - low) * share for share in (0, 0.25, 0.5, 0.75, 1)]


def write_tick(value: float) -> str:
    """A number with a true minus sign, and powers of ten for what is tiny."""
    if value and abs(value) < 1e-3:
        power = int(np.floor(np.log10(abs(value))))
        digits = str(power).translate(str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"))
        factor = f"{value / 10.0**power:.2g}"
        return f"10{digits}" if factor == "1" else f"{factor}·10{digits}"
    return f"{value:.4g}".replace("-", "−")
