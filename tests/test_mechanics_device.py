"""What is computed on the device around the iteration, against the same in NumPy and against plain look-ups."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import ndimage

from analytic import lattice_bone
from trabfem.errors import UserError
from trabfem.mechanics import cases, connected, fields, lattice, loads, solve, strength, supports, warm_start
from trabfem.mechanics.mesh import HexMesh, Lengths
from trabfem.mechanics.solution import Solution
from typed import count_compilations

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


@pytest.mark.parametrize(
    ("shape", "share"), [*((shape, 0.6) for shape in SHAPES), ((4, 3, 70), 0.05), ((2, 2, 33), 1.0)]
)
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


# Which bone reaches both ends -----------------------------------------------------------------------------------------


def label_both_ends(solid: np.ndarray, axis: int, layers: int) -> np.ndarray:
    label = np.empty(solid.shape, np.int32)
    ndimage.label(solid, output=label)
    first, last = (np.take(label, ends, axis) for ends in (range(layers), range(-layers, 0)))
    return np.isin(label, np.setdiff1d(np.intersect1d(first, last), 0))


@pytest.mark.parametrize("axis", [0, 1, 2])
@pytest.mark.parametrize("share", [0.33, 0.4, 0.6])
def test_bone_that_reaches_both_ends_is_what_scipy_labels(axis, share):
    solid = random_bone((9, 11, 40), share, axis) > 0
    for layers in (1, 3):
        exact = label_both_ends(solid, axis, layers)
        found = connected.reaches_both_ends(jax.device_put(solid), axis, layers)
        np.testing.assert_array_equal(found, exact)
        assert bool(connected.joins_ends(jax.device_put(solid), axis, layers)) == exact.any()


def test_a_winding_way_is_followed_to_its_end():
    """A meander has as many bends as layers; of two of them one is cut."""
    solid = np.zeros((40, 7, 70), bool)
    solid[:, :, ::2] = solid[:, 4:, :] = False
    solid[:, :3, ::2] = solid[::39, :3] = True
    for z in range(1, 70, 2):
        solid[:, :, z] = False
        solid[0 if z % 4 == 1 else 39, :3, z] = True
    solid[:, 4:] = solid[:, :3]
    solid[:, 4:, 34] = False
    found = np.asarray(connected.reaches_both_ends(jax.device_put(solid), 2))
    np.testing.assert_array_equal(found, label_both_ends(solid, 2, 1))
    assert found[:, :3].any() and not found[:, 4:].any()


@pytest.mark.parametrize("axis", [0, 1, 2])
@pytest.mark.parametrize("shape", [(13, 6, 33), (1, 8, 100), (32, 33, 31)])
def test_both_ways_to_run_along_lines_agree(axis, shape):
    solid = lattice.pack(jnp.asarray(random_bone(shape, 0.8) > 0))
    reached = jnp.stack([lattice.pack(jnp.asarray(random_bone(shape, 0.05, seed) > 0)) & solid for seed in (1, 2)])
    one, other = (run(reached, solid, axis) for run in (connected._run_by_layers, connected._run_by_doubling))
    np.testing.assert_array_equal(one, other)
    for before, after in zip(reached, one, strict=True):
        bits = [np.asarray(lattice.unpack(words, shape[2]))[:-1, :-1] for words in (before, after, solid)]
        lines = np.zeros((3, 3, 3), bool)
        lines[tuple(slice(None) if i == axis else 1 for i in range(3))] = True
        np.testing.assert_array_equal(bits[1], ndimage.binary_propagation(bits[0], lines, bits[2]))


@pytest.mark.parametrize("depth", [0.0, 0.09])
def test_load_path_of_a_grid_on_the_device(monkeypatch, depth):
    bone = np.zeros((5, 5, 12), np.float32)
    bone[2, 2, 2:] = 1000
    case = loads.platens(-0.01, depth=depth)
    answers = []
    for on_host in (True, False):
        with monkeypatch.context() as patch:
            if not on_host:
                patch.setattr(jax, "default_backend", lambda: "gpu")
            try:
                supports.require_load_path(jax.device_put(bone), (0.04, 0.04, 0.04), case)
                answers.append("")
            except UserError as error:
                answers.append(str(error))
    assert answers[0] == answers[1]
    assert bool(answers[0]) == (depth == 0)


# Supports and first guess ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "depth"),
    [(name, 0.0) for name in loads.BY_NAME] + [("platens", 0.07), ("kubc-yz", 0.07), ("confined", 0.07)],
)
def test_prescribed_displacements_are_those_of_numpy(name, depth):
    mesh = mesh_of(random_bone((5, 6, 7), 0.5))
    case = loads.by_name(name, displacement=0.013, depth=depth)
    fixed, value = (np.asarray(part) for part in supports.prescribe_displacements(mesh, case))
    live = slice(mesh.num_nodes)
    exact = case.prescribe(np.asarray(mesh.nodes)[live], mesh.shape, mesh.spacing)
    np.testing.assert_array_equal(fixed[live], exact[0])
    np.testing.assert_allclose(value[live], exact[1], rtol=1e-14, atol=1e-17)
    assert value.dtype == np.float64
    assert fixed[mesh.num_nodes :].all() and not value[mesh.num_nodes :].any()


def test_another_size_or_strain_of_the_same_grips_compiles_nothing():
    mesh = mesh_of(random_bone((5, 6, 8), 0.5))
    supports.prescribe_displacements(mesh, loads.kubc("xx", 0.01))
    before = count_compilations(supports._find_supports)
    for case in loads.STRAINS:
        for strain in (-0.01, 0.003):
            supports.prescribe_displacements(mesh, loads.kubc(case, strain))
    assert count_compilations(supports._find_supports) == before


def test_cases_that_prescribe_the_same_freedoms_are_known_without_the_mesh():
    mesh = mesh_of(random_bone((4, 5, 6), 0.7))
    every = [loads.by_name(name, -0.01) for name in loads.BY_NAME] + [loads.platens(0.01, depth=0.05)]
    nodes = np.asarray(mesh.nodes)[: mesh.num_nodes]
    masks = [case.prescribe(nodes, mesh.shape, mesh.spacing)[0].tobytes() for case in every]
    for one, mask in zip(every, masks, strict=True):
        for other, theirs in zip(every, masks, strict=True):
            assert (one.grip.held == other.grip.held) == (mask == theirs), (one.name, other.name)


def guess_in_numpy(start, mesh, case, fixed, value):
    """The first guess by loops over nodes and elements."""
    old, moved = start.mesh, np.asarray(start.displacement)
    scale = case.travel(mesh.shape, mesh.spacing) * start.stiffness / start.reaction_force
    before = {tuple(place): n for n, place in enumerate(np.asarray(old.nodes)[: old.num_nodes].tolist())}
    nodes = np.asarray(mesh.nodes)[: mesh.num_nodes].tolist()
    u = {n: scale * moved[before[tuple(place)]] for n, place in enumerate(nodes) if tuple(place) in before}
    conn, layers = np.asarray(mesh.conn)[: mesh.num_elements].tolist(), 0
    while True:
        given: dict[int, list] = {}
        for element in conn:
            if known := [u[n] for n in element if n in u]:
                for n in element:
                    if n not in u:
                        given.setdefault(n, []).append(np.mean(known, 0))
        if not given:
            break
        layers += 1
        u |= {n: np.mean(values, 0) for n, values in given.items()}
    whole = np.zeros((len(mesh.nodes), 3))
    whole[list(u)] = list(u.values())
    return np.where(fixed, value, whole), layers


@pytest.mark.parametrize("chunk", [3, 4096])
def test_first_guess_fills_new_nodes_in_layers(monkeypatch, chunk):
    """Bone was added in a thick layer, removed, and put where nothing is near; more nodes than fit one chunk."""
    monkeypatch.setattr(warm_start, "CHUNK", chunk)
    bone = lattice_bone(12) * 1000.0
    old = HexMesh.from_voxels(bone, SPACING)
    moved = np.random.default_rng(0).normal(size=(len(old.nodes), 3))
    start = Solution(
        mesh=old,
        load=loads.platens(-0.01),
        displacement=moved,
        reaction_force=-2.0,
        stiffness=300.0,
        apparent_modulus=100.0,
        energy=1.0,
        iterations=1,
        fine_applications=1,
        relative_residual=0.0,
        energy_error=0.0,
        converged=True,
        setup_s=0.0,
        solve_s=0.0,
        lengths=old.lengths,
        levels=(),
    )
    changed = bone.copy()
    changed[:4, :4], changed[-3:, -3:] = 1000, 0
    alone = np.argwhere(np.asarray(ndimage.distance_transform_cdt(bone == 0)) > 1)
    changed[tuple(alone[-1])] = 1000
    mesh, case = HexMesh.from_voxels(changed, SPACING, like=start.lengths), loads.platens(0.02)
    free, value = supports.find_supports(mesh, case)
    jax.clear_caches()
    guess = np.asarray(warm_start.first_guess(start, mesh, case, free=free, value=value))
    jax.clear_caches()
    exact, layers = guess_in_numpy(start, mesh, case, ~np.asarray(free), np.asarray(value))
    assert layers > 1
    np.testing.assert_allclose(guess, exact, rtol=1e-12, atol=1e-16)


# Solutions and what follows from them ---------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def answer():
    bone = lattice_bone(16) * np.random.default_rng(0).uniform(2000, 6000, (16, 16, 16))
    return solve.solve(bone, SPACING, loads.platens(-0.01))


def test_a_grid_on_the_device_has_the_solution_of_one_in_numpy(answer):
    modulus = np.asarray(fields.to_grid(answer.mesh, np.asarray(answer.mesh.modulus)))
    found = solve.solve(jax.device_put(modulus), SPACING, loads.platens(-0.01))
    assert isinstance(found.displacement, jax.Array) and found.displacement.dtype == np.float64
    np.testing.assert_array_equal(np.asarray(found.displacement), np.asarray(answer.displacement))
    [again] = cases.solve_cases(jax.device_put(modulus), SPACING, [loads.platens(-0.01)], starts=[found])
    assert again.stiffness == pytest.approx(answer.stiffness, rel=1e-9)


@pytest.mark.parametrize("where", ["gauss", "centroid"])
def test_energy_on_the_device_is_that_on_the_host(answer, where):
    found = fields.energy_grid(answer, where)
    assert isinstance(found, jax.Array) and found.dtype == np.float64
    np.testing.assert_array_equal(np.asarray(found), fields.energy_density(answer, where))


@pytest.mark.parametrize("volume", [1e-5, 0.02, 0.4, 0.99999])
@pytest.mark.parametrize("shared", [False, True])
def test_critical_strain_is_that_of_numpy(answer, volume, shared):
    mesh = answer.mesh
    voxels = tuple(np.asarray(mesh.voxels)[: mesh.num_elements].T)
    share = np.random.default_rng(1).choice([0.0, 0.3, 1.0], mesh.shape) if shared else None
    modulus = np.asarray(mesh.modulus, np.float64)[: mesh.num_elements]
    weight = modulus if share is None else share[voxels]
    density = fields.energy_density(answer, "centroid")[voxels]
    strain = np.sqrt(2 * density / modulus)
    order = np.argsort(strain)
    exact = np.interp(-volume, -strength.tissue_above(weight[order]), strain[order])
    rule = dataclasses.replace(strength.PISTOIA_2002, volume=volume)
    for grid in (share, None if share is None else jax.device_put(share)):
        found = strength.pistoia(answer, rule, grid)
        assert found.ees == pytest.approx(exact, rel=1e-9 if grid is share else 1e-6)
        assert found.youngs == modulus.max()
