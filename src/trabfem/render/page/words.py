"""The words of a study for its page: methods, warnings, settings and provenance, each as plain text."""

import math
from typing import Any

from trabfem.render.page.method_biology import (
    describe_cells,
    describe_mineral,
    describe_remodelling,
    describe_treatments,
    describe_units,
)
from trabfem.render.page.method_mechanics import (
    MONTH_ZERO,
    TIME,
    describe_elements,
    describe_load,
    describe_specimen,
    describe_strength,
    describe_structure,
    settings_of_header,
)
from trabfem.render.page.method_study import describe_limits, describe_software, describe_statistics, is_smooth
from trabfem.render.page.provenance import provenance_of, settings_of
from trabfem.render.page.wording import counted, number, rounded, say, sentence
from trabfem.runs import summary
from trabfem.runs.defaults import MEMBERS
from trabfem.runs.study import ArmRuns, Study
from trabfem.runs.trajectory import Trajectory
from trabfem.schedule.writing import last_month

PARTS = (
    describe_specimen,
    describe_elements,
    describe_load,
    describe_strength,
    describe_structure,
    describe_remodelling,
    describe_units,
    describe_mineral,
    describe_cells,
    describe_treatments,
    describe_statistics,
    lambda study: describe_software(study.header),
    describe_limits,
)
"""The sections of the method, in order; each is a title and its paragraphs, none where the study does not say."""
MONTH_TOLERANCE = 0.1
ACCURACY = {"residual": "relative residual", "energy error": "estimated relative error of energy, force and stiffness"}


def method_of(study: Study) -> list[dict[str, Any]]:
    """The method of this study in sections, with citations by key as `references.references_of` has them.

    What the study does not record is left out.
    """
    return [part for part in (describe(study) for describe in PARTS) if part["paragraphs"]]


def warnings_of(study: Study) -> list[str]:
    """What a reader has to know before the numbers are believed, a sentence or two each; empty where nothing is."""
    notes = [sentence(note) for note in study.notes if not note.startswith(TIME)]
    prepared = [note for note in notes if not note.startswith(MONTH_ZERO)]
    starts = [note for note in notes if note.startswith(MONTH_ZERO)]
    stopped = [f"{place_of(study, key)} {said}" for key, said in study.trouble.items()]
    ended = [f"{place_of(study, key)} {said}" for key, said in study.ended.items()]
    found = [*map(sentence, stopped), *map(sentence, ended), *unfinished(study), *chance(study), *accuracy(study)]
    return [*found, *starts, *prepared]


def place_of(study: Study, key: str) -> str:
    """ "Denosumab, member 1:" of the key of a run in the header."""
    slug, _, folder = key.partition("/")
    names = {arm["slug"]: arm["name"] for arm in study.header["arms"]}
    member = folder.rpartition("_")[2]
    return f"{names.get(slug, slug)}{f', member {int(member)}' if member.isdigit() else ''}:"


def unfinished(study: Study) -> list[str]:
    """A sentence for each arm with runs that are missing or have not come to the end."""
    known = {arm.slug: arm for arm in study.arms}
    years, members = study.header.get("years"), int(study.header["members"])
    end = None if years is None else last_month(years)
    found = []
    for arm in study.header["arms"]:
        runs = known[arm["slug"]].runs if arm["slug"] in known else {}
        missing = members - len(runs)
        short = [run.months[-1] for run in runs.values() if stops_short(run, end)]
        if missing:
            found.append(f"{arm['name']}: {counted(missing, 'member')} of {members} not begun.")
        if short:
            least = f"the least to month {number(min(short), 4)} of {number(end or 0.0, 4)}"
            found.append(f"{arm['name']}: {counted(len(short), 'member')} of {members} not finished, {least}.")
    return found


def stops_short(run: Trajectory, end: float | None) -> bool:
    """Whether a run has months left that it can still go on to."""
    return end is not None and not run.ended and not run.trouble and run.months[-1] < end - MONTH_TOLERANCE


def chance(study: Study) -> list[str]:
    """What one draw, or few members, cannot tell."""
    count = int(study.header["members"])
    if count == 1:
        return list(summary.footnotes(study.header))
    if count >= MEMBERS:
        return []
    why = "" if is_smooth(study) else ", and one more draw may change the verdict on a gain"
    return [f"{counted(count, 'member').capitalize()}: bands mean little below {counted(MEMBERS, 'member')}{why}."]


def accuracy(study: Study) -> list[str]:
    """The largest residual and error over all arms, members and months, and whether they are within the tolerance."""
    worst = {name: worst_of(study, name) for name in ACCURACY}
    parts = [
        say("the largest {what} was {value} ({where})", what=what, value=rounded(found[0]), where=found[1])
        for name, what in ACCURACY.items()
        if (found := worst[name]) is not None
    ]
    if not parts:
        return []
    tolerance = settings_of_header(study.header).get("rtol")
    above = tolerance is not None and any(found[0] > tolerance for found in worst.values() if found is not None)
    verdict = say(", {how} the tolerance of {tolerance}", how="above" if above else "within", tolerance=tolerance)
    said = f"In the first solve of every month {' and '.join(parts)}{verdict}."
    return [f"{said} They say how well the equations are solved, and nothing of voxels, tissue or criterion."]


def worst_of(study: Study, name: str) -> tuple[float, str] | None:
    """The largest value in a column and where it stands; None where there is none."""
    values = [
        (float(value), f"{describe_run(study, arm, member)}month {number(month, 4)}")
        for arm in study.arms
        for member, run in sorted(arm.runs.items())
        for month, value in zip(run.months, run.table.get(name, []), strict=False)
        if value is not None and math.isfinite(value)
    ]
    return max(values, default=None)


def describe_run(study: Study, arm: ArmRuns, member: int) -> str:
    """ "Denosumab, member 1, "."""
    return f"{arm.name}, {f'member {member}, ' if int(study.header['members']) > 1 else ''}"


__all__ = ["method_of", "provenance_of", "settings_of", "warnings_of"]
