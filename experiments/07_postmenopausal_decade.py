"""The decade after menopause at the vertebra, untreated and on therapies: structure, mineral and strength with bands.

Run `python experiments/07_postmenopausal_decade.py [--quick] [--members N] [--size N]`. The same members (seeds of the
remodelling units and draws of the cell model) go through every arm. Prints the change of each measure after ten years
with its 5-95 % band, what was lost by which mechanism, and whether struts go rather than thin: Tb.N and Conn.D fall
with Tb.Th nearly kept, as in vertebrae (Mosekilde 1988 Bone 9:247; Parfitt 1987 Am J Med 82:68, recalled).
"""

import argparse
from pathlib import Path

import numpy as np

from trabfem.biology.patient import Patient
from trabfem.cli.common import keep_compiled_programs, progress_lines
from trabfem.config import SpecimenConfig, read_specimen
from trabfem.remodelling.cost import added, in_words
from trabfem.remodelling.ensemble import changes, follow, stacked
from trabfem.remodelling.settings import living
from trabfem.remodelling.simulate import Trajectory
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
OUT = Path("out/07_postmenopausal_decade")


def band(values: np.ndarray) -> str:
    """Median and 5-95 % over the members."""
    low, middle, high = np.quantile(values, [0.05, 0.5, 0.95])
    return f"{middle:+.1f} [{low:+.1f}, {high:+.1f}]"


def report(found: dict[str, list[Trajectory]]) -> None:
    """Tables: change after the decade, how the loss came about, and the verdict on struts."""
    count = len(found["Untreated"])
    print(f"change after {YEARS:g} years, %, median [5 %, 95 %] of {count} members")
    print(f"{'':26s}" + "".join(f"{name:>22s}" for name in MEASURES))
    for name, runs in found.items():
        cells = [band(changes(runs, column)[:, -1]) for column in MEASURES.values()]
        print(f"{name:26s}" + "".join(f"{cell:>22s}" for cell in cells))
    print("\nlost, % of the bone at the start")
    print(f"{'':26s}" + "".join(f"{name:>22s}" for name in LOST))
    for name, runs in found.items():
        start = stacked(runs, "BV/TV")[:, 0]
        cells = [band(stacked(runs, f"lost by {how} (% of TV)")[:, -1] / start) for how in LOST]
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
            values, months = changes(runs, column), np.array(max((run.months for run in runs), key=len))
            seen = np.isfinite(values).all(axis=0)
            low, middle, high = np.quantile(values[:, seen], [0.05, 0.5, 0.95], axis=0)
            curves.append(therapies.Curve(name, months[seen] / 12, middle, low, high))
        panels.append(therapies.Panel(title, "Change, %", curves, abscissa="Years"))
    return therapies.draw(panels, OUT / "postmenopausal_decade.png", note=note)


def main() -> None:
    """Run the members through every arm; tables and figure."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="a smaller block, fewer members")
    parser.add_argument("--members", type=int, help="how many members")
    parser.add_argument("--size", type=int, help="voxels a side, at most 64")
    options = parser.parse_args()
    keep_compiled_programs()
    crop, count = (32, 3) if options.quick else (None, 8)
    specimen = read_specimen(SpecimenConfig(crop=options.size or crop))
    settings = living(thickness_every=3, number_every=3)
    found = follow(
        specimen, WOMAN, ARMS, options.members or count, years=YEARS, months_per_step=4.0, settings=settings,
        progress=progress_lines(),
    )  # fmt: skip
    report(found)
    note = f"Median and 5-95 % of {len(found['Untreated'])} members; {specimen.name}, {specimen.shape[0]} voxels a side"
    print(draw(found, note))


if __name__ == "__main__":
    main()
