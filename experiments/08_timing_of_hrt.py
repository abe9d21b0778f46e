"""Does oestrogen do more for bone that is still connected? Five years of it from year 0, 3 or 10 after menopause.

Run `python experiments/08_timing_of_hrt.py [--quick]`; an hour on two cores, or minutes with --quick, whose block of a
millimetre is too small for more than a first look. The same members (seeds of the remodelling units and draws of the
cell model) go through every arm, so that arms can be compared in pairs. Prints structure and strength at the same
follow-up, 20 years after menopause, and what each arm has over never treating; writes one figure. Strength is a mean
over two years, since it jumps with every pit.
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
YEARS = 20.0
TREATED = 5.0
STARTS = (0.0, 3.0, 10.0)
COLUMNS = {"Strength": "failure load (N)", "Stiffness": "stiffness (N/mm)", "BV/TV": "BV/TV"}
STRUCTURE = ("Tb.Th", "Tb.N", "Conn.D")
OUT = Path("out/08_timing_of_hrt")


def arms() -> dict[str, str]:
    """Name → schedule."""
    treated = {f"From year {start:g}": f"estrogen {12 * start:g}-{12 * (start + TREATED):g}" for start in STARTS}
    return {"Never": ""} | treated


def band(values: np.ndarray) -> str:
    """Median and 5-95 % over the members."""
    low, middle, high = np.quantile(values, [0.05, 0.5, 0.95])
    return f"{middle:+.1f} [{low:+.1f}, {high:+.1f}]"


def around(values: np.ndarray, months: np.ndarray, year: float) -> np.ndarray:
    """Mean over the year before and the year after, in each run."""
    return values[:, np.abs(months - 12 * year) <= 12].mean(axis=1)


def structure(run: Trajectory, spacing: tuple[float, float, float]) -> np.ndarray:
    """Change (%) of the structure indices from the first to the last bone."""
    ends = [morphometry(Specimen(fill, spacing)) for fill in (run.fill_first, run.fill_last)]
    return np.array([100 * (ends[1][key] / ends[0][key] - 1) for key in STRUCTURE])


def report(found: dict[str, list[Trajectory]], spacing: tuple[float, float, float]) -> None:
    """Tables: change since menopause, and the difference to never treating, member by member."""
    count, months = len(found["Never"]), np.array(found["Never"][0].months)
    print(f"change since menopause at {YEARS:g} years, %, median [5 %, 95 %] of {count} members")
    print(f"{'':14s}" + "".join(f"{name:>24s}" for name in (*COLUMNS, *STRUCTURE)))
    for name, runs in found.items():
        cells = [band(around(changes(runs, column), months, YEARS - 1)) for column in COLUMNS.values()]
        cells += [band(values) for values in np.stack([structure(run, spacing) for run in runs], axis=1)]
        print(f"{name:14s}" + "".join(f"{cell:>24s}" for cell in cells))
    years = [start + TREATED for start in STARTS] + [YEARS - 1]
    print("\nover never treating in the same member, points of %")
    print(f"{'strength':14s}" + "".join(f"{f'year {year:g}':>24s}" for year in years) + f"{'mean of all years':>24s}")
    gains = {name: changes(runs, COLUMNS["Strength"]) - changes(found["Never"], COLUMNS["Strength"])
             for name, runs in found.items()}  # fmt: skip
    for name, gain in gains.items():
        cells = [band(around(gain, months, year)) for year in years] + [band(gain.mean(axis=1))]
        print(f"{name:14s}" + "".join(f"{cell:>24s}" for cell in cells))
    early, late = (gains[f"From year {start:g}"] for start in (STARTS[0], STARTS[-1]))
    apart = around(early - late, months, YEARS - 1)
    error = apart.std(ddof=1) / np.sqrt(count) if count > 1 else np.nan
    print(
        f"\nyear {STARTS[0]:g} over year {STARTS[-1]:g} at follow-up: strength {apart.mean():+.1f} points "
        f"(standard error {error:.1f}), ahead in {np.mean(apart > 0):.0%} of the members"
    )


def draw(found: dict[str, list[Trajectory]], note: str) -> Path:
    """Strength and bone volume over time with bands, and what treatment has over never."""
    months = np.array(found["Never"][0].months)
    covers = [(f"from {start:g}", 12 * start, 12 * (start + TREATED)) for start in STARTS]

    def curves(column: str, over: bool) -> list[therapies.Curve]:
        drawn = []
        for name, runs in found.items():
            values = changes(runs, column) - (changes(found["Never"], column) if over else 0.0)
            low, middle, high = np.quantile(values, [0.05, 0.5, 0.95], axis=0)
            drawn.append(therapies.Curve(name, months, middle, low, high))
        return drawn

    panels = []
    for title in ("Strength", "BV/TV"):
        panels.append(therapies.Panel(title, "Change since menopause, %", curves(COLUMNS[title], False), covers))
        panels.append(therapies.Panel(f"{title}, over never", "Points of %", curves(COLUMNS[title], True), covers))
    return therapies.draw(panels, OUT / "timing_of_hrt.png", note=note)


def main() -> None:
    """Run the members through every arm; table and figure."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="a smaller block, fewer members, longer steps")
    parser.add_argument("--members", type=int, help="how many members")
    options = parser.parse_args()
    keep_compiled_programs()
    crop, step, count = (32, 4.0, 4) if options.quick else (None, 2.0, 12)
    specimen = read_specimen(SpecimenConfig(crop=crop))
    found = follow(
        specimen, WOMAN, arms(), options.members or count, years=YEARS, months_per_step=step, settings=living(),
        progress=progress_lines(),
    )  # fmt: skip
    report(found, specimen.spacing)
    lines = f"Median and 5-95 % of {len(found['Never'])} members; {specimen.name}, {specimen.shape[0]} voxels a side"
    print(draw(found, lines))


if __name__ == "__main__":
    main()
