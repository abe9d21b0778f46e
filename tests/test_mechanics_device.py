"""What is computed on the device around the iteration, against the same in NumPy and against plain look-ups."""

import jax
import numpy as np
import pytest

from trabfem.errors import UserError
from trabfem.mechanics.mesh import HexMesh, Lengths

SPACING = (0.03, 0.05, 0.04)
ARRAYS = ("pairs", "modulus", "voxels", "nodes", "incident", "around", "ranks")


def random_bone(shape: tuple[int, int, int], share: float, seed: int = 0) -> np.ndarray:
    """Voxels at random, with moduli of their own."""
    random = np.random.default_rng(seed)
    return np.where(random.random(shape) < share, random.uniform(500, 2000, shape), 0).astype(np.float32)


def mesh_of(modulus, **options) -> HexMesh:
    return HexMesh.from_voxels(modulus, SPACING, lists=True, ranked=True, **options)


# The last ones have a node, or a voxel, at the last place of a word.
SHAPES = [(3, 4, 5), (7, 1, 70), (2, 3, 31), (2, 3, 32), (1, 1, 64)]


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("share", [0.1, 0.6, 1.0])
def test_numbering_on_the_device_equals_numpy(shape, share):
    modulus = random_bone(shape, share, 3)
    modulus[0, 0, -1] = 1000
    host, device = mesh_of(modulus), mesh_of(jax.device_put(modulus))
    assert (host.num_elements, host.num_nodes) == (device.num_elements, device.num_nodes)
    assert host.num_elements == np.count_nonzero(modulus)
    for name in ARRAYS:
        ours, theirs = getattr(device, name), getattr(host, name)
        assert ours.dtype == theirs.dtype
        np.testing.assert_array_equal(ours, theirs, err_msg=name)


def test_ranks_and_octants_equal_a_plain_look_up():
    modulus = random_bone((4, 5, 67), 0.4)
    mesh = mesh_of(modulus)
    assert mesh.ranks is not None and mesh.around is not None
    ranks, nodes, around = (np.asarray(array) for array in (mesh.ranks, mesh.nodes, mesh.around))
    words = -(-68 // 32)

    def numbers(column):
        found = {}
        for x, y, z in np.ndindex(5, 6, 68):
            mask, before = (int(value) for value in ranks[(x * 6 + y) * words + z // 32, column : column + 2])
            if mask >> z % 32 & 1:
                found[x, y, z] = before + (mask & ((1 << z % 32) - 1)).bit_count()
        return found

    assert numbers(0) == {tuple(place): n for n, place in enumerate(nodes[: mesh.num_nodes].tolist())}
    voxels = np.asarray(mesh.voxels)[: mesh.num_elements].tolist()
    assert numbers(2) == {tuple(place): n for n, place in enumerate(voxels)}
    solid = np.pad(modulus > 0, 1)
    for node, bits in zip(nodes[: mesh.num_nodes], around, strict=False):
        x, y, z = node
        assert [bool(bits >> o & 1) for o in range(8)] == solid[x : x + 2, y : y + 2, z : z + 2].ravel().tolist()
    assert not around[mesh.num_nodes :].any()


def test_array_lengths_on_the_device_stay_if_they_suffice_and_grow_if_not():
    modulus = random_bone((6, 7, 40), 0.5)
    first = mesh_of(jax.device_put(modulus))
    fewer = np.where(np.arange(40) < 30, modulus, 0)
    assert mesh_of(jax.device_put(fewer), like=first.lengths).lengths == first.lengths
    for like in (Lengths(64, 64), Lengths(len(first.pairs), 64), first.lengths):
        ours, theirs = (mesh_of(grid, like=like) for grid in (jax.device_put(modulus), modulus))
        assert ours.lengths == theirs.lengths
        for name in ARRAYS:
            np.testing.assert_array_equal(getattr(ours, name), getattr(theirs, name), err_msg=name)


@pytest.mark.parametrize(
    ("value", "words"), [(0, "no solid voxel"), (np.nan, "not finite"), (np.inf, "not finite"), (-1, "negative")]
)
def test_bad_moduli_on_the_device_are_one_clear_sentence(value, words):
    modulus = jax.device_put(np.full((3, 3, 3), value, np.float32))
    for like in (None, Lengths(128, 128)):
        with pytest.raises(UserError, match=words):
            HexMesh.from_voxels(modulus, SPACING, like=like)
