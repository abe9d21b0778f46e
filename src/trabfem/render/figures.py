"""Single pictures of a study in files, as they are asked for: which, in which colours, of which month, how printed."""

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from trabfem.errors import UserError
from trabfem.render import picture, probe, scenes, style
from trabfem.render.colouring import find_colouring
from trabfem.render.kinds import KINDS, draw_kind
from trabfem.render.parts import parse_cut
from trabfem.render.report import Report, attempt, require_any, sort_out
from trabfem.runs.study import Study, open_study

FORMATS = ("png", "pdf", "svg", "tif")


@dataclass(frozen=True)
class Wanted:
    """What is asked for: kinds, colourings, a month, a cut, and how the pictures are set; see `render_figures`."""

    kinds: tuple[str, ...] = ()
    colours: tuple[str, ...] = ()
    month: float | None = None
    cut: str | None = None
    style: str = "screen"
    columns: int = 2
    format: str = "png"

    def __post_init__(self) -> None:
        """Find out what cannot be before anything is drawn."""
        for kind in self.kinds:
            if kind not in KINDS:
                raise UserError(f"kind = {kind!r}: give one of {', '.join(KINDS)}")
        for colour in self.colours:
            find_colouring(colour)
        if self.cut is not None:
            parse_cut(self.cut)
        for name, given in (("colour", self.colours), ("cut", self.cut), ("month", self.month)):
            unable = [kind for kind in self.kinds if name not in KINDS[kind].options]
            if given and len(unable) == len(self.kinds) > 0:
                raise UserError(f"{name}: no picture of the kind {', '.join(unable)} takes it; leave it out")
        if self.format not in FORMATS:
            raise UserError(f"format = {self.format}: give one of {', '.join(FORMATS)}")
        with style.use(self.style, self.columns):
            pass

    def choose_kinds(self, study: Study) -> tuple[str, ...]:
        """The kinds that were asked for; else what the other options mean, or all that the study has."""
        if self.kinds:
            return self.kinds
        if self.cut is not None:
            return ("cut",)
        if self.colours:
            return ("before_after",)
        several = len(study.arms) > 1
        found = (name for name, kind in KINDS.items() if name != "cut" and (several or not kind.compares))
        bones = tuple(name for name in found if self.month is None or KINDS[name].is_bone)
        return bones

    @property
    def folder(self) -> str:
        """Below the folder of the study's figures."""
        if self.style == "screen":
            return "one_column" if self.columns == 1 else ""
        return f"{self.style}_one_column" if self.columns == 1 else self.style


def render_figures(study: Path | str | Study, wanted: Wanted, *, out: Path | None = None) -> Report:
    """Write single pictures of a study; those that are there already are left as they are.

    `wanted.kinds`: of `KINDS`; where none is given, a cut or colours say which, else all. `out`: the folder for them,
    in place of `figures` in the study's. Those older than the study are drawn anew. **Raises:** `UserError` where the
    folder is no study, where all are there, and where none can be drawn; if some can, messages say why others cannot.
    """
    study = open_study(study)
    if out is None and study.folder is None:
        raise UserError("out: this study was not written to a folder; give one for the pictures")
    place = out if out is not None else Path(study.folder or "") / "figures"
    jobs = list_figures(study, wanted, place / wanted.folder)
    kept, messages = sort_out(jobs, study)
    if len(kept) == len(jobs):
        raise UserError(f"{kept[0]} is there, and so is all else that was asked for: give another folder")
    return require_any(attempt([job for path, job in jobs.items() if path not in kept], messages), kept)


def list_figures(study: Study, wanted: Wanted, place: Path) -> dict[Path, Callable[[], Path | list[Path]]]:
    """What each picture is called, and how it is made; the bones are contoured once for all of them."""

    @functools.cache
    def drawn() -> list[scenes.Scene]:
        probe.require_rendering()
        return scenes.scenes_of(study, wanted.month)

    jobs: dict[Path, Callable[[], Path | list[Path]]] = {}
    for name in wanted.choose_kinds(study):
        kind = KINDS[name]
        colours: Sequence[str | None] = wanted.colours if "colour" in kind.options and wanted.colours else (None,)
        for colour in colours:
            options: dict[str, Any] = {"colour": colour, "month": wanted.month, "cut": wanted.cut}
            options = {key: value for key, value in options.items() if value is not None and key in kind.options}
            path = place / f"{name_of(kind.stem, options)}.{wanted.format}"
            shared = drawn if "scenes" in kind.options else None
            jobs[path] = functools.partial(write_figure, study, name, path, wanted, options, shared)
    return jobs


def check_month(study: Study, month: float | None) -> None:
    """UserError where the bone of a month that is asked for is not kept of every arm."""
    shared = set.intersection(*(set(arm.months) for arm in study))
    if month is not None and month not in shared:
        known = ", ".join(f"{each:g}" for each in sorted(shared))
        raise UserError(f"month = {month:g}: no bone is kept there of every arm; give one of {known}")


def name_of(stem: str, options: dict[str, Any]) -> str:
    """The stem of a file: "cut_x_1.1mm_thickness_month_24"."""
    parts = [stem]
    if "cut" in options:
        axis, at = parse_cut(options["cut"])
        parts.append(f"{'xyz'[axis]}_{at:g}mm")
    if "colour" in options:
        colour = options["colour"]
        parts = [str(scenes.FILES.get(colour, colour))] if stem == "before_after" else [*parts, colour]
    if "month" in options:
        parts.append(f"month_{options['month']:g}")
    return "_".join(parts)


def write_figure(
    study: Study,
    kind: str,
    path: Path,
    wanted: Wanted,
    options: dict[str, Any],
    drawn: Callable[[], list[scenes.Scene]] | None,
) -> Path:
    """Draw one picture and write it."""
    check_month(study, options.get("month"))
    with style.use(wanted.style, wanted.columns):
        given = {**options, "scenes": drawn()} if drawn is not None else options
        return picture.save(draw_kind(study, kind, **given), path)
