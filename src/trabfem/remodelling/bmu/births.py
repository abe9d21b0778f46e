r"""Births of BMUs: a race of the voxels of the surface, in random numbers fixed in space and time.

In every month each voxel $v$ has random numbers of its own, made of the seed, the month and its index. With the first,
$u_v$, and the voxel's odds $w_v$ it arrives at

$$T_v = -\ln(u_v) / w_v$$

and voxels become the places of births in the order of arrival until the surface to be covered in the month is covered.
Voxels in a pit are passed over. So places are drawn by their odds without replacement (the exponential race:
Efraimidis & Spirakis 2006 Inf. Process. Lett. 97:181), and a small change of odds or of the number of births adds or
drops a birth at the end of the queue and leaves the others where they are. Arms that differ by a drug, and runs on
different devices, are therefore paired birth by birth.
"""

import dataclasses
from functools import partial

import jax
import numpy as np
from jaxtyping import Array, Float, Int, UInt32

from trabfem import constants

from .bmus import DIGGING, REFILLING, Bmus, BmuSettings, no_bmus
from .pits import HALF_AXES, pit_profile
from .sites import BirthSites, cosine_to_normal, outward_normal, thickness_under

PIT_DEPTH = constants.PIT_DEPTH.value
MONTH = constants.DAYS_PER_MONTH.value
USUAL_COVER = np.pi * HALF_AXES[0] * HALF_AXES[1]
SMALLEST_COVER = 0.1 * USUAL_COVER
NUMBERS = 5
"""Random numbers of a voxel in a month: arrival, day, angle, depth (two)."""
FIRST_BIRTH = 0
"""Month whose numbers say how far the first birth of a run is away."""


def draw(seed: int, month: int, voxels: Int[np.ndarray, " voxels"]) -> Float[np.ndarray, "voxels numbers"]:
    """Uniform random numbers in (0, 1) of each voxel (flat index) in a month; months before month 0 are negative."""
    # A length of few values, since every other length would be compiled anew.
    padded = np.zeros(1 << max(10, int(len(voxels) - 1).bit_length()), np.uint32)
    padded[: len(voxels)] = voxels
    words = np.array([seed & 0xFFFFFFFF, seed >> 32, month & 0xFFFFFFFF], np.uint32)
    numbers = _draw(words, padded)
    return np.asarray(numbers, np.float64)[: len(voxels)]


@jax.jit
def _draw(words: UInt32[Array, "3"], voxels: UInt32[Array, " voxels"]) -> Float[Array, "voxels numbers"]:
    key = jax.random.key(words[0])
    for word in words[1:]:
        key = jax.random.fold_in(key, word)
    keys = jax.vmap(partial(jax.random.fold_in, key))(voxels)
    return jax.vmap(lambda own: jax.random.uniform(own, (NUMBERS,), minval=1e-7))(keys)


def surface_to_cover(frequency: float, depth: float, area: float, days: float) -> float:
    """Surface (mm^2) that BMUs cover in `days`: pits of usual depth cover each point `frequency` times a year.

    `area` (mm^2) is the whole surface. `frequency` counts births, and a pit's area is proportional to its depth (see
    `place_bmu`), so shallow pits cover less.
    """
    return frequency * depth / PIT_DEPTH / constants.DAYS_PER_YEAR.value * days * area


def give_birth(
    bmus: Bmus, sites: BirthSites, frequency: float, depth: float, day: float, days: float, seed: int, pits: BmuSettings
) -> Bmus:
    """The BMUs with those born in [day, day + days), at the places that win the race of each month."""
    copies = {name: value.copy() for name, value in vars(bmus).items() if isinstance(value, np.ndarray)}
    bmus = dataclasses.replace(bmus, **copies)
    if bmus.born == 0 and bmus.arrived == 0:
        # The surface still to be covered when a run begins is as likely to be any part of a pit.
        bmus = dataclasses.replace(bmus, arrived=float(draw(seed, FIRST_BIRTH, np.zeros(1, int))[0, 0]) * USUAL_COVER)
    for month, first, last in months_within(day, days):
        more = surface_to_cover(frequency, depth, sites.area, last - first)
        bmus = dataclasses.replace(bmus, clock=bmus.clock + more)
        bmus = run_race(bmus, sites, depth, month, first, last, seed, pits)
    return bmus


def months_within(day: float, days: float) -> list[tuple[int, float, float]]:
    """The months that [day, day + days) touches: number, first and last day of the part within."""
    first, last = (int(np.floor(each / MONTH + 1e-6)) for each in (day, day + days - 1e-3))
    return [(m, max(day, m * MONTH), min(day + days, (m + 1) * MONTH)) for m in range(first, last + 1)]


def run_race(
    bmus: Bmus, sites: BirthSites, depth: float, month: int, first: float, last: float, seed: int, pits: BmuSettings
) -> Bmus:
    """The BMUs with those born in a month, between the days `first` and `last`.

    The surface that the last one covers beyond what was to be covered counts for the next month. It is what the BMU
    covers in fact, which is less on a thin strut than on a plate.
    """
    if bmus.arrived > bmus.clock or not sites.voxels.size:
        return bmus
    numbers = draw(seed, month, sites.voxels)
    arrival = -np.log(numbers[:, 0]) / sites.odds
    scale = np.sqrt(depth / PIT_DEPTH)
    for runner in np.argsort(arrival, kind="stable"):
        voxel = int(sites.voxels[runner])
        if bmus.owner.ravel()[voxel]:
            continue
        _, time, turn, *wide = (float(number) for number in numbers[runner])
        normal = np.sqrt(-2 * np.log(wide[0])) * np.cos(2 * np.pi * wide[1])
        own = depth * (1 + pits.depth_spread * np.clip(normal, -2, 2))
        birth, angle = first + time * (last - first), 2 * np.pi * turn
        bmus, covered = place_bmu(bmus, sites, voxel, birth, own, scale, angle, pits.safe)
        arrived = bmus.arrived + max(covered, SMALLEST_COVER)
        bmus = dataclasses.replace(bmus, born=bmus.born + 1, arrived=arrived)
        if arrived > bmus.clock:
            return bmus
    # All of the surface is in pits: what could not be covered is not owed.
    return dataclasses.replace(bmus, arrived=bmus.clock)


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
