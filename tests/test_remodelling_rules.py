"""The rule without a solver: signal, set points, and the equilibrium of an ideal strut."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from trabfem.remodelling import stimulus, surface
from trabfem.remodelling.loading.load_path import find_load_bearing
from trabfem.remodelling.rules import BinaryFlips, GreyAdvection, LevelSet
from trabfem.remodelling.rules.level_set import speed
from trabfem.remodelling.settings import smooth_settings

H, YOUNGS = 0.02, 6829.0


def test_kernel_is_a_normalised_gaussian() -> None:
    kernel = np.array(stimulus.gaussian(0.04, H))
    at = (np.arange(len(kernel)) - len(kernel) // 2) * H
    assert kernel.sum() == pytest.approx(1)
    assert np.sqrt((kernel * at**2).sum()) == pytest.approx(0.04, rel=0.03)


def test_signal_is_energy_per_volume_of_bone() -> None:
    """Partly filled voxels and void beside the bone leave a uniform tissue energy as it is."""
    fill = np.random.default_rng(0).uniform(0, 1, (12, 12, 12)).astype(np.float32)
    fill[6:] = 0
    felt = stimulus.signal(jnp.asarray(0.003 * fill), jnp.asarray(fill), stimulus.gaussian(0.03, H))
    assert np.allclose(felt[:8], 0.003, rtol=1e-5)
    assert (np.asarray(felt)[-1] == 0).all()
    trace = jnp.full((4, 4, 4), 1e-5)  # too little bone to be felt at all
    assert (np.asarray(stimulus.signal(0.003 * trace, trace, stimulus.gaussian(0.03, H))) == 0).all()


def test_values_at_the_surface_stand_for_its_free_area() -> None:
    """A plane across x, with two layers held still."""
    n, place = 12, 6.3 * H
    x = np.broadcast_to(((np.arange(n, dtype=np.float32) + 0.5) * H)[:, None, None], (n, n, n))
    free = np.ones((n, n, n), np.float32)
    free[:, :, :2] = 0
    values, area = stimulus.sample_surface(jnp.asarray(x), jnp.asarray(place - x), H, jnp.asarray(free))
    assert np.asarray(values)[np.asarray(area) > 0] == pytest.approx(place, rel=1e-5)
    assert (np.asarray(area)[:, :, :2] == 0).all()
    assert area.sum() == pytest.approx(n * (n - 2) * H**2, rel=1e-4)


def test_filter_cuts_single_peaks() -> None:
    fill = jnp.ones((16, 16, 16), jnp.float32)
    energy = fill.at[8, 8, 8].set(10.0)
    felt = stimulus.signal(energy, fill, stimulus.gaussian(0.03, H))
    assert 1.0 < float(felt.max()) < 2.0


def test_set_points() -> None:
    with jax.enable_x64(True):
        values, area = jnp.array([1.0, 2.0, 3.0, 40.0]), jnp.array([1.0, 1.0, 1.0, 1.5])
        grid = jnp.zeros((2, 2, 2), jnp.float32)
        assert (stimulus.uniform_median(values, area, 0.5, grid) == 3.0).all()
        balance = float(stimulus.uniform_balance(values, area, 0.5, grid)[0, 0, 0])
        assert float(jnp.sum(area * jnp.clip(0.5 * (values / balance - 1), -1, 1))) == pytest.approx(0, abs=1e-3)
        felt = jnp.arange(8, dtype=jnp.float32).reshape(2, 2, 2)
        assert (stimulus.accommodated(values, area, 0.5, felt) == felt).all()


def test_means_over_the_surface_count_by_area() -> None:
    values, area = np.array([1.0, 2.0, 3.0, 40.0]), np.array([1.0, 1.0, 1.0, 1.5])
    mean = np.average(values, weights=area)
    with jax.enable_x64(True):
        grids = [jnp.asarray(each).reshape(2, 2, 1) for each in (values, area)]
        assert float(stimulus.weighted_mean(*grids)) == pytest.approx(mean)
        assert float(stimulus.weighted_deviation(*grids)) == pytest.approx(
            np.sqrt(np.average((values - mean) ** 2, weights=area))
        )


def test_speed_saturates_and_smooths() -> None:
    ratio = jnp.asarray([0.0, 1.0, 1.3, 100.0])[:, None, None]
    found = speed(ratio, jnp.full_like(ratio, 5.0), bias=-0.15 * 2.0, fastest=2.0, gain=0.5, smoothing=0.01)
    assert np.allclose(found.ravel(), [-1.3 - 0.05, -0.3 - 0.05, -0.05, 2.0 - 0.05], atol=1e-6)


@pytest.mark.parametrize("kind", [BinaryFlips, GreyAdvection])
def test_rules_of_fill_know_the_distance_and_let_voxels_go(kind: type[BinaryFlips | GreyAdvection]) -> None:
    rule = kind.of(H, 0.012, 0.5, 0.0, 1)
    fill = np.array([0.0, 0.25, 0.5, 1.0] * 2, np.float32).reshape(2, 2, 2)
    depth = np.asarray(rule.distance(fill))
    assert depth[0].ravel() == pytest.approx([-H / 2, -H / 4, 0.0, H / 2])
    assert np.allclose(surface.fill_fraction(jnp.asarray(depth), H), fill, atol=1e-6)
    gone = np.zeros(fill.shape, bool)
    gone[0] = True
    left = np.asarray(rule.remove(fill, gone))
    assert (left[0] == 0).all() and (left[1] == fill[1]).all() and fill[0].max() == 1


def test_bias_of_the_cells() -> None:
    """Half as much formation as resorption at the balanced turnover takes 3.25 um a year off every surface."""
    assert smooth_settings().bias(formation=0.5, resorption=1.0, modelling=0.0) * 365.25 == pytest.approx(
        -0.5 * 0.0065, rel=0.01
    )


def adapt(force: float, radius: float, gain: float, bias: float, reference: float, years: float) -> tuple[float, float]:
    """Area (mm^2) and S/S_ref at the end of a straight round strut that carries `force` (N): U = (F/A)^2 / 2E."""
    n = 24
    at = (np.arange(n) + 0.5 - n / 2 + 0.17) * H
    across = np.hypot(*np.meshgrid(at, at, indexing="ij"))
    depth = np.repeat((radius - across)[:, :, None], 6, axis=2)
    fastest = 0.012 / 365.25
    rule = LevelSet(H, fastest, gain, 0.0, 0)
    phi = np.clip(depth, -5 * H, 5 * H).astype(np.float32)
    kernel = stimulus.gaussian(0.03, H)
    for _ in range(int(years * 2)):
        fill = rule.fill(phi)
        area = fill.sum(axis=(0, 1)) * H**2
        energy = fill * np.float32((force / area) ** 2 / (2 * YOUNGS))
        ratio = stimulus.signal(jnp.asarray(energy), jnp.asarray(fill), kernel) / reference
        phi = rule.advance(phi, ratio, bias * fastest, 365.25 / 2)
    fill = rule.fill(phi)
    area = float(fill.sum(axis=(0, 1)).mean() * H**2)
    return area, (force / area) ** 2 / (2 * YOUNGS) / reference


@pytest.mark.parametrize("radius", [0.06, 0.14])
def test_strut_settles_at_the_area_of_its_force(radius: float) -> None:
    """S/S_ref = 1 - b/k = 1.30, so A = F / sqrt(2 E S), from a strut too thin and from one too thick."""
    reference, radius_wanted = 0.002, 0.10
    target = 1.0 + 0.15 / 0.5
    force = np.pi * radius_wanted**2 * np.sqrt(2 * YOUNGS * target * reference)
    area, ratio = adapt(force, radius, 0.5, -0.15, reference, years=60)
    assert ratio == pytest.approx(target, rel=0.03)
    assert abs(np.sqrt(area / np.pi) - radius_wanted) < H
    assert np.sqrt(area / np.pi) == pytest.approx(radius_wanted, rel=0.01)


def test_area_follows_force() -> None:
    one = adapt(0.15, 0.08, 0.5, 0.0, 0.002, years=60)[0]
    two = adapt(0.30, 0.08, 0.5, 0.0, 0.002, years=60)[0]
    assert two / one == pytest.approx(2.0, rel=0.02)


def test_load_path_keeps_what_joins_the_plates() -> None:
    fill = np.zeros((8, 8, 8), np.float32)
    fill[2, 2, :] = 1  # a strut
    fill[2, 3, 4] = 0.002  # its skin
    fill[1, 2, 4] = 0.0005  # less than the threshold
    fill[5, 5, 2:5] = 1  # a loose bit
    fill[6, 2, :6] = 1  # a stub on one plate
    kept = find_load_bearing(fill, 1e-3)
    assert kept.sum() == 9
    assert not find_load_bearing(np.zeros_like(fill), 1e-3).any()
    fill[2, 2, 4] = 0
    fill[2, 3, 4] = 0
    assert not find_load_bearing(fill, 1e-3).any()
