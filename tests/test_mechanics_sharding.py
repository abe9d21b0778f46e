"""Slabs on several devices and processes: the answer of one device, less memory on each, and the traffic counted."""

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from trabfem.errors import UserError
from trabfem.mechanics import hexahedron, loads, native, operator, sharding
from trabfem.mechanics.loads.base import grip_both_faces, unit_strain
from trabfem.mechanics.mesh import HexMesh
from trabfem.mechanics.sharding import finest, layers, load_path
from trabfem.mechanics.sharding.grid import Grid
from trabfem.mechanics.sharding.layers import Layers, Plan
from trabfem.mechanics.sharding.numbering import Numbering

TESTS = Path(__file__).parent
SIDE = 24
BEGIN = """
import dataclasses, json, sys
import jax
import numpy as np
from analytic import lattice_bone, rigid_motions
from jaxtyping import install_import_hook
install_import_hook("trabfem", "typechecking.check")
from trabfem.errors import UserError
from trabfem.mechanics import loads, sharding, solve
from trabfem.mechanics.sharding import traffic

where, count = sys.argv[1], int(sys.argv[2])
if where != "alone":
    jax.config.update("jax_cpu_collectives_implementation", "gloo")
    jax.distributed.initialize(where, count, int(sys.argv[3]))

def difference(found, one):
    theirs = np.asarray(one.displacement)
    off = (found.displacement - theirs)[:one.mesh.num_nodes]
    if one.case.name == "uniaxial":
        # The ends may slide along x and y and turn about z.
        places = np.asarray(one.mesh.nodes)[:one.mesh.num_nodes] * np.array(one.mesh.spacing)
        rigid = rigid_motions(places)[[0, 1, 5]].reshape(3, -1).T
        off = off.reshape(-1) - rigid @ np.linalg.lstsq(rigid, off.reshape(-1))[0]
    return float(np.linalg.norm(off) / np.linalg.norm(theirs))

def same_small_levels(spread, one):
    pairs = zip(jax.tree.leaves(spread.common), jax.tree.leaves(one.levels[len(spread.levels):]), strict=True)
    return all(np.array_equal(np.asarray(a), np.asarray(b)) for a, b in pairs)
"""
SOLVE = (
    BEGIN
    + """
random = np.random.default_rng(0)
bone = lattice_bone(SIDE) * random.uniform(2000, 8000, (SIDE,) * 3) * (random.random((SIDE,) * 3) < 0.98)
given = bone, (0.04,) * 3, loads.platens(-0.01)
asked = []
read = lambda first, last: (asked.append((first, last)), bone[first:last])[1]
spread = sharding.distribute(sharding.Layers(bone.shape, read), *given[1:], replicated_nodes=500)
found, sent = sharding.solve(spread), traffic.count(spread)
part = sharding.solve(spread, whole=False)
bad, told = bone.copy(), ""
bad[-1, 0, 0] = np.nan
try:
    sharding.distribute(bad, *given[1:], replicated_nodes=500)
except UserError as mistake:
    told = str(mistake)
if jax.process_index() == 0:
    one = solve.solve(*given)
    whole = sharding.distribute(*given, replicated_nodes=500, devices=jax.local_devices()[:1])
    print(json.dumps({
        "devices": jax.device_count(),
        "processes": jax.process_count(),
        "levels": len(spread.levels),
        "modulus": found.apparent_modulus / one.apparent_modulus - 1,
        "displacement": difference(found, one),
        "iterations": [found.iterations, one.iterations],
        "converged": found.converged,
        "small": same_small_levels(spread, one),
        "mesh": all(np.array_equal(getattr(found.mesh, n), getattr(one.mesh, n)) for n in ("pairs", "voxels", "nodes")),
        "part": [part.mesh.num_nodes, int(np.abs(part.displacement - found.displacement[:len(part.displacement)]).max(
            initial=0, where=np.arange(len(part.displacement))[:, None] < part.mesh.num_nodes) == 0)],
        "nodes": [spread.num_nodes, one.mesh.num_nodes],
        "told": told,
        "last_read": max(last for _, last in asked),
        "bytes": [spread.slab_bytes, whole.slab_bytes],
        "planes": [numbering.halo.plane for numbering in spread.numberings],
        "application": dataclasses.astuple(sent.application),
        "residual": dataclasses.astuple(sent.residual),
        "iteration": dataclasses.astuple(sent.iteration),
    }))
""".replace("SIDE", str(SIDE))
)
PRETENDED = (
    BEGIN
    + """
from trabfem.mechanics import hierarchy
from trabfem.mechanics.native import pretended
random = np.random.default_rng(2)
bone = lattice_bone(56)[:38, :16, :17] * random.uniform(2000, 8000, (38, 16, 17))
given = bone, (0.04, 0.05, 0.045), loads.ForcePlate(-3.0)
one = solve.solve(*given, rtol=1e-8)
with pretended.pretended_gpu():
    # So that there are small levels besides the coarsest.
    hierarchy.COARSEST_DOFS["gpu"] = 600
    spread = sharding.distribute(*given, replicated_nodes=100)
    found = sharding.solve(spread, rtol=1e-8)
finest, first = spread.levels[0], spread.levels[1].operator.elements
lists = finest.mesh.ranks, finest.transfer.nodes, finest.transfer.corners, first.corners
print(json.dumps({
    "levels": [len(spread.levels), len(spread.common)],
    "lists": all(group is not None for group in (*lists, spread.common[0].operator.elements.corners)),
    "iterations": [found.iterations, one.iterations],
    "modulus": found.apparent_modulus / one.apparent_modulus - 1,
    "displacement": difference(found, one),
    "converged": found.converged,
}))
"""
)
SHAPES = (
    BEGIN
    + """
random = np.random.default_rng(1)
lattice = lattice_bone(56)[:53, :11, :14]
struts = np.zeros((49, 11, 12), bool)
struts[:, ::2, ::2] = struts[6::12] = struts[:2] = struts[-2:] = True
gap = lattice_bone(56)[:51, :12, :13].copy()
gap[8:24], gap[24:27, :6] = False, False
noise = random.random((50, 9, 10)) < 0.4
cases = {
    "lattice": (lattice, loads.uniaxial(-0.01), (2,)),
    "struts": (struts, loads.shear("zx", 0.01), (4,)),
    "gap": (gap, loads.platens(-0.01), (3,)),
    "noise": (noise, loads.confined(-0.01, depth=0.3), ()),
}
answers = {}
for name, (solid, load, solved) in cases.items():
    given = solid * random.uniform(2000, 8000, solid.shape), (0.04, 0.05, 0.045), load
    # Tight, so that two answers differ by less than is asked of them.
    one = solve.solve(*given, rtol=1e-8, max_iterations=300 if solved else 1)
    for devices in (1, 2, 3, 4):
        spread = sharding.distribute(*given, replicated_nodes=100, devices=jax.devices()[:devices])
        answer = {"levels": len(spread.levels), "small": same_small_levels(spread, one)}
        answer["copies"] = int(spread.numberings[-1].plane.max())
        if devices in solved:
            found = sharding.solve(spread, rtol=1e-8)
            answer["iterations"] = [found.iterations, one.iterations]
            answer["modulus"] = found.apparent_modulus / one.apparent_modulus - 1
            answer["displacement"], answer["converged"] = difference(found, one), found.converged
        answers[f"{name} {devices}"] = answer
print(json.dumps(answers))
"""
)


def run(devices: int, processes: int, program: str = SOLVE) -> dict:
    """What the program prints, on forced devices of one process or on as many processes over loopback."""
    with socket.socket() as probe:
        probe.bind(("localhost", 0))
        where = f"localhost:{probe.getsockname()[1]}" if processes > 1 else "alone"
    environment = os.environ | {
        "JAX_PLATFORMS": "cpu",
        "JAX_DISABLE_MOST_OPTIMIZATIONS": "1",
        "XLA_FLAGS": f"--xla_force_host_platform_device_count={devices}",
        "PYTHONPATH": os.pathsep.join([str(TESTS), str(TESTS.parent / "src")]),
    }
    command = [sys.executable, "-c", program, where, str(processes)]
    started = [
        subprocess.Popen([*command, str(k)], env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for k in range(processes)
    ]
    try:
        ended = [process.communicate(timeout=900) for process in started]
    finally:
        for process in started:
            process.kill()
    for process, (_, errors) in zip(started, ended, strict=True):
        assert process.returncode == 0, errors[-2000:]
    return json.loads(ended[0][0].splitlines()[-1])


def same_answer(found: dict) -> None:
    assert found["converged"]
    assert abs(found["modulus"]) < 1e-6
    assert found["displacement"] < 1e-6
    assert abs(found["iterations"][0] - found["iterations"][1]) <= 1


def test_two_devices_give_the_answer_of_one_with_half_the_memory():
    found = run(devices=2, processes=1)
    assert (found["devices"], found["processes"], found["levels"]) == (2, 1, 2)
    same_answer(found)
    # Half, the padding of short arrays, and the ghosts.
    assert found["bytes"][0] < 0.7 * found["bytes"][1]
    assert found["small"] and found["mesh"]
    assert found["nodes"][0] == found["nodes"][1]
    assert found["part"] == [found["nodes"][0], 1]
    planes = [12 * plane for plane in found["planes"]]
    # There and back around every product; between levels once down and once up.
    assert found["application"][:2] == [2 * planes[0], 2]
    assert found["residual"][:2] == [4 * planes[0], 2]
    # A cycle applies the fine operator 4 times and CG once; the level below is visited twice, with one product more.
    assert found["iteration"][:2] == [10 * planes[0] + 22 * planes[1], 32]


@pytest.mark.slow
@pytest.mark.skipif(native.kind() != "cpu", reason="no C compiler, or JAX computes elsewhere")
def test_slabs_have_the_lists_that_kernels_of_a_gpu_need():
    found = run(devices=3, processes=1, program=PRETENDED)
    assert found["levels"][0] == 2 and found["levels"][1] >= 2
    assert found["lists"]
    same_answer(found)


@pytest.mark.slow
def test_two_processes_over_loopback_give_the_answer_of_one():
    found = run(devices=1, processes=2)
    assert (found["devices"], found["processes"]) == (2, 2)
    same_answer(found)
    assert found["small"] and found["mesh"]
    # Only the second process has seen the mistake.
    assert "negative or not finite" in found["told"]
    # The first process has read half of the layers and one block of the second's.
    assert found["last_read"] == SIDE // 2 + 2
    assert found["part"][1] == 1
    assert found["part"][0] < 0.6 * found["nodes"][0]


@pytest.mark.slow
def test_any_number_of_slabs_makes_the_hierarchy_of_one_device():
    answers = run(devices=4, processes=1, program=SHAPES)
    assert len(answers) == 16
    for name, answer in answers.items():
        # Bit for bit: splits, matrices and numbers of the levels that all slabs together make.
        assert answer["small"], name
        assert answer["levels"] >= 2, name
        if "converged" in answer:
            same_answer(answer)
    assert sum("converged" in answer for answer in answers.values()) == 3
    # More than one copy of most vertices of the plane of a level of blocks: the struts pass it side by side.
    assert answers["struts 4"]["copies"] > 2 * 7 * 7


def test_planes_leave_every_slab_a_block_and_like_numbers_of_elements():
    voxels = np.linspace(1, 100, 128).astype(int)
    starts = layers.choose_planes(voxels, 4, 2)
    counts = np.add.reduceat(voxels, starts)
    assert (starts % 2 == 0).all()
    assert counts.max() < 1.3 * counts.min()
    lopsided = layers.choose_planes(np.array([50, 0, 0, 0, 0, 0, 0, 0]), 4, 2)
    np.testing.assert_array_equal(lopsided, [0, 2, 4, 6])


def test_more_devices_than_layers_of_blocks_is_one_clear_sentence():
    with pytest.raises(UserError, match="5 devices are too many for 8 layers"):
        layers.choose_planes(np.ones(8, int), 5, 2)


def test_levels_are_cut_while_they_are_large_and_slabs_have_blocks_enough():
    assert layers.choose_depth(27_000_000, 512, 2, 20_000) == 4
    assert layers.choose_depth(250_000_000, 1072, 8, 20_000) == 4
    assert layers.choose_depth(1000, 1072, 8, 20_000) == 0


class Pretended(Grid):
    """Slabs of one process that has no devices for them."""

    count = 3

    @property
    def size(self):
        return self.count

    @property
    def local(self):
        return list(range(self.count))

    def gather(self, parts):
        return np.stack(parts)

    def gather_lists(self, parts):
        return list(parts)

    def agree(self, step):
        return step()


def pretended() -> Pretended:
    return Pretended(Grid.of(jax.devices()[:1]).mesh)


def test_slabs_are_meshes_whose_forces_add_up():
    random = np.random.default_rng(0)
    modulus = (random.random((9, 6, 7)) < 0.6) * random.uniform(1, 2, (9, 6, 7))
    spacing = (1.0, 1.0, 1.0)
    mesh = HexMesh.from_voxels(modulus, spacing)
    read, plan = [], Plan((9, 6, 7), (0, 4, 6), 0)
    source = Layers((9, 6, 7), lambda first, last: (read.append((first, last)), modulus[first:last])[1])
    parts = [finest.read(source, plan, slab, loads.platens(-0.01), spacing, 0.3)[0] for slab in range(3)]
    # Its own layers and one block of each neighbour.
    assert read == [(0, 6), (2, 8), (4, 9)]
    numbering = Numbering.of(pretended(), [part.piece for part in parts])
    assert (numbering.num_elements, numbering.num_nodes) == (mesh.num_elements, mesh.num_nodes)
    u = random.normal(size=mesh.nodes.shape).astype(np.float32)
    stiffness = jnp.asarray(hexahedron.stiffness(mesh.spacing, mesh.poisson), jnp.float32)
    total = np.zeros_like(u)
    for slab, part in enumerate(parts):
        made = finest.make_mesh(part, numbering, slab, mesh.incident is not None, plan, spacing, 0.3)
        known = np.arange(part.piece.own + part.piece.ghosts)
        whole, place = numbering.number(known, slab), numbering.place(known, slab)
        np.testing.assert_array_equal(
            np.asarray(made.nodes)[place] + [plan.starts[slab], 0, 0], np.asarray(mesh.nodes)[whole]
        )
        local = np.zeros(made.nodes.shape, np.float32)
        local[place] = u[whole]
        total[whole] += np.asarray(operator.apply(made, stiffness, jnp.asarray(local)))[place]
        own = np.asarray(made.conn)[: int(made.num_elements)]
        # Kernels take for granted that the upper node of an edge along z comes next.
        assert (own[:, 1::2] == own[:, ::2] + 1).all()
    exact = np.asarray(operator.apply(mesh, stiffness, jnp.asarray(u)))
    np.testing.assert_allclose(total, exact, atol=1e-5 * abs(exact).max())


ALONG_X = loads.LoadCase("along-x", grip_both_faces(0, "x"), unit_strain(0), -0.01)


@pytest.mark.parametrize(("axis", "case"), [(2, loads.platens(-0.01)), (0, ALONG_X)])
def test_a_load_path_that_winds_through_slabs_is_found(axis, case):
    snake = np.zeros((12, 5, 9), bool)
    if axis == 2:
        # Up in the first slab, over to the last, down, and up again there.
        snake[1, 0, :7] = snake[1:11, 0, 6] = snake[10, 0, 2:7] = snake[5:11, 0, 2] = snake[5, 0:3, 2] = True
        snake[5, 2, 2:] = True
        broken = (7, 0, 6)
    else:
        snake[:, 2, 3] = True
        broken = (4, 2, 3)
    plan = Plan((12, 5, 9), (0, 4, 8), 0)
    load_path.require_load_path(pretended(), Layers.of(snake * 1.0), plan, case, (1.0, 1.0, 1.0))
    snake[broken] = False
    with pytest.raises(UserError, match="no bone connects the two loaded faces"):
        load_path.require_load_path(pretended(), Layers.of(snake * 1.0), plan, case, (1.0, 1.0, 1.0))


def test_numbers_beyond_32_bits_are_those_of_the_whole_level_only():
    counts = np.array([2**30 + 5, 2**30 + 7, 2**30 + 9, 11])
    numbering = Numbering(elements=counts, own=counts, plane=np.array([0, 3, 4, 5]), ghosts=np.array([3, 4, 5, 0]))
    assert numbering.num_nodes == numbering.num_elements == 3 * 2**30 + 32
    # The first ghost of the third slab is the first node of the last.
    ghost = np.array([2**30 + 9, 0, -1])
    np.testing.assert_array_equal(numbering.number(ghost, 2), [3 * 2**30 + 21, 2**31 + 12, -1])
    np.testing.assert_array_equal(numbering.number(np.array([0]), 3), [3 * 2**30 + 21])
    assert numbering.place(np.array([-1, 10, 4]), 3).dtype == np.int32
    assert layers.choose_planes(np.full(4096, 2**24), 4, 32).tolist() == [0, 1024, 2048, 3072]


def test_a_slab_with_too_many_numbers_asks_for_more_devices(monkeypatch):
    layers.require_numbers(2**28 - 1, "voxels", 0, 2)
    with pytest.raises(UserError, match="slab 2 of 2 has 268,435,456 voxels.* use at least 3 devices"):
        layers.require_numbers(2**28, "voxels", 1, 2)
    monkeypatch.setattr(layers, "MOST_CORNERS", 4000)
    with pytest.raises(UserError, match="slab 1 of 1 has 1,000 voxels, more than the 500 .* use at least 3 devices"):
        sharding.distribute(np.ones((10, 10, 10)), (1.0, 1.0, 1.0), loads.platens(-0.01), devices=jax.devices()[:1])


@pytest.mark.parametrize(
    ("modulus", "said"),
    [
        (np.zeros((4, 4, 4)), "there is no solid voxel"),
        (1.0 - 2 * np.eye(4)[..., None] * (np.arange(4) == 0), "negative or not finite"),
        (Layers((4, 4, 4), lambda first, last: np.ones((last - first, 4, 5))), "have the shape"),
        (np.ones((4, 4, 4)) * (np.arange(4) != 2), "no bone connects the two loaded faces"),
    ],
)
def test_mistakes_are_told_as_for_one_device(modulus, said):
    with pytest.raises(UserError, match=said):
        sharding.distribute(modulus, (1.0, 1.0, 1.0), loads.platens(-0.01), devices=jax.devices()[:1])
