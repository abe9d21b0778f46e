"""Array lengths: the scans of a cohort share a few, and with them their programs."""

import jax
import numpy as np
import pytest
from scipy import ndimage

from trabfem.mechanics import hierarchy, loads, solve
from trabfem.mechanics.mesh import HexMesh, Lengths, capacity

SPACING = (0.03, 0.03, 0.03)
COMPILED = "/jax/core/compile/backend_compile_duration"


def plates(seed: int) -> np.ndarray:
    """Bone of one kind in a grid of one shape; the number of voxels differs by 2 % either way."""
    random = np.random.default_rng(seed)
    noise = ndimage.gaussian_filter(random.standard_normal((40, 40, 40)), 2.5)
    share = 0.3 * random.uniform(0.98, 1.02)
    return np.where(abs(noise) < np.quantile(abs(noise), share), 5000.0, 0).astype(np.float32)


def counts_of(bone: np.ndarray) -> list[int]:
    """Elements and nodes of the mesh and of every coarse level."""
    with jax.enable_x64(True):
        mesh = HexMesh.from_voxels(bone, SPACING)
        steps = hierarchy.coarsen_all(mesh, Lengths(), None)
    counts = [mesh.num_elements, mesh.num_nodes]
    for split, elements in steps:
        found = int(elements.count)
        counts += [found, int(np.asarray(split.conn)[:found].max()) + 1]
    return counts


def test_bones_of_a_cohort_share_a_few_sets_of_lengths():
    counts = [counts_of(plates(seed)) for seed in range(20)]
    assert len({tuple(each) for each in counts}) == 20
    # Averaged over sizes of bone, since one cohort can lie at the edge of a step.
    scales = np.geomspace(0.5, 2, 40)
    different = [len({tuple(capacity(int(scale * n)) for n in each) for each in counts}) for scale in scales]
    assert np.mean(different) < 8


@pytest.mark.parametrize("count", [1, 27, 63, 64, 936, 1000, 1408, 10**4, 10**5, 388_553, 10**6, 268_435_455])
def test_a_length_holds_the_count_and_is_a_step_of_the_ladder(count):
    length = capacity(count)
    assert length > count and length % 64 == 0
    assert capacity(count + 1) >= length
    assert capacity(count, present=length) == length
    assert capacity(length, present=length) > 1.07 * length
    if count > 2**19:
        assert length < 1.014 * count


def test_the_second_bone_with_the_same_lengths_compiles_nothing():
    lengths: dict[tuple[int, ...], int] = {}
    for seed in range(20):
        pair = lengths.setdefault(tuple(map(capacity, counts_of(plates(seed)))), seed), seed
        if pair[0] != pair[1]:
            break
    compiled: list[str] = []

    def took(event: str, duration_secs: float, **_: object) -> None:
        compiled.extend([event] * (event == COMPILED))

    jax.monitoring.register_event_duration_secs_listener(took)
    try:
        first = solve.solve(plates(pair[0]), SPACING, loads.platens(-0.01))
        before = len(compiled)
        second = solve.solve(plates(pair[1]), SPACING, loads.platens(-0.01))
    finally:
        jax.monitoring.unregister_event_duration_listener(took)
    assert first.mesh.num_elements != second.mesh.num_elements and first.lengths == second.lengths
    assert len(compiled) == before
