"""The parts of a report page as HTML: text is escaped here and nowhere else."""

import html
import json
import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

ASSETS = Path(__file__).parent / "assets"
SCRIPTS = ("decode.js", "bones.js", "curves.js", "page.js")
LIBRARIES = ("three.min.js", "uplot.min.js")
STYLES = ("uplot.min.css", "page.css")
AXES = ("x", "y", "z")
GROUPS = {"strength": "Strength and density", "structure": "Structure", "markers": "Hormones and markers"}
"""Headings of the curves."""
PANEL_PIXELS = {1: 600, 2: 520, 3: 400}
"""Most pixels that a panel is high where so many stand side by side; less where more do."""


def text(value: Any) -> str:
    """Text that HTML shows as it is."""
    return html.escape(str(value))


def asset(name: str) -> str:
    """The content of a file of `assets`."""
    return (ASSETS / name).read_text(encoding="utf-8")


def document(
    title: str, body: str, model: Mapping[str, Any], blobs: Mapping[str, str], interactive: bool = True
) -> str:
    """A whole page; `model` is the JSON that the scripts read, `blobs` are packed arrays."""
    # A tag within JSON could end the script that holds it.
    content = json.dumps(model, allow_nan=False, separators=(",", ":")).replace("<", "\\u003c")
    parts = [
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        f"<title>{text(title)}</title>",
        '<link rel="icon" href="data:,">',
        f"<style>\n{''.join(map(asset, STYLES))}</style>\n</head>\n<body>",
        body,
    ]
    if interactive:
        parts.append(f'<script type="application/json" id="model">{content}</script>')
        parts += [f'<script type="text/plain" id="{name}">{blob}</script>' for name, blob in blobs.items()]
        parts += [f"<script>\n{asset(name)}\n</script>" for name in LIBRARIES]
        scripts = "\n".join(map(asset, SCRIPTS))
        parts.append(f'<script type="module">\n{scripts}</script>')
    return "\n".join([*parts, "</body>\n</html>\n"])


def frame(title: str, subtitle: str, sections: Sequence[tuple[str, str, str]], foot: str, top: str = "") -> str:
    """Heading, links to the sections (id, name, content), the sections, and the foot."""
    links = "".join(f'<li><a href="#{name}">{text(heading)}</a></li>' for name, heading, _ in sections)
    body = "".join(
        f'<section id="{name}" aria-labelledby="{name}-heading"><h2 id="{name}-heading">{text(heading)}</h2>\n'
        f"{content}</section>\n"
        for name, heading, content in sections
    )
    return (
        f'<a class="skip" href="#main">To the content</a>\n<header><h1>{text(title)}</h1>\n'
        f'<p class="subtitle">{text(subtitle)}</p></header>\n'
        f'<nav aria-label="Sections"><ul>{links}</ul></nav>\n<main id="main">\n{top}{body}</main>\n'
        f"<footer>{foot}{licenses()}</footer>"
    )


def licenses() -> str:
    """The licenses of the libraries in the page."""
    return (
        "<details><summary>Libraries in this page and their licenses</summary>"
        f"<pre>{text(asset('LICENSES.txt'))}</pre></details>"
    )


def warnings(sentences: Sequence[str]) -> str:
    """A box that opens to sentences; nothing where there are none."""
    if not sentences:
        return ""
    items = "".join(f"<li>{text(sentence)}</li>" for sentence in sentences)
    said = "One thing" if len(sentences) == 1 else f"{len(sentences)} things"
    return f'<details class="warnings"><summary>{said} to know before reading</summary><ul>{items}</ul></details>\n'


def stage(arms: Sequence[Mapping[str, Any]], model: Mapping[str, Any]) -> str:
    """The bones in 3-D with their controls, legend, scale bar and axes."""
    count = len(arms)
    columns = count if count <= 4 else math.ceil(count / math.ceil(count / 4))
    height = PANEL_PIXELS.get(columns, 320)
    panels = "".join(
        f'<div class="arm"><h3><i style="border-color:{arm["colour"]}"></i>{text(arm["name"])}</h3>'
        f'<p id="said-{place}">&nbsp;</p><div class="panel"></div></div>'
        for place, arm in enumerate(arms)
    )
    return (
        f'<div class="stage"><div id="grid" class="{"one" if count == 1 else ""}" tabindex="0" role="group" '
        f'aria-label="The bones of all arms, turning together. Arrow keys turn them, plus and minus zoom, 0 resets." '
        f'style="--columns:{columns};--panel:{height}px">{panels}</div>'
        '<p id="no-3d" hidden>This browser cannot draw in 3-D (no WebGL 2): switch hardware acceleration on, or look '
        "at the pictures in the folder figures beside this page.</p></div>\n"
        f"{LEGEND}<p id='shown' class='hint'></p>{cut_controls()}"
        '<p class="hint">Drag to turn, two fingers or the wheel (after a click) to zoom, right button to move; what is '
        "seen turns in all arms together. A cut shows the inside of bone in grey.</p>\n"
    )


def bar(model: Mapping[str, Any]) -> str:
    """Slider over the months, play, and what colours say: they stay in sight while the page scrolls."""
    most = len(model["months"]) - 1
    time = (
        '<button id="play" aria-pressed="false">Play</button>'
        f'<input type="range" id="time" min="0" max="{most}" step="1" value="{most}" aria-label="Month">'
        '<output id="month" for="time"></output>'
    )
    fields = [*((f["name"], f["title"]) for f in model["fields"])]
    fields += [("change", "Lost and gained")] if model["changes"] else []
    options = "".join(f'<option value="{name}">{text(title)}</option>' for name, title in fields)
    colour = f'<label>Colour <select id="colour">{options}</select></label>' if fields else ""
    return (
        '<div class="controls" id="bar" role="group" aria-label="Time and colour">'
        f"{time if most > 0 else ''}{colour}</div>\n"
    )


def cut_controls() -> str:
    """Where the bone is cut open, and the view."""
    choices = "".join(f'<option value="{at}">across {axis}</option>' for at, axis in enumerate(AXES))
    return (
        '<div class="controls" style="margin-top:10px"><label>Cut <select id="cut-axis">'
        f'<option value="-1">none</option>{choices}</select></label><div class="group"><input type="range" '
        'id="cut-place" min="0" max="100" value="50" aria-label="Place of the cut" disabled>'
        '<span id="cut-words"></span></div>'
        '<label><input type="checkbox" id="cut-flip" disabled> other side</label>'
        '<div class="group"><button id="zoom-out" aria-label="Zoom out">−</button>'
        '<button id="zoom-in" aria-label="Zoom in">+</button><button id="reset">Reset view</button>'
        '<button id="picture">Save picture</button></div></div>\n'
    )


LEGEND = (
    '<div class="legend"><div class="scale"><div id="legend-bar"></div><div id="legend-ticks"></div>'
    '<div id="legend-label"></div><div id="legend-keys"></div></div>'
    '<div class="bar"><div id="scale-bar"></div><div id="scale-words"></div></div>'
    '<svg class="axes" viewBox="-48 -46 96 78" role="img" aria-label="Directions of x, y and z; the load is along z">'
    + "".join(
        f'<line id="axis-{axis}" x1="0" y1="0" x2="0" y2="0"/><text id="axis-{axis}-name">'
        f"{'z load' if axis == 'z' else axis}</text>"
        for axis in AXES
    )
    + "</svg></div>\n"
)


def curves(found: Sequence[Mapping[str, Any]], arms: Sequence[Mapping[str, Any]], note: str) -> str:
    """A figure for each curve with the values at the cursor, and what the colours are."""
    keys = "".join(f"<li>{line_sample(arm)}{text(arm['name'])}</li>" for arm in arms)
    groups = list(dict.fromkeys(curve["group"] for curve in found))
    parts = []
    for group in groups:
        figures = "".join(curve_figure(curve, arms) for curve in found if curve["group"] == group)
        parts.append(f"<h3>{text(GROUPS.get(group, group))}</h3>\n<div class='curves'>\n{figures}</div>\n")
    said = f'<p class="notes">{text(f"{note} A click on a curve goes to its month.".strip())}</p>\n'
    return f'<ul class="armkeys" aria-label="Arms">{keys}</ul>\n<div id="curves">\n{"".join(parts)}</div>\n{said}'


def curve_figure(curve: Mapping[str, Any], arms: Sequence[Mapping[str, Any]]) -> str:
    """The place of a curve under its title, with the values at the cursor."""
    said = "; ".join(part for part in (curve["unit"], curve["note"]) if part)
    return (
        f'<figure id="curve-{curve["key"]}"><figcaption><b>{text(curve["title"])}</b><span>{text(said)}</span>'
        f'</figcaption><div class="plot" role="img" aria-label="{text(describe_curve(curve, arms))}"></div>'
        f'<ul class="now" aria-label="Values at the cursor">{values_now(arms)}</ul></figure>\n'
    )


def line_sample(arm: Mapping[str, Any]) -> str:
    """A piece of an arm's line."""
    dash = f' stroke-dasharray="{" ".join(map(str, arm["dash"]))}"' if arm["dash"] else ""
    return (
        f'<svg viewBox="0 0 34 8" aria-hidden="true"><line x1="0" y1="4" x2="34" y2="4" stroke="{arm["colour"]}" '
        f'stroke-width="2.4"{dash}/></svg>'
    )


def values_now(arms: Sequence[Mapping[str, Any]]) -> str:
    """Places for the month of the cursor and each arm's value there."""
    return "<li data-month></li>" + "".join(
        f'<li title="{text(arm["name"])}"><i style="background:{arm["colour"]}"></i><span data-arm="{at}">–</span></li>'
        for at, arm in enumerate(arms)
    )


def describe_curve(curve: Mapping[str, Any], arms: Sequence[Mapping[str, Any]]) -> str:
    """The curve in words: where each arm starts and ends."""
    said = []
    for arm, own in zip(arms, curve["arms"], strict=True):
        if own and own["mean"]:
            said.append(f"{arm['name']} from {own['mean'][0]:.3g} to {own['mean'][-1]:.3g}")
    return f"{curve['title']}, {curve['unit']}, over the years: {'; '.join(said)}".replace("-", "−")


def table(found: Mapping[str, Any], name: str) -> str:
    """A table with a caption and notes; columns of numbers are set to the right."""
    columns, rows = found["columns"], found["rows"]
    right = [all(is_number(row[at]) for row in rows) for at in range(len(columns))]
    kind = [' class="number"' if each else "" for each in right]
    head = "".join(
        f'<th scope="col"{kind[at]} title="{text(column.get("meaning") or "")}">{text(column["label"])}</th>'
        for at, column in enumerate(columns)
    )
    body = "".join(
        "<tr>" + "".join(f"<td{kind[at]}>{cell}</td>" for at, cell in enumerate(cells)) + "</tr>\n"
        for cells in linked_rows(rows, found.get("links", ()))
    )
    notes = "".join(f"<p class='notes'>{text(note)}</p>\n" for note in found.get("notes", ()))
    return (
        f'<div class="wide" tabindex="0" role="region" aria-label="{text(found["title"])}" id="{name}">'
        f"<table><caption>{text(found['title'])}</caption><thead><tr>{head}</tr></thead>\n<tbody>{body}</tbody></table>"
        f"</div>\n{notes}"
    )


def linked_rows(rows: Sequence[Sequence[Any]], links: Sequence[str]) -> Iterator[list[str]]:
    """The cells of each row as HTML, the first one linked where there is a link for the row."""
    for place, row in enumerate(rows):
        cells = [cell_of(cell) for cell in row]
        if place < len(links) and links[place]:
            cells[0] = f'<a href="{text(links[place])}">{cells[0]}</a>'
        yield cells


def cell_of(cell: Any) -> str:
    """A cell; what a verdict adds to a number stands below it."""
    for verdict in (" beyond chance", " within chance"):
        if str(cell).endswith(verdict):
            return f"{text(str(cell).removesuffix(verdict))}<br><small>{verdict.strip()}</small>"
    return text(cell)


def is_number(cell: Any) -> bool:
    """Whether a cell is empty or begins like a number."""
    first = str(cell).strip()[:1]
    return not first or first in "+−-.0123456789–["


def prose(parts: Sequence[Mapping[str, Any]], name: str) -> str:
    """Paragraphs under small headings, with a button that copies them."""
    body = "".join(
        f"<h3>{text(part['title'])}</h3>" + "".join(f"<p>{text(each)}</p>" for each in part["paragraphs"])
        for part in parts
    )
    return f'<button data-copy="{name}-text">Copy text</button><div class="prose" id="{name}-text">{body}</div>\n'


def references(found: Sequence[Mapping[str, Any]]) -> str:
    """What to cite."""
    items = "".join(f"<li>{text(each['text'])}{link(each.get('doi'))}</li>" for each in found)
    return (
        '<button data-copy="references-text">Copy references</button>'
        f'<ol class="references prose" id="references-text">{items}</ol>\n'
    )


def link(doi: str | None) -> str:
    """A DOI as a link; nothing where there is none."""
    return f' <a href="https://doi.org/{text(doi)}">doi:{text(doi)}</a>' if doi else ""


def pairs(rows: Sequence[Sequence[Any]], caption: str) -> str:
    """A table of labels and values."""
    body = "".join(f'<tr><th scope="row">{text(label)}</th><td>{text(value)}</td></tr>\n' for label, value in rows)
    return (
        f'<div class="wide" tabindex="0" role="region" aria-label="{text(caption)}"><table><caption>{text(caption)}'
        f"</caption><tbody>{body}</tbody></table></div>\n"
    )
