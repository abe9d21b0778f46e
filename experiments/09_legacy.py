"""Does a short course leave something behind? Three years of oestrogen at menopause, then ten without, against never.

Run `python experiments/09_legacy.py [--quick]`; half an hour on two cores, or minutes with --quick, whose block of a
millimetre is too small for more than a first look. The same members (seeds of the remodelling units and draws of the
cell model) go through both arms. Prints what is left over never treating after stopping, in strength, stiffness, bone
volume and structure, means over two years since strength jumps with every pit; writes one figure.
"""

import argparse
from pathlib import Path

import numpy as np

from trabfem.biology.patient import Patient
from trabfem.cli.common import keep_compiled_programs, progress_lines
from trabfem.config import SpecimenConfig, read_specimen
from trabfem.remodelling.ensemble import changes, follow
from trabfem.remodelling.settings import living
from trabfem.remodelling.simulate import Trajectory
from trabfem.render import therapies
from trabfem.specimen import Specimen
from trabfem.specimen.morphometry import morphometry

WOMAN = Patient("female", age=51.0, menopause_age=51.0)
TREATED, AFTER = 3.0, 10.0
ARMS = {"Never": "", "Three years of oestrogen": f"estrogen 0-{12 * TREATED:g}"}
COLUMNS = {"Strength": "failure load (N)", "Stiffness": "stiffness (N/mm)", "BV/TV": "BV/TV", "BMD": "BMD"}
STRUCTURE = ("Tb.Th", "Tb.N", "Conn.D")
OUT = Path("out/09_legacy")


def band(values: np.ndarray) -> str:
    """Median and 5-95 % over the members."""
    low, middle, high = np.quantile(values, [0.05, 0.5, 0.95])
    return f"{middle:+.1f} [{low:+.1f}, {high:+.1f}]"


def around(values: np.ndarray, months: np.ndarray, year: float) -> np.ndarray:
    """Mean over the year before and the year after, in each run."""
    return values[:, np.abs(months - 12 * year) <= 12].mean(axis=1)


def report(found: dict[str, list[Trajectory]], spacing: tuple[float, float, float]) -> None:
    """Table: treated less never, member by member, in points of %."""
    never, treated = found.values()
    months = np.array(never[0].months)
    since = (0.0, 2.0, 4.0, 6.0, AFTER - 1)
    print(f"treated over never, points of % of the start, median [5 %, 95 %] of {len(never)} members")
    print(f"{'years since':12s}" + "".join(f"{year:>22g}" for year in since))
    for name, column in COLUMNS.items():
        gain = changes(treated, column) - changes(never, column)
        print(f"{name:12s}" + "".join(f"{band(around(gain, months, TREATED + year)):>22s}" for year in since))
    late = f"{TREATED + AFTER - 2:g}-{TREATED + AFTER:g}"
    print(f"\nover years {late} (structure: at the end), change since menopause, %")
    print(f"{'':26s}" + "".join(f"{name:>22s}" for name in (*COLUMNS, *STRUCTURE)))
    for name, runs in found.items():
        cells = [band(around(changes(runs, column), months, TREATED + AFTER - 1)) for column in COLUMNS.values()]
        ends = [[morphometry(Specimen(fill, spacing)) for fill in (run.fill_first, run.fill_last)] for run in runs]
        for key in STRUCTURE:
            cells.append(band(np.array([100 * (last[key] / first[key] - 1) for first, last in ends])))
        print(f"{name:26s}" + "".join(f"{cell:>22s}" for cell in cells))
    strength = changes(treated, COLUMNS["Strength"]) - changes(never, COLUMNS["Strength"])
    saved, left = around(strength, months, TREATED), around(strength, months, TREATED + AFTER - 1)
    error = left.std(ddof=1) / np.sqrt(len(left)) if len(left) > 1 else np.nan
    print(
        f"\nmean strength saved at the end of treatment {saved.mean():+.1f} points, {AFTER - 1:g} years later "
        f"{left.mean():+.1f} (standard error {error:.1f}); ahead of never in {np.mean(left > 0):.0%} of the members"
    )


def draw(found: dict[str, list[Trajectory]], note: str) -> Path:
    """Both arms over time, and their difference."""
    never, treated = found.values()
    months, covers = np.array(never[0].months), [("oestrogen", 0.0, 12 * TREATED)]

    def curve(name: str, values: np.ndarray) -> therapies.Curve:
        low, middle, high = np.quantile(values, [0.05, 0.5, 0.95], axis=0)
        return therapies.Curve(name, months, middle, low, high)

    panels = []
    for title in ("Strength", "BV/TV"):
        both = {name: changes(runs, COLUMNS[title]) for name, runs in found.items()}
        curves = [curve(name, values) for name, values in both.items()]
        panels.append(therapies.Panel(title, "Change since menopause, %", curves, covers))
        left = curve(list(ARMS)[1], changes(treated, COLUMNS[title]) - changes(never, COLUMNS[title]))
        panels.append(therapies.Panel(f"{title}, over never", "Points of %", [left], covers))
    return therapies.draw(panels, OUT / "legacy.png", note=note)


def main() -> None:
    """Run the members through both arms; table and figure."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="a smaller block, fewer members, longer steps")
    parser.add_argument("--members", type=int, help="how many members")
    options = parser.parse_args()
    keep_compiled_programs()
    crop, step, count = (32, 4.0, 4) if options.quick else (None, 2.0, 12)
    specimen = read_specimen(SpecimenConfig(crop=crop))
    found = follow(
        specimen, WOMAN, ARMS, options.members or count, years=TREATED + AFTER, months_per_step=step,
        settings=living(), progress=progress_lines(),
    )  # fmt: skip
    report(found, specimen.spacing)
    lines = f"Median and 5-95 % of {len(found['Never'])} members; {specimen.name}, {specimen.shape[0]} voxels a side"
    print(draw(found, lines))


if __name__ == "__main__":
    main()
