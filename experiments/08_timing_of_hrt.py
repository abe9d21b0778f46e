"""Does oestrogen do more for bone that is still connected? Five years of it from year 0, 3 or 10 after menopause.

Run `python experiments/08_timing_of_hrt.py [--quick] [--members N] [--size N] [--workers N]`; two hours on one core,
or minutes with --quick, whose block of a millimetre is too small for more than a first look. The same members (seeds of
the BMUs and draws of the cell model) go through every arm, so that arms can be compared in pairs. Prints
structure and strength at the same follow-up, 20 years after menopause, and what each arm has over never treating;
writes one figure. Strength is a mean over two years, since it jumps with every pit.
"""

from pathlib import Path

import numpy as np
from members import Scale, ask_scale, compare_arms, describe

import trabfem as tf
from trabfem.render import therapies
from trabfem.runs.statistics import (
    changes,
    describe_band,
    describe_interval,
    format_band,
    format_gain,
    gains,
    mean_around_year,
    structure_changes,
)

WOMAN = tf.Patient("female", age=51.0, menopause_age=51.0)
YEARS = 20.0
TREATED = 5.0
STARTS = (0.0, 3.0, 10.0)
COLUMNS = {"Strength": "failure load (N)", "Stiffness": "stiffness (N/mm)", "BV/TV": "BV/TV"}
STRUCTURE = ("Tb.Th", "Tb.N", "Conn.D")
WHOLE, QUICK = Scale(None, 4.0, 12), Scale(32, 4.0, 4)
ARMS = {"Never": ""} | {
    f"From year {start:g}": f"estrogen {12 * start:g}-{12 * (start + TREATED):g}" for start in STARTS
}
OUT = Path("out/08_timing_of_hrt")


def report(study: tf.Study) -> None:
    """Tables: change since menopause, and the difference to never treating, member by member."""
    never = study["Never"].members
    months = np.array(never[0].months)
    print(f"change since menopause at {YEARS:g} years, %, {describe_band(len(never))}")
    print(f"{'':14s}" + "".join(f"{name:>24s}" for name in (*COLUMNS, *STRUCTURE)))
    for arm in study:
        cells = [
            format_band(mean_around_year(changes(arm.members, column), months, YEARS - 1))
            for column in COLUMNS.values()
        ]
        cells += [format_band(values) for values in structure_changes(arm.members, study.spacing, STRUCTURE).T]
        print(f"{arm.name:14s}" + "".join(f"{cell:>24s}" for cell in cells))
    years = [start + TREATED for start in STARTS] + [YEARS - 1]
    print(f"\nover never treating in the same member, points of %, {describe_interval(len(never))}")
    print(f"{'strength':14s}" + "".join(f"{f'year {year:g}':>36s}" for year in years) + f"{'mean of all years':>36s}")
    gained = {arm.name: gains(arm.members, never, COLUMNS["Strength"]) for arm in study}
    for name, gain in gained.items():
        cells = [format_gain(mean_around_year(gain, months, year)) for year in years]
        cells.append(format_gain(gain.mean(axis=1)))
        print(f"{name:14s}" + "".join(f"{cell:>36s}" for cell in cells))
    early, late = (gained[f"From year {start:g}"] for start in (STARTS[0], STARTS[-1]))
    apart = mean_around_year(early - late, months, YEARS - 1)
    print(
        f"\nyear {STARTS[0]:g} over year {STARTS[-1]:g} at follow-up: strength {format_gain(apart)} "
        f"(points), ahead in {np.mean(apart > 0):.0%} of the members"
    )


def draw(study: tf.Study) -> Path:
    """Strength and bone volume over time with bands, and what treatment has over never."""
    never = study["Never"].members
    months = np.array(never[0].months)
    covers = [(f"from {start:g}", 12 * start, 12 * (start + TREATED)) for start in STARTS]

    panels = []
    for title in ("Strength", "BV/TV"):
        column = COLUMNS[title]
        curves = [therapies.of_members(arm.name, months, changes(arm.members, column)) for arm in study]
        panels.append(therapies.Panel(title, "Change since menopause, %", curves, covers))
        curves = [therapies.of_members(arm.name, months, gains(arm.members, never, column)) for arm in study]
        panels.append(therapies.Panel(f"{title}, over never", "Points of %", curves, covers))
    return therapies.draw(panels, OUT / "timing_of_hrt.png", note=describe(study))


def main() -> None:
    """Run the members through every arm; table and figure."""
    study = compare_arms(ask_scale(__doc__, WHOLE, QUICK), WOMAN, ARMS, YEARS)
    report(study)
    print(draw(study))


if __name__ == "__main__":
    main()
