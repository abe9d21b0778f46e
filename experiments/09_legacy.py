"""Does a short course leave something behind? Three years of oestrogen at menopause, then ten without, against never.

Run `python experiments/09_legacy.py [--quick] [--members N] [--size N] [--workers N]`; 40 minutes on one core, or
minutes with --quick, whose block of a millimetre is too small for more than a first look. The same members (seeds of
the remodelling units and draws of the cell model) go through both arms. Prints what is left over never treating after
stopping, in strength, stiffness, bone volume and structure, means over two years since strength jumps with every pit;
writes one figure.
"""

from pathlib import Path

import numpy as np
from members import Scale, below, scale_asked_for, through_every_arm
from trabfem.remodelling.ensemble import around, banded, changes, gains, standard_error, structure_changes
from trabfem.remodelling.simulate import Trajectory

from trabfem.biology.patient import Patient
from trabfem.remodelling.settings import living
from trabfem.render import therapies

WOMAN = Patient("female", age=51.0, menopause_age=51.0)
TREATED, AFTER = 3.0, 10.0
ARMS = {"Never": "", "Three years of oestrogen": f"estrogen 0-{12 * TREATED:g}"}
COLUMNS = {"Strength": "failure load (N)", "Stiffness": "stiffness (N/mm)", "BV/TV": "BV/TV", "BMD": "BMD"}
STRUCTURE = ("Tb.Th", "Tb.N", "Conn.D")
WHOLE, QUICK = Scale(None, 4.0, 12), Scale(32, 4.0, 4)
OUT = Path("out/09_legacy")


def report(found: dict[str, list[Trajectory]], spacing: tuple[float, float, float]) -> None:
    """Table: treated less never, member by member, in points of %."""
    never, treated = found.values()
    months = np.array(never[0].months)
    since = (0.0, 2.0, 4.0, 6.0, AFTER - 1)
    print(f"treated over never, points of % of the start, median [5 %, 95 %] of {len(never)} members")
    print(f"{'years since':12s}" + "".join(f"{year:>22g}" for year in since))
    for name, column in COLUMNS.items():
        gain = gains(treated, never, column)
        print(f"{name:12s}" + "".join(f"{banded(around(gain, months, TREATED + year)):>22s}" for year in since))
    late = f"{TREATED + AFTER - 2:g}-{TREATED + AFTER:g}"
    print(f"\nover years {late} (structure: at the end), change since menopause, %")
    print(f"{'':26s}" + "".join(f"{name:>22s}" for name in (*COLUMNS, *STRUCTURE)))
    for name, runs in found.items():
        cells = [banded(around(changes(runs, column), months, TREATED + AFTER - 1)) for column in COLUMNS.values()]
        cells += [banded(values) for values in structure_changes(runs, spacing, STRUCTURE).T]
        print(f"{name:26s}" + "".join(f"{cell:>22s}" for cell in cells))
    strength = gains(treated, never, COLUMNS["Strength"])
    saved, left = around(strength, months, TREATED), around(strength, months, TREATED + AFTER - 1)
    print(
        f"\nmean strength saved at the end of treatment {saved.mean():+.1f} points, {AFTER - 1:g} years later "
        f"{left.mean():+.1f} (standard error {standard_error(left):.1f}); ahead of never in "
        f"{np.mean(left > 0):.0%} of the members"
    )


def draw(found: dict[str, list[Trajectory]], note: str) -> Path:
    """Both arms over time, and their difference."""
    never, treated = found.values()
    months, covers = np.array(never[0].months), [("oestrogen", 0.0, 12 * TREATED)]

    panels = []
    for title in ("Strength", "BV/TV"):
        column = COLUMNS[title]
        curves = [therapies.of_members(name, months, changes(runs, column)) for name, runs in found.items()]
        panels.append(therapies.Panel(title, "Change since menopause, %", curves, covers))
        left = therapies.of_members(list(ARMS)[1], months, gains(treated, never, column))
        panels.append(therapies.Panel(f"{title}, over never", "Points of %", [left], covers))
    return therapies.draw(panels, OUT / "legacy.png", note=note)


def main() -> None:
    """Run the members through both arms; table and figure."""
    scale = scale_asked_for(__doc__, WHOLE, QUICK)
    found, specimen = through_every_arm(scale, WOMAN, ARMS, TREATED + AFTER, living())
    report(found, specimen.spacing)
    print(draw(found, below(specimen, scale)))


if __name__ == "__main__":
    main()
