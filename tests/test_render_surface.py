"""The drawn surface against shapes of known area and volume, and its behaviour at the border of the volume."""

import numpy as np
import pytest

from fake_run import fill_of, plate_depth
from trabfem.render.panels import openness
from trabfem.render.surface import (
    Surface,
    distance_outside,
    extract,
    outline_lost_bone,
    sample,
    simplify,
    triangle_normals,
)

H = 0.05
CUBE = (H, H, H)


def ball(centre: tuple[float, float, float], radius: float, n: int = 40) -> np.ndarray:
    """Fill of a ball in a box of n voxels a side."""
    g = (np.arange(n) + 0.5) * H
    x, y, z = np.meshgrid(g - centre[0], g - centre[1], g - centre[2], indexing="ij")
    return np.clip(0.5 + (radius - np.sqrt(x**2 + y**2 + z**2)) / H, 0, 1).astype(np.float32)


def open_edges(surface: Surface) -> int:
    """Edges, with points welded, whose two directions are not used equally often."""
    welded = np.unique(np.round(surface.points, 9), axis=0, return_inverse=True)[1].ravel()[surface.triangles]
    pairs = np.concatenate([welded[:, [0, 1]], welded[:, [1, 2]], welded[:, [2, 0]]])
    pairs = pairs[pairs[:, 0] != pairs[:, 1]]
    key = pairs.min(axis=1) * 10**7 + pairs.max(axis=1)
    direction = np.where(pairs[:, 0] < pairs[:, 1], 1, -1)
    return int(np.count_nonzero(np.bincount(np.unique(key, return_inverse=True)[1], direction)))


@pytest.mark.parametrize("smoothing", [0, 12])
def test_ball_has_its_area_and_volume(smoothing: int) -> None:
    surface = extract(ball((1.0, 1.0, 1.0), 0.7), CUBE, smoothing=smoothing)
    assert surface.area == pytest.approx(4 * np.pi * 0.7**2, rel=3e-3)
    assert surface.volume == pytest.approx(4 / 3 * np.pi * 0.7**3, rel=5e-3)
    outward = np.einsum("ij,ij->i", surface.normals, (surface.points - 1.0) / 0.7)
    assert outward.min() > 0.97


def test_cut_ball_is_closed_by_flat_caps() -> None:
    surface = extract(ball((0.0, 0.0, 0.0), 0.7), CUBE)
    assert surface.area == pytest.approx((0.5 + 0.75) * np.pi * 0.7**2, rel=3e-3)
    assert surface.volume == pytest.approx(np.pi * 0.7**3 / 6, rel=5e-3)
    for bit, axis in ((1, 0), (4, 1), (16, 2)):
        corners = np.unique(surface.triangles[surface.cap == bit])
        assert len(corners) > 50
        assert np.all(surface.points[corners, axis] == 0.0), "a cap lies in the border plane exactly"
        assert np.all(surface.normals[corners] == -np.eye(3)[axis]), "and is lit as a plane"
    assert surface.points.min() == 0.0


def test_bar_through_the_box_has_sharp_ends() -> None:
    fill = np.zeros((12, 10, 8), dtype=np.float32)
    fill[3:7, 2:8, :] = 1
    spacing = (0.03, 0.04, 0.05)
    surface = extract(fill, spacing, smoothing=0)
    for bit, z in ((16, 0.0), (32, 0.4)):
        cap = surface.points[np.unique(surface.triangles[surface.cap == bit])]
        assert np.all(cap[:, 2] == z)
        assert np.allclose([cap[:, 0].min(), cap[:, 0].max()], [0.09, 0.21]), "the end is as wide as the bar"
        assert np.allclose([cap[:, 1].min(), cap[:, 1].max()], [0.08, 0.32])
    assert set(np.unique(surface.cap)) == {0, 16, 32}, "no rim on the faces that the bar does not touch"


def test_full_box_is_the_box() -> None:
    surface = extract(np.ones((3, 4, 5), dtype=np.float32), (1.0, 2.0, 3.0))
    assert surface.area == pytest.approx(2 * (3 * 8 + 3 * 15 + 8 * 15))
    assert surface.volume == pytest.approx(3 * 8 * 15)


@pytest.mark.parametrize("smoothing", [0, 12])
def test_bone_is_closed_and_stays_in_its_box(smoothing: int) -> None:
    shape, spacing = (26, 20, 30), (0.05, 0.06, 0.04)
    fill = fill_of(plate_depth(shape, spacing), spacing).astype(np.float32)
    surface = extract(fill, spacing, smoothing=smoothing)
    assert open_edges(surface) == 0
    size = np.array(shape) * spacing
    assert np.all(surface.points >= 0) and np.all(surface.points <= size + 1e-12)
    capped = 0
    for axis in range(3):
        for bit, place, border in ((1, 0.0, 0), (2, size[axis], -1)):
            corners = surface.cap_points() == bit << (2 * axis)
            assert np.any(corners) == (fill.take(border, axis).max() > 0.5)
            assert np.allclose(surface.points[corners, axis], place, rtol=0, atol=1e-14)
            capped += bool(np.any(corners))
    assert capped >= 4


def test_smoothing_takes_the_steps_off_a_mask() -> None:
    mask = (ball((1.0, 1.0, 1.0), 0.7) >= 0.5).astype(np.float32)
    radius = [np.linalg.norm(extract(mask, CUBE, smoothing=n).points - 1.0, axis=1).std() for n in (0, 12)]
    assert radius[1] < 0.7 * radius[0]


def test_void_is_an_empty_surface() -> None:
    surface = extract(np.zeros((4, 4, 4), dtype=np.float32), CUBE)
    assert len(surface.triangles) == 0 and surface.area == 0


def test_colours_do_not_fade_towards_the_void() -> None:
    fill = ball((1.0, 1.0, 1.0), 0.7)
    surface = extract(fill, CUBE)
    values = np.where(fill >= 0.5, 3.0, 0.0)
    assert np.allclose(sample(values, surface.points, CUBE), 3.0)


def test_colours_follow_the_axes() -> None:
    fill = np.ones((6, 5, 4), dtype=np.float32)
    spacing = (0.1, 0.2, 0.4)
    x, y, z = np.meshgrid(*((np.arange(n) + 0.5) * h for n, h in zip(fill.shape, spacing, strict=True)), indexing="ij")
    points = np.array([[0.2, 0.5, 0.9], [0.5, 0.3, 0.3]])
    assert np.allclose(sample(1 + x + 10 * y + 100 * z, points, spacing), 1 + points @ [1, 10, 100])


def test_occlusion_darkens_a_groove_and_not_a_cap() -> None:
    fill = np.ones((30, 30, 20), dtype=np.float32)
    fill[14:17, :, 6:] = 0
    surface = extract(fill, CUBE)
    light = openness(surface, fill, CUBE)
    groove = (surface.points[:, 2] < 0.35) & (surface.points[:, 2] > 0.1) & (surface.cap_points() == 0)
    top = (surface.cap_points() == 32) & (abs(surface.points[:, 0] - 0.3) < 0.1)
    assert light[groove].mean() < 0.6 < light[top].min()


@pytest.mark.parametrize("move", [-0.3, -0.05, -0.01, 0.01, 0.05, 0.3])
def test_distance_between_surfaces_is_signed_and_exact(move: float) -> None:
    before, after = (extract(ball((1.0, 1.0, 1.0), radius), CUBE) for radius in (0.6, 0.6 + move))
    assert np.allclose(distance_outside(after.points, before, reach=2 * H), move, atol=0.12 * H)


def test_lost_envelope_is_where_the_surface_receded() -> None:
    before, after = extract(ball((1.0, 1.0, 1.0), 0.7), CUBE), extract(ball((1.1, 1.0, 1.0), 0.6), CUBE)
    lost = outline_lost_bone(before, after, gap=0.5 * H)
    ends = lost.points[:, 0]
    # |p − centre| of the smaller ball is 0.6 + gap on the circle x = 1 + (0.7² + 0.1² − 0.625²)/0.2.
    assert ends.min() < 0.31 and ends.max() == pytest.approx(1 + (0.7**2 + 0.1**2 - 0.625**2) / 0.2, abs=0.1)
    assert outline_lost_bone(before, before, gap=0.5 * H).area == 0


def test_a_simpler_surface_is_closed_flat_at_the_border_and_as_large() -> None:
    side = 40 * H
    network = fill_of(plate_depth((40, 40, 40), CUBE), CUBE).astype(np.float32)
    whole = extract(network, CUBE)
    few = simplify(whole, (side, side, side), H, len(whole.triangles) // 3)
    assert len(few.triangles) < 0.36 * len(whole.triangles)
    assert few.volume == pytest.approx(whole.volume, rel=0.005) and few.area == pytest.approx(whole.area, rel=0.03)
    assert few.points.min() >= 0 and few.points.max() <= side
    for axis, bit in enumerate((1, 4, 16)):
        caps = [np.unique(surface.triangles[surface.cap == bit]) for surface in (whole, few)]
        assert np.ptp(few.points[caps[1]][:, axis]) == 0, "flat"
        areas = [surface_area_of_cap(surface, bit) for surface in (whole, few)]
        assert areas[1] == pytest.approx(areas[0], rel=0.03)
    assert simplify(few, (side, side, side), H, 10**6) is few


def surface_area_of_cap(surface: Surface, bit: int) -> float:
    chosen = surface.triangles[surface.cap == bit]
    return float(np.linalg.norm(triangle_normals(surface.points, chosen), axis=1).sum() / 2)
