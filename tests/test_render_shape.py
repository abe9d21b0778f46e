"""What is drawn: the bone's own volume, smooth where voxels tore, without specks that carry nothing."""

import numpy as np
import pytest
from scipy import ndimage

from fake_run import fill_of, plate_depth
from trabfem.render.shape import drawn_surface, idle_pieces, level_of
from trabfem.render.surface import extract, triangle_normals

SPACING = (0.04, 0.04, 0.04)
SHAPE = (32, 30, 34)


def volume_of(fill: np.ndarray) -> float:
    return float(fill.sum(dtype=float)) * 0.04**3


@pytest.fixture(scope="module")
def network() -> np.ndarray:
    return fill_of(plate_depth(SHAPE, SPACING), SPACING).astype(np.float32)


def test_what_is_drawn_is_as_much_bone_as_there_is(network: np.ndarray) -> None:
    assert drawn_surface(network, SPACING).volume == pytest.approx(volume_of(network), rel=0.01)
    mask = (network > 0.5).astype(np.float32)
    assert drawn_surface(mask, SPACING).volume == pytest.approx(volume_of(mask), rel=0.01)


def test_a_thin_strut_stays_whole_and_as_thick_as_it_is() -> None:
    fill = np.zeros((16, 16, 24), np.float32)
    fill[7:9, 7:9, :] = 0.9
    surface = drawn_surface(fill, SPACING)
    assert surface.volume == pytest.approx(volume_of(fill), rel=0.05)
    heights = np.unique(np.round(surface.points[:, 2] / 0.04))
    assert len(heights) >= 24, "from end to end"


def roughness(fill: np.ndarray, surface: object) -> float:
    """Mean angle (radians) between neighbouring triangles of the wall."""
    points, triangles = surface.points, surface.triangles[surface.cap == 0]  # type: ignore[attr-defined]
    normals = triangle_normals(points, triangles)
    normals /= np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-30)
    edges = np.sort(np.concatenate([triangles[:, [0, 1]], triangles[:, [1, 2]], triangles[:, [2, 0]]]), axis=1)
    order = np.lexsort(edges.T)
    same = (edges[order][1:] == edges[order][:-1]).all(axis=1)
    first, second = order[:-1][same] % len(triangles), order[1:][same] % len(triangles)
    cosine = np.einsum("ij,ij->i", normals[first], normals[second])
    return float(np.arccos(np.clip(cosine, -1, 1)).mean())


def test_torn_edges_are_smooth(network: np.ndarray) -> None:
    """Voxels taken out one by one, as where a strut perforates, do not show as voxels."""
    taken = np.random.default_rng(1).random(network.shape) < 0.08
    torn = np.where(taken & (ndimage.gaussian_filter(network, 1) < 0.8), 0, network).astype(np.float32)
    assert roughness(torn, drawn_surface(torn, SPACING)) < 0.6 * roughness(torn, extract(torn, SPACING))


def test_specks_and_idle_pieces_are_left_out_and_the_rest_stays() -> None:
    fill = np.zeros((20, 20, 30), np.float32)
    fill[8:12, 8:12, :] = 1
    energy = fill.copy()
    fill[2, 2, 4] = 1  # a speck
    fill[3:7, 14:18, 20:] = 1  # hangs from the upper face, carries nothing
    fill[14:18, 3:7, 10:20] = 1  # loaded through bone too thin to be drawn
    energy[14:18, 3:7, 10:20] = 0.5
    points = drawn_surface(fill, SPACING, energy).points / 0.04
    assert points[:, 0].min() > 7 and points[:, 0].max() > 17
    kept = drawn_surface(fill, SPACING).points / 0.04
    assert kept[:, 0].min() == pytest.approx(3, abs=0.7), "without energies only the speck goes"


def test_bone_that_is_cut_through_is_still_drawn() -> None:
    fill = np.zeros((12, 12, 20), np.float32)
    fill[4:8, 4:8, :9] = fill[4:8, 4:8, 12:] = 1
    energy = np.zeros_like(fill)
    assert not idle_pieces(fill > 0.5, energy).any()
    assert len(drawn_surface(np.zeros_like(fill), SPACING).triangles) == 0


def test_level_encloses_the_share() -> None:
    ramp = np.broadcast_to(np.clip(0.5 + (np.arange(40) - 13.2) / 6, 0, 1), (4, 4, 40)).astype(float)
    level = level_of(ramp, 0.65)
    assert float((ramp >= level).mean()) == pytest.approx(0.65, abs=0.02)
