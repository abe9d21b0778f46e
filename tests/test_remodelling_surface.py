"""The level set against exact balls, rods and slabs, with the order of convergence fitted."""

import jax.numpy as jnp
import numpy as np
import pytest

from trabfem.errors import UserError
from trabfem.remodelling import surface
from trabfem.remodelling.rules import LevelSet

CENTRE = 0.513  # off the lattice, so that no symmetry helps
AXIS = np.array([0.3, 0.2, 1.0]) / np.linalg.norm([0.3, 0.2, 1.0])


def offsets(n: int) -> tuple[float, np.ndarray]:
    """Voxel edge and offset of each voxel's centre from CENTRE in a unit cube of n^3 voxels."""
    at = (np.arange(n) + 0.5) / n - CENTRE
    return 1 / n, np.stack(np.meshgrid(at, at, at, indexing="ij"), -1)


def depth(shape: str, n: int, radius: float) -> tuple[float, np.ndarray]:
    """Voxel edge and exact signed distance of a ball, an inclined rod or an inclined slab of half thickness radius."""
    h, r = offsets(n)
    along = r @ AXIS
    across = np.linalg.norm(r - along[..., None] * AXIS, axis=-1)
    return h, radius - {"ball": np.linalg.norm(r, axis=-1), "rod": across, "slab": np.abs(along)}[shape]


def state(shape: str, n: int, radius: float = 0.2) -> tuple[float, np.ndarray, jnp.ndarray]:
    h, exact = depth(shape, n, radius)
    return h, exact, jnp.asarray(np.clip(exact, -5 * h, 5 * h), jnp.float32)


def order(sizes: list[int], errors: list[float]) -> float:
    return float(-np.polyfit(np.log(sizes), np.log(errors), 1)[0])


def volume(phi: jnp.ndarray, h: float) -> float:
    return float(np.asarray(surface.fill_fraction(phi, h), np.float64).sum()) * h**3


SHAPES = ["ball", "rod", "slab"]


def upright(shape: str, n: int) -> tuple[float, jnp.ndarray, float]:
    """Voxel edge, phi and exact volume of a ball, or of a rod or slab along z that ends at the box."""
    h, r = offsets(n)
    across = {"ball": np.linalg.norm(r, axis=-1), "rod": np.hypot(r[..., 0], r[..., 1]), "slab": np.abs(r[..., 0])}
    exact = {"ball": 4 / 3 * np.pi * 0.2**3, "rod": np.pi * 0.2**2, "slab": 0.4}
    return h, jnp.asarray(np.clip(0.2 - across[shape], -5 * h, 5 * h), jnp.float32), exact[shape]


@pytest.mark.parametrize("shape", SHAPES)
def test_fill_gives_the_volume_to_second_order(shape: str) -> None:
    sizes, errors = [12, 24, 48], []
    for n in sizes:
        h, phi, exact = upright(shape, n)
        errors.append(abs(volume(phi, h) / exact - 1))
    assert errors[-1] < 0.004
    if shape == "slab":  # exact up to rounding
        assert max(errors) < 1e-6
    else:
        assert order(sizes, errors) > 1.7


@pytest.mark.parametrize("shape", SHAPES)
def test_reinitialisation_alone_keeps_volume_and_place(shape: str) -> None:
    """60 times, as in five years of monthly steps."""
    h, exact, start = state(shape, 24)
    phi = start
    for _ in range(60):
        phi = surface.reinitialise(phi, h)
    near = np.abs(exact) < h
    assert abs(volume(phi, h) / volume(start, h) - 1) < 2e-4
    assert np.abs(np.asarray(phi) - exact)[near].max() < 0.06 * h


@pytest.mark.parametrize("shape", SHAPES)
def test_redistancing_restores_a_distorted_distance(shape: str) -> None:
    """Next to the surface, away from the border that cuts it; of third order in the grid."""
    sizes, errors = [12, 24, 48], []
    for n in sizes:
        h, exact = depth(shape, n, 0.3 if shape == "ball" else 0.2)
        _, r = offsets(n)
        distorted = exact * (1 + 0.5 * np.sin(7 * r[..., 0]) * np.cos(5 * r[..., 1]))
        found = surface.redistance(jnp.asarray(distorted, jnp.float32), h, sweeps=40)
        near = (np.abs(exact) < 1.5 * h) & (np.abs(r) < 0.35).all(axis=-1)
        errors.append(float(np.abs(np.asarray(found) - exact)[near].mean()))
    assert order(sizes, errors) > 2
    assert errors[-1] * 48 < 0.003


@pytest.mark.parametrize(("shape", "expected"), [("ball", 10.0), ("rod", 5.0), ("slab", 0.0)])
def test_curvature_at_the_surface(shape: str, expected: float) -> None:
    sizes, errors = [12, 24, 48], []
    for n in sizes:
        h, exact, phi = state(shape, n)
        kappa = np.asarray(surface.extend(surface.curvature(phi, h), phi, h))
        inner = np.zeros(exact.shape, bool)
        inner[3:-3, 3:-3, 3:-3] = True  # the box's border cuts the rod and the slab
        errors.append(float(np.sqrt(np.mean((kappa - expected)[(np.abs(exact) < h) & inner] ** 2))))
    if shape == "slab":
        assert errors[-1] < 1e-3
    else:
        assert order(sizes, errors) > 1.5
        assert errors[-1] < 0.015 * expected


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_steady_velocity_moves_the_surface_by_v_t(shape: str, sign: float) -> None:
    sizes, errors = [12, 24, 48], []
    for n in sizes:
        h, exact, phi = state(shape, n)
        speed, far = jnp.full_like(phi, sign), 0.06
        steps = surface.count_substeps(1.0, far, h)
        for _ in range(steps):
            phi = surface.reinitialise(surface.advect(phi, speed, h, far / steps), h)
        target = exact + sign * far
        near = np.abs(target) < h
        errors.append(abs(float((np.asarray(phi) - target)[near].mean())))
    assert errors[-1] < 0.03 / 48
    if shape != "slab":  # the slab is exact up to rounding
        assert order(sizes, errors) > 1.5


def test_substeps_add_up() -> None:
    h, exact, phi = state("ball", 24)
    found = surface.advect(phi, jnp.ones_like(phi), h, 1.2 * h, substeps=surface.count_substeps(1.0, 1.2 * h, h))
    near = np.abs(exact + 1.2 * h) < h
    assert np.abs(np.asarray(found) - exact - 1.2 * h)[near].max() < 0.1 * h


def test_a_ball_shrinks_under_its_curvature() -> None:
    """dR/dt = -2 gamma / R, so R^2 = R0^2 - 4 gamma t."""
    h, _, phi = state("ball", 24, 0.3)
    rule = LevelSet(h, 1e-12, 0.0, 1e-3, 0)
    days = 0.25 * 0.3**2 / 4e-3  # a quarter of the area gone
    found = rule.advance(np.asarray(phi), jnp.ones_like(phi), 0.0, days)
    radius = (volume(jnp.asarray(found), h) * 3 / (4 * np.pi)) ** (1 / 3)
    assert radius == pytest.approx(0.3 * np.sqrt(0.75), rel=0.01)


def test_a_rod_through_the_box_keeps_its_section_at_the_border() -> None:
    """The border is a cut, not a surface: a rod eroded by d is thinner by d there as well."""
    n, h = 24, 1 / 24
    at = (np.arange(n) + 0.5) / n - 0.5
    across = np.hypot(*np.meshgrid(at, at, indexing="ij"))
    exact = np.repeat((0.25 - across)[:, :, None], n, axis=2)
    rule = LevelSet(h, 1.0, 0.0, 0.0, 0)
    phi = rule.advance(exact.astype(np.float32), jnp.ones(exact.shape, jnp.float32), -0.05, 1.0)
    area = rule.fill(phi).sum(axis=(0, 1)) * h**2
    assert np.ptp(area) < 1e-3 * area.mean()
    assert area.mean() == pytest.approx(np.pi * 0.2**2, rel=0.02)


def test_frozen_layers_do_not_move() -> None:
    h, _, phi = state("rod", 24)
    rule = LevelSet(h, 0.01, 0.0, 0.0, 2)
    moved = rule.advance(np.asarray(phi), jnp.ones_like(phi), -0.01, 3.0)
    still = np.asarray(phi) == moved
    assert still[:, :, :2].all() and still[:, :, -2:].all()
    assert rule.fill(moved)[:, :, 2:-2].sum() < 0.8 * rule.fill(np.asarray(phi))[:, :, 2:-2].sum()


def rough_bone(n: int = 24) -> np.ndarray:
    rng = np.random.default_rng(4)
    from scipy import ndimage

    noise = ndimage.gaussian_filter(rng.standard_normal((n, n, n)), 2.5)
    return (np.abs(noise) < 0.2 * noise.std()).astype(np.float32)


def test_round_trip_keeps_bone_volume_and_place() -> None:
    mask = rough_bone()
    fill = np.asarray(surface.fill_fraction(jnp.asarray(surface.distance_from_fill(mask, 0.02)), 0.02))
    assert fill.mean() == pytest.approx(mask.mean(), rel=1e-4)
    assert np.mean((fill >= 0.5) != (mask >= 0.5)) < 0.03 * mask.mean()


def test_reinitialisation_keeps_the_volume_of_rough_bone() -> None:
    start = jnp.asarray(surface.distance_from_fill(rough_bone(), 0.02))
    phi = start
    for _ in range(60):
        phi = surface.reinitialise(phi, 0.02)
    assert volume(phi, 0.02) == pytest.approx(volume(start, 0.02), rel=5e-3)


def test_surface_area() -> None:
    h, _, phi = state("ball", 24, 0.3)
    assert float(surface.surface_weight(phi, h).sum()) * h**2 == pytest.approx(4 * np.pi * 0.09, rel=0.01)


def test_voxels_that_are_no_cubes_are_refused() -> None:
    assert surface.voxel_edge((0.0607, 0.06069, 0.0607)) == pytest.approx(0.0607, rel=1e-3)
    with pytest.raises(UserError, match="not cubic"):
        surface.voxel_edge((0.02, 0.02, 0.03))
