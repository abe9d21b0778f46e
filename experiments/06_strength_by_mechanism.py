"""How much strength a lost gram of bone costs, by the way it is lost: strength ~ (BV/TV)^n along each way.

Run `python experiments/06_strength_by_mechanism.py [--quick]`. Struts removed at random; pits that are never refilled;
every surface thinned alike; a mechanostat that gives up bone where it is idle; and ageing as the whole model has it,
ten years from menopause. Prints the exponents of strength and of stiffness and whether they come in the expected order,
and draws the paths. Expected: 3 to 5 for struts, 1.1 to 1.2 for thinning, 2 to 3 for ageing, less than 1 for the
mechanostat (Silva & Gibson 1997 Bone 21:191; Guo & Kim 2002 Bone 30:404, recalled). Thinning of the shipped bone gives
1.4, on voxels of half the size as well: its struts bend, which ideal ones along the load do not.
"""

import argparse
import dataclasses
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from trabfem.biology.schedule import parse
from trabfem.config import SpecimenConfig, read_specimen
from trabfem.remodelling.coupling import Scene, State
from trabfem.remodelling.simulate import run
from trabfem.specimen.local_thickness import local_thickness

from trabfem.biology.patient import Patient
from trabfem.device import keep_compiled_programs
from trabfem.remodelling import coupling, drive
from trabfem.remodelling.bmu import UnitSettings
from trabfem.remodelling.settings import Settings, living
from trabfem.remodelling.stimulus import uniform_balance
from trabfem.render import mechanisms
from trabfem.specimen import Specimen

WOMAN = Patient("female", age=50.0, menopause_age=51.0)
LEAST_LEFT = 0.70
STRUT_MM = 0.40
SEEDS = (1, 2)
STRUT_SEEDS = (1, 2, 3, 4)
COLUMNS = {"Strength": "failure load (N)", "Stiffness": "stiffness (N/mm)"}
ORDER = ("Struts removed", "Pits", "Thinning", "Mechanostat")
OUT = Path("out/06_strength_by_mechanism")
Way = tuple[np.ndarray, np.ndarray, np.ndarray]
"""BV/TV, strength and stiffness along the way, as they are."""


def struts_removed(specimen: Specimen, seed: int) -> Way:
    """Bone within balls of a strut's length around random points of thin bone goes, six times in a row."""
    rng = np.random.default_rng(seed)
    fill, settings = specimen.fill.copy(), Settings()
    at = np.stack(np.meshgrid(*(np.arange(n) for n in fill.shape), indexing="ij"), -1)
    local = local_thickness(fill >= 0.5, specimen.spacing)
    thin = np.argwhere((fill >= 0.5) & (local <= np.median(local[fill >= 0.5])))
    thin = thin[(thin[:, 2] > 3) & (thin[:, 2] < fill.shape[2] - 4)]
    start, rows = fill.sum(), []
    for left in np.linspace(1.0, LEAST_LEFT, 6):
        while fill.sum() > left * start:
            centre = thin[rng.integers(len(thin))]
            inside = ((at - centre) ** 2).sum(-1) < (STRUT_MM / 2 / specimen.spacing[0]) ** 2
            inside[:, :, :2] = inside[:, :, -2:] = False
            fill[inside] = 0.0
        less = dataclasses.replace(specimen, fill=fill.copy())
        rows.append(measured(coupling.begin(less, coupling.scene_of(less, settings))))
    return columns(rows)


def measured(state: State) -> tuple[float, float, float]:
    """BV/TV, strength and stiffness of a state."""
    if state.solution is None or not state.solution.converged:
        raise SystemExit("the bone no longer carries load, or its equilibrium was not found")
    return float(state.fill.mean(dtype=np.float64)), state.failure_load, abs(state.solution.stiffness)


def columns(rows: list[tuple[float, float, float]]) -> Way:
    """Rows as arrays."""
    bone, strength, stiffness = np.array(rows).T
    return bone, strength, stiffness


def along(state: State, scene: Scene, course: drive.Drive) -> Way:
    """The path of a run."""
    done = run(state, scene, course)
    if done.trouble or done.ended:
        raise SystemExit(done.trouble or done.ended)
    return columns(
        [(done.table["BV/TV"][k], *(done.table[c][k] for c in COLUMNS.values())) for k in range(len(done.months))]
    )


def pits(specimen: Specimen, seed: int) -> Way:
    """Remodelling units anywhere on the surface that dig and never refill; load plays no part."""
    units = UnitSettings(bias=0.0)
    scene = coupling.scene_of(specimen, Settings(gain=0.0, units=units), seed)
    start = coupling.begin(specimen, scene)
    course = drive.steady(drive.month_grid(2.0, 2.0), formation=0.0, resorption=2.0)
    return along(start, scene, dataclasses.replace(course, frequency_before=0.0))


def thinning(specimen: Specimen, seed: int) -> Way:
    """All surfaces recede alike; load plays no part."""
    del seed
    scene = coupling.scene_of(specimen, Settings(gain=0.0, smoothing=0.0))
    course = drive.steady(drive.month_grid(1.5, 2.0), formation=0.0, resorption=2.0)
    return along(coupling.begin(specimen, scene), scene, course)


def mechanostat(specimen: Specimen, seed: int) -> Way:
    """A specimen adapted to its load for eight years, then asked for less bone: idle surfaces pay."""
    del seed
    settings = Settings(set_point=uniform_balance, accommodation=np.inf, background=0.0)
    scene = coupling.scene_of(specimen, settings)
    adapted = run(coupling.begin(specimen, scene), scene, drive.steady(drive.month_grid(8.0, 8.0))).state
    course = drive.steady(drive.month_grid(12.0, 8.0), formation=0.5, resorption=1.0)
    return along(dataclasses.replace(adapted, step=0), scene, course)


def ageing(specimen: Specimen, seed: int) -> Way:
    """Ten years from menopause with remodelling units, mineral and load."""
    scene = coupling.scene_of(specimen, living(), seed)
    course = drive.of_patient(WOMAN, parse(""), drive.month_grid(10.0, 4.0))
    return along(coupling.begin(specimen, scene), scene, course)


WAYS = {
    "Struts removed": (struts_removed, STRUT_SEEDS),
    "Pits": (pits, SEEDS),
    "Thinning": (thinning, SEEDS[:1]),
    "Mechanostat": (mechanostat, SEEDS[:1]),
    "Ageing, whole model": (ageing, SEEDS),
}


def relative(path: Way) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """(volume, strength) and (volume, stiffness) over their first, while at least LEAST_LEFT of the bone is left."""
    bone = path[0] / path[0][0]
    kept = (bone >= LEAST_LEFT - 0.03) & (np.cumsum(bone < LEAST_LEFT - 0.03) == 0)
    for values in path[1:]:
        yield bone[kept], values[kept] / values[0]


def main() -> None:
    """Every way of losing bone, the table and the figure."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="a smaller block, one seed")
    options = parser.parse_args()
    keep_compiled_programs()
    specimen = coupling.prepared(read_specimen(SpecimenConfig(crop=40 if options.quick else None)))
    panels: dict[str, dict[str, list]] = {name: {} for name in COLUMNS}
    print(f"{'':22s}{'BV/TV, %':>10s}" + "".join(f"{f'n of {name.lower()}':>18s}" for name in COLUMNS))
    for name, (way, seeds) in WAYS.items():
        paths = [list(relative(way(specimen, seed))) for seed in (seeds[:1] if options.quick else seeds)]
        for place, title in enumerate(COLUMNS):
            panels[title][name] = [path[place] for path in paths]
        lost = np.mean([100 * (path[0][0][-1] - 1) for path in paths])
        powers = [mechanisms.exponent(panels[title][name]) for title in COLUMNS]
        print(f"{name:22s}{lost:10.1f}" + "".join(f"{power:18.2f}" for power in powers), flush=True)
    found = [mechanisms.exponent(panels["Strength"][name]) for name in ORDER]
    held = all(a > b for a, b in zip(found, found[1:], strict=False))
    print(f"{' > '.join(ORDER)}: {'as expected' if held else 'NOT in this order'} in strength")
    note = f"Dotted: whole exponents. {specimen.name}, {specimen.shape[0]} voxels a side; strength by Pistoia 2002."
    print(mechanisms.draw(panels, OUT / "strength_by_mechanism.png", note))


if __name__ == "__main__":
    main()
