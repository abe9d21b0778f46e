"""Oestrogen early or late: what five years of it leave, by when they begin.

Run `python experiments/05_early_versus_late_hrt.py`. The cells alone (no geometry): density at 70 for a start 0 to 15
years after the final period. What early treatment saves by keeping struts connected is not in these
numbers; it needs the voxels (`trabfem compare` with the schedules below).
"""

from pathlib import Path

import numpy as np

from trabfem.biology.course import simulate
from trabfem.biology.patient import Patient
from trabfem.render import therapies

MENOPAUSE = 51.0
START_AGE = 50.0
END_AGE = 70.0
YEARS_OF_TREATMENT = 5.0
DELAYS = (0.0, 2.0, 5.0, 10.0, 15.0)  # years after the final period
OUT = Path("out/05_early_versus_late_hrt")


def schedule(delay: float, years: float) -> str:
    """Oestrogen from `delay` years after the final period for `years`, in months from the start of the picture."""
    start = 12.0 * (MENOPAUSE - START_AGE + delay)
    return f"estrogen {start:g}-{start + 12.0 * years:g}"


def main() -> None:
    """Table and figure."""
    woman = Patient("female", age=START_AGE, menopause_age=MENOPAUSE)
    months = np.arange(0.0, 12.0 * (END_AGE - START_AGE) + 1.0)
    arms = {"Never": ""} | {f"{delay:g} y after": schedule(delay, YEARS_OF_TREATMENT) for delay in DELAYS}
    courses = {name: simulate(woman, text, months) for name, text in arms.items()}
    print(f"{YEARS_OF_TREATMENT:g} years of oestrogen, change since {START_AGE:g} in % at {END_AGE:g} years")
    print(f"{'started':14s}{'spine':>8s}{'hip':>8s}{'trabecular bone':>17s}{'spine at end of treatment':>28s}")
    for name, course in courses.items():
        end = 12.0 * (END_AGE - START_AGE) if name == "Never" else float(arms[name].split("-")[-1])
        spine, hip, trabecular = (
            100.0 * (getattr(course, key)[-1] - 1.0) for key in ("bmd_spine", "bmd_hip", "trabecular")
        )
        at_end = 100.0 * (np.interp(end, months, course.bmd_spine) - 1.0)
        print(f"{name:14s}{spine:+8.1f}{hip:+8.1f}{trabecular:+17.1f}{at_end:+28.1f}")
    panels = [
        therapies.Panel(
            title, "Change, %", [therapies.Curve(name, months, pick(course)) for name, course in courses.items()]
        )
        for title, pick in (
            ("Spine BMD", lambda course: 100.0 * (course.bmd_spine - 1.0)),
            ("Hip BMD", lambda course: 100.0 * (course.bmd_hip - 1.0)),
            ("Trabecular bone mass", lambda course: 100.0 * (course.trabecular - 1.0)),
            ("CTX", lambda course: 100.0 * (course.ctx / course.ctx[0] - 1.0)),
        )
    ]
    note = f"Five years of oestrogen by start after the final period at {MENOPAUSE:g}; months from age {START_AGE:g}"
    print(therapies.draw(panels, OUT / "early_versus_late.png", note=note))


if __name__ == "__main__":
    main()
