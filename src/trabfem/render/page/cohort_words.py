"""The numbers and words of a cohort for its page: tables, method, references, warnings and provenance."""

from collections.abc import Mapping, Sequence
from typing import Any

from trabfem import constants
from trabfem.render.cohort import USUAL
from trabfem.render.page.library import SOFTWARE, cite
from trabfem.render.page.method_mechanics import AXIAL, ELEMENTS, SOLVER, say_criterion, say_resolution, say_tissue
from trabfem.render.page.method_study import NAMES, NOT_INSTALLED, describe_software
from trabfem.render.page.provenance import show
from trabfem.render.page.references import list_references
from trabfem.render.page.wording import (
    counted,
    duration,
    listing,
    months,
    number,
    paragraph,
    rounded,
    say,
    section,
    sentence,
    unit,
)
from trabfem.runs.cohort.records import hash_of
from trabfem.runs.cohort.results import DONE, FAILURES, LEFT, SUMMARY, Cohort
from trabfem.tables import Column, Table

FILES = ("cohort.json", "cohort.csv", "failures.csv")
FIRST_COLUMNS = ("id", "state")
LAST_COLUMN = "trouble"
INDICES = {
    "Tb.Th": "trabecular thickness and separation are mean diameters of the largest spheres that fit inside "
    f"{cite('Hildebrand & Rüegsegger 1997')}",
    "Tb.N direct": f"direct Tb.N is the inverse of the mean distance of mid-axes {cite('Hildebrand 1999')}",
    "Conn.D": f"connectivity density follows from the Euler characteristic {cite('Odgaard & Gundersen 1993')}",
    "SMI": f"the structure model index is that of {cite('Hildebrand & Rüegsegger 1997b')}",
    "DA": "the degree of anisotropy is that of the ellipsoid of mean intercept lengths "
    f"{cite('Harrigan & Mann 1984', 'Odgaard 1997')}",
}
BOUNDARIES = {
    "kubc": "kinematic uniform boundary conditions",
    "pmubc": "periodicity-compatible mixed uniform boundary conditions",
    "periodic": "periodic boundary conditions",
    "direct": "direct mechanical tests",
}


def tables_of(cohort: Cohort) -> list[dict[str, Any]]:
    """Summary of every measure, the rows with the usual measures, and failures; those that hold something."""
    tables = (summary_table(cohort), row_table(cohort), plain(cohort.failures, FAILURES))
    return [table for table in tables if table["rows"]]


def summary_table(cohort: Cohort) -> dict[str, Any]:
    """Of each measure how many rows have it, mean, standard deviation, median and range."""
    found = plain(cohort.summary, SUMMARY)
    bad = len(cohort) - cohort.states.count(DONE)
    note = sentence(f"{counted(bad, 'row')} of {len(cohort)} not done: n says how many rows have a value")
    return found | {"title": cohort.title, "notes": [note] if bad else []}


def row_table(cohort: Cohort) -> dict[str, Any]:
    """Id, state and the usual measures of each row, and what is wrong with its values."""
    table = cohort.table
    measured = {column.name: column for column, _ in cohort.measures}
    chosen = [measured[name] for name in USUAL if name in measured]
    own = {column.name: column for column in table.columns}
    columns = [*(own[name] for name in FIRST_COLUMNS), *chosen, own[LAST_COLUMN]]
    values = [table[column.label] for column in columns]
    return plain(Table(tuple(columns), tuple(zip(*values, strict=True)), "Rows"), columns)


def plain(table: Table, columns: Sequence[Column]) -> dict[str, Any]:
    """A table as text, with units in its labels and four digits."""
    described = [{"label": unit(column.label), "meaning": column.meaning} for column in columns]
    return {
        "title": table.title,
        "columns": described,
        "rows": [[cell(value) for value in row] for row in table.rows],
        "notes": [],
    }


def cell(value: Any) -> str:
    """A value for people; nothing where nothing is known."""
    if value is None or value != value:
        return ""
    return unit(value) if isinstance(value, str) else number(value, 4)


def method_of(cohort: Cohort) -> list[dict[str, Any]]:
    """The method of this cohort in sections, with citations by key as `references_of` has them."""
    parts = (
        describe_scans(cohort),
        describe_morphometry(cohort),
        describe_mechanics(cohort),
        describe_failure(cohort),
        describe_homogenisation(cohort),
        describe_studies(cohort),
        describe_software(cohort.header),
        describe_limits(cohort),
    )
    return [part for part in parts if part["paragraphs"]]


def describe_scans(cohort: Cohort) -> dict[str, Any]:
    """How many scans there are, and how they were read."""
    ways = [record["reading"] for record in cohort.records if "reading" in record]
    same = bool(ways) and all(way == ways[0] for way in ways)
    options = [f"{name} {show(value)}" for name, value in ways[0].items()] if same else []
    read = (
        f"All were read with {listing(options)}."
        if options
        else "How each was read stands in its record."
        if ways and not same
        else ""
    )
    count = f"The cohort {cohort.name} has {counted(len(cohort), 'scan')}; the same was computed for each."
    return section("Scans", paragraph(count, read), paragraph(*map(sentence, cohort.notes)))


def describe_morphometry(cohort: Cohort) -> dict[str, Any]:
    """The indices that were measured and where they are defined."""
    names = {column.name for column, analysis in cohort.measures if analysis == "morphometry"}
    if not names:
        return section("Morphometry")
    ways = listing(way for name, way in INDICES.items() if name in names)
    named = (
        "Structure was measured on each scan as it is, bone that bears no load included; indices are named as in "
        f"{cite('Bouxsein 2010')}."
    )
    return section("Morphometry", paragraph(named, sentence(ways)))


def common(cohort: Cohort, analysis: str) -> dict[str, Any]:
    """The options of an analysis that are the same in all rows."""
    asked = [row["asked"][analysis] for row in cohort.rows if analysis in row["asked"]]
    first = asked[0] if asked else {}
    return {name: value for name, value in first.items() if all(each.get(name) == value for each in asked)}


def describe_mechanics(cohort: Cohort) -> dict[str, Any]:
    """Elements, tissue, load and tolerance."""
    asked = next((found for name in ("solve", "strength", "homogenize") if (found := common(cohort, name))), {})
    if not asked:
        return section("Finite elements")
    own = any("moduli" in record.get("reading", {}) for record in cohort.records)
    tissue = say_tissue(asked.get("youngs"), asked.get("poisson"))
    given = "Where moduli were given with a scan, its voxels had those." if own else ""
    strain, case = asked.get("strain"), asked.get("load")
    load = say(
        "The load was {case}{strain}.",
        case=None if case is None else AXIAL.get(case, f"the load case {case} of the software"),
        strain="" if strain is None else f", at an apparent strain of {number(100 * strain)} %",
    )  # fmt: skip
    accepted = say(
        "A solve was accepted when the relative residual, recomputed in double precision {residual}, was at most "
        "{rtol}; it had at most {most} iterations.",
        rtol=asked.get("rtol"), most=asked.get("max_iterations"), residual=cite("van der Vorst & Ye 2000"),
    )  # fmt: skip
    bearing = "Bone that does not join the loaded faces was left out of the solve."
    return section("Finite elements", paragraph(ELEMENTS, *tissue, given), paragraph(load, bearing, SOLVER, accepted))


def describe_failure(cohort: Cohort) -> dict[str, Any]:
    """The criterion of the failure load, or tissue that softens."""
    asked = common(cohort, "strength")
    if asked.get("method") == "pistoia":
        return section("Strength", say_criterion(asked.get("critical_volume"), asked.get("critical_strain")))
    if asked.get("method") != "nonlinear":
        return section("Strength")
    c = constants
    return section(
        "Strength",
        say(
            "Tissue lost stiffness for good where a principal strain passed {tension} % in tension or {compression} % "
            "in compression {yields}, with a tangent of {tangent} % of its modulus beyond {post}, in a secant law of "
            "damage {damage}. The failure load is the 0.2 % offset yield of the whole block.",
            tension=rounded(100 * c.TISSUE_YIELD_TENSION.value), tangent=rounded(100 * c.TISSUE_POST_YIELD.value),
            compression=rounded(100 * c.TISSUE_YIELD_COMPRESSION.value), yields=cite("Bayraktar 2004"),
            post=cite("Niebur 2000"), damage=cite("Stipsitz 2020"),
        ),
    )  # fmt: skip


def describe_homogenisation(cohort: Cohort) -> dict[str, Any]:
    """The boundary conditions of apparent moduli."""
    bc = common(cohort, "homogenize").get("bc")
    return section(
        "Apparent moduli",
        say(
            "Young's and shear moduli of each block were found under {bc}, in the frame that comes closest to "
            "orthotropic.",
            bc=None if bc is None else BOUNDARIES.get(bc, bc),
        ),
    )


def describe_studies(cohort: Cohort) -> dict[str, Any]:
    """The studies of remodelling of each row."""
    asked = common(cohort, "study")
    step, count = asked.get("months_per_step"), asked.get("members")
    return section(
        "Remodelling",
        say(
            "Remodelling of each scan was followed for {years} in steps of {step} with {members} and the seed {seed}; "
            "the method of each stands in the page of its own study.",
            years=duration(asked.get("years")), step=None if step is None else months(step), seed=asked.get("seed"),
            members=None if count is None else counted(count, "member"),
        ),
    )  # fmt: skip


def describe_limits(cohort: Cohort) -> dict[str, Any]:
    """What the numbers do not say."""
    names = {column.name for column, _ in cohort.measures}
    solved = names & {"stiffness", "failure load", "best Exx"}
    return section(
        "Limits",
        paragraph(
            say_resolution() if names else "",
            "Tissue has no marrow, fluid or viscosity." if solved else "",
            "The strength criterion was fitted to whole radii; on a small block its value is an index, to be compared "
            "between scans."
            if common(cohort, "strength").get("method") == "pistoia"
            else "",
            "Standard deviations are those of the sample; no test of a difference was made." if len(cohort) > 1 else "",
        ),
    )


def references_of(cohort: Cohort) -> list[dict[str, str | None]]:
    """Key, full citation and DOI of every work that `method_of` cites, the software first."""
    return list_references(method_of(cohort), (cohort.header.get("versions") or {}).get(SOFTWARE))


def warnings_of(cohort: Cohort) -> list[str]:
    """Rows that failed, have values with trouble, or are not done; empty where there is nothing."""
    failed = [sentence(f"{id}: {analysis} failed: {reason}") for id, _, analysis, reason, _ in cohort.failures.rows]
    table = cohort.table
    doubtful = [sentence(f"{id}: {said}") for id, said in zip(table["id"], table[LAST_COLUMN], strict=True) if said]
    left = cohort.states.count(LEFT)
    return [
        *failed,
        *doubtful,
        *([f"{counted(left, 'row').capitalize()} of {len(cohort)} not done yet."] if left else []),
    ]


def provenance_of(cohort: Cohort) -> list[list[str]]:
    """Pairs of label and value: versions, device, counts, and the SHA-256 of every file of a scan."""
    header = cohort.header
    versions = {name: text for name, text in (header.get("versions") or {}).items() if text != NOT_INSTALLED}
    options: Mapping[str, Any] = header.get("options") or {}
    used = {name for row in cohort.rows for asked in row["asked"].values() for name in asked} | {"reading"}
    given = {name: value for name, value in options.items() if name in used and value not in (None, {}, [], "")}
    pairs = {
        "Cohort": cohort.title,
        "Analyses": listing(header["analyses"]),
        "Options": ", ".join(f"{name} = {show(value)}" for name, value in given.items()),
        "Versions": listing(f"{NAMES.get(name, name)} {text}" for name, text in versions.items()),
        "Device": header.get("device"),
    }
    own = [[f"SHA-256 of {name}", hash_of(cohort.folder / name)] for name in FILES if (cohort.folder / name).is_file()]
    return [[label, str(value)] for label, value in pairs.items() if value] + own + hashes_of(cohort)


def hashes_of(cohort: Cohort) -> list[list[str]]:
    """SHA-256 of the files of each row's scan, as its record has them."""
    return [
        [f"SHA-256 of {each['path']} ({row['id']})", each["sha256"]]
        for row, record in zip(cohort.rows, cohort.records, strict=True)
        for each in record.get("inputs", [])
    ]
