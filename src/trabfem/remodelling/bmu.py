"""Remodelling units: each is born somewhere on the surface, digs a pit for six weeks and refills it in five months.

A unit's numbers come from a random key of its own, folded from the seed and its birth number, so that a run repeats
whatever the order or the number of devices. Its pit is a patch of voxels that carry its number (`owner`) and a depth
profile (`weight`, 1 in the middle); the surface moves there at `weight` times the unit's pace. Where the pit went
through the bone nothing is refilled: there is no surface left to build on. The bone that the cells would have laid
down there goes to the other pits, since the cell model's balance is that of all bone, holes included.
"""

import dataclasses
from dataclasses import dataclass
from functools import lru_cache, partial

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int, Int32

from trabfem import constants

from .pits import HALF_AXES, Grid, Ground, facing, opened, outward, patch, thickness_under
from .rules.level_set import Pits

DIGGING = constants.RESORPTION_PERIOD.value
REFILLING = constants.FORMATION_PERIOD_SIMULATION.value
LONGEST_REFILL = 1.5 * REFILLING
FASTEST_REFILL = constants.MINERAL_APPOSITION_RATE.value
ENOUGH = 0.003
MOST_OWED = 0.5
PIT_DEPTH = constants.PIT_DEPTH.value
USUAL_COVER = np.pi * HALF_AXES[0] * HALF_AXES[1]
SMALLEST_COVER = 0.1 * USUAL_COVER
PLACES = 24
"""How many places a birth tries before the surface counts as full."""
DRAWS = 6 + PLACES
PAGE = 256
"""Births whose numbers are drawn in one call."""


@dataclass(frozen=True)
class UnitSettings:
    """How units choose their place and how deep they dig (sizes and periods are in `constants`).

    - `depth_spread`: standard deviation of the depth over its mean, as of wall thickness (Lips 1978: 8.7 of 49.7 um)
    - `safe`: bone thicker than so many depths of a pit keeps a film everywhere under it. Less thick bone
      is dug as deep as the pit is, and is gone through where it is thinner than that. A choice: it keeps the corners of
      a pit from piercing a curved plate, which voxels would do and flat pits do not
    - `bias`: how much likelier a birth is where bone is strained less than it is used to (see `pits.ground`). Also a
      choice: signals of strained osteocytes hold back osteoclasts, and a strut thinned from one side is rarely attacked
      from the other
    """

    depth_spread: float = 0.175
    safe: float = 2.0
    bias: float = 3.0


@dataclass(frozen=True)
class Units:
    """The units at work, in slots that are used again; a free slot has birth = inf.

    - `owner`: slot + 1 of the unit that a voxel belongs to, 0 for none; `weight`: depth profile there
    - `birth`, `filling` (day): start of the pit and of its refill, inf before; `depth` (mm)
    - `centre` (mm) and outward `normal` of the surface at the pit; `dug` (mm^3): its pit's volume once it is dug;
      `removed` (mm^3): dug less refilled
    - `born`: births so far; `clock` (mm^2): surface to be covered so far; `arrived` (mm^2): covered, drawn at random
    - `perforation` (mm^3): dug so far by units that went through; `owed`: bone that was to be laid down in pits that
      are lost or given up, for those at work to lay down instead (negative: laid down in advance)
    """

    owner: Int32[np.ndarray, "x y z"]
    weight: Grid
    birth: Float[np.ndarray, " units"]
    filling: Float[np.ndarray, " units"]
    depth: Float[np.ndarray, " units"]
    centre: Float[np.ndarray, "units 3"]
    normal: Float[np.ndarray, "units 3"]
    dug: Float[np.ndarray, " units"]
    removed: Float[np.ndarray, " units"]
    born: int = 0
    clock: float = 0.0
    arrived: float = 0.0
    perforation: float = 0.0
    owed: float = 0.0


def none_yet(shape: tuple[int, ...]) -> Units:
    """No units."""
    empty, places = np.zeros(0), np.zeros((0, 3))
    owner, weight = np.zeros(shape, np.int32), np.zeros(shape, np.float32)
    return Units(owner, weight, empty, empty, empty, places, places, empty, empty)


@partial(jax.jit, static_argnames="seed")
def _drawn(numbers: Int[Array, " births"], seed: int) -> Float[Array, "births draws"]:
    keys = jax.vmap(partial(jax.random.fold_in, jax.random.key(seed)))(numbers)
    return jax.vmap(lambda key: jax.random.uniform(key, (DRAWS,), minval=1e-7))(keys)


@lru_cache(maxsize=64)
def _page(seed: int, page: int) -> Float[np.ndarray, "births draws"]:
    """The numbers of the births of a page; one call of a compiled function for each would take as long as the birth."""
    return np.asarray(_drawn(jnp.arange(page * PAGE, (page + 1) * PAGE), seed), np.float64)


def draw(seed: int, number: int) -> Float[np.ndarray, " draws"]:
    """Uniform numbers of a unit by birth number: gaps before and after it, time, angle, two for its depth, places."""
    return _page(seed, number // PAGE)[number % PAGE]


def to_cover(frequency: float, depth: float, area: float, days: float) -> float:
    """Surface (mm^2) that units cover in `days`: each point of `area` `frequency` times a year by pits of usual depth.

    A pit's area goes with its depth (see `settle_down`), and `frequency` counts births: shallow pits cover less.
    """
    return frequency * depth / PIT_DEPTH / constants.DAYS_PER_YEAR.value * days * area


def give_birth(
    units: Units, where: Ground, frequency: float, depth: float, day: float, days: float, seed: int, pits: UnitSettings
) -> Units:
    """The units with those born in [day, day + days): a Poisson process in time, by the odds of `where` in place.

    Gaps between births are exponential in the surface to be covered, so births do not depend on how time is cut into
    steps; the mean gap is what the unit covers, less on a thin strut than on a plate.
    """
    copies = {name: value.copy() for name, value in vars(units).items() if isinstance(value, np.ndarray)}
    clock = units.clock + to_cover(frequency, depth, where.area, days)
    units = dataclasses.replace(units, clock=clock, **copies)
    if units.born == 0 and units.arrived == 0:
        units = dataclasses.replace(units, arrived=-np.log(draw(seed, 0)[0]) * USUAL_COVER)
    while units.arrived <= units.clock:
        _, after, time, turn, *wide = (number := draw(seed, units.born))[:6]
        voxel = free_place(units, where, number[6:])
        units = dataclasses.replace(units, born=units.born + 1)
        if voxel is None:
            return dataclasses.replace(units, arrived=units.clock)
        normal = np.sqrt(-2 * np.log(wide[0])) * np.cos(2 * np.pi * wide[1])
        own = depth * (1 + pits.depth_spread * np.clip(normal, -2, 2))
        scale = np.sqrt(depth / PIT_DEPTH)
        birth, angle = day + time * days, 2 * np.pi * turn
        units, covered = settle_down(units, where, voxel, birth, own, scale, angle, pits.safe)
        gap = -np.log(after) * max(covered, SMALLEST_COVER)
        units = dataclasses.replace(units, arrived=units.arrived + gap)
    return units


def free_place(units: Units, where: Ground, numbers: Float[np.ndarray, " places"]) -> int | None:
    """The surface voxel of the first of `numbers` that does not fall into a pit, so by the odds of free surface.

    None where all fall into pits.
    """
    if not where.voxels.size:
        return None
    voxels = where.voxels[np.searchsorted(where.odds, numbers)]
    free = np.flatnonzero(units.owner.ravel()[voxels] == 0)
    return int(voxels[free[0]]) if free.size else None


def settle_down(
    units: Units, where: Ground, voxel: int, birth: float, depth: float, scale: float, angle: float, safe: float
) -> tuple[Units, float]:
    """A new unit in the first free slot, its patch around the surface point next to `voxel`; mm^2 that it covers.

    Writes into the arrays of `units`: copies of whole grids for each birth would be most of the time.
    """
    index = np.array(np.unravel_index(voxel, where.phi.shape))
    normal = outward(where.phi, index)
    centre = (index + 0.5) * where.h + where.phi.ravel()[voxel] * normal
    thick = bool(thickness_under(where.phi, centre, normal, safe * depth + where.h, where.h) > safe * depth)
    slots = np.flatnonzero(np.isinf(units.birth))
    if not slots.size:
        units, slots = _with_room(units), np.array([len(units.birth)])
    slot = int(slots[0])
    new = {"birth": birth, "filling": np.inf, "depth": depth, "centre": centre, "normal": normal}
    for name, value in (new | {"dug": 0.0, "removed": 0.0}).items():
        getattr(units, name)[slot] = value
    owner, weight = units.owner, units.weight
    window, profile = patch(where, centre, normal, depth, scale, angle, thick)
    taken = (profile > 0) & (owner[window] == 0)
    owner[window][taken], weight[window][taken] = slot + 1, profile[taken]
    covered = float((facing(where, window, normal) * where.cover[window] * np.where(taken, profile, 0)).sum())
    return units, covered


def _with_room(units: Units) -> Units:
    """The units with as many free slots more."""
    more = max(16, len(units.birth))
    never, zeros, places = np.full(more, np.inf), np.zeros(more), np.zeros((more, 3))
    fills = {"birth": never, "filling": never, "depth": zeros, "centre": places, "normal": places}
    fills |= {"dug": zeros, "removed": zeros}
    return dataclasses.replace(
        units, **{name: np.concatenate([getattr(units, name), fill]) for name, fill in fills.items()}
    )


def pace(units: Units, refill: float, day: float, days: float) -> Float[np.ndarray, " units"]:
    """Mean velocity (mm/day) of the surface in the middle of each pit over [day, day + days).

    A pit is dug by its depth in DIGGING days. Refill brings back `refill_of` the volume that was dug by the end of
    REFILLING days: what is missing, as a depth, over the days left (not faster than bone is ever laid down).
    """
    digging = _overlap(units.birth, DIGGING, day, days) / DIGGING
    filling = _overlap(units.filling, LONGEST_REFILL, day, days)
    left = np.maximum(np.where(np.isinf(units.filling), 0, units.filling + REFILLING - day), days)
    still_open = np.where(units.dug > 0, units.removed / np.where(units.dug > 0, units.dug, 1), 0)
    share = np.where(units.dug > 0, refill_of(units, refill) - 1 + still_open, 0)
    speed = np.clip(units.depth * share / left, 0, FASTEST_REFILL)
    return speed * filling / days - units.depth * digging / days


def refill_of(units: Units, refill: float) -> float:
    """Bone laid down over bone dug in the pits that are filling, when the cells lay down `refill` of all that is dug.

    What is owed is shared over them by their size.
    """
    filling = float(units.dug[np.isfinite(units.filling)].sum())
    return refill + (float(np.clip(units.owed / filling, -MOST_OWED, MOST_OWED)) if filling > 0 else 0.0)


def _overlap(start: np.ndarray, length: float, day: float, days: float) -> np.ndarray:
    """Days of [start, start + length) within [day, day + days); 0 for a start at infinity."""
    return np.where(
        np.isinf(start), 0.0, np.clip(np.minimum(start + length, day + days) - np.maximum(start, day), 0, None)
    )


def at_work(units: Units, paces: Float[np.ndarray, " units"]) -> Pits:
    """What the units do to the surface when those of full weight move at `paces` (mm/day)."""
    return Pits(units.owner, units.weight, paces.astype(np.float32), units.normal.astype(np.float32))


def settle(units: Units, removed: Grid, phi: Grid, refill: float, h: float, day: float) -> Units:
    """The units at the end of a step: pits that are dug turned to refill or lost, full ones let go.

    `removed` (mm^3): what the units took out of each voxel in the step.
    """
    removed = units.removed + np.bincount(units.owner.ravel(), removed.ravel(), len(units.birth) + 1)[1:]
    ready = (units.birth + DIGGING <= day) & np.isinf(units.filling)
    through = np.zeros_like(ready)
    for k in np.flatnonzero(ready):
        depth = float(units.depth[k])
        through[k] = opened(phi, units.owner, int(k) + 1, units.centre[k], units.normal[k], depth, h)
    # Refill counts from the day the pit was dug, not from the end of the step: the open volume keeps to their length.
    dug, filling = np.where(ready, removed, units.dug), np.where(ready, units.birth + DIGGING, units.filling)
    full = (filling + REFILLING <= day) & (removed <= (1 - refill_of(units, refill) + ENOUGH) * dug)
    over = through | full | (filling + LONGEST_REFILL <= day)
    alive = np.concatenate([[True], ~over])[units.owner]
    return dataclasses.replace(
        units,
        owner=np.where(alive, units.owner, 0),
        weight=np.where(alive, units.weight, np.float32(0)),
        birth=np.where(over, np.inf, units.birth),
        filling=np.where(over, np.inf, filling),
        dug=np.where(over, 0.0, dug),
        removed=np.where(over, 0.0, removed),
        perforation=units.perforation + float(removed[through].sum()),
        owed=units.owed + float((removed - (1 - refill) * dug)[over].sum()),
    )


def underway(where: Ground, frequency: float, depth: float, day: float, seed: int, pits: UnitSettings) -> Units:
    """Units already at work at `day`, as long-standing births at `frequency` leave them: ages spread over a life.

    A specimen's own pits are part of its shape and not known as such. Those that refill at first build on plain
    surface what others dig elsewhere, which keeps bone volume in balance from the first day.
    """
    life = DIGGING + REFILLING
    units = give_birth(none_yet(where.phi.shape), where, frequency, depth, day - life, life, seed, pits)
    age = day - units.birth
    area = np.bincount(units.owner.ravel(), _surface_share(units, where), len(age) + 1)[1:]
    refilling = age >= DIGGING
    dug = np.where(refilling, units.depth * area, 0.0)
    filling = np.where(refilling, units.birth + DIGGING, np.inf)
    open_share = np.where(refilling, 1 - (age - DIGGING) / REFILLING, age / DIGGING)
    removed = np.where(np.isfinite(age), units.depth * area * np.clip(open_share, 0, 1), 0.0)
    return dataclasses.replace(units, filling=filling, dug=dug, removed=removed)


def _surface_share(units: Units, where: Ground) -> Float[np.ndarray, " voxels"]:
    """Area (mm^2) of surface in each voxel as its unit digs it: times depth profile and cosine to the pit's axis."""
    owned = np.flatnonzero(units.owner)
    slope = np.stack([part.ravel()[owned] for part in np.gradient(where.phi)], -1)
    normal = units.normal[units.owner.ravel()[owned] - 1]
    cosine = -(slope * normal).sum(-1) / np.maximum(np.linalg.norm(slope, axis=-1), 1e-9)
    share = np.zeros(where.phi.size)
    share[owned] = np.clip(cosine, 0, 1)
    return where.cover.ravel() * share * units.weight.ravel()
