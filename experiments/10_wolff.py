"""Wolff's law: bone that answers to load takes on its direction, and follows when the load is turned.

Run `python experiments/10_wolff.py [--quick]`. Blocks cut from noise without a preferred direction (several seeds; each
small block has one by chance) carry an axial compression for some years, then the same one turned by 45 degrees about
x. The cells are in balance, so load alone decides; all places strive for the same energy density. Prints the ratio of
Young's moduli Ez/Ex and the degree of anisotropy under axial load, and the angle of the stiffest direction and of the
fabric (mean intercept length) after the turn; writes one figure.
"""

import argparse
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy import ndimage
from trabfem.remodelling.load_history import UNIT_STRAIN

from trabfem import habits
from trabfem.cli.common import progress_lines
from trabfem.device import keep_compiled_programs
from trabfem.mechanics.homogenize import mean_stresses
from trabfem.mechanics.loads import STRAINS
from trabfem.remodelling import coupling, drive, simulate, stimulus
from trabfem.remodelling.settings import Settings, for_habits
from trabfem.render.directions import Wolff, draw
from trabfem.specimen import Specimen, from_mask
from trabfem.specimen.morphometry import degree_of_anisotropy, mil_ellipsoid

TURN = 45.0
SPACING = 0.05  # mm
BVTV = 0.30
PORE = 2.4  # voxels: width of the noise that the bone is cut from
ANGLES = np.arange(-90.0, 90.0, 1.0)
OUT = Path("out/10_wolff")


@dataclass(frozen=True)
class Moment:
    """What is measured of one bone: Young's moduli (MPa) at ANGLES from z in the y-z plane, Ez/Ex, fabric."""

    modulus: np.ndarray
    ratio: float
    anisotropy: float
    fabric: float


def block(seed: int, side: int) -> Specimen:
    """Bone without a preferred direction: half of it plates, cut from smoothed noise."""
    noise = ndimage.gaussian_filter(np.random.default_rng(seed).standard_normal((side,) * 3), PORE, mode="wrap")
    height = np.abs(noise)
    return coupling.prepared(from_mask(height < np.quantile(height, BVTV), SPACING, f"isotropic {seed}"))


def in_plane(stiffness: np.ndarray) -> np.ndarray:
    """Young's modulus along directions at ANGLES from z towards -y, which is how a load turned about x points."""
    turn = np.deg2rad(ANGLES)
    x, y, z = np.zeros_like(turn), -np.sin(turn), np.cos(turn)
    n = np.stack([x * x, y * y, z * z, y * z, z * x, x * y])
    return 1 / np.einsum("ia,ij,ja->a", n, np.linalg.inv(stiffness), n)


def measured(state: coupling.State, spacing: tuple[float, float, float]) -> Moment:
    """Elastic and geometric direction of the bone, from the six load cases that the step has solved anyway."""
    known = {solution.case.name: solution for solution in state.solutions}
    stiffness = mean_stresses([known[f"kubc-{name}"] for name in STRAINS]) / UNIT_STRAIN**2
    compliance = np.linalg.inv((stiffness + stiffness.T) / 2)
    _, axes = mil_ellipsoid(state.fill, spacing)
    _, y, z = axes[:, 0]
    fabric = float(np.rad2deg(np.arctan2(-y, z)) + 90) % 180 - 90
    return Moment(
        in_plane((stiffness + stiffness.T) / 2),
        float(compliance[0, 0] / compliance[2, 2]),
        degree_of_anisotropy(state.fill, spacing),
        fabric,
    )


def follow(specimen: Specimen, years: tuple[float, float], step: float, progress: Callable | None) -> list:
    """(month, measures, fill) of each step: axial load for the first years, turned for the second."""
    settings = Settings(set_point=stimulus.uniform_balance, accommodation=np.inf, background=0.0)
    turned = habits.split(f"direction {TURN:g}deg x {12 * years[0]:g}-1200")[1]
    scene = coupling.scene_of(specimen, for_habits(settings, [turned]))
    course = drive.steady(drive.month_grid(sum(years), step), habits=turned)
    found = []

    def keep(state: coupling.State, rows: list) -> None:
        found.append((rows[-1]["month"], measured(state, scene.spacing), state.fill))

    run = simulate.run(coupling.begin(specimen, scene), scene, course, save=keep, progress=progress, name=specimen.name)
    for sentence in (run.ended, run.trouble):
        if sentence:
            print(f"{specimen.name}: {sentence}")
    return found


def stiffest(moment: Moment) -> float:
    """Angle (degrees) of the stiffest direction in the plane of the turn."""
    return float(ANGLES[np.argmax(moment.modulus)])


def spread(values: list[float], form: str = ".2f") -> str:
    """Mean and range over the blocks."""
    return f"{np.mean(values):{form}} [{min(values):{form}}, {max(values):{form}}]"


def report(runs: list[list], years: tuple[float, float]) -> None:
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
    side, seeds, years, step = (24, (1, 2), (8.0, 16.0), 4.0) if options.quick else (36, (1, 2, 3), (8.0, 24.0), 2.0)
    runs = [follow(block(seed, side), years, step, progress_lines()) for seed in seeds]
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
