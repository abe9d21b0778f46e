"""Wolff's law: bone that answers to load takes on its direction, and follows when the load is turned.

Run `python experiments/10_wolff.py [--quick]`. Blocks cut from noise without a preferred direction (several seeds; each
small block has one by chance) carry an axial compression for some years, then the same one turned by 45 degrees about
x. The cells are in balance, so load alone decides; all places strive for the same energy density. Prints the ratio of
Young's moduli Ez/Ex and the degree of anisotropy under axial load, and the angle of the stiffest direction and of the
fabric (mean intercept length) after the turn; writes one figure.
"""

import argparse
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy import ndimage

import trabfem as tf
from trabfem.device import keep_compiled_programs
from trabfem.mechanics.homogenize import mean_stresses
from trabfem.mechanics.loads import STRAINS
from trabfem.remodelling.forcing import month_grid, steady_forcing
from trabfem.remodelling.loading.activities import UNIT_STRAIN
from trabfem.remodelling.model import State, create_model
from trabfem.remodelling.settings import make_turnable
from trabfem.remodelling.step import reason_to_stop, start, step
from trabfem.remodelling.stimulus import uniform_balance
from trabfem.remodelling.timing import Timing
from trabfem.render.directions import Wolff, draw
from trabfem.runs.progress import Progress, progress_lines
from trabfem.schedule import parse
from trabfem.specimen import keep_load_path
from trabfem.specimen.morphometry import degree_of_anisotropy, mil_ellipsoid

TURN = 45.0
SPACING = 0.05  # mm
BVTV = 0.30
PORE = 2.4  # voxels: width of the noise that the bone is cut from
ANGLES = np.arange(-90.0, 90.0, 1.0)
# Voxels a side, seeds of the blocks, years of axial and of turned load, months a step.
WHOLE = (36, (1, 2, 3), (8.0, 24.0), 2.0)
QUICK = (24, (1, 2), (8.0, 16.0), 4.0)
OUT = Path("out/10_wolff")


@dataclass(frozen=True)
class Moment:
    """What is measured of one bone: Young's moduli (MPa) at ANGLES from z in the y-z plane, Ez/Ex, fabric."""

    modulus: np.ndarray
    ratio: float
    anisotropy: float
    fabric: float


Turning = list[tuple[float, Moment, np.ndarray]]
"""Month, measures and fill of each step."""


def cut_block(seed: int, side: int) -> tf.Specimen:
    """Bone without a preferred direction: half of it plates, cut from smoothed noise."""
    noise = ndimage.gaussian_filter(np.random.default_rng(seed).standard_normal((side,) * 3), PORE, mode="wrap")
    height = np.abs(noise)
    return keep_load_path(tf.from_mask(height < np.quantile(height, BVTV), SPACING, f"isotropic {seed}"))


def moduli_in_plane(stiffness: np.ndarray) -> np.ndarray:
    """Young's modulus along directions at ANGLES from z towards -y, which is how a load turned about x points."""
    turn = np.deg2rad(ANGLES)
    x, y, z = np.zeros_like(turn), -np.sin(turn), np.cos(turn)
    n = np.stack([x * x, y * y, z * z, y * z, z * x, x * y])
    return 1 / np.einsum("ia,ij,ja->a", n, np.linalg.inv(stiffness), n)


def measure(state: State, spacing: tuple[float, float, float]) -> Moment:
    """Elastic and geometric direction of the bone, from the six load cases that the step has solved anyway."""
    known = {solution.case.name: solution for solution in state.solutions}
    stiffness = mean_stresses([known[f"kubc-{name}"] for name in STRAINS]) / UNIT_STRAIN**2
    compliance = np.linalg.inv((stiffness + stiffness.T) / 2)
    fill = np.asarray(state.fill)
    _, axes = mil_ellipsoid(fill, spacing)
    _, y, z = axes[:, 0]
    fabric = float(np.rad2deg(np.arctan2(-y, z)) + 90) % 180 - 90
    return Moment(
        moduli_in_plane((stiffness + stiffness.T) / 2),
        float(compliance[0, 0] / compliance[2, 2]),
        degree_of_anisotropy(fill, spacing),
        fabric,
    )


def turn_load(specimen: tf.Specimen, years: tuple[float, float], months: float, progress: Progress) -> Turning:
    """(month, measures, fill) of each step: axial load for the first years, turned for the second."""
    turned = parse(f"direction {TURN:g}deg x {12 * years[0]:g}-1200").loading
    settings = tf.smooth_settings(set_point=uniform_balance, accommodation=np.inf, background=0.0)
    model = create_model(specimen, make_turnable(settings, [turned]))
    forcing = steady_forcing(month_grid(sum(years), months), loading=turned)
    state, timing, found = start(specimen, model, forcing), Timing(), []
    while True:
        ended, trouble = reason_to_stop(state, forcing)
        if ended or trouble:
            print(f"{specimen.name}: {ended or trouble}")
            return found
        month = float(forcing.months[state.step])
        found.append((month, measure(state, model.spacing), np.asarray(state.fill)))
        progress(specimen.name, state.step, forcing.steps, f"month {month:g}, BV/TV {state.fill.mean():.4f}")
        if state.step >= forcing.steps:
            return found
        state = step(state, model, forcing, timing)


def stiffest(moment: Moment) -> float:
    """Angle (degrees) of the stiffest direction in the plane of the turn."""
    return float(ANGLES[np.argmax(moment.modulus)])


def spread(values: list[float], form: str = ".2f") -> str:
    """Mean and range over the blocks."""
    return f"{np.mean(values):{form}} [{min(values):{form}}, {max(values):{form}}]"


def report(runs: list[Turning], years: tuple[float, float]) -> None:
    """The numbers at the start, before the turn, and at the end."""
    before = int(np.argmin([abs(month - 12 * years[0]) for month, _, _ in runs[0]]))
    print(f"mean [range] over {len(runs)} blocks")
    print(f"{'':26s}{'Ez/Ex':>20s}{'DA':>20s}{'stiffest, deg':>24s}{'fabric, deg':>24s}{'BV/TV':>22s}")
    for name, k in (("start", 0), (f"{years[0]:g} y of axial load", before), (f"{years[1]:g} y of turned load", -1)):
        moments = [run[k][1] for run in runs]
        cells = [spread([m.ratio for m in moments]), spread([m.anisotropy for m in moments])]
        cells += [spread([stiffest(m) for m in moments], ".0f"), spread([m.fabric for m in moments], ".0f")]
        bone = spread([float(run[k][2].mean()) for run in runs], ".3f")
        print(f"{name:26s}{cells[0]:>20s}{cells[1]:>20s}{cells[2]:>24s}{cells[3]:>24s}{bone:>22s}")


def main() -> None:
    """Every block through both loads; table and figure."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="smaller and fewer blocks, longer steps")
    options = parser.parse_args()
    keep_compiled_programs()
    side, seeds, years, months = QUICK if options.quick else WHOLE
    runs = [turn_load(cut_block(seed, side), years, months, progress_lines()) for seed in seeds]
    report(runs, years)
    shown = [Wolff(
        np.array([month for month, _, _ in run]) / 12,
        np.array([m.ratio for _, m, _ in run]),
        np.array([m.anisotropy for _, m, _ in run]),
        np.array([stiffest(m) for _, m, _ in run]),
        np.array([m.fabric for _, m, _ in run]),
        np.array([m.modulus for _, m, _ in run]),
        [fill for _, _, fill in run],
    ) for run in runs]  # fmt: skip
    print(draw(shown, ANGLES, years[0], TURN, OUT / "wolff.png"))


if __name__ == "__main__":
    main()
