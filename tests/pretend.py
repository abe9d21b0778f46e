"""A CPU that stands in for a GPU: the very kernels of device.cu, compiled for the host and started by launch.c one item at a time."""

import contextlib
import ctypes
import subprocess
from collections.abc import Iterator
from pathlib import Path

import jax
import pytest

from trabfem.mechanics import native
from trabfem.mechanics.native import builds


def compile_pretended(folder: Path) -> Path:
    """The library of the kernels for the host. Skips where no C compiler is."""
    library = folder / "pretended.so"
    for compiler in builds.compilers():
        with contextlib.suppress(OSError, subprocess.SubprocessError):
            builds.compile_library(compiler, ("-DPRETEND", "-O1"), library, (builds.SOURCE / "launch.c",))
            return library
    pytest.skip("no C compiler")


@contextlib.contextmanager
def pretended_gpu(library: Path) -> Iterator[None]:
    """Within, all products are those for a GPU, computed on the CPU."""
    handle = ctypes.CDLL(str(library))
    native.tell(handle, "gpu_", native.GPU_TARGETS, "cpu")
    kind, native.kind = native.kind, lambda: "gpu"
    jax.clear_caches()
    try:
        yield
    finally:
        native.kind = kind
        jax.clear_caches()
