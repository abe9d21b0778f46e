"""Oestrogen early or late: what five years of it leave, by when they begin.

Run `python experiments/05_early_versus_late_hrt.py`. The cells alone (no geometry): density at 70 for a start 0 to 15
years after the final period. What early treatment saves by keeping struts connected is not in these
numbers; it needs the voxels (`trabfem compare` with the schedules below).
"""

from pathlib import Path

import numpy as np
from jaxtyping import Float

from trabfem.biology.bands import Line, curves
from trabfem.biology.batch import History
from trabfem.biology.patient import Patient
from trabfem.render import therapies
from trabfem.schedule import parse

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


MEASURES = {
    "Spine BMD": "bmd_lumbar_spine",
    "Hip BMD": "bmd_total_hip",
    "Trabecular spine density": "vbmd_lumbar_trabecular",
    "CTX": "ctx",
}
STEP = 2.0  # months between the points of a curve


def main() -> None:
    """Table and figure."""
    woman = Patient("female", age=START_AGE, menopause_age=MENOPAUSE)
    months = np.arange(0.0, 12.0 * (END_AGE - START_AGE) + 1.0, STEP)
    arms = {"Never": ""} | {f"{delay:g} y after": schedule(delay, YEARS_OF_TREATMENT) for delay in DELAYS}
    lines = [Line(History(woman, parse(text)), key) for key in MEASURES.values() for text in arms.values()]
    bands = curves(lines, months).reshape(len(MEASURES), len(arms), len(months), 3)
    print(
        f"{YEARS_OF_TREATMENT:g} years of oestrogen, change since {START_AGE:g} in % at {END_AGE:g} years [90 % band]"
    )
    print(f"{'started':14s}" + "".join(f"{name:>28s}" for name in [*list(MEASURES)[:3], "spine at end of treatment"]))
    for row, (name, text) in enumerate(arms.items()):
        cells = [f"{a:+.1f} [{b:+.1f}, {c:+.1f}]" for a, b, c in bands[:3, row, -1]]
        at_end = np.interp(parse(text).last_month or months[-1], months, bands[0, row, :, 0])
        print(f"{name:14s}" + "".join(f"{cell:>28s}" for cell in [*cells, f"{at_end:+.1f}"]))
    ages = START_AGE + months / 12.0
    panels = [
        therapies.Panel(title, "Change, %", curves_of(bands[place], list(arms), ages), abscissa="Age, years")
        for place, title in enumerate(MEASURES)
    ]
    note = (
        f"Five years of oestrogen by start after the final period at {MENOPAUSE:g}. Band: 90 %, of the untreated woman."
    )
    print(therapies.draw(panels, OUT / "early_versus_late.png", note=note))


def curves_of(
    bands: Float[np.ndarray, "arms months 3"], names: list[str], ages: Float[np.ndarray, " months"]
) -> list[therapies.Curve]:
    """Every arm over age; the band of the first alone, the others' are as wide and would hide one another."""
    first = therapies.Curve(names[0], ages, *bands[0].T)
    return [first] + [therapies.Curve(name, ages, bands[row, :, 0]) for row, name in enumerate(names) if row]


if __name__ == "__main__":
    main()
