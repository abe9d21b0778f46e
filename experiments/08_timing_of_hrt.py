"""Does oestrogen do more for bone that is still connected? Five years of it from year 0, 3 or 10 after menopause.

Run `python experiments/08_timing_of_hrt.py [--quick] [--members N] [--size N] [--workers N]`; two hours on one core,
or minutes with --quick, whose block of a millimetre is too small for more than a first look. The same members (seeds of
the remodelling units and draws of the cell model) go through every arm, so that arms can be compared in pairs. Prints
structure and strength at the same follow-up, 20 years after menopause, and what each arm has over never treating;
writes one figure. Strength is a mean over two years, since it jumps with every pit.
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
YEARS = 20.0
TREATED = 5.0
STARTS = (0.0, 3.0, 10.0)
COLUMNS = {"Strength": "failure load (N)", "Stiffness": "stiffness (N/mm)", "BV/TV": "BV/TV"}
STRUCTURE = ("Tb.Th", "Tb.N", "Conn.D")
WHOLE, QUICK = Scale(None, 4.0, 12), Scale(32, 4.0, 4)
OUT = Path("out/08_timing_of_hrt")


def arms() -> dict[str, str]:
    """Name → schedule."""
    treated = {f"From year {start:g}": f"estrogen {12 * start:g}-{12 * (start + TREATED):g}" for start in STARTS}
    return {"Never": ""} | treated


def report(found: dict[str, list[Trajectory]], spacing: tuple[float, float, float]) -> None:
    """Tables: change since menopause, and the difference to never treating, member by member."""
    count, months = len(found["Never"]), np.array(found["Never"][0].months)
    print(f"change since menopause at {YEARS:g} years, %, median [5 %, 95 %] of {count} members")
    print(f"{'':14s}" + "".join(f"{name:>24s}" for name in (*COLUMNS, *STRUCTURE)))
    for name, runs in found.items():
        cells = [banded(around(changes(runs, column), months, YEARS - 1)) for column in COLUMNS.values()]
        cells += [banded(values) for values in structure_changes(runs, spacing, STRUCTURE).T]
        print(f"{name:14s}" + "".join(f"{cell:>24s}" for cell in cells))
    years = [start + TREATED for start in STARTS] + [YEARS - 1]
    print("\nover never treating in the same member, points of %")
    print(f"{'strength':14s}" + "".join(f"{f'year {year:g}':>24s}" for year in years) + f"{'mean of all years':>24s}")
    gained = {name: gains(runs, found["Never"], COLUMNS["Strength"]) for name, runs in found.items()}
    for name, gain in gained.items():
        cells = [banded(around(gain, months, year)) for year in years] + [banded(gain.mean(axis=1))]
        print(f"{name:14s}" + "".join(f"{cell:>24s}" for cell in cells))
    early, late = (gained[f"From year {start:g}"] for start in (STARTS[0], STARTS[-1]))
    apart = around(early - late, months, YEARS - 1)
    print(
        f"\nyear {STARTS[0]:g} over year {STARTS[-1]:g} at follow-up: strength {apart.mean():+.1f} points "
        f"(standard error {standard_error(apart):.1f}), ahead in {np.mean(apart > 0):.0%} of the members"
    )


def draw(found: dict[str, list[Trajectory]], note: str) -> Path:
    """Strength and bone volume over time with bands, and what treatment has over never."""
    months = np.array(found["Never"][0].months)
    covers = [(f"from {start:g}", 12 * start, 12 * (start + TREATED)) for start in STARTS]

    panels = []
    for title in ("Strength", "BV/TV"):
        column = COLUMNS[title]
        curves = [therapies.of_members(name, months, changes(runs, column)) for name, runs in found.items()]
        panels.append(therapies.Panel(title, "Change since menopause, %", curves, covers))
        curves = [
            therapies.of_members(name, months, gains(runs, found["Never"], column)) for name, runs in found.items()
        ]
        panels.append(therapies.Panel(f"{title}, over never", "Points of %", curves, covers))
    return therapies.draw(panels, OUT / "timing_of_hrt.png", note=note)


def main() -> None:
    """Run the members through every arm; table and figure."""
    scale = scale_asked_for(__doc__, WHOLE, QUICK)
    found, specimen = through_every_arm(scale, WOMAN, arms(), YEARS, living())
    report(found, specimen.spacing)
    print(draw(found, below(specimen, scale)))


if __name__ == "__main__":
    main()
