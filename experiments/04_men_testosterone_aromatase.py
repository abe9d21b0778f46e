"""Men: how much of testosterone's effect on bone goes through oestradiol.

Run `python experiments/04_men_testosterone_aromatase.py`. A hypogonadal man on testosterone with and without
anastrozole and on gonadorelin; and resorption over the E2 that clamped men end up with, which shows
where the threshold lies.
"""

from pathlib import Path

import numpy as np

from trabfem.biology.bands import Line, curves
from trabfem.biology.batch import History
from trabfem.biology.course import follow
from trabfem.biology.patient import Patient
from trabfem.render import therapies
from trabfem.schedule import parse

HYPOGONADAL = Patient("male", age=60.0, hormonal_status="hypogonadal")
YOUNG = Patient("male", age=32.0)
ARMS = {
    "Untreated": "",
    "Testosterone": "testosterone 0-36",
    "Testosterone + anastrozole": "testosterone 0-36; anastrozole 0-36",
    "Testosterone + gonadorelin": "testosterone 0-36; gonadorelin 0-36",
    "Gonadorelin": "gonadorelin 0-36",
    "Anastrozole": "anastrozole 0-36",
}
DOSES = (
    0.0,
    0.05,
    0.1,
    0.15,
    0.2,
    0.3,
    0.4,
    0.5,
    0.75,
    1.0,
    1.25,
    1.5,
)  # of the standard testosterone gel, on a GnRH agonist
CLAMP = "gnrh_agonist 0-12; testosterone {dose}x 0-12"
OUT = Path("out/04_men_testosterone_aromatase")


def hypogonadal_man() -> Path:
    """Hormones and bone of the arms."""
    months = np.arange(0.0, 37.0)
    courses = {name: follow(HYPOGONADAL, text, months) for name, text in ARMS.items()}
    shown = {"CTX": "ctx", "Trabecular spine density": "vbmd_lumbar_trabecular"}
    lines = [Line(History(HYPOGONADAL, parse(text)), key) for key in shown.values() for text in ARMS.values()]
    bands = curves(lines, months).reshape(len(shown), len(ARMS), len(months), 3)
    bone = bands[1]
    print(
        f"{'at 24 months':28s}{'T ng/dL':>10s}{'E2 pg/mL':>10s}{'CTX %':>8s}{'spine %':>9s}"
        f"{'trabecular spine % [90 % band]':>36s}"
    )
    for row, (name, course) in enumerate(courses.items()):
        change = 100.0 * (course.ctx[24] / course.ctx[0] - 1.0), 100.0 * (course.bmd_spine[24] - 1.0)
        middle, low, high = bone[row, 24]
        print(
            f"{name:28s}{course.testosterone[24]:10.0f}{course.e2[24]:10.1f}{change[0]:+8.0f}{change[1]:+9.1f}"
            f"{f'{middle:+.1f} [{low:+.1f}, {high:+.1f}]':>36s}"
        )
    panels = [
        therapies.Panel(title, unit, [therapies.Curve(name, months, pick(course)) for name, course in courses.items()])
        for title, unit, pick in (
            ("Testosterone", "ng/dL", lambda course: course.testosterone),
            ("Oestradiol", "pg/mL", lambda course: course.e2),
        )
    ]
    panels += [
        therapies.Panel(
            title, "Change, %", [therapies.Curve(name, months, *bands[place, row].T) for row, name in enumerate(ARMS)]
        )
        for place, title in enumerate(shown)
    ]
    note = "Hypogonadal man of 60. Model and, of CTX and density, its 90 % band."
    return therapies.draw(panels, OUT / "hypogonadal_man.png", note=note)


def threshold() -> Path:
    """Resorption after a year over E2, with aromatase free and blocked: it turns up below about 10 pg/mL."""
    months = np.array([0.0, 12.0])
    drawn = []
    print(f"\n{'clamped at':>10s}{'T ng/dL':>10s}{'E2 pg/mL':>10s}{'CTX %':>8s}   {'with anastrozole: T, E2, CTX':s}")
    table = {}
    for name, extra in (("Aromatase free", ""), ("Aromatase blocked", "; anastrozole 0-12")):
        texts = [CLAMP.format(dose=dose) + extra for dose in DOSES]
        courses = [follow(YOUNG, text, months) for text in texts]
        ctx = curves([Line(History(YOUNG, parse(text)), "ctx") for text in texts], months)[:, 1]
        table[name] = [(k.testosterone[1], k.e2[1], row[0]) for k, row in zip(courses, ctx, strict=True)]
        drawn.append(therapies.Curve(name, np.array([k.e2[1] for k in courses]), *ctx.T))
    for dose, free, blocked in zip(DOSES, *table.values(), strict=True):
        print(
            f"{dose:10.2f}{free[0]:10.0f}{free[1]:10.1f}{free[2]:+8.0f}   "
            f"{blocked[0]:.0f}, {blocked[1]:.1f}, {blocked[2]:+.0f}"
        )
    panel = therapies.Panel("CTX after a year", "Change, %", drawn, abscissa="Oestradiol, pg/mL")
    return therapies.draw(
        [panel],
        OUT / "threshold.png",
        columns=1,
        note="Man of 32 on a GnRH agonist and testosterone gel. Model and its 90 % band.",
    )


def main() -> None:
    """Both."""
    print(hypogonadal_man())
    print(threshold())


if __name__ == "__main__":
    main()
