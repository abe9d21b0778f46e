"""How the kernels for GPUs are compiled, kept and tried out, on machines without one."""

import importlib.util
import types

import numpy as np
import pytest

from trabfem.mechanics import native
from trabfem.mechanics.native import builds, gpu, pretended

CARD = types.SimpleNamespace(
    device_kind="a card", compute_capability="9.0", client=types.SimpleNamespace(platform_version="a driver")
)


def pretend_library(answer: int) -> types.SimpleNamespace:
    """A library whose driver gives this answer to the kernels."""
    return types.SimpleNamespace(handle=types.SimpleNamespace(trabfem_load_kernels=lambda image: answer))


@pytest.fixture
def card(monkeypatch, tmp_path):
    """A GPU that JAX seems to have, kernels that seem compiled, and an empty cache; which images were asked for."""
    try:
        pretended.load_pretended()
    except builds.CannotCompile:
        pytest.skip("no C compiler")
    asked = []
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(gpu.jax, "devices", lambda: [CARD])
    monkeypatch.setattr(gpu, "compile_image", lambda capability: asked.append(capability) or b"image")
    monkeypatch.setattr(native, "library", lambda: pretend_library(0))
    monkeypatch.setattr(native, "tell", lambda *arguments: None)
    # Whether there are kernels is what `prepare` finds out: to ask would never end.
    monkeypatch.setattr(native, "kind", lambda: pytest.fail("asked for kernels while they are prepared"))
    return asked


def test_kernels_are_compiled_and_tried_out_once(card, monkeypatch):
    gpu.prepare()
    assert card == ["9.0"]
    kept = sorted(path.name.split("-")[0] for path in native.cache_folder().iterdir())
    assert kept == ["agrees", "kernels"]
    monkeypatch.setattr(gpu, "disagreement", lambda: pytest.fail("tried out again"))
    gpu.prepare()
    assert card == ["9.0"]


def test_the_trial_agrees_with_numpy(card):
    assert 0 < gpu.disagreement() < 1e-6


@pytest.mark.parametrize(
    ("found", "said"),
    [(lambda: 0.5, "off by 5.0e-01"), (lambda: np.nan, "off by nan"), (lambda: 1 / 0, "do not run here: division")],
)
def test_kernels_that_do_not_agree_are_not_used(card, monkeypatch, found, said):
    monkeypatch.setattr(gpu, "disagreement", found)
    with pytest.raises(builds.CannotCompile, match=said):
        gpu.prepare()
    assert not list(native.cache_folder().glob("agrees*"))


def test_what_the_driver_refuses_is_said(card, monkeypatch):
    monkeypatch.setattr(native, "library", lambda: pretend_library(209))
    with pytest.raises(builds.CannotCompile, match="error 209"):
        gpu.prepare()


def test_a_gpu_of_another_maker_is_told_apart(card, monkeypatch):
    monkeypatch.setattr(gpu.jax, "devices", lambda: [types.SimpleNamespace(device_kind="another")])
    with pytest.raises(builds.CannotCompile, match="another is not a GPU of NVIDIA"):
        gpu.prepare()


def test_without_nvrtc_the_remedy_is_named(monkeypatch):
    monkeypatch.setattr(gpu, "nvrtc_paths", lambda: iter(["no such library"]))
    with pytest.raises(builds.CannotCompile, match="pip install 'jax\\[cuda13\\]'"):
        gpu.find_nvrtc.__wrapped__()


@pytest.mark.skipif(not importlib.util.find_spec("nvidia"), reason="nvrtc, of jax[cuda], is not installed")
def test_nvrtc_compiles_the_kernels():
    image = gpu.compile_image("9.0")
    assert image[:4] == b"\x7fELF"
    for name in (b"voxels_of_floats", b"block_forces", b"unite_corners"):
        assert name in image


def test_a_machine_without_a_driver_says_so():
    """The library itself, as it is on any machine: it loads without CUDA, and tells that there is no driver."""
    if native.kind() != "cpu":
        pytest.skip("no C compiler, or JAX computes elsewhere")
    assert native.library().handle.trabfem_load_kernels(b"no image") != 0
