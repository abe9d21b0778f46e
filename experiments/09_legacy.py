"""Does a short course leave something behind? Three years of oestrogen at menopause, then ten without, against never.

Run `python experiments/09_legacy.py [--quick] [--members N] [--size N] [--workers N]`; 40 minutes on one core, or
minutes with --quick, whose block of a millimetre is too small for more than a first look. The same members (seeds of
the BMUs and draws of the cell model) go through both arms. Prints what is left over never treating after
stopping, in strength, stiffness, bone volume and structure, means over two years since strength jumps with every pit;
writes one figure.
"""

from pathlib import Path

import numpy as np
from members import Scale, ask_scale, compare_arms, describe

import trabfem as tf
from trabfem.render import therapies
from trabfem.runs.columns import find_label
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
TREATED, AFTER = 3.0, 10.0
ARMS = {"Never": "", "Three years of oestrogen": f"estrogen 0-{12 * TREATED:g}"}
COLUMNS = {"Strength": "failure load (N)", "Stiffness": "stiffness (N/mm)", "BV/TV": "BV/TV", "BMD": find_label("BMD")}
STRUCTURE = ("Tb.Th", "Tb.N", "Conn.D")
WHOLE, QUICK = Scale(None, 4.0, 12), Scale(32, 4.0, 4)
OUT = Path("out/09_legacy")


def report(study: tf.Study) -> None:
    """Table: treated less never, member by member, in points of %."""
    never, treated = (arm.members for arm in study)
    months = np.array(never[0].months)
    since = (0.0, 2.0, 4.0, 6.0, AFTER - 1)
    print(f"treated over never, points of % of the start, {describe_interval(len(never))}")
    print(f"{'years since':12s}" + "".join(f"{year:>36g}" for year in since))
    for name, column in COLUMNS.items():
        gain = gains(treated, never, column)
        cells = [format_gain(mean_around_year(gain, months, TREATED + year)) for year in since]
        print(f"{name:12s}" + "".join(f"{cell:>36s}" for cell in cells))
    late = f"{TREATED + AFTER - 2:g}-{TREATED + AFTER:g}"
    print(f"\nover years {late} (structure: at the end), change since menopause, %, {describe_band(len(never))}")
    print(f"{'':26s}" + "".join(f"{name:>22s}" for name in (*COLUMNS, *STRUCTURE)))
    for arm in study:
        cells = [
            format_band(mean_around_year(changes(arm.members, column), months, TREATED + AFTER - 1))
            for column in COLUMNS.values()
        ]
        cells += [format_band(values) for values in structure_changes(arm.members, study.spacing, STRUCTURE).T]
        print(f"{arm.name:26s}" + "".join(f"{cell:>22s}" for cell in cells))
    strength = gains(treated, never, COLUMNS["Strength"])
    saved, left = mean_around_year(strength, months, TREATED), mean_around_year(strength, months, TREATED + AFTER - 1)
    print(
        f"\nmean strength saved at the end of treatment {format_gain(saved)}, {AFTER - 1:g} years later "
        f"{format_gain(left)} (points); ahead of never in "
        f"{np.mean(left > 0):.0%} of the members"
    )


def draw(study: tf.Study) -> Path:
    """Both arms over time, and their difference."""
    never, treated = (arm.members for arm in study)
    months, covers = np.array(never[0].months), [("oestrogen", 0.0, 12 * TREATED)]

    panels = []
    for title in ("Strength", "BV/TV"):
        column = COLUMNS[title]
        curves = [therapies.of_members(arm.name, months, changes(arm.members, column)) for arm in study]
        panels.append(therapies.Panel(title, "Change since menopause, %", curves, covers))
        left = therapies.of_members(study.arms[1].name, months, gains(treated, never, column))
        panels.append(therapies.Panel(f"{title}, over never", "Points of %", [left], covers))
    return therapies.draw(panels, OUT / "legacy.png", note=describe(study))


def main() -> None:
    """Run the members through both arms; table and figure."""
    study = compare_arms(ask_scale(__doc__, WHOLE, QUICK), WOMAN, ARMS, TREATED + AFTER)
    report(study)
    print(draw(study))


if __name__ == "__main__":
    main()
