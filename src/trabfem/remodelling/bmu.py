"""Remodelling units: each is born somewhere on the surface, digs a pit for six weeks and refills it in five months.

A unit's numbers come from a random key of its own, folded from the seed and its birth number, so that a run repeats
whatever the order or the number of devices. Its pit is a patch of voxels that carry its number (`owner`) and a depth
profile (`weight`, 1 in the middle); the surface moves there at `weight` times the unit's pace. Where the pit went
through the bone nothing is refilled: there is no surface left to build on.
"""

import dataclasses
from dataclasses import dataclass
from functools import partial

import jax
import numpy as np
from jaxtyping import Float, Float32, Int32
from scipy import ndimage

from trabfem import constants

Grid = Float32[np.ndarray, "x y z"]
RIM = 6
"""Depth over the pit is 1 - rho^RIM: nearly flat, since wall thickness is a mean over the packet."""
MEAN_DEPTH = RIM / (RIM + 2)
DIGGING = constants.RESORPTION_PERIOD.value
REFILLING = constants.FORMATION_PERIOD_SIMULATION.value
LONGEST_REFILL = 1.5 * REFILLING
FASTEST_REFILL = constants.MINERAL_APPOSITION_RATE.value
ENOUGH = 0.02
PIT_DEPTH = constants.PIT_DEPTH.value
HALF_AXES = (constants.CAVITY_LENGTH.value / 2, constants.CAVITY_WIDTH.value / 2)
FOOTPRINT = np.pi * HALF_AXES[0] * HALF_AXES[1]
DRAWS = 6


@dataclass(frozen=True)
class Units:
    """The units at work, in slots that are used again; a free slot has birth = inf.

    - `owner`: slot + 1 of the unit that a voxel belongs to, 0 for none; `weight`: depth profile there
    - `birth`, `filling` (day): start of the pit and of its refill, inf before; `depth` (mm)
    - `centre` (mm) and outward `normal` of the surface at the pit; `dug` (mm^3): its pit's volume once it is dug;
      `removed` (mm^3): dug less refilled
    - `born`: births so far; `clock`: births expected so far; `arrived`: value of the clock at the last birth
    - `perforation` (mm^3): dug so far by units that went through
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


@dataclass(frozen=True)
class Ground:
    """Where units may be born: the surface voxels, the area (mm^2) of each, and the relative odds of a birth there."""

    phi: Grid
    h: float
    voxels: Int32[np.ndarray, " points"]
    area: Float32[np.ndarray, " points"]
    odds: Float32[np.ndarray, " points"]


def none_yet(shape: tuple[int, ...]) -> Units:
    """No units."""
    empty, places = np.zeros(0), np.zeros((0, 3))
    owner, weight = np.zeros(shape, np.int32), np.zeros(shape, np.float32)
    return Units(owner, weight, empty, empty, empty, places, places, empty, empty)


def ground(phi: Grid, area: Grid, ratio: Grid, h: float, idle_bias: float) -> Ground:
    """The surface of `phi`, `area` (mm^2 in each voxel); odds exp(-idle_bias (S/S_ref - 1)) favour idle bone."""
    voxels = np.flatnonzero(area).astype(np.int32)
    excess = np.clip(ratio.ravel()[voxels] - 1.0, -1.0, 3.0)
    return Ground(phi, h, voxels, area.ravel()[voxels], np.exp(-idle_bias * excess).astype(np.float32))


@partial(jax.jit, static_argnames="seed")
def _draw(number: int, seed: int) -> jax.Array:
    return jax.random.uniform(jax.random.fold_in(jax.random.key(seed), number), (DRAWS,), minval=1e-7)


def draw(seed: int, number: int) -> Float[np.ndarray, " draws"]:
    """Uniform numbers of the unit with that birth number: gap, place, time, angle, and two for its depth."""
    return np.asarray(_draw(number, seed), np.float64)


def expected_births(frequency: float, area: float, days: float) -> float:
    """Births on `area` mm^2 in `days` when each point is covered `frequency` times a year (Ac.f)."""
    return frequency / constants.DAYS_PER_YEAR.value * days * area / (MEAN_DEPTH * FOOTPRINT)


def give_birth(
    units: Units, where: Ground, frequency: float, depth: float, day: float, days: float, seed: int, spread: float
) -> Units:
    """The units with those born in [day, day + days): a Poisson process in time, drawn by `where.odds` in place.

    Gaps between births are exponential in the expected number, so births do not depend on how time is cut into steps.
    """
    units = dataclasses.replace(units, clock=units.clock + expected_births(frequency, float(where.area.sum()), days))
    odds = where.odds * where.area
    while True:
        number = draw(seed, units.born)
        arrived = units.arrived - np.log(number[0])
        if arrived > units.clock:
            return units
        units = dataclasses.replace(units, born=units.born + 1, arrived=arrived)
        free = np.where(units.owner.ravel()[where.voxels] == 0, odds, 0)
        total = np.cumsum(free, dtype=np.float64)
        if not total.size or total[-1] <= 0:
            continue
        voxel = where.voxels[np.searchsorted(total, number[1] * total[-1])]
        wide = np.sqrt(-2 * np.log(number[4])) * np.cos(2 * np.pi * number[5])
        own = depth * (1 + spread * np.clip(wide, -2, 2))
        scale = np.sqrt(depth / PIT_DEPTH)
        units = _settle_down(units, where, int(voxel), day + number[2] * days, own, scale, 2 * np.pi * number[3])


def _settle_down(
    units: Units, where: Ground, voxel: int, birth: float, depth: float, scale: float, angle: float
) -> Units:
    """A new unit in the first free slot, with its patch of voxels around the surface point next to `voxel`."""
    index = np.array(np.unravel_index(voxel, where.phi.shape))
    slope = np.array([_slope(where.phi, index, axis) for axis in range(3)])
    normal = -slope / max(float(np.linalg.norm(slope)), 1e-12)
    centre = (index + 0.5) * where.h + where.phi.ravel()[voxel] * normal
    thickness = thickness_under(where.phi, centre, normal, depth + 3 * where.h, where.h)
    depth = spared(depth, thickness, where.h)
    floor = min(depth + 1.5 * where.h, max(depth, thickness - where.h))
    slots = np.flatnonzero(np.isinf(units.birth))
    if not slots.size:
        units, slots = _with_room(units), np.array([len(units.birth)])
    slot = int(slots[0])
    new = {"birth": birth, "filling": np.inf, "depth": depth, "centre": centre, "normal": normal}
    new |= {"dug": 0.0, "removed": 0.0}
    arrays = {name: getattr(units, name).copy() for name in new}
    for name, value in new.items():
        arrays[name][slot] = value
    owner, weight = units.owner.copy(), units.weight.copy()
    window, profile = _patch(where, centre, normal, floor, scale, angle)
    taken = (profile > 0) & (owner[window] == 0)
    owner[window][taken], weight[window][taken] = slot + 1, profile[taken]
    return dataclasses.replace(units, owner=owner, weight=weight, **arrays)


def thickness_under(phi: Grid, centre: np.ndarray, normal: np.ndarray, reach: float, h: float) -> float:
    """Bone (mm) under a surface point, along the inward normal; infinite beyond `reach`."""
    steps = np.arange(h / 4, reach, h / 8)
    under = along_axis(phi, centre, normal, steps, h) < 0
    return float(steps[under.argmax()]) if under.any() else np.inf


def spared(depth: float, thickness: float, h: float) -> float:
    """Depth (mm) of a pit that leaves a film of one voxel wherever the bone under it is thicker than the pit is deep.

    Voxels cannot hold a thinner film: without this a pit would go through bone by as much as h thicker than itself.
    """
    return depth if thickness <= depth else min(depth, max(thickness - h, depth / 4))


def along_axis(phi: Grid, centre: np.ndarray, normal: np.ndarray, steps: np.ndarray, h: float) -> np.ndarray:
    """phi at `steps` mm below the surface under a pit."""
    points = (centre - steps[:, None] * normal) / h - 0.5
    return ndimage.map_coordinates(phi, points.T, order=1, mode="nearest")


def _slope(phi: Grid, index: np.ndarray, axis: int) -> float:
    """Central difference at a voxel, one-sided at the border."""
    low, high = index.copy(), index.copy()
    low[axis], high[axis] = max(index[axis] - 1, 0), min(index[axis] + 1, phi.shape[axis] - 1)
    return float(phi[tuple(high)] - phi[tuple(low)]) / max(int(high[axis] - low[axis]), 1)


def _with_room(units: Units) -> Units:
    """The units with as many free slots more."""
    more = max(16, len(units.birth))
    never, zeros, places = np.full(more, np.inf), np.zeros(more), np.zeros((more, 3))
    fills = {"birth": never, "filling": never, "depth": zeros, "centre": places, "normal": places}
    fills |= {"dug": zeros, "removed": zeros}
    return dataclasses.replace(
        units, **{name: np.concatenate([getattr(units, name), fill]) for name, fill in fills.items()}
    )


def _patch(
    where: Ground, centre: np.ndarray, normal: np.ndarray, floor: float, scale: float, angle: float
) -> tuple[tuple[slice, ...], Grid]:
    """The voxels around a pit and their weights, 0 outside of it.

    A pit is an ellipse in the tangent plane, its long axis at `angle`, from just above the surface down to `floor` mm,
    which lies below the pit and above the far side of the bone. Above the bone only what faces the same way belongs to
    it, so that a neighbouring strut is left alone.
    """
    h, shape = where.h, where.phi.shape
    reach = scale * HALF_AXES[0] + 2 * h
    low = np.clip(np.floor((centre - reach) / h).astype(int), 0, np.array(shape))
    high = np.clip(np.ceil((centre + reach) / h).astype(int) + 1, 0, np.array(shape))
    window = tuple(slice(int(a), int(b)) for a, b in zip(low, high, strict=True))
    at = np.meshgrid(*((np.arange(a, b) + 0.5) * h for a, b in zip(low, high, strict=True)), indexing="ij")
    away = np.stack(at, -1) - centre
    first, second = _tangents(normal, angle)
    up = away @ normal
    rho = np.hypot(away @ first / (scale * HALF_AXES[0]), away @ second / (scale * HALF_AXES[1]))
    phi = where.phi[window]
    facing = -sum(slope * part for slope, part in zip(np.gradient(phi), normal, strict=True)) > 0.3 * h
    inside = (rho < 1) & (up <= 1.5 * h) & (up >= -floor) & ((phi > 0) | facing)
    return window, np.where(inside, 1 - rho**RIM, 0.0).astype(np.float32)


def _tangents(normal: np.ndarray, angle: float) -> tuple[np.ndarray, np.ndarray]:
    """Two unit vectors across `normal`, turned by `angle`."""
    first = np.cross(normal, np.eye(3)[np.argmin(np.abs(normal))])
    first /= np.linalg.norm(first)
    second = np.cross(normal, first)
    return np.cos(angle) * first + np.sin(angle) * second, np.cos(angle) * second - np.sin(angle) * first


def pace(units: Units, refill: float, day: float, days: float) -> Float[np.ndarray, " units"]:
    """Mean velocity (mm/day) of the surface in the middle of each pit over [day, day + days).

    A pit is dug by its depth in DIGGING days. Refill brings back `refill` of the volume that was dug by the end of
    REFILLING days: what is missing, as a depth, over the days left (not faster than bone is ever laid down).
    """
    digging = _overlap(units.birth, DIGGING, day, days) / DIGGING
    filling = _overlap(units.filling, LONGEST_REFILL, day, days)
    left = np.maximum(np.where(np.isinf(units.filling), 0, units.filling + REFILLING - day), days)
    share = np.where(units.dug > 0, refill - 1 + units.removed / np.where(units.dug > 0, units.dug, 1), 0)
    speed = np.clip(units.depth * share / left, 0, FASTEST_REFILL)
    return speed * filling / days - units.depth * digging / days


def _overlap(start: np.ndarray, length: float, day: float, days: float) -> np.ndarray:
    """Days of [start, start + length) within [day, day + days); 0 for a start at infinity."""
    return np.where(
        np.isinf(start), 0.0, np.clip(np.minimum(start + length, day + days) - np.maximum(start, day), 0, None)
    )


def velocity(units: Units, paces: Float[np.ndarray, " units"]) -> Grid:
    """Velocity (mm/day) of the surface where units are at work, 0 elsewhere."""
    return np.concatenate([[0.0], paces]).astype(np.float32)[units.owner] * units.weight


def settle(units: Units, before: Grid, after: Grid, phi: Grid, refill: float, h: float, day: float) -> Units:
    """The units at the end of a step: volumes booked, pits that are dug turned to refill or lost, full ones let go."""
    change = np.bincount(units.owner.ravel(), (before - after).ravel(), len(units.birth) + 1)[1:] * h**3
    removed = units.removed + change
    ready = (units.birth + DIGGING <= day) & np.isinf(units.filling)
    through = np.array([bool(ready[k]) and gone_through(units, k, phi, h) for k in range(len(ready))], bool)
    dug, filling = np.where(ready, removed, units.dug), np.where(ready, day, units.filling)
    full = (filling + REFILLING <= day) & (removed <= (1 - refill + ENOUGH) * dug)
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
    )


def gone_through(units: Units, slot: int, phi: Grid, h: float) -> bool:
    """Whether no bone is left under a pit: phi < 0 on its axis from the old surface to 1.5 voxels below its floor."""
    steps = np.arange(0.0, units.depth[slot] + 1.5 * h, h / 4)
    return bool((along_axis(phi, units.centre[slot], units.normal[slot], steps, h) < 0).all())


def underway(units: Units, where: Ground, frequency: float, depth: float, seed: int, spread: float) -> Units:
    """Units already at work at day 0, as long-standing births at `frequency` leave them: ages spread over a life.

    A specimen's own pits are part of its shape and not known as such. Those that refill at first build on plain
    surface what others dig elsewhere, which keeps bone volume in balance from the first day.
    """
    life = DIGGING + REFILLING
    units = give_birth(units, where, frequency, depth, -life, life, seed, spread)
    age = -units.birth
    refilling = age >= DIGGING
    area = np.bincount(units.owner.ravel(), _surface_share(units, where), len(age) + 1)[1:]
    dug = np.where(refilling, units.depth * area, 0.0)
    filling = np.where(refilling, units.birth + DIGGING, np.inf)
    left = np.where(refilling, np.clip(1 - (age - DIGGING) / REFILLING, 0, 1), 0.0)
    return dataclasses.replace(units, filling=filling, dug=dug, removed=dug * left)


def _surface_share(units: Units, where: Ground) -> Float32[np.ndarray, " voxels"]:
    """Area (mm^2) of surface in each voxel, weighted by the depth profile of the pit there."""
    area = np.zeros(where.phi.size, np.float32)
    area[where.voxels] = where.area
    return area * units.weight.ravel()
