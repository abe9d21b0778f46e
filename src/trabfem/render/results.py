"""`.plot()` and `.to_pyvista()` of every result (see `trabfem.display`): which function draws which type.

A new picture is a function that takes a result and returns a figure, and one line: `draw.register(Type, function)`.
Results of rooms that drawing must not import, since they bring JAX along, stand in `LATE` under their type's full name.
"""

import functools
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from trabfem.errors import UserError
from trabfem.render import bone, cohort, course, datasets, kinds, material, picture, solution
from trabfem.render import style as looks
from trabfem.runs.cohort.results import Cohort
from trabfem.runs.study import ArmRuns, Study
from trabfem.specimen import Specimen


def plot(
    result: Any, *, path: Path | str | None = None, style: str = "screen", columns: int = 2, **options: Any
) -> Figure:
    """The picture of a result, written to the new file `path` as well; `options` are those of its function.

    `style`: "screen", or "paper" with the type and widths that journals print. `columns`: how many of a page it takes.
    """
    if path is not None and Path(path).exists():
        raise UserError(f"{path} exists and is left as it is: give another name")
    with looks.use(style, columns):
        figure = draw(result, **options)
    if path is not None:
        picture.save(figure, path)
    return figure


@functools.singledispatch
def draw(result: Any, **options: Any) -> Figure:
    """The figure of a result by its type. **Raises:** `UserError` where there is none for it, or VTK cannot draw."""
    if _is_known_by_name(draw, LATE_PICTURES, result):
        return draw(result, **options)
    raise UserError(f"there is no picture of a {type(result).__name__}: look at its table")


@functools.singledispatch
def to_pyvista(result: Any, **options: Any) -> Any:
    """A result as a PyVista data set by its type. **Raises:** `UserError` where it has none, or without PyVista."""
    if _is_known_by_name(to_pyvista, LATE_DATA_SETS, result):
        return to_pyvista(result, **options)
    raise UserError(f"a {type(result).__name__} is not a field in space: there is nothing of it for PyVista")


@draw.register
def draw_study(study: Study, *, kind: str = "strength", **options: Any) -> Figure:
    """A picture of all arms; `kind` is one of `kinds.KINDS`, `options` such as `colour` are for the bones."""
    return kinds.draw_kind(study, kind, **options)


@draw.register
def draw_arm(arm: ArmRuns, **options: Any) -> Figure:
    """The pictures of a study that has this arm alone."""
    shape = arm.moment(member=min(arm.runs)).fill.shape
    header = {"name": arm.name, **arm.place.as_dict(), "shape": shape}
    return draw_study(Study((arm,), header), **options)


draw.register(Specimen, bone.draw)
draw.register(Cohort, cohort.draw)
to_pyvista.register(Specimen, datasets.of_specimen)
to_pyvista.register(ArmRuns, datasets.of_arm)
to_pyvista.register(Study, datasets.of_study)


def draw_criterion(found: Any, *, field: str = "ees", **options: Any) -> Figure:
    """The solution on which a failure criterion was asked, by default the strain that the criterion looks at."""
    return solution.draw(found.elastic, field=field, **options)


LATE_PICTURES: dict[str, Callable[..., Figure]] = {
    "trabfem.biology.course.Course": course.draw,
    "trabfem.analysis.solve.BoneSolution": solution.draw,
    "trabfem.analysis.strength.CriterionStrength": draw_criterion,
    "trabfem.analysis.strength.YieldStrength": material.draw_yield,
    "trabfem.analysis.homogenize.ApparentStiffness": material.draw_stiffness,
}
LATE_DATA_SETS: dict[str, Callable[..., Any]] = {
    "trabfem.analysis.solve.BoneSolution": datasets.of_solution,
    "trabfem.analysis.strength.CriterionStrength": lambda found: datasets.of_solution(found.elastic),
    "trabfem.analysis.strength.YieldStrength": lambda found: datasets.of_solution(found.elastic),
}


def _is_known_by_name(dispatch: Any, late: Mapping[str, Callable[..., Any]], result: Any) -> bool:
    """Whether the type of `result` is in `late`; then its function is registered from now on."""
    for each in type(result).__mro__:
        function = late.get(f"{each.__module__}.{each.__qualname__}")
        if function is not None:
            dispatch.register(each, function)
            return True
    return False
