"""Seeded synthetic trabecular bone with the volume fraction, thickness, spacing and anisotropy of a named site.

The skeleton is a foam: the cells nearest to jittered seed points, stretched along z, in warped space. Bone lies along
the edges of the cells as rods and spreads from them over the cell faces as perforated plates, wider on upright faces
and different on every face, so that rods, plates and closed faces occur side by side and every strut ends in others.
"""

import dataclasses
import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from scipy import ndimage
from scipy.spatial import KDTree

from trabfem import constants
from trabfem.errors import UserError
from trabfem.specimen.load_path import keep_load_path
from trabfem.specimen.morphometry import degree_of_anisotropy, separation, thickness
from trabfem.specimen.voxels import Specimen, check_spacing

Triple = tuple[float, float, float]
Shape = tuple[int, int, int]

VOXELS_PER_THICKNESS = 4.0
SMALLEST_SIDE = 24
# The fit looks at a block of at most this many voxels a side; cells and stretch at half the resolution.
FITTED_SIDE = 128
COARSE_SIDE = 64
ROUNDS = 8
TOLERANCE = 0.02
# Seeds: a body-centred lattice, each point moved by this much of its constant; the space warped by this much of a cell
# over waves of 2.2 cells. Chosen by eye and by SMI and Conn.D against vertebral bone.
JITTER = 0.22
WARP = 0.12
WARP_WAVELENGTH = 2.2
WARP_WAVES = 40
SMALLEST_CELL = 0.4
# Rounding of edges and junctions: a Gaussian of this part of the thickness.
ROUNDING = 0.35


@dataclass(frozen=True)
class Site:
    """What a site measures: BV/TV, Tb.Th and Tb.Sp in mm, DA (longest over shortest mean intercept length)."""

    bvtv: float
    thickness: float
    separation: float
    anisotropy: float
    source: str


def _site(prefix: str) -> Site:
    """The site whose constants carry `prefix`."""
    values = [getattr(constants, f"{prefix}_{name}") for name in ("BVTV", "TBTH", "TBSP", "DA")]
    sources = dict.fromkeys(value.source for value in values)
    return Site(*(value.value for value in values), source="; ".join(sources))


SITES = {
    "vertebra": _site("SITE_VERTEBRA"),
    "vertebra-aged": _site("SITE_VERTEBRA_AGED"),
    "iliac-crest": _site("SITE_ILIAC_CREST"),
    "femoral-head": _site("SITE_FEMORAL_HEAD"),
}


@dataclass(frozen=True)
class Recipe:
    """Foam: cell size in mm, stretch along z, half thickness and plate width in mm, and the seed."""

    seed: int
    cell: float
    stretch: float
    half: float
    width: float = 0.0


@dataclass(frozen=True)
class Skeleton:
    """Distances in mm to the nearest cell face and edge, and the plate width of that face as a factor."""

    face: Float[np.ndarray, "x y z"]
    edge: Float[np.ndarray, "x y z"]
    spread: Float[np.ndarray, "x y z"]


def generate(site: str, seed: int, size: int | Sequence[int], spacing: object = None) -> Specimen:
    """A block of `size` voxels (one number for a cube) of the named site, the same for the same arguments.

    Spacing in mm, one number or three, is Tb.Th/4 unless given. BV/TV, Tb.Th, Tb.Sp and DA are fitted to within about
    2 %, as far as a block a few cells wide has them; the achieved values are in the notes.
    """
    if site not in SITES:
        raise UserError(f"unknown site {site!r}: give one of {', '.join(SITES)}")
    target = SITES[site]
    shape = _shape(size)
    step = check_spacing(spacing if spacing is not None else round(target.thickness / VOXELS_PER_THICKNESS, 4))
    if min(n * h for n, h in zip(shape, step, strict=True)) < target.separation + target.thickness:
        raise UserError(
            f"size {size} at {step[0]:g} mm is narrower than a pore of the {site}, give more voxels or a larger spacing"
        )
    recipe = _fit(target, seed, shape, step)
    recipe, fill = _shrink_or_swell(target, recipe, shape, step)
    specimen = keep_load_path(Specimen(fill, step, name=f"{site} (synthetic, seed {seed})"))
    got = (specimen.bvtv, thickness(specimen.mask, step), separation(specimen.mask, step))
    note = (
        f"Synthetic {site}, seed {seed}: BV/TV {got[0]:.3f} (target {target.bvtv:.3f}), "
        f"Tb.Th {got[1]:.3f} mm ({target.thickness:.3f}), Tb.Sp {got[2]:.3f} mm ({target.separation:.3f}), "
        f"DA {degree_of_anisotropy(specimen.fill, step):.2f} ({target.anisotropy:.2f})."
    )
    return dataclasses.replace(specimen, notes=(note, *specimen.notes))


def _shape(size: int | Sequence[int]) -> Shape:
    """Three sides from one number or three."""
    sides = (size, size, size) if isinstance(size, int) else tuple(size)
    if len(sides) != 3 or min(sides) < SMALLEST_SIDE:
        raise UserError(f"size {size} must be one number or three, each at least {SMALLEST_SIDE} voxels")
    return (int(sides[0]), int(sides[1]), int(sides[2]))


def _triple(values: Iterable[float]) -> Triple:
    """Three numbers."""
    x, y, z = values
    return (x, y, z)


def _fit(target: Site, seed: int, shape: Shape, spacing: Triple) -> Recipe:
    """Cell size and stretch that give Tb.Sp and DA, by damped fixed-point steps on a block of moderate resolution."""
    block = [min(n, FITTED_SIDE) for n in shape]
    x, y, z = (math.ceil(n / 2) if max(block) > COARSE_SIDE else n for n in block)
    lattice = (x, y, z)
    step = _triple(h * n / m for h, n, m in zip(spacing, block, lattice, strict=True))
    extent = _triple(n * h for n, h in zip(shape, spacing, strict=True))
    pore = target.separation + target.thickness
    recipe = Recipe(seed, cell=pore, stretch=target.anisotropy**0.7, half=0.43 * target.thickness)
    for _ in range(ROUNDS):
        skeleton = _skeleton(recipe, lattice, step, extent)
        recipe = _plate_width(target.bvtv, recipe, skeleton)
        fill = _fill(target.bvtv, recipe, skeleton, step)
        sp = separation(fill >= 0.5, step) / target.separation
        da = degree_of_anisotropy(fill, step) / target.anisotropy
        if abs(sp - 1) < TOLERANCE and abs(da - 1) < TOLERANCE:
            break
        stretch = min(max(recipe.stretch * da**-0.7, 0.8), 2.5)
        recipe = dataclasses.replace(recipe, cell=recipe.cell * sp**-0.8, stretch=stretch)
    return recipe


def _shrink_or_swell(
    target: Site, recipe: Recipe, shape: Shape, spacing: Triple
) -> tuple[Recipe, Float[np.ndarray, "x y z"]]:
    """Half thickness that gives Tb.Th at the full resolution, and the fill it gives."""
    extent = _triple(n * h for n, h in zip(shape, spacing, strict=True))
    skeleton = _skeleton(recipe, shape, spacing, extent)
    volume = target.bvtv
    for _ in range(ROUNDS // 2):
        recipe = _plate_width(volume, recipe, skeleton)
        fill = _fill(volume, recipe, skeleton, spacing)
        got = float(fill.mean(dtype=np.float64)) / target.bvtv
        th = thickness(fill >= 0.5, spacing) / target.thickness
        if abs(th - 1) < TOLERANCE and abs(got - 1) < TOLERANCE / 4:
            break
        recipe = dataclasses.replace(recipe, half=recipe.half * th**-1.0)
        volume = volume / got
    return recipe, fill


def _plate_width(bvtv: float, recipe: Recipe, skeleton: Skeleton) -> Recipe:
    """The plate width that fills `bvtv` of the block, by bisection on every eighth voxel."""
    thin = Skeleton(*(part[::2, ::2, ::2] for part in (skeleton.face, skeleton.edge, skeleton.spread)))
    low, high = 0.05 * recipe.half, 50 * recipe.half
    for _ in range(24):
        recipe = dataclasses.replace(recipe, width=math.sqrt(low * high))
        if np.mean(_section(recipe, thin) < 1) < bvtv:
            low = recipe.width
        else:
            high = recipe.width
    return recipe


def _section(recipe: Recipe, skeleton: Skeleton) -> Float[np.ndarray, "x y z"]:
    """Relative distance from the skeleton, 1 on the surface: rods round the edges, half ellipses over the faces."""
    width = np.maximum(recipe.width * skeleton.spread, recipe.half)
    plate = np.hypot(skeleton.face / recipe.half, skeleton.edge / width)
    return np.minimum(plate, skeleton.edge / recipe.half)


def _fill(bvtv: float, recipe: Recipe, skeleton: Skeleton, spacing: Triple) -> Float[np.ndarray, "x y z"]:
    """Fill fraction clip(1/2 + d/h), d the depth below the surface: the rounded section's level that has `bvtv`."""
    level = np.minimum(_section(recipe, skeleton), 2) * recipe.half
    level = ndimage.gaussian_filter(level, [ROUNDING * 2 * recipe.half / h for h in spacing], mode="nearest")
    level = np.quantile(level, bvtv) - level
    slope = np.sqrt(sum(g**2 for g in np.gradient(level, *spacing)))
    depth = level / np.maximum(slope, 0.3)
    return np.clip(0.5 + depth / np.mean(spacing), 0, 1).astype(np.float32)


def _skeleton(recipe: Recipe, shape: Shape, spacing: Triple, extent: Triple) -> Skeleton:
    """The skeleton at the voxels of a block at the corner of a box of `extent` mm; the foam is the box's own."""
    rng = np.random.Generator(np.random.PCG64(recipe.seed))
    waves = rng.standard_normal((WARP_WAVES, 3)), rng.uniform(0, 2 * math.pi, (3, WARP_WAVES))
    seeds = _seeds(rng, recipe, extent)
    tree = KDTree(seeds)
    scale = recipe.cell * np.array([1, 1, recipe.stretch]) * recipe.stretch ** (-1 / 3)
    slabs = []
    for points in _slabs(shape, spacing):
        points = points + _warp(points, waves, recipe.cell)
        distance, index = tree.query((points - np.asarray(extent) / 2) / scale, k=3)
        slabs.append(_distances(np.asarray(distance), np.asarray(index), seeds, scale))
    parts = (np.concatenate(part).reshape(shape).astype(np.float32) for part in zip(*slabs, strict=True))
    return Skeleton(*parts)


def _seeds(rng: np.random.Generator, recipe: Recipe, extent: Triple) -> Float[np.ndarray, "n 3"]:
    """Jittered body-centred lattice, one point per unit volume, turned at random, around a box of `extent` mm."""
    constant = 2 ** (1 / 3)
    # The number of points must not follow the cell while it is fitted, or the foam would jump.
    reach = math.ceil(math.dist((0, 0, 0), extent) / 2 / SMALLEST_CELL / constant) + 3
    k = np.arange(-reach, reach + 1)
    corners = np.stack(np.meshgrid(k, k, k, indexing="ij"), axis=-1).reshape(-1, 3).astype(float)
    seeds = constant * np.concatenate([corners, corners + 0.5])
    seeds += JITTER * rng.standard_normal(seeds.shape)
    turn, _ = np.linalg.qr(rng.standard_normal((3, 3)))
    return seeds @ turn


def _slabs(shape: Shape, spacing: Triple, voxels: int = 500_000) -> Iterator[Float[np.ndarray, "n 3"]]:
    """Voxel centres in mm, in x slabs of bounded size."""
    x, y, z = ((np.arange(n) + 0.5) * h for n, h in zip(shape, spacing, strict=True))
    for part in np.array_split(x, 1 + math.prod(shape) // voxels):
        yield np.stack(np.meshgrid(part, y, z, indexing="ij"), axis=-1).reshape(-1, 3)


def _warp(points: Float[np.ndarray, "n 3"], waves: tuple[np.ndarray, np.ndarray], cell: float) -> np.ndarray:
    """Smooth random displacement, a sum of cosine waves: root mean square WARP cells in each direction."""
    directions, phases = waves
    k = directions / np.linalg.norm(directions, axis=1, keepdims=True) * (2 * math.pi / WARP_WAVELENGTH / cell)
    angle = (points @ k.T).astype(np.float32)
    amplitude = WARP * cell * math.sqrt(2 / len(k))
    return amplitude * np.stack([np.cos(angle + phase.astype(np.float32)).sum(axis=1) for phase in phases], axis=1)


def _distances(
    distance: Float[np.ndarray, "n 3"], index: np.ndarray, seeds: np.ndarray, scale: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Distances in mm to face and edge of the cell a point is in, from its three nearest seeds, and the plate's spread.

    With d_i the distances to the seeds in stretched space, (d_2^2 - d_1^2)/2 is linear, zero on the face; over its
    gradient's length it is the distance p from that face. The edge is where two faces at angle t meet, at
    sqrt(p^2 + q^2 - 2 p q cos t)/sin t.
    """
    normals = (seeds[index[:, 1:]] - seeds[index[:, :1]]) / scale
    length = np.linalg.norm(normals, axis=2)
    p, q = ((distance[:, 1:] ** 2 - distance[:, :1] ** 2) / (2 * length)).T
    cosine = np.clip(np.sum(normals[:, 0] * normals[:, 1], axis=1) / (length[:, 0] * length[:, 1]), -0.95, 0.95)
    edge = np.sqrt(np.maximum(p**2 + q**2 - 2 * p * q * cosine, 0) / (1 - cosine**2))
    upright = 1.3 - 0.6 * np.abs(normals[:, 0, 2]) / length[:, 0]
    # A number in 0..1 that belongs to the pair of cells, that is to the face.
    low, high = np.minimum(index[:, 0], index[:, 1]), np.maximum(index[:, 0], index[:, 1])
    chance = ((low * 73856093) ^ (high * 19349663)) % 65521 / 65521
    return p, edge, (0.05 + 3 * chance**2) * upright
