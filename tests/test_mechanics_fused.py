"""The fused GPU operator: its arithmetic against the plain form on a CPU, and that it becomes a CUDA kernel."""

import contextlib
import functools
import inspect

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from analytic import lattice_bone
from trabfem.mechanics import fused, hexahedron, hierarchy, krylov, loads, multigrid, native, operator, supports
from trabfem.mechanics.mesh import HexMesh

SPACING = (0.03, 0.05, 0.04)


@pytest.fixture(scope="module")
def mesh():
    random = np.random.default_rng(1)
    modulus = random.uniform(500, 2000, (3, 4, 5)) * (random.random((3, 4, 5)) < 0.8)
    return HexMesh.from_voxels(modulus, SPACING, 0.27, lists=True)


def both(mesh, dtype, cases=()):
    with jax.enable_x64(dtype == "float64"):
        stiffness = jnp.asarray(hexahedron.stiffness(mesh.spacing, mesh.poisson), dtype)
        u = jnp.asarray(np.random.default_rng(3).normal(size=(*cases, *mesh.nodes.shape)), dtype)

        def forces(form):
            one = functools.partial(form, mesh, stiffness)
            return np.asarray(jax.jit(jax.vmap(one) if cases else one)(u))

        return forces(functools.partial(fused.apply, interpret=True)), forces(operator.apply_plain)


@pytest.mark.parametrize(("dtype", "cases", "error"), [("float32", (), 1e-6), ("float64", (2,), 1e-14)])
def test_equal_to_the_plain_form(mesh, dtype, cases, error):
    ours, plain = both(mesh, dtype, cases)
    assert ours.dtype == plain.dtype == dtype
    np.testing.assert_allclose(ours, plain, atol=error * abs(plain).max())
    assert abs(plain[..., : mesh.num_nodes, :]).min() > 0
    assert not ours[..., mesh.num_nodes :, :].any()


def for_cuda(function, *arguments) -> str:
    """The program that a GPU would get, made without one; a later JAX wants to know which GPU."""
    kind, which = jax.sharding.AbstractDevice, contextlib.nullcontext()
    if "platform" in inspect.signature(kind).parameters:
        device = kind("NVIDIA H100", None, "cuda")
        which = jax.sharding.use_abstract_mesh(jax.sharding.AbstractMesh((), (), abstract_device=device))
    with which:
        return function.trace(*arguments).lower(lowering_platforms=("cuda",)).as_text()


def test_nodes_are_numbered_along_z_as_the_kernel_takes_for_granted(mesh):
    conn = np.asarray(mesh.conn)[: mesh.num_elements]
    assert (conn[:, 1::2] == conn[:, ::2] + 1).all()


@pytest.mark.parametrize("cases", [(), (6,)])
def test_becomes_one_cuda_kernel(mesh, cases):
    """Lowered to Triton's language without a GPU: whatever Pallas cannot express there would raise."""
    stiffness, u = jnp.zeros((24, 24)), jnp.zeros((*cases, *mesh.nodes.shape))
    one = functools.partial(fused.apply, mesh, stiffness)
    text = for_cuda(jax.jit(jax.vmap(one) if cases else one), u)
    assert text.count("stablehlo.custom_call") == 1
    assert "triton" in text


def test_not_chosen_on_a_cpu():
    fused.available.cache_clear()
    if jax.default_backend() == "cpu":
        assert not fused.available()


def test_a_kernel_that_does_not_run_is_one_sentence(monkeypatch, caplog):
    monkeypatch.setattr(jax, "default_backend", lambda: "gpu")
    monkeypatch.setattr(fused, "apply", lambda *_: jnp.linalg.no_such_function)  # pyright: ignore[reportAttributeAccessIssue]
    fused.available.cache_clear()
    assert not fused.available()
    fused.available.cache_clear()
    assert [record.getMessage().count("\n") for record in caplog.records] == [0]
    assert "fused GPU kernel is not used" in caplog.text


def test_a_jax_without_the_kernels_language_is_one_sentence(monkeypatch, caplog):
    monkeypatch.setattr(jax, "default_backend", lambda: "gpu")
    monkeypatch.setattr(fused, "triton", None)
    fused.available.cache_clear()
    assert not fused.available()
    fused.available.cache_clear()
    assert "no Triton backend" in caplog.text


def test_a_kernel_that_is_wrong_is_not_used(monkeypatch, caplog):
    monkeypatch.setattr(jax, "default_backend", lambda: "gpu")
    monkeypatch.setattr(fused, "apply", lambda mesh, stiffness, u: 1.001 * operator.apply_plain(mesh, stiffness, u))
    fused.available.cache_clear()
    assert not fused.available()
    monkeypatch.setattr(fused, "apply", operator.apply_plain)
    fused.available.cache_clear()
    assert fused.available()
    fused.available.cache_clear()
    assert "off by" in caplog.text


def test_the_kernel_can_be_tried_while_a_program_is_traced(monkeypatch):
    monkeypatch.setattr(jax, "default_backend", lambda: "gpu")
    monkeypatch.setattr(fused, "apply", operator.apply_plain)
    fused.available.cache_clear()
    assert jax.jit(lambda x: x + fused.available())(0) == 1
    fused.available.cache_clear()


def on_a_gpu(monkeypatch):
    monkeypatch.setattr(jax, "default_backend", lambda: "gpu")
    monkeypatch.setattr(fused, "available", lambda: True)
    monkeypatch.setattr(native, "available", lambda: False)


def test_the_operator_takes_the_kernel_on_a_gpu(mesh, monkeypatch):
    stiffness, u = jnp.zeros((24, 24)), jnp.zeros(mesh.nodes.shape)
    on_a_gpu(monkeypatch)
    monkeypatch.setattr(fused, "apply", lambda mesh, stiffness, u: u + 1)
    assert (operator.apply(mesh, stiffness, u) == 1).all()


@pytest.mark.slow
def test_a_whole_solve_becomes_a_program_for_cuda(monkeypatch):
    monkeypatch.setattr(native, "available", lambda: False)
    with jax.enable_x64(True):
        mesh = HexMesh.from_voxels(lattice_bone(16) * 1000.0, SPACING)
        fixed, value = supports.prescribe_displacements(mesh, loads.platens(-0.01))
        levels = hierarchy.build(mesh, jnp.asarray(~fixed))
        stiffness = jnp.asarray(hexahedron.stiffness(SPACING, mesh.poisson))
        on_a_gpu(monkeypatch)
        settings = (1e-6, 1e-6, 300, multigrid.DEFAULT)
        one = for_cuda(krylov.minimise, levels, stiffness, jnp.asarray(value), jnp.ones(()), *settings)
        six = for_cuda(krylov.minimise_many, levels, stiffness, jnp.asarray([value] * 6), jnp.ones(6), *settings)
        assert "gpu.triton" in one
        assert "gpu.triton" in six
