"""The report of a cohort: all rows on one page, and a page for each row with its bone in 3-D, which it links to."""

import io
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import matplotlib

from trabfem.errors import UserError
from trabfem.render import style
from trabfem.render.bones import DrawnBone
from trabfem.render.cohort import draw
from trabfem.render.colouring import COLOURINGS
from trabfem.runs import files
from trabfem.runs.cohort import records
from trabfem.runs.cohort.previews import read_preview
from trabfem.runs.cohort.results import Cohort, open_cohort

from . import cohort_words, html
from .model import MOST_TRIANGLES, PageModel, model_of
from .wording import unit
from .write import NAME, foot, write_report

EMPTY: dict[str, Any] = {"months": [], "curves": [], "arms": [], "fields": [], "changes": False}


def write_cohort_report(cohort: Path | str | Cohort, *, group: str | None = None) -> Path:
    """Write `report.html` of a cohort, and a page for every row that has a result; returns the first.

    Pages of rows that have not changed since they were written stay. `group`: as for the figure. **Raises:**
    `UserError` where the folder is no cohort.
    """
    cohort = cohort if isinstance(cohort, Cohort) else open_cohort(cohort)
    links = {}
    for row, record in zip(cohort.rows, cohort.records, strict=True):
        if record.get("analyses"):
            links[row["id"]] = write_row(cohort, row, record)
    files.write_text(cohort.folder / NAME, page_of(cohort, links, group))
    return cohort.folder / NAME


def page_of(cohort: Cohort, links: Mapping[str, Path], group: str | None) -> str:
    """The page of the cohort; `links`: the page of each row by its id."""
    parts = []
    # The rows first: the summary of every measure is long.
    tables = sorted(cohort_words.tables_of(cohort), key=lambda each: each["columns"][0]["label"] != "id")
    for at, found in enumerate(tables):
        first = found["columns"][0]["label"]
        hrefs = [link_to(links.get(str(row[0])), cohort.folder) for row in found["rows"]] if first == "id" else []
        parts.append(html.table({**found, "links": hrefs}, f"table-{at}"))
    sections = [
        ("figure", "Summary", summary_figure(cohort, group)),
        ("results", "Results", "".join(parts)),
        ("method", "Method", html.prose(cohort_words.method_of(cohort), "method")),
        ("references", "References", html.references(cohort_words.references_of(cohort))),
        ("provenance", "How it was made", html.pairs(cohort_words.provenance_of(cohort), "Versions, options, files")),
    ]
    named = [(f"section-{name}", heading, content) for name, heading, content in sections if content]
    top = html.warnings(cohort_words.warnings_of(cohort))
    title = f"{cohort.name}: report of the cohort"
    subtitle = f"{cohort.title.split(': ', 1)[-1]}. Each row of the table is linked to its own page."
    return html.document(title, html.frame(cohort.name, subtitle, named, foot(), top), EMPTY, {})


def link_to(path: Path | None, folder: Path) -> str:
    """The way from the cohort's folder to a page; empty where there is none."""
    return "" if path is None else Path(os.path.relpath(path, folder)).as_posix()


def summary_figure(cohort: Cohort, group: str | None) -> str:
    """The figure of all measures as vectors; nothing where no row has a value."""
    stream = io.StringIO()
    try:
        figure = draw(cohort, group=group)
    except UserError:
        return ""
    with style.lettering(), matplotlib.rc_context({"svg.fonttype": "path", "svg.hashsalt": "trabfem"}):
        figure.savefig(stream, format="svg", metadata={"Date": None})
    drawing = stream.getvalue()
    drawing = drawing[drawing.index("<svg") :]
    named = drawing.replace("<svg", f'<svg role="img" aria-label="{html.text(cohort.title)}, every measure"', 1)
    return f'<div class="drawn">{named}</div>\n'


def write_row(cohort: Cohort, row: Mapping[str, Any], record: Mapping[str, Any]) -> Path:
    """Write the page of a row, and of its study where it has one; returns the path."""
    place = cohort.folder / row["place"]
    path = place.with_name(f"{place.name}_{NAME}")
    study = study_of(place, record)
    if study is not None and is_older(study / NAME, study / "run.json"):
        write_report(study, quick=True)
    if is_older(path, records.path_of(place)):
        files.write_text(path, row_page(cohort, row, record, place, study))
    return path


def is_older(path: Path, source: Path) -> bool:
    """Whether a page is missing, or older than what it is made from."""
    return not path.exists() or path.stat().st_mtime_ns < source.stat().st_mtime_ns


def study_of(place: Path, record: Mapping[str, Any]) -> Path | None:
    """The folder of a row's study."""
    name = record["analyses"].get("study", {}).get("details", {}).get("folder")
    folder = place.with_name(name) if name else None
    return folder if folder is not None and (folder / "run.json").exists() else None


def row_page(cohort: Cohort, row: Mapping[str, Any], record: Mapping[str, Any], place: Path, study: Path | None) -> str:
    """The page of a row: its bone, its values, and how they came about."""
    model = bone_of(place)
    header = {**EMPTY, **model.header, "slug": row["id"], "months": [0.0]} if model is not None else EMPTY
    arms = [{"name": row["id"], "colour": style.arm_colour(0)}]
    notes = "".join(f"<p>{html.text(note)}</p>" for note in record.get("notes", ()))
    back = link_to(cohort.folder / NAME, place.parent)
    ways = f'<p><a href="{html.text(back)}">All rows of {html.text(cohort.name)}</a></p>'
    if study is not None:
        way = link_to(study / NAME, place.parent)
        ways += f'<p><a href="{html.text(way)}">The study of this bone over years</a></p>'
    sections = [
        ("bones", "Bone", html.stage(arms, header) if model is not None else ""),
        ("results", "Results", ways + html.table(values_of(record), "values")),
        ("notes", "Notes", f'<div class="prose">{notes}</div>' if notes else ""),
        ("provenance", "How it was made", html.pairs(sources_of(row, record), "Files and versions")),
    ]
    named = [(f"section-{name}", heading, content) for name, heading, content in sections if content]
    top = html.bar(header) if model is not None else ""
    body = html.frame(row["id"], f"One row of {cohort.name}: {row['scan']}", named, foot(), top)
    return html.document(f"{row['id']}: report", body, header, {} if model is None else model.blobs, model is not None)


def bone_of(place: Path) -> PageModel | None:
    """The bone of a row for its page; None where it was not kept, or is empty."""
    kept = read_preview(place)
    if kept is None or not kept[0].fill.any():
        return None
    moment, spacing, solved = kept
    names = ("energy", "thickness") if solved else ("thickness",)
    return model_of([[DrawnBone(moment, spacing, most=MOST_TRIANGLES)]], [COLOURINGS[name] for name in names])


def values_of(record: Mapping[str, Any]) -> dict[str, Any]:
    """Every value of a row with its unit and meaning."""
    rows = [
        [name, each["name"], cohort_words.cell(each["value"]), unit(each["unit"]), each["meaning"]]
        for name, answer in record["analyses"].items()
        for each in answer["values"]
    ]
    labels = ("analysis", "measure", "value", "unit", "meaning")
    wrong = [f"{name}: {answer['trouble']}" for name, answer in record["analyses"].items() if answer["trouble"]]
    failed = [f"{name} failed: {reason}" for name, reason in record.get("failures", {}).items()]
    columns = [{"label": label, "meaning": ""} for label in labels]
    return {"title": "Every value", "columns": columns, "rows": rows, "notes": [*wrong, *failed]}


def sources_of(row: Mapping[str, Any], record: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Files with their hashes, how they were read, and versions."""
    said = [("scan", row["scan"])]
    said += [(f"SHA-256 of {each['path']}", each["sha256"]) for each in record.get("inputs", ())]
    said += [
        (f"read with {name}", str(value)) for name, value in record.get("reading", {}).items() if value is not None
    ]
    said += [("begun", record.get("begun", "")), ("device", record.get("worker", {}).get("device", ""))]
    said += [(name, version) for name, version in record.get("versions", {}).items()]
    return [(label, value) for label, value in said if value]
