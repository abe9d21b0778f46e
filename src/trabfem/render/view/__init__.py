"""`.view()` of every result: a window to turn it in, with time, colours and a cut; a widget in notebooks.

Which function shows which type is said as in `render.results`: `view.register(Type, function)`, and under the full name
of the type in `LATE_VIEWS` where its room brings JAX along. What is shown is a `contents.Contents`.
"""

import functools
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from trabfem.errors import UserError
from trabfem.render.view import voxels
from trabfem.render.view.contents import StudyContents
from trabfem.render.view.presenting import present, require_place
from trabfem.runs.study import ArmRuns, Study, open_study
from trabfem.specimen import Specimen


@functools.singledispatch
def view(result: Any, **options: Any) -> Any:
    """Show a result by its type; `options` as for `present`.

    **Raises:** `UserError` where there is nothing of it to turn, or nothing can be shown here.
    """
    for each in type(result).__mro__:
        function = LATE_VIEWS.get(f"{each.__module__}.{each.__qualname__}")
        if function is not None:
            view.register(each, function)
            return function(result, **options)
    raise UserError(f"a {type(result).__name__} is not a bone to turn: look at its table, or at its picture, .plot()")


@view.register
def view_study(study: Study, *, arm: str | Sequence[str] = (), **options: Any) -> Any:
    """The bones of all arms side by side at every month that is kept; `arm`: only of those arms."""
    require_place(options.get("screenshot"))
    return present(StudyContents(study, (arm,) if isinstance(arm, str) else arm), **options)


@view.register
def view_arm(arm: ArmRuns, **options: Any) -> Any:
    """The bones of one arm."""
    shape = arm.moment(member=min(arm.runs)).fill.shape
    return view_study(Study((arm,), {"name": arm.name, **arm.place.as_dict(), "shape": shape}), **options)


@view.register
def view_specimen(specimen: Specimen, **options: Any) -> Any:
    """A bone: plain, by its maps, by its local thickness."""
    return present(voxels.of_specimen(specimen), **options)


def view_solution(solution: Any, **options: Any) -> Any:
    """A solved bone by every field of it."""
    return present(voxels.of_solution(solution), **options)


def view_run(folder: Path | str, **options: Any) -> Any:
    """The study in a folder. **Raises:** `UserError` where the folder is none."""
    return view_study(open_study(folder), **options)


def view_fields(path: Path | str, **options: Any) -> Any:
    """A file of fields by every array of it. **Raises:** `UserError` where the file has none."""
    return present(voxels.of_file(Path(path)), **options)


LATE_VIEWS: dict[str, Callable[..., Any]] = {
    "trabfem.analysis.solve.BoneSolution": view_solution,
    "trabfem.analysis.strength.CriterionStrength": lambda found, **options: view_solution(found.elastic, **options),
    "trabfem.analysis.strength.YieldStrength": lambda found, **options: view_solution(found.elastic, **options),
}
