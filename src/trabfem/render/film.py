"""Films of a study: the arms side by side through the months, or once around their bones at one of them."""

import dataclasses
from collections.abc import Iterator, Sequence
from itertools import groupby
from pathlib import Path

import numpy as np

from trabfem import keyboard
from trabfem.errors import UserError
from trabfem.render import panels, probe
from trabfem.render.colouring import Scale, find_colouring
from trabfem.render.film_bones import Painted, Shot, camera, choose_processes, open_crew
from trabfem.render.film_files import check_suffix, write
from trabfem.render.film_page import COUNTER_POINTS, Frame, Sheet, Words, plan_page
from trabfem.render.film_text import Caption, text_width
from trabfem.render.picture import place_in
from trabfem.render.scenes import years
from trabfem.runs.columns import find_label
from trabfem.runs.statistics import OF_START
from trabfem.runs.study import ArmRuns, Study, open_study

KINDS = ("time-lapse", "orbit", "both")
FRAMES = 36
WIDTH = 1280
NARROWEST, WIDEST = 320, 3840
MOST_FRAMES = 2000
ORBIT_FRAMES_PER_SECOND, LAPSE_FRAMES_PER_SECOND = 12, 6
HOLD_SECONDS = 1.5  # on the last month, before the film starts again
WIDEST_VOLUME = "BV/TV 100.0 %"
SHOTS_TOGETHER = 6  # that a process takes of one month


def film(
    study: Path | str | Study,
    path: Path | str | None = None,
    *,
    kind: str = "time-lapse",
    frames: int = FRAMES,
    colour: str = "energy",
    month: float | None = None,
    arms: Sequence[str] | None = None,
    width: int = WIDTH,
    processes: int | None = None,
) -> Path:
    """Write a film of all arms with one camera and one colour scale; returns its path.

    - `path`: default `figures/KIND.mp4` in the study's folder; the suffix chooses MP4 or GIF.
    - `kind`: "time-lapse", all arms in step over the months that are kept; "orbit", the camera goes once around the
      bones of one month; "both", it goes around them while the months pass. An orbit starts again without a jump.
    - `frames`: of the film. Where fewer months are kept than that, each stands for several frames.
    - `colour`: one of `COLOURINGS`. `arms`: names of those that are shown, all if left out.
    - `month`: of an orbit, the last one if left out. An arm without that month shows the last one before it.
    - `width`: of a frame in pixels; the height follows, at most 9/16 of it.
    - `processes`: by default one for each core, where the film is worth it.

    Of several members the bones are those of the first, and the strength is the mean of all. A volume with more than
    80 voxels along a side is averaged over blocks of voxels, 2 × 2 × 2 up to a side of 160, so that a month takes about
    half a second of each arm at any size.

    **Raises:** `UserError` where the folder is no study, a value makes no film, VTK cannot draw, or MP4 is asked for
    without imageio-ffmpeg.
    """
    check_options(kind, frames, width, month)
    study = choose_arms(open_study(study), arms)
    path = place_in(study, path, f"figures/{kind}.mp4")
    check_suffix(path)
    shots = plan_shots(study, kind, frames, month)
    colouring = find_colouring(colour)
    probe.require_rendering()
    groups = group_shots(shots)
    bones = {(arm, place) for shot in shots for arm, place in enumerate(shot.places)}
    several = choose_processes(max(len(bones), len(set(shots)) * len(study) // 4)) if processes is None else processes
    with open_crew(study, colouring.name, several) as crew:
        scale = crew.scale(bones_of_scale(study, shots))
        sheet = make_sheet(study, shots, scale, kind, colouring.keys, width)
        painted = crew.paint(groups, scale, sheet.panel_pixels(), kind != "time-lapse")
        pictures = compose_all(study, sheet, shots, painted, kind)
        per_second = LAPSE_FRAMES_PER_SECOND if kind == "time-lapse" else ORBIT_FRAMES_PER_SECOND
        return write(path, pictures, per_second, hold=0.0 if kind == "orbit" else HOLD_SECONDS)


def check_options(kind: str, frames: int, width: int, month: float | None) -> None:
    """UserError for what makes no film."""
    if kind not in KINDS:
        raise UserError(f"kind = {kind}: give one of {', '.join(KINDS)}")
    if not 2 <= frames <= MOST_FRAMES:
        raise UserError(f"frames = {frames}: give 2 to {MOST_FRAMES}")
    if not NARROWEST <= width <= WIDEST:
        raise UserError(f"width = {width}: give {NARROWEST} to {WIDEST} pixels")
    if month is not None and kind != "orbit":
        raise UserError(f"month = {month:g}: only an orbit shows one month; leave it out or ask for an orbit")


def choose_arms(study: Study, names: Sequence[str] | None) -> Study:
    """The study with the arms of these names (or names of folders) alone, in this order."""
    if names is None:
        return study
    chosen: dict[str, ArmRuns] = {}
    for name in names:
        try:
            chosen[study[name].slug] = study[name]
        except KeyError:
            known = ", ".join(repr(arm.slug) for arm in study)
            raise UserError(f"arms = {name}: the arms of this study are {known}; give one of these") from None
    if not chosen:
        raise UserError("arms = : give at least one name, or leave it out for all")
    return dataclasses.replace(study, arms=tuple(chosen.values()))


def months_of(study: Study) -> list[float]:
    """Every month that an arm keeps."""
    return sorted({month for arm in study for month in arm.months})


def plan_shots(study: Study, kind: str, frames: int, month: float | None = None) -> list[Shot]:
    """Every frame in order. Of more months than frames, evenly spaced ones are shown, the first and the last of them.

    An orbit's azimuths divide the circle, so that the first follows the last as any other does. "both" ends where it
    began, as its last frame is held.
    """
    known = months_of(study)
    if kind == "orbit":
        chosen = known[-1] if month is None else float(month)
        if chosen not in known:
            raise UserError(f"month = {chosen:g}: no bone is kept there, only at {', '.join(f'{m:g}' for m in known)}")
        shown = [chosen] * frames
    else:
        if len(known) < 2:
            raise UserError(
                f"kind = {kind}: only month {known[0]:g} is kept, through which no time passes; ask for an orbit"
            )
        shown = [known[place] for place in choose_months(len(known), frames)]
    turns = {"time-lapse": np.zeros(frames), "orbit": np.arange(frames) / frames, "both": np.linspace(0, 1, frames)}
    azimuths = panels.AZIMUTH_DEG + 360 * (turns[kind] % 1)
    return [
        Shot(month, tuple(place_at(arm, month) for arm in study), float(azimuth))
        for month, azimuth in zip(shown, azimuths, strict=True)
    ]


def choose_months(count: int, frames: int) -> list[int]:
    """Which of `count` months each frame shows: evenly spaced ones, or each for about as many frames as the others."""
    if count >= frames:
        return [round(place) for place in np.linspace(0, count - 1, frames)]
    return [frame * count // frames for frame in range(frames)]


def group_shots(shots: Sequence[Shot]) -> list[list[Shot]]:
    """The shots without repetitions, in order, in groups of one month of which a process takes one after another."""
    groups = []
    for _, same in groupby(dict.fromkeys(shots), key=lambda shot: shot.places):
        group = list(same)
        groups += [group[begin : begin + SHOTS_TOGETHER] for begin in range(0, len(group), SHOTS_TOGETHER)]
    return groups


def bones_of_scale(study: Study, shots: Sequence[Shot]) -> list[tuple[int, int]]:
    """The bones that set the colour scale: those of the first and the last frame of each arm."""
    return list(dict.fromkeys((arm, shot.places[arm]) for arm in range(len(study)) for shot in (shots[0], shots[-1])))


def make_sheet(
    study: Study, shots: Sequence[Shot], scale: Scale | None, kind: str, keys: Sequence, width: int
) -> Sheet:
    """The page of the film with what stands still."""
    turning = kind != "time-lapse"
    view = camera(study, shots[0].azimuth, turning)
    months = sorted({shot.month for shot in shots})
    captions = [
        Caption(arm.name, widest_parts([describe(arm, month, place_at(arm, month), WIDEST_VOLUME) for month in months]))
        for arm in study
    ]
    page = plan_page(captions, view.aspect, bool(keys))
    counter = max(text_width(format_month(month), COUNTER_POINTS, True) for month in months)
    span = (months[0], months[-1]) if len(months) > 1 else None
    return Sheet(page, width, view, scale, keys, span, counter, turning)


def place_at(arm: ArmRuns, month: float) -> int:
    """The place of the arm's last month that is not after `month`."""
    return max(0, int(np.searchsorted(arm.months, month, side="right")) - 1)


def widest_parts(found: Sequence[tuple[str, ...]]) -> tuple[str, ...]:
    """Of each part of a subtitle the one that takes most room; parts that are always empty take none."""
    return tuple(widest for parts in zip(*found, strict=True) if (widest := max(parts, key=len)))


def describe(arm: ArmRuns, month: float, place: int, volume: str) -> tuple[str, ...]:
    """The subtitle in parts: bone volume, change of strength since the start, and which month it is if not this one."""
    shown = arm.months[place]
    return (volume, describe_strength(arm, shown), "" if shown == month else f"last at month {shown:g}")


def describe_strength(arm: ArmRuns, month: float) -> str:
    """ "strength −12 %" since the start, of several members their mean; nothing where the table does not say."""
    of_start = arm.column("failure load" + OF_START)
    values = of_start if of_start is not None else arm.column("failure load")
    if values is None:
        return ""
    months = np.asarray(arm.table[find_label("month")])
    here = np.flatnonzero((np.abs(months - month) < 1e-6) & np.isfinite(values))
    first = values[np.isfinite(values)][:1]
    if len(here) == 0 or not first[0]:
        return ""
    change = round(100 * (values[here[0]] / first[0] - 1))
    # Of several members the bone is that of the first, and the table holds the mean of all.
    strength = "mean strength" if len(arm.runs) > 1 else "strength"
    return f"{strength} {f'{change:+d}' if change else '±0'} %".replace("-", "−")


def compose_all(
    study: Study, sheet: Sheet, shots: Sequence[Shot], painted: Iterator[Painted], kind: str
) -> Iterator[Frame]:
    """The frames in order; one that repeats the frame before it is not drawn anew."""
    before: Shot | None = None
    frame = np.zeros((0, 0, 3), np.uint8)
    for shot in shots:
        keyboard.stop_if_pressed()
        if shot != before:
            done, before = next(painted), shot
            words = Words(
                format_month(shot.month),
                shot.month,
                tuple(
                    describe(arm, shot.month, place, volume)
                    for arm, place, volume in zip(study, shot.places, done.volumes, strict=True)
                ),
            )
            frame = sheet.compose(words, done.pixels, camera(study, shot.azimuth, kind != "time-lapse"))
        yield frame


def format_month(month: float) -> str:
    """ "Month 18", and from the second year on "Month 30 (2.5 years)"."""
    return f"Month {month:g}" + (f" ({years(month)})" if month >= 24 else "")
