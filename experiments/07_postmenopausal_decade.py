"""The decade after menopause at the vertebra, untreated and on therapies: structure, mineral and strength with bands.

Run `python experiments/07_postmenopausal_decade.py [--quick] [--members N] [--size N] [--workers N]`; an hour on one
core, or minutes with --quick. The same members (seeds of the BMUs and draws of the cell model) go through
every arm. Prints the change of each measure after ten years with its band, what was lost by which mechanism, and
whether struts go rather than thin: Tb.N and Conn.D fall with Tb.Th nearly kept, as in vertebrae (Mosekilde 1988 Bone
9:247; Parfitt 1987 Am J Med 82:68, recalled).
"""

from pathlib import Path

import numpy as np
from members import Scale, ask_scale, compare_arms, describe

import trabfem as tf
from trabfem.remodelling.timing import add_timings, describe_timing
from trabfem.render import therapies
from trabfem.runs.columns import find_label
from trabfem.runs.statistics import changes, describe_band, format_band, longest_months, stack_runs

WOMAN = tf.Patient("female", age=51.0, menopause_age=51.0)
YEARS = 10.0
ARMS = {
    "Untreated": "",
    "Oestrogen": "estrogen 0-120",
    "Alendronate": "alendronate 0-120",
    "Denosumab": "denosumab 0-120",
    "Romosozumab, alendronate": "romosozumab 0-12; alendronate 12-120",
}
MEASURES = {
    "BV/TV": "BV/TV",
    "BMD": find_label("BMD"),
    "Strength": "failure load (N)",
    "Tb.N": "Tb.N (1/mm)",
    "Conn.D": "Conn.D (1/mm^3)",
    "Tb.Th": "Tb.Th (mm)",
}
LOST = ("thinning", "perforation", "disconnection")
WHOLE, QUICK = Scale(None, 4.0, 8), Scale(32, 4.0, 3)
OUT = Path("out/07_postmenopausal_decade")


def report(study: tf.Study) -> None:
    """Tables: change after the decade, how the loss came about, and the verdict on struts."""
    untreated = study["Untreated"].members
    print(f"change after {YEARS:g} years, %, {describe_band(len(untreated))}")
    print(f"{'':26s}" + "".join(f"{name:>22s}" for name in MEASURES))
    for arm in study:
        cells = [format_band(changes(arm.members, column)[:, -1]) for column in MEASURES.values()]
        print(f"{arm.name:26s}" + "".join(f"{cell:>22s}" for cell in cells))
    print("\nlost, % of the bone at the start")
    print(f"{'':26s}" + "".join(f"{name:>22s}" for name in LOST))
    for arm in study:
        start = stack_runs(arm.members, "BV/TV")[:, 0]
        cells = [format_band(stack_runs(arm.members, f"lost by {how} (% of TV)")[:, -1] / start) for how in LOST]
        print(f"{arm.name:26s}" + "".join(f"{cell:>22s}" for cell in cells))
    fell = {name: changes(untreated, column)[:, -1] for name, column in MEASURES.items()}
    print(
        f"\nuntreated: Tb.N falls in {np.mean(fell['Tb.N'] < 0):.0%}, Conn.D in {np.mean(fell['Conn.D'] < 0):.0%} of "
        f"the members; Tb.Th changes by {np.mean(fell['Tb.Th']):+.1f} % while BV/TV changes by "
        f"{np.mean(fell['BV/TV']):+.1f} %"
    )
    every = [run for arm in study for run in arm.members]
    print(describe_timing(add_timings([run.timing for run in every]), [run.table for run in every]))


def draw(study: tf.Study) -> Path:
    """One panel a measure, years on the abscissa."""
    panels = []
    for title, column in MEASURES.items():
        curves = []
        for arm in study:
            years = np.array(longest_months(arm.members)) / 12
            curves.append(therapies.of_members(arm.name, years, changes(arm.members, column)))
        panels.append(therapies.Panel(title, "Change, %", curves, abscissa="Years"))
    return therapies.draw(panels, OUT / "postmenopausal_decade.png", note=describe(study))


def main() -> None:
    """Run the members through every arm; tables and figure."""
    scale = ask_scale(__doc__, WHOLE, QUICK)
    study = compare_arms(scale, WOMAN, ARMS, YEARS, tf.Settings(thickness_every=3, number_every=6))
    report(study)
    print(draw(study))


if __name__ == "__main__":
    main()
