"""The cell model's course: bone density and markers with their bands, hormones, and periods of treatment."""

from typing import Any

import numpy as np

from trabfem.render import therapies
from trabfem.render.picture import Picture
from trabfem.render.therapies import Curve, Panel

CHANGES = {
    "bmd_spine": "BMD, lumbar spine",
    "bmd_hip": "BMD, total hip",
    "ctx": "Resorption marker, CTX",
    "p1np": "Formation marker, P1NP",
}
HORMONES = {"e2": ("Oestradiol, E2", "pg/mL"), "testosterone": ("Testosterone", "ng/dL")}


def draw(course: Any) -> Picture:
    """A `Course`: change of BMD and markers since month 0 with their bands, hormones, and bars for what was taken."""
    months = np.asarray(course.months, float)
    covers = [
        (item.agent, max(item.start, float(months[0])), min(item.stop, float(months[-1])))
        for item in course.schedule.treatments
        if item.start < months[-1] and item.stop > months[0]
    ]
    panels = [
        Panel(title, "Change, %", [_curve(course, months, name)], covers if place < 2 else ())
        for place, (name, title) in enumerate(CHANGES.items())
    ]
    panels += [
        Panel(title, unit, [Curve(course.title, months, np.asarray(getattr(course, name)))])
        for name, (title, unit) in HORMONES.items()
    ]
    return therapies.figure_of(panels, note="; ".join(f"{note[0].upper()}{note[1:]}." for note in course.notes))


def _curve(course: Any, months: np.ndarray, name: str) -> Curve:
    return Curve(course.title, months, course.change(name), course.low.get(name), course.high.get(name))
