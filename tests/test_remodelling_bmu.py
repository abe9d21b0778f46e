"""BMUs one by one on slabs and rods: what is dug comes back, what is cut does not."""

import dataclasses
from collections.abc import Iterator
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from trabfem.remodelling import bmu, surface
from trabfem.remodelling.bmu import births, pace, perforation, pits, population, sites
from trabfem.remodelling.programs import compile_in_double
from trabfem.remodelling.rules import LevelSet

H, N, DAYS = 0.035, 26, 30.4375
AT = (np.arange(N) + 0.5) * H
X, Y, Z = np.meshgrid(AT, AT, AT, indexing="ij")
MIDDLE = N * H / 2 + 0.007
RULE = LevelSet(H, 1e-9, 0.0, 0.0, 0)
ROOM = pits.find_room(H, 0.05, 0.175, 2.0)
WINDOW = bmu.count_window(H)

place_bmu = compile_in_double("room")(births.place_bmu)
compute_pace = compile_in_double()(bmu.compute_pace)
finish_pits = compile_in_double("window")(bmu.finish_pits)
share_surface = compile_in_double()(population.share_surface)


@pytest.fixture(autouse=True)
def in_double() -> Iterator[None]:
    """The numbers of BMUs are float64, and so are those of these tests."""
    with jax.enable_x64(True):
        yield


def slab(thickness: float) -> np.ndarray:
    return thickness / 2 - np.abs(Y - MIDDLE)


def rod(diameter: float) -> np.ndarray:
    return diameter / 2 - np.hypot(X - MIDDLE, Y - MIDDLE)


def ground(depth: np.ndarray) -> tuple[np.ndarray, bmu.BirthSites]:
    phi = np.clip(depth, -5 * H, 5 * H).astype(np.float32)
    area = surface.surface_weight(jnp.asarray(phi), H) * H**2
    return phi, bmu.find_birth_sites(jnp.asarray(phi), area, jnp.ones_like(phi), H, bias=1.0)


def voxels_of(where: bmu.BirthSites) -> np.ndarray:
    """Flat indices of the voxels in which a BMU may be born."""
    return np.flatnonzero(np.asarray(where.odds))


def life_of_one(depth: np.ndarray, refill: float, months: int = 9, pit: float = 0.05) -> tuple[np.ndarray, bmu.Bmus]:
    """Bone volume (mm^3) gained by the end of each month of one BMU in the middle, and the BMUs at the end."""
    phi, where = ground(depth)
    voxel = min(
        voxels_of(where), key=lambda v: abs(X.flat[v] - MIDDLE) + abs(Z.flat[v] - MIDDLE) + 10 * (Y.flat[v] < MIDDLE)
    )
    bmus, covered = place_bmu(bmu.no_bmus(phi.shape), where, jnp.int32(voxel), 3.0, pit, 1.0, 0.3, 2.0, ROOM)
    assert covered > 0
    first, gained = RULE.fill(phi).sum(dtype=np.float64), []
    still = jnp.ones(phi.shape, jnp.float32)
    for month in range(months):
        day = month * DAYS
        before = RULE.fill(phi)
        work = bmu.make_pits(bmus, compute_pace(bmus, refill, day, DAYS))
        phi = RULE.advance(phi, still, 0.0, DAYS, work)
        bmus = finish_pits(bmus, (before - RULE.fill(phi)) * H**3, phi, refill, H, day + DAYS, WINDOW)
        gained.append((RULE.fill(phi).sum(dtype=np.float64) - first) * H**3)
    return np.array(gained), bmus


def test_a_pit_on_a_plate_has_its_size() -> None:
    """Depth 50 um over the ellipse of 500 by 200 um, less the rim: RIM / (RIM + 2) of it."""
    gained, _ = life_of_one(slab(0.3), refill=1.0, months=2)
    expected = 0.05 * np.pi * 0.25 * 0.1 * pits.RIM / (pits.RIM + 2)
    assert -gained[-1] == pytest.approx(expected, rel=0.08)


@pytest.mark.parametrize(
    "bone", [slab(0.3), slab(0.1), rod(0.2), rod(0.14)], ids=["plate", "thin plate", "rod", "thin rod"]
)
def test_what_is_dug_comes_back(bone: np.ndarray) -> None:
    gained, bmus = life_of_one(bone, refill=1.0)
    assert gained.min() < -5e-4
    assert abs(gained[-1]) < 0.04 * -gained.min()
    assert np.isinf(bmus.birth).all() and not bmus.owner.any() and bmus.perforation == 0


def test_refill_is_a_share_of_what_was_dug() -> None:
    gained, _ = life_of_one(slab(0.3), refill=0.8)
    assert gained[-1] / gained.min() == pytest.approx(0.2, abs=0.03)


def test_a_bmu_leaves_the_far_side_of_a_strut_alone() -> None:
    _, where = ground(rod(0.14))
    cosine = sites.cosine_to_normal(where.phi, jnp.arange(N**3), jnp.array([0.0, 1.0, 0.0]))
    cosine = np.asarray(cosine).reshape(N, N, N)
    assert cosine[(Y < MIDDLE - 0.03) & (np.abs(rod(0.14)) < H)].max() < 0.1
    assert cosine[(Y > MIDDLE + 0.06) & (np.abs(X - MIDDLE) < 0.02) & (np.abs(rod(0.14)) < H)].min() > 0.9


def test_a_hole_is_not_refilled() -> None:
    """A plate of half a voxel more than nothing to stop at: through in a month or two, and open ever after."""
    gained, bmus = life_of_one(slab(0.036), refill=1.0, pit=0.07)
    assert gained[-1] == pytest.approx(gained[2], rel=1e-3) and gained[-1] < -1e-3
    assert bmus.perforation == pytest.approx(-gained[-1], rel=0.5)


@pytest.mark.parametrize(("bone", "expected"), [(slab(0.14), 0.14), (rod(0.2), 0.2)])
def test_thickness_under_the_surface(bone: np.ndarray, expected: float) -> None:
    """Straight through the bone from its top, infinite where it goes on for longer than the reach."""
    top, up = jnp.array([MIDDLE, MIDDLE + expected / 2, MIDDLE]), jnp.array([0.0, 1.0, 0.0])
    under = partial(sites.thickness_under, jnp.asarray(bone, jnp.float32), jnp.stack([top, top + 0.01 * up]), up)
    assert np.asarray(under(0.3, H, 60)) == pytest.approx(expected, abs=H / 4)
    assert np.isinf(under(expected - 0.02, H, 60)).all()
    assert under(0.3, H, 60).shape == (2,)


def test_thick_bone_keeps_a_film_under_the_corners_of_a_pit() -> None:
    """A plate whose far side rises under one end of the pit: shallower there, as deep as drawn elsewhere."""
    tapering = np.minimum(Y - MIDDLE + 0.15, MIDDLE - Y) - 0.5 * np.clip(X - MIDDLE, 0, None)
    phi, where = ground(tapering)
    up = jnp.array([0.0, 1.0, 0.0])
    centre = jnp.array([MIDDLE, MIDDLE, MIDDLE])
    (voxels, guarded), (same, plain) = (
        map(np.asarray, pits.pit_profile(where.phi, H, centre, up, 0.06, 1.0, np.pi / 2, thick, ROOM))
        for thick in (True, False)
    )
    assert np.array_equal(voxels, same) and guarded.shape == voxels.shape
    assert (guarded <= plain).all() and (guarded < 0.5 * plain).any()
    assert (plain[voxels == phi.size] == 0).all() and (voxels < phi.size).sum() > 100
    left = (voxels < phi.size) & (X.ravel()[np.minimum(voxels, phi.size - 1)] < MIDDLE - 0.06)
    assert left.any() and np.array_equal(guarded[left], plain[left])


def test_what_a_hole_would_have_got_goes_to_other_pits() -> None:
    """Bone owed is shared by size over the pits that are filling, as far as they can take it."""
    bmus = life_of_one(slab(0.036), refill=0.9, pit=0.07)[1]
    assert bmus.formation_balance == pytest.approx(0.9 * bmus.perforation)
    filling, dug = np.full(bmus.filling.shape, np.inf), np.zeros(bmus.dug.shape)
    filling[:2], dug[:2] = 50.0, (0.004, 0.002)
    filling, dug = jnp.asarray(filling), jnp.asarray(dug)
    two = dataclasses.replace(bmus, filling=filling, dug=dug, formation_balance=0.0006)
    assert pace.compute_refill(two, 0.9) == pytest.approx(1.0)
    assert pace.compute_refill(dataclasses.replace(two, formation_balance=1.0), 0.9) == pytest.approx(
        0.9 + pace.LARGEST_BALANCE
    )
    assert pace.compute_refill(dataclasses.replace(two, filling=jnp.full_like(filling, jnp.inf)), 0.9) == 0.9


def test_euler_characteristic() -> None:
    block = np.ones((3, 3, 3), bool)
    ring, shell = block.copy(), block.copy()
    ring[1, 1, :] = False
    shell[1, 1, 1] = False
    shapes = [jnp.asarray(bone) for bone in (block, ring, shell, np.zeros_like(block))]
    assert [int(perforation.euler_characteristic(bone)) for bone in shapes] == [1, 0, 2, 0]


def born(seed: int, steps: int, days: float) -> bmu.Bmus:
    _, where = ground(slab(0.3))
    bmus = bmu.no_bmus((N, N, N))
    for step in range(steps):
        bmus, _ = bmu.give_birth(bmus, where, 0.5, 0.05, step * days / steps, days / steps, seed, bmu.BmuSettings())
    return bmus


def test_each_point_is_covered_at_the_activation_frequency() -> None:
    """A year at Ac.f = 0.5 on plates: covered area over surface, within the spread of some forty BMUs."""
    _, where = ground(slab(0.3))
    covered = [float(born(seed, 1, 365.25).arrived) for seed in range(6)]
    assert np.mean(covered) == pytest.approx(0.5 * float(where.area), rel=0.15)
    assert all(value >= 0.5 * where.area for value in covered)


def test_shallow_pits_cover_less() -> None:
    """A pit's area goes with its depth and `frequency` counts births: volume dug goes with the square of the depth."""
    assert births.surface_to_cover(0.2, 0.03, 5.0, 365.25) == pytest.approx(
        0.6 * births.surface_to_cover(0.2, 0.05, 5.0, 365.25)
    )
    _, where = ground(slab(0.3))
    few, many = (
        [bmu.give_birth(bmu.no_bmus((N, N, N)), where, 0.5, depth, 0.0, 365.25, seed, bmu.BmuSettings())[0]
         for seed in range(6)] for depth in (0.03, 0.05)
    )  # fmt: skip
    assert np.mean([int(bmus.born) for bmus in few]) == pytest.approx(
        np.mean([int(bmus.born) for bmus in many]), rel=0.2
    )
    assert sum(np.count_nonzero(u.owner) for u in few) < 0.75 * sum(np.count_nonzero(u.owner) for u in many)


def test_births_do_not_depend_on_how_time_is_cut() -> None:
    one, many = born(3, 1, 365.25), born(3, 12, 365.25)
    assert one.born == many.born > 2
    assert np.array_equal(one.owner, many.owner)
    assert np.allclose(one.centre, many.centre)


@partial(jax.jit, static_argnames="count")
def draw(words: jax.Array, month: jax.Array, voxels: jax.Array, count: int) -> jax.Array:
    key = births.month_key(words, month)
    return jax.vmap(lambda voxel: births.draw(key, voxel, count))(voxels)


def numbers(seed: int, month: int, voxels: np.ndarray, count: int = births.NUMBERS) -> np.ndarray:
    words = jnp.asarray(np.array([seed & 0xFFFFFFFF, seed >> 32], np.uint32))
    return np.asarray(draw(words, jnp.uint32(month & 0xFFFFFFFF), jnp.asarray(voxels, jnp.uint32), count))


def test_numbers_belong_to_seed_month_and_voxel() -> None:
    """Whatever else is asked for with them, and before month 0 too."""
    voxels = np.array([7, 90, 15000])
    first = numbers(1, -3, voxels)
    assert np.array_equal(first[1:2], numbers(1, -3, voxels[1:2]))
    assert np.array_equal(first, numbers(1, -3, np.arange(15001))[voxels])
    assert np.array_equal(first[:, :1], numbers(1, -3, voxels, count=1)), "the first alone is the first of five"
    others = [numbers(2, -3, voxels), numbers(1, 3, voxels), numbers(1 + 2**32, -3, voxels)]
    assert all((other != first).all() for other in others)
    assert ((first > 0) & (first < 1)).all()


def places(where: bmu.BirthSites, frequency: float, seed: int = 4) -> np.ndarray:
    """Centres (mm) of the BMUs born in the first month, in order."""
    bmus, _ = bmu.give_birth(bmu.no_bmus((N, N, N)), where, frequency, 0.05, 0.0, DAYS, seed, bmu.BmuSettings())
    return np.asarray(bmus.centre)[np.isfinite(bmus.birth)]


def test_fewer_births_are_the_first_of_the_same_queue() -> None:
    """An arm in which a drug halves births has its BMUs at places of the other arm's."""
    _, where = ground(slab(0.3))
    few, many = places(where, 3.0), places(where, 6.0)
    assert 2 < len(few) < len(many)
    assert np.array_equal(few, many[: len(few)])


def test_a_change_of_odds_moves_no_birth_elsewhere() -> None:
    """The last digits of all signals, and a place where bone became twice as likely to be dug."""
    _, where = ground(slab(0.3))
    usual = places(where, 6.0)
    noisy = where.odds * (1 + 1e-5 * np.random.default_rng(0).standard_normal(where.odds.shape))
    assert np.array_equal(places(dataclasses.replace(where, odds=noisy), 6.0), usual)
    here = np.abs(X - MIDDLE) < 0.1
    other = places(dataclasses.replace(where, odds=jnp.where(here, 2 * where.odds, where.odds)), 6.0)
    kept = [point for point in usual if (np.abs(other - point).max(axis=1) < 1e-12).any()]
    assert len(usual) > 6 and len(kept) >= len(usual) - 3


def test_places_are_drawn_by_their_odds() -> None:
    """The first place of 400 races on a plate whose one half has three times the odds of the other."""
    _, where = ground(slab(0.3))
    voxels = voxels_of(where)
    right = X.ravel()[voxels] > N * H / 2
    odds = np.where(right, 3.0, 1.0) * np.asarray(where.cover).ravel()[voxels]
    won = [np.argmin(-np.log(numbers(seed, 5, voxels, count=1)[:, 0]) / odds) for seed in range(400)]
    assert np.mean(right[won]) == pytest.approx(0.75, abs=3 * np.sqrt(0.75 * 0.25 / 400))


def test_bmus_under_way_have_open_what_a_balanced_population_has() -> None:
    """Half a pit for the digging period and half a pit for the refilling period, in the mean over seeds."""
    _, where = ground(slab(0.3))
    open_now = [bmu.initial_bmus(where, 0.5, 0.05, 0.0, seed, bmu.BmuSettings()) for seed in range(30)]
    balanced = 0.5 / 365.25 * float(where.area) * 0.05 * (bmu.DIGGING + bmu.REFILLING) / 2
    assert np.mean([bmus.removed.sum() for bmus in open_now]) == pytest.approx(balanced, rel=0.15)
    for bmus in open_now:
        assert (bmus.removed >= 0).all() and (bmus.removed <= bmus.dug + 1e-12)[np.isfinite(bmus.filling)].all()


def test_a_bmu_under_way_counts_the_surface_that_it_covers() -> None:
    """On a rod much of the patch faces away from the pit's axis."""
    phi, where = ground(rod(0.2))
    voxel = jnp.int32(voxels_of(where)[900])
    bmus, covered = place_bmu(bmu.no_bmus(phi.shape), where, voxel, 3.0, 0.05, 1.0, 0.3, 2.0, ROOM)
    assert share_surface(bmus, where).sum() == pytest.approx(float(covered), rel=1e-4)
    assert covered < 0.9 * (where.cover * bmus.weight).sum()
