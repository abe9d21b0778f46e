"""How much strength a lost gram of bone costs, by the way it is lost: strength ~ (BV/TV)^n along each way.

Run `python experiments/06_strength_by_mechanism.py [--quick] [--size N]`. Struts removed at random; pits that are
never refilled; every surface thinned alike; a mechanostat that gives up bone where it is idle; and ageing as the whole
model has it, ten years from menopause. Prints the exponents of strength and of stiffness and whether they come in the
expected order, and draws the paths. Expected: 3 to 5 for struts, 1.1 to 1.2 for thinning, 2 to 3 for ageing, less than
1 for the mechanostat (Silva & Gibson 1997 Bone 21:191; Guo & Kim 2002 Bone 30:404, recalled). Thinning of the shipped
bone gives 1.4, on voxels of half the size as well: its struts bend, which ideal ones along the load do not.
"""

import argparse
import dataclasses
from collections.abc import Iterator
from pathlib import Path

import numpy as np

import trabfem as tf
from trabfem.device import keep_compiled_programs
from trabfem.remodelling.bmu import BmuSettings
from trabfem.remodelling.forcing import CellForcing, compute_forcing, month_grid, steady_forcing
from trabfem.remodelling.model import Model, State, create_model
from trabfem.remodelling.start import start_state
from trabfem.remodelling.stimulus import uniform_balance
from trabfem.render import mechanisms
from trabfem.runs.runner import follow
from trabfem.specimen import keep_load_path
from trabfem.specimen.morphometry.local_thickness import local_thickness

WOMAN = tf.Patient("female", age=50.0, menopause_age=51.0)
LEAST_LEFT = 0.70
STRUT_MM = 0.40
SEEDS = (1, 2)
STRUT_SEEDS = (1, 2, 3, 4)
COLUMNS = {"Strength": "failure load (N)", "Stiffness": "stiffness (N/mm)"}
ORDER = ("Struts removed", "Pits", "Thinning", "Mechanostat")
OUT = Path("out/06_strength_by_mechanism")
Way = tuple[np.ndarray, np.ndarray, np.ndarray]
"""BV/TV, strength and stiffness along the way, as they are."""


def remove_struts(specimen: tf.Specimen, seed: int) -> Way:
    """Bone within balls of a strut's length around random points of thin bone goes, six times in a row."""
    rng = np.random.default_rng(seed)
    fill, settings = specimen.fill.copy(), tf.smooth_settings()
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
        rows.append(measure(start_state(less, create_model(less, settings))))
    return as_way(rows)


def measure(state: State) -> tuple[float, float, float]:
    """BV/TV, strength and stiffness of a state."""
    if state.solution is None or not state.solution.converged:
        raise SystemExit("the bone no longer carries load, or its equilibrium was not found")
    return float(np.asarray(state.fill).mean(dtype=np.float64)), state.failure_load, abs(state.solution.stiffness)


def as_way(rows: list[tuple[float, float, float]]) -> Way:
    """Rows as arrays."""
    bone, strength, stiffness = np.array(rows).T
    return bone, strength, stiffness


def follow_way(state: State, model: Model, forcing: CellForcing) -> Way:
    """The way that a run goes."""
    done = follow(state, model, forcing)
    if done.trouble or done.ended:
        raise SystemExit(done.trouble or done.ended)
    return as_way(
        [(done.table["BV/TV"][k], *(done.table[c][k] for c in COLUMNS.values())) for k in range(len(done.months))]
    )


def dig_pits(specimen: tf.Specimen, seed: int) -> Way:
    """BMUs anywhere on the surface that dig and never refill; load plays no part."""
    model = create_model(specimen, tf.smooth_settings(gain=0.0, bmus=BmuSettings(bias=0.0)), seed)
    forcing = steady_forcing(month_grid(2.0, 2.0), formation=0.0, resorption=2.0)
    return follow_way(start_state(specimen, model), model, dataclasses.replace(forcing, frequency_before=0.0))


def thin_surfaces(specimen: tf.Specimen, seed: int) -> Way:
    """All surfaces recede alike; load plays no part."""
    del seed
    model = create_model(specimen, tf.smooth_settings(gain=0.0, smoothing=0.0))
    forcing = steady_forcing(month_grid(1.5, 2.0), formation=0.0, resorption=2.0)
    return follow_way(start_state(specimen, model), model, forcing)


def give_up_idle_bone(specimen: tf.Specimen, seed: int) -> Way:
    """A specimen adapted to its load for eight years, then asked for less bone: idle surfaces pay."""
    del seed
    settings = tf.smooth_settings(set_point=uniform_balance, accommodation=np.inf, background=0.0)
    model = create_model(specimen, settings)
    adapted = follow(start_state(specimen, model), model, steady_forcing(month_grid(8.0, 8.0))).state
    forcing = steady_forcing(month_grid(12.0, 8.0), formation=0.5, resorption=1.0)
    return follow_way(dataclasses.replace(adapted, step=0), model, forcing)


def age(specimen: tf.Specimen, seed: int) -> Way:
    """Ten years from menopause with BMUs, mineral and load."""
    model = create_model(specimen, tf.Settings(), seed)
    forcing = compute_forcing(WOMAN, tf.Schedule(), month_grid(10.0, 4.0))
    return follow_way(start_state(specimen, model), model, forcing)


WAYS = {
    "Struts removed": (remove_struts, STRUT_SEEDS),
    "Pits": (dig_pits, SEEDS),
    "Thinning": (thin_surfaces, SEEDS[:1]),
    "Mechanostat": (give_up_idle_bone, SEEDS[:1]),
    "Ageing, whole model": (age, SEEDS),
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
    parser.add_argument("--size", type=int, help="voxels a side, at most 64")
    options = parser.parse_args()
    keep_compiled_programs()
    specimen = keep_load_path(tf.read("vertebra_64", crop=options.size or (40 if options.quick else None)))
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
