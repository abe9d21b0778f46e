"""Slabs on several devices and processes: the answer of one device, less memory on each, and the traffic counted."""

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import jax.numpy as jnp
import numpy as np
import pytest

from trabfem.errors import UserError
from trabfem.mechanics import hexahedron, operator
from trabfem.mechanics.mesh import HexMesh
from trabfem.mechanics.sharding import partition

TESTS = Path(__file__).parent
SIDE = 24
SOLVE = """
import dataclasses, json, sys
import jax
import numpy as np
from analytic import lattice_bone
from jaxtyping import install_import_hook
install_import_hook("trabfem", "typechecking.check")
from trabfem.mechanics import loads, sharding, solve
from trabfem.mechanics.sharding import traffic

where, count = sys.argv[1], int(sys.argv[2])
if where != "alone":
    jax.config.update("jax_cpu_collectives_implementation", "gloo")
    jax.distributed.initialize(where, count, int(sys.argv[3]))
random = np.random.default_rng(0)
bone = lattice_bone(SIDE) * random.uniform(2000, 8000, (SIDE,) * 3) * (random.random((SIDE,) * 3) < 0.98)
given = bone, (0.04,) * 3, loads.platens(-0.01)
spread = sharding.distribute(*given, replicated_nodes=500)
found, sent = sharding.solve(spread), traffic.count(spread)
if jax.process_index() == 0:
    one = solve.solve(*given)
    whole = sharding.distribute(*given, replicated_nodes=500, devices=jax.local_devices()[:1])
    ours, theirs = np.asarray(found.displacement), np.asarray(one.displacement)
    off = np.linalg.norm(ours - theirs) / np.linalg.norm(theirs)
    print(json.dumps({
        "devices": jax.device_count(),
        "processes": jax.process_count(),
        "levels": len(spread.levels),
        "modulus": found.apparent_modulus / one.apparent_modulus - 1,
        "displacement": off,
        "iterations": [found.iterations, one.iterations],
        "converged": found.converged,
        "bytes": [spread.slab_bytes, whole.slab_bytes],
        "planes": [cut.halo.plane for cut in spread.cuts],
        "application": dataclasses.astuple(sent.application),
        "residual": dataclasses.astuple(sent.residual),
        "iteration": dataclasses.astuple(sent.iteration),
    }))
""".replace("SIDE", str(SIDE))


def run(devices: int, processes: int) -> dict:
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
    command = [sys.executable, "-c", SOLVE, where, str(processes)]
    started = [
        subprocess.Popen([*command, str(k)], env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for k in range(processes)
    ]
    try:
        ended = [process.communicate(timeout=300) for process in started]
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
    planes = [12 * plane for plane in found["planes"]]
    # There and back around every product; between levels once down and once up.
    assert found["application"][:2] == [2 * planes[0], 2]
    assert found["residual"][:2] == [4 * planes[0], 2]
    # A cycle applies the fine operator 4 times and CG once; the level below is visited twice, with one product more.
    assert found["iteration"][:2] == [10 * planes[0] + 22 * planes[1], 32]


@pytest.mark.slow
def test_two_processes_over_loopback_give_the_answer_of_one():
    found = run(devices=1, processes=2)
    assert (found["devices"], found["processes"]) == (2, 2)
    same_answer(found)


def test_planes_leave_every_slab_a_block_and_like_numbers_of_elements():
    x = np.repeat(np.arange(128), np.linspace(1, 100, 128).astype(int))
    starts = partition.choose_planes(x, 128, 4, 2)
    counts = np.histogram(x, [*starts, 128])[0]
    assert (starts % 2 == 0).all()
    assert counts.max() < 1.3 * counts.min()
    lopsided = partition.choose_planes(np.zeros(50, int), 8, 4, 2)
    np.testing.assert_array_equal(lopsided, [0, 2, 4, 6])


def test_more_devices_than_layers_of_blocks_is_one_clear_sentence():
    with pytest.raises(UserError, match="5 devices are too many for 8 layers"):
        partition.choose_planes(np.arange(8), 8, 5, 2)


def test_slabs_are_meshes_whose_forces_add_up():
    random = np.random.default_rng(0)
    mesh = HexMesh.from_voxels((random.random((9, 6, 7)) < 0.6) * random.uniform(1, 2, (9, 6, 7)), (1.0, 1.0, 1.0))
    conn, voxels = (np.asarray(array)[: mesh.num_elements] for array in (mesh.conn, mesh.voxels))
    cut = partition.cut(conn, voxels, len(mesh.nodes), np.array([0, 4, 6]))
    u = random.normal(size=mesh.nodes.shape).astype(np.float32)
    stiffness = jnp.asarray(hexahedron.stiffness(mesh.spacing, mesh.poisson), jnp.float32)
    total = np.zeros_like(u)
    for slab in range(3):
        part = partition.make_slab_mesh(mesh, cut, slab)
        known = np.concatenate([cut.nodes[slab], cut.ghosts(slab)])
        place = cut.places(slab)[known]
        local = np.zeros(part.nodes.shape, np.float32)
        local[place] = u[known]
        total[known] += np.asarray(operator.apply(part, stiffness, jnp.asarray(local)))[place]
        own = np.asarray(part.conn)[: part.num_elements]
        # The fused kernel takes for granted that the upper node of an edge along z comes next.
        assert (own[:, 1::2] == own[:, ::2] + 1).all()
    exact = np.asarray(operator.apply(mesh, stiffness, jnp.asarray(u)))
    np.testing.assert_allclose(total, exact, atol=1e-5 * abs(exact).max())
