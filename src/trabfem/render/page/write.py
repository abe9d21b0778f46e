"""The report page of a run: bones in 3-D through time, curves, tables, method and sources in one HTML file."""

import importlib.util
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from trabfem import __version__
from trabfem.errors import UserError
from trabfem.render import style
from trabfem.render.picture import place_in
from trabfem.runs import files
from trabfem.runs.study import Study, open_study
from trabfem.schedule.writing import describe_duration

from . import html, numbers, references, words
from .model import PageModel, make_model

NAME = "report.html"
MOST_NAMES = 150
"""Letters of the names of arms in the subtitle."""
NO_BONES: dict[str, Any] = {"fields": [], "changes": False, "bones": []}
NO_PYVISTA = (
    "<p>Written without PyVista, which makes the surfaces: install it and write the page anew to see bones.</p>"
)


def write_report(study: Path | str | Study, path: Path | str | None = None, *, quick: bool = False) -> Path:
    """Write the page of a study, finished or not; it opens from disk in any browser, without server or network.

    `path`: default `report.html` in the study's folder. `quick`: the bones of three months only. Surfaces are those of
    the pictures with fewer triangles; of several members the first is shown in 3-D. **Raises:** `UserError` where the
    folder is no study.
    """
    study = open_study(study)
    path = place_in(study, path, NAME)
    if path.suffix.lower() not in (".html", ".htm"):
        raise UserError(f"path = {str(path) if path.name else path!r}: give the name of a page, such as {NAME}")
    files.write_text(path, page_of(study, quick))
    return path


def page_of(study: Study, quick: bool = False) -> str:
    """The page as text."""
    arms, model = describe_arms(study), make_model(study, quick) if has_contours() else PageModel(NO_BONES, {})
    curves = numbers.curves_of(study)
    for curve in curves:
        curve["relative"] = curve["unit"].startswith("%")
    header = {
        **model.header,
        "slug": Path(study.folder).name if study.folder is not None else "study",
        "arms": arms,
        "members": max(len(arm.runs) for arm in study),
        "months": months_of(curves, model.header["bones"]),
        "curves": curves,
    }
    top = html.warnings(words.warnings_of(study)) + html.bar(header)
    body = html.frame(study.name, subtitle_of(study), sections_of(study, header), foot(), top)
    return html.document(f"{study.name}: report", body, header, model.blobs)


def has_contours() -> bool:
    """Whether PyVista is there, whose contours the bones are; it needs no graphics library for them."""
    return importlib.util.find_spec("pyvista") is not None


def describe_arms(study: Study) -> list[dict[str, Any]]:
    """Name, colour and dashes of each arm, as in every figure."""
    return [
        {"name": arm.name, "colour": style.arm_colour(at), "dash": dashes_of(style.arm_line(at)["linestyle"])}
        for at, arm in enumerate(study)
    ]


def dashes_of(line: Any) -> list[float]:
    """matplotlib's dashes as lengths in pixels of a line two pixels wide."""
    return [2.0 * length for length in line[1]] if isinstance(line, tuple) else []


def months_of(curves: Sequence[Mapping[str, Any]], bones: Sequence[Sequence[Mapping[str, Any]]]) -> list[float]:
    """Every month of a curve or a bone."""
    found = {month for curve in curves for arm in curve["arms"] if arm for month in arm["months"]}
    return sorted(found | {bone["month"] for arm in bones for bone in arm})


def sections_of(study: Study, header: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    """Id, heading and content of each section."""
    tables = "".join(html.table(each, f"table-{at}") for at, each in enumerate(numbers.tables_of(study)))
    curves = header["curves"]
    note = numbers.band_note_of(study)
    sections = [
        ("bones", "Bones", html.stage(header["arms"], header) if header["fields"] else NO_PYVISTA),
        ("time", "Over time", html.curves(curves, header["arms"], note) if curves else ""),
        ("results", "Results", tables),
        ("method", "Method", html.prose(words.method_of(study), "method")),
        ("references", "References", html.references(references.references_of(study))),
        ("provenance", "How it was made", provenance(study)),
    ]
    # An id of a section must not be that of a control.
    return [(f"section-{name}", heading, content) for name, heading, content in sections if content]


def provenance(study: Study) -> str:
    """Versions, seeds and hashes, and every setting."""
    made = html.pairs(words.provenance_of(study), "Versions, seeds and files")
    settings = words.settings_of(study)
    return made + (html.table(settings, "settings") if settings.get("rows") else "")


def subtitle_of(study: Study) -> str:
    """What was compared on what, in a sentence."""
    arms = ", ".join(arm.name for arm in study)
    arms = arms if len(arms) <= MOST_NAMES else f"{len(study)} arms"
    x, y, z = study.shape
    years = study.header.get("years")
    most = "up to " if any(run.ended for arm in study for run in arm.members) else ""
    over = f" over {most}{describe_duration(years)}" if years else ""
    return f"A block of {x} × {y} × {z} voxels{over}: {arms}."


def foot() -> str:
    """What wrote the page."""
    return f"<p>Written by trabfem {html.text(__version__)}.</p>"
