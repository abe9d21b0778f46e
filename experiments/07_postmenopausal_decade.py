"""The decade after menopause at the vertebra, untreated and on therapies: structure, mineral and strength with bands.

Run `python experiments/07_postmenopausal_decade.py [--quick] [--members N] [--size N] [--workers N]`; an hour on one
core, or minutes with --quick. The same members (seeds of the remodelling units and draws of the cell model) go through
every arm. Prints the change of each measure after ten years with its 5-95 % band, what was lost by which mechanism, and
whether struts go rather than thin: Tb.N and Conn.D fall with Tb.Th nearly kept, as in vertebrae (Mosekilde 1988 Bone
9:247; Parfitt 1987 Am J Med 82:68, recalled).
"""

from pathlib import Path

import numpy as np
from members import Scale, below, scale_asked_for, through_every_arm
from trabfem.remodelling.cost import added, in_words
from trabfem.remodelling.ensemble import banded, changes, stacked
from trabfem.remodelling.simulate import Trajectory

from trabfem.biology.patient import Patient
from trabfem.remodelling.settings import living
from trabfem.render import therapies

WOMAN = Patient("female", age=51.0, menopause_age=51.0)
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
    "BMD": "BMD",
    "Strength": "failure load (N)",
    "Tb.N": "Tb.N (1/mm)",
    "Conn.D": "Conn.D (1/mm^3)",
    "Tb.Th": "Tb.Th (mm)",
}
LOST = ("thinning", "perforation", "disconnection")
WHOLE, QUICK = Scale(None, 4.0, 8), Scale(32, 4.0, 3)
OUT = Path("out/07_postmenopausal_decade")


def report(found: dict[str, list[Trajectory]]) -> None:
    """Tables: change after the decade, how the loss came about, and the verdict on struts."""
    count = len(found["Untreated"])
    print(f"change after {YEARS:g} years, %, median [5 %, 95 %] of {count} members")
    print(f"{'':26s}" + "".join(f"{name:>22s}" for name in MEASURES))
    for name, runs in found.items():
        cells = [banded(changes(runs, column)[:, -1]) for column in MEASURES.values()]
        print(f"{name:26s}" + "".join(f"{cell:>22s}" for cell in cells))
    print("\nlost, % of the bone at the start")
    print(f"{'':26s}" + "".join(f"{name:>22s}" for name in LOST))
    for name, runs in found.items():
        start = stacked(runs, "BV/TV")[:, 0]
        cells = [banded(stacked(runs, f"lost by {how} (% of TV)")[:, -1] / start) for how in LOST]
        print(f"{name:26s}" + "".join(f"{cell:>22s}" for cell in cells))
    fell = {name: changes(found["Untreated"], column)[:, -1] for name, column in MEASURES.items()}
    print(
        f"\nuntreated: Tb.N falls in {np.mean(fell['Tb.N'] < 0):.0%}, Conn.D in {np.mean(fell['Conn.D'] < 0):.0%} of "
        f"the members; Tb.Th changes by {np.median(fell['Tb.Th']):+.1f} % while BV/TV changes by "
        f"{np.median(fell['BV/TV']):+.1f} %"
    )
    every = [run for runs in found.values() for run in runs]
    print(in_words(added([run.timing for run in every]), [run.table for run in every]))


def draw(found: dict[str, list[Trajectory]], note: str) -> Path:
    """One panel a measure, years on the abscissa."""
    panels = []
    for title, column in MEASURES.items():
        curves = []
        for name, runs in found.items():
            years = np.array(max((run.months for run in runs), key=len)) / 12
            curves.append(therapies.of_members(name, years, changes(runs, column)))
        panels.append(therapies.Panel(title, "Change, %", curves, abscissa="Years"))
    return therapies.draw(panels, OUT / "postmenopausal_decade.png", note=note)


def main() -> None:
    """Run the members through every arm; tables and figure."""
    scale = scale_asked_for(__doc__, WHOLE, QUICK)
    settings = living(thickness_every=3, number_every=6)
    found, specimen = through_every_arm(scale, WOMAN, ARMS, YEARS, settings)
    report(found)
    print(draw(found, below(specimen, scale)))


if __name__ == "__main__":
    main()
