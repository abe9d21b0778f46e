"""What a coarser scan changes: stiffness, strength and the pace of loss on voxels of 20, 40 and 60 um.

Run `python experiments/11_voxel_size.py [--quick] [--size N]`. A seeded block of 20 um voxels is averaged to 40 and 60,
with partly filled voxels and cut at half full as a plain scan would be. Niebur 1999 (J Biomech Eng 121:629): a
modulus within 5 % needs more than four voxels a strut. Prints modulus, failure load and the change of BV/TV over two
years from menopause, each relative to 20 um; draws them against voxels a strut.
"""

import argparse
import dataclasses
from pathlib import Path

import numpy as np

import trabfem as tf
from trabfem.device import keep_compiled_programs
from trabfem.remodelling.model import create_model
from trabfem.remodelling.start import start_state
from trabfem.render import resolution
from trabfem.specimen import keep_load_path
from trabfem.specimen.morphometry import thickness

WOMAN = tf.Patient("female", age=51.0, menopause_age=51.0)
FINE_MM = 0.02
COARSER = (1, 2, 3)
SITES = ("femoral-head", "vertebra")
YEARS, STEP = 2.0, 4.0
BMU_SEEDS = (1, 2)
ENOUGH = 4.0
TOLERANCE = 0.05
OUT = Path("out/11_voxel_size")
ROWS = ("modulus", "modulus, half-full cut", "strength", "loss, smooth", "loss, BMUs")


def coarsen(specimen: tf.Specimen, times: int) -> tf.Specimen:
    """The block on voxels `times` as large, each the mean of those in it."""
    n = [side // times * times for side in specimen.shape]
    fill = specimen.fill[: n[0], : n[1], : n[2]]
    blocks = fill.reshape(n[0] // times, times, n[1] // times, times, n[2] // times, times)
    spacing = tuple(times * h for h in specimen.spacing)
    return dataclasses.replace(specimen, fill=blocks.mean(axis=(1, 3, 5), dtype=np.float32), spacing=spacing)


def lose(specimen: tf.Specimen, settings: tf.Settings, seed: int = 1) -> float:
    """Change of BV/TV, %, over the first years from menopause."""
    study = tf.simulate(
        specimen, WOMAN, years=YEARS, months_per_step=STEP, settings=settings, seed=seed, members=1, progress=False
    )
    bone = study.arms[0].table["BV/TV"]
    return 100 * (bone[-1] / bone[0] - 1)


def measure(specimen: tf.Specimen) -> tuple[float, ...]:
    """The rows of one block; modulus in MPa, strength in N/mm^2."""
    smooth, bmus = tf.smooth_settings(thickness_every=1000), tf.Settings(thickness_every=1000)
    specimen = keep_load_path(specimen)
    cut = keep_load_path(dataclasses.replace(specimen, fill=(specimen.fill >= 0.5).astype(np.float32)))
    states = [start_state(each, create_model(each, smooth)) for each in (specimen, cut)]
    solutions = [state.solution for state in states]
    if any(solution is None or not solution.converged for solution in solutions):
        raise SystemExit(f"{specimen.name}: an equilibrium was not found")
    x, y, _ = specimen.size_mm
    pitted = np.mean([lose(specimen, bmus, seed) for seed in BMU_SEEDS])
    moduli = [abs(solution.apparent_modulus) for solution in solutions if solution is not None]
    return (*moduli, states[0].failure_load / (x * y), lose(specimen, smooth), float(pitted))


def main() -> None:
    """Tables and figure."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="a smaller block")
    parser.add_argument("--size", type=int, help="voxels of 20 um a side")
    options = parser.parse_args()
    keep_compiled_programs()
    size = options.size or (60 if options.quick else 96)
    panels: dict[str, tuple[np.ndarray, dict[str, np.ndarray]]] = {}
    print(f"{'':14s}{'um':>5s}{'Tb.Th/h':>9s}" + "".join(f"{name:>24s}" for name in ROWS))
    for site in SITES:
        fine = tf.generate(site, 1, size, FINE_MM)
        strut = thickness(fine.mask, fine.spacing)
        found = []
        for times in COARSER:
            found.append(measure(coarsen(fine, times)))
            cells = [
                f"{value:.4g}" + (f" ({100 * (value / first - 1):+.1f} %)" if times > 1 else "")
                for value, first in zip(found[-1], found[0], strict=True)
            ]
            across = strut / (times * FINE_MM)
            print(
                f"{site:14s}{1000 * times * FINE_MM:5.0f}{across:9.1f}" + "".join(f"{c:>24s}" for c in cells),
                flush=True,
            )
            if across > ENOUGH and times > 1:
                off = found[-1][0] / found[0][0] - 1
                print(f"{'':14s}modulus off by {100 * off:+.1f} %: {'' if abs(off) < TOLERANCE else 'NOT '}within 5 %")
        values = np.array(found)
        struts = strut / (np.array(COARSER) * FINE_MM)
        panels[site] = struts, {name: values[:, k] / values[0, k] for k, name in enumerate(ROWS)}
    note = f"Blocks of {size} voxels of 20 um a side; loss: change of BV/TV over {YEARS:g} years from menopause."
    print(resolution.draw(panels, OUT / "voxel_size.png", note))


if __name__ == "__main__":
    main()
