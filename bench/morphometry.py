"""Errors of the structure indices on slabs, rods and spheres in a cylinder, and their cost on 257 x 257 x 247 voxels.

python -P bench/morphometry.py errors      # the table in trabfem/specimen/morphometry/bias.py
python -P bench/morphometry.py anisotropy
python -P bench/morphometry.py porespy     # local thickness against porespy's
OMP_NUM_THREADS=1 python -P bench/morphometry.py cost
"""

import argparse
import time

import numpy as np

from trabfem.specimen import Specimen, readers
from trabfem.specimen import morphometry as indices
from trabfem.specimen.morphometry import anisotropy, local_thickness, surface

SIDE, RADIUS, HEIGHT = 44, 17.0, 34.0
SIZES = (1, 2, 3, 4, 5, 6, 8, 10, 12)
TURNS = 8
CUBE = (1.0, 1.0, 1.0)
KINDS = ("slab", "rod", "sphere")
SMI = {"slab": 0, "rod": 3, "sphere": 4}


def cylinder() -> np.ndarray:
    """A region of interest: an upright cylinder in the block, with marrow or bone outside it alike."""
    x = np.moveaxis(np.indices((SIDE,) * 3) - (SIDE - 1) / 2, 0, -1)
    return (np.hypot(x[..., 0], x[..., 1]) < RADIUS) & (np.abs(x[..., 2]) < HEIGHT / 2)


def place(turn: int) -> tuple[np.ndarray, np.ndarray]:
    """Axes and offset of a shape: on the lattice's axes at turn 0, at random elsewhere."""
    rng = np.random.default_rng(turn)
    q = np.linalg.qr(rng.normal(size=(3, 3)))[0] if turn else np.eye(3)
    return q, rng.uniform(-0.5, 0.5, 3)


def depth_of(kind: str, turn: int) -> np.ndarray:
    """Distance of each voxel from the shape's middle."""
    q, offset = place(turn)
    x = (np.moveaxis(np.indices((SIDE,) * 3) - (SIDE - 1) / 2, 0, -1) + offset) @ q
    return np.linalg.norm(x[..., : KINDS.index(kind) + 1], axis=-1)


def true_surface(kind: str, size: float, turn: int) -> float:
    """Area of the shape inside the region: points spread over the surface, weighted by the area they stand for."""
    rng, radius, count = np.random.default_rng(99), size / 2, 200_000
    q, offset = place(turn)
    dimension = KINDS.index(kind) + 1
    across = rng.normal(size=(count, dimension))
    points = rng.uniform(-SIDE, SIDE, (count, 3))
    points[:, :dimension] = radius * across / np.linalg.norm(across, axis=1, keepdims=True)
    x = points @ q.T - offset
    within = (np.hypot(x[:, 0], x[:, 1]) < RADIUS) & (np.abs(x[:, 2]) < HEIGHT / 2)
    area = {1: 2 * (2 * SIDE) ** 2, 2: np.pi * size * 2 * SIDE, 3: np.pi * size**2}[dimension]
    return float(area * within.mean())


def errors(kind: str, size: float, turn: int, region: np.ndarray) -> dict[str, float]:
    """Error of each index on one shape in the region."""
    depth = depth_of(kind, turn)
    mask = depth < size / 2
    bone = mask & region
    fill = mask.astype(np.float32)
    area, curvature = surface.surface_integrals(fill, CUBE, region)
    return {
        "Tb.Th": local_thickness.thickness(mask, CUBE, region) - size,
        "BS": 100 * (area / true_surface(kind, size, turn) - 1),
        "SMI": 12 * bone.sum() * curvature / area**2 - SMI[kind],
    }


def print_errors() -> None:
    """Lowest and highest error of each index over all turns, a line a shape and size."""
    region = cylinder()
    for kind in KINDS:
        for size in SIZES:
            found = [errors(kind, size, turn, region) for turn in range(TURNS)]
            text = "  ".join(
                f"{name} {min(values):+.2f} to {max(values):+.2f}"
                for name in ("Tb.Th", "BS", "SMI")
                if (values := [one[name] for one in found])
            )
            print(f"{kind:7}{size:3d} voxels  {text}", flush=True)


def print_anisotropy() -> None:
    """Lowest and highest error of both degrees of anisotropy on ellipsoids twice as long as they are thick."""
    for size in SIZES[1:]:
        side = 2 * size + 12
        found = []
        for turn in range(TURNS):
            q, offset = place(turn)
            x = (np.moveaxis(np.indices((side,) * 3) - (side - 1) / 2, 0, -1) + offset) @ q
            fill = (np.linalg.norm(x / (1, 1, 2), axis=-1) < size / 2).astype(np.float32)
            both = anisotropy.degree_of_anisotropy(fill, CUBE), anisotropy.degree_by_lines(fill, CUBE)
            found.append([100 * (value / 2 - 1) for value in both])
        (a, b), (c, d) = np.min(found, axis=0), np.max(found, axis=0)
        print(f"ellipsoid 2:1{size:3d} voxels  DA {a:+.1f} to {c:+.1f}  DA lines {b:+.1f} to {d:+.1f}", flush=True)


def print_porespy() -> None:
    """Mean local thickness in voxels against porespy's with its own integer radii, and with every radius there is."""
    from porespy import filters
    from scipy import ndimage

    bone = readers.read("vertebra_64").mask
    shapes = {f"{kind} {size}": depth_of(kind, 3) < size / 2 for kind in KINDS for size in (4, 8, 12)}
    for name, mask in {**shapes, "vertebra_64 bone": bone}.items():
        # A sphere is an open ball here, a closed one there.
        every = np.unique(np.asarray(ndimage.distance_transform_edt(mask)))[:0:-1] - 1e-3
        ours, theirs = local_thickness.thickness(mask, CUBE), []
        for options in ({}, {"method": "legacy", "sizes": every}):
            theirs.append(2 * filters.local_thickness(mask, smooth=False, **options)[mask].mean())
        text = "  ".join(f"{value:6.2f} ({100 * (ours / value - 1):+.2f} %)" for value in theirs)
        print(f"{name:20} here {ours:6.2f}  porespy {text}", flush=True)


def print_cost() -> None:
    """Seconds of the processor of each family on a shipped specimen continued as its mirror image."""
    bone = readers.read("vertebra_96")
    pad = [(0, n - 96) for n in (257, 257, 247)]
    large, total = Specimen(np.pad(bone.fill, pad, mode="symmetric"), bone.spacing), 0.0
    for family in indices.FAMILIES:
        start = time.process_time()
        found = family.measure(large)
        spent = time.process_time() - start
        total += spent
        print(f"{spent:6.2f} s  {', '.join(found)}", flush=True)
    print(f"{total:6.2f} s  in all, {large.bvtv:.3f} BV/TV")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("errors", "anisotropy", "porespy", "cost"))
    commands = {"errors": print_errors, "anisotropy": print_anisotropy, "porespy": print_porespy, "cost": print_cost}
    commands[parser.parse_args().what]()
