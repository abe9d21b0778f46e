"""The pictures of a study by name, and which options each of them takes.

A new one is a function that takes a study and gives a figure, and a line in `KINDS`.
"""

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from matplotlib.figure import Figure

from trabfem.errors import UserError
from trabfem.render import contrasts, plots, scenes
from trabfem.render.colouring import ENERGY, SHIFT, Colouring, find_colouring
from trabfem.render.scenes import Scene
from trabfem.runs.study import Study

DEFAULT_CUT_SHARE = 0.5


@dataclass(frozen=True)
class Kind:
    """A picture: the stem of its file, its function, and whether it needs VTK, and more than one arm."""

    stem: str
    draw: Callable[..., Figure]
    is_bone: bool = True
    compares: bool = False

    @property
    def options(self) -> tuple[str, ...]:
        """Names of the options that it takes."""
        return tuple(name for name in inspect.signature(self.draw).parameters if name != "study")


def _strength(study: Study) -> Figure:
    return plots.figure_of(study, plots.STRENGTH)


def _hormones(study: Study) -> Figure:
    return plots.figure_of(study, plots.HORMONES)


def _before_after(
    study: Study,
    *,
    colour: str = ENERGY.name,
    month: float | None = None,
    pixels: int | None = None,
    scenes: list[Scene] | None = None,
) -> Figure:
    return _arms(study, find_colouring(colour), month, pixels, scenes)


def _change(
    study: Study, *, month: float | None = None, pixels: int | None = None, scenes: list[Scene] | None = None
) -> Figure:
    return _arms(study, SHIFT, month, pixels, scenes)


def _arms(
    study: Study, colouring: Colouring, month: float | None, pixels: int | None, found: list[Scene] | None
) -> Figure:
    return scenes.figure_of_arms(study, colouring=colouring, month=month, pixels=pixels, scenes=found)


def _zoom(
    study: Study,
    *,
    colour: str = ENERGY.name,
    month: float | None = None,
    pixels: int | None = None,
    scenes: list[Scene] | None = None,
) -> Figure:
    return contrasts.zoom_figure(study, colouring=find_colouring(colour), month=month, pixels=pixels, scenes=scenes)


def _cut(
    study: Study,
    *,
    cut: str | None = None,
    colour: str = ENERGY.name,
    month: float | None = None,
    pixels: int | None = None,
    scenes: list[Scene] | None = None,
) -> Figure:
    place = cut or f"x={DEFAULT_CUT_SHARE * study.size[0]:.6g}"
    return contrasts.cut_figure(
        study, cut=place, colouring=find_colouring(colour), month=month, pixels=pixels, scenes=scenes
    )


KINDS = {
    "strength": Kind("strength_over_time", _strength, is_bone=False),
    "hormones": Kind("hormones_over_time", _hormones, is_bone=False),
    "before_after": Kind("before_after", _before_after),
    "change": Kind("bone_change", _change),
    "zoom": Kind("zoom", _zoom),
    "cut": Kind("cut", _cut),
    "difference": Kind("difference", contrasts.difference_figure, compares=True),
}
"""The pictures of a study: curves in % of the start, hormones and markers, and the bones of all arms."""


def draw_kind(study: Study, kind: str = "strength", **options: Any) -> Figure:
    """The picture of a study of this kind; options are `colour`, `month`, `cut` and `pixels` where it takes them.

    **Raises:** `UserError` for a kind or an option that is not there.
    """
    if kind not in KINDS:
        raise UserError(f"kind = {kind!r}: give one of {', '.join(KINDS)}")
    for name in options:
        if name not in KINDS[kind].options:
            others = ", ".join(other for other, each in KINDS.items() if name in each.options)
            there = f"leave it out or take one of {others}" if others else "leave it out"
            raise UserError(f"{name} = {options[name]}: a picture of the kind {kind} does not take it; {there}")
    return KINDS[kind].draw(study, **options)
