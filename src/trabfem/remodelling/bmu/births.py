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
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Float64, Int, Integer, Key, UInt32

from trabfem import constants

from ..programs import compile_in_double
from ..rules.protocol import Pits
from .bmus import Bmus, BmuSettings, add_slots, make_pits
from .pace import compute_pace
from .pits import HALF_AXES, PIT_DEPTH, Room, Scalar, find_room, pit_profile
from .sites import BirthSites, cosine_to_normal, outward_normal, thickness_under, unflatten

MONTH = constants.DAYS_PER_MONTH.value
USUAL_COVER = np.pi * HALF_AXES[0] * HALF_AXES[1]
SMALLEST_COVER = 0.1 * USUAL_COVER
NUMBERS = 5
"""Random numbers of a voxel in a month: arrival, day, angle, depth (two)."""
FIRST_BIRTH = 0
"""Month whose numbers say how far the first birth of a run is away."""
MOST_MONTHS = 16
"""Months whose births one call can follow; a BMU lives for seven."""
LANE = 512
"""Arrivals are kept in rows of so many voxels with the earliest of each: the next one is found without sorting."""


def month_key(words: UInt32[Array | np.ndarray, "2"], month: UInt32[Array, ""]) -> Key[Array, ""]:
    """The key of a month; `words`: the lower and the upper half of the seed."""
    key = jax.random.key(words[0])
    return jax.random.fold_in(jax.random.fold_in(key, words[1]), month)


def draw(key: Key[Array, ""], voxel: Integer[Array, ""], count: int) -> Float[Array, " count"]:
    """The first `count` uniform random numbers in (0, 1) of a voxel (flat index) in the month of `key`.

    Fewer are the first of more, since each is made of its own number and the voxel's key.
    """
    own = jax.random.fold_in(key, voxel.astype(jnp.uint32))
    return jax.random.uniform(own, (count,), jnp.float32, minval=1e-7).astype(jnp.float64)


def draw_first(key: Key[Array, ""], count: int) -> Float[Array, " count"]:
    """The first random number of each of `count` voxels."""
    return jax.vmap(lambda voxel: draw(key, voxel, 1)[0])(jax.lax.iota(jnp.uint32, count))


def surface_to_cover(frequency: Scalar, depth: Scalar, area: Scalar, days: Scalar) -> Scalar:
    """Surface (mm^2) that BMUs cover in `days`: pits of usual depth cover each point `frequency` times a year.

    `area` (mm^2) is the whole surface. `frequency` counts births, and a pit's area is proportional to its depth (see
    `place_bmu`), so shallow pits cover less.
    """
    return frequency * depth / PIT_DEPTH / constants.DAYS_PER_YEAR.value * days * area


def give_birth(
    bmus: Bmus, sites: BirthSites, frequency: float, depth: float, day: float, days: float, seed: int,
    settings: BmuSettings, refill: float = 1.0,
) -> tuple[Bmus, Pits]:  # fmt: skip
    """The BMUs with those born in [day, day + days), and the pits in which all of them work in that time.

    Births are at the places that win the race of each month. `refill`: see `compute_refill`.
    """
    room = find_room(float(sites.h), depth, settings.depth_spread, settings.safe)
    words = np.array([seed & 0xFFFFFFFF, seed >> 32], np.uint32)
    asked = np.array([frequency, depth, settings.depth_spread, settings.safe, refill, day, days])
    months, pits = months_within(day, days), None
    for first in range(0, len(months), MOST_MONTHS):
        some = months[first : first + MOST_MONTHS]
        numbers, ends = np.zeros(MOST_MONTHS, np.uint32), np.zeros((MOST_MONTHS, 2))
        numbers[: len(some)] = [month & 0xFFFFFFFF for month, _, _ in some]
        ends[: len(some)] = [within for _, *within in some]
        while True:
            grown, pits, short = follow_months(bmus, sites, asked, words, numbers, ends, len(some), room)
            if not bool(short):
                break
            bmus = add_slots(bmus)
        bmus = grown
    assert pits is not None
    return bmus, pits


def months_within(day: float, days: float) -> list[tuple[int, float, float]]:
    """The months that [day, day + days) touches: number, first and last day of the part within."""
    first, last = (int(np.floor(each / MONTH + 1e-6)) for each in (day, day + days - 1e-3))
    return [(m, max(day, m * MONTH), min(day + days, (m + 1) * MONTH)) for m in range(first, last + 1)]


@compile_in_double("room")
def follow_months(
    bmus: Bmus,
    sites: BirthSites,
    asked: Float64[Array | np.ndarray, "7"],
    words: UInt32[Array | np.ndarray, "2"],
    numbers: UInt32[Array | np.ndarray, " months"],
    ends: Float64[Array | np.ndarray, "months 2"],
    count: int | Int[Array, ""],
    room: Room,
) -> tuple[Bmus, Pits, Bool[Array, ""]]:
    """The BMUs after the births of the first `count` months, their pits, and whether a birth found no free slot.

    `asked`: frequency and depth, its spread and `safe` of `BmuSettings`, refill, day and days; `numbers` of months, and
    the `ends` of each (day).
    """
    # The surface still to be covered when a run begins is as likely to be any part of a pit.
    own = draw(month_key(words, jnp.uint32(FIRST_BIRTH)), jnp.uint32(0), 1)[0]
    fresh = (jnp.asarray(bmus.born) == 0) & (jnp.asarray(bmus.arrived) == 0)
    bmus = dataclasses.replace(bmus, arrived=jnp.where(fresh, own * USUAL_COVER, bmus.arrived))
    area = sites.area

    def follow(month: Int[Array, ""], state: tuple[Bmus, Bool[Array, ""]]) -> tuple[Bmus, Bool[Array, ""]]:
        bmus, short = state
        first, last = ends[month]
        more = surface_to_cover(asked[0], asked[1], area, last - first)
        bmus = dataclasses.replace(bmus, clock=bmus.clock + more)
        bmus, lacking = run_race(bmus, sites, asked, month_key(words, numbers[month]), (first, last), room)
        return bmus, short | lacking

    bmus, short = jax.lax.fori_loop(0, count, follow, (bmus, jnp.zeros((), bool)))
    return bmus, make_pits(bmus, compute_pace(bmus, *asked[4:])), short


class Race(NamedTuple):
    """The voxels still to arrive: `times` in rows, inf where none is left, and the `earliest` of each row."""

    times: Float[Array, "rows lane"]
    earliest: Float[Array, " rows"]


def line_up(sites: BirthSites, owner: Int[Array, "x y z"], key: Key[Array, ""]) -> Race:
    """The race of a month. Voxels that are in a pit when it begins do not run."""
    size = owner.size
    odds = jnp.where(owner.ravel() > 0, 0.0, sites.odds.ravel())
    times = jnp.where(odds > 0, -jnp.log(draw_first(key, size)) / jnp.where(odds > 0, odds, 1.0), jnp.inf)
    rows = jnp.pad(times, (0, -size % LANE), constant_values=jnp.inf).reshape(-1, LANE)
    return Race(rows, rows.min(axis=1))


def take_next(race: Race) -> tuple[Race, Int[Array, ""]]:
    """The race without the voxel that arrives first, and this voxel (flat index)."""
    row = jnp.argmin(race.earliest)
    lane = jnp.argmin(race.times[row])
    times = race.times.at[row, lane].set(jnp.inf)
    return Race(times, race.earliest.at[row].set(times[row].min())), (row * LANE + lane).astype(jnp.int32)


def run_race(
    bmus: Bmus,
    sites: BirthSites,
    asked: Float64[Array | np.ndarray, "7"],
    key: Key[Array, ""],
    days: tuple[Float[Array, ""], Float[Array, ""]],
    room: Room,
) -> tuple[Bmus, Bool[Array, ""]]:
    """The BMUs with those born in a month, between the two `days`, and whether a birth found no free slot.

    The surface that the last one covers beyond what was to be covered counts for the next month. It is what the BMU
    covers in fact, which is less on a thin strut than on a plate.
    """
    (_, depth, spread, safe), (first, last) = asked[:4], days
    scale = jnp.sqrt(depth / PIT_DEPTH)

    def goes_on(state: tuple[Bmus, Race, Bool[Array, ""]]) -> Bool[Array, ""]:
        bmus, race, short = state
        return (bmus.arrived <= bmus.clock) & (race.earliest.min() < jnp.inf) & ~short

    def let_one_arrive(state: tuple[Bmus, Race, Bool[Array, ""]]) -> tuple[Bmus, Race, Bool[Array, ""]]:
        bmus, race, _ = state
        race, voxel = take_next(race)
        _, time, turn, *wide = draw(key, voxel, NUMBERS)
        normal = jnp.sqrt(-2 * jnp.log(wide[0])) * jnp.cos(2 * jnp.pi * wide[1])
        own = depth * (1 + spread * jnp.clip(normal, -2, 2))
        birth, angle = first + time * (last - first), 2 * jnp.pi * turn
        free = bmus.owner.ravel()[voxel] == 0
        short = free & ~jnp.isinf(bmus.birth).any()
        born = free & ~short
        bmus, covered = place_bmu(bmus, sites, voxel, birth, own, scale, angle, safe, room, born)
        arrived = bmus.arrived + jnp.where(born, jnp.maximum(covered, SMALLEST_COVER), 0.0)
        return dataclasses.replace(bmus, born=bmus.born + born.astype(jnp.int64), arrived=arrived), race, short

    entered = bmus.arrived <= bmus.clock
    race = line_up(sites, bmus.owner, key)
    some = (sites.odds > 0).any()
    bmus, _, short = jax.lax.while_loop(goes_on, let_one_arrive, (bmus, race, jnp.zeros((), bool)))
    # All of the surface is in pits: what could not be covered is not owed.
    spent = entered & some & (bmus.arrived <= bmus.clock) & ~short
    return dataclasses.replace(bmus, arrived=jnp.where(spent, bmus.clock, bmus.arrived)), short


def place_bmu(
    bmus: Bmus, sites: BirthSites, voxel: Int[Array, ""], birth: Scalar, depth: Scalar, scale: Scalar, angle: Scalar,
    safe: Scalar, room: Room, really: Bool[Array, ""] | bool = True,
) -> tuple[Bmus, Float[Array, ""]]:  # fmt: skip
    """The BMUs with a new one in the first free slot, its pit around the surface point next to `voxel`; mm^2 covered.

    Not `really`: the BMUs as they are.
    """
    phi, h = sites.phi, sites.h
    normal = outward_normal(phi, voxel)
    centre = (unflatten(phi, voxel) + 0.5) * h + phi.ravel()[voxel].astype(jnp.float64) * normal
    thick = thickness_under(phi, centre, normal, safe * depth + h, h, room.samples) > safe * depth
    slot = jnp.argmax(jnp.isinf(bmus.birth))
    new = {"birth": birth, "filling": jnp.inf, "depth": depth, "centre": centre, "normal": normal}
    slots = {}
    for name, value in (new | {"dug": 0.0, "removed": 0.0}).items():
        old = getattr(bmus, name)
        slots[name] = old.at[slot].set(jnp.where(really, value, old[slot]))
    voxels, profile = pit_profile(phi, h, centre, normal, depth, scale, angle, thick, room)
    owner, weight, inside = bmus.owner.ravel(), bmus.weight.ravel(), jnp.minimum(voxels, phi.size - 1)
    taken = (profile > 0) & (owner[inside] == 0) & really
    place = jnp.where(taken, voxels, phi.size)
    owner = owner.at[place].set((slot + 1).astype(jnp.int32), mode="drop").reshape(phi.shape)
    weight = weight.at[place].set(profile, mode="drop").reshape(phi.shape)
    share = jnp.where(taken, profile, jnp.float32(0)).astype(jnp.float64)
    covered = (cosine_to_normal(phi, inside, normal) * sites.cover.ravel()[inside] * share).sum()
    return dataclasses.replace(bmus, owner=owner, weight=weight, **slots), covered
