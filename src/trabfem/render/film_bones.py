"""The bones of a film: prepared and painted month by month, on all cores.

A film draws hundreds of bones, so each is made from a volume of bounded size: one with more than `LONGEST_SIDE` voxels
along a side is averaged over blocks first. What is drawn keeps its volume and its energy; details finer than a block
are lost, which at the size of a panel is about a pixel.
"""

import dataclasses
import functools
import os
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import BrokenExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float, UInt8

from trabfem import keyboard
from trabfem.errors import UserError
from trabfem.render import panels
from trabfem.render.bones import DrawnBone, moment_of, tissue_modulus
from trabfem.render.colouring import Scale, find_colouring
from trabfem.render.panels import Layer, Painter, View, add_frame, aim, view_of
from trabfem.render.scenes import volume_fraction
from trabfem.runs.study import Study
from trabfem.runs.trajectory import Moment
from trabfem.specimen.windows import average_blocks

LONGEST_SIDE = 80  # voxels
MOST_PROCESSES = 8  # each holds the bones of one month
BONES_WORTH_A_PROCESS = 12  # starting one takes as long as so many bones
Pixels = UInt8[np.ndarray, "height width 3"]


@dataclass(frozen=True)
class Shot:
    """One frame: for each arm the place of its bone among its months, and from where it is seen (degrees)."""

    month: float
    places: tuple[int, ...]
    azimuth: float = panels.AZIMUTH_DEG


@dataclass(frozen=True)
class Painted:
    """What a shot shows of each arm: its pixels, and the bone's volume fraction in words."""

    pixels: tuple[Pixels, ...]
    volumes: tuple[str, ...]


def coarsen(moment: Moment, factor: int) -> Moment:
    """A bone on blocks of `factor` voxels a side: mean fill and energy, and the age of the bone in the block."""
    if factor == 1:
        return moment
    fill = average_blocks(moment.fill, factor)
    age = None
    if moment.age is not None:
        age = average_blocks(moment.age * moment.fill, factor) / np.maximum(fill, 1e-6)
    return Moment(moment.month, fill, average_blocks(moment.sed, factor), age)


def turned_view(size: tuple[float, float, float], azimuth: float) -> View:
    """The view from an azimuth, with the same lengths in the picture from everywhere."""
    view = view_of(size, azimuth)
    # The widest picture is that of the diagonal, which lies across the line of sight at some azimuth.
    diagonal = float(np.hypot(size[0], size[1])) / 2
    sine, cosine = view.towards[2], view.up[2]
    width, height = panels.MARGIN * diagonal, panels.MARGIN * (sine * diagonal + cosine * size[2] / 2)
    return dataclasses.replace(view, half_width=float(width), half_height=float(height))


class TurningPainter(Painter):
    """A painter of panels of `width` × `height` pixels that can walk around the bone."""

    def __init__(self, view: View, width: int, height: int):
        # Without Painter's own beginning: whether VTK draws here was found out before the film was begun, and asking
        # again in every process takes seconds.
        import pyvista

        self.view, self.width, self.height, self.supersampling = view, width, height, 1
        fine = [width * panels.SUPERSAMPLING, height * panels.SUPERSAMPLING]
        self.plotter = pyvista.Plotter(off_screen=True, window_size=fine)
        self.plotter.set_background("white")
        self.plotter.render_window.SetMultiSamples(0)
        self.turn(view)

    def turn(self, view: View) -> None:
        """See the bone as `view` says from now on."""
        self.view = view
        self.plotter.clear_actors()
        add_frame(self.plotter, view, float(panels.SUPERSAMPLING))
        aim(self.plotter, view)

    def snapshot(self, layers: list[Layer]) -> Float[np.ndarray, "height width 3"]:
        """What VTK draws of opaque layers, averaged down at once: blending is linear, so it can come after that."""
        fine, n = super().snapshot(layers), panels.SUPERSAMPLING
        parts = [fine[row::n, column::n] for row in range(n) for column in range(n)]
        return sum(parts[1:], start=parts[0]) / n**2


class Studio:
    """Draws the bones of a study in one colouring; keeps those of the last month and the starts of all arms."""

    def __init__(self, study: Study, colour: str):
        self.study, self.colouring = study, find_colouring(colour)
        self.factor = -(-max(study.shape) // LONGEST_SIDE)
        self.painter: TurningPainter | None = None
        self.bone = functools.lru_cache(maxsize=len(study))(self.prepare_bone)
        self.start = functools.cache(lambda arm: self.read_bone(arm, 0, None))

    def prepare_bone(self, arm: int, place: int) -> tuple[DrawnBone, str]:
        """The bone of an arm at a place among its months, with its volume fraction in words."""
        start = self.start(arm)
        return start if place == 0 else self.read_bone(arm, place, start[0])

    def read_bone(self, arm: int, place: int, start: DrawnBone | None) -> tuple[DrawnBone, str]:
        """A bone made from blocks of voxels where the volume is large; the volume fraction is that of the voxels."""
        moment = moment_of(self.study, self.study.arms[arm], place)
        dx, dy, dz = (h * self.factor for h in self.study.spacing)
        bone = DrawnBone(coarsen(moment, self.factor), (dx, dy, dz), tissue_modulus(self.study), start)
        return bone, volume_fraction(moment.fill)

    def values(self, arm: int, place: int) -> Float[np.ndarray, "points"] | None:
        """What the points of a bone are coloured by; None where the study does not hold it."""
        return self.colouring.values(self.bone(arm, place)[0])

    def paint(self, shots: Sequence[Shot], scale: Scale | None, size: tuple[int, int], turning: bool) -> list[Painted]:
        """What each shot shows, in panels of `size` = (width, height) pixels."""
        return [self.paint_shot(shot, scale, size, turning) for shot in shots]

    def paint_shot(self, shot: Shot, scale: Scale | None, size: tuple[int, int], turning: bool) -> Painted:
        """What one shot shows of every arm."""
        view = camera(self.study, shot.azimuth, turning)
        if self.painter is None:
            self.painter = TurningPainter(view, *size)
        self.painter.turn(view)
        found = [self.bone(arm, place) for arm, place in enumerate(shot.places)]
        pixels = tuple(self.painter.paint(self.colouring.layers(bone, scale)) for bone, _ in found)
        return Painted(pixels, tuple(volume for _, volume in found))

    def close(self) -> None:
        """Close the window."""
        if self.painter is not None:
            self.painter.plotter.close()


def camera(study: Study, azimuth: float, turning: bool) -> View:
    """The view of a film: as in pictures where the camera stands, wide enough for every azimuth where it turns."""
    return turned_view(study.size, azimuth) if turning else view_of(study.size, azimuth)


class Crew:
    """Studios at work: one here, or one in each of several processes."""

    def __init__(self, study: Study, colour: str, processes: int):
        self.studio = Studio(study, colour)
        self.executor = None
        if processes > 1:
            from loky.process_executor import ProcessPoolExecutor

            # Processes of loky do not run the caller's script again, so that it needs no guard.
            self.executor = ProcessPoolExecutor(processes, initializer=open_studio, initargs=(study, colour))
            with keyboard.kept_from_children():
                self.executor.submit(os.getpid)  # they are started with the first that is asked of them

    def scale(self, bones: Sequence[tuple[int, int]]) -> Scale | None:
        """The colour scale that the bones (arm, place) share. **Raises:** `UserError` where one has no values."""
        colouring = self.studio.colouring
        if colouring.make_scale is None:
            return None
        if self.executor is None:
            found = [self.studio.values(*bone) for bone in bones]
        else:
            found = list(in_order(self.executor.submit(values_in_process, bone) for bone in bones))
        known = [values for values in found if values is not None]
        if len(known) < len(found):
            raise UserError(f"colour = {colouring.name}: this study does not hold it; run it anew or take another")
        return colouring.make_scale(known, colouring.label)

    def paint(
        self, groups: Sequence[Sequence[Shot]], scale: Scale | None, size: tuple[int, int], turning: bool
    ) -> Iterator[Painted]:
        """What the shots show, group after group, in order."""
        if self.executor is None:
            for group in groups:
                yield from self.studio.paint(group, scale, size, turning)
            return
        asked = (self.executor.submit(paint_in_process, group, scale, size, turning) for group in groups)
        for done in in_order(asked):
            yield from done


def in_order(asked: Iterable[Any]) -> Iterator[Any]:
    """Results of futures in the order in which they were asked for, each let go of when it was taken.

    The `map` of an executor cancels what is left when it is interrupted, on which the end of its processes fails.
    """
    waiting = deque(asked)
    while waiting:
        yield waiting.popleft().result()


@contextmanager
def open_crew(study: Study, colour: str, processes: int) -> Iterator[Crew]:
    """A crew that goes home at the end. **Raises:** `UserError` where a process is lost."""
    crew = Crew(study, colour, processes)
    try:
        yield crew
    except BrokenExecutor as error:
        raise UserError(
            "a process that drew the film was lost, most likely for want of memory: free some, or show fewer arms"
        ) from error
    finally:
        crew.studio.close()
        if crew.executor is not None:
            crew.executor.shutdown(kill_workers=True)


STUDIOS: list[Studio] = []
"""The studio of a process that was started for a film; empty in the process that asks for it."""


def open_studio(study: Study, colour: str) -> None:
    """Prepare a process."""
    STUDIOS[:] = [Studio(study, colour)]


def values_in_process(bone: tuple[int, int]) -> Float[np.ndarray, "points"] | None:
    """`Studio.values` of this process."""
    return STUDIOS[0].values(*bone)


def paint_in_process(shots: Sequence[Shot], scale: Scale | None, size: tuple[int, int], turning: bool) -> list[Painted]:
    """`Studio.paint` of this process."""
    return STUDIOS[0].paint(shots, scale, size, turning)


def choose_processes(bones: int) -> int:
    """So many processes as there are cores, where a film of `bones` bones is worth starting them."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min(cores, MOST_PROCESSES, bones // BONES_WORTH_A_PROCESS))
