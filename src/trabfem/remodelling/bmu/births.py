"""Births of BMUs: number and time drawn at random, place by the odds of the surface; and those before month 0."""

import dataclasses
from functools import lru_cache, partial

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from trabfem import constants

from .bmus import DIGGING, REFILLING, Bmus, BmuSettings, no_bmus
from .pits import HALF_AXES, pit_profile
from .sites import BirthSites, cosine_to_normal, outward_normal, thickness_under

PIT_DEPTH = constants.PIT_DEPTH.value
USUAL_COVER = np.pi * HALF_AXES[0] * HALF_AXES[1]
SMALLEST_COVER = 0.1 * USUAL_COVER
PLACES = 24
"""Number of places that a birth tries before the surface counts as full."""
DRAWS = 6 + PLACES
PAGE = 256
"""Number of births whose random numbers are drawn in one call."""


@partial(jax.jit, static_argnames="seed")
def _draw_page(numbers: Int[Array, " births"], seed: int) -> Float[Array, "births draws"]:
    keys = jax.vmap(partial(jax.random.fold_in, jax.random.key(seed)))(numbers)
    return jax.vmap(lambda key: jax.random.uniform(key, (DRAWS,), minval=1e-7))(keys)


@lru_cache(maxsize=64)
def _draws_of_page(seed: int, page: int) -> Float[np.ndarray, "births draws"]:
    """Random numbers of PAGE births at once: a call of a compiled function for each birth would take as long as it."""
    return np.asarray(_draw_page(jnp.arange(page * PAGE, (page + 1) * PAGE), seed), np.float64)


def draw(seed: int, number: int) -> Float[np.ndarray, " draws"]:
    """Uniform random numbers of a BMU by birth number: gaps before and after it, time, angle, depth (two), places."""
    return _draws_of_page(seed, number // PAGE)[number % PAGE]


def surface_to_cover(frequency: float, depth: float, area: float, days: float) -> float:
    """Surface (mm^2) that BMUs cover in `days`: pits of usual depth cover each point `frequency` times a year.

    `area` (mm^2) is the whole surface. `frequency` counts births, and a pit's area is proportional to its depth (see
    `place_bmu`), so shallow pits cover less.
    """
    return frequency * depth / PIT_DEPTH / constants.DAYS_PER_YEAR.value * days * area


def give_birth(
    bmus: Bmus, sites: BirthSites, frequency: float, depth: float, day: float, days: float, seed: int, pits: BmuSettings
) -> Bmus:
    """The BMUs with those born in [day, day + days): a Poisson process in time, at places drawn by the odds of `sites`.

    Gaps between births are exponentially distributed in the surface to be covered, so births do not depend on the
    length of steps. The mean gap is the surface that the BMU covers, which is less on a thin strut than on a plate.
    """
    copies = {name: value.copy() for name, value in vars(bmus).items() if isinstance(value, np.ndarray)}
    clock = bmus.clock + surface_to_cover(frequency, depth, sites.area, days)
    bmus = dataclasses.replace(bmus, clock=clock, **copies)
    if bmus.born == 0 and bmus.arrived == 0:
        bmus = dataclasses.replace(bmus, arrived=-np.log(draw(seed, 0)[0]) * USUAL_COVER)
    while bmus.arrived <= bmus.clock:
        _, after, time, turn, *wide = (number := draw(seed, bmus.born))[:6]
        voxel = find_free_site(bmus, sites, number[6:])
        bmus = dataclasses.replace(bmus, born=bmus.born + 1)
        if voxel is None:
            return dataclasses.replace(bmus, arrived=bmus.clock)
        normal = np.sqrt(-2 * np.log(wide[0])) * np.cos(2 * np.pi * wide[1])
        own = depth * (1 + pits.depth_spread * np.clip(normal, -2, 2))
        scale = np.sqrt(depth / PIT_DEPTH)
        birth, angle = day + time * days, 2 * np.pi * turn
        bmus, covered = place_bmu(bmus, sites, voxel, birth, own, scale, angle, pits.safe)
        gap = -np.log(after) * max(covered, SMALLEST_COVER)
        bmus = dataclasses.replace(bmus, arrived=bmus.arrived + gap)
    return bmus


def find_free_site(bmus: Bmus, sites: BirthSites, numbers: Float[np.ndarray, " places"]) -> int | None:
    """The surface voxel of the first of `numbers` that is not in a pit: a draw by the odds of the surface without pits.

    None where all are in pits.
    """
    if not sites.voxels.size:
        return None
    voxels = sites.voxels[np.searchsorted(sites.odds, numbers)]
    free = np.flatnonzero(bmus.owner.ravel()[voxels] == 0)
    return int(voxels[free[0]]) if free.size else None


def place_bmu(
    bmus: Bmus, sites: BirthSites, voxel: int, birth: float, depth: float, scale: float, angle: float, safe: float
) -> tuple[Bmus, float]:
    """The BMUs with a new one in the first free slot, its pit around the surface point next to `voxel`; mm^2 covered.

    Writes into the arrays of `bmus`: to copy whole grids at each birth would take most of the time.
    """
    index = np.array(np.unravel_index(voxel, sites.phi.shape))
    normal = outward_normal(sites.phi, index)
    centre = (index + 0.5) * sites.h + sites.phi.ravel()[voxel] * normal
    thick = bool(thickness_under(sites.phi, centre, normal, safe * depth + sites.h, sites.h) > safe * depth)
    slots = np.flatnonzero(np.isinf(bmus.birth))
    if not slots.size:
        bmus, slots = _add_slots(bmus), np.array([len(bmus.birth)])
    slot = int(slots[0])
    new = {"birth": birth, "filling": np.inf, "depth": depth, "centre": centre, "normal": normal}
    for name, value in (new | {"dug": 0.0, "removed": 0.0}).items():
        getattr(bmus, name)[slot] = value
    owner, weight = bmus.owner, bmus.weight
    window, profile = pit_profile(sites, centre, normal, depth, scale, angle, thick)
    taken = (profile > 0) & (owner[window] == 0)
    owner[window][taken], weight[window][taken] = slot + 1, profile[taken]
    covered = float((cosine_to_normal(sites, window, normal) * sites.cover[window] * np.where(taken, profile, 0)).sum())
    return bmus, covered


def _add_slots(bmus: Bmus) -> Bmus:
    """The BMUs with twice as many slots, at least 16 more."""
    more = max(16, len(bmus.birth))
    never, zeros, places = np.full(more, np.inf), np.zeros(more), np.zeros((more, 3))
    fills = {"birth": never, "filling": never, "depth": zeros, "centre": places, "normal": places}
    fills |= {"dug": zeros, "removed": zeros}
    return dataclasses.replace(
        bmus, **{name: np.concatenate([getattr(bmus, name), fill]) for name, fill in fills.items()}
    )


def initial_bmus(sites: BirthSites, frequency: float, depth: float, day: float, seed: int, pits: BmuSettings) -> Bmus:
    """BMUs at work at `day` after births at constant `frequency`: their ages are spread over the life of a BMU.

    The pits of the specimen itself are part of its shape and cannot be told from it. BMUs that refill at `day` form
    bone on plain surface while others dig elsewhere, which keeps bone volume in balance from the first day.
    """
    life = DIGGING + REFILLING
    bmus = give_birth(no_bmus(sites.phi.shape), sites, frequency, depth, day - life, life, seed, pits)
    age = day - bmus.birth
    area = np.bincount(bmus.owner.ravel(), _surface_share(bmus, sites), len(age) + 1)[1:]
    refilling = age >= DIGGING
    dug = np.where(refilling, bmus.depth * area, 0.0)
    filling = np.where(refilling, bmus.birth + DIGGING, np.inf)
    open_share = np.where(refilling, 1 - (age - DIGGING) / REFILLING, age / DIGGING)
    removed = np.where(np.isfinite(age), bmus.depth * area * np.clip(open_share, 0, 1), 0.0)
    return dataclasses.replace(bmus, filling=filling, dug=dug, removed=removed)


def _surface_share(bmus: Bmus, sites: BirthSites) -> Float[np.ndarray, " voxels"]:
    """Area (mm^2) of surface in each voxel, weighted by the depth profile and the cosine to the axis of its pit."""
    owned = np.flatnonzero(bmus.owner)
    slope = np.stack([part.ravel()[owned] for part in np.gradient(sites.phi)], -1)
    normal = bmus.normal[bmus.owner.ravel()[owned] - 1]
    cosine = -(slope * normal).sum(-1) / np.maximum(np.linalg.norm(slope, axis=-1), 1e-9)
    share = np.zeros(sites.phi.size)
    share[owned] = np.clip(cosine, 0, 1)
    return sites.cover.ravel() * share * bmus.weight.ravel()
